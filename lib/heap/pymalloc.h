/*
 * The blocks of pymalloc, CPython's allocator of small blocks: arenas of pools of blocks of one size each.
 */
#ifndef HEAP_PYMALLOC_H
#define HEAP_PYMALLOC_H

#include "heap/place.h"

/* The block or pool that an address is in. *ret_evidence, static text, says by what it is known. NOT_FOUND: it is in no
 * pool. */
enum cpeek_status pymalloc_find(struct objects *objects, target_addr address, struct place_pool *ret,
				const char **ret_evidence);
/* What the debug hooks put into a block of any allocator: ret->present is false when they did not. */
void pymalloc_find_debug(const struct objects *objects, target_addr block, uint64_t size, struct place_debug *ret);

#endif
