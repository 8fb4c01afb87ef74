/*
 * The collector's objects of a free-threaded build, which keeps no lists of them: the collector visits the blocks of
 * each thread's mimalloc heaps, and so does this. Knows mimalloc's segments, pages and free lists, and of the objects in
 * the blocks nothing but where they begin and the bit that says "tracked".
 *
 * gc_visit_heaps_lock_held() in Python/gc_free_threading.c (3.13); Objects/mimalloc/heap.c, segment.c of mimalloc 2.1
 * and 2.5.
 */
#include "heap/heap.h"

#include <string.h>

enum {
	/* struct _mimalloc_thread_state.heaps: collectable objects without and with words before them.
	 * Include/internal/pycore_mimalloc.h, 3.13 */
	HEAP_GC = 2,
	HEAP_GC_PRE = 3,
	SLICE_SHIFT = 13, /* MI_SEGMENT_SLICE_SHIFT is this and the bits of a pointer's size; mimalloc/types.h */
	PAGE_BYTES = 256, /* more than mi_page_t has in any version */
	CAPACITY_MAX = UINT16_MAX,
	GC_BITS_TRACKED = 1, /* _PyGC_BITS_TRACKED, Include/internal/pycore_gc.h */
};

/* Low bits of mi_page_t.xthread_free say what its owner does with it (mi_delayed_t); blocks are aligned to more. */
static const target_addr thread_free_mask = ~(target_addr)3;

struct walk {
	struct objects *objects;
	address_fn found;
	void *arg;
	bool *partial;
	struct map seen;      /* pages and segments */
	uint64_t blocks_left; /* as many as the target's memory has room for: more are damage */
	uint64_t slice_size, segment_size;
};

struct page {
	target_addr address, start, next;
	uint64_t slice_count, tag, capacity, used, block_size;
	uint64_t object; /* where in a block the object begins */
	uint64_t free[CAPACITY_MAX / 64 + 1];
};

static void note_damage(const struct walk *walk)
{
	*walk->partial = true;
}

static target_addr segment_of(const struct walk *walk, target_addr page)
{
	return page & ~(walk->segment_size - 1);
}

/* ---- Pages and their blocks ---- */

static uint64_t page_get(const struct walk *walk, const uint8_t *bytes, enum layout_field field)
{
	const struct layout *layout = walk->objects->layout;
	const struct layout_place place = layout->fields[field];

	if (place.offset_plus_1 == 0 ||
	    place.offset_plus_1 - 1 + (size_t)place.size > layout->structs[STRUCT_mi_page_t])
		return 0;
	return runtime_get(walk->objects->target, place, bytes + place.offset_plus_1 - 1);
}

/* mimalloc 2.1 leaves some blocks free at the start of a page: _mi_segment_page_start_from_slice() in segment.c. From
 * 2.5 on the page says where its blocks begin. */
static target_addr first_block(const struct walk *walk, const uint8_t *bytes, target_addr slice, uint64_t block_size)
{
	if (layout_has(walk->objects->layout, FIELD_mi_page_t_page_start))
		return page_get(walk, bytes, FIELD_mi_page_t_page_start);
	return slice + (block_size <= 64 ? 3 * block_size : block_size <= 512 ? block_size : 0);
}

/* Reads a page, which must be one of the slices of its segment, with its blocks inside it. */
static enum cpeek_status page_read_any(const struct walk *walk, target_addr address, struct page *ret)
{
	const struct layout *layout = walk->objects->layout;
	const uint32_t size = layout->structs[STRUCT_mi_page_t];
	const target_addr segment = segment_of(walk, address);
	const target_addr slices = segment + layout_offset(layout, FIELD_mi_segment_t_slices);
	uint8_t bytes[PAGE_BYTES];

	const uint64_t index = (address - slices) / size;
	if (address < slices || address != slices + index * size || index * walk->slice_size >= walk->segment_size ||
	    size > sizeof(bytes))
		return CPEEK_CORRUPT;
	TRY(target_read(walk->objects->target, address, bytes, size));
	ret->address = address;
	ret->next = page_get(walk, bytes, FIELD_mi_page_t_next);
	ret->slice_count = page_get(walk, bytes, FIELD_mi_page_t_slice_count);
	ret->tag = page_get(walk, bytes, FIELD_mi_page_t_tag);
	ret->capacity = page_get(walk, bytes, FIELD_mi_page_t_capacity);
	ret->used = page_get(walk, bytes, FIELD_mi_page_t_used);
	ret->block_size = page_get(walk, bytes, FIELD_mi_page_t_block_size);
	ret->start = first_block(walk, bytes, segment + index * walk->slice_size, ret->block_size);
	ret->object =
		page_get(walk, bytes, FIELD_mi_page_t_debug_offset) - layout_offset(layout, FIELD_PyObject_ob_type);
	if (ret->used == 0)
		return CPEEK_OK;

