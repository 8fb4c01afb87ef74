/*
 * slice: three objects, None where nothing was given.
 */
#include "object/dissect.h"

/* slice_repr() of Objects/sliceobject.c */
static enum cpeek_status slice_decode(const struct object *object, struct value *value)
{
	value_text(value, "slice(");
	value_object(value, object_get(object, FIELD_PySliceObject_start));
	value_text(value, ", ");
	value_object(value, object_get(object, FIELD_PySliceObject_stop));
	value_text(value, ", ");
	value_object(value, object_get(object, FIELD_PySliceObject_step));
	value_text(value, ")");
	return CPEEK_OK;
}

/* slice_traverse() */
static const enum layout_field slice_fields[] = {
	FIELD_PySliceObject_start,
	FIELD_PySliceObject_stop,
	FIELD_PySliceObject_step,
};

static enum cpeek_status slice_dissect(const struct object *object, struct dissection *dissection)
{
	(void)object;
	dissect_field(dissection, DISSECT_OBJECT, FIELD_PySliceObject_start, "None: from the beginning");
	dissect_field(dissection, DISSECT_OBJECT, FIELD_PySliceObject_stop, "None: to the end");
	dissect_field(dissection, DISSECT_OBJECT, FIELD_PySliceObject_step, "None: 1");
	dissect_note(dissection, "Three objects of any type: what they mean is up to whoever is asked for the slice.");
	return CPEEK_OK;
}

const struct object_type object_type_slice = {
	.name = "slice",
	.structure = STRUCT_PySliceObject,
	.decode = slice_decode,
	.dissect = slice_dissect,
	.fields = slice_fields,
	.field_count = sizeof(slice_fields) / sizeof(*slice_fields),
};
