/*
 * Opens the cores that core_writer.h makes.
 */
#ifndef OPEN_CORE_H
#define OPEN_CORE_H

#include "check.h"
#include "core_writer.h"
#include "target/target.h"

#include <sys/mman.h>
#include <unistd.h>

/* From a file without a name: thousands of cores are opened so. *ret is NULL when that fails. */
static inline enum cpeek_status open_bytes(const struct writer_bytes *bytes, const struct target_options *options,
					   struct error *error, struct target **ret)
{
	char path[64];
	int fd = memfd_create("core", MFD_CLOEXEC);
	CHECK(fd >= 0 && write(fd, bytes->data, bytes->size) == (ssize_t)bytes->size);
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	*ret = NULL;
	enum cpeek_status status = target_open_core(path, options, error, ret);
	(void)close(fd);
	return status;
}

/* What the writer has. */
static inline struct target *open_written(const struct core_writer *writer, const struct target_options *options,
					  struct error *error)
{
	struct target *target = NULL;
	struct writer_bytes bytes = writer_finish(writer);
	enum cpeek_status status = open_bytes(&bytes, options, error, &target);
	CHECK_EQ(status, CPEEK_OK);
	if (status != CPEEK_OK)
		printf("    %s\n", error->text);
	free(bytes.data);
	return target;
}

#endif
