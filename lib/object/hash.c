/*
 * Hashes. Numbers that are equal have equal hashes, whatever their types: the value modulo the prime 2**61 - 1 (2**31 - 1
 * where words have 32 bits), Python/pyhash.c. Arithmetic is that of the target's word: every result is cut to it.
 */
#include "object/hash.h"
#include "object/phrase.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum {
	DEPTH_MAX = 1000, /* of tuples in tuples */
	VALUES_MOST = 1 << 20,
	IMAGINARY_FACTOR = 1000003, /* _PyHASH_IMAG, Include/pyhash.h */
	INFINITY_HASH = 314159,     /* _PyHASH_INF */
	TUPLE_FACTOR = 1000003,     /* of the older hash of tuples, to 3.7 Objects/tupleobject.c */
	TUPLE_START = 0x345678,
	TUPLE_STEP = 82520,
	TUPLE_END = 97531,
	TUPLE_LENGTH_SALT = 3527539, /* of the newer one, 3.8 Objects/tupleobject.c */
	TUPLE_NOT_ERROR = 1546275796,
	BASES_MAX = 64,
};

/* xxHash of Yann Collet, as Objects/tupleobject.c (3.8) takes it: for words of 8 and of 4 bytes. */
static const struct xx {
	uint64_t prime_1, prime_2, prime_5;
	unsigned rotation;
} xxs[] = {
	{11400714785074694791u, 14029467366897019727u, 2870177450012600261u, 31},
	{2654435761u, 2246822519u, 374761393u, 13},
};

/* ---- Words ---- */

struct word {
	unsigned bits;       /* of a word */
	unsigned prime_bits; /* the modulus is 2**prime_bits - 1 */
	uint64_t most;       /* -1 */
	uint64_t prime;
};

static struct word word_of(const struct objects *objects)
{
	const unsigned bits = 8 * objects->layout->pointer_size;
	const unsigned prime_bits = bits == 64 ? 61 : 31;

	return (struct word){bits, prime_bits, UINT64_MAX >> (64 - bits), ((uint64_t)1 << prime_bits) - 1};
}

/* -1 means an error. */
static uint64_t no_error(const struct word *word, uint64_t hash)
{
	hash &= word->most;
	return hash == word->most ? word->most - 1 : hash;
}

static uint64_t with_sign(const struct word *word, uint64_t hash, bool negative)
{
	return no_error(word, negative ? -hash : hash);
}

int64_t hash_number(const struct objects *objects, uint64_t value)
{
	const unsigned unused = 64 - 8 * objects->layout->pointer_size;

	return (int64_t)(value << unused) >> unused;
}

/* value * 2**shift modulo the prime; shift below prime_bits. */
static uint64_t shifted(const struct word *word, uint64_t value, unsigned shift)
{
	const unsigned __int128 product = (unsigned __int128)value << shift;

	return (uint64_t)(product % word->prime);
}

__attribute__((format(printf, 2, 3))) static void say(struct hash *hash, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)vsnprintf(hash->how, sizeof(hash->how), format, args);
	va_end(args);
}

/* ---- Numbers ---- */

static uint64_t hash_int(const struct word *word, const struct plain *plain)
{
	uint64_t hash = 0;

	for (uint64_t i = plain->count; i-- > 0;)
		hash = (shifted(word, hash, 30) + plain->digits[i]) % word->prime;
	return with_sign(word, hash, plain->negative);
}

/* Of a number that is no NaN: mantissa * 2**exponent, where 2**prime_bits is 1. */
static uint64_t hash_double(const struct word *word, double number)
{
	int exponent;

	if (isinf(number))
		return with_sign(word, INFINITY_HASH, number < 0);
	const double part = frexp(fabs(number), &exponent);
	const int bits = (int)word->prime_bits;
	const int shift = ((exponent - 53) % bits + bits) % bits;
	return with_sign(word, shifted(word, (uint64_t)ldexp(part, 53) % word->prime, (unsigned)shift), number < 0);
}

/* _Py_HashPointer() of Python/pyhash.c: rotated, since the low bits of addresses are alike. */
static uint64_t hash_pointer(const struct word *word, target_addr address)
{
	return no_error(word, (address >> 4 | address << (word->bits - 4)) & word->most);
}

