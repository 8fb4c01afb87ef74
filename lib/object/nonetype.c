/*
 * None, the only object of its type.
 */
#include "object/decoder.h"

static enum cpeek_status nonetype_decode(const struct object *object, struct value *value)
{
	(void)object;
	value_text(value, "None");
	return CPEEK_OK;
}

const struct object_type object_type_nonetype = {
	.name = "NoneType",
	.structure = STRUCT_PyObject,
	.decode = nonetype_decode,
};
