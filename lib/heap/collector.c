/*
 * Reads the state of a collector, and carries out the rule by which it chooses what to collect next.
 */
#include "heap/collector.h"

enum {
	GC_BITS_FROZEN = 8,      /* _PyGC_BITS_FROZEN, Include/internal/pycore_gc.h (3.13t) */
	STATS_RING_YOUNG = 0,    /* struct gc_stats (3.15): the young generation's ring first, then those of the old */
	LONG_LIVED_FRACTION = 4, /* gc_collect_generations(): long_lived_pending < long_lived_total / 4 */
};

enum collector_kind collector_kind_get(const struct layout *layout)
{
	if (layout->free_threaded)
		return COLLECTOR_FREE_THREADED;
	return layout_has(layout, FIELD__gc_runtime_state_old) ? COLLECTOR_INCREMENTAL : COLLECTOR_GENERATIONAL;
}

/* ---- Fields ---- */

/* A field of the state; 0 when there is none. */
static int64_t get(struct objects *objects, struct collector *collector, enum layout_field field)
{
	const uint32_t size = objects->layout->fields[field].size;
	uint64_t value;

	if (!collector->address || !layout_has(objects->layout, field) || size == 0 || size > 8)
		return 0;
	if (field_read(objects, collector->address, field, &value) != CPEEK_OK) {
		collector->partial = true;
		return 0;
	}
	const unsigned unused = 64 - 8 * size;
	return (int64_t)(value << unused) >> unused;
}

static int64_t read_int(struct objects *objects, struct collector *collector, target_addr at, enum layout_field field)
{
	const uint32_t size = objects->layout->fields[field].size;
	uint64_t value;

	if (size == 0 || size > 8 || field_read(objects, at, field, &value) != CPEEK_OK) {
		collector->partial = true;
		return 0;
	}
	const unsigned unused = 64 - 8 * size;
	return (int64_t)(value << unused) >> unused;
}

/* Where the statistics of a generation stand: in the state, or since 3.15 in a ring, whose last item they are. */
static bool find_stats(struct objects *objects, struct collector *collector, unsigned generation, target_addr *ret)
{
	const struct layout *layout = objects->layout;
	const uint32_t size = layout->structs[STRUCT_gc_generation_stats];
	const bool young = generation == STATS_RING_YOUNG;
	const enum layout_field items = young ? FIELD_gc_young_stats_buffer_items : FIELD_gc_old_stats_buffer_items;
	const enum layout_field index = young ? FIELD_gc_young_stats_buffer_index : FIELD_gc_old_stats_buffer_index;
	const target_addr stats = collector->address + layout_offset(layout, FIELD__gc_runtime_state_generation_stats);
	target_addr ring;
	uint64_t last;

	if (!size)
		return false;
	if (!layout_has(layout, FIELD_gc_stats_young)) {
		*ret = stats + generation * size;
		return layout->fields[FIELD__gc_runtime_state_generation_stats].size >= GC_LISTS * size;
	}
	if (target_read_pointer(objects->target, stats, &ring) != CPEEK_OK) {
		collector->partial = true;
		return false;
	}
	ring += young ? layout_offset(layout, FIELD_gc_stats_young)
		      : layout_offset(layout, FIELD_gc_stats_old) +
				(generation - 1) * layout->structs[STRUCT_gc_old_stats_buffer];
	if (field_read(objects, ring, index, &last) != CPEEK_OK || last >= layout->fields[items].size / size) {
		collector->partial = true;
		return false;
	}
	*ret = ring + layout_offset(layout, items) + last * size;
	return true;
}

static void read_stats(struct objects *objects, struct collector *collector, unsigned generation)
{
	struct collector_generation *ret = &collector->generations[generation];
	target_addr stats;

	if (!collector->address || !layout_has(objects->layout, FIELD__gc_runtime_state_generation_stats) ||
	    !find_stats(objects, collector, generation, &stats))
		return;
	ret->has_stats = true;
	ret->collections = read_int(objects, collector, stats, FIELD_gc_generation_stats_collections);
	ret->collected = read_int(objects, collector, stats, FIELD_gc_generation_stats_collected);
	ret->uncollectable = read_int(objects, collector, stats, FIELD_gc_generation_stats_uncollectable);
}

