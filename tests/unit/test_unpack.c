/*
 * Compressed cores: made here with the libraries' own compressors, then opened. What is read must be what was put in.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include "base/memory.h"
#include "check.h"
#include "core_writer.h"
#include "target/target.h"

#include <dirent.h>
#include <lz4frame.h>
#include <lzma.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

enum { PAGE = 4096, MIB = 1 << 20 };
enum { SEGMENT = 0x10000 }; /* where the cores' segment is */

static struct error error;
static char folder[64];

/* ---- Compressors --------------------------------------------------------------------------------------------- */

static struct writer_bytes pack_gzip(const unsigned char *data, size_t size)
{
	struct writer_bytes out = {0};
	z_stream stream = {0};
	CHECK_EQ(deflateInit2(&stream, 6, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY), Z_OK);
	writer_append(&out, NULL, deflateBound(&stream, size));
	stream.next_in = (Bytef *)(uintptr_t)data;
	stream.avail_in = (uInt)size;
	stream.next_out = out.data;
	stream.avail_out = (uInt)out.size;
	CHECK_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
	out.size = stream.total_out;
	deflateEnd(&stream);
	return out;
}

static struct writer_bytes pack_xz(const unsigned char *data, size_t size)
{
	struct writer_bytes out = {0};
	size_t used = 0;
	writer_append(&out, NULL, lzma_stream_buffer_bound(size));
	CHECK_EQ(lzma_easy_buffer_encode(1, LZMA_CHECK_CRC64, NULL, data, size, out.data, &used, out.size), LZMA_OK);
	out.size = used;
	return out;
}

static struct writer_bytes pack_zstd(const unsigned char *data, size_t size)
{
	struct writer_bytes out = {0};
	ZSTD_CCtx *context = ZSTD_createCCtx();
	CHECK(!ZSTD_isError(ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1)));
	writer_append(&out, NULL, ZSTD_compressBound(size));
	out.size = ZSTD_compress2(context, out.data, out.size, data, size);
	CHECK(!ZSTD_isError(out.size));
	ZSTD_freeCCtx(context);
	return out;
}

static struct writer_bytes pack_lz4(const unsigned char *data, size_t size)
{
	struct writer_bytes out = {0};
	LZ4F_preferences_t preferences = {.frameInfo = {.contentChecksumFlag = LZ4F_contentChecksumEnabled}};
	writer_append(&out, NULL, LZ4F_compressFrameBound(size, &preferences));
	out.size = LZ4F_compressFrame(out.data, out.size, data, size, &preferences);
	CHECK(!LZ4F_isError(out.size));
	return out;
}

static const struct format {
	const char *name;
	struct writer_bytes (*pack)(const unsigned char *data, size_t size);
	bool skippable;
} formats[] = {
	{"gzip", pack_gzip, false},
	{"xz", pack_xz, false},
	{"zstd", pack_zstd, true},
	{"lz4", pack_lz4, true},
};
enum { FORMATS = sizeof(formats) / sizeof(*formats) };

/* ---- Cores --------------------------------------------------------------------------------------------------- */

static void open_descriptor(int fd, const struct target_options *options, enum cpeek_status *status,
			    struct target **ret)
{
	char path[64];
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	error.text[0] = '\0';
	*ret = NULL;
	*status = target_open_core(path, options, &error, ret);
	CHECK((*status == CPEEK_OK) == (*ret != NULL));
	CHECK(*status == CPEEK_OK || (error.text[0] && !strchr(error.text, '\n')));
}

/* From a file whose name says nothing. */
static enum cpeek_status open_bytes(const struct writer_bytes *bytes, const struct target_options *options,
				    struct target **ret)
{
	enum cpeek_status status;
	int fd = memfd_create("core", MFD_CLOEXEC);
	CHECK(fd >= 0 && write(fd, bytes->data, bytes->size) == (ssize_t)bytes->size);
	open_descriptor(fd, options, &status, ret);
	(void)close(fd);
	return status;
}

