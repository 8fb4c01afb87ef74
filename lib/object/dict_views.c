/*
 * dict_keys, dict_values, dict_items: what keys(), values() and items() of a dict give, each in the order of its own
 * iteration (so that an OrderedDict's views, which derive from these, come out in its order).
 */
#include "object/decoder.h"

static enum cpeek_status view_items(const struct object *object, struct items *ret)
{
	struct object dict;

	TRY(object_read(object->objects, object_get(object, FIELD__PyDictViewObject_dv_dict), &dict));
	/* A view of a view would lead round and round; damage makes them. */
	const struct object_type *decoder = dict.type->decoder;
	if (!type_is_mapping(dict.type) || !decoder || decoder->structure == STRUCT__PyDictViewObject)
		return CPEEK_CORRUPT;
	struct items items;
	TRY(items_start(&dict, &items));
	items.under = items.type;
	items.type = ret->type;
	*ret = items;
	return CPEEK_OK;
}

static enum cpeek_status keys_next(struct items *items, struct item *ret)
{
	struct item item;

	TRY(items->under->next(items, &item));
	*ret = (struct item){.value = item.key};
	return CPEEK_OK;
}

static enum cpeek_status values_next(struct items *items, struct item *ret)
{
	struct item item;

	TRY(items->under->next(items, &item));
	*ret = (struct item){.value = item.value};
	return CPEEK_OK;
}

static enum cpeek_status pairs_items(const struct object *object, struct items *ret)
{
	TRY(view_items(object, ret));
	ret->pairs = true;
	return CPEEK_OK;
}

static enum cpeek_status pairs_next(struct items *items, struct item *ret)
{
	return items->under->next(items, ret);
}

/* dictview_repr() of Objects/dictobject.c */
static enum cpeek_status view_decode(const struct object *object, struct value *value)
{
	value_guard(value, "...");
	value_format(value, "%s(", object->type->tp_name);
	value_items(value, "[", "]", false);
	value_text(value, ")");
	return CPEEK_OK;
}

static const enum layout_field view_fields[] = {FIELD__PyDictViewObject_dv_dict};

const struct object_type object_type_dict_keys = {
	.name = "dict_keys",
	.structure = STRUCT__PyDictViewObject,
	.decode = view_decode,
	.items = view_items,
	.next = keys_next,
	.fields = view_fields,
	.field_count = 1,
};

const struct object_type object_type_dict_values = {
	.name = "dict_values",
	.structure = STRUCT__PyDictViewObject,
	.decode = view_decode,
	.items = view_items,
	.next = values_next,
	.fields = view_fields,
	.field_count = 1,
};

const struct object_type object_type_dict_items = {
	.name = "dict_items",
	.structure = STRUCT__PyDictViewObject,
	.decode = view_decode,
	.items = pairs_items,
	.next = pairs_next,
	.fields = view_fields,
	.field_count = 1,
};
