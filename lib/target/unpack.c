#include "target/unpack.h"
#include "base/memory.h"
#include "target/bytes.h"
#include "target/codec.h"
#include "target/elf_header.h"
#include "target/scratch.h"

#include <elf.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	IN_SIZE = 256 * 1024,
	OUT_SIZE = 1024 * 1024, /* a multiple of SCRATCH_BLOCK; a core's headers are in its first such piece */
	BEGIN_SIZE = 8,         /* enough for each magic, and for the header of a skippable frame */
	SKIPPED_MAX = 16,       /* skippable frames before the first real one; pzstd writes one */
};
static const uint64_t SLACK = 1 << 20; /* unpacked behind the end of a core, to meet the check of its frame */
static const uint64_t SIZE_MAX_BYTES = (uint64_t)1
				       << 40; /* of what has no end by its headers, or pretends a far one */
static const uint64_t MIB = 1 << 20;

struct job {
	int fd;
	const char *path;
	const struct codec *codec;
	const struct cpeek_host *host;
	struct error *error;

	void *state; /* the codec's */
	unsigned char *in, *out;
	struct codec_buffers buffers; /* what is left of in and out */
	uint64_t read, size;          /* bytes of the file, so far and all */
	bool read_all;
	bool between; /* at the start, or behind a whole frame */
	struct scratch scratch;
	uint64_t core_end; /* by its headers; UINT64_MAX: not known */
	bool begun;        /* the first piece was unpacked */
	bool finished;     /* no more of it is wanted */
	struct unpacked result;
};

/* ---- Formats ----------------------------------------------------------------------------------------------- */

static const struct codec *const codecs[] = {&codec_zstd, &codec_xz, &codec_gzip, &codec_lz4};

static bool begins_with(const unsigned char *bytes, size_t size, const struct codec *codec)
{
	return size >= codec->magic_size && memcmp(bytes, codec->magic, codec->magic_size) == 0;
}

/* RFC 8878, 3.1.2: magics 0x184D2A50 to 5F, then the length of what follows. LZ4's frame format has them too. */
static bool is_skippable(const unsigned char *bytes, size_t size)
{
	return size >= BEGIN_SIZE && (bytes_get(bytes, 4, false) & ~(uint64_t)0xf) == 0x184d2a50;
}

const struct codec *unpack_find_codec(int fd)
{
	unsigned char bytes[BEGIN_SIZE];
	uint64_t at = 0;

	for (int skipped = 0; skipped <= SKIPPED_MAX; skipped++) {
		ssize_t got = at <= INT64_MAX ? pread(fd, bytes, sizeof(bytes), (off_t)at) : 0;
		size_t size = got > 0 ? (size_t)got : 0;
		for (size_t i = 0; i < sizeof(codecs) / sizeof(*codecs); i++)
			if (begins_with(bytes, size, codecs[i]) && (skipped == 0 || codecs[i]->skippable))
				return codecs[i];
		if (!is_skippable(bytes, size))
			break;
		at += BEGIN_SIZE + bytes_get(bytes + 4, 4, false);
	}
	return NULL;
}

/* ---- In ---------------------------------------------------------------------------------------------------- */

/* Whether to go on; tells how far it is. */
static enum cpeek_status ask_host(const struct job *job)
{
	const struct cpeek_host *host = job->host;

	if (host && host->progress)
		host->progress(host->arg, "unpacking the core, MiB:", job->read / MIB, job->size / MIB);
	if (host && host->cancelled && host->cancelled(host->arg) != 0)
		return error_set(job->error, CPEEK_CANCELLED, "interrupted while %s was unpacked", job->path);
	return CPEEK_OK;
}

/* Moves what is left to the front, and reads behind it. */
static enum cpeek_status refill(struct job *job)
{
	struct codec_buffers *buffers = &job->buffers;

	TRY(ask_host(job));
	if (buffers->in_size > 0)
		memmove(job->in, buffers->in, buffers->in_size);
	buffers->in = job->in;
	while (buffers->in_size < IN_SIZE && !job->read_all) {
		ssize_t got = pread(job->fd, job->in + buffers->in_size, IN_SIZE - buffers->in_size, (off_t)job->read);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return error_set(job->error, CPEEK_IO, "cannot read %s: %s", job->path, strerror(errno));
		job->read_all = got == 0;
		job->read += (uint64_t)got;
		buffers->in_size += (size_t)got;
	}
	return CPEEK_OK;
}

/* Behind a whole frame: is there another? Zeros in between are padding, and what else is there no part of it; so do
 * gzip, xz and zstd themselves take it, the latter two with a warning. */
static enum cpeek_status find_next_frame(struct job *job)
{
	struct codec_buffers *buffers = &job->buffers;

	do {
		while (buffers->in_size > 0 && *buffers->in == 0) {
			buffers->in++;
			buffers->in_size--;
		}
		if (buffers->in_size < BEGIN_SIZE)
			TRY(refill(job));
	} while (buffers->in_size > 0 && *buffers->in == 0);
	job->finished = !begins_with(buffers->in, buffers->in_size, job->codec) &&
			!(job->codec->skippable && is_skippable(buffers->in, buffers->in_size));
	return CPEEK_OK;
}

