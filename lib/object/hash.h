/*
 * The hash of a value as the target's CPython computes it, without running anything: of the builtin types, of objects
 * that hash by their address, and of a few types of the standard library. A hash that cannot be computed says why.
 */
#ifndef OBJECT_HASH_H
#define OBJECT_HASH_H

#include "object/hash_secret.h"
#include "object/plain.h"

enum { HASH_HOW = 192 };

struct hash {
	uint64_t value;     /* as the target's word, widened */
	char how[HASH_HOW]; /* how it comes about ("siphash13 of 3 bytes and the target's secret"), or why it cannot */
};

/* hash(value). NOT_FOUND when it cannot be computed; FAULT, CORRUPT, NO_MEMORY, CANCELLED. ret->how is set in any
 * case. */
enum cpeek_status hash_plain(struct plains *plains, const struct plain *plain, struct hash *ret);
/* hash(object at address), the same. */
enum cpeek_status hash_object(struct objects *objects, target_addr address, struct hash *ret);
/* The number that Python shows for it: signed. */
int64_t hash_number(const struct objects *objects, uint64_t value);

#endif
