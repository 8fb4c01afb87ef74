/*
 * Arrays of object pointers. Knows where they end, and not whose they are.
 */
#include "object/sequence.h"

enum cpeek_status sequence_items(const struct object *object, target_addr array, int64_t count, struct items *ret)
{
	TRY(table_open(object->objects, array, count, object->objects->target->pointer_size, &ret->table));
	ret->count = ret->end = (uint64_t)count;
	return CPEEK_OK;
}

enum cpeek_status sequence_next(struct items *items, struct item *ret)
{
	target_addr value;

	if (items->index >= items->end)
		return CPEEK_END;
	TRY(table_read_pointer(&items->table, items->index * items->table.target->pointer_size, &value));
	items->index++;
	*ret = (struct item){.value = value};
	return CPEEK_OK;
}

enum cpeek_status sequence_edges(const struct object *object, target_addr array, int64_t count, struct edges *edges)
{
	return edges_add_array(edges, object->objects, EDGE_INDEX, array, count, true, true);
}
