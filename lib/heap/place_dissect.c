/*
 * The facts of a place: the sentence, then block, pool and arena, what debug hooks wrote, the free list, the mapping, and
 * by what all this is known.
 */
#include "heap/place_dissect.h"

#include <inttypes.h>

static void add_pool(struct dissection *dissection, const struct place_pool *pool, target_addr address)
{
	if (pool->block)
		dissect_fact_text(dissection, "block",
				  "0x%" PRIx64 ", %" PRIu64 " bytes; the object begins %" PRIu64 " into it",
				  pool->block, pool->block_size, address - pool->block);
	if (!pool->unused && !pool->damaged)
		dissect_fact_text(dissection, "pool",
				  "0x%" PRIx64 ", %" PRIu64 " bytes: %" PRIu64 " of %" PRIu64 " blocks in use",
				  pool->pool, pool->pool_size, pool->used, pool->capacity);
	else
		dissect_fact_text(dissection, "pool", "0x%" PRIx64 ", %" PRIu64 " bytes", pool->pool, pool->pool_size);
	if (pool->arena)
		dissect_fact_text(
			dissection, "arena",
			"%" PRIu32 " at 0x%" PRIx64 ", %" PRIu64 " bytes: %" PRIu32 " of %" PRIu32 " pools free",
			pool->arena_index, pool->arena, pool->arena_size, pool->arena_free_pools, pool->arena_pools);
	else
		dissect_fact_text(dissection, "arena", "not known");
}

static void add_mimalloc(struct dissection *dissection, const struct mimalloc_block *block, target_addr address)
{
	dissect_fact_text(dissection, "block",
			  "0x%" PRIx64 ", %" PRIu64 " bytes; the object begins %" PRIu64 " into it", block->block,
			  block->block_size, address - block->block);
	dissect_fact_text(dissection, "page", "0x%" PRIx64 ": %" PRIu64 " of %" PRIu64 " blocks in use", block->start,
			  block->used, block->capacity);
	dissect_fact_text(dissection, "segment", "0x%" PRIx64, block->segment);
}

static void add_debug(struct dissection *dissection, const struct place_debug *debug)
{
	if (debug->has_serial)
		dissect_fact_text(dissection, "debug hooks",
				  "%" PRIu64 " bytes asked for, of allocator '%c'; allocation "
				  "number %" PRIu64,
				  debug->requested, debug->api, debug->serial);
	else
		dissect_fact_text(dissection, "debug hooks", "%" PRIu64 " bytes asked for, of allocator '%c'",
				  debug->requested, debug->api);
}

/* What says that the object's memory is not its own. */
static void add_problems(struct dissection *dissection, const struct place *place)
{
	const bool in_block = place->kind == PLACE_POOL && place->pool.block;

	if (place->debug.overrun)
		dissection->partial = true;
	if (in_block && place->pool.free && !place->on_freelist)
		dissect_fact_text(dissection, "freed", "the block is free: what is shown is what was left in it");
	else if (place->kind == PLACE_MIMALLOC && place->mimalloc.free)
		dissect_fact_text(dissection, "freed", "the block is free: what is shown is what was left in it");
	if (place->debug.overrun)
		dissect_fact_text(dissection, "overrun",
				  "the bytes that the debug hooks put behind the block were changed");
	if (in_block && place->pool.unsound)
		dissect_fact_text(dissection, "pool is unsound",
				  "its free list and its count of blocks contradict each "
				  "other");
}

static void add_mapping(struct dissection *dissection, const struct place *place)
{
	const struct target_mapping *mapping = place->mapping;

	if (mapping)
		dissect_fact_text(dissection, "mapping", "0x%" PRIx64 " to 0x%" PRIx64 ", %s%s%s%s%s", mapping->start,
				  mapping->end, mapping->readable ? "r" : "-", mapping->writable ? "w" : "-",
				  mapping->executable ? "x" : "-", place->module ? ", " : ", anonymous",
				  place->module ? place->module->path : "");
}

void place_dissect(const struct objects *objects, const struct place *place, target_addr address,
		   struct dissection *dissection)
{
	const struct freelist *list = &place->freelist;
	struct strbuf out = {0};

	place_put(objects, place, &out);
	dissect_fact_buffer(dissection, "lives in", &out, NULL);
	if (place->kind == PLACE_POOL)
		add_pool(dissection, &place->pool, address);
	else if (place->kind == PLACE_MIMALLOC)
		add_mimalloc(dissection, &place->mimalloc, address);
	else if (place->kind == PLACE_MALLOC)
		dissect_fact_text(dissection, "chunk",
				  "0x%" PRIx64 ", %" PRIu64 " bytes with malloc's own words; the object "
				  "begins %" PRIu64 " into it",
				  place->start, place->size, place->offset);
	if (place->debug.present)
		add_debug(dissection, &place->debug);
	if (place->on_freelist)
		dissect_fact_text(dissection, "free list",
				  "of %s objects of %s %" PRId64 ": %" PRIu64 " of %" PRIu64
				  " that wait to be used again, from the next one on%s",
				  list->name, list->owner_thread ? "thread" : "interpreter", list->owner,
				  list->position + 1, list->count,
				  layout_trait(objects->layout, TRAIT_FREELIST_FIRST_WORD)
					  ? "; its first word leads to the one behind it, and is no count"
					  : "");
	add_problems(dissection, place);
	add_mapping(dissection, place);
	if (place->evidence)
		dissect_fact_text(dissection, "known by", "%s", place->evidence);
}
