/*
 * pymalloc: the arenas that its books name, the pool that an address lies in by alignment alone, and whether that pool's
 * header is one. Objects/obmalloc.c; Include/internal/pycore_obmalloc.h (3.12+).
 */
#include "heap/pymalloc.h"

#include <string.h>

enum {
	POOL_4K = 1 << 12,
	POOL_16K = 1 << 14, /* POOL_BITS 14 with the radix tree, which 64-bit builds have from 3.10 on */
	SMALL_MAX = 512,    /* SMALL_REQUEST_THRESHOLD */
	ARENAS_MAX = 1 << 20,
	HEADER_BYTES = 64, /* more than struct pool_header has */
	FORBIDDEN = 0xfd,  /* PYMEM_FORBIDDENBYTE; to 3.7 FORBIDDENBYTE */
	FORBIDDEN_OLD = 0xfb,
};

struct header {
	uint64_t count, freeblock, arena_index, size_class, next_offset, max_next_offset;
	uint64_t alignment, block_size, overhead, capacity;
};

struct arena_book {
	uint64_t address, pool_address, free_pools, pools, index;
};

static uint64_t pool_size(const struct layout *layout)
{
	return layout->pointer_size == 8 && layout_trait(layout, TRAIT_POOL_16K) ? POOL_16K : POOL_4K;
}

/* ---- Pools ---- */

static uint64_t header_get(const struct objects *objects, const uint8_t *bytes, enum layout_field field)
{
	const struct layout_place place = objects->layout->fields[field];

	return runtime_get(objects->target, place, bytes + place.offset_plus_1 - 1);
}

/* Whether the pool's numbers agree with each other for blocks that are multiples of alignment. */
static bool header_fits(const struct objects *objects, target_addr pool, uint64_t alignment, struct header *header)
{
	const uint64_t size = pool_size(objects->layout);
	const uint64_t overhead = (objects->layout->structs[STRUCT_pool_header] + alignment - 1) & ~(alignment - 1);
	const uint64_t block = (header->size_class + 1) * alignment;

	if (header->size_class >= SMALL_MAX / alignment || header->max_next_offset != size - block ||
	    header->count == 0 || header->count > (size - overhead) / block || header->next_offset < overhead ||
	    header->next_offset > header->max_next_offset + block || (header->next_offset - overhead) % block ||
	    (header->freeblock && (header->freeblock < pool + overhead || header->freeblock >= pool + size)))
		return false;
	header->alignment = alignment;
	header->block_size = block;
	header->overhead = overhead;
	header->capacity = (size - overhead) / block;
	return true;
}

static bool header_read(const struct objects *objects, target_addr pool, struct header *ret)
{
	const struct layout *layout = objects->layout;
	uint8_t bytes[HEADER_BYTES];
	uint8_t count[4];

	if (layout->structs[STRUCT_pool_header] == 0 || layout->structs[STRUCT_pool_header] > sizeof(bytes) ||
	    !target_probe(objects->target, pool, bytes, layout->structs[STRUCT_pool_header]))
		return false;
	memcpy(count, bytes + layout_offset(layout, FIELD_pool_header_ref), sizeof(count)); /* ref.count, in a union */
	struct header header = {
		.count = target_get(objects->target, count, sizeof(count)),
		.freeblock = header_get(objects, bytes, FIELD_pool_header_freeblock),
		.arena_index = header_get(objects, bytes, FIELD_pool_header_arenaindex),
		.size_class = header_get(objects, bytes, FIELD_pool_header_szidx),
		.next_offset = header_get(objects, bytes, FIELD_pool_header_nextoffset),
		.max_next_offset = header_get(objects, bytes, FIELD_pool_header_maxnextoffset),
	};
	/* ALIGNMENT is 16 on 64-bit machines, but 8 in the first micro versions of 3.6 and 3.7, and on 32-bit ones. */
	if (!header_fits(objects, pool, 2 * (uint64_t)layout->pointer_size, &header) &&
	    !header_fits(objects, pool, 8, &header))
		return false;
	*ret = header;
	return true;
}

