/*
 * Fuzzes the core reader: any bytes are opened as a core, and all that the target layer can tell of them is asked for.
 * Nothing is expected but that it ends, within its memory.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* memfd_create() */
#endif

#include "target/target.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void walk(struct target *target)
{
	unsigned char bytes[4096];
	char text[256];
	uint64_t value;
	int64_t number;
	size_t count;

	for (size_t i = 0; i < target->mapping_count; i++) {
		const struct target_mapping *mapping = &target->mappings[i];
		if (target_find_mapping(target, mapping->start) != mapping)
			abort();
		(void)target_read(target, mapping->start, bytes, sizeof(bytes));
		(void)target_read_some(target, mapping->start, bytes, sizeof(bytes), &count);
		(void)target_read_some(target, mapping->end - 16, bytes, sizeof(bytes), &count);
		(void)target_read_pointer(target, mapping->start, &value);
		(void)target_read_ssize(target, mapping->end - 4, &number);
		(void)target_read_cstring(target, mapping->start, text, sizeof(text));
		const unsigned char *view = target_view(target, mapping->start, 8);
		if (view && target_get(target, view, 8) == 1)
			(void)target_find_module(target, mapping->end);
	}
	target_addr at = 0, start, end;
	while (target_find_data(target, at, UINT64_MAX, &start, &end)) {
		if (start < at || end <= start)
			abort();
		(void)target_read_u8(target, start, bytes);
		at = end;
	}
	for (size_t i = 0; i < target->module_count; i++) {
		(void)target_find_symbol(target, &target->modules[i], "_PyRuntime", &value, &value);
		(void)target_find_section(target, &target->modules[i], ".PyRuntime", &value, &value);
		(void)target_find_module(target, target->modules[i].start);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct error error;
	struct target *target;
	char path[64];
	int fd = memfd_create("core", MFD_CLOEXEC);

	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		abort();
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (target_open_core(path, NULL, &error, &target) == CPEEK_OK) {
		walk(target);
		target_destroy(target);
	}
	(void)close(fd);
	return 0;
}
