/*
 * float: a C double.
 */
#include "object/float.h"
#include "object/number.h"

#include <string.h>

static enum cpeek_status float_decode(const struct object *object, struct value *value)
{
	uint64_t bits = object_get(object, FIELD_PyFloatObject_ob_fval);
	double number;

	memcpy(&number, &bits, sizeof(number));
	number_put_float(value_buffer(value), number);
	return CPEEK_OK;
}

const struct object_type object_type_float = {
	.name = "float",
	.structure = STRUCT_PyFloatObject,
	.decode = float_decode,
	.dissect = float_dissect,
};
