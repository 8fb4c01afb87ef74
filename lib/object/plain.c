/*
 * Values of builtin types copied from the target, and their comparisons.
 */
#include "object/plain.h"
#include "base/memory.h"
#include "base/vector.h"
#include "object/int.h"

#include <math.h>
#include <string.h>

enum {
	DEPTH_MAX = 1000, /* of tuples in tuples, where CPython's comparisons end in a RecursionError too */
	DIGIT_BITS = 30,
	DOUBLE_BITS = 53,
	DOUBLE_DIGITS = 1024 / DIGIT_BITS + 2,
	BASES_MAX = 64,
	CHARGE = 1024, /* bytes of text that count as one value */
};

void plains_init(struct objects *objects, uint64_t most, struct plains *ret)
{
	*ret = (struct plains){.objects = objects, .left = most};
}

void plains_deinit(struct plains *plains)
{
	arena_deinit(&plains->arena);
}

/* ---- Types ---- */

static const struct {
	const char *name;
	enum plain_kind kind;
} kinds[] = {
	{"NoneType", PLAIN_NONE}, {"int", PLAIN_INT},     {"float", PLAIN_FLOAT}, {"complex", PLAIN_COMPLEX},
	{"str", PLAIN_STR},       {"bytes", PLAIN_BYTES}, {"tuple", PLAIN_TUPLE},
};

static const char *kind_name(enum plain_kind kind)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		if (kinds[i].kind == kind)
			return kinds[i].name;
	return "object";
}

/* What a type takes from the builtin type that it is or derives from: that is the last one before object. */
static void inspect_type(const struct objects *objects, const struct type *type, struct plain *ret)
{
	const struct type *root = type, *object = type;
	uint64_t hash[2] = {0, 1}, compare[2] = {0, 1};

	*ret = (struct plain){.type = type};
	for (int i = 0; i < BASES_MAX && object->base_type; i++) {
		root = object;
		object = object->base_type;
	}
	if (object->base_type)
		return;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		if (!(root->flags & TYPE_HEAPTYPE) && strcmp(root->tp_name, kinds[i].name) == 0)
			ret->kind = kinds[i].kind;
	const struct type *owner = ret->kind == PLAIN_OBJECT ? object : root;
	ret->exact = type == owner;
	ret->is_bool = ret->kind == PLAIN_INT && root != type && !(type->flags & TYPE_HEAPTYPE) &&
		       strcmp(type->tp_name, "bool") == 0;
	ret->own_hash = field_read(objects, type->address, FIELD_PyTypeObject_tp_hash, &hash[0]) == CPEEK_OK &&
			field_read(objects, owner->address, FIELD_PyTypeObject_tp_hash, &hash[1]) == CPEEK_OK &&
			hash[0] == hash[1];
	ret->own_compare =
		field_read(objects, type->address, FIELD_PyTypeObject_tp_richcompare, &compare[0]) == CPEEK_OK &&
		field_read(objects, owner->address, FIELD_PyTypeObject_tp_richcompare, &compare[1]) == CPEEK_OK &&
		compare[0] == compare[1];
}

const char *plain_type_name(const struct plain *plain)
{
	return plain->type ? plain->type->name : plain->is_bool ? "bool" : kind_name(plain->kind);
}

bool plain_same_type(const struct plain *a, const struct plain *b)
{
	if (a->type && b->type)
		return a->type == b->type;
	/* A literal has a builtin type. */
	return a->kind == b->kind && a->is_bool == b->is_bool && (a->exact || a->is_bool) && (b->exact || b->is_bool);
}

/* ---- From the target ---- */

static bool take(struct plains *plains, uint64_t count)
{
	if (count > plains->left)
		return false;
	plains->left -= count;
	return true;
}

/* The bytes of a table, in the target's own memory or copied. */
static enum cpeek_status keep_bytes(struct plains *plains, const struct table *table, const uint8_t **ret)
{
	if (table->view || table->length == 0) {
		*ret = table->view;
		return CPEEK_OK;
	}
	if (!take(plains, table->length / CHARGE))
		return CPEEK_LIMIT;
	uint8_t *copy = arena_alloc(&plains->arena, (size_t)table->length);
	if (!copy)
		return CPEEK_NO_MEMORY;
	TRY(target_read(table->target, table->address, copy, (size_t)table->length));
	*ret = copy;
	return CPEEK_OK;
}

