/*
 * Reads the rows of member.def and the entries of tp_members from an object's structure.
 * PyMemberDef: Include/descrobject.h (3.12+), Include/structmember.h before; how each kind reads, Python/structmember.c,
 * PyMember_GetOne().
 */
#include "object/member.h"
#include "base/memory.h"
#include "object/bytes.h"
#include "object/lost_name.h"
#include "object/number.h"
#include "object/phrase.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum {
	BASES_MAX = 512,
	LIST_MAX = 1024, /* entries of one type's tp_members or tp_getset; and of all of an object's */
	SIZES_MAX = 64,  /* dimensions of a buffer: PyBUF_MAX_NDIM, Include/pybuffer.h */
	BYTES_DEFAULT = 1 << 20,
	OWN_MAX = 16,        /* what a decoder tells itself */
	RELATIVE_OFFSET = 8, /* Py_RELATIVE_OFFSET: offset counts from where the base's structure ends */
};

enum kind {
	KIND_OBJECT,
	KIND_TAGGED,
	KIND_LENGTH,
	KIND_SIGNED,
	KIND_UNSIGNED,
	KIND_BOOL,
	KIND_HANDLE,
	KIND_BOUND,
	KIND_SECONDS,
	KIND_CHARACTER,
	KIND_CSTRING,
	KIND_BYTES,
	KIND_SIZES,
	KIND_OBJECT_IN,
	KIND_SIGNED_IN,
	KIND_ROUNDING,
};

#define FIELD_ITEM_NONE LAYOUT_FIELD_COUNT

static const struct row {
	const char *name;
	enum kind kind;
	enum layout_field field;
	int a, b; /* enum layout_field, or LAYOUT_FIELD_COUNT */
} rows[] = {
#define MEMBER(name, kind, field) {name, KIND_##kind, FIELD_##field, LAYOUT_FIELD_COUNT, LAYOUT_FIELD_COUNT},
#define MEMBER_OF(name, kind, field, a, b) {name, KIND_##kind, FIELD_##field, FIELD_##a, FIELD_##b},
#include "object/member.def"
#undef MEMBER
#undef MEMBER_OF
};

enum { ROW_COUNT = sizeof(rows) / sizeof(*rows) };

/* Whether an object's type or a base of it is one that a decoder reads with this structure. */
static bool has_structure(const struct object *object, enum layout_struct structure)
{
	const struct type *type = object->type;

	for (int i = 0; type && i < BASES_MAX; i++, type = type->base_type)
		if (type->decoder && type->decoder_type == type && type->decoder->structure == structure)
			return true;
	return false;
}

static bool row_applies(const struct object *object, const struct row *row)
{
	return layout_has(object->objects->layout, row->field) &&
	       has_structure(object, layout_field_struct(row->field));
}

static int64_t extend(uint64_t value, size_t size)
{
	const unsigned unused = 64 - 8 * (unsigned)size;

	return size == 0 || size >= 8 ? (int64_t)value : (int64_t)(value << unused) >> unused;
}

/* A field of a structure as a number with a sign; CORRUPT where the layout has none. */
static enum cpeek_status read_signed(const struct objects *objects, target_addr address, int field, int64_t *ret)
{
	uint64_t value;

	if (field >= LAYOUT_FIELD_COUNT || !layout_has(objects->layout, (enum layout_field)field))
		return CPEEK_CORRUPT;
	TRY(field_read(objects, address, (enum layout_field)field, &value));
	const struct layout_place place = objects->layout->fields[field];
	*ret = place.width ? (int64_t)value : extend(value, place.size);
	return CPEEK_OK;
}

/* ---- Values that are no objects ---- */

static void put_none(struct object_member *member, struct strbuf *text)
{
	member->type = "NoneType";
	strbuf_puts(text, "None");
}

static void put_bool(struct object_member *member, struct strbuf *text, bool value)
{
	member->type = "bool";
	strbuf_puts(text, value ? "True" : "False");
}

