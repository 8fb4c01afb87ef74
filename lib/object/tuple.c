/*
 * tuple: its items stand in the object itself.
 */
#include "object/sequence.h"

static enum cpeek_status tuple_items(const struct object *object, struct items *ret)
{
	return sequence_items(object, object_field_address(object, FIELD_PyTupleObject_ob_item), object->ob_size, ret);
}

/* tuplerepr() of Objects/tupleobject.c */
static enum cpeek_status tuple_decode(const struct object *object, struct value *value)
{
	(void)object;
	value_guard(value, "(...)");
	value_items(value, "(", ")", true);
	return CPEEK_OK;
}

static enum cpeek_status tuple_edges(const struct object *object, struct edges *edges)
{
	return sequence_edges(object, object_field_address(object, FIELD_PyTupleObject_ob_item), object->ob_size,
			      edges);
}

/* tp_basicsize ends where the items begin. */
const struct object_type object_type_tuple = {
	.name = "tuple",
	.structure = STRUCT_PyVarObject,
	.decode = tuple_decode,
	.items = tuple_items,
	.next = sequence_next,
	.edges = tuple_edges,
	.dissect = tuple_dissect,
};
