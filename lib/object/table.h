/*
 * Arrays in the target that an object says it has: checked once against what memory can hold, then read piece by
 * piece, from a view where the target allows one. Knows no object in particular.
 */
#ifndef OBJECT_TABLE_H
#define OBJECT_TABLE_H

#include "object/object.h"

struct table {
	struct target *target;
	target_addr address;
	const uint8_t *view; /* of all of it, or NULL */
	uint64_t length;     /* bytes */
};

/* An array of count items of item_size bytes each. CORRUPT when no memory of the target can hold it: a count below 0,
 * an address at which nothing is mapped. (A target that does not know its mappings is believed; reads then end at the
 * first hole.) */
enum cpeek_status table_open(const struct objects *objects, target_addr address, int64_t count, uint64_t item_size,
			     struct table *ret);
/* length bytes from offset on; they must lie inside. The answer is a view, or buffer, filled. FAULT. */
enum cpeek_status table_read(const struct table *table, uint64_t offset, size_t length, void *buffer,
			     const uint8_t **ret);
/* The pointer at offset. */
enum cpeek_status table_read_pointer(const struct table *table, uint64_t offset, target_addr *ret);

#endif
