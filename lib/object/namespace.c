/*
 * types.SimpleNamespace: attributes and nothing else. sys.implementation is one.
 */
#include "base/memory.h"
#include "object/phrase.h"

#include <stdlib.h>
#include <string.h>

enum { SORTED_MAX = 4096 }; /* more attributes are shown in their own order */

struct attribute {
	target_addr value;
	struct strbuf name;
};

static int compare_attributes(const void *a, const void *b)
{
	return strcmp(strbuf_text(&((const struct attribute *)a)->name),
		      strbuf_text(&((const struct attribute *)b)->name));
}

/* To 3.8 the names are sorted: by characters, which is the order of their UTF-8. NOT_FOUND, and nothing written: they
 * cannot be, because one is no str. (CPython raises TypeError then.) */
static enum cpeek_status put_sorted(struct value *value, const struct object *dict, struct items *items)
{
	struct attribute *attributes = memory_calloc(items->count + 1, sizeof(*attributes));
	enum cpeek_status status = attributes ? CPEEK_OK : CPEEK_NO_MEMORY;
	struct item item;
	size_t count = 0;

	while (status == CPEEK_OK && count < items->count && (status = items_next(items, &item)) == CPEEK_OK) {
		struct object key;
		status = object_read(dict->objects, item.key, &key);
		if (status == CPEEK_OK && !(key.type->flags & TYPE_UNICODE_SUBCLASS))
			status = CPEEK_NOT_FOUND;
		attributes[count].value = item.value;
		if (status == CPEEK_OK)
			status = str_read(dict->objects, item.key, 0, &attributes[count++].name, NULL);
	}
	if (status == CPEEK_END)
		status = CPEEK_OK;
	if (status == CPEEK_OK && count)
		qsort(attributes, count, sizeof(*attributes), compare_attributes);
	bool first = true;
	for (size_t i = 0; i < count && status == CPEEK_OK; i++) {
		if (!attributes[i].name.length) /* is left out */
			continue;
		value_text(value, first ? "" : ", ");
		first = false;
		value_bytes(value, strbuf_text(&attributes[i].name), attributes[i].name.length);
		value_text(value, "=");
		value_object(value, attributes[i].value);
	}
	for (size_t i = 0; i < count; i++)
		strbuf_deinit(&attributes[i].name);
	memory_free(attributes);
	return status;
}

/* namespace_repr() of Objects/namespaceobject.c */
static enum cpeek_status namespace_decode(const struct object *object, struct value *value)
{
	const target_addr address = object_get(object, FIELD__PyNamespaceObject_ns_dict);
	const uint64_t limit = value_limits(value)->elements;
	const char *name = object->type == object->type->decoder_type ? "namespace" : object->type->tp_name;
	struct object dict;
	struct items items;

	value_guard_named(value, name, "(...)");
	value_format(value, "%s(", name);
	TRY(object_read(object->objects, address, &dict));
	TRY(items_start(&dict, &items));
	enum cpeek_status status = CPEEK_NOT_FOUND;
	if (layout_trait(object->objects->layout, TRAIT_NAMESPACE_SORTED) && items.count <= SORTED_MAX &&
	    (!limit || items.count <= limit))
		status = put_sorted(value, &dict, &items);
	if (status != CPEEK_NOT_FOUND)
		TRY(status);
	else
		value_arguments(value, address, ARGUMENTS_FIRST | ARGUMENTS_KEYWORDS);
	value_text(value, ")");
	return CPEEK_OK;
}

static const enum layout_field namespace_fields[] = {FIELD__PyNamespaceObject_ns_dict};

const struct object_type object_type_namespace = {
	.name = "types.SimpleNamespace",
	.structure = STRUCT__PyNamespaceObject,
	.decode = namespace_decode,
	.fields = namespace_fields,
	.field_count = 1,
};
