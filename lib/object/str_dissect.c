/*
 * The memory of a str explained: which of PEP 393's forms it has, each code point over its bytes, and the copies of the
 * text in UTF-8 and (to 3.11) wchar_t that may hang on it. Reads the characters itself, since wrong ones are to be
 * shown.
 */
#include "object/str.h"
#include "object/dissect.h"

#include <inttypes.h>
#include <string.h>

enum {
	CHUNK = 4096,       /* bytes of text read at once, a multiple of every width */
	UTF8_MAX = 1 << 24, /* bytes of cached UTF-8 that are compared with the characters */
	INTERNED_STATIC = 3,
	WIDE = 4,
};

struct text {
	target_addr data;
	uint64_t length; /* characters */
	unsigned width;
	bool ascii;
	bool ready; /* false: wchar_t of the old form, no more than 3.11 has it */
};

static const char *interned_name(uint64_t state)
{
	static const char *const names[] = {
		"NOT_INTERNED: an equal str may stand elsewhere",
		"INTERNED_MORTAL: the only one of its text among the interned; freed with its last reference",
		"INTERNED_IMMORTAL: the only one of its text among the interned; never freed",
		"INTERNED_IMMORTAL_STATIC: the only one of its text among the interned; static data",
	};

	return state <= INTERNED_STATIC ? names[state] : "no state that exists";
}

static const char *kind_name(uint64_t kind)
{
	switch (kind) {
	case 0:
		return "not made yet: the text is in wstr";
	case 1:
		return "1 byte a character: all below U+0100";
	case 2:
		return "2 bytes a character: all below U+10000";
	case 4:
		return "4 bytes a character";
	default:
		return "no kind that exists";
	}
}

/* ---- Fields ---- */

static void explain_state(struct dissection *dissection, const struct object *object)
{
	const struct layout *layout = object->objects->layout;
	const bool compact = object_get(object, FIELD_PyASCIIObject_compact) != 0;
	const bool ascii = object_get(object, FIELD_PyASCIIObject_ascii) != 0;

	dissect_field(dissection, DISSECT_UNSIGNED, FIELD_PyASCIIObject_interned, "%s",
		      interned_name(object_get(object, FIELD_PyASCIIObject_interned)));
	dissect_field(dissection, DISSECT_UNSIGNED, FIELD_PyASCIIObject_kind, "%s",
		      kind_name(object_get(object, FIELD_PyASCIIObject_kind)));
	dissect_field(dissection, DISSECT_UNSIGNED, FIELD_PyASCIIObject_compact, "%s",
		      compact ? "the characters stand right behind the structure" : "they stand elsewhere: see data");
	dissect_field(dissection, DISSECT_UNSIGNED, FIELD_PyASCIIObject_ascii, "%s",
		      ascii ? "all below U+0080: the text is its own UTF-8" : "at least one is U+0080 or above");
	if (layout_has(layout, FIELD_PyASCIIObject_ready))
		dissect_field(dissection, DISSECT_UNSIGNED, FIELD_PyASCIIObject_ready, "%s",
			      object_get(object, FIELD_PyASCIIObject_ready) ? "the text is in its final form"
									    : "the text is wchar_t still");
	if (layout_has(layout, FIELD_PyASCIIObject_statically_allocated))
		dissect_field(dissection, DISSECT_UNSIGNED, FIELD_PyASCIIObject_statically_allocated, "%s",
			      object_get(object, FIELD_PyASCIIObject_statically_allocated)
				      ? "part of the interpreter's data, not of the heap"
				      : "allocated");
}

