/*
 * A growing array of one type: VECTOR(struct item) items = {0}; struct item *new = VECTOR_PUSH(&items);
 */
#ifndef BASE_VECTOR_H
#define BASE_VECTOR_H

#include <stddef.h>

#define VECTOR(type)                                                                                                  \
	struct {                                                                                                      \
		type *items;                                                                                          \
		size_t count;                                                                                         \
		size_t capacity;                                                                                      \
	}

/* A pointer to a new, uninitialised last item; NULL when memory is out (the vector then stays as it was). */
#define VECTOR_PUSH(vector)                                                                                           \
	((__typeof__((vector)->items))vector_push((void **)&(vector)->items, &(vector)->count, &(vector)->capacity,   \
						  sizeof(*(vector)->items)))

#define VECTOR_DEINIT(vector) vector_deinit((void **)&(vector)->items, &(vector)->count, &(vector)->capacity)

void *vector_push(void **items, size_t *count, size_t *capacity, size_t item_size);
void vector_deinit(void **items, size_t *count, size_t *capacity);

#endif
