/*
 * Where a search in a hash table of CPython's goes: to hash & mask first, then on to i * 5 + perturb + 1, where perturb is
 * the hash shifted right by PERTURB_SHIFT each time. Dicts and sets alike, 3.6 to 3.15: lookdict() in
 * Objects/dictobject.c, set_lookkey() in Objects/setobject.c, which looks at neighbours of each slot too.
 */
#ifndef OBJECT_PROBE_H
#define OBJECT_PROBE_H

#include <stdint.h>

enum {
	PROBE_PERTURB_SHIFT = 5,
	PROBE_NEIGHBOURS = 9, /* LINEAR_PROBES: of a set, behind each slot */
};

struct probe {
	uint64_t mask; /* slots - 1; they are a power of two */
	uint64_t perturb, slot;
};

static inline struct probe probe_start(uint64_t hash, uint64_t mask)
{
	return (struct probe){.mask = mask, .perturb = hash, .slot = hash & mask};
}

static inline void probe_next(struct probe *probe)
{
	probe->perturb >>= PROBE_PERTURB_SHIFT;
	probe->slot = (probe->slot * 5 + probe->perturb + 1) & probe->mask;
}

/* The last slot that a set looks at before it goes on: there are neighbours only where all of them are in the table. */
static inline uint64_t probe_last_neighbour(const struct probe *probe)
{
	return probe->slot + PROBE_NEIGHBOURS <= probe->mask ? probe->slot + PROBE_NEIGHBOURS : probe->slot;
}

#endif
