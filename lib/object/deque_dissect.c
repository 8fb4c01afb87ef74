/*
 * The memory of a deque explained: its blocks, one after the other, with the items and the room in them.
 */
#include "object/deque.h"
#include "object/dissect.h"

#include <inttypes.h>

enum { ITEMS_MAX = 1 << 20 /* that are shown where no limit was asked for */ };

struct chain {
	const struct object *object;
	struct dissection *dissection;
	uint64_t per_block; /* items */
	uint64_t left;      /* not shown yet */
	uint64_t blocks;    /* that there must be */
};

static void explain_fields(struct dissection *dissection, const struct object *object)
{
	const int64_t maxlen = object_get_signed(object, FIELD_dequeobject_maxlen);

	dissect_field(dissection, DISSECT_NUMBER, FIELD_PyVarObject_ob_size, "items: len()");
	dissect_field(dissection, DISSECT_POINTER, FIELD_dequeobject_leftblock, "the block with the first item");
	dissect_field(dissection, DISSECT_POINTER, FIELD_dequeobject_rightblock, "the block with the last item");
	dissect_field(dissection, DISSECT_NUMBER, FIELD_dequeobject_leftindex, "where the first item is in its block");
	dissect_field(dissection, DISSECT_NUMBER, FIELD_dequeobject_rightindex, "where the last item is in its block");
	dissect_field(dissection, DISSECT_UNSIGNED, FIELD_dequeobject_state,
		      "counts changes: an iterator stops when it has changed");
	dissect_field(dissection, DISSECT_NUMBER, FIELD_dequeobject_maxlen, "%s",
		      maxlen < 0 ? "no limit" : "a longer one drops items at the other end");
	dissect_field(dissection, DISSECT_NUMBER, FIELD_dequeobject_numfreeblocks,
		      "blocks kept to be used again, at freeblocks");
	dissect_field(dissection, DISSECT_NONE, FIELD_dequeobject_freeblocks,
		      "those blocks: numfreeblocks of them count");
	dissect_field(dissection, DISSECT_OBJECT, FIELD_dequeobject_weakreflist, "weak references to it");
}

static void add_unused(struct dissection *dissection, uint64_t start, uint64_t end)
{
	const struct layout *layout = dissection->objects->layout;
	const uint64_t data = layout_offset(layout, FIELD_BLOCK_data);

	if (start >= end)
		return;
	struct dissect_row *row = dissect_row(dissection, (int64_t)(data + start * layout->pointer_size),
					      (end - start) * layout->pointer_size, "data[%" PRIu64 "]", start);
	dissect_mean(dissection, row, "%" PRIu64 " slot%s not in use: what stands here means nothing", end - start,
		     end - start == 1 ? "" : "s");
}

/* The items of a block from `start` on, as many as are left. */
static void explain_items(struct chain *chain, uint64_t start)
{
	struct dissection *dissection = chain->dissection;
	const struct layout *layout = dissection->objects->layout;
	const uint64_t data = layout_offset(layout, FIELD_BLOCK_data);
	const uint64_t room = chain->per_block - start;
	const uint64_t end = start + (chain->left < room ? chain->left : room);

	add_unused(dissection, 0, start);
	for (uint64_t i = start; i < end; i++)
		(void)dissect_word(dissection, DISSECT_OBJECT, (int64_t)(data + i * layout->pointer_size),
				   "data[%" PRIu64 "]", i);
	add_unused(dissection, end, chain->per_block);
	chain->left -= end - start;
}

static enum cpeek_status explain_block(struct chain *chain, uint64_t index, target_addr block, target_addr before,
				       target_addr *ret_next)
{
	struct dissection *dissection = chain->dissection;
	const struct layout *layout = dissection->objects->layout;
	const bool first = index == 0, last = index + 1 == chain->blocks;
	uint64_t left, right;

	TRY(field_read(dissection->objects, block, FIELD_BLOCK_leftlink, &left));
	TRY(field_read(dissection->objects, block, FIELD_BLOCK_rightlink, &right));
	dissect_open_block(dissection,
			   dissect_text(dissection, "block %" PRIu64 " of %" PRIu64, index + 1, chain->blocks),
			   STRUCT_BLOCK, block, layout->structs[STRUCT_BLOCK]);
	dissect_field(dissection, DISSECT_POINTER, FIELD_BLOCK_leftlink,
		      first ? "of no meaning in the first block" : "the block before");
	dissect_field(dissection, DISSECT_POINTER, FIELD_BLOCK_rightlink,
		      last ? "of no meaning in the last block" : "the next block");
	explain_items(chain, first ? object_get(chain->object, FIELD_dequeobject_leftindex) : 0);
	if (!first && left != before)
		dissect_problem(dissection,
				"leftlink 0x%" PRIx64 " of block %" PRIu64 " is not the block before, 0x%" PRIx64,
				left, index + 1, before);
	*ret_next = right;
	return CPEEK_OK;
}