static bool covers(const struct object *object, enum layout_field field)
{
	const struct layout_place place = object->objects->layout->fields[field];

	return place.offset_plus_1 && place.offset_plus_1 - 1 + place.size <= object->length;
}

/* The hash that the object keeps, if it does. */
static void read_hash(const struct object *object, enum layout_field field, struct plain *plain)
{
	if (!covers(object, field))
		return;
	plain->hash = object_get(object, field);
	plain->has_hash = plain->hash != UINT64_MAX >> (64 - 8 * object->objects->layout->pointer_size);
}

static enum cpeek_status fill_int(struct plains *plains, const struct object *object, struct plain *plain)
{
	uint32_t *digits;
	size_t count;

	TRY(int_read_digits(object, &plain->negative, &digits, &count));
	uint32_t *kept = arena_alloc(&plains->arena, (count ? count : 1) * sizeof(*kept));
	const bool allowed = take(plains, count * sizeof(*kept) / CHARGE);
	if (kept && count)
		memcpy(kept, digits, count * sizeof(*kept));
	memory_free(digits);
	if (!kept)
		return CPEEK_NO_MEMORY;
	while (count && kept[count - 1] == 0)
		count--;
	plain->digits = kept;
	plain->count = count;
	plain->negative = plain->negative && count;
	return allowed ? CPEEK_OK : CPEEK_LIMIT;
}

static double get_double(const struct object *object, enum layout_field field)
{
	const uint64_t bits = object_get(object, field);
	double number;

	memcpy(&number, &bits, sizeof(number));
	return number;
}

static enum cpeek_status fill_str(struct plains *plains, const struct object *object, struct plain *plain)
{
	struct table table;

	TRY(str_open(object, &table, &plain->count, &plain->width));
	TRY(keep_bytes(plains, &table, &plain->bytes));
	read_hash(object, FIELD_PyASCIIObject_hash, plain);
	return CPEEK_OK;
}

static enum cpeek_status fill_bytes(struct plains *plains, const struct object *object, struct plain *plain)
{
	struct table table;

	TRY(table_open(object->objects, object_field_address(object, FIELD_PyBytesObject_ob_sval), object->ob_size, 1,
		       &table));
	TRY(keep_bytes(plains, &table, &plain->bytes));
	plain->count = table.length;
	plain->width = 1;
	read_hash(object, FIELD_PyBytesObject_ob_shash, plain);
	return CPEEK_OK;
}

/* Its items get their addresses, to be filled later. */
static enum cpeek_status fill_tuple(struct plains *plains, const struct object *object, struct plain *plain)
{
	struct table table;

	TRY(table_open(object->objects, object_field_address(object, FIELD_PyTupleObject_ob_item), object->ob_size,
		       object->objects->layout->pointer_size, &table));
	plain->count = (uint64_t)object->ob_size;
	if (!take(plains, plain->count))
		return CPEEK_LIMIT;
	plain->items = arena_alloc(&plains->arena, ((size_t)plain->count + 1) * sizeof(*plain->items));
	if (!plain->items)
		return CPEEK_NO_MEMORY;
	for (uint64_t i = 0; i < plain->count; i++) {
		plain->items[i] = (struct plain){0};
		TRY(table_read_pointer(&table, i * object->objects->layout->pointer_size, &plain->items[i].address));
	}
	if (layout_has(object->objects->layout, FIELD_PyTupleObject_ob_hash))
		read_hash(object, FIELD_PyTupleObject_ob_hash, plain);
	return CPEEK_OK;
}

static enum cpeek_status fill(struct plains *plains, struct plain *plain)
{
	const target_addr address = plain->address;
	struct object object;

	if (!address)
		return CPEEK_CORRUPT;
	TRY(object_read(plains->objects, address, &object));
	if (plains->last_type != object.type) {
		inspect_type(plains->objects, object.type, &plains->last);
		plains->last_type = object.type;
	}
	*plain = plains->last;
	plain->address = address;
	switch (plain->kind) {
	case PLAIN_OBJECT:
	case PLAIN_NONE:
		break;
	case PLAIN_INT:
		return fill_int(plains, &object, plain);
	case PLAIN_FLOAT:
		if (!covers(&object, FIELD_PyFloatObject_ob_fval))
			return CPEEK_CORRUPT;
		plain->real = get_double(&object, FIELD_PyFloatObject_ob_fval);
		break;
	case PLAIN_COMPLEX:
		if (!covers(&object, FIELD_PyComplexObject_cval_real) ||
		    !covers(&object, FIELD_PyComplexObject_cval_imag))
			return CPEEK_CORRUPT;
		plain->real = get_double(&object, FIELD_PyComplexObject_cval_real);
		plain->imaginary = get_double(&object, FIELD_PyComplexObject_cval_imag);
		break;
	case PLAIN_STR:
		return fill_str(plains, &object, plain);
	case PLAIN_BYTES:
		return fill_bytes(plains, &object, plain);
	case PLAIN_TUPLE:
		return fill_tuple(plains, &object, plain);
	}
	return CPEEK_OK;
}

