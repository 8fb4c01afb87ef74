/*
 * str: PEP 393's forms of text, and its repr(). Knows widths and quotes; which characters are printable is
 * printable.c's business.
 */
#include "object/str.h"
#include "object/printable.h"

#include <string.h>

enum { CHUNK = 4096 /* bytes of text read at once, a multiple of every width */ };

struct text {
	struct table table;
	uint64_t length; /* characters */
	unsigned width;  /* bytes of one: 1, 2, 4 */
};

/* ---- Where the text is ---- */

/* state.kind, Include/cpython/unicodeobject.h: its width; 0 before the text is ready, to 3.11. */
static enum cpeek_status find_text(const struct object *object, target_addr *ret_data, uint64_t *ret_length,
				   unsigned *ret_width)
{
	const struct layout *layout = object->objects->layout;
	const unsigned width = (unsigned)object_get(object, FIELD_PyASCIIObject_kind);
	uint64_t length = object_get(object, FIELD_PyASCIIObject_length);
	target_addr data;

	if (layout_has(layout, FIELD_PyASCIIObject_ready) && !object_get(object, FIELD_PyASCIIObject_ready)) {
		*ret_data = object_get(object, FIELD_PyASCIIObject_wstr);
		*ret_length = object_get(object, FIELD_PyCompactUnicodeObject_wstr_length);
		*ret_width = 4; /* wchar_t of every Unix */
		return *ret_data ? CPEEK_OK : CPEEK_CORRUPT;
	}
	if (width != 1 && width != 2 && width != 4)
		return CPEEK_CORRUPT;
	if (!object_get(object, FIELD_PyASCIIObject_compact))
		data = object_get(object, FIELD_PyUnicodeObject_data);
	else if (object_get(object, FIELD_PyASCIIObject_ascii))
		data = object->address + layout->structs[STRUCT_PyASCIIObject];
	else
		data = object->address + layout->structs[STRUCT_PyCompactUnicodeObject];
	if (!data)
		return CPEEK_CORRUPT;
	*ret_data = data;
	*ret_length = length;
	*ret_width = width;
	return CPEEK_OK;
}

static enum cpeek_status text_open(const struct object *object, struct text *ret)
{
	target_addr data;
	uint64_t length;
	unsigned width;

	TRY(find_text(object, &data, &length, &width));
	TRY(table_open(object->objects, data, (int64_t)length, width, &ret->table));
	ret->length = length;
	ret->width = width;
	return CPEEK_OK;
}

/* A compact str may be shorter than the whole structure, at the end of memory. */
static enum cpeek_status text_open_untyped(struct objects *objects, target_addr address, struct text *ret)
{
	const uint32_t *structs = objects->layout->structs;
	struct object object;

	TRY(object_read_untyped(objects, address, TYPE_UNICODE_SUBCLASS, structs[STRUCT_PyASCIIObject],
				structs[STRUCT_PyUnicodeObject], &object));
	return text_open(&object, ret);
}

/* Characters from index on, as many as one chunk holds and are before end. */
static enum cpeek_status text_read(const struct text *text, uint64_t index, uint64_t end, uint8_t *buffer,
				   const uint8_t **ret, size_t *ret_count)
{
	uint64_t count = end - index;

	if (count > CHUNK / text->width)
		count = CHUNK / text->width;
	TRY(table_read(&text->table, index * text->width, (size_t)count * text->width, buffer, ret));
	*ret_count = (size_t)count;
	return CPEEK_OK;
}

static inline uint32_t character_at(const struct text *text, const uint8_t *bytes, size_t index)
{
	return text->width == 1 ? bytes[index]
				: (uint32_t)target_get(text->table.target, bytes + index * text->width, text->width);
}

/* ---- repr() ---- */

struct quoting {
	struct strbuf *out;
	const struct layout *layout;
	uint32_t quote;
};

/* unicode_repr() of Objects/unicodeobject.c */
static void put_quoted(const struct quoting *quoting, uint32_t c)
{
	struct strbuf *out = quoting->out;

	if (c == quoting->quote || c == '\\') {
		strbuf_putc(out, '\\');
		strbuf_putc(out, (char)c);
	} else if (c == '\n') {
		strbuf_puts(out, "\\n");
	} else if (c == '\r') {
		strbuf_puts(out, "\\r");
	} else if (c == '\t') {
		strbuf_puts(out, "\\t");
	} else if (printable_has(quoting->layout, c)) {
		strbuf_put_utf8(out, c);
	} else {
		strbuf_printf(out, c <= 0xff ? "\\x%02x" : c <= 0xffff ? "\\u%04x" : "\\U%08x", c);
	}
}