/* A NaN's. */
static enum cpeek_status hash_nan(const struct plains *plains, const struct word *word, target_addr address,
				  struct hash *ret)
{
	if (!layout_trait(plains->objects->layout, TRAIT_NAN_HASHED_BY_ADDRESS)) {
		ret->value = 0;
		say(ret, "0, as of every NaN");
		return CPEEK_OK;
	}
	if (!address) {
		say(ret, "a NaN hashes by its address, and a literal has none");
		return CPEEK_NOT_FOUND;
	}
	ret->value = hash_pointer(word, address);
	say(ret, "a NaN hashes by its address, rotated right by 4 bits");
	return CPEEK_OK;
}

static enum cpeek_status hash_number_of(const struct plains *plains, const struct word *word,
					const struct plain *plain, struct hash *ret)
{
	if (plain->kind == PLAIN_INT) {
		ret->value = hash_int(word, plain);
		say(ret, "the value modulo 2**%u - 1, with its sign%s", word->prime_bits,
		    ret->value == word->most - 1 ? "; -1 becomes -2" : "");
		return CPEEK_OK;
	}
	if (isnan(plain->real) || (plain->kind == PLAIN_COMPLEX && isnan(plain->imaginary)))
		return hash_nan(plains, word, plain->address, ret);
	ret->value = hash_double(word, plain->real);
	if (plain->kind == PLAIN_COMPLEX)
		ret->value = no_error(word, ret->value + IMAGINARY_FACTOR * hash_double(word, plain->imaginary));
	say(ret,
	    plain->kind == PLAIN_FLOAT ? "the value modulo 2**%u - 1, as of an equal int"
				       : "each part's value modulo 2**%u - 1; real + 1000003 * imaginary",
	    word->prime_bits);
	return CPEEK_OK;
}

/* ---- Text ---- */

static enum cpeek_status hash_bytes(struct objects *objects, const uint8_t *bytes, uint64_t length, struct hash *ret)
{
	const struct hash_secret *secret;

	if (length == 0) {
		ret->value = 0;
		say(ret, "0, as there are no bytes");
		return CPEEK_OK;
	}
	TRY(hash_secret_find(objects, &secret));
	if (!secret->known) {
		say(ret, "%s", secret->evidence);
		return CPEEK_NOT_FOUND;
	}
	ret->value = hash_secret_apply(objects, secret, bytes, (size_t)length);
	say(ret, "%s of %" PRIu64 " bytes and the target's secret", hash_algorithm_name(secret->algorithm), length);
	return CPEEK_OK;
}

/* ---- Objects of other types ---- */

static uint64_t read_slot(const struct objects *objects, const struct type *type)
{
	uint64_t slot = 0;

	return field_read(objects, type->address, FIELD_PyTypeObject_tp_hash, &slot) == CPEEK_OK ? slot : 0;
}

/* PyObject_HashNotImplemented(), which is what list has. 0 when it cannot be told. */
static uint64_t not_implemented(struct objects *objects)
{
	const struct python *python = objects->python;
	const struct type *type;
	target_addr list;

	if (!python->interpreter_count || !python->interpreters[0].builtins ||
	    dict_find(objects, python->interpreters[0].builtins, "list", 4, &list) != CPEEK_OK ||
	    type_read(objects, list, &type) != CPEEK_OK || strcmp(type->name, "list") != 0)
		return 0;
	return read_slot(objects, type);
}

/* What is behind an object's own hash field, or must be computed: each function answers NOT_FOUND for "not this way". */
static enum cpeek_status kept_hash(const struct object *object, enum layout_field field, struct hash *ret)
{
	const struct word word = word_of(object->objects);

	if (!layout_has(object->objects->layout, field))
		return CPEEK_NOT_FOUND;
	ret->value = object_get(object, field);
	say(ret, "kept in the object: %s", layout_field_name(field));
	return ret->value == word.most ? CPEEK_NOT_FOUND : CPEEK_OK;
}