/* A core of one segment: bytes that do not compress, then zeros, then such bytes again. */
static struct writer_bytes make_core(size_t noise, size_t zeros, unsigned char **ret_segment)
{
	struct core_writer writer = writer_create(8, false, EM_X86_64);
	size_t size = 2 * noise + zeros;
	unsigned char *segment = calloc(1, size);
	uint32_t state = 1;
	for (size_t i = 0; i < size; i++) {
		state = state * 1664525 + 1013904223;
		if (i < noise || i >= noise + zeros)
			segment[i] = (unsigned char)(state >> 24);
	}
	writer_segment(&writer, SEGMENT, size, segment, size, PF_R | PF_W);
	struct writer_bytes core = writer_finish(&writer);
	writer_destroy(&writer);
	*ret_segment = segment;
	return core;
}

static bool has_segment(struct target *target, const unsigned char *segment, size_t size)
{
	unsigned char *bytes = malloc(size);
	bool same = target_read(target, SEGMENT, bytes, size) == CPEEK_OK && memcmp(bytes, segment, size) == 0;
	free(bytes);
	return same;
}

static void append(struct writer_bytes *bytes, struct writer_bytes more)
{
	writer_append(bytes, more.data, more.size);
	free(more.data);
}

static size_t count_files(const char *path)
{
	size_t count = 0;
	DIR *directory = opendir(path);
	while (directory && readdir(directory))
		count++;
	CHECK(directory != NULL);
	if (directory)
		(void)closedir(directory);
	return count - 2; /* . and .. */
}

/* ---- Whole --------------------------------------------------------------------------------------------------- */

static void check_opens(const struct writer_bytes *packed, const unsigned char *segment, size_t size)
{
	struct target *target;
	CHECK_EQ(open_bytes(packed, NULL, &target), CPEEK_OK);
	if (!target) {
		printf("    %s\n", error.text);
		return;
	}
	CHECK(!target->truncated && !target->damaged);
	CHECK_EQ(target->missing_bytes, 0);
	CHECK(has_segment(target, segment, size));
	CHECK_EQ(count_files(folder), 0); /* its private file has no name */
	target_destroy(target);
}

static void test_whole(const struct format *format)
{
	enum { NOISE = MIB + 12345, ZEROS = 2 * MIB + 77 };
	static const size_t cuts[] = {0, 1, 63, 4096, MIB, 2 * MIB + 5, 3 * MIB};
	static const char skippable[12] = "\x5e\x2a\x4d\x18\x04\0\0\0skip";
	const size_t size = 2 * (size_t)NOISE + ZEROS;
	unsigned char *segment;
	struct writer_bytes core = make_core(NOISE, ZEROS, &segment);

	struct writer_bytes packed = format->pack(core.data, core.size);
	check_opens(&packed, segment, size);
	free(packed.data);

	/* In several frames, of which the first is an empty one. */
	packed = (struct writer_bytes){0};
	for (size_t i = 0; i < sizeof(cuts) / sizeof(*cuts); i++) {
		size_t end = i + 1 < sizeof(cuts) / sizeof(*cuts) ? cuts[i + 1] : core.size;
		if (i == 0)
			append(&packed, format->pack(core.data, 0));
		append(&packed, format->pack(core.data + cuts[i], end - cuts[i]));
		if (i == 2 && format->skippable)
			writer_append(&packed, skippable, sizeof(skippable));
		if (i == 3 && !format->skippable)
			writer_append(&packed, NULL, 8); /* padding */
	}
	check_opens(&packed, segment, size);
	writer_append(&packed, NULL, 70000);
	writer_append(&packed, "not a part of it", 16);
	check_opens(&packed, segment, size);
	free(packed.data);

	if (format->skippable) { /* as pzstd writes it */
		packed = (struct writer_bytes){0};
		writer_append(&packed, skippable, sizeof(skippable));
		append(&packed, format->pack(core.data, core.size));
		check_opens(&packed, segment, size);
		free(packed.data);
	}
	free(core.data);
	free(segment);
}

