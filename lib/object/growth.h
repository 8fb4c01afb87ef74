/*
 * How containers grow: the arithmetic by which CPython chooses the next capacity of a list, bytearray, dict or set.
 * Knows versions by their traits, and reads nothing of a target.
 */
#ifndef OBJECT_GROWTH_H
#define OBJECT_GROWTH_H

#include "runtime/runtime.h"

enum {
	GROWTH_DICT_LEAST = 8,   /* slots: PyDict_MINSIZE, Objects/dictobject.c */
	GROWTH_SET_LEAST = 8,    /* PySet_MINSIZE, Include/setobject.h */
	GROWTH_DEQUE_BLOCK = 64, /* items: BLOCKLEN, Modules/_collectionsmodule.c */
};

/* How many items a list has room for after its size went from old_size to size: list_resize() of Objects/listobject.c.
 * The same allocated as before when that is enough, and not more than twice as much as is needed. */
uint64_t growth_list(const struct layout *layout, uint64_t old_size, uint64_t size, uint64_t allocated);

/* ob_alloc of a bytearray after it went to size, of which the first `start` bytes of the block are out of use:
 * PyByteArray_Resize() of Objects/bytearrayobject.c. */
uint64_t growth_bytearray(const struct layout *layout, uint64_t size, uint64_t start, uint64_t alloc);

/* How many of a dict's slots entries may take: USABLE_FRACTION() of Objects/dictobject.c. */
uint64_t growth_dict_usable(uint64_t slots);
/* Slots of the table that a dict gets when an insertion finds no usable entry (or must make a general table of one
 * whose keys are all str): insertion_resize(), GROWTH_RATE(). used: ma_used; slots: of the table that it has. The
 * table that all empty dicts share (one slot) is replaced by one of GROWTH_DICT_LEAST. */
uint64_t growth_dict_slots(const struct python *python, uint64_t used, uint64_t slots);
/* Bytes of one index: DK_IXSIZE(). slots: a power of two. */
unsigned growth_dict_index_width(uint64_t slots);
/* Bytes of a table of that many slots as __sizeof__() counts them: new_keys_object(). short_entries: without hashes,
 * which a version may not have. */
uint64_t growth_dict_bytes(const struct layout *layout, uint64_t slots, bool short_entries);

/* Whether a set is resized once `fill` of its slots are taken (dummies included) by an insertion that took a free one:
 * set_add_entry() of Objects/setobject.c. mask: slots - 1. */
bool growth_set_is_full(const struct layout *layout, uint64_t fill, uint64_t mask);
/* The fill at which that happens. */
uint64_t growth_set_limit(const struct layout *layout, uint64_t mask);
/* Slots of the new table; used: with the item that was just added. */
uint64_t growth_set_slots(uint64_t used);

#endif
