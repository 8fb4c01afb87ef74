/*
 * complex: two C doubles.
 */
#include "object/decoder.h"
#include "object/number.h"

#include <string.h>

/* complex_repr() of Objects/complexobject.c: a real part of +0 is left out. */
static enum cpeek_status complex_decode(const struct object *object, struct value *value)
{
	struct strbuf *out = value_buffer(value);
	uint64_t bits[2] = {object_get(object, FIELD_PyComplexObject_cval_real),
			    object_get(object, FIELD_PyComplexObject_cval_imag)};
	double parts[2];

	memcpy(parts, bits, sizeof(parts));
	const bool both = bits[0] != 0;
	if (both) {
		strbuf_putc(out, '(');
		number_put_complex_part(out, parts[0], false);
	}
	number_put_complex_part(out, parts[1], both);
	strbuf_puts(out, both ? "j)" : "j");
	return CPEEK_OK;
}

const struct object_type object_type_complex = {
	.name = "complex",
	.structure = STRUCT_PyComplexObject,
	.decode = complex_decode,
};
