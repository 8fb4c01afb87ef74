/*
 * collections.deque: a chain of blocks, the first and the last of them not full.
 */
#include "object/class_name.h"
#include "object/decoder.h"

/* What an iteration keeps in items->state: the block, and the place in it. */
enum { STATE_BLOCK, STATE_PLACE };

static uint64_t block_length(const struct layout *layout)
{
	return layout->fields[FIELD_BLOCK_data].size / layout->pointer_size;
}

/* The item at *block and *place, which go on to the next one. */
static enum cpeek_status read_item(const struct objects *objects, target_addr *block, uint64_t *place, target_addr *ret)
{
	const struct layout *layout = objects->layout;

	if (*block == 0)
		return CPEEK_CORRUPT;
	TRY(target_read_pointer(objects->target,
				*block + layout_offset(layout, FIELD_BLOCK_data) + *place * layout->pointer_size, ret));
	if (++*place < block_length(layout))
		return CPEEK_OK;
	*place = 0;
	uint64_t next;
	/* Behind the last item there may be no block: only who goes on minds. */
	*block = field_read(objects, *block, FIELD_BLOCK_rightlink, &next) == CPEEK_OK ? next : 0;
	return CPEEK_OK;
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

static enum cpeek_status deque_next(struct items *items, struct item *ret)
{
	target_addr value;

	if (items->index >= items->end)
		return CPEEK_END;
	TRY(read_item(items->objects, &items->state[STATE_BLOCK], &items->state[STATE_PLACE], &value));
	items->index++;
	*ret = (struct item){.value = value};
	return CPEEK_OK;
}