enum cpeek_status plain_read(struct plains *plains, target_addr address, struct plain *ret)
{
	VECTOR(struct plain *) pending = {0};
	struct plain top = {.address = address};
	enum cpeek_status status = take(plains, 1) ? fill(plains, &top) : CPEEK_LIMIT;
	struct plain *next = &top;

	while (status == CPEEK_OK && next) {
		for (uint64_t i = 0; next->kind == PLAIN_TUPLE && i < next->count && status == CPEEK_OK; i++) {
			struct plain *item = &next->items[i];
			status = fill(plains, item);
			struct plain **push =
				status == CPEEK_OK && item->kind == PLAIN_TUPLE ? VECTOR_PUSH(&pending) : NULL;
			if (push)
				*push = item;
			else if (status == CPEEK_OK && item->kind == PLAIN_TUPLE)
				status = CPEEK_NO_MEMORY;
		}
		if (status == CPEEK_OK && plains->objects->cancelled &&
		    plains->objects->cancelled(plains->objects->cancelled_arg))
			status = CPEEK_CANCELLED;
		next = pending.count ? pending.items[--pending.count] : NULL;
	}
	VECTOR_DEINIT(&pending);
	if (status == CPEEK_OK)
		*ret = top;
	return status;
}

/* ---- Literals ---- */

static void put_word(const struct target *target, uint8_t *out, uint32_t value, unsigned width)
{
	for (unsigned i = 0; i < width; i++)
		out[target->big_endian ? width - 1 - i : i] = (uint8_t)(value >> 8 * i);
}

enum cpeek_status plain_make_str(struct plains *plains, const uint32_t *characters, size_t count, struct plain *ret)
{
	uint32_t all = 0;

	for (size_t i = 0; i < count; i++)
		all |= characters[i];
	const unsigned width = all <= UINT8_MAX ? 1 : all <= UINT16_MAX ? 2 : 4;
	uint8_t *bytes = arena_alloc(&plains->arena, (count + 1) * width);
	if (!bytes)
		return CPEEK_NO_MEMORY;
	for (size_t i = 0; i < count; i++)
		put_word(plains->objects->target, bytes + i * width, characters[i], width);
	*ret = (struct plain){.kind = PLAIN_STR,
			      .exact = true,
			      .own_hash = true,
			      .own_compare = true,
			      .count = count,
			      .width = width,
			      .bytes = bytes};
	return CPEEK_OK;
}

enum cpeek_status plain_find_singleton(struct plains *plains, const char *name, struct plain *ret)
{
	const struct python *python = plains->objects->python;
	target_addr address;

	if (!python->interpreter_count || !python->interpreters[0].builtins)
		return CPEEK_NOT_FOUND;
	TRY(dict_find(plains->objects, python->interpreters[0].builtins, name, strlen(name), &address));
	return plain_read(plains, address, ret);
}

/* ---- Numbers ---- */

static int compare_digits(const uint32_t *a, uint64_t a_count, const uint32_t *b, uint64_t b_count)
{
	if (a_count != b_count)
		return a_count < b_count ? -1 : 1;
	for (uint64_t i = a_count; i-- > 0;)
		if (a[i] != b[i])
			return a[i] < b[i] ? -1 : 1;
	return 0;
}

static int compare_ints(const struct plain *a, const struct plain *b)
{
	if (a->negative != b->negative)
		return a->negative ? -1 : 1;
	const int order = compare_digits(a->digits, a->count, b->digits, b->count);
	return a->negative ? -order : order;
}

