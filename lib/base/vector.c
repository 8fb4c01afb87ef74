#include "base/vector.h"
#include "base/memory.h"

#include <stdint.h>

/* The caller's pointer is of another type than void *: read and written as what may be any. */
typedef void *__attribute__((may_alias)) any_pointer;

void *vector_push(void **items_of_any, size_t *count, size_t *capacity, size_t item_size)
{
	any_pointer *items = (any_pointer *)items_of_any;

	if (*count == *capacity) {
		size_t grown = *capacity ? *capacity * 2 : 8;
		if (grown > SIZE_MAX / 2 / item_size)
			return NULL;
		void *moved = memory_realloc(*items, grown * item_size);
		if (!moved)
			return NULL;
		*items = moved;
		*capacity = grown;
	}
	return (char *)*items + (*count)++ * item_size;
}

void vector_deinit(void **items_of_any, size_t *count, size_t *capacity)
{
	any_pointer *items = (any_pointer *)items_of_any;

	memory_free(*items);
	*items = NULL;
	*count = *capacity = 0;
}
