/*
 * The collector's arithmetic on a snapshot. Knows the algorithms of Modules/gcmodule.c (3.6 to 3.12), Python/gc.c (3.13+)
 * and Python/gc_free_threading.c: deduce_unreachable(), move_legacy_finalizers(), handle_weakrefs(), finalize_garbage().
 * What depends on code of the program (what a finalizer or a callback does) it cannot know.
 */
#include "heap/collect.h"
#include "base/vector.h"
#include "heap/collector.h"
#include "object/stackref.h"
#include "stack/frame.h"
#include "stack/stack.h"

#include <string.h>

enum {
	CANCEL_INTERVAL = 1 << 12, /* objects between two polls */
	EDGES_PER_WORD = 32,       /* as in heap.c: references that a word of memory may stand for */
	EDGES_PER_WORD_KEPT = 2,   /* of those between tracked objects, which are not shared as keys are */
	/* ob_gc_bits: Include/internal/pycore_gc.h, 3.13t, 3.14t */
	BIT_FINALIZED = 2,
	BIT_FROZEN = 8,
	BIT_DEFERRED = 0x40,
	/* ob_ref_shared: Include/cpython/object.h 3.13t, Include/refcount.h 3.14t */
	SHARED_FLAGS = 3,
	SHARED_QUEUED = 2,
	HEAD_FINALIZED = 1, /* _gc_prev, 3.8+ (pycore_gc.h); gc_refs to 3.7 (objimpl.h) */
};

struct simulation {
	struct objects *objects;
	struct collection *collection;
	uint64_t words;    /* that writable memory has */
	uint64_t most;     /* references that it has room for */
	uint64_t followed; /* of them so far */
	uint8_t generation;
	size_t interpreter;
	bool free_threaded;
	bool dicts;        /* dicts may be tracked no longer */
	struct map counts; /* free-threaded: object → what the threads have counted for themselves */
	uint64_t polls;
};

static enum cpeek_status poll(struct simulation *simulation)
{
	const struct objects *objects = simulation->objects;

	if (++simulation->polls % CANCEL_INTERVAL == 0 && objects->cancelled &&
	    objects->cancelled(objects->cancelled_arg))
		return CPEEK_CANCELLED;
	return CPEEK_OK;
}

/* Arrays that overlap, as only damage has them, would make it take as long as memory is large, squared. */
static enum cpeek_status follow_edge(struct simulation *simulation)
{
	TRY(poll(simulation));
	if (++simulation->followed <= simulation->most)
		return CPEEK_OK;
	simulation->collection->cut = true;
	return CPEEK_LIMIT;
}

static void note_unreadable(struct simulation *simulation, target_addr address)
{
	if (simulation->collection->unreadable++ == 0)
		simulation->collection->first_unreadable = address;
}

/* ---- The set ---- */

static enum cpeek_status add(void *arg, target_addr address)
{
	struct simulation *simulation = arg;
	struct collection *collection = simulation->collection;
	const size_t before = collection->index.count;

	TRY(poll(simulation));
	if (address == 0 || collection->count >= COLLECT_NONE)
		return CPEEK_OK;
	uint64_t *slot = map_put(&collection->index, address);
	if (!slot)
		return CPEEK_NO_MEMORY;
	if (collection->index.count == before) { /* on two lists */
		collection->lists_partial = true;
		return CPEEK_OK;
	}
	*slot = collection->count;
	struct collect_item *item = VECTOR_PUSH(collection);
	if (!item)
		return CPEEK_NO_MEMORY;
	*item = (struct collect_item){.address = address,
				      .parent = COLLECT_NONE,
				      .keeper = COLLECT_NONE,
				      .generation = simulation->generation};
	return CPEEK_OK;
}

/* op_from_block(): what gc.freeze() took is none of it. */
static enum cpeek_status add_unless_frozen(void *arg, target_addr address)
{
	struct simulation *simulation = arg;
	uint64_t bits;

	if (field_read(simulation->objects, address, FIELD_PyObject_ob_gc_bits, &bits) != CPEEK_OK) {
		note_unreadable(simulation, address);
		return CPEEK_OK;
	}
	return bits & BIT_FROZEN ? CPEEK_OK : add(arg, address);
}

