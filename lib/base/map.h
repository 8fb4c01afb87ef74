/*
 * A hash map from 64-bit keys (addresses, mostly) to 64-bit values. Key 0 cannot be stored: no object lives there.
 */
#ifndef BASE_MAP_H
#define BASE_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct map_slot {
	uint64_t key;
	uint64_t value;
};

struct map {
	struct map_slot *slots;
	size_t count;
	size_t mask; /* slots - 1; 0 while there are none */
};

/* A zeroed struct map is an empty one. */
void map_deinit(struct map *map);
void map_clear(struct map *map);
/* The value of key, or NULL; valid until the next map_put(). */
uint64_t *map_find(const struct map *map, uint64_t key);
/* The value of key, made 0 if it is new; NULL when memory is out. key must not be 0. */
uint64_t *map_put(struct map *map, uint64_t key);
/* Forgets key; nothing happens if it is not there. */
void map_remove(struct map *map, uint64_t key);

#endif
