/*
 * int: sign and digits of 30 (or 15) bits, the least significant first. Their number and the sign are in ob_size, from
 * 3.12 in lv_tag. How numbers are written is bignum.c's and number.c's business.
 */
#include "object/int.h"
#include "base/memory.h"
#include "object/bignum.h"
#include "object/number.h"

#include <inttypes.h>

enum {
	/* lv_tag of 3.12+, Include/internal/pycore_long.h: its low bits are 0 positive, 1 zero, 2 negative. */
	TAG_SIGN = 3,
	TAG_NEGATIVE = 2,
	TAG_COUNT_SHIFT = 3,
	CUT_DIGITS = 1 << 20, /* more of them are not brought to decimal only to be cut */
};

struct digits {
	struct table table;
	uint64_t count;
	unsigned width; /* bytes of one: 4 for 30 bits, 2 for 15 */
	bool negative;
};

static enum cpeek_status digits_open(const struct object *object, struct digits *ret)
{
	const struct layout *layout = object->objects->layout;

	if (layout_has(layout, FIELD_PyLongObject_lv_tag)) {
		uint64_t tag = object_get(object, FIELD_PyLongObject_lv_tag);
		if ((tag & TAG_SIGN) == TAG_SIGN)
			return CPEEK_CORRUPT;
		ret->negative = (tag & TAG_SIGN) == TAG_NEGATIVE;
		ret->count = tag >> TAG_COUNT_SHIFT;
	} else {
		ret->negative = object->ob_size < 0;
		ret->count = ret->negative ? -(uint64_t)object->ob_size : (uint64_t)object->ob_size;
	}
	ret->width = layout->fields[FIELD_PyLongObject_ob_digit].size;
	return table_open(object->objects, object_field_address(object, FIELD_PyLongObject_ob_digit),
			  (int64_t)ret->count, ret->width, &ret->table);
}

/* The index-th digit. CORRUPT when it has more bits than a digit. */
static enum cpeek_status digit_read(const struct digits *digits, uint64_t index, uint32_t *ret)
{
	uint8_t buffer[4];
	const uint8_t *bytes;

	TRY(table_read(&digits->table, index * digits->width, digits->width, buffer, &bytes));
	uint64_t digit = target_get(digits->table.target, bytes, digits->width);
	if (digit >> (digits->width == 4 ? BIGNUM_DIGIT_BITS : BIGNUM_DIGIT_BITS / 2))
		return CPEEK_CORRUPT;
	*ret = (uint32_t)digit;
	return CPEEK_OK;
}

/* How many digits of BIGNUM_DIGIT_BITS bits they make. */
static uint64_t digits_wide(const struct digits *digits)
{
	return digits->width == 4 ? digits->count : (digits->count + 1) / 2;
}

/* All of them as digits of BIGNUM_DIGIT_BITS bits. To be freed. */
static enum cpeek_status digits_read(const struct digits *digits, uint32_t **ret, size_t *ret_count)
{
	const unsigned parts = digits->width == 4 ? 1 : 2;
	const size_t count = (size_t)digits_wide(digits);
	uint32_t digit;

	/* The highest one before any memory is taken on the count's word: it is never 0. */
	TRY(digit_read(digits, digits->count - 1, &digit));
	if (digit == 0)
		return CPEEK_CORRUPT;
	uint32_t *all = memory_calloc(count, sizeof(*all));
	if (!all)
		return CPEEK_NO_MEMORY;
	for (uint64_t i = 0; i < digits->count; i++) {
		enum cpeek_status status = digit_read(digits, i, &digit);
		if (status != CPEEK_OK) {
			memory_free(all);
			return status;
		}
		all[i / parts] |= digit << i % parts * (BIGNUM_DIGIT_BITS / 2);
	}
	*ret = all;
	*ret_count = count;
	return CPEEK_OK;
}

/* The absolute value, if that fits: LIMIT otherwise. */
static enum cpeek_status digits_small(const struct digits *digits, uint64_t *ret)
{
	const unsigned bits = digits->width == 4 ? BIGNUM_DIGIT_BITS : BIGNUM_DIGIT_BITS / 2;
	uint64_t value = 0;

	for (uint64_t i = 0; i < digits->count; i++) {
		uint32_t digit;
		TRY(digit_read(digits, i, &digit));
		if (digit && (i * bits >= 64 || (uint64_t)digit << i * bits >> i * bits != digit))
			return CPEEK_LIMIT;
		if (digit)
			value |= (uint64_t)digit << i * bits;
	}
	*ret = value;
	return CPEEK_OK;
}

static void put_hex(const uint32_t *digits, size_t count, struct value *value)
{
	const uint64_t rest = number_put_hex(value_buffer(value), digits, count, value_limits(value)->string);

	if (rest)
		value_cut(value, rest, "hexadecimal digits");
}

