/*
 * The memory of an int explained: the word of sign and count, the digits and the sum that they make, and whether it is
 * one of the small ints that exist once. Reads the digits itself, since wrong ones are to be shown.
 */
#include "base/memory.h"
#include "object/bignum.h"
#include "object/dissect.h"
#include "object/int.h"
#include "object/number.h"

#include <inttypes.h>
#include <string.h>

enum {
	/* lv_tag, Include/internal/pycore_long.h 3.12; bit 2 from 3.14 on */
	TAG_SIGN = 3,
	TAG_POSITIVE = 0,
	TAG_ZERO = 1,
	TAG_NEGATIVE = 2,
	TAG_SMALL = 4,
	TAG_COUNT_SHIFT = 3,
	SMALL_LEAST = -5, /* NSMALLNEGINTS, Objects/longobject.c */
	SUM_TERMS = 12,
};

struct shape {
	uint64_t count; /* digits */
	uint64_t tag;   /* lv_tag; 0 where the layout has none */
	unsigned width; /* bytes of a digit */
	unsigned bits;  /* of it that count */
	bool negative;
};

static const char *sign_name(uint64_t sign)
{
	static const char *const names[] = {"positive", "zero", "negative", "no sign that exists"};

	return names[sign & TAG_SIGN];
}

static struct shape shape_of(const struct object *object)
{
	const struct layout *layout = object->objects->layout;
	struct shape shape = {.width = layout->fields[FIELD_PyLongObject_ob_digit].size};

	shape.bits = shape.width == 4 ? BIGNUM_DIGIT_BITS : BIGNUM_DIGIT_BITS / 2;
	if (layout_has(layout, FIELD_PyLongObject_lv_tag)) {
		shape.tag = object_get(object, FIELD_PyLongObject_lv_tag);
		shape.negative = (shape.tag & TAG_SIGN) == TAG_NEGATIVE;
		shape.count = shape.tag >> TAG_COUNT_SHIFT;
	} else {
		shape.negative = object->ob_size < 0;
		shape.count = shape.negative ? -(uint64_t)object->ob_size : (uint64_t)object->ob_size;
	}
	return shape;
}

static int64_t small_most(const struct layout *layout)
{
	return layout_trait(layout, TRAIT_SMALL_INTS_1024) ? 1024 : 256;
}

/* ---- The word of sign and count ---- */

static void explain_tag(struct dissection *dissection, const struct shape *shape)
{
	const struct layout *layout = dissection->objects->layout;
	const bool small = layout_trait(layout, TRAIT_LONG_TAG_SMALL) && shape->tag & TAG_SMALL;

	dissect_field(dissection, DISSECT_UNSIGNED, FIELD_PyLongObject_lv_tag, "%" PRIu64 " digit%s << 3%s | %u: %s",
		      shape->count, shape->count == 1 ? "" : "s", small ? " | 4: a small int of the cache" : "",
		      (unsigned)(shape->tag & TAG_SIGN), sign_name(shape->tag));
}

static void check_tag(struct dissection *dissection, const struct shape *shape)
{
	if ((shape->tag & TAG_SIGN) == TAG_SIGN)
		dissect_problem(dissection,
				"lv_tag: the sign bits are 3; only 0 (positive), 1 (zero) and 2 (negative) "
				"exist");
	else if (((shape->tag & TAG_SIGN) == TAG_ZERO) != (shape->count == 0))
		dissect_problem(dissection, "lv_tag: the sign bits say %s, but the count is %" PRIu64,
				sign_name(shape->tag), shape->count);
	if (!layout_trait(dissection->objects->layout, TRAIT_LONG_TAG_SMALL) && shape->tag & TAG_SMALL)
		dissect_problem(dissection, "lv_tag: bit 2 is set, which this version does not use");
}