/* frozenset_hash() of Objects/setobject.c: the entries' hashes, whatever their order, made up and xor-ed. */
static enum cpeek_status hash_frozenset(const struct object *object, struct hash *ret)
{
	const struct objects *objects = object->objects;
	const struct layout *layout = objects->layout;
	const struct word word = word_of(objects);
	const uint64_t mask = object_get(object, FIELD_PySetObject_mask);
	const uint64_t fill = object_get(object, FIELD_PySetObject_fill);
	const uint64_t used = object_get(object, FIELD_PySetObject_used);
	const struct layout_place hash_at = layout->fields[FIELD_setentry_hash];
	const uint32_t size = layout->structs[STRUCT_setentry];
	struct table table;
	uint64_t hash = 0, all[2] = {0, word.most};
	uint8_t buffer[32];
	const uint8_t *entry;

	if (mask & (mask + 1) || mask >= INT64_MAX || size > sizeof(buffer))
		return CPEEK_CORRUPT;
	TRY(table_open(objects, object_get(object, FIELD_PySetObject_table), (int64_t)mask + 1, size, &table));
	for (uint64_t i = 0; i <= mask; i++) {
		TRY(table_read(&table, i * size, size, buffer, &entry));
		const uint64_t h = target_get(objects->target, entry + hash_at.offset_plus_1 - 1, hash_at.size);
		hash ^= ((h ^ 89869747) ^ h << 16) * 3644798167u;
	}
	for (unsigned i = 0; i < 2; i++) /* what free slots (hash 0) and dummies (-1) added */
		if ((i == 0 ? mask + 1 - fill : fill - used) & 1)
			hash ^= ((all[i] ^ 89869747) ^ all[i] << 16) * 3644798167u;
	hash = (hash ^ (used + 1) * 1927868237u) & word.most;
	hash = (hash ^ hash >> 11 ^ hash >> 25) & word.most;
	hash = (hash * 69069 + 907133923) & word.most;
	ret->value = hash == word.most ? 590923713 : hash;
	say(ret, "the hashes of %" PRIu64 " items, mixed without regard to their order", used);
	return CPEEK_OK;
}

extern const struct object_type object_type_frozenset, object_type_builtin, object_type_builtin_method,
	object_type_weakref, object_type_decimal, object_type_date, object_type_time, object_type_datetime,
	object_type_timedelta;

/* The part of a builtin method's hash that its self makes: that one's hash or, from 3.8 and of NULL, its address. */
static enum cpeek_status hash_self(struct objects *objects, target_addr self, struct hash *ret)
{
	const struct word word = word_of(objects);
	struct object object;

	if (!self || !layout_trait(objects->layout, TRAIT_BUILTIN_HASHES_SELF)) {
		ret->value = hash_pointer(&word, self);
		return CPEEK_OK;
	}
	TRY(object_read(objects, self, &object));
	if (object.type->decoder == &object_type_builtin) {
		say(ret, "it is a builtin method of another one");
		return CPEEK_NOT_FOUND;
	}
	return hash_object(objects, self, ret);
}

/* meth_hash() of Objects/methodobject.c */
static enum cpeek_status hash_builtin(const struct object *object, struct hash *ret)
{
	const struct word word = word_of(object->objects);
	uint64_t function;

	TRY(field_read(object->objects, object_get(object, FIELD_PyCFunctionObject_m_ml), FIELD_PyMethodDef_ml_meth,
		       &function));
	TRY(hash_self(object->objects, object_get(object, FIELD_PyCFunctionObject_m_self), ret));
	ret->value = no_error(&word, ret->value ^ hash_pointer(&word, function));
	say(ret, layout_trait(object->objects->layout, TRAIT_BUILTIN_HASHES_SELF)
			 ? "the hash of m_self and the address of ml_meth, rotated right by 4 bits, xor-ed"
			 : "the addresses of m_self and ml_meth, each rotated right by 4 bits, xor-ed");
	return CPEEK_OK;
}

static enum cpeek_status hash_weakref(const struct object *object, struct hash *ret)
{
	const enum cpeek_status status = kept_hash(object, FIELD_PyWeakReference_hash, ret);

	if (status == CPEEK_NOT_FOUND)
		say(ret,
		    "hash() was never asked of it: it would be that of what it refers to, and is kept from then on");
	return status;
}

