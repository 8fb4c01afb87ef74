/*
 * What gc.collect() would do to the objects of a snapshot: the collector's own arithmetic, carried out on a copy. Counts,
 * subtracts, moves; then finalizers and weak references; and what dies with what is collected. Changes nothing, prints
 * nothing.
 */
#ifndef HEAP_COLLECT_H
#define HEAP_COLLECT_H

#include "heap/heap.h"

enum collect_fate {
	COLLECT_REACHABLE,     /* from outside of the set; it stays */
	COLLECT_UNREACHABLE,   /* it would be collected */
	COLLECT_UNCOLLECTABLE, /* unreachable, but has a tp_del, or is reachable from what has: it stays for ever */
	COLLECT_UNTRACKED,     /* left out: immortal, or the collector stops tracking it before it counts */
	COLLECT_UNREADABLE,    /* taken for reachable */
};

enum { COLLECT_NONE = UINT32_MAX };

/* One object of the set, that is of the generations that are collected. */
struct collect_item {
	target_addr address;
	int64_t refcount; /* as update_refs() takes it: without deferral, with the counts of all threads */
	int64_t internal; /* how many of those references come from inside the set: what subtract_refs() takes away */
	uint64_t edges;   /* where its own begin in struct collection.targets; they end where the next item's begin */
	uint32_t parent;  /* from which item it was reached first; its own index: from outside; COLLECT_NONE: not */
	uint32_t keeper;  /* the item with outside references that keeps it; COLLECT_NONE: none */
	uint32_t keeps;   /* of a keeper: how many items were reached from it first, itself included */
	uint8_t generation;
	uint8_t fate;
};

/* A weak reference whose callback would be called, or an object whose finalizer would. */
struct collect_call {
	target_addr address; /* the weak reference; the object */
	target_addr other;   /* the callback; tp_finalize */
	uint32_t item;       /* which object goes */
};

struct collection {
	struct collect_item *items; /* in the collector's order: the oldest generation first, then the younger ones */
	size_t count, capacity;
	struct map index; /* address → item */
	struct {
		uint32_t *items; /* items that tp_traverse visits, item by item */
		size_t count, capacity;
	} targets;
	struct {
		struct collect_call *items;
		size_t count, capacity;
	} finalizers, callbacks;
	struct {
		target_addr *
			items; /* no items of the set: they die when the last reference from an unreachable one goes */
		size_t count, capacity;
	} freed;
	uint64_t references; /* subtracted */
	uint64_t external;   /* items with references from outside of the set */
	uint64_t reachable, unreachable, uncollectable;
	uint64_t immortal;      /* left out of the set */
	uint64_t tuples, dicts; /* that would be tracked no longer */
	uint64_t weak;          /* weak references that would be cleared */
	uint64_t
		deferred; /* references of running frames that no count has: they count as from outside. Free-threaded */
	/* What kept it from being exact. */
	uint64_t unreadable,
		negative; /* items, or parts of them; items with more references inside than they have at all */
	target_addr first_unreadable, first_negative;
	bool lists_partial, cut;
};

/* Collects generation and all younger ones of an interpreter; generation is ignored in free-threaded builds, which always
 * take all. NO_MEMORY, CANCELLED, UNSUPPORTED (generation 1 of the incremental collector: an increment, of as many objects
 * as its heuristics choose). Free with collection_deinit(). */
enum cpeek_status collect_simulate(struct objects *objects, size_t interpreter, unsigned generation,
				   struct collection *ret);
void collection_deinit(struct collection *collection);
/* The item of an object; COLLECT_NONE when it is not in the set. */
uint32_t collection_find(const struct collection *collection, target_addr address);
/* One of an item's edges: 0 … collection_edge_count() - 1. */
size_t collection_edge_count(const struct collection *collection, uint32_t item);
uint32_t collection_edge(const struct collection *collection, uint32_t item, size_t edge);

#endif
