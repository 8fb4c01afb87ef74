/*
 * array.array: C numbers of one kind, or characters, side by side.
 */
#include "base/memory.h"
#include "object/array.h"
#include "object/class_name.h"
#include "object/number.h"

#include <string.h>

enum cpeek_status array_read_kind(const struct object *object, struct array_kind *ret)
{
	const target_addr descr = object_get(object, FIELD_arrayobject_ob_descr);
	uint64_t typecode, itemsize;

	TRY(field_read(object->objects, descr, FIELD_arraydescr_typecode, &typecode));
	TRY(field_read(object->objects, descr, FIELD_arraydescr_itemsize, &itemsize));
	if (!strchr("bBuwhHiIlLqQfd", (int)typecode) || !typecode ||
	    (itemsize != 1 && itemsize != 2 && itemsize != 4 && itemsize != 8))
		return CPEEK_CORRUPT;
	ret->typecode = (char)typecode;
	ret->itemsize = itemsize;
	return CPEEK_OK;
}

void array_put_number(struct strbuf *out, struct array_kind kind, uint64_t bits)
{
	const unsigned unused = (unsigned)(64 - 8 * kind.itemsize);

	if (kind.typecode == 'd') {
		double number;
		memcpy(&number, &bits, sizeof(number));
		number_put_float(out, number);
	} else if (kind.typecode == 'f') {
		uint32_t half = (uint32_t)bits;
		float number;
		memcpy(&number, &half, sizeof(number));
		number_put_float(out, (double)number);
	} else if (strchr("bhilq", kind.typecode) && (int64_t)(bits << unused) < 0) {
		strbuf_putc(out, '-');
		number_put_small(out, -(uint64_t)((int64_t)(bits << unused) >> unused));
	} else {
		number_put_small(out, bits);
	}
}

static enum cpeek_status put_numbers(struct value *value, struct array_kind kind, const struct table *table,
				     uint64_t count)
{
	struct strbuf *out = value_buffer(value);
	const uint64_t limit = value_limits(value)->elements;
	enum cpeek_status status = CPEEK_OK;
	uint8_t buffer[8];
	const uint8_t *bytes;
	uint64_t i;

	strbuf_putc(out, '[');
	for (i = 0; i < count && !(limit && i >= limit); i++) {
		status = table_read(table, i * kind.itemsize, (size_t)kind.itemsize, buffer, &bytes);
		if (status != CPEEK_OK)
			break;
		if (i)
			strbuf_puts(out, ", ");
		array_put_number(out, kind, target_get(table->target, bytes, (size_t)kind.itemsize));
	}
	if (i < count && status == CPEEK_OK) {
		strbuf_puts(out, ", ");
		value_cut(value, count - i, "items");
	}
	if (status != CPEEK_OK)
		value_mark(value, status, table->target->fault_address, "items");
	strbuf_putc(out, ']');
	return CPEEK_OK;
}

/* 'u' (wchar_t) and 'w' (3.13+): the text as a str would show it. */
static enum cpeek_status put_text(struct value *value, const struct layout *layout, struct array_kind kind,
				  const struct table *table, uint64_t count)
{
	const uint64_t limit = value_limits(value)->string;
	const uint64_t shown = limit && count > limit ? limit : count;
	uint8_t buffer[8];
	const uint8_t *bytes;

	/* The last one before any memory is taken on the count's word. */
	TRY(table_read(table, (shown - 1) * kind.itemsize, (size_t)kind.itemsize, buffer, &bytes));
	uint32_t *characters = memory_calloc((size_t)shown, sizeof(*characters));
	if (!characters)
		return CPEEK_NO_MEMORY;
	enum cpeek_status status = CPEEK_OK;
	for (uint64_t i = 0; i < shown && status == CPEEK_OK; i++) {
		status = table_read(table, i * kind.itemsize, (size_t)kind.itemsize, buffer, &bytes);
		if (status == CPEEK_OK)
			characters[i] = (uint32_t)target_get(table->target, bytes, (size_t)kind.itemsize);
	}
	if (status == CPEEK_OK)
		str_put_repr(value_buffer(value), layout, characters, (size_t)shown);
	memory_free(characters);
	if (status == CPEEK_OK && shown < count)
		value_cut(value, count - shown, "characters");
	return status;
}

/* array_repr() of Modules/arraymodule.c */
static enum cpeek_status array_decode(const struct object *object, struct value *value)
{
	struct array_kind kind;
	struct table table;

	TRY(array_read_kind(object, &kind));
	TRY(table_open(object->objects, object_get(object, FIELD_arrayobject_ob_item), object->ob_size, kind.itemsize,
		       &table));
	value_format(value, "%s('%c'", class_name(object), kind.typecode);
	if (object->ob_size) {
		value_text(value, ", ");
		if (kind.typecode == 'u' || kind.typecode == 'w')
			TRY(put_text(value, object->objects->layout, kind, &table, (uint64_t)object->ob_size));
		else
			TRY(put_numbers(value, kind, &table, (uint64_t)object->ob_size));
	}
	value_text(value, ")");
	return CPEEK_OK;
}

static enum cpeek_status array_size(const struct object *object, uint64_t *ret)
{
	struct array_kind kind;

	TRY(array_read_kind(object, &kind));
	*ret = (uint64_t)object->type->basicsize + object_get(object, FIELD_arrayobject_allocated) * kind.itemsize;
	return CPEEK_OK;
}

const struct object_type object_type_array = {
	.name = "array.array",
	.structure = STRUCT_arrayobject,
	.decode = array_decode,
	.size = array_size,
	.dissect = array_dissect,
};
