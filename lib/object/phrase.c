/*
 * Pieces of reprs. Knows of functions, methods and modules where their names are; their reprs are in their own files.
 */
#include "object/phrase.h"
#include "object/lost_name.h"
#include "base/memory.h"

#include <string.h>

enum {
	NAME_MAX_LENGTH = 4096, /* characters; a longer name is cut */
	CSTRING_MAX = 1 << 24,
	FORWARDS_MAX = 16, /* methods of methods */
};

void value_str(struct value *value, struct objects *objects, target_addr address)
{
	const uint64_t limit = value_limits(value)->string;
	struct strbuf text = {0};
	uint64_t cut = 0;

	enum cpeek_status status = str_read(objects, address, limit, &text, &cut);
	if (status == CPEEK_OK)
		value_bytes(value, strbuf_text(&text), text.length);
	else
		value_mark(value, status, address, "str");
	if (cut)
		value_cut(value, cut, "characters");
	strbuf_deinit(&text);
}

enum cpeek_status cstring_read(struct objects *objects, target_addr address, uint64_t most, struct strbuf *out)
{
	char text[TYPE_NAME];

	for (uint64_t length = 0;;) {
		enum cpeek_status status = target_read_cstring(objects->target, address + length, text, sizeof(text));
		if (status != CPEEK_OK && status != CPEEK_LIMIT)
			return status;
		strbuf_puts(out, text);
		length += strlen(text);
		if (status == CPEEK_OK)
			return CPEEK_OK;
		if (length >= most || strbuf_failed(out)) {
			strbuf_puts(out, "…");
			return CPEEK_OK;
		}
	}
}

void value_cstring(struct value *value, struct objects *objects, target_addr address)
{
	struct strbuf text = {0};

	enum cpeek_status status = cstring_read(objects, address, CSTRING_MAX, &text);
	if (status == CPEEK_OK)
		value_bytes(value, strbuf_text(&text), text.length);
	else
		value_mark(value, status, address, "name");
	strbuf_deinit(&text);
}

void value_lost_name(struct value *value, const struct object *object,
		     enum cpeek_status (*read)(const struct object *object, struct strbuf *out))
{
	struct strbuf text = {0};

	enum cpeek_status status = read(object, &text);
	if (status == CPEEK_OK)
		value_bytes(value, strbuf_text(&text), text.length);
	else
		value_mark(value, status, object->objects->target->fault_address, "name");
	strbuf_deinit(&text);
}

enum cpeek_status cstring_size(struct objects *objects, target_addr address, uint64_t *size)
{
	char text[TYPE_NAME];
	uint64_t length = 0;

	if (!address)
		return CPEEK_OK;
	for (;;) {
		enum cpeek_status status = target_read_cstring(objects->target, address + length, text, sizeof(text));
		if (status != CPEEK_OK && status != CPEEK_LIMIT)
			return status;
		length += strlen(text);
		if (status == CPEEK_OK) {
			*size += length + 1;
			return CPEEK_OK;
		}
		if (length > CSTRING_MAX)
			return CPEEK_CORRUPT;
	}
}

void value_type_name(struct value *value, struct objects *objects, target_addr address)
{
	const struct type *type;

	enum cpeek_status status = type_read(objects, address, &type);
	if (status == CPEEK_OK)
		value_text(value, type->tp_name);
	else
		value_mark(value, status, address, "type");
}

/* One character of UTF-8 that str_read() wrote, so that it is well-formed but for a cut at its end. */
static size_t decode_utf8(const unsigned char *text, size_t length, uint32_t *ret)
{
	const size_t more = text[0] < 0xc0 ? 0 : text[0] < 0xe0 ? 1 : text[0] < 0xf0 ? 2 : 3;
	uint32_t c = more ? text[0] & (0x3fu >> more) : text[0];

	if (more >= length)
		return length;
	for (size_t i = 1; i <= more; i++)
		c = c << 6 | (text[i] & 0x3f);
	*ret = c;
	return more + 1;
}

void value_quoted(struct value *value, const struct layout *layout, const char *text, size_t length)
{
	struct strbuf quoted = {0};
	uint32_t *characters = memory_calloc(length + 1, sizeof(*characters));
	size_t count = 0;

	if (characters) {
		for (size_t at = 0; at < length; count++)
			at += decode_utf8((const unsigned char *)text + at, length - at, &characters[count]);
		str_put_repr(&quoted, layout, characters, count);
	}
	if (characters && !strbuf_failed(&quoted))
		value_bytes(value, strbuf_text(&quoted), quoted.length);
	else
		value_mark(value, CPEEK_NO_MEMORY, 0, "str");
	memory_free(characters);
	strbuf_deinit(&quoted);
}

void value_full_type_name(struct value *value, const struct type *type)
{
	if (type->module[0] && strcmp(type->module, "builtins") != 0 && strcmp(type->module, "__main__") != 0)
		value_format(value, "%s.", type->module);
	value_text(value, type->qualname);
}