/* The whole part of a finite number that is not negative, as digits. */
static uint64_t double_digits(double number, uint32_t digits[DOUBLE_DIGITS])
{
	int exponent;
	uint64_t count = 0;

	memset(digits, 0, DOUBLE_DIGITS * sizeof(*digits));
	const double mantissa = frexp(number, &exponent);
	if (exponent <= 0)
		return 0;
	/* number = bits * 2**(exponent - 53) */
	uint64_t bits = (uint64_t)ldexp(mantissa, DOUBLE_BITS);
	int shift = exponent - DOUBLE_BITS;
	if (shift < 0) {
		bits >>= -shift;
		shift = 0;
	}
	for (int i = 0; i < DOUBLE_BITS; i++)
		if (bits >> i & 1)
			digits[(i + shift) / DIGIT_BITS] |= (uint32_t)1 << (i + shift) % DIGIT_BITS;
	for (uint64_t i = 0; i < DOUBLE_DIGITS; i++)
		if (digits[i])
			count = i + 1;
	return count;
}

/* An int against a float that is no NaN: float_richcompare() of Objects/floatobject.c compares exactly. */
static int compare_int_float(const struct plain *a, double number)
{
	uint32_t digits[DOUBLE_DIGITS];

	if (isinf(number))
		return number > 0 ? -1 : 1;
	const bool negative = number < 0;
	if (a->negative != negative)
		return a->negative ? -1 : 1;
	const double size = fabs(number);
	int order = compare_digits(a->digits, a->count, digits, double_digits(size, digits));
	/* From 2**53 on there are no fractions. */
	if (order == 0 && size < (double)((uint64_t)1 << DOUBLE_BITS) && size != (double)(uint64_t)size)
		order = -1;
	return negative ? -order : order;
}

static bool is_real(const struct plain *plain)
{
	return plain->kind == PLAIN_INT || plain->kind == PLAIN_FLOAT;
}

/* Of real numbers. false: one is a NaN. */
static bool compare_reals(const struct plain *a, const struct plain *b, int *ret)
{
	if ((a->kind == PLAIN_FLOAT && isnan(a->real)) || (b->kind == PLAIN_FLOAT && isnan(b->real)))
		return false;
	if (a->kind == PLAIN_INT && b->kind == PLAIN_INT)
		*ret = compare_ints(a, b);
	else if (a->kind == PLAIN_INT)
		*ret = compare_int_float(a, b->real);
	else if (b->kind == PLAIN_INT)
		*ret = -compare_int_float(b, a->real);
	else
		*ret = (a->real > b->real) - (a->real < b->real);
	return true;
}

static bool equal_numbers(const struct plain *a, const struct plain *b)
{
	int order;

	if (a->kind != PLAIN_COMPLEX && b->kind != PLAIN_COMPLEX)
		return compare_reals(a, b, &order) && order == 0;
	const struct plain reals[2] = {
		a->kind == PLAIN_COMPLEX ? (struct plain){.kind = PLAIN_FLOAT, .real = a->real} : *a,
		b->kind == PLAIN_COMPLEX ? (struct plain){.kind = PLAIN_FLOAT, .real = b->real} : *b};
	return a->imaginary == b->imaginary && compare_reals(&reals[0], &reals[1], &order) && order == 0;
}

/* ---- Text ---- */

static uint32_t character_at(const struct plain *plain, uint64_t index, bool big_endian)
{
	const uint8_t *at = plain->bytes + index * plain->width;
	uint32_t character = 0;

	for (unsigned i = 0; i < plain->width; i++)
		character |= (uint32_t)at[big_endian ? plain->width - 1 - i : i] << 8 * i;
	return character;
}

static int compare_text(const struct plain *a, const struct plain *b, bool big_endian)
{
	const uint64_t least = a->count < b->count ? a->count : b->count;

	if (least && a->width == 1 && b->width == 1) {
		const int order = memcmp(a->bytes, b->bytes, (size_t)least);
		if (order)
			return order;
	} else {
		for (uint64_t i = 0; i < least; i++) {
			const uint32_t left = character_at(a, i, big_endian), right = character_at(b, i, big_endian);
			if (left != right)
				return left < right ? -1 : 1;
		}
	}
	return (a->count > b->count) - (a->count < b->count);
}

/* ---- Comparisons ---- */

/* The byte order of text: that of the machine where either came from. */
static bool order_of(const struct plains *plains)
{
	return plains->objects->target->big_endian;
}

static bool is_number(const struct plain *plain)
{
	return is_real(plain) || plain->kind == PLAIN_COMPLEX;
}