/* gc_list_merge() appends the younger lists to the one that is collected. */
static enum cpeek_status gather(struct simulation *simulation, size_t interpreter, unsigned generation)
{
	struct objects *objects = simulation->objects;
	struct collection *collection = simulation->collection;

	if (simulation->free_threaded)
		return mimalloc_walk_interpreter(objects, interpreter, add_unless_frozen, simulation,
						 &collection->lists_partial);
	for (unsigned i = 0; i <= generation; i++) {
		const unsigned list = i == 0 ? generation : i - 1;
		simulation->generation = (uint8_t)list;
		TRY(gc_walk_list(objects, interpreter, list, add, simulation, &collection->lists_partial));
	}
	return CPEEK_OK;
}

uint32_t collection_find(const struct collection *collection, target_addr address)
{
	const uint64_t *slot = address ? map_find(&collection->index, address) : NULL;

	return slot ? (uint32_t)*slot : COLLECT_NONE;
}

/* ---- update_refs() ---- */

/* Immortal objects leave the set: 3.12 Modules/gcmodule.c. */
static bool is_immortal(const struct object *object)
{
	const struct layout *layout = object->objects->layout;

	if (layout_has(layout, FIELD_PyObject_ob_ref_local))
		return object_get(object, FIELD_PyObject_ob_ref_local) == UINT32_MAX;
	if (!layout_trait(layout, TRAIT_IMMORTAL))
		return false;
	/* _Py_IsImmortal() in Include/object.h (3.12), Include/refcount.h (3.14) */
	return layout->pointer_size == 8 || layout_trait(layout, TRAIT_REFCNT_32)
		       ? (int32_t)object->refcount < 0
		       : object->refcount >= (uint64_t)1 << 30;
}

/* The count of an object that defers it: 3.13 adds one to it, 3.14 as much as a leak would hardly make of it.
 * _Py_REF_DEFERRED, Include/internal/pycore_object.h */
static int64_t deferral(const struct layout *layout)
{
	return layout_trait(layout, TRAIT_STACKREF) ? (int64_t)(UINT64_MAX >> (65 - 8 * layout->pointer_size)) / 8 : 1;
}

static int64_t count_references(const struct simulation *simulation, const struct object *object)
{
	int64_t count = (int64_t)object->refcount;

	if (!simulation->free_threaded)
		return count;
	const uint64_t *local = map_find(&simulation->counts, object->address);
	if (local)
		count += (int64_t)*local; /* _PyObject_MergePerThreadRefcounts() */
	if (object_get(object, FIELD_PyObject_ob_gc_bits) & BIT_DEFERRED)
		count -= deferral(object->objects->layout);
	else if ((object_get(object, FIELD_PyObject_ob_ref_shared) & SHARED_FLAGS) == SHARED_QUEUED)
		count--; /* merge_queued_objects(): the queue has one */
	return count;
}

/* Each thread counts some references of types, code and dicts in an array of its own: Python/uniqueid.c, 3.14. */
static enum cpeek_status read_thread_counts(struct simulation *simulation, size_t interpreter)
{
	struct objects *objects = simulation->objects;
	const struct python *python = objects->python;
	const struct layout *layout = objects->layout;
	const target_addr owner = python->interpreters[interpreter].address;
	const unsigned word = layout->pointer_size;
	uint64_t table, size, values, count;

	if (!layout_has(layout, FIELD_PyInterpreterState_unique_ids_table) ||
	    !layout_has(layout, FIELD__PyThreadStateImpl_refcounts_values))
		return CPEEK_OK;
	if (field_read(objects, owner, FIELD_PyInterpreterState_unique_ids_table, &table) != CPEEK_OK ||
	    field_read(objects, owner, FIELD_PyInterpreterState_unique_ids_size, &size) != CPEEK_OK) {
		note_unreadable(simulation, owner);
		return CPEEK_OK;
	}
	for (size_t i = 0; i < python->thread_count; i++) {
		const target_addr tstate = python->threads[i].tstate;
		if (python->threads[i].interpreter != interpreter)
			continue;
		if (field_read(objects, tstate, FIELD__PyThreadStateImpl_refcounts_values, &values) != CPEEK_OK ||
		    field_read(objects, tstate, FIELD__PyThreadStateImpl_refcounts_size, &count) != CPEEK_OK ||
		    count > size || size > target_count_writable(objects->target, word)) {
			note_unreadable(simulation, tstate);
			continue;
		}
		for (uint64_t j = 0; j < count; j++) {
			int64_t value;
			target_addr object;
			TRY(poll(simulation));
			if (target_read_ssize(objects->target, values + j * word, &value) != CPEEK_OK ||
			    target_read_pointer(objects->target, table + j * word, &object) != CPEEK_OK) {
				note_unreadable(simulation, values + j * word);
				break;
			}
			if (value == 0 || object == 0)
				continue;
			uint64_t *slot = map_put(&simulation->counts, object);
			if (!slot)
				return CPEEK_NO_MEMORY;
			*slot += (uint64_t)value;
		}
	}
	return CPEEK_OK;
}

