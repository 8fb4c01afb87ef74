/*
 * collections.deque: a chain of blocks, the first and the last of them not full.
 */
#include "object/class_name.h"
#include "object/deque.h"

#include <inttypes.h>

/* What an iteration keeps in items->state: the block, the place in it, how many blocks it has left behind, and a block
 * among those: to meet it again is to go round in a circle (Brent's algorithm). */
enum { STATE_BLOCK, STATE_PLACE, STATE_BLOCKS, STATE_SEEN };

static uint64_t block_length(const struct layout *layout)
{
	return layout->fields[FIELD_BLOCK_data].size / layout->pointer_size;
}

static enum cpeek_status deque_items(const struct object *object, struct items *ret)
{
	const uint64_t place = object_get(object, FIELD_dequeobject_leftindex);

	if (object->ob_size < 0 || (object->ob_size && place >= block_length(object->objects->layout)))
		return CPEEK_CORRUPT;
	ret->state[STATE_BLOCK] = object_get(object, FIELD_dequeobject_leftblock);
	ret->state[STATE_PLACE] = place;
	ret->end = ret->count = (uint64_t)object->ob_size;
	return CPEEK_OK;
}

static enum cpeek_status next_block(struct items *items)
{
	uint64_t next;

	TRY(field_read(items->objects, items->state[STATE_BLOCK], FIELD_BLOCK_rightlink, &next));
	if (next == items->state[STATE_SEEN])
		return CPEEK_CORRUPT;
	const uint64_t blocks = ++items->state[STATE_BLOCKS];
	if ((blocks & (blocks - 1)) == 0)
		items->state[STATE_SEEN] = next;
	items->state[STATE_BLOCK] = next;
	items->state[STATE_PLACE] = 0;
	return CPEEK_OK;
}

static enum cpeek_status deque_next(struct items *items, struct item *ret)
{
	const struct layout *layout = items->objects->layout;
	target_addr value;

	if (items->index >= items->end)
		return CPEEK_END;
	if (items->state[STATE_PLACE] == block_length(layout))
		TRY(next_block(items));
	if (!items->state[STATE_BLOCK])
		return CPEEK_CORRUPT;
	const uint64_t offset = items->state[STATE_PLACE] * layout->pointer_size;
	TRY(target_read_pointer(items->objects->target,
				items->state[STATE_BLOCK] + layout_offset(layout, FIELD_BLOCK_data) + offset, &value));
	items->state[STATE_PLACE]++;
	items->index++;
	*ret = (struct item){.value = value};
	return CPEEK_OK;
}

/* deque_repr() of Modules/_collectionsmodule.c */
static enum cpeek_status deque_decode(const struct object *object, struct value *value)
{
	const int64_t maxlen = object_get_signed(object, FIELD_dequeobject_maxlen);

	value_guard(value, "[...]");
	value_format(value, "%s(", class_name(object));
	value_items(value, "[", "]", false);
	if (maxlen >= 0)
		value_format(value, ", maxlen=%" PRId64, maxlen);
	value_text(value, ")");
	return CPEEK_OK;
}

/* deque_traverse() */
static enum cpeek_status deque_edges(const struct object *object, struct edges *edges)
{
	struct items items = {.objects = object->objects};
	struct item item;
	enum cpeek_status status;

	TRY(deque_items(object, &items));
	while ((status = deque_next(&items, &item)) == CPEEK_OK)
		edges_add(edges, EDGE_INDEX, item.value, NULL, items.index - 1, true);
	return status == CPEEK_END ? CPEEK_OK : status;
}

/* deque_sizeof() */
static enum cpeek_status deque_size(const struct object *object, uint64_t *ret)
{
	const struct layout *layout = object->objects->layout;
	const uint64_t length = block_length(layout);
	const uint64_t places = object_get(object, FIELD_dequeobject_leftindex) + (uint64_t)object->ob_size;

	*ret = (uint64_t)object->type->basicsize + (places + length - 1) / length * layout->structs[STRUCT_BLOCK];
	return CPEEK_OK;
}

const struct object_type object_type_deque = {
	.name = "collections.deque",
	.structure = STRUCT_dequeobject,
	.decode = deque_decode,
	.items = deque_items,
	.next = deque_next,
	.edges = deque_edges,
	.size = deque_size,
	.dissect = deque_dissect,
};