static enum cpeek_status hash_decimal(const struct object *object, struct hash *ret)
{
	const enum cpeek_status status = kept_hash(object, FIELD_PyDecObject_hash, ret);

	if (status == CPEEK_NOT_FOUND)
		say(ret, "hash() was never asked of this Decimal, which keeps it from then on");
	return status;
}

static enum cpeek_status hash_data(const struct object *object, enum layout_field kept, enum layout_field data,
				   size_t length, struct hash *ret)
{
	const enum cpeek_status status = kept_hash(object, kept, ret);

	if (status != CPEEK_NOT_FOUND)
		return status;
	return hash_bytes(object->objects, object->bytes + layout_offset(object->objects->layout, data), length, ret);
}

/* date_hash(), time_hash(), datetime_hash() of Modules/_datetimemodule.c: the packed bytes, when there is no zone. */
static enum cpeek_status hash_date(const struct object *object, struct hash *ret)
{
	return hash_data(object, FIELD_PyDateTime_Date_hashcode, FIELD_PyDateTime_Date_data, 4, ret);
}

static enum cpeek_status aware(const struct object *object, enum layout_field kept, struct hash *ret)
{
	const enum cpeek_status status = kept_hash(object, kept, ret);

	if (status == CPEEK_NOT_FOUND)
		say(ret, "hash() was never asked of it, and would call the utcoffset() of its tzinfo");
	return status;
}

static enum cpeek_status hash_time(const struct object *object, struct hash *ret)
{
	if (object_get(object, FIELD_PyDateTime_Time_hastzinfo))
		return aware(object, FIELD_PyDateTime_Time_hashcode, ret);
	return hash_data(object, FIELD_PyDateTime_Time_hashcode, FIELD_PyDateTime_Time_data, 6, ret);
}

static enum cpeek_status hash_datetime(const struct object *object, struct hash *ret)
{
	if (object_get(object, FIELD_PyDateTime_DateTime_hastzinfo))
		return aware(object, FIELD_PyDateTime_DateTime_hashcode, ret);
	return hash_data(object, FIELD_PyDateTime_DateTime_hashcode, FIELD_PyDateTime_DateTime_data, 10, ret);
}

/* delta_hash(): of the tuple of its three numbers. */
static enum cpeek_status hash_timedelta(const struct object *object, struct hash *ret);

static const struct {
	const struct object_type *decoder;
	enum layout_field needs;
	enum cpeek_status (*hash)(const struct object *object, struct hash *ret);
} special[] = {
	{&object_type_frozenset, FIELD_PySetObject_table, hash_frozenset},
	{&object_type_builtin, FIELD_PyCFunctionObject_m_ml, hash_builtin},
	{&object_type_builtin_method, FIELD_PyCFunctionObject_m_ml, hash_builtin},
	{&object_type_weakref, FIELD_PyWeakReference_hash, hash_weakref},
	{&object_type_decimal, FIELD_PyDecObject_hash, hash_decimal},
	{&object_type_date, FIELD_PyDateTime_Date_data, hash_date},
	{&object_type_time, FIELD_PyDateTime_Time_data, hash_time},
	{&object_type_datetime, FIELD_PyDateTime_DateTime_data, hash_datetime},
	{&object_type_timedelta, FIELD_PyDateTime_Delta_days, hash_timedelta},
};

/* Enum.__hash__() of Lib/enum.py is hash(self._name_). */
static bool is_enum_hash(struct objects *objects, target_addr function)
{
	struct strbuf name = {0};
	const bool is = name_read(objects, function, "__qualname__", &name) == CPEEK_OK &&
			strcmp(strbuf_text(&name), "Enum.__hash__") == 0;

	strbuf_deinit(&name);
	return is;
}

static enum cpeek_status hash_python(struct plains *plains, const struct object *object, struct hash *ret)
{
	struct objects *objects = object->objects;
	target_addr method, name;
	struct plain plain;

