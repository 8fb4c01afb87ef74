/*
 * range: three ints and the length that they make.
 */
#include "object/decoder.h"

/* range_repr() of Objects/rangeobject.c: a step of 1 is left out. */
static enum cpeek_status range_decode(const struct object *object, struct value *value)
{
	const target_addr step = object_get(object, FIELD_rangeobject_step);
	int64_t number;

	enum cpeek_status status = int_read(object->objects, step, &number);
	value_text(value, "range(");
	value_object(value, object_get(object, FIELD_rangeobject_start));
	value_text(value, ", ");
	value_object(value, object_get(object, FIELD_rangeobject_stop));
	if (status != CPEEK_OK || number != 1) {
		value_text(value, ", ");
		value_object(value, step);
	}
	value_text(value, ")");
	return CPEEK_OK;
}

/* No type of the collector's. */
static enum cpeek_status range_edges(const struct object *object, struct edges *edges)
{
	edges_add_hidden(edges, object, FIELD_rangeobject_start);
	edges_add_hidden(edges, object, FIELD_rangeobject_stop);
	edges_add_hidden(edges, object, FIELD_rangeobject_step);
	edges_add_hidden(edges, object, FIELD_rangeobject_length);
	return CPEEK_OK;
}

const struct object_type object_type_range = {
	.name = "range",
	.structure = STRUCT_rangeobject,
	.decode = range_decode,
	.edges = range_edges,
};