static void put_signed(struct object_member *member, struct strbuf *text, int64_t value)
{
	member->type = "int";
	strbuf_printf(text, "%" PRId64, value);
}

static void put_unsigned(struct object_member *member, struct strbuf *text, uint64_t value)
{
	member->type = "int";
	strbuf_printf(text, "%" PRIu64, value);
}

static void put_character(struct object_member *member, struct strbuf *text, const struct layout *layout, uint32_t c)
{
	member->type = "str";
	str_put_repr(text, layout, &c, 1);
}

/* A C string, decoded as UTF-8 where it is that. */
static enum cpeek_status put_cstring(struct objects *objects, target_addr address, const struct limits *limits,
				     struct object_member *member, struct strbuf *text)
{
	const uint64_t most = limits->string ? limits->string : LONG_NAME_MAX;
	struct strbuf raw = {0};

	enum cpeek_status status = cstring_read(objects, address, most, &raw);
	const size_t length = raw.length;
	uint32_t *characters = status == CPEEK_OK ? memory_alloc((length + 1) * sizeof(*characters)) : NULL;
	size_t count = 0;
	if (status == CPEEK_OK && (!characters || strbuf_failed(&raw)))
		status = CPEEK_NO_MEMORY;
	for (size_t i = 0; status == CPEEK_OK && i < length;) {
		const uint8_t *at = (const uint8_t *)strbuf_text(&raw) + i;
		const unsigned more = *at < 0x80 ? 0 : *at >= 0xf0 ? 3 : *at >= 0xe0 ? 2 : *at >= 0xc0 ? 1 : 0;
		uint32_t c = more ? *at & (0x3fu >> more) : *at;
		unsigned j = 1;
		for (; j <= more && i + j < length && (at[j] & 0xc0) == 0x80; j++)
			c = c << 6 | (at[j] & 0x3f);
		if (j <= more || (more == 0 && *at >= 0x80)) { /* no UTF-8: as surrogateescape has it */
			c = 0xdc00u + *at;
			j = 1;
		}
		characters[count++] = c;
		i += j;
	}
	if (status == CPEEK_OK) {
		member->type = "str";
		str_put_repr(text, objects->layout, characters, count);
	}
	memory_free(characters);
	strbuf_deinit(&raw);
	return status;
}

static enum cpeek_status put_bytes(const struct object *object, const struct row *row, target_addr array,
				   const struct limits *limits, struct object_member *member, struct strbuf *text)
{
	struct objects *objects = object->objects;
	const uint64_t limit = limits->string ? limits->string : BYTES_DEFAULT;
	int64_t start = 0, end;
	struct table table;
	uint8_t buffer[256];

	if (row->a < LAYOUT_FIELD_COUNT)
		TRY(read_signed(objects, object->address, row->a, &start));
	TRY(read_signed(objects, object->address, row->b, &end));
	member->type = "bytes";
	if (!array || end <= 0 || start == end) { /* -1: the buffer is of the other direction */
		strbuf_puts(text, "b''");
		return CPEEK_OK;
	}
	if (start < 0 || start > end)
		return CPEEK_CORRUPT;
	TRY(table_open(objects, array, end, 1, &table));
	const uint64_t count = (uint64_t)(end - start), shown = count < limit ? count : limit;
	strbuf_puts(text, "b'");
	for (uint64_t i = 0; i < shown; i++) {
		const uint8_t *byte;
		TRY(table_read(&table, (uint64_t)start + i, 1, buffer, &byte));
		if (*byte == '\'' || *byte == '\\')
			strbuf_printf(text, "\\%c", *byte);
		else if (*byte == '\n' || *byte == '\r' || *byte == '\t')
			strbuf_puts(text, *byte == '\n' ? "\\n" : *byte == '\r' ? "\\r" : "\\t");
		else if (*byte < ' ' || *byte >= 0x7f)
			strbuf_printf(text, "\\x%02x", *byte);
		else
			strbuf_putc(text, (char)*byte);
	}
	if (shown < count)
		strbuf_printf(text, "… +%" PRIu64 " bytes", count - shown);
	strbuf_putc(text, '\'');
	return CPEEK_OK;
}