/* Allocations that the threads have not added to the count of the first generation: gc.get_count() adds those of the
 * thread that asks. Python/gc_free_threading.c, record_allocation(). The threads of a core are taken together. */
static int64_t count_local(struct objects *objects, struct collector *collector, size_t interpreter)
{
	const struct python *python = objects->python;
	int64_t sum = 0;

	if (!layout_has(objects->layout, FIELD__PyThreadStateImpl_gc_alloc_count))
		return 0;
	for (size_t i = 0; i < python->thread_count; i++)
		if (python->threads[i].interpreter == interpreter)
			sum += read_int(objects, collector, python->threads[i].tstate,
					FIELD__PyThreadStateImpl_gc_alloc_count);
	return sum;
}

/* ---- Objects ---- */

struct count {
	struct objects *objects;
	struct collector *collector;
	uint64_t objects_found, frozen;
};

enum { CANCEL_INTERVAL = 1 << 14 };

static enum cpeek_status count_object(void *arg, target_addr address)
{
	struct count *count = arg;
	struct objects *objects = count->objects;
	uint64_t bits = 0;

	if (++count->objects_found % CANCEL_INTERVAL == 0 && objects->cancelled &&
	    objects->cancelled(objects->cancelled_arg))
		return CPEEK_CANCELLED;
	if (!layout_has(objects->layout, FIELD_PyObject_ob_gc_bits))
		return CPEEK_OK;
	if (field_read(objects, address, FIELD_PyObject_ob_gc_bits, &bits) != CPEEK_OK)
		count->collector->partial = true;
	count->frozen += (bits & GC_BITS_FROZEN) != 0;
	return CPEEK_OK;
}

static enum cpeek_status count_lists(struct objects *objects, size_t interpreter, struct collector *collector)
{
	for (unsigned list = 0; list <= GC_PERMANENT; list++) {
		struct count count = {objects, collector, 0, 0};
		TRY(gc_walk_list(objects, interpreter, list, count_object, &count, &collector->partial));
		if (list == GC_PERMANENT)
			collector->frozen = count.objects_found;
		else
			collector->generations[list].objects = count.objects_found;
	}
	return CPEEK_OK;
}

/* What gc.get_count() and gc.get_objects() say of the two old spaces: Modules/gcmodule.c, Python/gc.c, 3.14.0. */
static void arrange_spaces(struct collector *collector)
{
	struct collector_generation *generations = collector->generations;

	if (collector->kind != COLLECTOR_INCREMENTAL)
		return;
	for (unsigned i = 0; i < 2; i++)
		collector->spaces[i] = generations[i + 1].objects;
	generations[1].objects = 0;
	generations[2].objects = collector->spaces[0] + collector->spaces[1];
	if (collector->visited_space == 1) {
		const int64_t count = generations[1].count;
		generations[1].count = generations[2].count;
		generations[2].count = count;
	}
}

static enum cpeek_status count_heaps(struct objects *objects, size_t interpreter, struct collector *collector)
{
	struct count count = {objects, collector, 0, 0};

	TRY(mimalloc_walk_interpreter(objects, interpreter, count_object, &count, &collector->partial));
	collector->frozen = count.frozen;
	collector->generations[0].objects = count.objects_found - count.frozen;
	return CPEEK_OK;
}

enum cpeek_status collector_read(struct objects *objects, size_t interpreter, struct collector *ret)
{
	const struct layout *layout = objects->layout;
	struct collector collector = {.kind = collector_kind_get(layout)};
	target_addr first, permanent;