/* Double quotes only around text that has single ones and no double ones. */
static uint32_t choose_quote(bool has_single, bool has_double)
{
	return has_single && !has_double ? '"' : '\'';
}

void str_put_repr(struct strbuf *out, const struct layout *layout, const uint32_t *characters, size_t count)
{
	bool has_single = false, has_double = false;

	for (size_t i = 0; i < count; i++) {
		has_single |= characters[i] == '\'';
		has_double |= characters[i] == '"';
	}
	const struct quoting quoting = {out, layout, choose_quote(has_single, has_double)};
	strbuf_putc(out, (char)quoting.quote);
	for (size_t i = 0; i < count; i++)
		put_quoted(&quoting, characters[i]);
	strbuf_putc(out, (char)quoting.quote);
}

/* The characters from start to end in quotes; of those from stop on only the quotes around them come out. */
static enum cpeek_status text_put_repr(const struct text *text, const struct layout *layout, uint64_t start,
				       uint64_t end, uint64_t stop, struct strbuf *out)
{
	bool has_single = false, has_double = false;
	uint8_t buffer[CHUNK];
	const uint8_t *bytes;
	size_t count;

	for (uint64_t i = start; i < end; i += count) {
		TRY(text_read(text, i, end, buffer, &bytes, &count));
		for (size_t j = 0; j < count; j++) {
			uint32_t c = character_at(text, bytes, j);
			has_single |= c == '\'';
			has_double |= c == '"';
		}
	}
	const struct quoting quoting = {out, layout, choose_quote(has_single, has_double)};
	strbuf_putc(out, (char)quoting.quote);
	for (uint64_t i = start; i < stop; i += count) {
		TRY(text_read(text, i, stop, buffer, &bytes, &count));
		for (size_t j = 0; j < count; j++) {
			uint32_t c = character_at(text, bytes, j);
			if (c >= 0x20 && c < 0x7f && c != '\\' && c != quoting.quote)
				strbuf_putc(out, (char)c);
			else
				put_quoted(&quoting, c);
		}
	}
	strbuf_putc(out, (char)quoting.quote);
	return CPEEK_OK;
}

static enum cpeek_status str_decode(const struct object *object, struct value *value)
{
	const uint64_t limit = value_limits(value)->string;
	struct text text;

	TRY(text_open(object, &text));
	uint64_t end = limit && text.length > limit ? limit : text.length;
	TRY(text_put_repr(&text, object->objects->layout, 0, end, end, value_buffer(value)));
	if (end < text.length)
		value_cut(value, text.length - end, "characters");
	return CPEEK_OK;
}

/* unicode_sizeof() of Objects/unicodeobject.c; cached UTF-8 and, to 3.11, wide characters count if they are no part of
 * what was counted before. */
static enum cpeek_status str_size(const struct object *object, uint64_t *ret)
{
	const struct layout *layout = object->objects->layout;
	const uint64_t length = object_get(object, FIELD_PyASCIIObject_length);
	const uint64_t kind = object_get(object, FIELD_PyASCIIObject_kind);
	const bool compact = object_get(object, FIELD_PyASCIIObject_compact) != 0;
	const bool compact_ascii = compact && object_get(object, FIELD_PyASCIIObject_ascii);
	target_addr data = object->address + layout->structs[STRUCT_PyCompactUnicodeObject];
	uint64_t size;

	if (compact_ascii) {
		data = object->address + layout->structs[STRUCT_PyASCIIObject];
		size = layout->structs[STRUCT_PyASCIIObject] + length + 1;
	} else if (compact) {
		size = layout->structs[STRUCT_PyCompactUnicodeObject] + (length + 1) * kind;
	} else {
		data = object_get(object, FIELD_PyUnicodeObject_data);
		size = layout->structs[STRUCT_PyUnicodeObject] + (data ? (length + 1) * kind : 0);
	}
	if (layout_has(layout, FIELD_PyASCIIObject_wstr)) {
		target_addr wstr = object_get(object, FIELD_PyASCIIObject_wstr);
		bool ready = object_get(object, FIELD_PyASCIIObject_ready) != 0;
		uint64_t characters =
			compact_ascii ? length : object_get(object, FIELD_PyCompactUnicodeObject_wstr_length);
		if (wstr && (!ready || wstr != data))
			size += 4 * (characters + 1);
	}
	if (!compact_ascii) {
		target_addr utf8 = object_get(object, FIELD_PyCompactUnicodeObject_utf8);
		if (utf8 && utf8 != data)
			size += object_get(object, FIELD_PyCompactUnicodeObject_utf8_length) + 1;
	}
	*ret = size;
	return CPEEK_OK;
}

