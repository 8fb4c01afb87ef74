/*
 * The streams that open() makes: their reprs tell a name, which is an attribute of the innermost one. It is shown only
 * where memory leaves no doubt what getattr() answers; else the repr is object's default.
 */
#include "object/stream.h"

#include <inttypes.h>
#include <string.h>

enum { STREAMS_MAX = 16 /* around one another */ };

/* ---- Attributes ---- */

static bool is_of(struct objects *objects, target_addr address, const char *type)
{
	struct object object;

	return object_read(objects, address, &object) == CPEEK_OK && strcmp(object.type->tp_name, type) == 0;
}

/* Whether a class takes the lookup of attributes into its own hands. */
static bool has_hooks(struct objects *objects, const struct type *type)
{
	target_addr found;

	if (!type->python_class)
		return false;
	return type_find_attribute(objects, type, "__getattr__", 11, &found) != CPEEK_NOT_FOUND ||
	       type_find_attribute(objects, type, "__getattribute__", 16, &found) != CPEEK_OK ||
	       !is_of(objects, found, "wrapper_descriptor");
}

/* An attribute that only the object's __dict__ can have. NOT_FOUND: it has none. LIMIT: that would take running code
 * to find out. */
static enum cpeek_status find_plain(const struct object *object, const char *name, target_addr *ret)
{
	struct objects *objects = object->objects;
	struct attributes attributes;
	target_addr found;

	if (has_hooks(objects, object->type) ||
	    type_find_attribute(objects, object->type, name, strlen(name), &found) != CPEEK_NOT_FOUND)
		return CPEEK_LIMIT;
	TRY(object_read_attributes(object, &attributes));
	if (attributes.dict)
		return dict_find(objects, attributes.dict, name, strlen(name), ret);
	return attributes.values ? attribute_find(object, name, strlen(name), ret) : CPEEK_NOT_FOUND;
}

/* What stands inside a stream whose `name` is that of another one: buffered_name_get(), textiowrapper_name_get().
 * NOT_FOUND: the getter raises ValueError, which the reprs take for no name. LIMIT: it is no such stream. */
static enum cpeek_status find_inner(const struct object *object, target_addr *ret)
{
	static const struct {
		enum layout_struct structure;
		enum layout_field inner, ok, detached;
	} wrappers[] = {
		{STRUCT_buffered, FIELD_buffered_raw, FIELD_buffered_ok, FIELD_buffered_detached},
		{STRUCT_textio, FIELD_textio_buffer, FIELD_textio_ok, FIELD_textio_detached},
	};
	struct objects *objects = object->objects;
	const struct object_type *decoder = object->type->decoder;
	target_addr getter;

	for (size_t i = 0; decoder && i < sizeof(wrappers) / sizeof(*wrappers); i++) {
		if (decoder->structure != wrappers[i].structure)
			continue;
		if (has_hooks(objects, object->type) ||
		    type_find_attribute(objects, object->type, "name", 4, &getter) != CPEEK_OK ||
		    !is_of(objects, getter, "getset_descriptor"))
			return CPEEK_LIMIT;
		if (object_get_signed(object, wrappers[i].ok) <= 0 || object_get(object, wrappers[i].detached))
			return CPEEK_NOT_FOUND;
		*ret = object_get(object, wrappers[i].inner);
		return CPEEK_OK;
	}
	return CPEEK_LIMIT;
}

/* getattr(stream, "name"). NOT_FOUND: it has none. LIMIT: that would take running code to find out. */
static enum cpeek_status find_name(const struct object *object, target_addr *ret)
{
	struct object inner;
	target_addr address;

	enum cpeek_status status = find_inner(object, &address);
	if (status == CPEEK_LIMIT)
		return find_plain(object, "name", ret);
	for (int i = 0; status == CPEEK_OK && i < STREAMS_MAX; i++) {
		TRY(object_read(object->objects, address, &inner));
		status = find_inner(&inner, &address);
		if (status == CPEEK_LIMIT)
			return find_plain(&inner, "name", ret);
	}
	return status == CPEEK_OK ? CPEEK_LIMIT : status;
}

/* object_repr() of Objects/typeobject.c */
static enum cpeek_status put_default(const struct object *object, struct value *value)
{
	value_format(value, "<%s object at 0x%" PRIx64 ">", object->type->name, object->address);
	return CPEEK_OK;
}