	enum cpeek_status status = runtime_find_collector(objects->python, interpreter, &collector.address);
	if (status != CPEEK_OK && status != CPEEK_NOT_FOUND)
		return status;
	TRY(runtime_find_generations(objects->python, interpreter, &first, &permanent));
	collector.enabled = get(objects, &collector, FIELD__gc_runtime_state_enabled);
	collector.debug = get(objects, &collector, FIELD__gc_runtime_state_debug);
	collector.collecting = get(objects, &collector, FIELD__gc_runtime_state_collecting);
	const unsigned unused = 64 - 8 * layout->pointer_size;
	collector.garbage = (uint64_t)get(objects, &collector, FIELD__gc_runtime_state_garbage) << unused >> unused;
	collector.callbacks =
		(uint64_t)get(objects, &collector, FIELD__gc_runtime_state_callbacks) << unused >> unused;
	collector.has_long_lived = collector.address && layout_has(layout, FIELD__gc_runtime_state_long_lived_total);
	collector.long_lived_total = get(objects, &collector, FIELD__gc_runtime_state_long_lived_total);
	collector.long_lived_pending = get(objects, &collector, FIELD__gc_runtime_state_long_lived_pending);
	if (collector.kind == COLLECTOR_INCREMENTAL) {
		collector.heap_size = get(objects, &collector, FIELD__gc_runtime_state_heap_size);
		collector.work_to_do = get(objects, &collector, FIELD__gc_runtime_state_work_to_do);
		collector.visited_space = get(objects, &collector, FIELD__gc_runtime_state_visited_space);
		collector.phase = get(objects, &collector, FIELD__gc_runtime_state_phase);
		if (collector.visited_space & ~1)
			collector.partial = true;
	}
	for (unsigned i = 0; i < GC_LISTS; i++) {
		const target_addr generation = first + i * layout->structs[STRUCT_gc_generation];
		struct collector_generation *into = &collector.generations[i];
		into->threshold = read_int(objects, &collector, generation, FIELD_gc_generation_threshold);
		into->count = read_int(objects, &collector, generation, FIELD_gc_generation_count);
		read_stats(objects, &collector, i);
	}
	collector.generations[0].count += count_local(objects, &collector, interpreter);
	TRY(collector.kind == COLLECTOR_FREE_THREADED ? count_heaps(objects, interpreter, &collector)
						      : count_lists(objects, interpreter, &collector));
	arrange_spaces(&collector);
	*ret = collector;
	return CPEEK_OK;
}

/* ---- What comes next ---- */

/* gc_collect_generations(): the oldest generation whose count is over its threshold; the last one only when what is new
 * in it is a quarter of what is long-lived. Modules/gcmodule.c (3.6 to 3.12), Python/gc.c (3.13). */
static int choose(const struct collector *collector)
{
	for (int i = GC_LISTS - 1; i > 0; i--) {
		const struct collector_generation *generation = &collector->generations[i];
		if (generation->count <= generation->threshold)
			continue;
		if (i == GC_LISTS - 1 && collector->has_long_lived &&
		    collector->long_lived_pending < collector->long_lived_total / LONG_LIVED_FRACTION)
			continue;
		return i;
	}
	return 0;
}

int collector_next(const struct collector *collector, int64_t *ret_allocations)
{
	const struct collector_generation *young = &collector->generations[0];
	int64_t limit = young->threshold;

	/* In 3.6 nothing tells whether it is enabled. */
	if (young->threshold == 0 || (collector->address && !collector->enabled)) {
		*ret_allocations = -1;
		return -1;
	}
	/* gc_should_collect() in Python/gc_free_threading.c */
	if (collector->kind == COLLECTOR_FREE_THREADED && collector->generations[1].threshold != 0 &&
	    limit < collector->long_lived_total / LONG_LIVED_FRACTION)
		limit = collector->long_lived_total / LONG_LIVED_FRACTION;
	*ret_allocations = young->count > limit ? 0 : limit - young->count + 1;
	return collector->kind == COLLECTOR_GENERATIONAL ? choose(collector) : 0;
}
