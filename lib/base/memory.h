/*
 * The one door to the allocator, so that a test can make the N-th allocation fail.
 */
#ifndef BASE_MEMORY_H
#define BASE_MEMORY_H

#include <stddef.h>
#include <stdint.h>

/* As malloc, calloc, realloc and free; NULL when memory is out. */
void *memory_alloc(size_t size);
void *memory_calloc(size_t count, size_t size);
void *memory_realloc(void *block, size_t size);
void memory_free(void *block);
char *memory_strdup(const char *text);

/* How many allocations failed so far on this thread: who must not call an answer complete when some code below went on
 * without memory compares two of these. */
uint64_t memory_failures(void);

/* For tests: the count-th allocation from now on fails, once (1 is the next; 0 switches this off). */
void memory_fail_at(uint64_t count);
/* How many allocations are left until the one that fails; 0 when it has failed, or none will. */
uint64_t memory_fail_pending(void);

#endif
