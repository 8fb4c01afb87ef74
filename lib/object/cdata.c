/*
 * ctypes' simple values: c_int(5). The letter in their class's _type_ says how the bytes are to be read.
 */
#include "object/bytes.h"
#include "object/number.h"

#include <elf.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

enum kind {
	KIND_SIGNED,
	KIND_UNSIGNED,
	KIND_BOOL,
	KIND_FLOAT,
	KIND_DOUBLE,
	KIND_LONG_DOUBLE, /* shown as a double */
	KIND_BYTE,        /* bytes of length 1 */
	KIND_CHARACTER,   /* str of length 1 */
	KIND_POINTER,     /* an int, None for NULL */
	KIND_OBJECT,
};

/* formattable of Modules/_ctypes/cfield.c, but for strings, whose classes have reprs of their own. How many bytes there are the object itself says. */
static const struct format {
	char letter;
	enum kind kind;
} formats[] = {
	{'b', KIND_SIGNED},   {'h', KIND_SIGNED},      {'i', KIND_SIGNED},   {'l', KIND_SIGNED},
	{'q', KIND_SIGNED},   {'B', KIND_UNSIGNED},    {'H', KIND_UNSIGNED}, {'I', KIND_UNSIGNED},
	{'L', KIND_UNSIGNED}, {'Q', KIND_UNSIGNED},    {'?', KIND_BOOL},     {'f', KIND_FLOAT},
	{'d', KIND_DOUBLE},   {'c', KIND_BYTE},        {'P', KIND_POINTER},  {'u', KIND_CHARACTER},
	{'O', KIND_OBJECT},   {'g', KIND_LONG_DOUBLE},
};

/* NOT_FOUND: none of those that are known. */
static enum cpeek_status find_kind(const struct object *object, enum kind *ret)
{
	struct objects *objects = object->objects;
	target_addr letter;

	TRY(type_find_attribute(objects, object->type, "_type_", 6, &letter));
	for (size_t i = 0; i < sizeof(formats) / sizeof(*formats); i++) {
		if (str_equals(objects, letter, &formats[i].letter, 1)) {
			*ret = formats[i].kind;
			return CPEEK_OK;
		}
	}
	return CPEEK_NOT_FOUND;
}

/* Whether the class is that of the other byte order: it is its own __ctype_be__ or __ctype_le__. */
static bool is_swapped(const struct object *object)
{
	const bool big = object->objects->target->big_endian;
	const char *other = big ? "__ctype_le__" : "__ctype_be__", *own = big ? "__ctype_be__" : "__ctype_le__";
	target_addr swapped, native;

	return type_find_attribute(object->objects, object->type, other, 12, &swapped) == CPEEK_OK &&
	       type_find_attribute(object->objects, object->type, own, 12, &native) == CPEEK_OK &&
	       swapped == object->type->address && native != swapped;
}

/* The value's bytes as a number of the target's byte order, or of the other one. */
static enum cpeek_status read_bits(const struct object *object, uint64_t *ret_bits, uint64_t *ret_size)
{
	struct target *target = object->objects->target;
	const uint64_t size = object_get(object, FIELD_CDataObject_b_size);
	uint8_t bytes[8];

	if (size != 1 && size != 2 && size != 4 && size != 8)
		return CPEEK_CORRUPT;
	TRY(target_read(target, object_get(object, FIELD_CDataObject_b_ptr), bytes, (size_t)size));
	const uint64_t bits = target_get(target, bytes, (size_t)size);
	*ret_bits = is_swapped(object) ? __builtin_bswap64(bits) >> (64 - 8 * size) : bits;
	*ret_size = size;
	return CPEEK_OK;
}

static void put_number(enum kind kind, uint64_t bits, unsigned size, struct strbuf *out)
{
	const unsigned unused = 64 - 8 * size;
	const uint32_t narrow = (uint32_t)bits;
	double number;
	float single;

	switch (kind) {
	case KIND_SIGNED:
		strbuf_printf(out, "%" PRId64, (int64_t)(bits << unused) >> unused);
		break;
	case KIND_BOOL:
		strbuf_puts(out, bits ? "True" : "False");
		break;
	case KIND_POINTER:
		if (bits)
			number_put_small(out, bits);
		else
			strbuf_puts(out, "None");
		break;
	case KIND_FLOAT:
		memcpy(&single, &narrow, sizeof(single));
		number_put_float(out, single);
		break;
	case KIND_DOUBLE:
		memcpy(&number, &bits, sizeof(number));
		number_put_float(out, number);
		break;
	default:
		number_put_small(out, bits);
		break;
	}
}

