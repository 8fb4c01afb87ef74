/*
 * lazy_import (PEP 810, 3.15): what a lazily imported name is bound to until it is used. Also sentinel (PEP 661, 3.15),
 * which like it is known by a name.
 */
#include "object/phrase.h"

#include <string.h>

extern const struct object_type object_type_lazy_import;

enum { PARENTS_MAX = 64 }; /* one for each dot of a module's name; more are taken for damage */

/* Of `lazy import a.b.c` the name a stands for the package a alone, and a.b for one more lazy import, whose lz_from is
 * the first one. */
static enum cpeek_status put_root(const struct object *declaration, struct value *value)
{
	struct strbuf name = {0};

	enum cpeek_status status = str_read(declaration->objects,
					    object_get(declaration, FIELD_PyLazyImportObject_lz_from), 0, &name, NULL);
	if (status == CPEEK_OK) {
		const char *text = strbuf_text(&name), *dot = strchr(text, '.');
		const bool whole = !dot || object_get(declaration, FIELD_PyLazyImportObject_lz_attr);
		value_bytes(value, text, whole ? name.length : (size_t)(dot - text));
	}
	strbuf_deinit(&name);
	return status;
}

static enum cpeek_status put_declaration(const struct object *object, struct value *value)
{
	struct objects *objects = object->objects;
	const target_addr attribute = object_get(object, FIELD_PyLazyImportObject_lz_attr);
	struct object of;

	value_str(value, objects, object_get(object, FIELD_PyLazyImportObject_lz_from));
	if (!attribute)
		return CPEEK_OK;
	TRY(object_read(objects, attribute, &of));
	if (of.type->flags & TYPE_UNICODE_SUBCLASS) {
		value_text(value, ".");
		value_str(value, objects, attribute);
	} else {
		value_text(value, "...");
	}
	return CPEEK_OK;
}

/* lazy_import_repr(): as 3.15.2 says, seen for each of these forms. */
static enum cpeek_status lazy_import_decode(const struct object *object, struct value *value)
{
	struct objects *objects = object->objects;
	target_addr parts[PARENTS_MAX], at = object->address;
	struct object parent;
	size_t count = 0;

	for (;; count++) {
		TRY(object_read(objects, at, &parent));
		if (parent.type->decoder != &object_type_lazy_import)
			return CPEEK_CORRUPT;
		const target_addr from = object_get(&parent, FIELD_PyLazyImportObject_lz_from);
		const target_addr part = object_get(&parent, FIELD_PyLazyImportObject_lz_attr);
		struct object next;
		TRY(object_read(objects, from, &next));
		if (next.type->decoder != &object_type_lazy_import)
			break;
		if (count == PARENTS_MAX)
			return CPEEK_CORRUPT;
		parts[count] = part;
		at = from;
	}
	value_format(value, "<%s '", object->type->tp_name);
	TRY(count ? put_root(&parent, value) : put_declaration(&parent, value));
	while (count-- > 0) {
		value_text(value, ".");
		value_str(value, objects, parts[count]);
	}
	value_text(value, "'>");
	return CPEEK_OK;
}

/* lazy_import_traverse() */
static const enum layout_field lazy_import_fields[] = {
	FIELD_PyLazyImportObject_lz_builtins,
	FIELD_PyLazyImportObject_lz_from,
	FIELD_PyLazyImportObject_lz_attr,
	FIELD_PyLazyImportObject_lz_code,
};

const struct object_type object_type_lazy_import = {
	.name = "lazy_import",
	.structure = STRUCT_PyLazyImportObject,
	.decode = lazy_import_decode,
	.fields = lazy_import_fields,
	.field_count = sizeof(lazy_import_fields) / sizeof(*lazy_import_fields),
};

/* sentinel_repr(): the text that it was given, or its name. */
static enum cpeek_status sentinel_decode(const struct object *object, struct value *value)
{
	const target_addr text = object_get(object, FIELD_sentinelobject_repr);

	value_str(value, object->objects, text ? text : object_get(object, FIELD_sentinelobject_name));
	return CPEEK_OK;
}

static const enum layout_field sentinel_fields[] = {
	FIELD_sentinelobject_name,
	FIELD_sentinelobject_module,
	FIELD_sentinelobject_repr,
};

const struct object_type object_type_sentinel = {
	.name = "sentinel",
	.structure = STRUCT_sentinelobject,
	.decode = sentinel_decode,
	.fields = sentinel_fields,
	.field_count = sizeof(sentinel_fields) / sizeof(*sentinel_fields),
};
