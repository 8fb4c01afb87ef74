/*
 * dict: a table of its own (combined), or values in an order of their own whose keys the instances of a class share
 * (split); and the attributes of an instance, which are split values without a dict.
 */
#include "object/dict.h"
#include "object/dict_dissect.h"

#include <string.h>

enum { SPLIT_MAX = 30 /* SHARED_KEYS_MAX_SIZE, Include/internal/pycore_dict.h (3.11+) */ };

/* What items->index counts. */
enum dict_form {
	FORM_COMBINED, /* entries of the table */
	FORM_BARE,     /* entries, with the values in another array: to 3.10 */
	FORM_ORDERED,  /* insertions; the entry that each went to stands in bytes beside the values: from 3.11 */
};

/* Where split values are. */
struct split {
	struct table values;
	uint64_t used; /* how many are set, as the values themselves say */
	uint8_t order[SPLIT_MAX];
	bool ordered;
	bool embedded; /* in the instance, which owns them: 3.13+ */
};

/* 3.13+: PyDictValues of Include/internal/pycore_dict.h, the order behind the values. */
static enum cpeek_status read_header_values(const struct objects *objects, target_addr address, uint64_t count,
					    struct split *ret)
{
	const struct layout *layout = objects->layout;
	uint64_t capacity, used, embedded;

	TRY(field_read(objects, address, FIELD_PyDictValues_capacity, &capacity));
	TRY(field_read(objects, address, FIELD_PyDictValues_size, &used));
	TRY(field_read(objects, address, FIELD_PyDictValues_embedded, &embedded));
	if (used > capacity || used > SPLIT_MAX)
		return CPEEK_CORRUPT;
	target_addr values = address + layout_offset(layout, FIELD_PyDictValues_values);
	TRY(table_open(objects, values, (int64_t)(count < capacity ? count : capacity), layout->pointer_size,
		       &ret->values));
	TRY(target_read(objects->target, values + capacity * layout->pointer_size, ret->order, used));
	ret->used = used;
	ret->embedded = embedded != 0;
	return CPEEK_OK;
}

/* 3.11, 3.12: bytes before the values: [-1] how many such bytes, [-2] how many values are set, then the order. */
static enum cpeek_status read_prefix_values(const struct objects *objects, target_addr address, uint64_t count,
					    struct split *ret)
{
	uint8_t prefix[2 + SPLIT_MAX];

	TRY(target_read(objects->target, address - 2, prefix, 2));
	const unsigned used = prefix[0], size = prefix[1];
	if (used > SPLIT_MAX || used + 2 > size)
		return CPEEK_CORRUPT;
	TRY(table_open(objects, address, (int64_t)count, objects->layout->pointer_size, &ret->values));
	TRY(target_read(objects->target, address - 2 - used, prefix, used));
	for (unsigned i = 0; i < used; i++)
		ret->order[i] = prefix[used - 1 - i];
	ret->used = used;
	return CPEEK_OK;
}

/* count: of the keys' entries. */
static enum cpeek_status read_split(const struct objects *objects, target_addr address, uint64_t count,
				    struct split *ret)
{
	*ret = (struct split){.ordered = true};
	if (layout_trait(objects->layout, TRAIT_DICT_VALUES_HEADER))
		return read_header_values(objects, address, count, ret);
	if (layout_trait(objects->layout, TRAIT_DICT_VALUES_PREFIX))
		return read_prefix_values(objects, address, count, ret);
	ret->ordered = false;
	ret->used = count;
	return table_open(objects, address, (int64_t)count, objects->layout->pointer_size, &ret->values);
}

/* items->form: how to go on, and whether the keys' entries are short. */
enum { FORM_SHORT_ENTRIES = 4 };

static void start(struct items *items, const struct dict_keys *keys, enum dict_form form)
{
	items->table = keys->entries;
	items->form = (uint8_t)((unsigned)form | (keys->short_entries ? FORM_SHORT_ENTRIES : 0u));
}

/* used: how many values there are, UINT64_MAX if only the values say so. */
static enum cpeek_status start_split(struct items *items, const struct dict_keys *keys, target_addr values,
				     uint64_t used)
{
	struct split split;

	TRY(read_split(items->objects, values, keys->nentries, &split));
	if (used == UINT64_MAX)
		used = split.used;
	if (used > split.used)
		return CPEEK_CORRUPT;
	start(items, keys, split.ordered ? FORM_ORDERED : FORM_BARE);
	items->other = split.values;
	items->end = items->count = used;
	_Static_assert(sizeof(split.order) <= sizeof(items->state), "an iteration has room for the order");
	memcpy(items->state, split.order, sizeof(split.order));
	return CPEEK_OK;
}

enum cpeek_status dict_items(const struct object *object, struct items *ret)
{
	const uint64_t used = object_get(object, FIELD_PyDictObject_ma_used);
	target_addr values = object_get(object, FIELD_PyDictObject_ma_values);
	struct dict_keys keys;

	TRY(dict_keys_read(object->objects, object_get(object, FIELD_PyDictObject_ma_keys), &keys));
	if (used > keys.nentries)
		return CPEEK_CORRUPT;
	if (values)
		return start_split(ret, &keys, values, used);
	start(ret, &keys, FORM_COMBINED);
	ret->end = keys.nentries;
	ret->count = used;
	return CPEEK_OK;
}

static enum cpeek_status read_split_entry(struct items *items, struct dict_entry *ret)
{
	const unsigned width = items->objects->target->pointer_size;
	uint64_t index = items->index;

