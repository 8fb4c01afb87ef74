/*
 * NotImplemented, the only object of its type.
 */
#include "object/dissect.h"

static enum cpeek_status notimplemented_decode(const struct object *object, struct value *value)
{
	(void)object;
	value_text(value, "NotImplemented");
	return CPEEK_OK;
}

static enum cpeek_status notimplemented_dissect(const struct object *object, struct dissection *dissection)
{
	(void)object;
	dissect_note(
		dissection,
		"NotImplemented has a head and nothing else: there is one, and whoever means it compares addresses.");
	return CPEEK_OK;
}

const struct object_type object_type_notimplemented = {
	.name = "NotImplementedType",
	.structure = STRUCT_PyObject,
	.decode = notimplemented_decode,
	.dissect = notimplemented_dissect,
};