/* Whether a pool has no blocks in use: then its header means nothing. */
static bool is_empty(const struct objects *objects, target_addr pool)
{
	uint8_t count[4];

	return target_probe(objects->target, pool + layout_offset(objects->layout, FIELD_pool_header_ref), count,
			    sizeof(count)) &&
	       target_get(objects->target, count, sizeof(count)) == 0;
}

/* Walks the free list: how many blocks are on it, and whether the one at `block` is. false: it is broken. */
static bool walk_free(const struct objects *objects, target_addr pool, const struct header *header, target_addr block,
		      uint64_t *ret_count, bool *ret_free)
{
	const uint64_t size = pool_size(objects->layout);
	target_addr at = header->freeblock;
	uint8_t bytes[8];

	*ret_count = 0;
	*ret_free = false;
	while (at) {
		if (at < pool + header->overhead || at >= pool + size ||
		    (at - pool - header->overhead) % header->block_size || *ret_count > header->capacity ||
		    !target_probe(objects->target, at, bytes, objects->target->pointer_size))
			return false;
		*ret_free |= at == block;
		++*ret_count;
		at = target_get_pointer(objects->target, bytes);
	}
	return true;
}

/* ---- Arenas ---- */

static bool arena_at(const struct objects *objects, target_addr arenas, uint64_t index, struct arena_book *ret)
{
	const struct layout *layout = objects->layout;
	const uint32_t size = layout->structs[STRUCT_arena_object];
	uint8_t bytes[HEADER_BYTES];

	if (!size || size > sizeof(bytes) || !target_probe(objects->target, arenas + index * size, bytes, size))
		return false;
	*ret = (struct arena_book){.address = header_get(objects, bytes, FIELD_arena_object_address),
				   .pool_address = header_get(objects, bytes, FIELD_arena_object_pool_address),
				   .free_pools = header_get(objects, bytes, FIELD_arena_object_nfreepools),
				   .pools = header_get(objects, bytes, FIELD_arena_object_ntotalpools),
				   .index = index};
	return true;
}

/* An arena's first pool is the first aligned place of it, and an unaligned arena loses one. */
static uint64_t arena_size(const struct objects *objects, const struct arena_book *arena)
{
	const uint64_t size = pool_size(objects->layout);

	return (arena->pools + (arena->address % size != 0)) * size;
}

/* Whether an arena_object is one, and the pool at `pool` in it. */
static bool arena_has(const struct objects *objects, const struct arena_book *arena, target_addr pool)
{
	const uint64_t size = arena_size(objects, arena);

	return arena->address && arena->pools && arena->pools <= ARENAS_MAX && arena->free_pools <= arena->pools &&
	       pool >= arena->address && pool - arena->address < size && arena->pool_address >= arena->address &&
	       arena->pool_address - arena->address <= size;
}

/* Looks through a vector of arena_objects. */
static bool search_arenas(const struct objects *objects, target_addr arenas, uint64_t count, target_addr pool,
			  struct arena_book *ret)
{
	if (!arenas || count > ARENAS_MAX)
		return false;
	for (uint64_t i = 0; i < count; i++)
		if (arena_at(objects, arenas, i, ret) && arena_has(objects, ret, pool))
			return true;
	return false;
}