/* ---- Untracking ---- */

struct untracking {
	struct simulation *simulation;
	const struct object *container;
	bool keep; /* something in it may be part of a cycle */
};

/* _PyObject_GC_MAY_BE_TRACKED(): of all GC types but tuple even an untracked object may be tracked again. */
static enum cpeek_status check_item(void *arg, const struct edge *edge)
{
	struct untracking *untracking = arg;
	const struct collection *collection = untracking->simulation->collection;
	struct object item;
	bool tracked;

	if (untracking->keep)
		return CPEEK_LIMIT; /* that is known now */
	if (edge->kind == EDGE_TYPE)
		return CPEEK_OK;
	TRY(follow_edge(untracking->simulation));
	if (object_read(untracking->simulation->objects, edge->target, &item) != CPEEK_OK) {
		untracking->keep = true;
		return CPEEK_OK;
	}
	if (!object_is_gc(&item))
		return CPEEK_OK;
	if (!type_is_builtin(item.type, "tuple")) {
		untracking->keep = true;
		return CPEEK_OK;
	}
	const uint32_t index = collection_find(collection, edge->target);
	if (index != COLLECT_NONE)
		untracking->keep = collection->items[index].fate != COLLECT_UNTRACKED;
	else
		untracking->keep = object_read_tracked(&item, &tracked) != CPEEK_OK || tracked;
	return CPEEK_OK;
}

/* _PyTuple_MaybeUntrack(), _PyDict_MaybeUntrack(): whether the collector stops tracking a container. */
static enum cpeek_status may_untrack(struct simulation *simulation, const struct object *object, bool *ret)
{
	struct untracking untracking = {simulation, object, false};
	const bool tuple = type_is_builtin(object->type, "tuple"),
		   dict = simulation->dicts && type_is_builtin(object->type, "dict");

	*ret = false;
	if (!tuple && !dict)
		return CPEEK_OK;
	enum cpeek_status status = object_walk_edges(object, check_item, &untracking);
	if (status_is_fatal(status))
		return status;
	*ret = status == CPEEK_OK && !untracking.keep;
	if (*ret)
		*(tuple ? &simulation->collection->tuples : &simulation->collection->dicts) += 1;
	return CPEEK_OK;
}

/* Untracks what may be among those that were found reachable, or among the young ones, as the incremental collector does
 * before it counts: gc_collect_young(), gc_collect_full() of Python/gc.c, 3.14.0. */
static enum cpeek_status untrack_among(struct simulation *simulation, bool young)
{
	struct collection *collection = simulation->collection;
	struct object object;
	bool untracked;

	for (size_t i = 0; i < collection->count; i++) {
		struct collect_item *item = &collection->items[i];
		const bool chosen = young ? item->generation == 0 : item->fate == COLLECT_REACHABLE;
		TRY(poll(simulation));
		if (!chosen || object_read(simulation->objects, item->address, &object))
			continue;
		TRY(may_untrack(simulation, &object, &untracked));
		if (untracked)
			item->fate = COLLECT_UNTRACKED; /* for those that hold it */
	}
	return CPEEK_OK;
}

/* untrack_tuples(), untrack_dicts(): what is left of the set, in its order, once the unreachable ones are out of it. */
static enum cpeek_status untrack(struct simulation *simulation)
{
	struct collection *collection = simulation->collection;

	TRY(untrack_among(simulation, false));
	for (size_t i = 0; i < collection->count; i++)
		if (collection->items[i].fate == COLLECT_UNTRACKED && collection->items[i].parent != COLLECT_NONE)
			collection->items[i].fate = COLLECT_REACHABLE;
	return CPEEK_OK;
}

