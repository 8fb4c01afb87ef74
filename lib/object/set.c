/*
 * set and frozenset: one table of keys with their hashes.
 */
#include "object/set.h"

/* Its address tells set from frozenset. */
extern const struct object_type object_type_set;

/* The table, which has mask + 1 slots, a power of two. */
static enum cpeek_status open_table(const struct object *object, struct table *ret, uint64_t *ret_slots)
{
	const uint64_t mask = object_get(object, FIELD_PySetObject_mask);

	if (mask & (mask + 1) || mask >= INT64_MAX)
		return CPEEK_CORRUPT;
	TRY(table_open(object->objects, object_get(object, FIELD_PySetObject_table), (int64_t)mask + 1,
		       object->objects->layout->structs[STRUCT_setentry], ret));
	*ret_slots = mask + 1;
	return CPEEK_OK;
}

enum cpeek_status set_slot_read(const struct objects *objects, const struct table *table, uint64_t index,
				struct set_slot *ret)
{
	const struct layout *layout = objects->layout;
	const uint32_t size = layout->structs[STRUCT_setentry];
	const struct layout_place hash = layout->fields[FIELD_setentry_hash];
	uint8_t buffer[32];
	const uint8_t *entry;

	if (size > sizeof(buffer))
		return CPEEK_CORRUPT;
	TRY(table_read(table, index * size, size, buffer, &entry));
	ret->key = target_get_pointer(objects->target, entry + layout_offset(layout, FIELD_setentry_key));
	ret->hash = target_get(objects->target, entry + hash.offset_plus_1 - 1, hash.size);
	ret->dummy = ret->key && ret->hash == UINT64_MAX >> (64 - 8 * hash.size);
	return CPEEK_OK;
}

/* The key of a slot; 0 for a free one. */
static enum cpeek_status read_key(const struct objects *objects, const struct table *table, uint64_t slot,
				  target_addr *ret)
{
	struct set_slot read;

	TRY(set_slot_read(objects, table, slot, &read));
	*ret = read.dummy ? 0 : read.key;
	return CPEEK_OK;
}

static enum cpeek_status set_items(const struct object *object, struct items *ret)
{
	TRY(open_table(object, &ret->table, &ret->end));
	ret->count = object_get(object, FIELD_PySetObject_used);
	return ret->count <= ret->end ? CPEEK_OK : CPEEK_CORRUPT;
}

static enum cpeek_status set_next(struct items *items, struct item *ret)
{
	target_addr key = 0;

	while (!key) {
		if (items->index >= items->end)
			return CPEEK_END;
		TRY(read_key(items->objects, &items->table, items->index, &key));
		items->index++;
	}
	*ret = (struct item){.value = key};
	return CPEEK_OK;
}

/* set_repr() of Objects/setobject.c: only set itself goes without its name, which is tp_name with all its dots. */
static enum cpeek_status set_decode(const struct object *object, struct value *value)
{
	const struct type *type = object->type;
	const bool plain = type == type->decoder_type && type->decoder == &object_type_set;

	value_guard_named(value, type->tp_name, "(...)");
	if (object_get(object, FIELD_PySetObject_used) == 0) {
		value_format(value, "%s()", type->tp_name);
		return CPEEK_OK;
	}
	if (!plain)
		value_format(value, "%s(", type->tp_name);
	value_items(value, "{", "}", false);
	if (!plain)
		value_text(value, ")");
	return CPEEK_OK;
}

/* set_traverse() of Objects/setobject.c */
static enum cpeek_status set_edges(const struct object *object, struct edges *edges)
{
	struct table table;
	uint64_t slots;

	TRY(open_table(object, &table, &slots));
	for (uint64_t i = 0; i < slots; i++) {
		target_addr key;
		TRY(read_key(object->objects, &table, i, &key));
		edges_add(edges, EDGE_KEY, key, NULL, i, true);
	}
	return CPEEK_OK;
}

static enum cpeek_status set_size(const struct object *object, uint64_t *ret)
{
	const struct layout *layout = object->objects->layout;
	uint64_t size = (uint64_t)object->type->basicsize;

	/* A small set's table is in the object. */
	if (object_get(object, FIELD_PySetObject_table) != object_field_address(object, FIELD_PySetObject_smalltable))
		size += (object_get(object, FIELD_PySetObject_mask) + 1) * layout->structs[STRUCT_setentry];
	*ret = size;
	return CPEEK_OK;
}

const struct object_type object_type_set = {
	.name = "set",
	.structure = STRUCT_PySetObject,
	.decode = set_decode,
	.items = set_items,
	.next = set_next,
	.edges = set_edges,
	.size = set_size,
	.dissect = set_dissect,
};

const struct object_type object_type_frozenset = {
	.name = "frozenset",
	.structure = STRUCT_PySetObject,
	.decode = set_decode,
	.items = set_items,
	.next = set_next,
	.edges = set_edges,
	.size = set_size,
	.dissect = set_dissect,
};
