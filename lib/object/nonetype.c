/*
 * None, the only object of its type.
 */
#include "object/dissect.h"

static enum cpeek_status nonetype_decode(const struct object *object, struct value *value)
{
	(void)object;
	value_text(value, "None");
	return CPEEK_OK;
}

static enum cpeek_status nonetype_dissect(const struct object *object, struct dissection *dissection)
{
	(void)object;
	dissect_note(dissection,
		     "None has a head and nothing else: there is one, and whoever means it compares addresses.");
	return CPEEK_OK;
}

const struct object_type object_type_nonetype = {
	.name = "NoneType",
	.structure = STRUCT_PyObject,
	.decode = nonetype_decode,
	.dissect = nonetype_dissect,
};
