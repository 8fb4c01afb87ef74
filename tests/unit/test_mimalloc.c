/*
 * The walk of mimalloc's heaps, over segments laid out here by hand as Include/internal/mimalloc/mimalloc/types.h and
 * Objects/mimalloc/{page,segment}.c of CPython 3.13 and 3.14 say; encoded lists as mi_ptr_encode() makes them.
 */
#include "base/memory.h"
#include "base/vector.h"
#include "check.h"
#include "heap/heap.h"

#include <elf.h>
#include <stdlib.h>

enum { SEGMENT_SIZE = 32 << 20, SLICE = 64 << 10, REGIONS = 3, TSTATE_SIZE = 1 << 16 };

static const target_addr segment_address = 0x200002000000, tstate_address = 0x7f0000000000,
			 interpreter_address = 0x7f0000100000;

static struct region {
	target_addr start;
	size_t size;
	uint8_t *bytes;
} regions[REGIONS];

static struct error error;
static const struct layout *layout;
static struct python python;
static struct objects *objects;
static VECTOR(target_addr) found;

static uint8_t *host(target_addr at, size_t size)
{
	for (size_t i = 0; i < REGIONS; i++)
		if (at >= regions[i].start && size <= regions[i].size &&
		    at - regions[i].start <= regions[i].size - size)
			return regions[i].bytes + (at - regions[i].start);
	return NULL;
}

static int32_t lend(void *arg, uint64_t address, void *buffer, uint64_t length)
{
	(void)arg;
	for (uint64_t i = 0; i < length; i++) { /* a page of the cache may reach past a region */
		const uint8_t *from = host(address + i, 1);
		if (!from)
			return 1;
		((uint8_t *)buffer)[i] = *from;
	}
	return 0;
}

static void put(target_addr at, uint64_t value, size_t size)
{
	uint8_t *to = host(at, size);
	CHECK(to != NULL);
	for (size_t i = 0; to && i < size; i++)
		to[i] = (uint8_t)(value >> 8 * i);
}

static void put_field(target_addr structure, enum layout_field field, uint64_t value)
{
	const struct layout_place place = layout->fields[field];
	CHECK(place.offset_plus_1 != 0);
	uint64_t shifted = place.width ? value << place.bit : value;
	put(structure + place.offset_plus_1 - 1, shifted, place.size);
}

static target_addr heap(unsigned index)
{
	return tstate_address + layout_offset(layout, FIELD__PyThreadStateImpl_mimalloc_heaps) +
	       (uint64_t)index * layout->structs[STRUCT_mi_heap_t];
}

static target_addr queue(target_addr of, unsigned index)
{
	return of + layout_offset(layout, FIELD_mi_heap_t_pages) +
	       (uint64_t)index * layout->structs[STRUCT_mi_page_queue_t];
}

static target_addr page_at(unsigned slice)
{
	return segment_address + layout_offset(layout, FIELD_mi_segment_t_slices) +
	       (uint64_t)slice * layout->structs[STRUCT_mi_page_t];
}

static uint64_t rotate_left(uint64_t value, unsigned bits)
{
	bits %= 64;
	return bits ? value << bits | value >> (64 - bits) : value;
}

static const uint64_t keys[2] = {0x9e3779b97f4a7c15, 0xc2b2ae3d27d4eb4f};

/* What stands in a free block before the one at next (0: none). */
static uint64_t link_to(target_addr page, target_addr next)
{
	if (!layout_has(layout, FIELD_mi_page_t_keys))
		return next;
	return rotate_left((next ? next : page) ^ keys[1], (unsigned)(keys[0] % 64)) + keys[0];
}

struct model {
	unsigned slice, slices, tag, capacity, used, block_size;
	uint64_t prefix; /* bytes of a block before its object */
};

/* Where a page's blocks begin: 2.1 leaves room for three small blocks or one of up to 512 bytes. */
static target_addr block(const struct model *model, unsigned index)
{
	const unsigned size = model->block_size;
	const unsigned skip = size <= 64 ? 3 * size : size <= 512 ? size : 0;
	return segment_address + model->slice * SLICE + skip + index * size;
}

static target_addr make_page(const struct model *model)
{
	const target_addr page = page_at(model->slice);

	put_field(page, FIELD_mi_page_t_slice_count, model->slices);
	put_field(page, FIELD_mi_page_t_tag, model->tag);
	put_field(page, FIELD_mi_page_t_debug_offset, model->prefix + layout_offset(layout, FIELD_PyObject_ob_type));
	put_field(page, FIELD_mi_page_t_capacity, model->capacity);
	put_field(page, FIELD_mi_page_t_used, model->used);
	put_field(page, FIELD_mi_page_t_block_size, model->block_size);
	if (layout_has(layout, FIELD_mi_page_t_page_start))
		put_field(page, FIELD_mi_page_t_page_start, block(model, 0));
	if (layout_has(layout, FIELD_mi_page_t_keys)) {
		put(page + layout_offset(layout, FIELD_mi_page_t_keys), keys[0], 8);
		put(page + layout_offset(layout, FIELD_mi_page_t_keys) + 8, keys[1], 8);
	}
	return page;
}