	const target_addr first = segment + index * walk->slice_size,
			  end = first + ret->slice_count * walk->slice_size;
	if (ret->capacity > CAPACITY_MAX || ret->block_size == 0 || ret->start < first || ret->start > end ||
	    (end - ret->start) / ret->block_size < ret->capacity)
		return CPEEK_CORRUPT;
	memset(ret->free, 0, sizeof(ret->free));
	return CPEEK_OK;
}

/* The same of a page of objects. debug_offset is how much of a free block the allocator's debug hooks leave as it is: all
 * up to ob_type, so that it tells where the object begins in each block (tstate_mimalloc_bind() in Python/pystate.c). */
static enum cpeek_status page_read(const struct walk *walk, target_addr address, struct page *ret)
{
	TRY(page_read_any(walk, address, ret));
	if (ret->used && (ret->object > ret->block_size ||
			  ret->block_size - ret->object < walk->objects->layout->structs[STRUCT_PyObject]))
		return CPEEK_CORRUPT;
	return CPEEK_OK;
}

/* mi_block_next(): the word that a free block begins with. Debug builds encode it (MI_ENCODE_FREELIST), so that the
 * page's own address stands for NULL: mi_ptr_decode() in mimalloc/internal.h. */
static enum cpeek_status block_read_next(const struct walk *walk, const struct page *page, target_addr block,
					 target_addr *ret)
{
	const struct layout *layout = walk->objects->layout;
	struct target *target = walk->objects->target;
	const unsigned width = 8 * layout->pointer_size;
	target_addr word, keys[2], next;

	TRY(target_read_pointer(target, block, &word));
	if (!layout_has(layout, FIELD_mi_page_t_keys)) {
		*ret = word;
		return CPEEK_OK;
	}
	const target_addr at = page->address + layout_offset(layout, FIELD_mi_page_t_keys);
	TRY(target_read_pointer(target, at, &keys[0]));
	TRY(target_read_pointer(target, at + layout->pointer_size, &keys[1]));
	const uint64_t mask = UINT64_MAX >> (64 - width), turned = (word - keys[0]) & mask;
	const unsigned shift = (unsigned)(keys[0] % width);
	next = ((shift ? turned >> shift | turned << (width - shift) : turned) ^ keys[1]) & mask;
	*ret = next == page->address ? 0 : next;
	return CPEEK_OK;
}

/* Marks the blocks of one of a page's lists. */
static void mark_free(const struct walk *walk, struct page *page, enum layout_field list)
{
	uint64_t head;

	if (field_read(walk->objects, page->address, list, &head) != CPEEK_OK) {
		note_damage(walk);
		return;
	}
	target_addr block = list == FIELD_mi_page_t_xthread_free ? head & thread_free_mask : head;
	while (block) {
		const uint64_t offset = block - page->start, index = offset / page->block_size;
		if (block < page->start || index >= page->capacity || offset % page->block_size ||
		    page->free[index / 64] >> index % 64 & 1 ||
		    block_read_next(walk, page, block, &block) != CPEEK_OK) {
			note_damage(walk);
			return;
		}
		page->free[index / 64] |= (uint64_t)1 << index % 64;
	}
}

static enum cpeek_status report_blocks(const struct walk *walk, const struct page *page)
{
	const struct layout *layout = walk->objects->layout;
	struct target *target = walk->objects->target;
	const uint64_t bits_at = page->object + layout_offset(layout, FIELD_PyObject_ob_gc_bits);
	const uint8_t *area = target_view(target, page->start, (size_t)(page->capacity * page->block_size));

	for (uint64_t i = 0; i < page->capacity; i++) {
		const uint64_t block = i * page->block_size;
		uint8_t bits;
		if (page->free[i / 64] >> i % 64 & 1)
			continue;
		if (area) {
			bits = area[block + bits_at];
		} else if (target_read_u8(target, page->start + block + bits_at, &bits) != CPEEK_OK) {
			note_damage(walk);
			continue;
		}
		if (bits & GC_BITS_TRACKED)
			TRY(walk->found(walk->arg, page->start + block + page->object));
	}
	return CPEEK_OK;
}

