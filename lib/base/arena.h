/*
 * Memory that lives as long as one command: allocated piece by piece, freed at once.
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stddef.h>

struct arena_block;

struct arena {
	struct arena_block *last;
	size_t used; /* bytes of the last block that are taken */
};

/* A zeroed struct arena is an empty one. */
void arena_deinit(struct arena *arena);

/* size bytes, aligned for any type and not initialised; NULL when memory is out. */
void *arena_alloc(struct arena *arena, size_t size);
/* A NUL-terminated copy of length bytes. */
char *arena_copy(struct arena *arena, const char *text, size_t length);

#endif