static enum cpeek_status put_sizes(const struct object *object, const struct row *row, target_addr array,
				   struct object_member *member, struct strbuf *text)
{
	struct objects *objects = object->objects;
	int64_t count;

	if (!array) {
		put_none(member, text);
		return CPEEK_OK;
	}
	TRY(read_signed(objects, object->address, row->a, &count));
	if (count < 0 || count > SIZES_MAX)
		return CPEEK_CORRUPT;
	member->type = "tuple";
	strbuf_putc(text, '(');
	for (int64_t i = 0; i < count; i++) {
		int64_t value;
		TRY(target_read_ssize(objects->target, array + (uint64_t)i * objects->layout->pointer_size, &value));
		strbuf_printf(text, "%s%" PRId64, i ? ", " : "", value);
	}
	strbuf_puts(text, count == 1 ? ",)" : ")");
	return CPEEK_OK;
}

/* mpd_round_string of Modules/_decimal/libmpdec/mpdecimal.h's enum, in its order. */
static void put_rounding(struct object_member *member, struct strbuf *text, int64_t value)
{
	static const char *const names[] = {"ROUND_UP",      "ROUND_DOWN",      "ROUND_CEILING",   "ROUND_FLOOR",
					    "ROUND_HALF_UP", "ROUND_HALF_DOWN", "ROUND_HALF_EVEN", "ROUND_05UP"};

	if (value < 0 || value >= (int64_t)(sizeof(names) / sizeof(*names))) {
		put_signed(member, text, value);
		return;
	}
	member->type = "str";
	strbuf_printf(text, "'%s'", names[value]);
}

static enum cpeek_status put_length(struct objects *objects, target_addr container, struct object_member *member,
				    struct strbuf *text)
{
	struct object object;
	struct items items;

	TRY(object_read(objects, container, &object));
	TRY(items_start(&object, &items));
	put_unsigned(member, text, items.count);
	return CPEEK_OK;
}

/* NOT_FOUND: it has no value. */
static enum cpeek_status read_row(const struct object *object, const struct row *row, const struct limits *limits,
				  struct object_member *member, struct strbuf *text)
{
	struct objects *objects = object->objects;
	const struct layout *layout = objects->layout;
	int64_t value;

	TRY(read_signed(objects, object->address, (int)row->field, &value));
	target_addr pointer = (target_addr)value;
	if (layout->pointer_size == 4)
		pointer &= UINT32_MAX;
	switch (row->kind) {
	case KIND_OBJECT:
	case KIND_TAGGED:
	case KIND_LENGTH:
	case KIND_OBJECT_IN:
		/* In some versions the field is no object: sqlite3's isolation_level. */
		if (layout->fields[row->field].size != layout->pointer_size)
			return CPEEK_NOT_FOUND;
		if (row->kind == KIND_TAGGED)
			pointer &= ~(target_addr)1;
		if (!pointer)
			return CPEEK_NOT_FOUND;
		if (row->kind == KIND_LENGTH)
			return put_length(objects, pointer, member, text);
		if (row->kind == KIND_OBJECT_IN) {
			TRY(field_read(objects, pointer, (enum layout_field)row->a, &pointer));
			if (!pointer)
				return CPEEK_NOT_FOUND;
		}
		member->object = pointer;
		return CPEEK_OK;
	case KIND_SIGNED_IN:
		if (!pointer)
			return CPEEK_NOT_FOUND;
		TRY(read_signed(objects, pointer, row->a, &value));
		put_signed(member, text, value);
		return CPEEK_OK;
	case KIND_SIGNED:
		put_signed(member, text, value);
		return CPEEK_OK;
	case KIND_UNSIGNED: {
		uint64_t number;
		TRY(field_read(objects, object->address, row->field, &number));
		put_unsigned(member, text, number);
		return CPEEK_OK;
	}
	case KIND_BOOL:
		put_bool(member, text, value != 0);
		return CPEEK_OK;
	case KIND_HANDLE:
		if (!pointer) {
			put_none(member, text);
		} else {
			member->type = "int";
			strbuf_printf(text, "0x%" PRIx64, pointer);
		}
		return CPEEK_OK;
	case KIND_BOUND:
		if (value < 0)
			put_none(member, text);
		else
			put_signed(member, text, value);
		return CPEEK_OK;
	case KIND_SECONDS:
		if (value < 0) {
			put_none(member, text);
		} else {
			member->type = "float";
			number_put_float(text, (double)value / 1e9);
		}
		return CPEEK_OK;
	case KIND_CHARACTER:
		if (value <= 0 || value > 0x10ffff)
			put_none(member, text);
		else
			put_character(member, text, layout, (uint32_t)value);
		return CPEEK_OK;
	case KIND_CSTRING:
		if (pointer)
			return put_cstring(objects, pointer, limits, member, text);
		put_none(member, text);
		return CPEEK_OK;
	case KIND_BYTES:
		return put_bytes(object, row, pointer, limits, member, text);
	case KIND_SIZES:
		return put_sizes(object, row, pointer, member, text);
	case KIND_ROUNDING:
		put_rounding(member, text, value);
		return CPEEK_OK;
	}
	return CPEEK_NOT_FOUND;
}