static void explain_fields(struct dissection *dissection, const struct object *object)
{
	const bool compact = object_get(object, FIELD_PyASCIIObject_compact) != 0;
	const bool ascii = object_get(object, FIELD_PyASCIIObject_ascii) != 0;
	const bool hashed = object_get_signed(object, FIELD_PyASCIIObject_hash) != -1;

	dissect_field(dissection, DISSECT_NUMBER, FIELD_PyASCIIObject_length, "code points");
	dissect_field(dissection, DISSECT_NUMBER, FIELD_PyASCIIObject_hash, "%s",
		      hashed ? "kept since it was first asked for" : "not asked for yet");
	explain_state(dissection, object);
	dissect_field(dissection, DISSECT_POINTER, FIELD_PyASCIIObject_wstr, "the same text as wchar_t");
	if (compact && ascii)
		return;
	dissect_field(dissection, DISSECT_NUMBER, FIELD_PyCompactUnicodeObject_utf8_length, "bytes at utf8");
	dissect_field(dissection, DISSECT_POINTER, FIELD_PyCompactUnicodeObject_utf8, "%s",
		      object_get(object, FIELD_PyCompactUnicodeObject_utf8) ? "the same text in UTF-8, kept since it "
									      "was first asked for"
									    : "no UTF-8 was asked for yet");
	dissect_field(dissection, DISSECT_NUMBER, FIELD_PyCompactUnicodeObject_wstr_length, "characters at wstr");
	if (!compact)
		dissect_field(dissection, DISSECT_POINTER, FIELD_PyUnicodeObject_data, "where the characters are");
}

/* ---- Characters ---- */

/* CORRUPT, with the problem said. */
static enum cpeek_status find_text(struct dissection *dissection, const struct object *object, struct text *ret)
{
	const struct layout *layout = object->objects->layout;
	const uint64_t kind = object_get(object, FIELD_PyASCIIObject_kind);
	struct text text = {.length = object_get(object, FIELD_PyASCIIObject_length),
			    .width = (unsigned)kind,
			    .ascii = object_get(object, FIELD_PyASCIIObject_ascii) != 0,
			    .ready = true};

	if (layout_has(layout, FIELD_PyASCIIObject_ready) && !object_get(object, FIELD_PyASCIIObject_ready)) {
		text = (struct text){.data = object_get(object, FIELD_PyASCIIObject_wstr),
				     .length = object_get(object, FIELD_PyCompactUnicodeObject_wstr_length),
				     .width = WIDE};
	} else if (kind != 1 && kind != 2 && kind != 4) {
		dissect_problem(dissection, "state.kind is %" PRIu64 "; only 1, 2 and 4 exist", kind);
		return CPEEK_CORRUPT;
	} else if (!object_get(object, FIELD_PyASCIIObject_compact)) {
		text.data = object_get(object, FIELD_PyUnicodeObject_data);
	} else {
		text.data = object->address +
			    layout->structs[text.ascii ? STRUCT_PyASCIIObject : STRUCT_PyCompactUnicodeObject];
	}
	if (!text.data) {
		dissect_problem(dissection, "%s is NULL", text.ready ? "data" : "wstr");
		return CPEEK_CORRUPT;
	}
	if (text.length >> (8 * layout->pointer_size - 1) || text.length > UINT64_MAX / 8) {
		dissect_problem(dissection, "length %" PRId64 " is below 0", (int64_t)text.length);
		return CPEEK_CORRUPT;
	}
	*ret = text;
	return CPEEK_OK;
}

static void add_character(struct dissection *dissection, int64_t offset, const struct text *text, uint64_t index,
			  uint32_t c)
{
	struct dissect_row *row = dissect_row(dissection, offset, text->width, "[%" PRIu64 "]", index);
	struct strbuf out = {0};

	if (c <= 0x10ffff)
		str_put_repr(&out, dissection->objects->layout, &c, 1);
	else
		strbuf_puts(&out, "no code point");
	row->value = (struct dissect_value){.kind = DISSECT_TEXT, .text = dissect_keep(dissection, &out)};
	dissect_mean(dissection, row, "U+%04" PRIX32, c);
}

/* Rows of the open block, whose address is base. */
static enum cpeek_status explain_characters(struct dissection *dissection, const struct text *text, target_addr base)
{
	struct target *target = dissection->objects->target;
	const int64_t first = (int64_t)(text->data - base);
	const int64_t end = first + (int64_t)(text->length * text->width);
	uint8_t bytes[4];
	uint64_t i = 0;

	for (; i < text->length && !dissect_is_full(dissection); i++) {
		TRY(target_read(target, text->data + i * text->width, bytes, text->width));
		add_character(dissection, first + (int64_t)(i * text->width), text, i,
			      (uint32_t)target_get(target, bytes, text->width));
	}
	if (i < text->length) {
		dissect_cut(dissection, text->length - i, "characters");
		return CPEEK_OK;
	}
	struct dissect_row *row = dissect_row(dissection, end, text->width, "[%" PRIu64 "]", text->length);
	dissect_mean(dissection, row, "the NUL behind the last character, for C code");
	return CPEEK_OK;
}

