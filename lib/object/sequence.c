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
	const unsigned width = object->objects->target->pointer_size;
	struct table table;

	TRY(table_open(object->objects, array, count, width, &table));
	for (uint64_t i = (uint64_t)count; i-- > 0;) {
		target_addr value;
		TRY(table_read_pointer(&table, i * width, &value));
		edges_add(edges, EDGE_INDEX, value, NULL, i, true);
	}
	return CPEEK_OK;
}