/* ---- tp_members ---- */

/* The kinds of PyMemberDef.type, by number. */
enum {
	T_SHORT,
	T_INT,
	T_LONG,
	T_FLOAT,
	T_DOUBLE,
	T_STRING,
	T_OBJECT,
	T_CHAR,
	T_BYTE,
	T_UBYTE,
	T_USHORT,
	T_UINT,
	T_ULONG,
	T_STRING_INPLACE,
	T_BOOL,
	T_OBJECT_EX = 16,
	T_LONGLONG,
	T_ULONGLONG,
	T_PYSSIZET,
	T_COUNT
};

/* Bytes of a kind in the target; 0: of a pointer. */
static const uint8_t sizes[T_COUNT] = {
	[T_SHORT] = 2,    [T_INT] = 4,       [T_FLOAT] = 4,         [T_DOUBLE] = 8, [T_CHAR] = 1,
	[T_BYTE] = 1,     [T_UBYTE] = 1,     [T_USHORT] = 2,        [T_UINT] = 4,   [T_BOOL] = 1,
	[T_LONGLONG] = 8, [T_ULONGLONG] = 8, [T_STRING_INPLACE] = 1};

static enum cpeek_status put_listed(const struct object *object, uint64_t kind, target_addr address,
				    const struct limits *limits, struct object_member *member, struct strbuf *text)
{
	struct objects *objects = object->objects;
	const size_t size = sizes[kind] ? sizes[kind] : objects->layout->pointer_size;
	uint8_t bytes[8];

	TRY(target_read(objects->target, address, bytes, size));
	const uint64_t value = target_get(objects->target, bytes, size);
	switch (kind) {
	case T_OBJECT:
	case T_OBJECT_EX:
		if (!value && kind == T_OBJECT_EX)
			return CPEEK_NOT_FOUND;
		member->object = value;
		if (!value)
			put_none(member, text);
		return CPEEK_OK;
	case T_STRING:
		if (value)
			return put_cstring(objects, value, limits, member, text);
		put_none(member, text);
		return CPEEK_OK;
	case T_STRING_INPLACE:
		return put_cstring(objects, address, limits, member, text);
	case T_CHAR:
		put_character(member, text, objects->layout, (uint32_t)value);
		return CPEEK_OK;
	case T_BOOL:
		put_bool(member, text, value != 0);
		return CPEEK_OK;
	case T_FLOAT: {
		float number;
		const uint32_t bits = (uint32_t)value;
		memcpy(&number, &bits, sizeof(number));
		member->type = "float";
		number_put_float(text, (double)number);
		return CPEEK_OK;
	}
	case T_DOUBLE: {
		double number;
		memcpy(&number, &value, sizeof(number));
		member->type = "float";
		number_put_float(text, number);
		return CPEEK_OK;
	}
	case T_UBYTE:
	case T_USHORT:
	case T_UINT:
	case T_ULONG:
	case T_ULONGLONG:
		put_unsigned(member, text, value);
		return CPEEK_OK;
	default:
		put_signed(member, text, extend(value, size));
		return CPEEK_OK;
	}
}