/* ---- Out --------------------------------------------------------------------------------------------------- */

/* The size of the core that begins with these bytes: 0 when it is none, UINT64_MAX when they do not tell. */
static uint64_t find_core_end(const unsigned char *bytes, size_t size)
{
	struct elf_header header;
	uint64_t end = 0;

	if (elf_header_init(&header, bytes, size) != CPEEK_OK)
		return 0;
	if (header.cut && header.type == ET_CORE)
		end = UINT64_MAX;
	for (size_t i = 0; i < header.segment_count && header.type == ET_CORE; i++) {
		const struct elf_segment *segment = &header.segments[i];
		uint64_t length = segment->filesz < UINT64_MAX - segment->offset ? segment->filesz
										 : UINT64_MAX - segment->offset;
		if (segment->offset + length > end)
			end = segment->offset + length;
	}
	elf_header_deinit(&header);
	return end;
}

/* Stores what was unpacked since the last time. */
static enum cpeek_status flush(struct job *job)
{
	size_t length = (size_t)(job->buffers.out - job->out);

	if (!job->begun) {
		job->core_end = find_core_end(job->out, length);
		job->finished |= job->core_end == 0; /* let it be told what it is instead */
		job->begun = true;
	}
	TRY(scratch_append(&job->scratch, job->out, length, job->error));
	job->buffers.out = job->out;
	job->buffers.out_size = OUT_SIZE;
	if (job->core_end < UINT64_MAX - SLACK)
		job->finished |= job->scratch.size >= job->core_end + SLACK;
	if (!job->finished && job->scratch.size > SIZE_MAX_BYTES)
		return error_set(job->error, CPEEK_IO,
				 "%s unpacks to more than 1 TiB, so it is damaged or meant to do harm; if it is "
				 "neither, unpack it to a sparse file first: %s",
				 job->path, job->codec->command);
	return CPEEK_OK;
}

/* ---- The work ---------------------------------------------------------------------------------------------- */

static enum cpeek_status take_step(struct job *job)
{
	struct codec_buffers before = job->buffers;

	switch (job->codec->step(job->state, &job->buffers)) {
	case CODEC_MORE:
		if (job->buffers.in_size != before.in_size || job->buffers.out_size != before.out_size) {
			job->between = false;
		} else if (!job->read_all && job->buffers.in_size < IN_SIZE) {
			return refill(job);
		} else if (job->buffers.out_size > 0) {
			job->finished = true;
			job->result.cut_off = !job->between;
		}
		return CPEEK_OK;
	case CODEC_END:
		job->between = true;
		return find_next_frame(job);
	case CODEC_DAMAGED:
		job->finished = true;
		job->result.damaged = true;
		return CPEEK_OK;
	case CODEC_TOO_LARGE:
		return error_set(job->error, CPEEK_IO,
				 "%s wants more memory than usual to be unpacked; do so first: %s", job->path,
				 job->codec->command);
	case CODEC_NO_MEMORY:
		break;
	}
	return error_set(job->error, CPEEK_NO_MEMORY, "out of memory");
}

static enum cpeek_status unpack(struct job *job)
{
	TRY(refill(job));
	while (!job->finished) {
		TRY(take_step(job));
		if (job->buffers.out_size == 0 || job->finished)
			TRY(flush(job));
	}
	if (job->scratch.size == 0)
		return error_set(job->error, CPEEK_IO, "%s is compressed by %s, but %s; copy it again", job->path,
				 job->codec->name,
				 job->result.damaged   ? "damaged right at its start"
				 : job->result.cut_off ? "cut off right at its start"
						       : "nothing is in it");
	return scratch_finish(&job->scratch, job->error);
}

enum cpeek_status unpack_file(int fd, const char *path, const struct codec *codec, const struct cpeek_host *host,
			      struct error *error, struct unpacked *ret)
{
	struct stat status;
	struct job job = {
		.fd = fd,
		.path = path,
		.codec = codec,
		.host = host,
		.error = error,
		.size = fstat(fd, &status) == 0 ? (uint64_t)status.st_size : 0,
		.in = memory_alloc(IN_SIZE),
		.out = memory_alloc(OUT_SIZE),
		.state = codec->create(),
		.scratch.fd = -1,
	};

	job.buffers = (struct codec_buffers){job.in, 0, job.out, OUT_SIZE};
	enum cpeek_status result = job.in && job.out && job.state ? scratch_open(&job.scratch, error)
								  : error_set(error, CPEEK_NO_MEMORY, "out of memory");
	if (result == CPEEK_OK)
		result = unpack(&job);
	if (job.state)
		codec->destroy(job.state);
	memory_free(job.in);
	memory_free(job.out);
	if (result != CPEEK_OK) {
		scratch_close(&job.scratch);
		return result;
	}
	job.result.fd = job.scratch.fd;
	*ret = job.result;
	return CPEEK_OK;
}
