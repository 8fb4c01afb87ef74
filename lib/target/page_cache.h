/*
 * Pages of a target whose reads are slow: a live process, a debugger's memory. Knows neither of them.
 */
#ifndef TARGET_PAGE_CACHE_H
#define TARGET_PAGE_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct page_cache;

enum { PAGE_CACHE_PAGE = 4096 };

/* Reads a whole page: true when all of it was had. */
typedef bool (*page_cache_fill_fn)(void *arg, uint64_t address, void *buffer, size_t length);

/* NULL when memory is out. */
struct page_cache *page_cache_create(void);
/* Accepts NULL. */
void page_cache_destroy(struct page_cache *cache);
/* Forgets all pages. */
void page_cache_clear(struct page_cache *cache);
/* The page that starts at address, a multiple of PAGE_CACHE_PAGE. NULL when it cannot be read whole, or memory is
 * out. Valid until the next call. */
const unsigned char *page_cache_get(struct page_cache *cache, uint64_t address, page_cache_fill_fn fill, void *arg);

#endif