/* The entry of an object's C types' tp_members that is the index-th of all of them: its type and address. END. */
static enum cpeek_status find_listed(const struct object *object, uint64_t index, const struct type **ret_type,
				     target_addr *ret)
{
	struct objects *objects = object->objects;
	const uint32_t stride = objects->layout->structs[STRUCT_PyMemberDef];
	const struct type *type = object->type;

	for (int i = 0; type && i < BASES_MAX; i++, type = type->base_type) {
		uint64_t list, name;
		if (type->python_class ||
		    field_read(objects, type->address, FIELD_PyTypeObject_tp_members, &list) != CPEEK_OK || !list)
			continue;
		for (int j = 0; j < LIST_MAX; j++, list += stride, index--) {
			TRY(field_read(objects, list, FIELD_PyMemberDef_name, &name));
			if (!name)
				break;
			if (index == 0) {
				*ret_type = type;
				*ret = list;
				return CPEEK_OK;
			}
		}
	}
	return CPEEK_END;
}

/* Names with underscores around them are CPython's own business: __dictoffset__, __self__, __module__ */
static bool is_private(const char *name)
{
	return name[0] == '_' && name[1] == '_';
}

static bool row_has(const struct object *object, const char *name)
{
	for (size_t i = 0; i < ROW_COUNT; i++)
		if (strcmp(rows[i].name, name) == 0 && row_applies(object, &rows[i]))
			return true;
	return false;
}

static void set_name(struct object_member *member, const char *name)
{
	(void)snprintf(member->name, sizeof(member->name), "%s", name);
}

/* NOT_FOUND: no value, or one that is told elsewhere. */
static enum cpeek_status read_listed(const struct object *object, const struct type *type, target_addr entry,
				     const struct limits *limits, struct object_member *member, struct strbuf *text)
{
	struct objects *objects = object->objects;
	uint64_t kind, offset, flags;

	strbuf_clear(&objects->scratch);
	enum cpeek_status status = member_name_read(objects, type, entry, &objects->scratch);
	if (status != CPEEK_OK)
		return status == CPEEK_NO_MEMORY ? status : CPEEK_NOT_FOUND;
	set_name(member, strbuf_text(&objects->scratch));
	if (is_private(member->name) || row_has(object, member->name))
		return CPEEK_NOT_FOUND;
	TRY(field_read(objects, entry, FIELD_PyMemberDef_type, &kind));
	TRY(field_read(objects, entry, FIELD_PyMemberDef_offset, &offset));
	TRY(field_read(objects, entry, FIELD_PyMemberDef_flags, &flags));
	if (kind >= T_COUNT || kind == T_STRING_INPLACE + 2 || flags & RELATIVE_OFFSET ||
	    offset >= (uint64_t)type->basicsize)
		return CPEEK_NOT_FOUND;
	member->listed = true;
	return put_listed(object, kind, object->address + offset, limits, member, text);
}

/* ---- One after another ---- */

enum cpeek_status member_next(const struct object *object, const struct limits *limits, uint64_t *cursor,
			      struct object_member *ret, struct strbuf *text)
{
	const size_t before = text->length;

