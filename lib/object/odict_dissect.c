/*
 * OrderedDict explained: the dict that it is, the linked list that keeps the order, and the array that leads from an entry
 * of the dict to its node.
 */
#include "object/odict_dissect.h"
#include "object/dict.h"
#include "object/dict_dissect.h"

#include <inttypes.h>

enum { NODES_MAX = 1 << 24, PROBES = 1 << 22 };

struct node {
	uint64_t key, hash, next, prev;
};

static enum cpeek_status read_node(const struct objects *objects, target_addr address, struct node *ret)
{
	TRY(field_read(objects, address, FIELD__odictnode_key, &ret->key));
	TRY(field_read(objects, address, FIELD__odictnode_hash, &ret->hash));
	TRY(field_read(objects, address, FIELD__odictnode_next, &ret->next));
	return field_read(objects, address, FIELD__odictnode_prev, &ret->prev);
}

static void show_node(struct dissection *dissection, const struct dict_keys *keys, uint64_t number,
		      target_addr address, const struct node *node, uint64_t *budget)
{
	struct dict_entry entry = {0};
	uint64_t index = 0;
	const bool found =
		keys && dict_keys_find(dissection->objects, keys, node->hash, node->key, budget, &index) == CPEEK_OK &&
		dict_entry_read(dissection->objects, &keys->entries, keys->short_entries, index, &entry) == CPEEK_OK;

	dissect_cell(dissection, "#", DISSECT_UNSIGNED, number);
	dissect_cell(dissection, "prev", DISSECT_POINTER, node->prev);
	dissect_cell(dissection, "node", DISSECT_POINTER, address);
	dissect_cell(dissection, "next", DISSECT_POINTER, node->next);
	dissect_cell(dissection, "key", DISSECT_OBJECT, node->key);
	if (found) {
		dissect_cell(dissection, "entry", DISSECT_UNSIGNED, index);
		dissect_cell(dissection, "value", DISSECT_OBJECT, entry.value);
	}
	dissect_end_row(dissection);
}

static enum cpeek_status show_list(const struct object *object, struct dissection *dissection)
{
	struct objects *objects = object->objects;
	target_addr at = object_get(object, FIELD_PyODictObject_od_first), before = 0;
	struct dict_keys keys;
	const bool known = dict_keys_read(objects, object_get(object, FIELD_PyDictObject_ma_keys), &keys) == CPEEK_OK;
	uint64_t count = 0, left = 0, budget = PROBES, unbound = 0;
	enum cpeek_status status = CPEEK_OK;

	dissect_open_table(dissection, "The linked list: the order, from od_first through next to od_last");
	while (at && count < NODES_MAX) {
		struct node node;
		status = read_node(objects, at, &node);
		if (status != CPEEK_OK)
			break;
		count++;
		unbound += node.prev != before;
		if (dissect_is_full(dissection))
			left++;
		else
			show_node(dissection, known ? &keys : NULL, count - 1, at, &node, &budget);
		before = at;
		at = node.next;
		if (at == object_get(object, FIELD_PyODictObject_od_first))
			break;
	}
	if (left)
		dissect_cut(dissection, left, "nodes");
	TRY(dissect_tolerate(dissection, status, "the linked list"));
	if (status != CPEEK_OK)
		return CPEEK_OK;
	if (at)
		dissect_problem(dissection, "the linked list does not end");
	else if (before != object_get(object, FIELD_PyODictObject_od_last))
		dissect_problem(dissection, "od_last is not the node at which the list ends");
	if (unbound)
		dissect_problem(dissection, "%" PRIu64 " nodes do not lead back to the one before them", unbound);
	const uint64_t used = object_get(object, FIELD_PyDictObject_ma_used);
	if (count != used)
		dissect_problem(dissection,
				"the list has %" PRIu64 " nodes, the dict %" PRIu64
				" items: dict's own methods changed it behind "
				"the list's back",
				count, used);
	return CPEEK_OK;
}

static enum cpeek_status show_fast_nodes(const struct object *object, struct dissection *dissection)
{
	const unsigned word = object->objects->layout->pointer_size;
	const target_addr nodes = object_get(object, FIELD_PyODictObject_od_fast_nodes);
	const uint64_t size = object_get(object, FIELD_PyODictObject_od_fast_nodes_size);
	struct table table;

	if (!nodes)
		return CPEEK_OK;
	if (size > INT64_MAX || table_open(object->objects, nodes, (int64_t)size, word, &table) != CPEEK_OK) {
		dissect_problem(dissection,
				"od_fast_nodes at 0x%" PRIx64 " of %" PRIu64
				" nodes does not lie in memory of the target",
				nodes, size);
		return CPEEK_OK;
	}
	dissect_open_block(dissection, "od_fast_nodes: from an entry of the dict to its node", LAYOUT_STRUCT_COUNT,
			   nodes, size * word);
	for (uint64_t i = 0; i < size; i++) {
		if (dissect_is_full(dissection)) {
			dissect_cut(dissection, size - i, "nodes");
			break;
		}
		struct dissect_row *row = dissect_word(dissection, DISSECT_POINTER, (int64_t)(i * word),
						       "od_fast_nodes[%" PRIu64 "]", i);
		uint64_t key;
		if (!row->value.number)
			dissect_mean(dissection, row, "no entry, or a removed one");
		else if (field_read(object->objects, row->value.number, FIELD__odictnode_key, &key) == CPEEK_OK)
			dissect_mean(dissection, row, "entry %" PRIu64 ": %s", i, dissect_brief(dissection, key));
		else
			dissect_mean(dissection, row, "no node can be read there");
	}
	return CPEEK_OK;
}

enum cpeek_status odict_dissect(const struct object *object, struct dissection *dissection)
{
	const bool current = object_get(object, FIELD_PyODictObject_od_resize_sentinel) ==
			     object_get(object, FIELD_PyDictObject_ma_keys);

	dissect_field(dissection, DISSECT_POINTER, FIELD_PyODictObject_od_fast_nodes,
		      "for each entry of the dict its node");
	dissect_field(dissection, DISSECT_NUMBER, FIELD_PyODictObject_od_fast_nodes_size,
		      "as many as the dict has slots");
	dissect_field(dissection, DISSECT_POINTER, FIELD_PyODictObject_od_resize_sentinel, "%s",
		      current ? "ma_keys when od_fast_nodes was made: it is up to date"
			      : "not ma_keys: od_fast_nodes is made anew when it is next needed");
	dissect_field(dissection, DISSECT_UNSIGNED, FIELD_PyODictObject_od_state,
		      "counts changes, so that iterators notice them");
	dissect_field(dissection, DISSECT_POINTER, FIELD_PyODictObject_od_first, "the first node");
	dissect_field(dissection, DISSECT_POINTER, FIELD_PyODictObject_od_last, "the last one");
	dissect_field(dissection, DISSECT_OBJECT, FIELD_PyODictObject_od_inst_dict, "__dict__");
	dissect_field(dissection, DISSECT_POINTER, FIELD_PyODictObject_od_weakreflist, "weak references to it");
	TRY(dict_dissect(object, dissection));
	TRY(show_list(object, dissection));
	return show_fast_nodes(object, dissection);
}