static void track(const struct model *model, unsigned index)
{
	put_field(block(model, index) + model->prefix, FIELD_PyObject_ob_gc_bits, 1);
}

static void start(const char *name)
{
	layout = layout_by_name(name, EM_X86_64);
	CHECK(layout != NULL);
	static const size_t sizes[REGIONS] = {4 * SLICE, TSTATE_SIZE, TSTATE_SIZE};
	const target_addr starts[REGIONS] = {segment_address, tstate_address, interpreter_address};
	for (size_t i = 0; i < REGIONS; i++)
		regions[i] = (struct region){starts[i], sizes[i], calloc(1, sizes[i])};
	const struct cpeek_memory memory = {
		.struct_size = sizeof(memory), .pointer_size = 8, .machine = EM_X86_64, .read = lend};
	struct target *target = NULL;
	CHECK_EQ(target_open_lent(&memory, &(struct target_options){0}, &error, &target), CPEEK_OK);
	static struct python_thread thread;
	static struct interpreter interpreter;
	thread = (struct python_thread){.tstate = tstate_address};
	interpreter = (struct interpreter){.address = interpreter_address};
	python = (struct python){.target = target,
				 .layout = layout,
				 .error = &error,
				 .interpreters = &interpreter,
				 .interpreter_count = 1,
				 .threads = &thread,
				 .thread_count = 1};
	CHECK_EQ(objects_create(&python, &objects), CPEEK_OK);
	put_field(tstate_address, FIELD__PyThreadStateImpl_mimalloc_initialized, 1);
}

static void stop(void)
{
	objects_destroy(objects);
	target_destroy(python.target);
	for (size_t i = 0; i < REGIONS; i++)
		free(regions[i].bytes);
	VECTOR_DEINIT(&found);
}

static enum cpeek_status collect(void *arg, target_addr address)
{
	(void)arg;
	target_addr *new = VECTOR_PUSH(&found);
	if (!new)
		return CPEEK_NO_MEMORY;
	*new = address;
	return CPEEK_OK;
}

/* Walks, and tells whether the heaps were whole. */
static bool walk(void)
{
	bool partial = false;

	VECTOR_DEINIT(&found);
	CHECK_EQ(target_refresh(python.target), CPEEK_OK); /* what is changed between two walks is in its cache */
	CHECK_EQ(mimalloc_walk(objects, collect, NULL, &partial), CPEEK_OK);
	return !partial;
}

static const struct model small = {.slice = 1, .slices = 1, .tag = 2, .capacity = 6, .used = 3, .block_size = 64};
static const struct model before = {
	.slice = 2, .slices = 1, .tag = 3, .capacity = 3, .used = 3, .block_size = 1024, .prefix = 16};

/* Six blocks: 0, 5 are in use and tracked, 2 is in use; 1, 3 are free, 4 was freed here. */
static target_addr make_small(void)
{
	const target_addr page = make_page(&small);

	put_field(page, FIELD_mi_page_t_free, block(&small, 3));
	put(block(&small, 3), link_to(page, block(&small, 1)), 8);
	put(block(&small, 1), link_to(page, 0), 8);
	put_field(page, FIELD_mi_page_t_local_free, block(&small, 4));
	put(block(&small, 4), link_to(page, 0), 8);
	track(&small, 0);
	track(&small, 5);
	track(&small, 3); /* left over in a block that is free now */
	return page;
}

static void test_lists(const char *name)
{
	start(name);
	target_addr page = make_small();
	put_field(queue(heap(2), 8), FIELD_mi_page_queue_t_first, page);
	CHECK(walk());
	CHECK_EQ(found.count, 2);
	if (found.count == 2) {
		CHECK_EQ(found.items[0], block(&small, 0));
		CHECK_EQ(found.items[1], block(&small, 5));
	}
	/* 5 is freed by another thread; the low bits are that list's flags */
	put_field(page, FIELD_mi_page_t_xthread_free, block(&small, 5) | 2);
	put(block(&small, 5), link_to(page, 0), 8);
	CHECK(walk());
	CHECK_EQ(found.count, 1);
	/* A second page behind it, of the heap whose objects have words before them, in the last queue */
	const target_addr second = make_page(&before);
	track(&before, 1);
	put_field(queue(heap(3), 74), FIELD_mi_page_queue_t_first, second);
	CHECK(walk());
	CHECK_EQ(found.count, 2);
	if (found.count == 2)
		CHECK_EQ(found.items[1], block(&before, 1) + 16);
	/* A thread that has not come to bind its heaps */
	put_field(tstate_address, FIELD__PyThreadStateImpl_mimalloc_initialized, 0);
	CHECK(walk());
	CHECK_EQ(found.count, 0);
	stop();
}