/* ---- Names ---- */

/* type_name() and type_qualname() of Objects/typeobject.c */
static enum cpeek_status append_type(struct objects *objects, target_addr address, bool qualified, struct strbuf *out)
{
	const struct type *type;

	TRY(type_read(objects, address, &type));
	const char *dot = strrchr(type->tp_name, '.');
	bool whole = type->python_class || !dot;
	strbuf_puts(out, qualified ? type->qualname : whole ? type->tp_name : dot + 1);
	return CPEEK_OK;
}

/* meth_get__name__() and meth_get__qualname__() of Objects/methodobject.c */
static enum cpeek_status append_builtin(const struct object *object, bool qualified, struct strbuf *out)
{
	struct objects *objects = object->objects;
	const target_addr self = object_get(object, FIELD_PyCFunctionObject_m_self);
	struct object bound;

	if (qualified && self) {
		TRY(object_read(objects, self, &bound));
		if (bound.type->flags & TYPE_TYPE_SUBCLASS) {
			TRY(append_type(objects, self, true, out));
			strbuf_putc(out, '.');
		} else if (strcmp(bound.type->tp_name, "module") != 0) {
			strbuf_puts(out, bound.type->qualname);
			strbuf_putc(out, '.');
		}
	}
	return builtin_name_read(object, out);
}

/* calculate_qualname() of Objects/descrobject.c: a descriptor gets its qualified name when it is asked for it first. */
static enum cpeek_status append_descriptor(const struct object *object, struct strbuf *out)
{
	struct objects *objects = object->objects;

	TRY(append_type(objects, object_get(object, FIELD_PyDescrObject_d_type), true, out));
	strbuf_putc(out, '.');
	return str_read(objects, object_get(object, FIELD_PyDescrObject_d_name), NAME_MAX_LENGTH, out, NULL);
}

/* Types that keep their names in fields. */
static const struct named {
	const char *type;
	enum layout_field name, qualname;
} named[] = {
	{"function", FIELD_PyFunctionObject_func_name, FIELD_PyFunctionObject_func_qualname},
	{"typing.TypeAliasType", FIELD_typealiasobject_name, FIELD_typealiasobject_qualname},
	{"generator", FIELD_PyGenObject_gi_name, FIELD_PyGenObject_gi_qualname},
	{"coroutine", FIELD_PyGenObject_gi_name, FIELD_PyGenObject_gi_qualname},
	{"async_generator", FIELD_PyGenObject_gi_name, FIELD_PyGenObject_gi_qualname},
	{"method_descriptor", FIELD_PyDescrObject_d_name, FIELD_PyDescrObject_d_qualname},
	{"classmethod_descriptor", FIELD_PyDescrObject_d_name, FIELD_PyDescrObject_d_qualname},
	{"wrapper_descriptor", FIELD_PyDescrObject_d_name, FIELD_PyDescrObject_d_qualname},
	{"getset_descriptor", FIELD_PyDescrObject_d_name, FIELD_PyDescrObject_d_qualname},
	{"member_descriptor", FIELD_PyDescrObject_d_name, FIELD_PyDescrObject_d_qualname},
};

enum cpeek_status name_read(struct objects *objects, target_addr address, const char *attribute, struct strbuf *out)
{
	const bool qualified = strcmp(attribute, "__qualname__") == 0;
	struct object object;
	target_addr found;

	for (int i = 0; i < FORWARDS_MAX; i++) {
		TRY(object_read(objects, address, &object));
		if (object.type->flags & TYPE_TYPE_SUBCLASS)
			return append_type(objects, address, qualified, out);
		/* method_getattro() of Objects/classobject.c */
		if (object.type->python_class || strcmp(object.type->tp_name, "method") != 0)
			break;
		address = object_get(&object, FIELD_PyMethodObject_im_func);
	}
	if (!object.type->python_class) {
		if (strcmp(object.type->tp_name, "builtin_function_or_method") == 0 ||
		    strcmp(object.type->tp_name, "builtin_method") == 0)
			return append_builtin(&object, qualified, out);
		for (size_t i = 0; i < sizeof(named) / sizeof(*named); i++) {
			if (strcmp(named[i].type, object.type->tp_name) != 0)
				continue;
			const enum layout_field field = qualified ? named[i].qualname : named[i].name;
			found = layout_has(objects->layout, field) ? object_get(&object, field) : 0;
			if (found)
				return str_read(objects, found, NAME_MAX_LENGTH, out, NULL);
			return named[i].qualname == FIELD_PyDescrObject_d_qualname ? append_descriptor(&object, out)
										   : CPEEK_NOT_FOUND;
		}
	}
	TRY(attribute_find(&object, attribute, strlen(attribute), &found));
	const size_t before = out->length;
	enum cpeek_status status = str_read(objects, found, NAME_MAX_LENGTH, out, NULL);
	if (status == CPEEK_CORRUPT && out->length == before)
		return CPEEK_NOT_FOUND; /* a property, or whatever else no str is */
	return status;
}
