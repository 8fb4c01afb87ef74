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
/* Those on one list of one interpreter: 0, 1, 2 as the lists stand in memory, or GC_PERMANENT; nothing where there is no
 * such list. To 3.8 all interpreters share the lists, which are the first one's here. */
enum { GC_LISTS = 3 /* NUM_GENERATIONS, pycore_mem.h to 3.8, pycore_gc.h after */, GC_PERMANENT = GC_LISTS };
enum cpeek_status gc_walk_list(struct objects *objects, size_t interpreter, unsigned list, address_fn found, void *arg,
			       bool *ret_partial);
/* How many interpreters have lists of their own. */
size_t gc_count_owners(const struct objects *objects);
/* The same for free-threaded builds, which have no such lists: reports the tracked objects in the mimalloc heaps of each
 * thread, and in what dead threads left behind; exactly those of gc.get_objects() and of gc.freeze(). */
enum cpeek_status mimalloc_walk(struct objects *objects, address_fn found, void *arg, bool *ret_partial);
/* Those of one interpreter, in the order in which its collector visits them. */
enum cpeek_status mimalloc_walk_interpreter(struct objects *objects, size_t interpreter, address_fn found, void *arg,
					    bool *ret_partial);

/* The block of mimalloc's that an address is in. */
struct mimalloc_block {
	target_addr segment, page, start; /* start: of the page's first block */
	target_addr block;
	uint64_t thread; /* pthread_self() of the segment's owner; 0: it has ended */
	unsigned tag; /* which heap: 0 raw memory, 1 objects, 2 and 3 what the collector visits (pycore_mimalloc.h) */
	uint64_t block_size, capacity, used, index;
	bool free;
	bool partial; /* a free list of the page is broken */
};
/* NOT_FOUND: it is in no block of a segment of mimalloc's; FAULT. */
enum cpeek_status mimalloc_find(struct objects *objects, target_addr address, struct mimalloc_block *ret);

#endif