static void explain_ob_size(struct dissection *dissection, const struct shape *shape)
{
	const char *sign = shape->count == 0 ? "zero" : shape->negative ? "negative" : "positive";

	dissect_field(dissection, DISSECT_NUMBER, FIELD_PyVarObject_ob_size,
		      "%s, %" PRIu64 " digit%s: its sign is that of the int", sign, shape->count,
		      shape->count == 1 ? "" : "s");
}

/* ---- Digits ---- */

/* The index-th digit as it stands there. */
static enum cpeek_status read_digit(const struct object *object, const struct shape *shape, uint64_t index,
				    uint64_t *ret)
{
	struct target *target = object->objects->target;
	const target_addr digits = object_field_address(object, FIELD_PyLongObject_ob_digit);
	uint8_t bytes[4];

	TRY(target_read(target, digits + index * shape->width, bytes, shape->width));
	*ret = target_get(target, bytes, shape->width);
	return CPEEK_OK;
}

static void check_digit(struct dissection *dissection, const struct shape *shape, uint64_t index, uint64_t digit)
{
	if (digit >> shape->bits)
		dissect_problem(dissection, "ob_digit[%" PRIu64 "] is %" PRIu64 ", which is not below the base 2**%u",
				index, digit, shape->bits);
	else if (digit == 0 && index == shape->count - 1)
		dissect_problem(dissection, "ob_digit[%" PRIu64 "], the most significant digit, is 0", index);
}

static enum cpeek_status explain_digits(struct dissection *dissection, const struct object *object,
					const struct shape *shape)
{
	const int64_t first = layout_offset(object->objects->layout, FIELD_PyLongObject_ob_digit);
	uint64_t i = 0, digit = 0;

	for (; i < shape->count && !dissect_is_full(dissection); i++) {
		enum cpeek_status status = read_digit(object, shape, i, &digit);
		struct dissect_row *row = dissect_row(dissection, first + (int64_t)(i * shape->width), shape->width,
						      "ob_digit[%" PRIu64 "]", i);
		if (status != CPEEK_OK) {
			dissect_mean(dissection, row, "unreadable, as what follows may be");
			return dissect_tolerate(dissection, status, "the digits");
		}
		row->value = (struct dissect_value){.kind = DISSECT_UNSIGNED, .number = digit};
		if (i == 0)
			dissect_mean(dissection, row, "the least significant: × 1");
		else
			dissect_mean(dissection, row, "× 2**%" PRIu64, i * shape->bits);
	}
	if (i < shape->count)
		dissect_cut(dissection, shape->count - i, "digits");
	else if (shape->count == 0 && layout_trait(object->objects->layout, TRAIT_LONG_SIZE_ONE_DIGIT) &&
		 read_digit(object, shape, 0, &digit) == CPEEK_OK) {
		struct dissect_row *row = dissect_row(dissection, first, shape->width, "ob_digit[0]");
		row->value = (struct dissect_value){.kind = DISSECT_UNSIGNED, .number = digit};
		dissect_mean(dissection, row, "room for one digit, which zero does not need");
	}
	return CPEEK_OK;
}

/* The digits that were shown, and the last one, which must not be 0. */
static void check_digits(struct dissection *dissection, const struct object *object, const struct shape *shape)
{
	const uint64_t limit = dissection->limits->elements;
	uint64_t digit;

	for (uint64_t i = 0; i < shape->count && !(limit && i >= limit); i++) {
		if (read_digit(object, shape, i, &digit) != CPEEK_OK)
			return;
		check_digit(dissection, shape, i, digit);
	}
	if (limit && shape->count > limit && read_digit(object, shape, shape->count - 1, &digit) == CPEEK_OK)
		check_digit(dissection, shape, shape->count - 1, digit);
}

/* ---- Facts ---- */