static bool asks(const struct plain *a, const struct plain *b, const struct plain **ret_culprit)
{
	if (a->own_compare && b->own_compare)
		return false;
	*ret_culprit = a->own_compare ? b : a;
	return true;
}

/* Of all but two tuples. */
static enum plain_answer equal_simple(const struct plains *plains, const struct plain *a, const struct plain *b,
				      const struct plain **ret_culprit)
{
	if (a->address && a->address == b->address)
		return PLAIN_YES;
	if (asks(a, b, ret_culprit))
		return PLAIN_ASKS;
	if (is_number(a) && is_number(b))
		return equal_numbers(a, b) ? PLAIN_YES : PLAIN_NO;
	if (a->kind != b->kind)
		return PLAIN_NO;
	if (a->kind == PLAIN_STR || a->kind == PLAIN_BYTES)
		return a->count == b->count && compare_text(a, b, order_of(plains)) == 0 ? PLAIN_YES : PLAIN_NO;
	return a->kind == PLAIN_NONE ? PLAIN_YES : PLAIN_NO;
}

static bool are_tuples(const struct plain *a, const struct plain *b)
{
	return a->kind == PLAIN_TUPLE && b->kind == PLAIN_TUPLE && (!a->address || a->address != b->address);
}

enum plain_answer plain_equal(const struct plains *plains, const struct plain *a, const struct plain *b,
			      const struct plain **ret_culprit)
{
	struct {
		const struct plain *a, *b;
		uint64_t next;
	} stack[DEPTH_MAX];
	size_t depth = 0;
	enum plain_answer answer = PLAIN_YES;

	for (;;) {
		/* a and b are next; a tuple's items come one after another until two differ. */
		if (!are_tuples(a, b)) {
			answer = equal_simple(plains, a, b, ret_culprit);
		} else if (asks(a, b, ret_culprit)) {
			answer = PLAIN_ASKS;
		} else if (depth == DEPTH_MAX) {
			*ret_culprit = a;
			answer = PLAIN_ASKS;
		} else {
			stack[depth].a = a;
			stack[depth].b = b;
			stack[depth++].next = 0;
			answer = PLAIN_YES;
		}
		if (answer != PLAIN_YES)
			return answer;
		while (depth && (stack[depth - 1].next >= stack[depth - 1].a->count ||
				 stack[depth - 1].next >= stack[depth - 1].b->count)) {
			depth--;
			if (stack[depth].a->count != stack[depth].b->count)
				return PLAIN_NO;
		}
		if (!depth)
			return PLAIN_YES;
		a = &stack[depth - 1].a->items[stack[depth - 1].next];
		b = &stack[depth - 1].b->items[stack[depth - 1].next++];
	}
}

static enum plain_answer less_simple(const struct plains *plains, const struct plain *a, const struct plain *b,
				     const struct plain **ret_culprit)
{
	int order;

	if (asks(a, b, ret_culprit))
		return PLAIN_ASKS;
	if (is_real(a) && is_real(b))
		return compare_reals(a, b, &order) && order < 0 ? PLAIN_YES : PLAIN_NO;
	if (a->kind == b->kind && (a->kind == PLAIN_STR || a->kind == PLAIN_BYTES))
		return compare_text(a, b, order_of(plains)) < 0 ? PLAIN_YES : PLAIN_NO;
	*ret_culprit = a;
	return PLAIN_REFUSES;
}

enum plain_answer plain_less(const struct plains *plains, const struct plain *a, const struct plain *b,
			     const struct plain **ret_culprit)
{
	/* tuple_richcompare() of Objects/tupleobject.c: the first items that are not equal decide. */
	while (a->kind == PLAIN_TUPLE && b->kind == PLAIN_TUPLE) {
		uint64_t i = 0;
		enum plain_answer equal = PLAIN_YES;
		if (asks(a, b, ret_culprit))
			return PLAIN_ASKS;
		while (i < a->count && i < b->count &&
		       (equal = plain_equal(plains, &a->items[i], &b->items[i], ret_culprit)) == PLAIN_YES)
			i++;
		if (equal == PLAIN_ASKS)
			return PLAIN_ASKS;
		if (i >= a->count || i >= b->count)
			return a->count < b->count ? PLAIN_YES : PLAIN_NO;
		a = &a->items[i];
		b = &b->items[i];
	}
	return less_simple(plains, a, b, ret_culprit);
}
