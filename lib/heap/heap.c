/*
 * All objects: the collector's lists and the roots start a queue, and what each object refers to joins it.
 */
#include "heap/heap.h"
#include "base/vector.h"
#include "stack/stack.h"

enum {
	CANCEL_INTERVAL = 1 << 14, /* references between two polls */
	SHARED_MAX = 32, /* references that one word of memory may stand for: the keys that instances share */
};

struct walk {
	struct objects *objects;
	struct heap *heap;
	uint64_t references; /* followed so far */
	uint64_t most;       /* that memory has room for */
};

static enum cpeek_status add(void *arg, target_addr address)
{
	struct heap *heap = ((struct walk *)arg)->heap;
	const size_t before = heap->seen.count;

	if (address == 0)
		return CPEEK_OK;
	if (!map_put(&heap->seen, address))
		return CPEEK_NO_MEMORY;
	if (heap->seen.count == before)
		return CPEEK_OK;
	target_addr *new = VECTOR_PUSH(heap);
	if (!new)
		return CPEEK_NO_MEMORY;
	*new = address;
	return CPEEK_OK;
}

/* Arrays that overlap, as only damage has them, would make a walk take as long as memory is large, squared. */
static enum cpeek_status add_edge(void *arg, const struct edge *edge)
{
	struct walk *walk = arg;
	const struct objects *objects = walk->objects;

	if (++walk->references > walk->most)
		return CPEEK_LIMIT;
	if (walk->references % CANCEL_INTERVAL == 0 && objects->cancelled &&
	    objects->cancelled(objects->cancelled_arg))
		return CPEEK_CANCELLED;
	return add(arg, edge->target);
}

static enum cpeek_status add_variable(void *arg, const struct variable *variable)
{
	TRY(add(arg, variable->name));
	return add(arg, variable->value);
}

static enum cpeek_status add_threads(struct walk *walk)
{
	const struct python *python = walk->objects->python;

	for (size_t i = 0; i < python->thread_count; i++) {
		struct stack stack = {0};
		enum cpeek_status status = stack_read(walk->objects, &python->threads[i], &stack);
		for (size_t j = 0; !status_is_fatal(status) && j < stack.count; j++) {
			const struct frame *frame = &stack.frames[j];
			const target_addr roots[] = {frame->frame_object, frame->code,     frame->globals,
						     frame->builtins,     frame->f_locals, frame->function};
			for (size_t k = 0; !status_is_fatal(status) && k < sizeof(roots) / sizeof(*roots); k++)
				status = add(walk, roots[k]);
			if (!status_is_fatal(status))
				status = frame_walk_variables(walk->objects, frame, add_variable, walk);
		}
		stack_deinit(&stack);
		if (status_is_fatal(status))
			return status;
	}
	return CPEEK_OK;
}

static enum cpeek_status add_interpreters(struct walk *walk)
{
	const struct python *python = walk->objects->python;

	for (size_t i = 0; i < python->interpreter_count; i++) {
		TRY(add(walk, python->interpreters[i].modules));
		TRY(add(walk, python->interpreters[i].sysdict));
		TRY(add(walk, python->interpreters[i].builtins));
	}
	return CPEEK_OK;
}

/* The queue is heap->items itself: what is behind `kept` waits. What turns out to be no object is dropped. */
static enum cpeek_status follow(struct walk *walk)
{
	struct objects *objects = walk->objects;
	struct heap *heap = walk->heap;
	struct object object;
	size_t kept = 0;

	for (size_t i = 0; i < heap->count; i++) {
		target_addr address = heap->items[i];
		enum cpeek_status status = object_read(objects, address, &object);
		if (status == CPEEK_OK) {
			heap->items[kept++] = address;
			status = object_walk_edges(&object, add_edge, walk);
		}
		if (status_is_fatal(status))
			return status;
		if (walk->references > walk->most) {
			heap->cut = true;
			break;
		}
		if (status != CPEEK_OK && heap->unreadable++ == 0)
			heap->first_unreadable = address;
	}
	heap->count = kept;
	return CPEEK_OK;
}

enum cpeek_status heap_read(struct objects *objects, struct heap *ret)
{
	struct heap heap = {0};
	const uint64_t most = target_count_writable(objects->target, objects->target->pointer_size);
	struct walk walk = {.objects = objects, .heap = &heap, .most = most == UINT64_MAX ? most : most * SHARED_MAX};

	enum cpeek_status status = objects->layout->free_threaded
					   ? mimalloc_walk(objects, add, &walk, &heap.lists_partial)
					   : gc_walk(objects, add, &walk, &heap.lists_partial);
	if (status == CPEEK_OK)
		status = add_interpreters(&walk);
	if (status == CPEEK_OK)
		status = add_threads(&walk);
	if (status == CPEEK_OK)
		status = follow(&walk);
	if (status != CPEEK_OK) {
		heap_deinit(&heap);
		return status;
	}
	*ret = heap;
	return CPEEK_OK;
}

void heap_deinit(struct heap *heap)
{
	VECTOR_DEINIT(heap);
	map_deinit(&heap->seen);
}