bool str_find_hash(const struct objects *objects, target_addr address, uint64_t *ret)
{
	uint64_t type, flags;

	return field_read(objects, address, FIELD_PyObject_ob_type, &type) == CPEEK_OK &&
	       field_read(objects, type, FIELD_PyTypeObject_tp_flags, &flags) == CPEEK_OK &&
	       (flags & (TYPE_UNICODE_SUBCLASS | TYPE_HEAPTYPE)) == TYPE_UNICODE_SUBCLASS &&
	       field_read(objects, address, FIELD_PyASCIIObject_hash, ret) == CPEEK_OK;
}

const struct object_type object_type_str = {
	.name = "str",
	.structure = STRUCT_PyUnicodeObject,
	.decode = str_decode,
	.size = str_size,
	.dissect = str_dissect,
};

/* ---- For other layers ---- */

enum cpeek_status str_open(const struct object *object, struct table *ret, uint64_t *ret_length, unsigned *ret_width)
{
	struct text text;

	TRY(text_open(object, &text));
	*ret = text.table;
	*ret_length = text.length;
	*ret_width = text.width;
	return CPEEK_OK;
}

/* strbuf_put_utf8() has no surrogates. */
static void put_character(struct strbuf *out, uint32_t c)
{
	if (c >= 0xd800 && c <= 0xdfff) {
		const char bytes[3] = {(char)(0xe0 | c >> 12), (char)(0x80 | (c >> 6 & 0x3f)),
				       (char)(0x80 | (c & 0x3f))};
		strbuf_append(out, bytes, sizeof(bytes));
	} else {
		strbuf_put_utf8(out, c);
	}
}

enum cpeek_status str_read(struct objects *objects, target_addr address, uint64_t limit, struct strbuf *out,
			   uint64_t *ret_cut)
{
	struct text text;
	uint8_t buffer[CHUNK];
	const uint8_t *bytes;
	size_t count;

	TRY(text_open_untyped(objects, address, &text));
	uint64_t end = limit && text.length > limit ? limit : text.length;
	const size_t before = out->length;
	for (uint64_t i = 0; i < end; i += count) {
		enum cpeek_status status = text_read(&text, i, end, buffer, &bytes, &count);
		if (status != CPEEK_OK) {
			out->length = before;
			return status;
		}
		for (size_t j = 0; j < count; j++)
			put_character(out, character_at(&text, bytes, j));
	}
	if (ret_cut)
		*ret_cut = text.length - end;
	return CPEEK_OK;
}

/* The next character of UTF-8 that is known to be well formed but for its end; 0xffffffff when there is none. */
static uint32_t next_character(const char **at, const char *end)
{
	if (*at == end)
		return UINT32_MAX;
	uint8_t first = (uint8_t) * (*at)++;
	if (first < 0x80)
		return first;
	unsigned more = first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : 1;
	uint32_t c = first & (0x3fu >> more);
	for (; more && *at != end; more--)
		c = c << 6 | ((uint8_t) * (*at)++ & 0x3f);
	return c;
}

enum cpeek_status str_put_slice(struct objects *objects, target_addr address, uint64_t start, uint64_t end,
				uint64_t most, struct strbuf *out)
{
	struct text text;

	TRY(text_open_untyped(objects, address, &text));
	if (end > text.length)
		end = text.length;
	if (start > end)
		start = end;
	return text_put_repr(&text, objects->layout, start, end, most < end - start ? start + most : end, out);
}

bool str_equals(struct objects *objects, target_addr address, const char *text, size_t length)
{
	const char *at = text, *end = text + length;
	uint8_t buffer[CHUNK];
	struct text own;
	const uint8_t *bytes;
	size_t count;

	/* UTF-8 takes one to four bytes a character. */
	if (text_open_untyped(objects, address, &own) != CPEEK_OK || own.length > length || own.length < length / 4)
		return false;
	for (uint64_t i = 0; i < own.length; i += count) {
		if (text_read(&own, i, own.length, buffer, &bytes, &count) != CPEEK_OK)
			return false;
		for (size_t j = 0; j < count; j++)
			if (character_at(&own, bytes, j) != next_character(&at, end))
				return false;
	}
	return at == end;
}
