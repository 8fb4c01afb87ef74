/*
 * How the memory of dict's structures is explained, for those that hold one: dicts and what derives from them, types,
 * instances.
 */
#ifndef OBJECT_DICT_DISSECT_H
#define OBJECT_DICT_DISSECT_H

#include "object/dissect.h"

/* A dict: its fields, its table, its values. */
enum cpeek_status dict_dissect(const struct object *object, struct dissection *dissection);
/* The values of an instance, whose names are the keys of its type (ht_cached_keys): rows of the open block from offset on,
 * the address of which is that of the values. Adds the facts and the table of them. *ret_size: bytes from offset on that
 * the values take. FAULT, CORRUPT become problems. */
enum cpeek_status dict_dissect_values(struct dissection *dissection, target_addr values, target_addr keys,
				      int64_t offset, uint64_t *ret_size);
/* A table of keys that a type keeps for the dicts of its instances. */
enum cpeek_status dict_dissect_keys(struct dissection *dissection, target_addr keys, const struct type *owner);

#endif