	if ((items->form & ~FORM_SHORT_ENTRIES) == FORM_ORDERED)
		index = ((const uint8_t *)items->state)[index];
	/* Other entries may have come since the values were made: both arrays have their own end. */
	if ((index + 1) * width > items->other.length)
		return CPEEK_CORRUPT;
	TRY(dict_entry_read(items->objects, &items->table, items->form & FORM_SHORT_ENTRIES, index, ret));
	return table_read_pointer(&items->other, index * width, &ret->value);
}

enum cpeek_status dict_next(struct items *items, struct item *ret)
{
	struct dict_entry entry;

	while (items->index < items->end) {
		if (items->other.length)
			TRY(read_split_entry(items, &entry));
		else
			TRY(dict_entry_read(items->objects, &items->table, items->form & FORM_SHORT_ENTRIES,
					    items->index, &entry));
		items->index++;
		if (entry.value) {
			*ret = (struct item){.key = entry.key, .value = entry.value};
			return CPEEK_OK;
		}
	}
	return CPEEK_END;
}

/* dict_repr() of Objects/dictobject.c */
enum cpeek_status dict_decode(const struct object *object, struct value *value)
{
	(void)object;
	value_guard(value, "{...}");
	value_items(value, "{", "}", false);
	return CPEEK_OK;
}

/* dict_traverse() of Objects/dictobject.c: each value before its key, and the keys only of general tables; from 3.13
 * not the values that stand in an instance, which visits them itself, until DICT_ALWAYS_VISITED. */
enum cpeek_status dict_edges(const struct object *object, struct edges *edges)
{
	struct objects *objects = object->objects;
	target_addr values = object_get(object, FIELD_PyDictObject_ma_values);
	struct dict_keys keys;
	struct split split;

	TRY(dict_keys_read(objects, object_get(object, FIELD_PyDictObject_ma_keys), &keys));
	if (values)
		TRY(read_split(objects, values, keys.nentries, &split));
	const bool unicode = values || dict_keys_are_unicode(objects, &keys);
	const unsigned width = objects->target->pointer_size;
	const bool by_instance = values && split.embedded && !layout_trait(objects->layout, TRAIT_DICT_ALWAYS_VISITED);
	for (uint64_t i = 0; i < keys.nentries; i++) {
		struct dict_entry entry;
		TRY(dict_entry_read(objects, &keys.entries, keys.short_entries, i, &entry));
		if (values) {
			entry.value = 0;
			if (!by_instance && (i + 1) * width <= split.values.length)
				TRY(table_read_pointer(&split.values, i * width, &entry.value));
		}
		edges_add(edges, EDGE_VALUE, entry.value, NULL, i, true);
		if (values || entry.value)
			edges_add(edges, EDGE_KEY, entry.key, NULL, i, !unicode);
	}
	return CPEEK_OK;
}

/* dict_sizeof(), later _PyDict_SizeOf(), of Objects/dictobject.c. Keys that several share are the type's. */
enum cpeek_status dict_size(const struct object *object, uint64_t *ret)
{
	const struct layout *layout = object->objects->layout;
	struct dict_keys keys;

	TRY(dict_keys_read(object->objects, object_get(object, FIELD_PyDictObject_ma_keys), &keys));
	uint64_t size = (uint64_t)object->type->basicsize;
	if (object_get(object, FIELD_PyDictObject_ma_values)) {
		/* As many as the keys have entries, taken and free. */
		uint64_t capacity = layout_trait(layout, TRAIT_DICT_SPLIT_BARE_VALUES) ? keys.slots * 2 / 3
										       : keys.nentries + keys.usable;
		size += capacity * layout->pointer_size;
	}
	*ret = size + (keys.refcount == 1 ? keys.size : 0);
	return CPEEK_OK;
}

const struct object_type object_type_dict = {
	.name = "dict",
	.structure = STRUCT_PyDictObject,
	.decode = dict_decode,
	.items = dict_items,
	.next = dict_next,
	.edges = dict_edges,
	.size = dict_size,
	.dissect = dict_dissect,
};

enum cpeek_status attributes_start(const struct object *object, struct items *ret)
{
	struct attributes attributes;
	struct dict_keys keys;
	struct object dict;
	struct items items = {.type = &object_type_dict, .objects = object->objects};

	TRY(object_read_attributes(object, &attributes));
	if (attributes.dict) {
		TRY(object_read(object->objects, attributes.dict, &dict));
		if (!(dict.type->flags & TYPE_DICT_SUBCLASS))
			return CPEEK_CORRUPT;
		return items_start(&dict, ret);
	}
	if (!attributes.values)
		return CPEEK_NOT_FOUND;
	TRY(dict_keys_read(object->objects, attributes.keys, &keys));
	TRY(start_split(&items, &keys, attributes.values, UINT64_MAX));
	*ret = items;
	return CPEEK_OK;
}

enum cpeek_status dict_open(struct objects *objects, target_addr address, struct object *object, struct items *ret)
{
	const size_t size = objects->layout->structs[STRUCT_PyDictObject];

	*ret = (struct items){.type = &object_type_dict, .objects = objects};
	TRY(object_read_untyped(objects, address, TYPE_DICT_SUBCLASS, size, size, object));
	return dict_items(object, ret);
}

enum cpeek_status dict_find(struct objects *objects, target_addr dict, const char *key, size_t length,
			    target_addr *ret)
{
	struct object object;
	struct items items;
	struct item item;

	TRY(dict_open(objects, dict, &object, &items));
	enum cpeek_status status;
	while ((status = dict_next(&items, &item)) == CPEEK_OK) {
		if (str_equals(objects, item.key, key, length)) {
			*ret = item.value;
			return CPEEK_OK;
		}
	}
	return status == CPEEK_END ? CPEEK_NOT_FOUND : status;
}
