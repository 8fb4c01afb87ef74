one
two
threefour

	seven x yz 
last