/* ---- subtract_refs() ---- */

static enum cpeek_status each_edge(void *arg, const struct edge *edge)
{
	struct simulation *simulation = arg;
	struct collection *collection = simulation->collection;

	TRY(follow_edge(simulation));
	if (!edge->traversed)
		return CPEEK_OK;
	const uint32_t target = collection_find(collection, edge->target);
	if (target == COLLECT_NONE)
		return CPEEK_OK;
	if (collection->targets.count >= EDGES_PER_WORD_KEPT * simulation->words) {
		collection->cut = true;
		return CPEEK_LIMIT;
	}
	uint32_t *new = VECTOR_PUSH(&collection->targets);
	if (!new)
		return CPEEK_NO_MEMORY;
	*new = target;
	if (edge->owned)
		collection->items[target].internal++;
	return CPEEK_OK;
}

static enum cpeek_status count_item(struct simulation *simulation, struct collect_item *item)
{
	struct collection *collection = simulation->collection;
	struct object object;
	bool untracked = false;

	item->edges = collection->targets.count;
	if (item->fate == COLLECT_UNTRACKED)
		return CPEEK_OK;
	enum cpeek_status status = object_read(simulation->objects, item->address, &object);
	if (status == CPEEK_OK && is_immortal(&object)) {
		item->fate = COLLECT_UNTRACKED;
		collection->immortal++;
		return CPEEK_OK;
	}
	if (status == CPEEK_OK) {
		item->refcount = count_references(simulation, &object);
		/* Free-threaded builds leave such containers out before they count. */
		if (simulation->free_threaded && item->refcount > 0 &&
		    !(object_get(&object, FIELD_PyObject_ob_gc_bits) & BIT_DEFERRED))
			TRY(may_untrack(simulation, &object, &untracked));
		if (untracked) {
			item->fate = COLLECT_UNTRACKED;
			return CPEEK_OK;
		}
		status = object_walk_edges(&object, each_edge, simulation);
	} else {
		item->fate = COLLECT_UNREADABLE;
	}
	if (status_is_fatal(status))
		return status;
	if (status != CPEEK_OK)
		note_unreadable(simulation, item->address);
	return CPEEK_OK;
}

static enum cpeek_status count_all(struct simulation *simulation)
{
	struct collection *collection = simulation->collection;

	for (size_t i = 0; i < collection->count; i++)
		TRY(count_item(simulation, &collection->items[i]));
	collection->references = collection->targets.count;
	return CPEEK_OK;
}

/* ---- References of running frames that no count has: gc_visit_thread_stacks(), 3.14t ---- */

static void visit_stackref(struct simulation *simulation, target_addr at)
{
	struct objects *objects = simulation->objects;
	struct collection *collection = simulation->collection;
	target_addr word;

	if (target_read_pointer(objects->target, at, &word) != CPEEK_OK) {
		note_unreadable(simulation, at);
		return;
	}
	const uint32_t item = stackref_is_borrowed(objects->layout, word)
				      ? collection_find(collection, stackref_get(objects->layout, word))
				      : COLLECT_NONE;
	if (item == COLLECT_NONE)
		return;
	collection->items[item].refcount++;
	collection->deferred++;
}

static void visit_frame(struct simulation *simulation, const struct frame *frame)
{
	const struct layout *layout = simulation->objects->layout;
	struct frame_memory memory;
	struct code code;

	if (frame_interpreter_read(simulation->objects, frame->address, &memory) != CPEEK_OK ||
	    code_read(simulation->objects, memory.code, &code) != CPEEK_OK || code.slots > memory.slots_max ||
	    code.stack_size > FRAME_SLOTS_MAX) {
		note_unreadable(simulation, frame->address);
		return;
	}
	visit_stackref(simulation, frame->address + layout_offset(layout, FIELD__PyInterpreterFrame_f_executable));
	visit_stackref(simulation, frame->address + layout_offset(layout, FIELD__PyInterpreterFrame_f_funcobj));
	const uint64_t words = memory.has_stack ? memory.depth : code.slots + code.stack_size;
	for (uint64_t i = 0; i < words && i < code.slots + code.stack_size; i++)
		visit_stackref(simulation, memory.slots + i * layout->pointer_size);
}

