/*
 * decimal.Decimal: libmpdec's numbers, a coefficient in words of 19 (32-bit: 9) decimal digits and an exponent.
 */
#include "object/decoder.h"

#include <inttypes.h>
#include <stdio.h>

/* Modules/_decimal/libmpdec/mpdecimal.h */
enum {
	MPD_NEG = 1,
	MPD_INF = 2,
	MPD_NAN = 4,
	MPD_SNAN = 8,
	MPD_DATAFLAGS = 32 | 64 | 128, /* the words are static, shared or constant: not allocated for this number */
};

enum { WORD_DIGITS_MAX = 19 };

/* Exponents beyond this are none of libmpdec's: MPD_MAX_EMAX is 999999999999999999, and a coefficient adds to it. */
#define EXPONENT_MAX ((int64_t)4000000000000000000)

struct coefficient {
	struct table table;
	unsigned word_size, word_digits;
	int64_t words;
	uint64_t digits; /* as the number says */
};

static enum cpeek_status coefficient_open(const struct object *object, struct coefficient *ret)
{
	const unsigned size = object->objects->layout->pointer_size;
	const int64_t digits = object_get_signed(object, FIELD_PyDecObject_dec_digits);

	ret->word_size = size;
	ret->word_digits = size == 8 ? WORD_DIGITS_MAX : 9;
	ret->words = object_get_signed(object, FIELD_PyDecObject_dec_len);
	TRY(table_open(object->objects, object_get(object, FIELD_PyDecObject_dec_data), ret->words, size,
		       &ret->table));
	/* As table_open() has found room for the words, their number times 19 is a number. */
	if (digits <= 0 || ((uint64_t)digits - 1) / ret->word_digits + 1 != (uint64_t)ret->words)
		return CPEEK_CORRUPT;
	ret->digits = (uint64_t)digits;
	return CPEEK_OK;
}

/* The count first digits of the coefficient, or some more. */
static enum cpeek_status coefficient_put(const struct coefficient *coefficient, uint64_t count, struct strbuf *out)
{
	const int top = (int)(coefficient->digits - ((uint64_t)coefficient->words - 1) * coefficient->word_digits);
	const size_t before = out->length;
	char text[24];

	for (int64_t i = coefficient->words; i-- > 0 && out->length - before < count;) {
		const int width = i == coefficient->words - 1 ? top : (int)coefficient->word_digits;
		target_addr word;
		TRY(table_read_pointer(&coefficient->table, (uint64_t)i * coefficient->word_size, &word));
		if (snprintf(text, sizeof(text), "%0*" PRIu64, width, word) != width)
			return CPEEK_CORRUPT;
		strbuf_puts(out, text);
		if (strbuf_failed(out))
			return CPEEK_NO_MEMORY;
	}
	return CPEEK_OK;
}

/* The digits with a point before the one at index point, if it is among them; cut by the limit on text. */
static enum cpeek_status put_digits(const struct coefficient *coefficient, int64_t point, struct value *value)
{
	const uint64_t limit = value_limits(value)->string;
	const uint64_t count = limit && coefficient->digits > limit ? limit : coefficient->digits;
	struct strbuf digits = {0};

	enum cpeek_status status = coefficient_put(coefficient, count, &digits);
	if (status == CPEEK_OK) {
		const char *text = strbuf_text(&digits);
		const size_t before = point > 0 && (uint64_t)point < count ? (size_t)point : (size_t)count;
		value_bytes(value, text, before);
		if (before < count) {
			value_text(value, ".");
			value_bytes(value, text + before, (size_t)count - before);
		}
		if (count < coefficient->digits)
			value_cut(value, coefficient->digits - count, "digits");
	}
	strbuf_deinit(&digits);
	return status;
}

/* _mpd_to_string() of Modules/_decimal/libmpdec/io.c with MPD_FMT_TOSCI: an exponent above 0 or below -6 is written,
 * with the point behind the first digit. */
static enum cpeek_status put_finite(const struct object *object, struct value *value)
{
	const int64_t exponent = object_get_signed(object, FIELD_PyDecObject_dec_exp);
	struct coefficient coefficient;

	TRY(coefficient_open(object, &coefficient));
	if (exponent > EXPONENT_MAX || exponent < -EXPONENT_MAX || coefficient.digits > (uint64_t)EXPONENT_MAX)
		return CPEEK_CORRUPT;
	const int64_t point = exponent + (int64_t)coefficient.digits;
	if (exponent > 0 || point <= -6) {
		TRY(put_digits(&coefficient, 1, value));
		value_format(value, "E%+" PRId64, point - 1);
		return CPEEK_OK;
	}
	if (point <= 0)
		value_format(value, "0.%.*s", (int)-point, "000000");
	return put_digits(&coefficient, point, value);
}

/* A NaN may carry digits. */
static enum cpeek_status put_nan(const struct object *object, struct value *value)
{
	struct coefficient coefficient;

	if (object_get_signed(object, FIELD_PyDecObject_dec_len) == 0)
		return CPEEK_OK;
	TRY(coefficient_open(object, &coefficient));
	return put_digits(&coefficient, 0, value);
}

/* dec_repr() of Modules/_decimal/_decimal.c, but that "E" is "e" in a thread whose context has capitals = 0. */
static enum cpeek_status decimal_decode(const struct object *object, struct value *value)
{
	const uint64_t flags = object_get(object, FIELD_PyDecObject_dec_flags);

	value_text(value, flags & MPD_NEG ? "Decimal('-" : "Decimal('");
	if (flags & MPD_INF) {
		value_text(value, "Infinity");
	} else if (flags & (MPD_NAN | MPD_SNAN)) {
		value_text(value, flags & MPD_SNAN ? "sNaN" : "NaN");
		TRY(put_nan(object, value));
	} else {
		TRY(put_finite(object, value));
	}
	value_text(value, "')");
	return CPEEK_OK;
}

/* dec_sizeof() */
static enum cpeek_status decimal_size(const struct object *object, uint64_t *ret)
{
	uint64_t size = (uint64_t)object->type->basicsize;

	if (!(object_get(object, FIELD_PyDecObject_dec_flags) & MPD_DATAFLAGS))
		size += object_get(object, FIELD_PyDecObject_dec_alloc) * object->objects->layout->pointer_size;
	*ret = size;
	return CPEEK_OK;
}

const struct object_type object_type_decimal = {
	.name = "decimal.Decimal",
	.structure = STRUCT_PyDecObject,
	.decode = decimal_decode,
	.size = decimal_size,
};