static enum cpeek_status visit_page(struct walk *walk, struct page *page)
{
	static const enum layout_field lists[] = {FIELD_mi_page_t_free, FIELD_mi_page_t_local_free,
						  FIELD_mi_page_t_xthread_free};
	const struct objects *objects = walk->objects;

	if (objects->cancelled && objects->cancelled(objects->cancelled_arg))
		return CPEEK_CANCELLED;
	if (page->used == 0)
		return CPEEK_OK;
	if (page->capacity > walk->blocks_left) {
		note_damage(walk);
		return CPEEK_OK;
	}
	walk->blocks_left -= page->capacity;
	for (size_t i = 0; i < sizeof(lists) / sizeof(*lists); i++)
		mark_free(walk, page, lists[i]);
	return report_blocks(walk, page);
}

/* Whether this page or segment is met for the first time. */
static enum cpeek_status visit_once(struct walk *walk, target_addr address, bool *ret)
{
	const size_t before = walk->seen.count;

	if (!map_put(&walk->seen, address))
		return CPEEK_NO_MEMORY;
	*ret = walk->seen.count != before;
	return CPEEK_OK;
}

/* ---- Heaps of threads ---- */

static enum cpeek_status walk_queue(struct walk *walk, target_addr queue)
{
	struct page page;
	target_addr next;
	bool new;

	if (field_read(walk->objects, queue, FIELD_mi_page_queue_t_first, &next) != CPEEK_OK) {
		note_damage(walk);
		return CPEEK_OK;
	}
	for (; next; next = page.next) {
		TRY(visit_once(walk, next, &new));
		if (!new || page_read(walk, next, &page) != CPEEK_OK) {
			note_damage(walk);
			return CPEEK_OK;
		}
		TRY(visit_page(walk, &page));
	}
	return CPEEK_OK;
}

static enum cpeek_status walk_heap(struct walk *walk, target_addr heap)
{
	const struct layout *layout = walk->objects->layout;
	const struct layout_place pages = layout->fields[FIELD_mi_heap_t_pages];
	const uint32_t size = layout->structs[STRUCT_mi_page_queue_t];

	for (uint32_t at = 0; at + size <= pages.size; at += size)
		TRY(walk_queue(walk, heap + pages.offset_plus_1 - 1 + at));
	return CPEEK_OK;
}

static enum cpeek_status walk_thread(struct walk *walk, target_addr tstate)
{
	const struct layout *layout = walk->objects->layout;
	const target_addr heaps = tstate + layout_offset(layout, FIELD__PyThreadStateImpl_mimalloc_heaps);
	uint64_t initialized;

	if (field_read(walk->objects, tstate, FIELD__PyThreadStateImpl_mimalloc_initialized, &initialized) !=
	    CPEEK_OK) {
		note_damage(walk);
		return CPEEK_OK;
	}
	if (!initialized)
		return CPEEK_OK;
	TRY(walk_heap(walk, heaps + (uint64_t)HEAP_GC * layout->structs[STRUCT_mi_heap_t]));
	return walk_heap(walk, heaps + (uint64_t)HEAP_GC_PRE * layout->structs[STRUCT_mi_heap_t]);
}

/* ---- Segments that dead threads left behind ---- */

/* mi_segment_visit_pages() in segment.c: the first slices are the segment's own. */
static enum cpeek_status walk_segment(struct walk *walk, target_addr segment)
{
	const struct layout *layout = walk->objects->layout;
	const uint32_t size = layout->structs[STRUCT_mi_page_t];
	const uint64_t most = walk->segment_size / walk->slice_size;
	struct page page;
	uint64_t entries, block_size, count;
	bool new;

	if (field_read(walk->objects, segment, FIELD_mi_segment_t_slice_entries, &entries) != CPEEK_OK ||
	    entries > most) {
		note_damage(walk);
		return CPEEK_OK;
	}
	for (uint64_t i = 0; i < entries; i += count) {
		target_addr slice = segment + layout_offset(layout, FIELD_mi_segment_t_slices) + i * size;
		if (field_read(walk->objects, slice, FIELD_mi_page_t_slice_count, &count) != CPEEK_OK || count == 0 ||
		    field_read(walk->objects, slice, FIELD_mi_page_t_block_size, &block_size) != CPEEK_OK) {
			note_damage(walk);
			return CPEEK_OK;
		}
		if (i == 0 || block_size == 0) /* the segment itself, or a free run of slices */
			continue;
		page.tag = HEAP_GC; /* if even that cannot be read, it may have been one to look at */
		TRY(visit_once(walk, slice, &new));
		if (!new)
			continue;
		enum cpeek_status status = page_read(walk, slice, &page);
		if (page.tag != HEAP_GC && page.tag != HEAP_GC_PRE)
			continue; /* the other heaps' pages do not tell where objects begin */
		if (status != CPEEK_OK)
			note_damage(walk);
		else
			TRY(visit_page(walk, &page));
	}
	return CPEEK_OK;
}