/* A long double of the target's machine, as PyFloat_FromDouble() makes it: x87's extended form (a 64-bit significand with
 * its integer bit, a 15-bit exponent), IEEE's binary128, or a double. */
static enum cpeek_status put_long_double(const struct object *object, struct value *value)
{
	enum { X87_BIAS = 16383, X87_I386 = 12, WIDE = 16, EXPONENT = 0x7fff };
	struct target *target = object->objects->target;
	const uint64_t size = object_get(object, FIELD_CDataObject_b_size);
	const unsigned machine = object->objects->layout->machine;
	const bool x87 = machine == EM_X86_64 || machine == EM_386;
	uint8_t bytes[WIDE] = {0};
	double number;

	if (size != 8 && size != WIDE && !(x87 && size == X87_I386))
		return CPEEK_CORRUPT;
	TRY(target_read(target, object_get(object, FIELD_CDataObject_b_ptr), bytes, (size_t)size));
	if (size == 8) {
		const uint64_t bits = target_get(target, bytes, 8);
		memcpy(&number, &bits, sizeof(number));
	} else {
		const bool big = target->big_endian;
		const uint64_t low = target_get(target, bytes + (big ? 8 : 0), 8);
		const uint64_t high = target_get(target, bytes + (big ? 0 : 8), 8);
		const unsigned sign_exponent = (unsigned)(x87 ? high & 0xffff : high >> 48);
		const int exponent = (int)(sign_exponent & EXPONENT);
		/* Of binary128 the first 64 bits of the significand, its hidden bit, and whether more bits follow: as much
		 * as rounding to a double can tell apart. */
		const uint64_t hidden = exponent && !x87 ? (uint64_t)1 << 63 : 0;
		const uint64_t fraction =
			x87 ? low : hidden | (high & 0xffffffffffff) << 15 | low >> 49 | (low << 15 != 0);
		if (exponent == EXPONENT)
			number = fraction << 1 ? NAN : INFINITY;
		else
			number = ldexp((double)fraction, exponent - X87_BIAS - 63);
		if (sign_exponent & 0x8000)
			number = -number;
	}
	value_format(value, "%s(", object->type->tp_name);
	number_put_float(value_buffer(value), number);
	value_text(value, ")");
	return CPEEK_OK;
}

/* object_repr() of Objects/typeobject.c, and what Simple_repr() writes for classes derived from c_int and the like. */
static void put_default(const struct object *object, const char *name, struct value *value)
{
	value_format(value, "<%s object at 0x%" PRIx64 ">", name, object->address);
}

/* Simple_repr() of Modules/_ctypes/_ctypes.c */
static enum cpeek_status simple_decode(const struct object *object, struct value *value)
{
	struct objects *objects = object->objects;
	uint64_t bits, size;
	enum kind kind;

	if (object->type->base != object->type->decoder_type->address) {
		put_default(object, object->type->tp_name, value);
		return CPEEK_OK;
	}
	enum cpeek_status status = find_kind(object, &kind);
	if (status == CPEEK_NOT_FOUND) {
		put_default(object, object->type->name, value);
		return CPEEK_OK;
	}
	TRY(status);
	if (kind == KIND_LONG_DOUBLE)
		return put_long_double(object, value);
	TRY(read_bits(object, &bits, &size));
	if ((kind == KIND_DOUBLE && size != 8) || (kind == KIND_FLOAT && size != 4))
		return CPEEK_CORRUPT;
	value_format(value, "%s(", object->type->tp_name);
	if (kind == KIND_OBJECT)
		value_object(value, bits);
	else if (kind == KIND_BYTE)
		TRY(bytes_put_slice(objects, object_get(object, FIELD_CDataObject_b_ptr), 1, 1, value_buffer(value)));
	else if (kind == KIND_CHARACTER)
		str_put_repr(value_buffer(value), objects->layout, (const uint32_t[]){(uint32_t)bits}, 1);
	else
		put_number(kind, bits, (unsigned)size, value_buffer(value));
	value_text(value, ")");
	return CPEEK_OK;
}

/* PyCData_traverse() */
static const enum layout_field simple_fields[] = {FIELD_CDataObject_b_objects, FIELD_CDataObject_b_base,
						  FIELD_PyObject_ob_type};

const struct object_type object_type_simple = {
	.name = "_ctypes._SimpleCData",
	.structure = STRUCT_CDataObject,
	.decode = simple_decode,
	.fields = simple_fields,
	.field_count = sizeof(simple_fields) / sizeof(*simple_fields),
};
