#include "target/scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <unistd.h>

static const uint64_t MIB = 1 << 20;

static enum cpeek_status set_errno_error(const struct scratch *scratch, int number, struct error *error)
{
	return error_set(error, CPEEK_IO,
			 "cannot store the unpacked core in %.300s: %s; set TMPDIR to a folder with room for it",
			 scratch->folder, strerror(number));
}

static enum cpeek_status open_in_memory(struct scratch *scratch, struct error *error)
{
	long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);

	scratch->folder = "memory";
	scratch->fd = memfd_create("cpeek-core", MFD_CLOEXEC);
	if (scratch->fd < 0)
		return set_errno_error(scratch, errno, error);
	scratch->room = (uint64_t)(pages > 0 ? pages : 0) / 4 * (uint64_t)(page > 0 ? page : 0);
	return CPEEK_OK;
}

enum cpeek_status scratch_open(struct scratch *scratch, struct error *error)
{
	const char *folders[] = {getenv("TMPDIR"), "/var/tmp", "/tmp"};
	struct rlimit limit;

	*scratch = (struct scratch){.fd = -1, .size_max = INT64_MAX};
	if (getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY)
		scratch->size_max = limit.rlim_cur;
	for (size_t i = 0; i < sizeof(folders) / sizeof(*folders); i++) {
		struct statvfs status;
		if (!folders[i] || !*folders[i])
			continue;
		int fd = open(folders[i], O_TMPFILE | O_RDWR | O_EXCL | O_CLOEXEC, 0600);
		if (fd < 0)
			continue;
		scratch->fd = fd;
		scratch->folder = folders[i];
		scratch->room = UINT64_MAX;
		if (fstatvfs(fd, &status) == 0) {
			scratch->room = (uint64_t)status.f_bavail * status.f_frsize;
			scratch->room -= scratch->room / 16; /* a full disk is worse than a refusal */
		}
		return CPEEK_OK;
	}
	return open_in_memory(scratch, error);
}

static bool is_zero(const unsigned char *bytes, size_t length)
{
	return bytes[0] == 0 && memcmp(bytes, bytes + 1, length - 1) == 0;
}

static enum cpeek_status store(struct scratch *scratch, const unsigned char *bytes, size_t length, uint64_t offset,
			       struct error *error)
{
	if (length > scratch->room - scratch->stored)
		return error_set(error, CPEEK_IO,
				 "the unpacked core needs more than the %llu MiB that may be used of %.300s; set "
				 "TMPDIR to a folder with more room",
				 (unsigned long long)(scratch->room / MIB), scratch->folder);
	while (length > 0) {
		ssize_t done = pwrite(scratch->fd, bytes, length, (off_t)offset);
		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return set_errno_error(scratch, done < 0 ? errno : ENOSPC, error);
		bytes += done;
		length -= (size_t)done;
		offset += (uint64_t)done;
		scratch->stored += (uint64_t)done;
	}
	return CPEEK_OK;
}

enum cpeek_status scratch_append(struct scratch *scratch, const unsigned char *bytes, size_t length,
				 struct error *error)
{
	if (length > scratch->size_max - scratch->size)
		return error_set(error, CPEEK_IO,
				 "the unpacked core is larger than the %llu MiB that a file may have here; see "
				 "`ulimit -f`",
				 (unsigned long long)(scratch->size_max / MIB));
	for (size_t at = 0; at < length;) {
		size_t end = at;
		bool zero = false;
		while (end < length && !zero) { /* a run of blocks that are not zero */
			size_t block = length - end < SCRATCH_BLOCK ? length - end : SCRATCH_BLOCK;
			zero = is_zero(bytes + end, block);
			end += zero ? 0 : block;
		}
		if (end > at)
			TRY(store(scratch, bytes + at, end - at, scratch->size + at, error));
		at = end + (zero ? SCRATCH_BLOCK : 0);
	}
	scratch->size += length;
	return CPEEK_OK;
}

enum cpeek_status scratch_finish(struct scratch *scratch, struct error *error)
{
	if (ftruncate(scratch->fd, (off_t)scratch->size) != 0)
		return set_errno_error(scratch, errno, error);
	return CPEEK_OK;
}

void scratch_close(struct scratch *scratch)
{
	if (scratch->fd >= 0)
		(void)close(scratch->fd);
	scratch->fd = -1;
}
