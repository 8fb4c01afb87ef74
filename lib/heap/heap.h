/*
 * Every object of the target: what the collector's lists hold, what frames and interpreters refer to, and all that is
 * reachable from there. Knows how objects are found, not what they mean.
 */
#ifndef HEAP_HEAP_H
#define HEAP_HEAP_H

#include "object/decoder.h"

struct heap {
	target_addr *items; /* each address once: the collector's objects first, then by distance from them */
	size_t count, capacity;
	struct map seen;
	/* What kept it from being complete; all that was found is there. */
	uint64_t unreadable; /* references to what is no object, or cannot be read */
	target_addr first_unreadable;
	bool lists_partial; /* a list of the collector, or a heap, is broken */
	bool cut;           /* there were more references than memory has room for: counts that lie */
};

/* Finds them all. Errors: NO_MEMORY, CANCELLED; damage only counts. Free with heap_deinit(). */
enum cpeek_status heap_read(struct objects *objects, struct heap *ret);
void heap_deinit(struct heap *heap);

/* Reports the objects on the collector's lists (three generations and the permanent one) of every interpreter.
 * Stops with found's status if it is not OK. *ret_partial tells of a broken list. */
typedef enum cpeek_status (*address_fn)(void *arg, target_addr address);
enum cpeek_status gc_walk(struct objects *objects, address_fn found, void *arg, bool *ret_partial);
/* The same for free-threaded builds, which have no such lists: reports the tracked objects in the mimalloc heaps of each
 * thread, and in what dead threads left behind; exactly those of gc.get_objects() and of gc.freeze(). */
enum cpeek_status mimalloc_walk(struct objects *objects, address_fn found, void *arg, bool *ret_partial);

#endif