/* Zeros cost nothing, and a scan passes over them. */
static void test_sparse(const struct format *format)
{
	enum { NOISE = 3 * PAGE, ZEROS = 64 * MIB };
	unsigned char *segment;
	struct writer_bytes core = make_core(NOISE, ZEROS, &segment);
	struct writer_bytes packed = format->pack(core.data, core.size);
	struct target *target;
	target_addr at = 0, start = 0, end = 0;
	uint64_t data = 0;
	size_t runs = 0;

	CHECK_EQ(open_bytes(&packed, NULL, &target), CPEEK_OK);
	while (target && target_find_data(target, at, UINT64_MAX, &start, &end)) {
		CHECK(start >= at && end > start && runs < 10);
		data += end - start;
		at = end;
		runs++;
	}
	CHECK_EQ(runs, 2);
	CHECK(data >= 2 * (uint64_t)NOISE && data <= 2 * NOISE + 4 * PAGE);
	CHECK_EQ(end, SEGMENT + 2 * NOISE + ZEROS);
	CHECK(target && has_segment(target, segment, 2 * NOISE + ZEROS));
	target_destroy(target);
	free(packed.data);
	free(core.data);
	free(segment);
}

/* ---- Cut off and damaged ------------------------------------------------------------------------------------- */

enum { SMALL_NOISE = 400, SMALL_ZEROS = 5000, SMALL = 2 * SMALL_NOISE + SMALL_ZEROS };

/* What can be read is right, and what is missing is said. */
static void check_prefix(struct target *target, const unsigned char *segment)
{
	unsigned char bytes[SMALL];
	size_t count = 0;
	if (target_read_some(target, SEGMENT, bytes, SMALL, &count) != CPEEK_OK)
		count = 0;
	CHECK(memcmp(bytes, segment, count) == 0);
	CHECK_EQ(count + target->missing_bytes, SMALL);
	CHECK(target->truncated);
}

static void test_cut(const struct format *format)
{
	unsigned char *segment;
	struct writer_bytes core = make_core(SMALL_NOISE, SMALL_ZEROS, &segment), packed = {0};
	size_t opened = 0;

	append(&packed, format->pack(core.data, core.size / 3));
	append(&packed, format->pack(core.data + core.size / 3, core.size - core.size / 3));
	for (size_t size = 1; size < packed.size; size++) {
		struct writer_bytes cut = {packed.data, size, 0};
		struct target *target;
		enum cpeek_status status = open_bytes(&cut, NULL, &target);
		CHECK(status == CPEEK_OK || status == CPEEK_IO);
		if (!target)
			continue;
		opened++;
		CHECK(!target->damaged);
		check_prefix(target, segment);
		target_destroy(target);
	}
	CHECK(opened > packed.size / 3);
	CHECK_EQ(count_files(folder), 0);
	free(packed.data);
	free(core.data);
	free(segment);
}

/* One byte after the other: never is a wrong core taken for a right one. */
static void test_damaged(const struct format *format)
{
	static const unsigned char flips[] = {0x01, 0x80, 0x10, 0xff};
	unsigned char *segment;
	struct writer_bytes core = make_core(SMALL_NOISE, SMALL_ZEROS, &segment);
	struct writer_bytes packed = format->pack(core.data, core.size / 3);
	size_t found = 0;

	append(&packed, format->pack(core.data + core.size / 3, core.size - core.size / 3));
	for (size_t i = 0; i < packed.size; i++) {
		struct target *target;
		packed.data[i] ^= flips[i % sizeof(flips)];
		enum cpeek_status status = open_bytes(&packed, NULL, &target);
		packed.data[i] ^= flips[i % sizeof(flips)];
		CHECK(status == CPEEK_OK || status == CPEEK_IO);
		if (!target)
			continue;
		found += target->damaged;
		bool told = target->damaged || target->truncated;
		CHECK(told || has_segment(target, segment, SMALL));
		target_destroy(target);
	}
	CHECK(found > packed.size / 4); /* in the first frame, little is left of most */
	free(packed.data);
	free(core.data);
	free(segment);
}

