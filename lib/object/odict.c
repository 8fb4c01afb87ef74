/*
 * collections.OrderedDict: a dict, and a linked list of its keys in their order.
 */
#include "object/class_name.h"
#include "object/dict.h"
#include "object/odict_dissect.h"

/* What an iteration keeps in items->state. */
enum { STATE_NODE, STATE_ENTRY, STATE_KEYS, STATE_BUDGET };

/* So many probes, and a few more for each item, are made before a table is called damaged: enough for some thousand
 * keys of the same hash. */
enum { PROBES = 1 << 22, PROBES_PER_ITEM = 64 };

struct node {
	target_addr key, next;
	uint64_t hash;
};

static enum cpeek_status node_read(const struct objects *objects, target_addr address, struct node *ret)
{
	TRY(field_read(objects, address, FIELD__odictnode_key, &ret->key));
	TRY(field_read(objects, address, FIELD__odictnode_hash, &ret->hash));
	return field_read(objects, address, FIELD__odictnode_next, &ret->next);
}

/* How many nodes the list has: not what the dict counts, once somebody has changed that behind the list's back
 * (dict.__setitem__(od, …)). CORRUPT: it leads round and round. */
static enum cpeek_status count_nodes(const struct object *object, uint64_t *ret)
{
	target_addr at = object_get(object, FIELD_PyODictObject_od_first), behind = 0;
	uint64_t count = 0, next_stop = 1, next;

	while (at) {
		if (at == behind)
			return CPEEK_CORRUPT;
		if (++count == next_stop) {
			behind = at;
			next_stop *= 2;
		}
		TRY(field_read(object->objects, at, FIELD__odictnode_next, &next));
		at = next;
	}
	*ret = count;
	return CPEEK_OK;
}

static enum cpeek_status odict_items(const struct object *object, struct items *ret)
{
	const target_addr address = object_get(object, FIELD_PyDictObject_ma_keys);
	const uint64_t used = object_get(object, FIELD_PyDictObject_ma_used);
	struct dict_keys keys;

	TRY(dict_keys_read(object->objects, address, &keys));
	if (used > keys.nentries)
		return CPEEK_CORRUPT;
	TRY(count_nodes(object, &ret->count));
	ret->table = keys.entries;
	ret->form = keys.short_entries;
	ret->end = ret->count;
	ret->state[STATE_NODE] = object_get(object, FIELD_PyODictObject_od_first);
	ret->state[STATE_ENTRY] = 0;
	ret->state[STATE_KEYS] = address;
	ret->state[STATE_BUDGET] = PROBES + ret->count * PROBES_PER_ITEM;
	return CPEEK_OK;
}

/* The entry of a node's key: most often the one behind the last one's, else where its hash leads. */
static enum cpeek_status read_entry(struct items *items, const struct node *node, struct dict_entry *ret)
{
	const uint64_t next = items->state[STATE_ENTRY];
	struct dict_keys keys;
	uint64_t index;

	TRY(dict_keys_read(items->objects, items->state[STATE_KEYS], &keys));
	if (next < keys.nentries) {
		TRY(dict_entry_read(items->objects, &keys.entries, keys.short_entries, next, ret));
		if (ret->key == node->key) {
			items->state[STATE_ENTRY]++;
			return CPEEK_OK;
		}
	}
	TRY(dict_keys_find(items->objects, &keys, node->hash, node->key, &items->state[STATE_BUDGET], &index));
	items->state[STATE_ENTRY] = index + 1;
	return dict_entry_read(items->objects, &keys.entries, keys.short_entries, index, ret);
}

/* A key that the dict does not have gets no value: <NULL>. */
static enum cpeek_status odict_next(struct items *items, struct item *ret)
{
	const target_addr address = items->state[STATE_NODE];
	struct dict_entry entry;
	struct node node;

	if (items->index >= items->end)
		return CPEEK_END;
	if (!address)
		return CPEEK_CORRUPT;
	TRY(node_read(items->objects, address, &node));
	enum cpeek_status status = read_entry(items, &node, &entry);
	if (status == CPEEK_NOT_FOUND)
		entry.value = 0;
	else if (status != CPEEK_OK)
		return status == CPEEK_LIMIT ? CPEEK_CORRUPT : status;
	items->state[STATE_NODE] = node.next;
	items->index++;
	*ret = (struct item){.key = node.key, .value = entry.value};
	return CPEEK_OK;
}

/* odict_repr() of Objects/odictobject.c: a list of pairs, from 3.12 a dict. */
static enum cpeek_status odict_decode(const struct object *object, struct value *value)
{
	const bool dict = layout_trait(object->objects->layout, TRAIT_ODICT_REPR_DICT);

	if (object_get(object, FIELD_PyDictObject_ma_used) == 0) {
		value_format(value, "%s()", class_name(object));
		return CPEEK_OK;
	}
	value_guard(value, "...");
	value_format(value, "%s(", class_name(object));
	if (dict)
		value_items(value, "{", "}", false);
	else
		value_pairs(value, "[", "]");
	value_text(value, ")");
	return CPEEK_OK;
}

/* odict_traverse(): the attributes, the nodes' keys, then what a dict visits. */
static enum cpeek_status odict_edges(const struct object *object, struct edges *edges)
{
	target_addr address = object_get(object, FIELD_PyODictObject_od_first);
	uint64_t count = 0;

	edges_add_field(edges, object, FIELD_PyODictObject_od_inst_dict);
	enum cpeek_status status = count_nodes(object, &count);
	for (uint64_t i = 0; i < count && status == CPEEK_OK; i++) {
		struct node node;
		status = node_read(object->objects, address, &node);
		if (status != CPEEK_OK)
			break;
		edges_add(edges, EDGE_KEY, node.key, NULL, i, true);
		address = node.next;
	}
	enum cpeek_status rest = dict_edges(object, edges);
	return status != CPEEK_OK ? status : rest;
}

/* odict_sizeof() */
static enum cpeek_status odict_size(const struct object *object, uint64_t *ret)
{
	const struct layout *layout = object->objects->layout;
	uint64_t size;

	TRY(dict_size(object, &size));
	size += object_get(object, FIELD_PyODictObject_od_fast_nodes_size) * layout->pointer_size;
	if (object_get(object, FIELD_PyODictObject_od_first))
		size += object_get(object, FIELD_PyDictObject_ma_used) * layout->structs[STRUCT__odictnode];
	*ret = size;
	return CPEEK_OK;
}

const struct object_type object_type_odict = {
	.name = "collections.OrderedDict",
	.structure = STRUCT_PyODictObject,
	.decode = odict_decode,
	.items = odict_items,
	.next = odict_next,
	.edges = odict_edges,
	.size = odict_size,
	.dissect = odict_dissect,
};
