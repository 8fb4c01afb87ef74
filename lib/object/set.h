/*
 * The slots of a set's table, and how the memory of set and frozenset is explained.
 */
#ifndef OBJECT_SET_H
#define OBJECT_SET_H

#include "object/decoder.h"

struct set_slot {
	target_addr key; /* 0: never used */
	uint64_t hash;
	bool dummy; /* a key was removed: the dummy stands there, which alone has the hash -1 */
};

/* The index-th slot of a set's table (setentry, Include/cpython/setobject.h 3.6 to 3.15). FAULT, CORRUPT. */
enum cpeek_status set_slot_read(const struct objects *objects, const struct table *table, uint64_t index,
				struct set_slot *ret);

enum cpeek_status set_dissect(const struct object *object, struct dissection *dissection);

#endif