/* ---- Bounds -------------------------------------------------------------------------------------------------- */

static void check_error(const struct writer_bytes *packed, const char *part)
{
	struct target *target;
	CHECK_EQ(open_bytes(packed, NULL, &target), CPEEK_IO);
	CHECK(strstr(error.text, part));
	if (!strstr(error.text, part))
		printf("    got: %s\n", error.text);
	target_destroy(target);
}

struct host {
	uint64_t calls, cancel_at, done, total;
};

static int32_t is_cancelled(void *arg)
{
	const struct host *host = arg;
	return host->cancel_at && host->calls >= host->cancel_at;
}

static void note_progress(void *arg, const char *what, uint64_t done, uint64_t total)
{
	struct host *host = arg;
	CHECK(what[0] && done >= host->done && done <= total);
	host->calls++;
	host->done = done;
	host->total = total;
}

/* 400 frames of a MiB of zeros each, behind what begins: no core, and a core that ends much earlier. */
static void test_bomb(const struct format *format)
{
	unsigned char *zeros = calloc(1, MIB), *segment;
	struct writer_bytes core = make_core(PAGE, PAGE, &segment), packed = {0};
	struct writer_bytes one = format->pack(zeros, MIB);
	struct host told = {0};
	struct cpeek_host host = {.struct_size = sizeof(host), .arg = &told, .progress = note_progress};
	struct target_options options = {.host = &host};
	struct target *target;

	append(&packed, format->pack(core.data, core.size));
	for (int i = 0; i < 400; i++)
		writer_append(&packed, one.data, one.size);
	CHECK_EQ(open_bytes(&packed, &options, &target), CPEEK_OK);
	CHECK(target && !target->truncated && !target->damaged);
	CHECK_EQ(told.calls, 1); /* of its input: all that was read */
	CHECK(target && has_segment(target, segment, 3 * PAGE));
	target_destroy(target);

	struct writer_bytes no_core = {packed.data + packed.size - 400 * one.size, 400 * one.size, 0};
	check_error(&no_core, "once unpacked, is not an ELF file");
	free(one.data);
	free(zeros);
	free(packed.data);
	free(core.data);
	free(segment);
}

static void test_errors(const struct format *format)
{
	struct writer_bytes packed = format->pack((const unsigned char *)"#!/bin/sh\n", 10);
	check_error(&packed, "once unpacked, is a script");
	packed.size = 6;
	check_error(&packed, format->name);
	check_error(&packed, "right at its start");
	free(packed.data);
	packed = format->pack((const unsigned char *)"", 0);
	check_error(&packed, "nothing is in it");
	struct writer_bytes twice = format->pack(packed.data, packed.size);
	check_error(&twice, "once unpacked, is compressed again");
	free(packed.data);
	free(twice.data);
}

/* The host's Ctrl-C, at each place where it is asked. */
static void test_cancelled(const struct format *format)
{
	unsigned char *segment;
	struct writer_bytes core = make_core(MIB, MIB, &segment);
	struct writer_bytes packed = format->pack(core.data, core.size);
	size_t cancelled = 0;

	for (uint64_t n = 1; n < 100; n++) {
		struct host told = {.cancel_at = n};
		struct cpeek_host host = {sizeof(host), &told, is_cancelled, note_progress, NULL};
		struct target_options options = {.host = &host};
		struct target *target;
		enum cpeek_status status = open_bytes(&packed, &options, &target);
		CHECK_EQ(told.total, packed.size / MIB);
		target_destroy(target);
		if (status == CPEEK_OK)
			break;
		CHECK_EQ(status, CPEEK_CANCELLED);
		cancelled++;
	}
	CHECK(cancelled > 2 && cancelled < 50);
	CHECK_EQ(count_files(folder), 0);
	free(packed.data);
	free(core.data);
	free(segment);
}

