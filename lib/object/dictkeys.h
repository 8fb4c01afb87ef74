/*
 * The table of a dict: PyDictKeysObject, its index and its entries, in the forms of 3.6 to 3.10 and of 3.11 and later.
 */
#ifndef OBJECT_DICTKEYS_H
#define OBJECT_DICTKEYS_H

#include "object/decoder.h"

/* What a slot of the index holds where it is no entry's number: DKIX_EMPTY, DKIX_DUMMY (a deleted entry) of
 * Include/internal/pycore_dict.h (3.11+), Objects/dict-common.h before. */
enum { INDEX_EMPTY = -1, INDEX_DUMMY = -2 };

struct dict_keys {
	target_addr address;
	uint64_t refcount;
	uint64_t slots; /* of the index: a power of two */
	unsigned index_width;
	uint64_t usable;    /* entries that are still free */
	uint64_t nentries;  /* that are taken, deleted ones included */
	uint64_t size;      /* bytes of all of it, as __sizeof__() counts them */
	target_addr lookup; /* to 3.10: dk_lookup; 0 else */
	target_addr indices;
	struct table entries; /* nentries of them */
	bool short_entries;   /* without a hash, since every key is exactly a str: 3.11+ */
};

struct dict_entry {
	target_addr key, value;
};

/* Reads and checks the header of a table. FAULT, CORRUPT. */
enum cpeek_status dict_keys_read(struct objects *objects, target_addr address, struct dict_keys *ret);
/* Whether tp_traverse leaves the keys out, since each is exactly a str. To 3.10 a table is general when its dk_lookup
 * is lookdict(), which it becomes with the first key that is not a str, and stays; that function has no symbol in a
 * stripped binary, so it is recognised from a table that surely is general. */
bool dict_keys_are_unicode(struct objects *objects, const struct dict_keys *keys);
/* The index-th of entries, the table's. FAULT. */
enum cpeek_status dict_entry_read(const struct objects *objects, const struct table *entries, bool short_entries,
				  uint64_t index, struct dict_entry *ret);
/* What a slot of the index holds: the number of an entry, INDEX_EMPTY or INDEX_DUMMY. FAULT. */
enum cpeek_status dict_index_read(const struct dict_keys *keys, uint64_t slot, int64_t *ret);
/* Which entry holds this very key object, by probing as CPython does. *budget bounds the probes of a damaged table
 * and is used up by them (LIMIT). NOT_FOUND, FAULT, CORRUPT. */
enum cpeek_status dict_keys_find(const struct objects *objects, const struct dict_keys *keys, uint64_t hash,
				 target_addr key, uint64_t *budget, uint64_t *ret);

#endif