static enum cpeek_status explain_chain(struct chain *chain)
{
	struct dissection *dissection = chain->dissection;
	const uint64_t limit = dissection->limits->elements ? dissection->limits->elements : ITEMS_MAX;
	const target_addr right = object_get(chain->object, FIELD_dequeobject_rightblock);
	target_addr block = object_get(chain->object, FIELD_dequeobject_leftblock), before = 0, next = 0;
	uint64_t i = 0;

	for (; i < chain->blocks; i++) {
		if (i && i * chain->per_block >= limit)
			break;
		TRY(explain_block(chain, i, block, before, &next));
		before = block;
		block = next;
	}
	if (i < chain->blocks)
		dissect_note(dissection, "… +%" PRIu64 " blocks with %" PRIu64 " items", chain->blocks - i,
			     chain->left);
	else if (chain->blocks && before != right)
		dissect_problem(dissection, "rightblock 0x%" PRIx64 " is not the last block of the chain, 0x%" PRIx64,
				right, before);
	return CPEEK_OK;
}

enum cpeek_status deque_dissect(const struct object *object, struct dissection *dissection)
{
	const struct layout *layout = object->objects->layout;
	const uint64_t leftindex = object_get(object, FIELD_dequeobject_leftindex);
	const int64_t rightindex = object_get_signed(object, FIELD_dequeobject_rightindex);
	const int64_t maxlen = object_get_signed(object, FIELD_dequeobject_maxlen);
	const uint64_t size = (uint64_t)object->ob_size;
	struct chain chain = {.object = object,
			      .dissection = dissection,
			      .per_block = layout->fields[FIELD_BLOCK_data].size / layout->pointer_size,
			      .left = size};

	dissect_resize(dissection, (uint64_t)object->type->basicsize);
	explain_fields(dissection, object);
	if (object->ob_size < 0 || size > target_count_writable(object->objects->target, layout->pointer_size)) {
		dissect_problem(dissection, "ob_size %" PRId64 ": there is no memory for so many items",
				object->ob_size);
		return CPEEK_OK;
	}
	if (leftindex >= chain.per_block) {
		dissect_problem(dissection, "leftindex %" PRId64 " is not within a block of %" PRIu64 " items",
				(int64_t)leftindex, chain.per_block);
		return CPEEK_OK;
	}
	/* An empty one has a block too, with its indices in the middle. */
	chain.blocks = size ? (leftindex + size + chain.per_block - 1) / chain.per_block : 1;
	TRY(dissect_tolerate(dissection, explain_chain(&chain), "the chain of blocks"));
	const int64_t end = size ? (int64_t)((leftindex + size - 1) % chain.per_block) : (int64_t)leftindex - 1;
	if (rightindex != end)
		dissect_problem(dissection,
				"rightindex is %" PRId64 ", but %" PRIu64 " items from leftindex %" PRIu64
				" on end at %" PRId64,
				rightindex, size, leftindex, end);
	if (maxlen >= 0 && object->ob_size > maxlen)
		dissect_problem(dissection, "ob_size %" PRId64 " is above maxlen %" PRId64, object->ob_size, maxlen);
	dissect_fact_number(dissection, "items", object->ob_size, NULL);
	dissect_fact_number(dissection, "blocks", (int64_t)chain.blocks, "of %" PRIu64 " items each, linked both ways",
			    chain.per_block);
	if (maxlen >= 0)
		dissect_fact_number(dissection, "maxlen", maxlen, NULL);
	dissect_note(dissection,
		     "Both ends grow without moving anything: when a block is full, one more is linked on.");
	return CPEEK_OK;
}
