#include "base/arena.h"
#include "base/memory.h"

#include <stdalign.h>
#include <stdint.h>
#include <string.h>

enum { ARENA_BLOCK = 64 * 1024 };

struct arena_block {
	struct arena_block *previous;
	size_t capacity;
	alignas(max_align_t) unsigned char bytes[];
};

void arena_deinit(struct arena *arena)
{
	while (arena->last) {
		struct arena_block *previous = arena->last->previous;
		memory_free(arena->last);
		arena->last = previous;
	}
	arena->used = 0;
}

void *arena_alloc(struct arena *arena, size_t size)
{
	if (size > SIZE_MAX / 2)
		return NULL;
	size = (size + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
	if (!arena->last || arena->last->capacity - arena->used < size) {
		size_t capacity = size > ARENA_BLOCK ? size : ARENA_BLOCK;
		struct arena_block *block = memory_alloc(sizeof(*block) + capacity);
		if (!block)
			return NULL;
		block->previous = arena->last;
		block->capacity = capacity;
		arena->last = block;
		arena->used = 0;
	}
	void *piece = arena->last->bytes + arena->used;
	arena->used += size;
	return piece;
}

char *arena_copy(struct arena *arena, const char *text, size_t length)
{
	char *copy = length < SIZE_MAX ? arena_alloc(arena, length + 1) : NULL;
	if (!copy)
		return NULL;
	if (length)
		memcpy(copy, text, length);
	copy[length] = '\0';
	return copy;
}