/* 3.12 and later: each interpreter has its books in its state, from 3.13 on behind a pointer. */
static bool search_interpreters(const struct objects *objects, target_addr pool, struct arena_book *ret)
{
	const struct layout *layout = objects->layout;
	const struct layout_place place = layout->fields[FIELD_PyInterpreterState_obmalloc];
	uint64_t arenas, count;

	for (size_t i = 0; place.offset_plus_1 && i < objects->python->interpreter_count; i++) {
		target_addr state = objects->python->interpreters[i].address + place.offset_plus_1 - 1;
		if (place.size == layout->pointer_size &&
		    (target_read_pointer(objects->target, state, &state) != CPEEK_OK || !state))
			continue;
		if (field_read(objects, state, FIELD__obmalloc_state_arenas, &arenas) == CPEEK_OK &&
		    field_read(objects, state, FIELD__obmalloc_state_maxarenas, &count) == CPEEK_OK &&
		    search_arenas(objects, arenas, count, pool, ret))
			return true;
	}
	return false;
}

/* To 3.11: variables of Objects/obmalloc.c, which a symbol table may name. */
static bool search_variables(const struct objects *objects, target_addr pool, struct arena_book *ret)
{
	struct target *target = objects->target;
	const struct target_module *module = target_find_module(target, objects->python->runtime);
	target_addr arenas, maximum;
	uint64_t size;
	uint32_t count;

	return module && target_find_symbol(target, module, "arenas", &arenas, &size) == CPEEK_OK &&
	       size == target->pointer_size &&
	       target_find_symbol(target, module, "maxarenas", &maximum, &size) == CPEEK_OK &&
	       target_read_pointer(target, arenas, &arenas) == CPEEK_OK &&
	       target_read_u32(target, maximum, &count) == CPEEK_OK &&
	       search_arenas(objects, arenas, count, pool, ret);
}

/* Without symbols: the pool knows the number of its arena, and `arenas` is a pointer in the module's writable data whose
 * arena_object of that number has the pool in it. */
static bool search_data(const struct objects *objects, target_addr pool, uint64_t index, struct arena_book *ret)
{
	struct target *target = objects->target;
	const struct target_module *module = target_find_module(target, objects->python->runtime);
	uint8_t bytes[8];

	for (size_t i = 0; module && i < target->mapping_count; i++) {
		const struct target_mapping *mapping = &target->mappings[i];
		if (!mapping->writable || mapping->start < module->start || mapping->start >= module->end)
			continue;
		for (target_addr at = mapping->start; at < mapping->end && at < module->end;
		     at += target->pointer_size) {
			if (!target_probe(target, at, bytes, target->pointer_size))
				break;
			const target_addr arenas = target_get_pointer(target, bytes);
			if (arenas && arenas % target->pointer_size == 0 && target_find_mapping(target, arenas) &&
			    arena_at(objects, arenas, index, ret) && arena_has(objects, ret, pool))
				return true;
		}
	}
	return false;
}

/* ---- The block ---- */

static void fill_arena(const struct objects *objects, const struct arena_book *arena, struct place_pool *pool)
{
	pool->arena = arena->address;
	pool->arena_size = arena_size(objects, arena);
	pool->arena_index = (uint32_t)arena->index;
	pool->arena_pools = (uint32_t)arena->pools;
	pool->arena_free_pools = (uint32_t)arena->free_pools;
}

/* The pool's header was read. */
static void fill_pool(const struct objects *objects, target_addr address, const struct header *header,
		      struct place_pool *pool)
{
	const target_addr first = pool->pool + header->overhead;
	uint64_t free_count;
	bool is_free;

	pool->size_class = (uint32_t)header->size_class;
	pool->block_size = header->block_size;
	pool->used = header->count;
	pool->capacity = header->capacity;
	if (address >= first && address < first + header->capacity * header->block_size) {
		pool->index = (address - first) / header->block_size;
		pool->block = first + pool->index * header->block_size;
	}
	/* Blocks from nextoffset on were never given away. */
	const uint64_t carved = (header->next_offset - header->overhead) / header->block_size;
	pool->unsound = !walk_free(objects, pool->pool, header, pool->block, &free_count, &is_free) ||
			carved - free_count != header->count;
	pool->free = pool->block && (is_free || pool->index >= carved);
}

