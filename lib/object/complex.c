/*
 * complex: two C doubles.
 */
#include "object/float.h"
#include "object/number.h"

#include <string.h>

static enum cpeek_status complex_decode(const struct object *object, struct value *value)
{
	uint64_t bits[2] = {object_get(object, FIELD_PyComplexObject_cval_real),
			    object_get(object, FIELD_PyComplexObject_cval_imag)};
	double parts[2];

	memcpy(parts, bits, sizeof(parts));
	number_put_complex(value_buffer(value), parts[0], parts[1]);
	return CPEEK_OK;
}

const struct object_type object_type_complex = {
	.name = "complex",
	.structure = STRUCT_PyComplexObject,
	.decode = complex_decode,
	.dissect = complex_dissect,
};
