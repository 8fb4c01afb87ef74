#include "target/page_cache.h"
#include "base/map.h"
#include "base/memory.h"

/* 32 MiB, in pieces that are allocated when they are first needed. When all are in use, the oldest page goes. */
enum { CHUNK_PAGES = 64, CHUNKS = 128, PAGES = CHUNKS * CHUNK_PAGES };

struct page_cache {
	struct map slots;          /* address | 1 (0 cannot be a key) -> slot */
	uint64_t addresses[PAGES]; /* of the page in each slot | 1; 0: none */
	unsigned char *chunks[CHUNKS];
	size_t next; /* the slot to take next */
};

struct page_cache *page_cache_create(void)
{
	return memory_calloc(1, sizeof(struct page_cache));
}

void page_cache_destroy(struct page_cache *cache)
{
	if (!cache)
		return;
	for (size_t i = 0; i < CHUNKS; i++)
		memory_free(cache->chunks[i]);
	map_deinit(&cache->slots);
	memory_free(cache);
}

void page_cache_clear(struct page_cache *cache)
{
	map_clear(&cache->slots);
	for (size_t i = 0; i < PAGES; i++)
		cache->addresses[i] = 0;
	cache->next = 0;
}

static unsigned char *slot_bytes(const struct page_cache *cache, size_t slot)
{
	return cache->chunks[slot / CHUNK_PAGES] + slot % CHUNK_PAGES * PAGE_CACHE_PAGE;
}

const unsigned char *page_cache_get(struct page_cache *cache, uint64_t address, page_cache_fill_fn fill, void *arg)
{
	uint64_t *known = map_find(&cache->slots, address | 1);
	if (known)
		return slot_bytes(cache, (size_t)*known);

	size_t slot = cache->next;
	unsigned char **chunk = &cache->chunks[slot / CHUNK_PAGES];
	if (!*chunk)
		*chunk = memory_alloc((size_t)CHUNK_PAGES * PAGE_CACHE_PAGE);
	if (!*chunk)
		return NULL;
	if (cache->addresses[slot]) {
		map_remove(&cache->slots, cache->addresses[slot]);
		cache->addresses[slot] = 0;
	}
	if (!fill(arg, address, slot_bytes(cache, slot), PAGE_CACHE_PAGE))
		return NULL;
	known = map_put(&cache->slots, address | 1);
	if (known) {
		*known = slot;
		cache->addresses[slot] = address | 1;
		cache->next = (slot + 1) % PAGES;
	}
	return slot_bytes(cache, slot);
}