static void test_damage(const char *name)
{
	start(name);
	const target_addr page = make_small(), first = queue(heap(2), 8);

	put_field(first, FIELD_mi_page_queue_t_first, page);
	put_field(page, FIELD_mi_page_t_next, page); /* a loop */
	CHECK(!walk());
	CHECK_EQ(found.count, 2);
	put_field(page, FIELD_mi_page_t_next, 0);
	put(block(&small, 1), link_to(page, block(&small, 3)), 8); /* a loop of blocks: they are free still */
	CHECK(!walk());
	CHECK_EQ(found.count, 2);
	put(block(&small, 1), link_to(page, block(&small, 1) + 8), 8); /* no block */
	CHECK(!walk());
	put(block(&small, 1), link_to(page, block(&small, 6)), 8); /* one that was never given out */
	CHECK(!walk());
	put(block(&small, 1), link_to(page, 0), 8);
	CHECK(walk());

	static const struct {
		enum layout_field field;
		uint64_t wrong;
	} wrongs[] = {
		{FIELD_mi_page_t_block_size, 0},          {FIELD_mi_page_t_block_size, 16}, /* no object fits */
		{FIELD_mi_page_t_block_size, 0x7fffffff},                                   /* six of them do not */
		{FIELD_mi_page_t_capacity, 0xffff},       {FIELD_mi_page_t_debug_offset, 0},
		{FIELD_mi_page_t_debug_offset, 0xff},     {FIELD_mi_page_t_slice_count, 0},
	};
	for (size_t i = 0; i < sizeof(wrongs) / sizeof(*wrongs); i++) {
		put_field(page, wrongs[i].field, wrongs[i].wrong);
		CHECK(!walk());
		CHECK_EQ(found.count, 0);
		(void)make_page(&small);
	}
	if (layout_has(layout, FIELD_mi_page_t_page_start)) {
		put_field(page, FIELD_mi_page_t_page_start, segment_address);
		CHECK(!walk());
		(void)make_page(&small);
	}
	CHECK(walk());
	put_field(first, FIELD_mi_page_queue_t_first, page + 8); /* between two slices */
	CHECK(!walk());
	put_field(first, FIELD_mi_page_queue_t_first, segment_address); /* before them */
	CHECK(!walk());
	put_field(first, FIELD_mi_page_queue_t_first, 0x123456789abc);
	CHECK(!walk());
	CHECK_EQ(found.count, 0);
	stop();
}

/* What a dead thread left: mimalloc 2.1 has the interpreter's list, whose head counts in its low bits. */
static void test_abandoned(void)
{
	start("3.14.4t");
	(void)make_small();
	track(&before, 2);
	(void)make_page(&before);
	struct model other = small; /* a page of plain memory */
	other.slice = 3;
	other.tag = 0;
	put_field(make_page(&other), FIELD_mi_page_t_debug_offset, 0);
	track(&other, 0);
	const struct model own = {.slices = 1, .block_size = 1};
	put_field(page_at(0), FIELD_mi_page_t_slice_count, own.slices);
	put_field(segment_address, FIELD_mi_segment_t_slice_entries, 4);
	put_field(interpreter_address, FIELD_PyInterpreterState_mimalloc_abandoned, segment_address | 77);
	CHECK(walk());
	CHECK_EQ(found.count, 3);
	put_field(segment_address, FIELD_mi_segment_t_abandoned_next, segment_address); /* a loop */
	CHECK(!walk());
	CHECK_EQ(found.count, 3);
	put_field(segment_address, FIELD_mi_segment_t_abandoned_next, 0);
	put_field(segment_address, FIELD_mi_segment_t_slice_entries, 513);
	CHECK(!walk());
	put_field(segment_address, FIELD_mi_segment_t_slice_entries, 4);
	put_field(page_at(2), FIELD_mi_page_t_slice_count, 0);
	CHECK(!walk());
	put_field(interpreter_address, FIELD_PyInterpreterState_mimalloc_abandoned, 0);
	put_field(interpreter_address, FIELD_PyInterpreterState_mimalloc_abandoned_visited, segment_address);
	put_field(page_at(2), FIELD_mi_page_t_slice_count, 1);
	CHECK(walk());
	CHECK_EQ(found.count, 3);
	stop();
}

int main(void)
{
	static const char *const names[] = {"3.13t", "3.13td", "3.14.4t", "3.14.4td", "3.14.10t", "3.15t", "3.15td"};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		test_lists(names[i]);
		test_damage(names[i]);
	}
	test_abandoned();
	return check_report();
}