/* mimalloc 2.1: the interpreter's two lists, of which one has a counter in the low bits of its head. */
static enum cpeek_status walk_abandoned_list(struct walk *walk, target_addr head)
{
	target_addr segment = segment_of(walk, head);
	bool new;

	while (segment) {
		TRY(visit_once(walk, segment, &new));
		if (!new) {
			note_damage(walk);
			break;
		}
		TRY(walk_segment(walk, segment));
		if (field_read(walk->objects, segment, FIELD_mi_segment_t_abandoned_next, &segment) != CPEEK_OK) {
			note_damage(walk);
			break;
		}
		segment = segment_of(walk, segment);
	}
	return CPEEK_OK;
}

/* mimalloc 2.5 marks them in its arenas' bit maps, which nothing leads to: so look at each place where a segment may be
 * for one that is of this interpreter and of no thread. */
static enum cpeek_status find_abandoned(struct walk *walk, uint64_t subproc)
{
	struct target *target = walk->objects->target;
	uint64_t owner, thread;

	for (size_t i = 0; i < target->mapping_count; i++) {
		const struct target_mapping *mapping = &target->mappings[i];
		target_addr at = segment_of(walk, mapping->start + walk->segment_size - 1);
		if (!mapping->writable || !mapping->saved || mapping->module != UINT32_MAX)
			continue;
		for (; at >= mapping->start && at < mapping->saved_end; at += walk->segment_size)
			if (field_read(walk->objects, at, FIELD_mi_segment_t_subproc, &owner) == CPEEK_OK &&
			    owner == subproc &&
			    field_read(walk->objects, at, FIELD_mi_segment_t_thread_id, &thread) == CPEEK_OK &&
			    thread == 0)
				TRY(walk_segment(walk, at));
	}
	return CPEEK_OK;
}

static enum cpeek_status walk_abandoned(struct walk *walk, target_addr interpreter)
{
	static const enum layout_field lists[] = {FIELD_PyInterpreterState_mimalloc_abandoned,
						  FIELD_PyInterpreterState_mimalloc_abandoned_visited};
	const struct layout *layout = walk->objects->layout;
	uint64_t head;

	for (size_t i = 0; i < sizeof(lists) / sizeof(*lists); i++) {
		if (!layout_has(layout, lists[i]))
			continue;
		if (field_read(walk->objects, interpreter, lists[i], &head) == CPEEK_OK)
			TRY(walk_abandoned_list(walk, head));
		else
			note_damage(walk);
	}
	if (layout_has(layout, FIELD_PyInterpreterState_mimalloc_subproc)) {
		if (field_read(walk->objects, interpreter, FIELD_PyInterpreterState_mimalloc_subproc, &head) ==
		    CPEEK_OK)
			TRY(find_abandoned(walk, head));
		else
			note_damage(walk);
	}
	return CPEEK_OK;
}

/* ---- All of it ---- */

/* Threads newest first, as PyInterpreterState.threads links them. */
static enum cpeek_status walk_interpreter(struct walk *walk, size_t interpreter)
{
	const struct python *python = walk->objects->python;

	for (size_t i = python->thread_count; i-- > 0;)
		if (python->threads[i].interpreter == interpreter)
			TRY(walk_thread(walk, python->threads[i].tstate));
	return walk_abandoned(walk, python->interpreters[interpreter].address);
}

static enum cpeek_status walk_interpreters(struct objects *objects, size_t first, size_t count, address_fn found,
					   void *arg, bool *ret_partial)
{
	const struct layout *layout = objects->layout;
	const uint32_t slices = layout->fields[FIELD_mi_segment_t_slices].size,
		       size = layout->structs[STRUCT_mi_page_t];
	bool partial = false;
	struct walk walk = {.objects = objects,
			    .found = found,
			    .arg = arg,
			    .partial = &partial,
			    .blocks_left = target_count_writable(objects->target, layout->structs[STRUCT_PyObject]),
			    .slice_size = (uint64_t)layout->pointer_size << SLICE_SHIFT};
	enum cpeek_status status = CPEEK_OK;

	if (!layout_has(layout, FIELD__PyThreadStateImpl_mimalloc_heaps) || !size || slices < 2 * size ||
	    !layout->structs[STRUCT_mi_page_queue_t])
		return CPEEK_UNSUPPORTED;
	walk.segment_size = (slices / size - 1) * walk.slice_size; /* one slice more than it has */
	for (size_t i = first; status == CPEEK_OK && i < first + count; i++)
		status = walk_interpreter(&walk, i);
	map_deinit(&walk.seen);
	*ret_partial |= partial;
	return status;
}