static bool is_known(enum cpeek_status status)
{
	return status == CPEEK_OK || status == CPEEK_NOT_FOUND;
}

/* ---- BufferedReader … ---- */

enum cpeek_status stream_decode_buffered(const struct object *object, struct value *value)
{
	target_addr name;

	enum cpeek_status status = find_name(object, &name);
	if (!is_known(status))
		return status == CPEEK_LIMIT ? put_default(object, value) : status;
	value_format(value, "<%s", object->type->tp_name);
	if (status == CPEEK_OK) {
		value_text(value, " name=");
		value_object(value, name);
	}
	value_text(value, ">");
	return CPEEK_OK;
}

/* ---- FileIO ---- */

/* mode_string() of Modules/_io/fileio.c */
static const char *mode_of(const struct object *object)
{
	const bool readable = object_get(object, FIELD_fileio_readable) != 0;

	if (object_get(object, FIELD_fileio_created))
		return readable ? "xb+" : "xb";
	if (object_get(object, FIELD_fileio_appending))
		return readable ? "ab+" : "ab";
	if (!readable)
		return "wb";
	return object_get(object, FIELD_fileio_writable) ? "rb+" : "rb";
}

/* fileio_repr() */
static enum cpeek_status file_decode(const struct object *object, struct value *value)
{
	const bool own_name = layout_trait(object->objects->layout, TRAIT_FILEIO_TYPE_NAME);
	const char *type = own_name ? object->type->tp_name : "_io.FileIO";
	const int64_t fd = object_get_signed(object, FIELD_fileio_fd);
	target_addr name;

	if (fd < 0) {
		value_format(value, "<%.100s [closed]>", type);
		return CPEEK_OK;
	}
	enum cpeek_status status = find_plain(object, "name", &name);
	if (!is_known(status))
		return status == CPEEK_LIMIT ? put_default(object, value) : status;
	if (status == CPEEK_OK) {
		value_format(value, "<%.100s name=", type);
		value_object(value, name);
	} else {
		value_format(value, "<%.100s fd=%" PRId64, type, fd);
	}
	value_format(value, " mode='%s' closefd=%s>", mode_of(object),
		     object_get(object, FIELD_fileio_closefd) ? "True" : "False");
	return CPEEK_OK;
}

static const enum layout_field file_fields[] = {FIELD_fileio_dict};

const struct object_type object_type_io_file = {
	.name = "_io.FileIO",
	.structure = STRUCT_fileio,
	.decode = file_decode,
	.fields = file_fields,
	.field_count = 1,
};

/* ---- TextIOWrapper ---- */

/* textiowrapper_repr() of Modules/_io/textio.c; it fails for one whose __init__() has not run to its end. */
static enum cpeek_status text_decode(const struct object *object, struct value *value)
{
	target_addr name, mode;

	enum cpeek_status has_name = find_name(object, &name), has_mode = find_plain(object, "mode", &mode);
	if (object_get_signed(object, FIELD_textio_ok) <= 0 || has_name == CPEEK_LIMIT || has_mode == CPEEK_LIMIT)
		return put_default(object, value);
	if (!is_known(has_name) || !is_known(has_mode))
		return is_known(has_name) ? has_mode : has_name;
	value_text(value, "<_io.TextIOWrapper");
	if (has_name == CPEEK_OK) {
		value_text(value, " name=");
		value_object(value, name);
	}
	if (has_mode == CPEEK_OK) {
		value_text(value, " mode=");
		value_object(value, mode);
	}
	value_text(value, " encoding=");
	value_object(value, object_get(object, FIELD_textio_encoding));
	value_text(value, ">");
	return CPEEK_OK;
}

/* textiowrapper_traverse() */
static const enum layout_field text_fields[] = {
	FIELD_textio_buffer, FIELD_textio_encoding,      FIELD_textio_encoder,       FIELD_textio_decoder,
	FIELD_textio_readnl, FIELD_textio_decoded_chars, FIELD_textio_pending_bytes, FIELD_textio_snapshot,
	FIELD_textio_errors, FIELD_textio_raw,           FIELD_textio_dict,
};

const struct object_type object_type_io_text = {
	.name = "_io.TextIOWrapper",
	.structure = STRUCT_textio,
	.decode = text_decode,
	.fields = text_fields,
	.field_count = sizeof(text_fields) / sizeof(*text_fields),
};