static enum cpeek_status visit_stacks(struct simulation *simulation, size_t interpreter)
{
	struct objects *objects = simulation->objects;
	const struct python *python = objects->python;

	if (!simulation->free_threaded || !layout_trait(objects->layout, TRAIT_STACKREF))
		return CPEEK_OK;
	for (size_t i = 0; i < python->thread_count; i++) {
		struct stack stack = {0};
		if (python->threads[i].interpreter != interpreter)
			continue;
		enum cpeek_status status = stack_read(objects, &python->threads[i], &stack);
		if (status_is_fatal(status))
			return status;
		if (stack.partial || status != CPEEK_OK)
			note_unreadable(simulation, python->threads[i].tstate);
		for (size_t j = 0; j < stack.count; j++)
			visit_frame(simulation, &stack.frames[j]);
		stack_deinit(&stack);
	}
	return CPEEK_OK;
}

/* ---- move_unreachable() ---- */

size_t collection_edge_count(const struct collection *collection, uint32_t item)
{
	const uint64_t end =
		item + 1 < collection->count ? collection->items[item + 1].edges : (uint64_t)collection->targets.count;

	return (size_t)(end - collection->items[item].edges);
}

uint32_t collection_edge(const struct collection *collection, uint32_t item, size_t edge)
{
	return collection->targets.items[collection->items[item].edges + edge];
}

/* Items on their way through: each is on it once. */
struct queue {
	uint32_t *items;
	size_t count, capacity;
};

static enum cpeek_status push(struct queue *queue, uint32_t item)
{
	uint32_t *new = VECTOR_PUSH(queue);

	if (!new)
		return CPEEK_NO_MEMORY;
	*new = item;
	return CPEEK_OK;
}

/* Everything that is reachable from one item, and is not yet known to be. */
static enum cpeek_status reach(struct simulation *simulation, uint32_t keeper, struct queue *queue)
{
	struct collection *collection = simulation->collection;
	struct collect_item *items = collection->items;

	items[keeper].keeper = items[keeper].parent = keeper;
	queue->count = 0;
	TRY(push(queue, keeper));
	for (size_t i = 0; i < queue->count; i++) {
		const uint32_t from = queue->items[i];
		TRY(poll(simulation));
		items[keeper].keeps++;
		for (size_t j = 0; j < collection_edge_count(collection, from); j++) {
			const uint32_t to = collection_edge(collection, from, j);
			if (items[to].parent != COLLECT_NONE || items[to].fate == COLLECT_UNTRACKED)
				continue;
			items[to].parent = from;
			items[to].keeper = keeper;
			TRY(push(queue, to));
		}
	}
	return CPEEK_OK;
}

/* The collector goes through the set in its order, and moves back what an item behind refers to; which items end up
 * where does not depend on the order. */
static enum cpeek_status move(struct simulation *simulation)
{
	struct collection *collection = simulation->collection;
	struct queue queue = {0};
	enum cpeek_status status = CPEEK_OK;

	for (uint32_t i = 0; status == CPEEK_OK && i < collection->count; i++) {
		struct collect_item *item = &collection->items[i];
		if (item->fate == COLLECT_UNTRACKED)
			continue;
		if (item->fate != COLLECT_UNREADABLE && item->internal > item->refcount) {
			if (collection->negative++ == 0)
				collection->first_negative = item->address;
		}
		if (item->fate != COLLECT_UNREADABLE && item->internal == item->refcount)
			continue;
		collection->external++;
		if (item->parent == COLLECT_NONE)
			status = reach(simulation, i, &queue);
	}
	VECTOR_DEINIT(&queue);
	for (size_t i = 0; i < collection->count; i++) {
		struct collect_item *item = &collection->items[i];
		if (item->fate == COLLECT_REACHABLE && item->parent == COLLECT_NONE)
			item->fate = COLLECT_UNREACHABLE;
	}
	return status;
}

/* ---- move_legacy_finalizers(), move_legacy_finalizer_reachable() ---- */

/* A slot of the object's type; 0 when it cannot be read. */
static target_addr read_slot(struct simulation *simulation, target_addr object, enum layout_field slot)
{
	struct objects *objects = simulation->objects;
	uint64_t type, value;

	if (field_read(objects, object, FIELD_PyObject_ob_type, &type) != CPEEK_OK ||
	    field_read(objects, type, slot, &value) != CPEEK_OK) {
		note_unreadable(simulation, object);
		return 0;
	}
	return value;
}