/* ---- Checks ---- */

static enum cpeek_status find_largest(struct dissection *dissection, const struct text *text, uint32_t *ret)
{
	struct table table;
	uint8_t buffer[CHUNK];
	const uint8_t *bytes;
	uint32_t largest = 0;

	TRY(table_open(dissection->objects, text->data, (int64_t)text->length, text->width, &table));
	for (uint64_t at = 0; at < table.length; at += CHUNK) {
		const size_t length = table.length - at < CHUNK ? (size_t)(table.length - at) : CHUNK;
		TRY(table_read(&table, at, length, buffer, &bytes));
		for (size_t i = 0; i < length; i += text->width) {
			const uint32_t c = (uint32_t)target_get(table.target, bytes + i, text->width);
			largest = c > largest ? c : largest;
		}
	}
	*ret = largest;
	return CPEEK_OK;
}

/* _PyUnicode_CheckConsistency() of Objects/unicodeobject.c */
static enum cpeek_status check_characters(struct dissection *dissection, const struct text *text)
{
	struct target *target = dissection->objects->target;
	uint8_t nul[4];
	uint32_t largest;

	TRY(find_largest(dissection, text, &largest));
	if (text->length)
		dissect_fact_text(dissection, "largest", "U+%04" PRIX32, largest);
	if (largest > 0x10ffff)
		dissect_problem(dissection, "a character is 0x%" PRIx32 "; code points end at U+10FFFF", largest);
	else if (text->ready && text->ascii && largest > 0x7f)
		dissect_problem(dissection, "state.ascii is set, but the text has U+%04" PRIX32, largest);
	else if (text->ready && !text->ascii && text->width == 1 && largest < 0x80)
		dissect_problem(dissection, "state.ascii is not set, but no character is above U+007F");
	else if (text->ready && text->width > 1 && largest < (text->width == 2 ? 0x100u : 0x10000u))
		dissect_problem(dissection, "state.kind is %u, but no character needs more than %u byte%s",
				text->width, text->width / 2, text->width == 4 ? "s" : "");
	if (text->ready && text->ascii && text->width != 1)
		dissect_problem(dissection, "state.ascii is set, but state.kind is %u", text->width);
	TRY(target_read(target, text->data + text->length * text->width, nul, text->width));
	if (target_get(target, nul, text->width))
		dissect_problem(dissection, "behind the last character there is no NUL");
	return CPEEK_OK;
}

/* ---- The other copies of the text ---- */

static enum cpeek_status explain_utf8(struct dissection *dissection, const struct object *object,
				      const struct text *text)
{
	struct target *target = object->objects->target;
	const target_addr utf8 = object_get(object, FIELD_PyCompactUnicodeObject_utf8);
	const uint64_t length = object_get(object, FIELD_PyCompactUnicodeObject_utf8_length);
	struct strbuf own = {0};
	struct table table;
	uint8_t buffer[CHUNK], nul;
	const uint8_t *bytes;

	if (!utf8 || utf8 == text->data)
		return CPEEK_OK;
	TRY(table_open(object->objects, utf8, (int64_t)length, 1, &table));
	dissect_open_block(dissection, "utf8: the text in UTF-8", LAYOUT_STRUCT_COUNT, utf8, length + 1);
	struct dissect_row *row = dissect_row(dissection, 0, length, "utf8");
	dissect_mean(dissection, row, "%" PRIu64 " bytes for %" PRIu64 " characters", length, text->length);
	row = dissect_row(dissection, (int64_t)length, 1, "utf8[%" PRIu64 "]", length);
	dissect_mean(dissection, row, "the NUL behind them");
	TRY(target_read_u8(target, utf8 + length, &nul));
	if (nul)
		dissect_problem(dissection, "behind the UTF-8 there is no NUL");
	if (length > UTF8_MAX)
		return CPEEK_OK;
	enum cpeek_status status = str_read(object->objects, object->address, 0, &own, NULL);
	bool equal = status == CPEEK_OK && own.length == length;
	for (uint64_t at = 0; equal && at < length; at += CHUNK) {
		const size_t count = length - at < CHUNK ? (size_t)(length - at) : CHUNK;
		status = table_read(&table, at, count, buffer, &bytes);
		equal = status == CPEEK_OK && memcmp(bytes, own.data + at, count) == 0;
	}
	strbuf_deinit(&own);
	if (status == CPEEK_OK && !equal)
		dissect_problem(dissection, "the bytes at utf8 are not the text's UTF-8");
	return status;
}

