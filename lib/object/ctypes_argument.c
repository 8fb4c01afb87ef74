/*
 * What ctypes passes to a function: byref(x), c_int.from_param(7). A letter says what its value is.
 */
#include "object/number.h"

#include "object/decoder.h"

#include <inttypes.h>
#include <string.h>

/* is_literal_char() of Modules/_ctypes/callproc.c */
static bool is_literal(unsigned c)
{
	return c >= ' ' && c < 0x7f && c != '\\' && c != '\'';
}

static void put_float(struct value *value, unsigned tag, double number)
{
	value_format(value, "<cparam '%c' (", (int)tag);
	number_put_float(value_buffer(value), number);
	value_text(value, ")>");
}

static void put_signed(struct value *value, unsigned tag, uint64_t bits, unsigned size)
{
	const unsigned unused = 64 - 8 * size;

	value_format(value, "<cparam '%c' (%" PRId64 ")>", (int)tag, (int64_t)(bits << unused) >> unused);
}

static void put_address(struct value *value, unsigned tag, target_addr address)
{
	if (address)
		value_format(value, "<cparam '%c' (0x%" PRIx64 ")>", (int)tag, address);
	else
		value_format(value, "<cparam '%c' (0x(nil))>", (int)tag); /* %p of glibc, behind PyUnicode's own 0x */
}

/* PyCArg_repr() of Modules/_ctypes/callproc.c */
static enum cpeek_status argument_decode(const struct object *object, struct value *value)
{
	struct target *target = object->objects->target;

	if (!layout_has(object->objects->layout, FIELD_PyCArgObject_tag) ||
	    !layout_has(object->objects->layout, FIELD_PyCArgObject_value))
		return CPEEK_UNSUPPORTED;
	const unsigned word = target->pointer_size;
	unsigned tag = (unsigned)object_get(object, FIELD_PyCArgObject_tag) & 0xff;
	if (object->objects->layout->fields[FIELD_PyCArgObject_tag].size != 1) {
		/* 3.15: a pointer to what begins with the letter */
		uint8_t letter;
		TRY(target_read_u8(target, object_get(object, FIELD_PyCArgObject_tag), &letter));
		tag = letter;
	}
	uint8_t bytes[8];
	float single;
	double number;

	/* The union is as wide as a long double at least. */
	TRY(target_read(target, object_field_address(object, FIELD_PyCArgObject_value), bytes, sizeof(bytes)));
	const uint64_t bits = target_get(target, bytes, 8);
	const uint32_t narrow = (uint32_t)target_get(target, bytes, 4);
	switch (tag) {
	case 'b':
	case 'B':
		put_signed(value, tag, bytes[0], 1);
		break;
	case 'h':
	case 'H':
		put_signed(value, tag, target_get(target, bytes, 2), 2);
		break;
	case 'i':
	case 'I':
		put_signed(value, tag, narrow, 4);
		break;
	case 'l':
	case 'L':
		put_signed(value, tag, target_get(target, bytes, word), word);
		break;
	case 'q':
	case 'Q':
		put_signed(value, tag, bits, 8);
		break;
	case 'f':
		memcpy(&single, &narrow, sizeof(single));
		put_float(value, tag, (double)single);
		break;
	case 'd':
		memcpy(&number, &bits, sizeof(number));
		put_float(value, tag, number);
		break;
	case 'c':
		if (is_literal(bytes[0]))
			value_format(value, "<cparam 'c' ('%c')>", bytes[0]);
		else
			value_format(value, "<cparam 'c' ('\\x%02x')>", bytes[0]);
		break;
	case 'z':
	case 'Z':
	case 'P':
		put_address(value, tag, target_get_pointer(target, bytes));
		break;
	default:
		if (is_literal(tag))
			value_format(value, "<cparam '%c' at 0x%" PRIx64 ">", (int)tag, object->address);
		else
			value_format(value, "<cparam 0x%02x at 0x%" PRIx64 ">", tag, object->address);
		break;
	}
	return CPEEK_OK;
}

static const enum layout_field argument_fields[] = {FIELD_PyCArgObject_obj};

const struct object_type object_type_ctypes_argument = {
	.name = "CArgObject|_ctypes.CArgObject",
	.structure = STRUCT_PyCArgObject,
	.decode = argument_decode,
	.fields = argument_fields,
	.field_count = sizeof(argument_fields) / sizeof(*argument_fields),
};