/* The whole number, then cut to limit digits. */
static enum cpeek_status put_whole(const uint32_t *digits, size_t count, uint64_t limit, const struct objects *objects,
				   struct value *value)
{
	const struct bignum_patience patience = {objects->cancelled, objects->cancelled_arg};
	struct strbuf *out = value_buffer(value);
	const size_t start = out->length;

	TRY(bignum_put(out, digits, count, patience));
	const uint64_t length = out->length - start;
	if (limit && length > limit) {
		out->length = start + (size_t)limit;
		out->data[out->length] = '\0';
		value_cut(value, length - limit, "digits");
	}
	return CPEEK_OK;
}

static enum cpeek_status put_decimal(const uint32_t *digits, size_t count, const struct objects *objects,
				     struct value *value)
{
	const uint64_t limit = value_limits(value)->string;
	uint64_t rest = 0;

	if (limit) {
		enum cpeek_status status = bignum_put_leading(value_buffer(value), digits, count, limit, &rest);
		if (status == CPEEK_OK)
			value_cut(value, rest, "digits");
		if (status != CPEEK_NOT_FOUND)
			return status;
	}
	/* So long that nobody waits for it only to have it cut. */
	if (limit && count > CUT_DIGITS)
		return CPEEK_LIMIT;
	return put_whole(digits, count, limit, objects, value);
}

static enum cpeek_status put_large(const struct digits *digits, const struct objects *objects, struct value *value)
{
	enum cpeek_status status = CPEEK_LIMIT;
	uint32_t *all;
	size_t count;

	TRY(digits_read(digits, &all, &count));
	if (digits->negative)
		strbuf_putc(value_buffer(value), '-');
	if (!value_limits(value)->hex)
		status = put_decimal(all, count, objects, value);
	if (status == CPEEK_LIMIT) {
		put_hex(all, count, value);
		status = CPEEK_OK;
	}
	memory_free(all);
	return status;
}

static enum cpeek_status int_decode(const struct object *object, struct value *value)
{
	struct digits digits;
	uint64_t small;

	TRY(digits_open(object, &digits));
	enum cpeek_status status = digits.count <= 3 ? digits_small(&digits, &small) : CPEEK_LIMIT;
	if (status == CPEEK_LIMIT)
		return put_large(&digits, object->objects, value);
	if (status != CPEEK_OK)
		return status;
	if (digits.negative)
		strbuf_putc(value_buffer(value), '-');
	if (value_limits(value)->hex)
		strbuf_printf(value_buffer(value), "0x%" PRIx64, small);
	else
		number_put_small(value_buffer(value), small);
	return CPEEK_OK;
}

/* int___sizeof___impl() of Objects/longobject.c: tp_basicsize has no part in it. */
enum cpeek_status int_size(const struct object *object, uint64_t *ret)
{
	const struct layout *layout = object->objects->layout;
	struct digits digits;

	TRY(digits_open(object, &digits));
	if (digits.count == 0 && layout_trait(layout, TRAIT_LONG_SIZE_ONE_DIGIT))
		digits.count = 1;
	*ret = layout_offset(layout, FIELD_PyLongObject_ob_digit) + digits.count * digits.width;
	return CPEEK_OK;
}

enum cpeek_status int_is_zero(const struct object *object, bool *ret)
{
	struct digits digits;
	uint64_t value;

	TRY(digits_open(object, &digits));
	enum cpeek_status status = digits.count <= 3 ? digits_small(&digits, &value) : CPEEK_LIMIT;
	if (status != CPEEK_OK && status != CPEEK_LIMIT)
		return status;
	*ret = status == CPEEK_OK && value == 0;
	return CPEEK_OK;
}

enum cpeek_status int_read_digits(const struct object *object, bool *ret_negative, uint32_t **ret, size_t *ret_count)
{
	struct digits digits;
	uint32_t *all = NULL;
	size_t count = 0;

	TRY(digits_open(object, &digits));
	if (digits.count)
		TRY(digits_read(&digits, &all, &count));
	*ret_negative = digits.negative;
	*ret = all;
	*ret_count = count;
	return CPEEK_OK;
}

/* tp_basicsize ends before the digits. */
const struct object_type object_type_int = {
	.name = "int",
	.structure = STRUCT_PyVarObject,
	.decode = int_decode,
	.size = int_size,
	.dissect = int_dissect,
};

enum cpeek_status int_read(struct objects *objects, target_addr address, int64_t *ret)
{
	const size_t size = layout_offset(objects->layout, FIELD_PyLongObject_ob_digit);
	struct object object;
	struct digits digits;
	uint64_t value;

	TRY(object_read_untyped(objects, address, TYPE_LONG_SUBCLASS, size, size, &object));
	TRY(digits_open(&object, &digits));
	TRY(digits_small(&digits, &value));
	if (value > (uint64_t)INT64_MAX + digits.negative)
		return CPEEK_LIMIT;
	*ret = digits.negative ? (int64_t)-value : (int64_t)value;
	return CPEEK_OK;
}
