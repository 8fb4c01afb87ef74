/*
 * NotImplemented, the only object of its type.
 */
#include "object/decoder.h"

static enum cpeek_status notimplemented_decode(const struct object *object, struct value *value)
{
	(void)object;
	value_text(value, "NotImplemented");
	return CPEEK_OK;
}

const struct object_type object_type_notimplemented = {
	.name = "NotImplementedType",
	.structure = STRUCT_PyObject,
	.decode = notimplemented_decode,
};
