/*
 * The state of a collector as it stands in memory: thresholds, counts, statistics, lists; what the next one would do.
 * Knows struct _gc_runtime_state of all versions, and nothing of the objects on the lists.
 */
#ifndef HEAP_COLLECTOR_H
#define HEAP_COLLECTOR_H

#include "heap/heap.h"

enum collector_kind {
	COLLECTOR_GENERATIONAL, /* three lists, a younger one promotes into the next */
	COLLECTOR_INCREMENTAL, /* 3.14.0 to .4: a young list and two old spaces, of which a part is visited each time */
	COLLECTOR_FREE_THREADED, /* no lists: the blocks of the allocator are visited, always all of them */
};

/* gc.DEBUG_…: Include/internal/pycore_gc.h (3.13), Modules/gcmodule.c before. */
enum {
	COLLECTOR_DEBUG_STATS = 1,
	COLLECTOR_DEBUG_COLLECTABLE = 2,
	COLLECTOR_DEBUG_UNCOLLECTABLE = 4,
	COLLECTOR_DEBUG_SAVEALL = 32,
};

struct collector_generation {
	int64_t threshold; /* gc.get_threshold()[i] */
	int64_t count;     /* gc.get_count()[i] */
	uint64_t objects;  /* len(gc.get_objects(generation=i)); free-threaded builds have all in the first */
	bool has_stats;    /* gc.get_stats()[i] */
	int64_t collections, collected, uncollectable;
};

struct collector {
	enum collector_kind kind;
	target_addr
		address; /* struct _gc_runtime_state; 0 in 3.6, where only thresholds, counts and objects are known */
	struct collector_generation generations[GC_LISTS];
	uint64_t frozen; /* gc.get_freeze_count() */
	int64_t enabled, debug, collecting;
	target_addr garbage, callbacks; /* list objects, or 0 */
	/* What survived the last full collection, and what has survived younger ones since. */
	bool has_long_lived;
	int64_t long_lived_total, long_lived_pending;
	/* INCREMENTAL */
	int64_t heap_size, work_to_do, visited_space, phase;
	uint64_t spaces[2]; /* objects of the two old ones, which gc.get_objects() takes together as generation 2 */
	bool partial;       /* a list, or a heap, is broken; some of the state could not be read */
};

/* Reads the state of an interpreter's collector, and counts the objects. NO_MEMORY, CANCELLED; UNSUPPORTED when the
 * layout lacks what it takes. */
enum cpeek_status collector_read(struct objects *objects, size_t interpreter, struct collector *ret);
enum collector_kind collector_kind_get(const struct layout *layout);
/* Which generation an automatic collection would take now, as the counts and thresholds say; -1: none. allocations: how
 * many more containers must be made before one begins (0: it is due; -1: never, as it is switched off). */
int collector_next(const struct collector *collector, int64_t *ret_allocations);

#endif
