/*
 * re.Pattern and re.Match: their reprs show the start of a pattern and of what it matched.
 */
#include "object/bytes.h"

#include <inttypes.h>
#include <string.h>

enum {
	PATTERN_SHOWN = 200, /* characters of the pattern's repr: %.200R */
	MATCH_SHOWN = 50,
};

/* Ends text at its most-th character from start on. */
static void cut_text(struct strbuf *text, size_t start, uint64_t most)
{
	uint64_t count = 0;

	for (size_t i = start; i < text->length; i++) {
		if (((uint8_t)text->data[i] & 0xc0) == 0x80) /* goes on with a character */
			continue;
		if (count++ == most) {
			text->length = i;
			text->data[i] = '\0';
		}
	}
}

/* What a pattern was matched against. */
struct subject {
	bool is_str;
	target_addr data; /* the str object, or the bytes */
	uint64_t length;  /* characters, bytes */
};

/* Other buffers than bytes, where their bytes are and how many. */
static const struct {
	const char *type;
	enum layout_field data, length;
} buffers[] = {
	{"bytearray", FIELD_PyByteArrayObject_ob_start, FIELD_PyVarObject_ob_size},
	{"memoryview", FIELD_PyMemoryViewObject_view_buf, FIELD_PyMemoryViewObject_view_len},
	{"mmap.mmap", FIELD_mmap_object_data, FIELD_mmap_object_size},
};

/* NOT_FOUND: yet another kind of buffer. */
static enum cpeek_status subject_open(struct objects *objects, target_addr address, struct subject *ret)
{
	struct object object;

	TRY(object_read(objects, address, &object));
	if (object.type->flags & TYPE_UNICODE_SUBCLASS) {
		*ret = (struct subject){true, address, object_get(&object, FIELD_PyASCIIObject_length)};
		return CPEEK_OK;
	}
	if (object.type->flags & TYPE_BYTES_SUBCLASS) {
		const target_addr data = object_field_address(&object, FIELD_PyBytesObject_ob_sval);
		*ret = (struct subject){false, data, object.ob_size < 0 ? 0 : (uint64_t)object.ob_size};
		return CPEEK_OK;
	}
	for (size_t i = 0; i < sizeof(buffers) / sizeof(*buffers); i++) {
		if (strcmp(buffers[i].type, object.type->tp_name) != 0)
			continue;
		*ret = (struct subject){false, object_get(&object, buffers[i].data),
					object_get(&object, buffers[i].length)};
		return CPEEK_OK;
	}
	return CPEEK_NOT_FOUND;
}

/* repr() of the part from start to end, cut at its most-th character, or before by the limit on text. */
static enum cpeek_status put_part(const struct object *object, const struct subject *subject, uint64_t start,
				  uint64_t end, uint64_t most, struct value *value)
{
	const uint64_t limit = value_limits(value)->string;
	const bool limited = limit && limit < most && end - start > limit;
	const uint64_t stop = limited ? start + limit : end;
	struct strbuf *out = value_buffer(value);
	const size_t before = out->length;

	if (subject->is_str)
		TRY(str_put_slice(object->objects, subject->data, start, stop, most, out));
	else
		TRY(bytes_put_slice(object->objects, subject->data + start, (int64_t)(stop - start), most, out));
	cut_text(out, before, most);
	if (limited)
		value_cut(value, end - stop, subject->is_str ? "characters" : "bytes");
	return CPEEK_OK;
}

/* ---- Pattern ---- */

/* Modules/_sre/sre_constants.h (to 3.10 Modules/sre_constants.h) */
enum { FLAG_TEMPLATE = 1, FLAG_LOCALE = 4, FLAG_UNICODE = 32, FLAG_ASCII = 256 };

static const struct flag {
	uint32_t bit;
	const char *name;
} flags[] = {
	{FLAG_TEMPLATE, "re.TEMPLATE"},
	{2, "re.IGNORECASE"},
	{FLAG_LOCALE, "re.LOCALE"},
	{8, "re.MULTILINE"},
	{16, "re.DOTALL"},
	{FLAG_UNICODE, "re.UNICODE"},
	{64, "re.VERBOSE"},
	{128, "re.DEBUG"},
	{FLAG_ASCII, "re.ASCII"},
};