static void explain_wide(struct dissection *dissection, const struct object *object, const struct text *text)
{
	const struct layout *layout = object->objects->layout;
	const bool compact_ascii = object_get(object, FIELD_PyASCIIObject_compact) != 0 && text->ascii;

	if (!layout_has(layout, FIELD_PyASCIIObject_wstr) || !text->ready)
		return;
	const target_addr wstr = object_get(object, FIELD_PyASCIIObject_wstr);
	if (!wstr)
		return;
	if (wstr == text->data) {
		dissect_note(dissection, "wstr and the characters are the same memory.");
		return;
	}
	const uint64_t length =
		compact_ascii ? text->length : object_get(object, FIELD_PyCompactUnicodeObject_wstr_length);
	if (length >= UINT32_MAX) {
		dissect_problem(dissection, "wstr_length %" PRIu64 " is more than memory holds", length);
		return;
	}
	dissect_open_block(dissection, "wstr: the text as wchar_t", LAYOUT_STRUCT_COUNT, wstr, (length + 1) * WIDE);
	struct dissect_row *row = dissect_row(dissection, 0, length * WIDE, "wstr");
	dissect_mean(dissection, row, "%" PRIu64 " wchar_t of 4 bytes", length);
}

static enum cpeek_status explain_text(struct dissection *dissection, const struct object *object,
				      const struct text *text)
{
	const bool compact = object_get(object, FIELD_PyASCIIObject_compact) != 0;
	struct table table;
	target_addr base = object->address;

	enum cpeek_status status =
		table_open(object->objects, text->data, (int64_t)text->length + 1, text->width, &table);
	if (status != CPEEK_OK) {
		dissect_problem(dissection,
				"length %" PRIu64 ": there is no memory for so many characters at 0x%" PRIx64,
				text->length, text->data);
		return CPEEK_OK;
	}
	if (!compact) {
		base = text->data;
		dissect_open_block(dissection, text->ready ? "data: the characters" : "wstr: the characters",
				   LAYOUT_STRUCT_COUNT, text->data, (text->length + 1) * text->width);
	}
	TRY(dissect_tolerate(dissection, explain_characters(dissection, text, base), "the characters"));
	dissect_fact_number(dissection, "length", (int64_t)text->length, "code points of %u byte%s each", text->width,
			    text->width == 1 ? "" : "s");
	TRY(dissect_tolerate(dissection, check_characters(dissection, text), "the characters"));
	if (!(compact && text->ascii))
		TRY(dissect_tolerate(dissection, explain_utf8(dissection, object, text), "the UTF-8"));
	explain_wide(dissection, object, text);
	return CPEEK_OK;
}

/* Bytes of the object's own memory: a compact one has its characters in it, and what str.__sizeof__() adds for others
 * stands elsewhere. */
static uint64_t own_size(const struct object *object, const struct text *text)
{
	const uint32_t *structs = object->objects->layout->structs;

	if (!object_get(object, FIELD_PyASCIIObject_compact))
		return (uint64_t)object->type->basicsize;
	return structs[text->ascii ? STRUCT_PyASCIIObject : STRUCT_PyCompactUnicodeObject] +
	       (text->length + 1) * text->width;
}

enum cpeek_status str_dissect(const struct object *object, struct dissection *dissection)
{
	const bool compact = object_get(object, FIELD_PyASCIIObject_compact) != 0;
	struct text text;

	dissect_name_block(dissection, !compact ? STRUCT_PyUnicodeObject
				       : object_get(object, FIELD_PyASCIIObject_ascii)
					       ? STRUCT_PyASCIIObject
					       : STRUCT_PyCompactUnicodeObject);
	explain_fields(dissection, object);
	if (find_text(dissection, object, &text) != CPEEK_OK)
		return CPEEK_OK;
	dissect_resize(dissection, own_size(object, &text));
	return explain_text(dissection, object, &text);
}