static enum cpeek_status keep_legacy(struct simulation *simulation)
{
	struct collection *collection = simulation->collection;
	struct queue queue = {0};
	enum cpeek_status status = CPEEK_OK;

	for (uint32_t i = 0; status == CPEEK_OK && i < collection->count; i++) {
		if (collection->items[i].fate != COLLECT_UNREACHABLE ||
		    !read_slot(simulation, collection->items[i].address, FIELD_PyTypeObject_tp_del))
			continue;
		collection->items[i].fate = COLLECT_UNCOLLECTABLE;
		status = push(&queue, i);
	}
	for (size_t i = 0; status == CPEEK_OK && i < queue.count; i++) {
		for (size_t j = 0; j < collection_edge_count(collection, queue.items[i]); j++) {
			const uint32_t to = collection_edge(collection, queue.items[i], j);
			if (collection->items[to].fate != COLLECT_UNREACHABLE)
				continue;
			collection->items[to].fate = COLLECT_UNCOLLECTABLE;
			status = push(&queue, to);
			if (status != CPEEK_OK)
				break;
		}
	}
	VECTOR_DEINIT(&queue);
	return status;
}

/* ---- handle_weakrefs(), finalize_garbage() ---- */

static bool is_unreachable(const struct collection *collection, target_addr address)
{
	const uint32_t item = collection_find(collection, address);

	return item != COLLECT_NONE && collection->items[item].fate == COLLECT_UNREACHABLE;
}

/* A callback is called unless the weak reference itself is unreachable. */
static enum cpeek_status visit_weakrefs(struct simulation *simulation, uint32_t index, const struct type *type)
{
	struct objects *objects = simulation->objects;
	struct collection *collection = simulation->collection;
	const target_addr address = collection->items[index].address;
	target_addr reference;

	if (type->weaklistoffset == 0)
		return CPEEK_OK;
	if (target_read_pointer(objects->target, address + (uint64_t)type->weaklistoffset, &reference) != CPEEK_OK) {
		note_unreadable(simulation, address);
		return CPEEK_OK;
	}
	while (reference) {
		uint64_t callback, next;
		TRY(poll(simulation));
		if (++collection->weak > simulation->words || /* a loop */
		    field_read(objects, reference, FIELD_PyWeakReference_wr_callback, &callback) != CPEEK_OK ||
		    field_read(objects, reference, FIELD_PyWeakReference_wr_next, &next) != CPEEK_OK) {
			note_unreadable(simulation, reference);
			return CPEEK_OK;
		}
		if (callback && !is_unreachable(collection, reference)) {
			struct collect_call *call = VECTOR_PUSH(&collection->callbacks);
			if (!call)
				return CPEEK_NO_MEMORY;
			*call = (struct collect_call){reference, callback, index};
		}
		reference = next;
	}
	return CPEEK_OK;
}

/* Each object is finalized once: PEP 442. */
static bool is_finalized(struct simulation *simulation, target_addr address)
{
	struct objects *objects = simulation->objects;
	const struct layout *layout = objects->layout;
	const target_addr head = address - layout->structs[STRUCT_PyGC_Head];
	uint64_t bits;

	if (simulation->free_threaded)
		return field_read(objects, address, FIELD_PyObject_ob_gc_bits, &bits) == CPEEK_OK &&
		       bits & BIT_FINALIZED;
	return field_read(objects, head,
			  layout_has(layout, FIELD_PyGC_Head_gc_refs) ? FIELD_PyGC_Head_gc_refs
								      : FIELD_PyGC_Head__gc_prev,
			  &bits) == CPEEK_OK &&
	       bits & HEAD_FINALIZED;
}

static enum cpeek_status finalize(struct simulation *simulation)
{
	struct collection *collection = simulation->collection;
	struct object object;