	if (type_find_attribute(objects, object->type, "__hash__", 8, &method) != CPEEK_OK) {
		say(ret, "its type %.80s has a hash of its own that is not known", object->type->name);
		return CPEEK_NOT_FOUND;
	}
	if (is_enum_hash(objects, method) && attribute_find(object, "_name_", 6, &name) == CPEEK_OK &&
	    plain_read(plains, name, &plain) == CPEEK_OK && plain.kind == PLAIN_STR) {
		TRY(hash_plain(plains, &plain, ret));
		say(ret, "that of its name: Enum.__hash__");
		return CPEEK_OK;
	}
	say(ret, "%.80s.__hash__ is code that would have to run", object->type->name);
	return CPEEK_NOT_FOUND;
}

static enum cpeek_status hash_other(struct plains *plains, const struct plain *plain, struct hash *ret)
{
	struct objects *objects = plains->objects;
	const struct word word = word_of(objects);
	struct object object;

	if (plain->kind == PLAIN_OBJECT && plain->own_hash) {
		ret->value = hash_pointer(&word, plain->address);
		say(ret, "the address, rotated right by 4 bits");
		return CPEEK_OK;
	}
	TRY(object_read(objects, plain->address, &object));
	const struct type *type = object.type;
	const uint64_t slot = read_slot(objects, type);
	if (slot && slot == not_implemented(objects)) {
		say(ret, "TypeError: unhashable type: '%.80s'", type->name);
		return CPEEK_NOT_FOUND;
	}
	for (size_t i = 0; i < sizeof(special) / sizeof(*special); i++)
		if (type->decoder == special[i].decoder && slot == read_slot(objects, type->decoder_type) &&
		    layout_has(objects->layout, special[i].needs))
			return special[i].hash(&object, ret);
	if (type->python_class)
		return hash_python(plains, &object, ret);
	say(ret, "how the C code of type %.80s hashes is not known here", type->name);
	return CPEEK_NOT_FOUND;
}

/* ---- Tuples ---- */

/* One tuple, while its items are hashed. */
struct tuple_hash {
	const struct plain *plain;
	uint64_t next;
	uint64_t state, factor;
};

static void tuple_start(const struct objects *objects, const struct plain *plain, struct tuple_hash *ret)
{
	*ret = (struct tuple_hash){.plain = plain, .state = TUPLE_START, .factor = TUPLE_FACTOR};
	if (layout_trait(objects->layout, TRAIT_TUPLE_XXHASH))
		ret->state = xxs[objects->layout->pointer_size == 4].prime_5;
}

static void tuple_add(const struct objects *objects, const struct word *word, struct tuple_hash *tuple, uint64_t hash)
{
	if (!layout_trait(objects->layout, TRAIT_TUPLE_XXHASH)) {
		const uint64_t left = tuple->plain->count - tuple->next;
		tuple->state = ((tuple->state ^ hash) * tuple->factor) & word->most;
		tuple->factor += TUPLE_STEP + left + left;
		return;
	}
	const struct xx *xx = &xxs[word->bits == 32];
	const uint64_t lane = (tuple->state + hash * xx->prime_2) & word->most;
	tuple->state = ((lane << xx->rotation | lane >> (word->bits - xx->rotation)) * xx->prime_1) & word->most;
}

static uint64_t tuple_end(const struct objects *objects, const struct word *word, const struct tuple_hash *tuple)
{
	if (!layout_trait(objects->layout, TRAIT_TUPLE_XXHASH))
		return no_error(word, tuple->state + TUPLE_END);
	const struct xx *xx = &xxs[word->bits == 32];
	const uint64_t hash = (tuple->state + (tuple->plain->count ^ (xx->prime_5 ^ TUPLE_LENGTH_SALT))) & word->most;
	return hash == word->most ? TUPLE_NOT_ERROR : hash;
}

/* ---- All ---- */

/* Of all but a tuple that does not keep its hash. */
static enum cpeek_status hash_single(struct plains *plains, const struct plain *plain, struct hash *ret)
{
	const struct word word = word_of(plains->objects);