/* The kernel would send SIGXFSZ. */
static void test_file_size_limit(const struct format *format)
{
	unsigned char *segment;
	struct writer_bytes core = make_core(MIB, MIB, &segment);
	struct writer_bytes packed = format->pack(core.data, core.size);
	struct rlimit old, low;
	struct target *target;
	int fd = memfd_create("core", MFD_CLOEXEC);
	enum cpeek_status status;

	CHECK(fd >= 0 && write(fd, packed.data, packed.size) == (ssize_t)packed.size);
	CHECK_EQ(getrlimit(RLIMIT_FSIZE, &old), 0);
	low = old;
	low.rlim_cur = 2 * MIB;
	CHECK_EQ(setrlimit(RLIMIT_FSIZE, &low), 0);
	open_descriptor(fd, NULL, &status, &target);
	CHECK_EQ(setrlimit(RLIMIT_FSIZE, &old), 0);
	CHECK_EQ(status, CPEEK_IO);
	CHECK(strstr(error.text, "ulimit -f"));
	target_destroy(target);
	(void)close(fd);
	free(packed.data);
	free(core.data);
	free(segment);
}

static void test_memory_that_fails(const struct format *format)
{
	unsigned char *segment;
	struct writer_bytes core = make_core(SMALL_NOISE, SMALL_ZEROS, &segment);
	struct writer_bytes packed = format->pack(core.data, core.size);
	enum cpeek_status status = CPEEK_NO_MEMORY;

	for (uint64_t n = 1; n < 1000 && status == CPEEK_NO_MEMORY; n++) {
		struct target *target;
		memory_fail_at(n);
		status = open_bytes(&packed, NULL, &target);
		memory_fail_at(0);
		CHECK(status == CPEEK_OK || status == CPEEK_NO_MEMORY);
		target_destroy(target);
	}
	CHECK_EQ(status, CPEEK_OK);
	free(packed.data);
	free(core.data);
	free(segment);
}

/* Killed in the middle of it: the host's callback does that. */
static void kill_self(void *arg, const char *what, uint64_t done, uint64_t total)
{
	(void)arg;
	(void)what;
	(void)done;
	(void)total;
	if (count_files(folder) == 0)
		(void)kill(getpid(), SIGKILL);
}

static void test_killed(void)
{
	unsigned char *segment;
	struct writer_bytes core = make_core(MIB, MIB, &segment);
	struct writer_bytes packed = pack_zstd(core.data, core.size);
	int status = 0;

	pid_t child = fork();
	if (child == 0) {
		struct cpeek_host host = {.struct_size = sizeof(host), .progress = kill_self};
		struct target_options options = {.host = &host};
		struct target *target;
		_exit((int)open_bytes(&packed, &options, &target));
	}
	CHECK(child > 0 && waitpid(child, &status, 0) == child);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	CHECK_EQ(count_files(folder), 0);
	free(packed.data);
	free(core.data);
	free(segment);
}

int main(void)
{
	/* Thousands of files are made: in memory, where there is such a folder. */
	(void)snprintf(folder, sizeof(folder), "%s/cpeek-test-unpack-XXXXXX",
		       access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	if (!mkdtemp(folder) || setenv("TMPDIR", folder, 1) != 0) {
		printf("no folder for the tests\n");
		return 1;
	}
	size_t descriptors = count_files("/proc/self/fd");
	for (size_t i = 0; i < FORMATS; i++) {
		const struct format *format = &formats[i];
		test_whole(format);
		test_sparse(format);
		test_cut(format);
		test_damaged(format);
		test_bomb(format);
		test_errors(format);
		test_cancelled(format);
		test_file_size_limit(format);
		test_memory_that_fails(format);
	}
	test_killed();
	CHECK_EQ(count_files("/proc/self/fd"), descriptors);
	CHECK_EQ(rmdir(folder), 0);
	return check_report();
}