	for (uint32_t i = 0; i < collection->count; i++) {
		const struct collect_item *item = &collection->items[i];
		if (item->fate != COLLECT_UNREACHABLE || object_read(simulation->objects, item->address, &object))
			continue;
		TRY(visit_weakrefs(simulation, i, object.type));
		const target_addr slot = read_slot(simulation, item->address, FIELD_PyTypeObject_tp_finalize);
		if (!slot || is_finalized(simulation, item->address))
			continue;
		struct collect_call *call = VECTOR_PUSH(&collection->finalizers);
		if (!call)
			return CPEEK_NO_MEMORY;
		*call = (struct collect_call){item->address, slot, i};
	}
	return CPEEK_OK;
}

/* ---- delete_garbage(): what has no other reference dies with it ---- */

struct release {
	struct simulation *simulation;
	struct map released;   /* address → references released so far */
	struct map subclasses; /* dicts of tp_subclasses that were looked through */
};

static enum cpeek_status release_edge(void *arg, const struct edge *edge)
{
	struct release *release = arg;
	struct simulation *simulation = release->simulation;
	struct collection *collection = simulation->collection;
	struct object object;

	TRY(follow_edge(simulation));
	if (!edge->owned || is_unreachable(collection, edge->target))
		return CPEEK_OK;
	uint64_t *count = map_put(&release->released, edge->target);
	if (!count)
		return CPEEK_NO_MEMORY;
	++*count;
	if (object_read(simulation->objects, edge->target, &object) != CPEEK_OK || is_immortal(&object) ||
	    (int64_t)*count != count_references(simulation, &object))
		return CPEEK_OK;
	target_addr *new = VECTOR_PUSH(&collection->freed);
	if (!new)
		return CPEEK_NO_MEMORY;
	*new = edge->target;
	return CPEEK_OK;
}

static enum cpeek_status release_one(struct release *release, target_addr address)
{
	struct object object;

	if (object_read(release->simulation->objects, address, &object) != CPEEK_OK)
		return CPEEK_OK;
	enum cpeek_status status = object_walk_edges(&object, release_edge, release);
	return status_is_fatal(status) ? status : CPEEK_OK;
}

/* remove_subclass() in Objects/typeobject.c: a class that dies takes the weak reference to it out of each base's
 * tp_subclasses. */
static enum cpeek_status find_subclasses(struct simulation *simulation, target_addr base, target_addr *ret)
{
	struct objects *objects = simulation->objects;
	const struct type *type;
	target_addr state;
	uint64_t dict;

	TRY(type_read(objects, base, &type));
	if (type_find_state(objects, type, simulation->interpreter, &state) == CPEEK_OK)
		TRY(field_read(objects, state, FIELD_managed_static_type_state_tp_subclasses, &dict));
	else
		TRY(field_read(objects, base, FIELD_PyTypeObject_tp_subclasses, &dict));
	*ret = dict;
	return dict ? CPEEK_OK : CPEEK_NOT_FOUND;
}

static enum cpeek_status release_subclasses_of(struct release *release, target_addr dict)
{
	struct simulation *simulation = release->simulation;
	struct objects *objects = simulation->objects;
	const size_t before = release->subclasses.count;
	struct object object;
	struct items items;
	struct item item;
	uint64_t referent;

	if (!map_put(&release->subclasses, dict))
		return CPEEK_NO_MEMORY;
	if (release->subclasses.count == before || object_read(objects, dict, &object) != CPEEK_OK ||
	    !(object.type->flags & TYPE_DICT_SUBCLASS) || items_start(&object, &items) != CPEEK_OK)
		return CPEEK_OK;
	while (items_next(&items, &item) == CPEEK_OK) {
		TRY(poll(simulation));
		if (field_read(objects, item.value, FIELD_PyWeakReference_wr_object, &referent) == CPEEK_OK &&
		    is_unreachable(simulation->collection, referent))
			TRY(release_edge(release, &(struct edge){.target = item.value, .owned = true}));
	}
	return CPEEK_OK;
}

static enum cpeek_status release_subclasses(struct release *release, target_addr address)
{
	struct objects *objects = release->simulation->objects;
	struct object object, bases;
	struct items items;
	struct item item;
	target_addr dict;
	uint64_t tuple;

