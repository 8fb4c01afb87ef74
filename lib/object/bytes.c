/*
 * bytes, and how bytes look in quotes.
 */
#include "object/bytes.h"

#include <string.h>

enum { CHUNK = 4096 };

static void put_byte(struct strbuf *out, uint8_t byte, char escaped)
{
	if (byte == (uint8_t)escaped || byte == '\\') {
		strbuf_putc(out, '\\');
		strbuf_putc(out, (char)byte);
	} else if (byte == '\t') {
		strbuf_puts(out, "\\t");
	} else if (byte == '\n') {
		strbuf_puts(out, "\\n");
	} else if (byte == '\r') {
		strbuf_puts(out, "\\r");
	} else if (byte < ' ' || byte >= 0x7f) {
		strbuf_printf(out, "\\x%02x", byte);
	} else {
		strbuf_putc(out, (char)byte);
	}
}

/* PyBytes_Repr() of Objects/bytesobject.c, with smart quotes: double ones only around what has single ones and no
 * double ones. Of the bytes from stop on only these quotes come out. */
static enum cpeek_status put_repr(const struct table *table, uint64_t end, uint64_t stop, bool single_escaped,
				  struct strbuf *out)
{
	bool has_single = false, has_double = false;
	uint8_t buffer[CHUNK];
	const uint8_t *bytes;
	size_t count;

	for (uint64_t i = 0; i < end; i += count) {
		count = end - i < CHUNK ? (size_t)(end - i) : CHUNK;
		TRY(table_read(table, i, count, buffer, &bytes));
		has_single = has_single || memchr(bytes, '\'', count);
		has_double = has_double || memchr(bytes, '"', count);
	}
	const char quote = has_single && !has_double ? '"' : '\'';
	const char escaped = single_escaped ? '\'' : quote;
	strbuf_putc(out, 'b');
	strbuf_putc(out, quote);
	for (uint64_t i = 0; i < stop; i += count) {
		count = stop - i < CHUNK ? (size_t)(stop - i) : CHUNK;
		TRY(table_read(table, i, count, buffer, &bytes));
		for (size_t j = 0; j < count; j++)
			put_byte(out, bytes[j], escaped);
	}
	strbuf_putc(out, quote);
	return CPEEK_OK;
}

enum cpeek_status bytes_put(const struct object *object, struct value *value, target_addr address, int64_t count,
			    bool single_escaped)
{
	const uint64_t limit = value_limits(value)->string;
	struct table table;

	TRY(table_open(object->objects, address, count, 1, &table));
	const uint64_t end = limit && table.length > limit ? limit : table.length;
	TRY(put_repr(&table, end, end, single_escaped, value_buffer(value)));
	if (end < table.length)
		value_cut(value, table.length - end, "bytes");
	return CPEEK_OK;
}

enum cpeek_status bytes_put_slice(const struct objects *objects, target_addr address, int64_t count, uint64_t most,
				  struct strbuf *out)
{
	struct table table;

	TRY(table_open(objects, address, count, 1, &table));
	return put_repr(&table, table.length, most < table.length ? most : table.length, false, out);
}

static enum cpeek_status bytes_decode(const struct object *object, struct value *value)
{
	return bytes_put(object, value, object_field_address(object, FIELD_PyBytesObject_ob_sval), object->ob_size,
			 false);
}

/* tp_basicsize counts one byte of the text. */
const struct object_type object_type_bytes = {
	.name = "bytes",
	.structure = STRUCT_PyVarObject,
	.decode = bytes_decode,
	.dissect = bytes_dissect,
};

enum cpeek_status bytes_read_size(struct objects *objects, target_addr address, uint64_t *ret, uint64_t *ret_refcount)
{
	struct object object;

	TRY(object_read(objects, address, &object));
	if (object.type->decoder != &object_type_bytes)
		return CPEEK_CORRUPT;
	TRY(object_read_size(&object, ret));
	*ret_refcount = object.refcount;
	return CPEEK_OK;
}
