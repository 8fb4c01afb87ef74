/*
 * The memory of float and complex explained: sign, exponent and fraction of a C double, drawn bit by bit, and the number
 * that they make.
 */
#include "object/float.h"
#include "object/dissect.h"
#include "object/number.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum {
	/* IEEE 754 binary64 */
	FRACTION_BITS = 52,
	EXPONENT_BITS = 11,
	EXPONENT_MAX = (1 << EXPONENT_BITS) - 1,
	EXPONENT_BIAS = 1023,
	EXACT = 1100, /* characters of the longest exact decimal: 5e-324 has 1074 places */
};

static double as_double(uint64_t bits)
{
	double number;

	memcpy(&number, &bits, sizeof(number));
	return number;
}

/* float.hex() of Objects/floatobject.c */
static void put_hex(struct strbuf *out, uint64_t bits)
{
	const unsigned exponent = bits >> FRACTION_BITS & EXPONENT_MAX;
	const uint64_t fraction = bits & (((uint64_t)1 << FRACTION_BITS) - 1);

	if (exponent == EXPONENT_MAX) {
		number_put_float(out, as_double(bits));
		return;
	}
	strbuf_puts(out, bits >> 63 ? "-" : "");
	if (!exponent && !fraction)
		strbuf_puts(out, "0x0.0p+0");
	else
		strbuf_printf(out, "0x%d.%013" PRIx64 "p%+d", exponent != 0, fraction,
			      (exponent ? (int)exponent : 1) - EXPONENT_BIAS);
}

static const char *class_of(uint64_t bits)
{
	const unsigned exponent = bits >> FRACTION_BITS & EXPONENT_MAX;
	const uint64_t fraction = bits & (((uint64_t)1 << FRACTION_BITS) - 1);

	if (exponent == EXPONENT_MAX)
		return fraction ? "not a number: the exponent is all ones, the fraction is not 0"
				: "infinity: the exponent is all ones, the fraction is 0";
	if (exponent == 0)
		return fraction ? "subnormal: the exponent is 0, so the leading 1 is missing"
				: "zero: exponent and fraction are 0";
	return "normal: a leading 1 stands before the fraction, unwritten";
}

/* "0 10000000000 1001…": the three parts. */
static void put_bits(struct strbuf *out, uint64_t bits)
{
	for (int i = 63; i >= 0; i--) {
		strbuf_putc(out, bits >> i & 1 ? '1' : '0');
		if (i == 63 || i == FRACTION_BITS)
			strbuf_putc(out, ' ');
	}
}

static void add_formula(struct dissection *dissection, uint64_t bits)
{
	const unsigned exponent = bits >> FRACTION_BITS & EXPONENT_MAX;
	const uint64_t fraction = bits & (((uint64_t)1 << FRACTION_BITS) - 1);

	if (exponent == EXPONENT_MAX || (!exponent && !fraction))
		return;
	dissect_fact_text(dissection, "sum", "%s%d.fraction × 2**%d = %s(%d + %" PRIu64 " / 2**52) × 2**%d",
			  bits >> 63 ? "-" : "", exponent != 0, (exponent ? (int)exponent : 1) - EXPONENT_BIAS,
			  bits >> 63 ? "-" : "", exponent != 0, fraction,
			  (exponent ? (int)exponent : 1) - EXPONENT_BIAS);
}

/* Every double is a finite decimal number: all of its digits. */
static void add_exact(struct dissection *dissection, uint64_t bits)
{
	char text[2 * EXACT];
	const double number = as_double(bits);

	if (!isfinite(number))
		return;
	const int length = snprintf(text, sizeof(text), "%.*f", EXACT - 20, number);
	if (length <= 0 || (size_t)length >= sizeof(text))
		return;
	char *end = text + length;
	while (end > text && end[-1] == '0' && end[-2] != '.')
		*--end = '\0';
	const uint64_t limit = dissection->limits->string, all = (uint64_t)(end - text);
	if (limit && all > limit)
		dissect_fact_text(dissection, "exactly", "%.*s… +%" PRIu64 " digits", (int)limit, text, all - limit);
	else
		dissect_fact_text(dissection, "exactly", "%s", text);
}

static void add_row(struct dissection *dissection, enum layout_field field, const char *name, uint64_t bits)
{
	const struct layout_place place = dissection->objects->layout->fields[field];
	struct dissect_row *row = dissect_row(dissection, (int64_t)place.offset_plus_1 - 1, place.size, "%s", name);
	struct strbuf text = {0};

	number_put_float(&text, as_double(bits));
	row->value = (struct dissect_value){
		.kind = DISSECT_UNSIGNED, .number = bits, .text = dissect_keep(dissection, &text)};
	dissect_mean(dissection, row, "a C double: IEEE 754 binary64");
}

static void explain(struct dissection *dissection, uint64_t bits)
{
	struct strbuf text = {0};
	const unsigned exponent = bits >> FRACTION_BITS & EXPONENT_MAX;

	put_bits(&text, bits);
	dissect_fact_buffer(dissection, "bits", &text, "sign, exponent (11 bits), fraction (52 bits)");
	dissect_fact_text(dissection, "sign", "%u: %s", (unsigned)(bits >> 63), bits >> 63 ? "negative" : "positive");
	dissect_fact_number(dissection, "exponent", exponent, "less the bias of 1023: %d",
			    (int)exponent - EXPONENT_BIAS);
	dissect_fact_number(dissection, "fraction", (int64_t)(bits & (((uint64_t)1 << FRACTION_BITS) - 1)),
			    "of 2**52: 0x%013" PRIx64, bits & (((uint64_t)1 << FRACTION_BITS) - 1));
	dissect_fact_text(dissection, "class", "%s", class_of(bits));
	add_formula(dissection, bits);
	put_hex(&text, bits);
	dissect_fact_buffer(dissection, "hex", &text, "as float.hex() writes it");
	number_put_float(&text, as_double(bits));
	dissect_fact_buffer(dissection, "value", &text, "the shortest decimal that reads back as the same bits");
	add_exact(dissection, bits);
}

enum cpeek_status float_dissect(const struct object *object, struct dissection *dissection)
{
	const uint64_t bits = object_get(object, FIELD_PyFloatObject_ob_fval);

	add_row(dissection, FIELD_PyFloatObject_ob_fval, "ob_fval", bits);
	explain(dissection, bits);
	return CPEEK_OK;
}

enum cpeek_status complex_dissect(const struct object *object, struct dissection *dissection)
{
	const uint64_t real = object_get(object, FIELD_PyComplexObject_cval_real);
	const uint64_t imaginary = object_get(object, FIELD_PyComplexObject_cval_imag);

	add_row(dissection, FIELD_PyComplexObject_cval_real, "cval.real", real);
	add_row(dissection, FIELD_PyComplexObject_cval_imag, "cval.imag", imaginary);
	dissect_note(dissection, "The real part:");
	explain(dissection, real);
	dissect_note(dissection, "The imaginary part:");
	explain(dissection, imaginary);
	return CPEEK_OK;
}