	if (object_read(objects, address, &object) != CPEEK_OK || !(object.type->flags & TYPE_TYPE_SUBCLASS) ||
	    field_read(objects, address, FIELD_PyTypeObject_tp_bases, &tuple) != CPEEK_OK ||
	    object_read(objects, tuple, &bases) != CPEEK_OK || !(bases.type->flags & TYPE_TUPLE_SUBCLASS) ||
	    items_start(&bases, &items) != CPEEK_OK)
		return CPEEK_OK;
	while (items_next(&items, &item) == CPEEK_OK) {
		enum cpeek_status status = find_subclasses(release->simulation, item.value, &dict);
		if (status == CPEEK_OK)
			status = release_subclasses_of(release, dict);
		if (status_is_fatal(status))
			return status;
	}
	return CPEEK_OK;
}

static enum cpeek_status release_all(struct simulation *simulation)
{
	struct collection *collection = simulation->collection;
	struct release release = {.simulation = simulation};
	enum cpeek_status status = CPEEK_OK;

	for (size_t i = 0; status == CPEEK_OK && i < collection->count; i++)
		if (collection->items[i].fate == COLLECT_UNREACHABLE)
			status = release_one(&release, collection->items[i].address);
	for (size_t i = 0; status == CPEEK_OK && i < collection->count; i++)
		if (collection->items[i].fate == COLLECT_UNREACHABLE)
			status = release_subclasses(&release, collection->items[i].address);
	for (size_t i = 0; status == CPEEK_OK && i < collection->freed.count; i++)
		status = release_one(&release, collection->freed.items[i]);
	map_deinit(&release.released);
	map_deinit(&release.subclasses);
	return status;
}

/* ---- All of it ---- */

static enum cpeek_status simulate(struct simulation *simulation, size_t interpreter, unsigned generation)
{
	struct collection *collection = simulation->collection;
	const enum collector_kind kind = collector_kind_get(simulation->objects->layout);
	const bool full = generation == GC_LISTS - 1;

	simulation->dicts = layout_trait(simulation->objects->layout, TRAIT_DICT_UNTRACKED) && full;
	TRY(gather(simulation, interpreter, generation));
	if (simulation->free_threaded)
		TRY(read_thread_counts(simulation, interpreter));
	if (kind == COLLECTOR_INCREMENTAL)
		TRY(untrack_among(simulation, true));
	TRY(count_all(simulation));
	TRY(visit_stacks(simulation, interpreter));
	TRY(move(simulation));
	if (kind == COLLECTOR_GENERATIONAL)
		TRY(untrack(simulation));
	TRY(keep_legacy(simulation));
	TRY(finalize(simulation));
	TRY(release_all(simulation));
	for (size_t i = 0; i < collection->count; i++) {
		const uint8_t fate = collection->items[i].fate;
		collection->unreachable += fate == COLLECT_UNREACHABLE;
		collection->uncollectable += fate == COLLECT_UNCOLLECTABLE;
		collection->reachable += fate == COLLECT_REACHABLE || fate == COLLECT_UNREADABLE;
	}
	return CPEEK_OK;
}

enum cpeek_status collect_simulate(struct objects *objects, size_t interpreter, unsigned generation,
				   struct collection *ret)
{
	const uint64_t writable = target_count_writable(objects->target, objects->target->pointer_size),
		       words = writable < UINT32_MAX ? writable : UINT32_MAX;
	struct collection collection = {0};
	struct simulation simulation = {.objects = objects,
					.collection = &collection,
					.interpreter = interpreter,
					.words = words,
					.most = words * EDGES_PER_WORD,
					.free_threaded = objects->layout->free_threaded};

	const enum collector_kind kind = collector_kind_get(objects->layout);
	if (kind == COLLECTOR_FREE_THREADED || generation >= GC_LISTS)
		generation = GC_LISTS - 1;
	if (kind == COLLECTOR_INCREMENTAL && generation == 1)
		return CPEEK_UNSUPPORTED;
	enum cpeek_status status = simulate(&simulation, interpreter, generation);
	map_deinit(&simulation.counts);
	if (status != CPEEK_OK) {
		collection_deinit(&collection);
		return status;
	}
	*ret = collection;
	return CPEEK_OK;
}

void collection_deinit(struct collection *collection)
{
	VECTOR_DEINIT(collection);
	VECTOR_DEINIT(&collection->targets);
	VECTOR_DEINIT(&collection->finalizers);
	VECTOR_DEINIT(&collection->callbacks);
	VECTOR_DEINIT(&collection->freed);
	map_deinit(&collection->index);
}