static void add_sum(struct dissection *dissection, const struct object *object, const struct shape *shape)
{
	struct strbuf out = {0};
	uint64_t digit;

	if (shape->count < 2)
		return;
	strbuf_puts(&out, shape->negative ? "-(" : "");
	for (uint64_t i = 0; i < shape->count && i < SUM_TERMS; i++) {
		if (read_digit(object, shape, i, &digit) != CPEEK_OK)
			break;
		strbuf_printf(&out, "%s%" PRIu64, i ? " + " : "", digit);
		if (i)
			strbuf_printf(&out, " × 2**%" PRIu64, i * shape->bits);
	}
	if (shape->count > SUM_TERMS)
		strbuf_printf(&out, " … +%" PRIu64 " terms", shape->count - SUM_TERMS);
	strbuf_puts(&out, shape->negative ? ")" : "");
	dissect_fact_buffer(dissection, "sum", &out, NULL);
}

/* The value in decimal, cut to the limit on text. */
static enum cpeek_status put_decimal(struct strbuf *out, const struct objects *objects, const uint32_t *digits,
				     size_t count, uint64_t limit)
{
	const struct bignum_patience patience = {objects->cancelled, objects->cancelled_arg};
	enum cpeek_status status = CPEEK_NOT_FOUND;
	uint64_t rest = 0;

	if (limit && count * (BIGNUM_DIGIT_BITS / 3 + 1) > limit)
		status = bignum_put_leading(out, digits, count, limit, &rest);
	if (status == CPEEK_NOT_FOUND) {
		const size_t start = out->length;
		status = bignum_put(out, digits, count, patience);
		if (status == CPEEK_OK && limit && out->length - start > limit) {
			rest = out->length - start - limit;
			out->length = start + (size_t)limit;
			out->data[out->length] = '\0';
		}
	}
	if (status == CPEEK_LIMIT) {
		rest = number_put_hex(out, digits, count, limit);
		status = CPEEK_OK;
	}
	if (rest)
		strbuf_printf(out, "… +%" PRIu64 " digits", rest);
	return status;
}

static enum cpeek_status add_value(struct dissection *dissection, const struct object *object)
{
	struct strbuf out = {0};
	uint32_t *digits;
	size_t count;
	bool negative;

	TRY(int_read_digits(object, &negative, &digits, &count));
	enum cpeek_status status = CPEEK_OK;
	if (negative)
		strbuf_putc(&out, '-');
	if (count == 0)
		strbuf_putc(&out, '0');
	else
		status = put_decimal(&out, object->objects, digits, count, dissection->limits->string);
	memory_free(digits);
	if (status == CPEEK_OK)
		dissect_fact_buffer(dissection, "value", &out, NULL);
	else
		strbuf_deinit(&out);
	return status;
}

/* ---- The small ints that exist once ---- */

enum cached { CACHED_UNKNOWN, CACHED_NO, CACHED_YES };

static bool is_inside(target_addr address, target_addr start, uint64_t size)
{
	return address >= start && address - start < size;
}

/* To 3.8 the cache is a variable of Objects/longobject.c: the ints themselves, in 3.8 pointers to them. */
static enum cached find_in_variable(const struct object *object, int64_t value)
{
	struct target *target = object->objects->target;
	const struct target_module *module = target_find_module(target, object->objects->python->runtime);
	const uint64_t count = (uint64_t)(small_most(object->objects->layout) - SMALL_LEAST + 1);
	target_addr start, entry;
	uint64_t size;

	if (!module || target_find_symbol(target, module, "small_ints", &start, &size) != CPEEK_OK)
		return CACHED_UNKNOWN;
	if (size != count * target->pointer_size)
		return is_inside(object->address, start, size) ? CACHED_YES : CACHED_NO;
	if (target_read_pointer(target, start + (uint64_t)(value - SMALL_LEAST) * target->pointer_size, &entry) !=
	    CPEEK_OK)
		return CACHED_UNKNOWN;
	return entry == object->address ? CACHED_YES : CACHED_NO;
}

/* value must be one of those that are cached. *ret_where: as "_PyRuntime…small_ints". */
static enum cached find_in_cache(const struct object *object, int64_t value, const char **ret_where)
{
	const struct objects *objects = object->objects;
	const struct python *python = objects->python;
	const struct layout *layout = objects->layout;
	const uint64_t index = (uint64_t)(value - SMALL_LEAST);
	target_addr entry;