	if (!plain->own_hash)
		return hash_other(plains, plain, ret);
	if (plain->has_hash) {
		ret->value = plain->hash;
		say(ret, "kept in the object");
		return CPEEK_OK;
	}
	switch (plain->kind) {
	case PLAIN_OBJECT:
	case PLAIN_TUPLE:
		return hash_other(plains, plain, ret);
	case PLAIN_NONE:
		if (layout_trait(plains->objects->layout, TRAIT_NONE_HASH_CONSTANT)) {
			ret->value = 0xfca86420;
			say(ret, "None has a constant hash");
		} else {
			ret->value = hash_pointer(&word, plain->address);
			say(ret, "the address, rotated right by 4 bits");
		}
		return CPEEK_OK;
	case PLAIN_INT:
	case PLAIN_FLOAT:
	case PLAIN_COMPLEX:
		return hash_number_of(plains, &word, plain, ret);
	case PLAIN_STR:
		return hash_bytes(plains->objects, plain->bytes, plain->count * plain->width, ret);
	case PLAIN_BYTES:
		return hash_bytes(plains->objects, plain->bytes, plain->count, ret);
	}
	return CPEEK_NOT_FOUND;
}

static bool must_be_computed(const struct plain *plain)
{
	return plain->kind == PLAIN_TUPLE && plain->own_hash && !plain->has_hash;
}

enum cpeek_status hash_plain(struct plains *plains, const struct plain *plain, struct hash *ret)
{
	const struct objects *objects = plains->objects;
	const struct word word = word_of(objects);
	struct tuple_hash stack[DEPTH_MAX];
	size_t depth = 0;
	const struct plain *next = plain;

	for (;;) {
		if (must_be_computed(next)) {
			if (depth == DEPTH_MAX) {
				say(ret, "tuples are nested more than %d deep", DEPTH_MAX);
				return CPEEK_NOT_FOUND;
			}
			tuple_start(objects, next, &stack[depth++]);
		} else {
			TRY(hash_single(plains, next, ret));
			if (!depth)
				return CPEEK_OK;
			stack[depth - 1].next++;
			tuple_add(objects, &word, &stack[depth - 1], ret->value);
		}
		while (stack[depth - 1].next >= stack[depth - 1].plain->count) {
			const struct tuple_hash *done = &stack[--depth];
			ret->value = tuple_end(objects, &word, done);
			say(ret, "the hashes of its %" PRIu64 " items, %s", done->plain->count,
			    layout_trait(objects->layout, TRAIT_TUPLE_XXHASH) ? "as in xxHash"
									      : "xor-ed and multiplied in turn");
			if (!depth)
				return CPEEK_OK;
			stack[depth - 1].next++;
			tuple_add(objects, &word, &stack[depth - 1], ret->value);
		}
		next = &stack[depth - 1].plain->items[stack[depth - 1].next];
	}
}

static enum cpeek_status hash_timedelta(const struct object *object, struct hash *ret)
{
	static const enum layout_field fields[] = {FIELD_PyDateTime_Delta_days, FIELD_PyDateTime_Delta_seconds,
						   FIELD_PyDateTime_Delta_microseconds};
	const struct objects *objects = object->objects;
	const struct word word = word_of(objects);
	const struct plain plain = {.kind = PLAIN_TUPLE, .count = 3};
	struct tuple_hash tuple;

	const enum cpeek_status status = kept_hash(object, FIELD_PyDateTime_Delta_hashcode, ret);
	if (status != CPEEK_NOT_FOUND)
		return status;
	tuple_start(objects, &plain, &tuple);
	for (size_t i = 0; i < 3; i++) {
		const int64_t number = object_get_signed(object, fields[i]);
		const uint64_t size = number < 0 ? -(uint64_t)number : (uint64_t)number;
		tuple.next++;
		tuple_add(objects, &word, &tuple, with_sign(&word, size % word.prime, number < 0));
	}
	ret->value = tuple_end(objects, &word, &tuple);
	say(ret, "that of the tuple (days, seconds, microseconds)");
	return CPEEK_OK;
}

enum cpeek_status hash_object(struct objects *objects, target_addr address, struct hash *ret)
{
	struct plains plains;
	struct plain plain;

	plains_init(objects, VALUES_MOST, &plains);
	enum cpeek_status status = plain_read(&plains, address, &plain);
	if (status == CPEEK_OK)
		status = hash_plain(&plains, &plain, ret);
	else
		say(ret, "it cannot be read: %s", cpeek_status_text((int32_t)status));
	plains_deinit(&plains);
	return status;
}
