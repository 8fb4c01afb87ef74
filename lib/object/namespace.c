/*
 * types.SimpleNamespace: attributes and nothing else. sys.implementation is one.
 */
#include "base/memory.h"
#include "object/phrase.h"

#include <stdio.h>
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

/* To 3.8 the names are sorted: by characters, which is the order of their UTF-8. */
static enum cpeek_status put_sorted(struct value *value, const struct object *dict, struct items *items)
{
	struct attribute *attributes = memory_calloc(items->count + 1, sizeof(*attributes));
	enum cpeek_status status = attributes ? CPEEK_OK : CPEEK_NO_MEMORY;
	struct item item;
	size_t count = 0;

	while (status == CPEEK_OK && count < items->count && (status = items_next(items, &item)) == CPEEK_OK) {
		attributes[count].value = item.value;
		status = str_read(dict->objects, item.key, 0, &attributes[count++].name, NULL);
	}
	if (status == CPEEK_END)
		status = CPEEK_OK;
	if (status == CPEEK_OK && count)
		qsort(attributes, count, sizeof(*attributes), compare_attributes);
	for (size_t i = 0; i < count && status == CPEEK_OK; i++) {
		value_text(value, i ? ", " : "");
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
	char again[TYPE_NAME + 8];
	struct object dict;
	struct items items;

	(void)snprintf(again, sizeof(again), "%s(...)", name);
	value_guard(value, again);
	value_format(value, "%s(", name);
	TRY(object_read(object->objects, address, &dict));
	TRY(items_start(&dict, &items));
	if (layout_trait(object->objects->layout, TRAIT_NAMESPACE_SORTED) && items.count <= SORTED_MAX &&
	    (!limit || items.count <= limit))
		TRY(put_sorted(value, &dict, &items));
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
