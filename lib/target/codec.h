/*
 * How a compressed stream is unpacked, piece by piece. Each codec wraps one library and knows no file and no target.
 */
#ifndef TARGET_CODEC_H
#define TARGET_CODEC_H

#include <stdbool.h>
#include <stddef.h>

enum codec_step {
	CODEC_MORE,      /* give more input, or more room */
	CODEC_END,       /* a frame (a member, a stream) is complete and passed its check; another may follow */
	CODEC_DAMAGED,   /* the bytes contradict themselves, or their check */
	CODEC_TOO_LARGE, /* it wants more memory than we give */
	CODEC_NO_MEMORY,
};

/* What is left to read and to fill: a step takes from the front of both. */
struct codec_buffers {
	const unsigned char *in;
	size_t in_size;
	unsigned char *out;
	size_t out_size;
};

struct codec {
	const char *name;    /* of the format, for people */
	const char *command; /* that unpacks it, all but the file's name */
	const char *magic;   /* what a frame begins with */
	size_t magic_size;
	bool skippable;        /* has the skippable frames that LZ4 and Zstandard share */
	void *(*create)(void); /* NULL when memory is out */
	enum codec_step (*step)(void *state, struct codec_buffers *buffers);
	void (*destroy)(void *state);
};

extern const struct codec codec_gzip, codec_xz, codec_zstd, codec_lz4;

#endif