enum cpeek_status pymalloc_find(struct objects *objects, target_addr address, struct place_pool *ret,
				const char **ret_evidence)
{
	const uint64_t size = pool_size(objects->layout);
	struct place_pool pool = {.pool = address & ~(size - 1), .pool_size = size};
	const char *evidence = "the interpreter's table of arenas";
	struct header header = {0};
	struct arena_book arena = {0};

	if (!layout_has(objects->layout, FIELD_pool_header_szidx) ||
	    !layout_has(objects->layout, FIELD_arena_object_address))
		return CPEEK_NOT_FOUND;
	const bool has_header = header_read(objects, pool.pool, &header);
	bool has_arena = search_interpreters(objects, pool.pool, &arena);
	if (!has_arena && !layout_has(objects->layout, FIELD__obmalloc_state_arenas)) {
		has_arena = search_variables(objects, pool.pool, &arena);
		evidence = "the table of arenas, by its symbol";
		if (!has_arena && has_header) {
			has_arena = search_data(objects, pool.pool, header.arena_index, &arena);
			evidence = "the pool's header, and a table of arenas that has it, found in the data of Python";
		}
	}
	if (has_arena)
		fill_arena(objects, &arena, &pool);
	if (has_header)
		fill_pool(objects, address, &header, &pool);
	else if (has_arena && pool.pool < arena.pool_address && !is_empty(objects, pool.pool))
		pool.damaged = true;
	else
		pool.unused = true;
	/* A header alone is believed when all of its numbers agree. */
	if (!has_arena && (!has_header || pool.unsound))
		return CPEEK_NOT_FOUND;
	if (!has_arena)
		evidence = "the pool's header, whose numbers agree; no table of arenas was found";
	*ret = pool;
	*ret_evidence = evidence;
	return CPEEK_OK;
}

/* ---- The debug hooks ---- */

/* _PyMem_DebugRawAlloc() of Objects/obmalloc.c: a word of the size, most significant byte first; the letter of the
 * allocator and forbidden bytes to fill a word; the block; a word of forbidden bytes; to 3.8, and where
 * PYMEM_DEBUG_SERIALNO is defined, a word with the number of the allocation. */
static bool find_debug(const struct objects *objects, target_addr block, uint64_t size, struct place_debug *ret)
{
	struct target *target = objects->target;
	const unsigned word = target->pointer_size;
	uint8_t before[16], behind[16];
	uint64_t requested = 0;

	if (size < 3u * word || !target_probe(target, block, before, 2u * word))
		return false;
	const uint8_t forbidden = before[word + 1];
	if (!strchr("rmo", before[word]) || !before[word] || (forbidden != FORBIDDEN && forbidden != FORBIDDEN_OLD))
		return false;
	for (unsigned i = 1; i < word; i++)
		if (before[word + i] != forbidden)
			return false;
	for (unsigned i = 0; i < word; i++)
		requested = requested << 8 | before[i];
	if (requested > size - 3u * word)
		return false;
	*ret = (struct place_debug){
		.present = true, .start = block + 2u * word, .requested = requested, .api = (char)before[word]};
	if (!target_probe(target, ret->start + requested, behind, word))
		return true;
	for (unsigned i = 0; i < word; i++)
		ret->overrun |= behind[i] != forbidden;
	if (layout_trait(objects->layout, TRAIT_DEBUG_SERIAL) && requested + 4u * word <= size &&
	    target_probe(target, ret->start + requested + word, behind, word)) {
		ret->has_serial = true;
		for (unsigned i = 0; i < word; i++)
			ret->serial = ret->serial << 8 | behind[i];
	}
	return true;
}

void pymalloc_find_debug(const struct objects *objects, target_addr block, uint64_t size, struct place_debug *ret)
{
	/* What is too large for pymalloc comes from the raw allocator, which has hooks of its own. */
	if (find_debug(objects, block, size, ret) && ret->api == 'r')
		(void)find_debug(objects, ret->start, ret->requested, ret);
}
