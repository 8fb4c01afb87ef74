/*
 * The direct subclasses of a type, as it remembers them.
 */
#ifndef OBJECT_SUBCLASSES_H
#define OBJECT_SUBCLASSES_H

#include "base/vector.h"
#include "object/decoder.h"

struct subclasses {
	target_addr *items; /* in the order in which they were made */
	size_t count, capacity;
};

/* Those that are alive: what type.__subclasses__() gives. VECTOR_DEINIT(ret) frees them, in any case. FAULT, CORRUPT,
 * NO_MEMORY: what was found by then stays. */
enum cpeek_status subclasses_read(struct objects *objects, const struct type *type, struct subclasses *ret);
/* The heap type whose instances' dicts share this table of keys (ht_cached_keys): all types are gone through. NOT_FOUND,
 * NO_MEMORY, CANCELLED. */
enum cpeek_status subclasses_find_keys(struct objects *objects, const struct type *any, target_addr keys,
				       const struct type **ret);

#endif
