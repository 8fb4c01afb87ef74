#include "base/memory.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static _Thread_local uint64_t fail_at, failures;

static bool fails_now(void)
{
	return fail_at != 0 && --fail_at == 0;
}

static void *counted(void *block)
{
	if (!block)
		failures++;
	return block;
}

void *memory_alloc(size_t size)
{
	return counted(fails_now() ? NULL : malloc(size ? size : 1));
}

void *memory_calloc(size_t count, size_t size)
{
	return counted(fails_now() ? NULL : calloc(count ? count : 1, size ? size : 1));
}

void *memory_realloc(void *block, size_t size)
{
	return counted(fails_now() ? NULL : realloc(block, size ? size : 1));
}

void memory_free(void *block)
{
	free(block);
}

char *memory_strdup(const char *text)
{
	size_t size = strlen(text) + 1;
	char *copy = memory_alloc(size);
	return copy ? memcpy(copy, text, size) : NULL;
}

uint64_t memory_failures(void)
{
	return failures;
}

void memory_fail_at(uint64_t count)
{
	fail_at = count;
}

uint64_t memory_fail_pending(void)
{
	return fail_at;
}
