/*
 * bool: the ints 0 and 1 under other names.
 */
#include "object/int.h"

static enum cpeek_status bool_decode(const struct object *object, struct value *value)
{
	bool zero;

	TRY(int_is_zero(object, &zero));
	value_text(value, zero ? "False" : "True");
	return CPEEK_OK;
}

const struct object_type object_type_bool = {
	.name = "bool",
	.structure = STRUCT_PyVarObject,
	.decode = bool_decode,
	.size = int_size,
	.dissect = int_dissect,
};