	if (*cursor < ROW_COUNT && !object->type->decoder) /* instances of most classes: no row is for them */
		*cursor = ROW_COUNT;
	for (;;) {
		struct object_member member = {.object = 0};
		enum cpeek_status status = CPEEK_NOT_FOUND;
		const uint64_t at = (*cursor)++;

		if (at < ROW_COUNT) {
			if (!row_applies(object, &rows[at]))
				continue;
			set_name(&member, rows[at].name);
			status = read_row(object, &rows[at], limits, &member, text);
		} else if (at < ROW_COUNT + OWN_MAX) {
			const struct object_type *decoder = object->type->decoder;
			status = decoder && decoder->member
					 ? decoder->member(object, limits, at - ROW_COUNT, &member, text)
					 : CPEEK_END;
			if (status == CPEEK_END) {
				*cursor = ROW_COUNT + OWN_MAX;
				continue;
			}
		} else {
			const uint64_t index = at - ROW_COUNT - OWN_MAX;
			const struct type *type;
			target_addr entry;
			status = index < LIST_MAX ? find_listed(object, index, &type, &entry) : CPEEK_END;
			if (status != CPEEK_OK)
				return status == CPEEK_NO_MEMORY ? status : CPEEK_END;
			status = read_listed(object, type, entry, limits, &member, text);
		}
		if (strbuf_failed(text))
			return CPEEK_NO_MEMORY;
		if (status == CPEEK_NOT_FOUND)
			continue;
		if (status != CPEEK_OK)
			text->length = before;
		*ret = member;
		return status;
	}
}

enum cpeek_status member_find(const struct object *object, const char *name, size_t length,
			      const struct limits *limits, struct object_member *ret, struct strbuf *text)
{
	const size_t before = text->length;
	uint64_t cursor = 0;
	struct object_member member;

	for (;;) {
		enum cpeek_status status = member_next(object, limits, &cursor, &member, text);
		if (status == CPEEK_END || status == CPEEK_NO_MEMORY)
			return status == CPEEK_END ? CPEEK_NOT_FOUND : status;
		if (strlen(member.name) == length && memcmp(member.name, name, length) == 0) {
			if (status == CPEEK_OK)
				*ret = member;
			return status;
		}
		text->length = before;
	}
}

bool member_any(const struct object *object, bool listed)
{
	const struct limits limits = {.string = 1};
	struct strbuf text = {0};
	struct object_member member = {.listed = false};
	uint64_t cursor = 0;

	const enum cpeek_status status = member_next(object, &limits, &cursor, &member, &text);
	strbuf_deinit(&text);
	return status != CPEEK_END && status != CPEEK_NO_MEMORY && (listed || !member.listed);
}

/* ---- What only code tells ---- */

static enum cpeek_status walk_getset(const struct object *object, const struct type *type, target_addr list,
				     enum cpeek_status (*found)(void *arg, const char *name, const struct type *type),
				     void *arg)
{
	struct objects *objects = object->objects;
	const uint32_t stride = objects->layout->structs[STRUCT_PyGetSetDef];

	for (int i = 0; i < LIST_MAX; i++, list += stride) {
		char text[64];
		uint64_t name;
		TRY(field_read(objects, list, FIELD_PyGetSetDef_name, &name));
		if (!name)
			return CPEEK_OK;
		enum cpeek_status status = target_read_cstring(objects->target, name, text, sizeof(text));
		if (status != CPEEK_OK && status != CPEEK_LIMIT)
			return status; /* in .rodata, which is not there: then none of them has a name */
		if (!is_private(text) && !row_has(object, text))
			TRY(found(arg, text, type));
	}
	return CPEEK_OK;
}

enum cpeek_status
member_walk_computed(const struct object *object,
		     enum cpeek_status (*found)(void *arg, const char *name, const struct type *type), void *arg)
{
	const struct type *type = object->type;

	for (int i = 0; type && i < BASES_MAX; i++, type = type->base_type) {
		uint64_t list;
		if (type->python_class ||
		    field_read(object->objects, type->address, FIELD_PyTypeObject_tp_getset, &list) != CPEEK_OK ||
		    !list)
			continue;
		TRY(walk_getset(object, type, list, found, arg));
	}
	return CPEEK_OK;
}