	if (layout_has(layout, FIELD__PyRuntimeState_static_small_ints)) {
		const struct layout_place place = layout->fields[FIELD__PyRuntimeState_static_small_ints];
		*ret_where = "in _PyRuntime";
		return is_inside(object->address, python->runtime + place.offset_plus_1 - 1, place.size) ? CACHED_YES
													 : CACHED_NO;
	}
	if (!layout_has(layout, FIELD_PyInterpreterState_small_ints)) {
		*ret_where = "the variable small_ints";
		return find_in_variable(object, value);
	}
	*ret_where = "of its interpreter";
	for (size_t i = 0; i < python->interpreter_count; i++)
		if (target_read_pointer(objects->target,
					python->interpreters[i].address +
						layout_offset(layout, FIELD_PyInterpreterState_small_ints) +
						index * layout->pointer_size,
					&entry) == CPEEK_OK &&
		    entry == object->address)
			return CACHED_YES;
	return CACHED_NO;
}

static void add_cache(struct dissection *dissection, const struct object *object, const struct shape *shape)
{
	const struct layout *layout = object->objects->layout;
	const int64_t most = small_most(layout);
	const char *where;
	int64_t value;

	if (int_read(object->objects, object->address, &value) != CPEEK_OK || value < SMALL_LEAST || value > most) {
		dissect_fact_bool(dissection, "small int", false, "only %d to %" PRId64 " exist once", SMALL_LEAST,
				  most);
		if (layout_trait(layout, TRAIT_LONG_TAG_SMALL) && shape->tag & TAG_SMALL)
			dissect_problem(dissection, "lv_tag: bit 2 marks a small int, which this one is not");
		return;
	}
	switch (find_in_cache(object, value, &where)) {
	case CACHED_YES:
		dissect_fact_bool(dissection, "small int", true,
				  "%" PRId64 " exists once: small_ints[%" PRId64 "] %s, of %d to %" PRId64, value,
				  value - SMALL_LEAST, where, SMALL_LEAST, most);
		break;
	case CACHED_NO:
		dissect_fact_bool(dissection, "small int", false,
				  "a value of %d to %" PRId64 ", but not the object that exists once", SMALL_LEAST,
				  most);
		break;
	case CACHED_UNKNOWN:
		dissect_fact_text(dissection, "small int",
				  "not known: %d to %" PRId64 " exist once, but no symbol says where", SMALL_LEAST,
				  most);
		break;
	}
}

enum cpeek_status int_dissect(const struct object *object, struct dissection *dissection)
{
	const struct layout *layout = object->objects->layout;
	const struct shape shape = shape_of(object);
	const bool has_tag = layout_has(layout, FIELD_PyLongObject_lv_tag);

	dissect_name_block(dissection, STRUCT_PyLongObject);
	if (has_tag)
		explain_tag(dissection, &shape);
	else
		explain_ob_size(dissection, &shape);
	TRY(explain_digits(dissection, object, &shape));
	if (has_tag)
		check_tag(dissection, &shape);
	check_digits(dissection, object, &shape);

	if (!dissection->partial)
		TRY(dissect_tolerate(dissection, add_value(dissection, object), "the value"));
	dissect_fact_number(dissection, "digits", (int64_t)shape.count,
			    "base 2**%u, the least significant first; %u bytes each", shape.bits, shape.width);
	add_sum(dissection, object, &shape);
	if (has_tag)
		dissect_fact_bool(dissection, "compact", shape.count <= 1,
				  shape.count <= 1 ? "one digit at most: arithmetic takes a fast path"
						   : "more than one digit");
	if (object->type->decoder == &object_type_int)
		add_cache(dissection, object, &shape);
	else
		dissect_note(dissection, "bool is a subclass of int: True and False are the ints 1 and 0 with another "
					 "type, and there are only these two.");
	return CPEEK_OK;
}