static void put_flags(const struct object *object, struct value *value)
{
	const bool has_template = layout_trait(object->objects->layout, TRAIT_RE_TEMPLATE);
	uint32_t set = (uint32_t)object_get(object, FIELD_PatternObject_flags);
	const char *separator = ", ";

	/* In a pattern of text it goes without saying. */
	if (!object_get(object, FIELD_PatternObject_isbytes) &&
	    (set & (FLAG_LOCALE | FLAG_UNICODE | FLAG_ASCII)) == FLAG_UNICODE)
		set &= ~(uint32_t)FLAG_UNICODE;
	for (size_t i = 0; i < sizeof(flags) / sizeof(*flags); i++) {
		if (!(set & flags[i].bit) || (flags[i].bit == FLAG_TEMPLATE && !has_template))
			continue;
		value_format(value, "%s%s", separator, flags[i].name);
		set &= ~flags[i].bit;
		separator = "|";
	}
	if (set)
		value_format(value, "%s0x%" PRIx32, separator, set);
}

/* Whether the repr of what a pattern was made from is that of str or bytes. */
static bool is_plain(struct objects *objects, target_addr address)
{
	struct object object;

	return object_read(objects, address, &object) == CPEEK_OK && !object.type->python_class &&
	       object.type->flags & (TYPE_UNICODE_SUBCLASS | TYPE_BYTES_SUBCLASS);
}

/* pattern_repr() of Modules/_sre/sre.c (to 3.10 Modules/_sre.c) */
static enum cpeek_status pattern_decode(const struct object *object, struct value *value)
{
	const target_addr source = object_get(object, FIELD_PatternObject_pattern);
	struct subject subject;

	value_text(value, "re.compile(");
	if (is_plain(object->objects, source)) {
		TRY(subject_open(object->objects, source, &subject));
		TRY(put_part(object, &subject, 0, subject.length, PATTERN_SHOWN, value));
	} else {
		value_object(value, source);
	}
	put_flags(object, value);
	value_text(value, ")");
	return CPEEK_OK;
}

/* pattern_traverse(), 3.9+; to 3.8 patterns are nothing for the collector. */
static const enum layout_field pattern_fields[] = {
	FIELD_PatternObject_groupindex,
	FIELD_PatternObject_indexgroup,
	FIELD_PatternObject_pattern,
};

const struct object_type object_type_re_pattern = {
	.name = "re.Pattern",
	.structure = STRUCT_PatternObject,
	.decode = pattern_decode,
	.fields = pattern_fields,
	.field_count = sizeof(pattern_fields) / sizeof(*pattern_fields),
};

/* ---- Match ---- */

/* Where group 0 begins and ends; behind the fixed part come those of the other groups. */
static enum cpeek_status read_span(const struct object *object, int64_t *ret_start, int64_t *ret_end)
{
	const target_addr mark = object_field_address(object, FIELD_MatchObject_mark);
	struct target *target = object->objects->target;

	TRY(target_read_ssize(target, mark, ret_start));
	return target_read_ssize(target, mark + target->pointer_size, ret_end);
}

/* match_repr(). Of a subject that is no str it shows bytes; where those are not known, this is object's repr. */
static enum cpeek_status match_decode(const struct object *object, struct value *value)
{
	const target_addr string = object_get(object, FIELD_MatchObject_string);
	struct subject subject = {0};
	int64_t start, end;

	TRY(read_span(object, &start, &end));
	enum cpeek_status status = subject_open(object->objects, string, &subject);
	if (status == CPEEK_NOT_FOUND) {
		value_format(value, "<%s object at 0x%" PRIx64 ">", object->type->name, object->address);
		return CPEEK_OK;
	}
	TRY(status);
	if (start < 0 || end < start)
		return CPEEK_CORRUPT;
	value_format(value, "<%s object; span=(%" PRId64 ", %" PRId64 "), match=", object->type->tp_name, start, end);
	/* match_getslice_by_index(): a bytearray may have shrunk since. */
	const uint64_t stop = (uint64_t)end < subject.length ? (uint64_t)end : subject.length;
	const uint64_t first = (uint64_t)start < stop ? (uint64_t)start : stop;
	TRY(put_part(object, &subject, first, stop, MATCH_SHOWN, value));
	value_text(value, ">");
	return CPEEK_OK;
}

/* match_traverse() */
static const enum layout_field match_fields[] = {
	FIELD_MatchObject_string,
	FIELD_MatchObject_regs,
	FIELD_MatchObject_pattern,
};

const struct object_type object_type_re_match = {
	.name = "re.Match",
	.structure = STRUCT_MatchObject,
	.decode = match_decode,
	.fields = match_fields,
	.field_count = sizeof(match_fields) / sizeof(*match_fields),
};