/* ---- One block ---- */

/* Whether a segment of mimalloc is there: of a thread that Python knows, or of one that has ended. */
static bool is_segment(const struct walk *walk, target_addr segment)
{
	const struct python *python = walk->objects->python;
	struct target *target = walk->objects->target;
	const struct layout *layout = walk->objects->layout;
	const struct layout_place thread = layout->fields[FIELD_mi_segment_t_thread_id];
	const struct layout_place entries = layout->fields[FIELD_mi_segment_t_slice_entries];
	uint8_t bytes[8];

	if (!target_probe(target, segment + entries.offset_plus_1 - 1, bytes, entries.size))
		return false;
	const uint64_t count = runtime_get(target, entries, bytes);
	if (count == 0 || count > walk->segment_size / walk->slice_size ||
	    !target_probe(target, segment + thread.offset_plus_1 - 1, bytes, thread.size))
		return false;
	const uint64_t owner = runtime_get(target, thread, bytes);
	for (size_t i = 0; i < python->thread_count; i++)
		if (python->threads[i].thread_id == owner)
			return true;
	return owner == 0;
}

enum cpeek_status mimalloc_find(struct objects *objects, target_addr address, struct mimalloc_block *ret)
{
	static const enum layout_field lists[] = {FIELD_mi_page_t_free, FIELD_mi_page_t_local_free,
						  FIELD_mi_page_t_xthread_free};
	const struct layout *layout = objects->layout;
	const uint32_t slices = layout->fields[FIELD_mi_segment_t_slices].size,
		       size = layout->structs[STRUCT_mi_page_t];
	bool partial = false;
	struct walk walk = {
		.objects = objects, .partial = &partial, .slice_size = (uint64_t)layout->pointer_size << SLICE_SHIFT};
	struct page page;
	uint64_t offset, thread;

	if (!size || slices < 2 * size || !layout_has(layout, FIELD_mi_page_t_slice_offset) ||
	    !layout_has(layout, FIELD_mi_segment_t_slice_entries))
		return CPEEK_NOT_FOUND;
	walk.segment_size = (slices / size - 1) * walk.slice_size;
	const target_addr segment = segment_of(&walk, address);
	if (!is_segment(&walk, segment))
		return CPEEK_NOT_FOUND;
	const target_addr slice = segment + layout_offset(layout, FIELD_mi_segment_t_slices) +
				  (address - segment) / walk.slice_size * size;
	/* Bytes back to the page's first slice: mi_slice_first() in mimalloc/internal.h. */
	TRY(field_read(objects, slice, FIELD_mi_page_t_slice_offset, &offset));
	if (offset > slice - segment || page_read_any(&walk, slice - offset, &page) != CPEEK_OK || !page.used ||
	    address < page.start || address >= page.start + page.capacity * page.block_size)
		return CPEEK_NOT_FOUND;
	for (size_t i = 0; i < sizeof(lists) / sizeof(*lists); i++)
		mark_free(&walk, &page, lists[i]);
	TRY(field_read(objects, segment, FIELD_mi_segment_t_thread_id, &thread));
	const uint64_t index = (address - page.start) / page.block_size;
	*ret = (struct mimalloc_block){.segment = segment,
				       .page = page.address,
				       .start = page.start,
				       .thread = thread,
				       .tag = (unsigned)page.tag,
				       .block_size = page.block_size,
				       .capacity = page.capacity,
				       .used = page.used,
				       .index = index,
				       .block = page.start + index * page.block_size,
				       .free = page.free[index / 64] >> index % 64 & 1,
				       .partial = partial};
	return CPEEK_OK;
}

enum cpeek_status mimalloc_walk_interpreter(struct objects *objects, size_t interpreter, address_fn found, void *arg,
					    bool *ret_partial)
{
	return walk_interpreters(objects, interpreter, 1, found, arg, ret_partial);
}

enum cpeek_status mimalloc_walk(struct objects *objects, address_fn found, void *arg, bool *ret_partial)
{
	return walk_interpreters(objects, 0, objects->python->interpreter_count, found, arg, ret_partial);
}
