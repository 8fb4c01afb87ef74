/*
 * range: three ints and the length that they make.
 */
#include "object/dissect.h"

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

static enum cpeek_status range_dissect(const struct object *object, struct dissection *dissection)
{
	(void)object;
	dissect_field(dissection, DISSECT_OBJECT, FIELD_rangeobject_start, "the first number");
	dissect_field(dissection, DISSECT_OBJECT, FIELD_rangeobject_stop, "where it ends, before this one");
	dissect_field(dissection, DISSECT_OBJECT, FIELD_rangeobject_step, "from one to the next");
	dissect_field(dissection, DISSECT_OBJECT, FIELD_rangeobject_length,
		      "how many there are: computed when it is made");
	dissect_note(dissection, "The numbers are nowhere: the i-th is start + i × step, made when it is asked for.");
	return CPEEK_OK;
}

const struct object_type object_type_range = {
	.name = "range",
	.structure = STRUCT_rangeobject,
	.decode = range_decode,
	.dissect = range_dissect,
	.edges = range_edges,
};
