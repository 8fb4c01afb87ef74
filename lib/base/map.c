#include "base/map.h"
#include "base/memory.h"

#include <string.h>

static size_t home(const struct map *map, uint64_t key)
{
	key ^= key >> 32;
	key *= 0x9e3779b97f4a7c15u; /* Fibonacci hashing: addresses differ in their middle bits */
	return (size_t)(key >> 20) & map->mask;
}

void map_deinit(struct map *map)
{
	memory_free(map->slots);
	*map = (struct map){0};
}

void map_clear(struct map *map)
{
	if (map->slots)
		memset(map->slots, 0, (map->mask + 1) * sizeof(*map->slots));
	map->count = 0;
}

uint64_t *map_find(const struct map *map, uint64_t key)
{
	if (!map->slots || key == 0)
		return NULL;
	for (size_t i = home(map, key); map->slots[i].key; i = (i + 1) & map->mask)
		if (map->slots[i].key == key)
			return &map->slots[i].value;
	return NULL;
}

static bool grow(struct map *map)
{
	struct map old = *map;
	size_t size = old.slots ? (old.mask + 1) * 2 : 64;
	struct map_slot *slots = memory_calloc(size, sizeof(*slots));

	if (!slots)
		return false;
	map->slots = slots;
	map->mask = size - 1;
	for (size_t i = 0; old.slots && i <= old.mask; i++) {
		if (!old.slots[i].key)
			continue;
		size_t j = home(map, old.slots[i].key);
		while (slots[j].key)
			j = (j + 1) & map->mask;
		slots[j] = old.slots[i];
	}
	memory_free(old.slots);
	return true;
}

uint64_t *map_put(struct map *map, uint64_t key)
{
	uint64_t *value = map_find(map, key);
	if (value)
		return value;
	if ((!map->slots || map->count * 3 >= map->mask * 2) && !grow(map))
		return NULL;
	size_t i = home(map, key);
	while (map->slots[i].key)
		i = (i + 1) & map->mask;
	map->slots[i] = (struct map_slot){key, 0};
	map->count++;
	return &map->slots[i].value;
}

void map_remove(struct map *map, uint64_t key)
{
	uint64_t *value = map_find(map, key);
	if (!value)
		return;
	size_t hole = (size_t)((struct map_slot *)((char *)value - offsetof(struct map_slot, value)) - map->slots);
	/* Backward-shift deletion: move each later key of the run that the hole would hide. */
	for (size_t i = (hole + 1) & map->mask; map->slots[i].key; i = (i + 1) & map->mask) {
		size_t distance_home = (i - home(map, map->slots[i].key)) & map->mask;
		if (distance_home >= ((i - hole) & map->mask)) {
			map->slots[hole] = map->slots[i];
			hole = i;
		}
	}
	map->slots[hole] = (struct map_slot){0, 0};
	map->count--;
}
