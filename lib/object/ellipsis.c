/*
 * Ellipsis, the only object of its type.
 */
#include "object/decoder.h"

static enum cpeek_status ellipsis_decode(const struct object *object, struct value *value)
{
	(void)object;
	value_text(value, "Ellipsis");
	return CPEEK_OK;
}

const struct object_type object_type_ellipsis = {
	.name = "ellipsis",
	.structure = STRUCT_PyObject,
	.decode = ellipsis_decode,
};
