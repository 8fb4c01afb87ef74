/*
 * gzip (RFC 1952), by zlib. Knows no file and no target.
 */
#include "target/codec.h"
#include "base/memory.h"

#include <limits.h>
#include <stdint.h>
#include <zlib.h>

static void *create(void)
{
	enum { GZIP_ONLY = 16 }; /* inflateInit2(): no zlib header, no raw deflate */
	z_stream *stream = memory_calloc(1, sizeof(*stream));

	if (stream && inflateInit2(stream, GZIP_ONLY + MAX_WBITS) != Z_OK) {
		memory_free(stream);
		return NULL;
	}
	return stream;
}

static enum codec_step step(void *state, struct codec_buffers *buffers)
{
	z_stream *stream = state;
	uInt in_size = buffers->in_size < UINT_MAX ? (uInt)buffers->in_size : UINT_MAX;
	uInt out_size = buffers->out_size < UINT_MAX ? (uInt)buffers->out_size : UINT_MAX;

	stream->next_in = (Bytef *)(uintptr_t)buffers->in; /* only reads, for all its missing const */
	stream->avail_in = in_size;
	stream->next_out = buffers->out;
	stream->avail_out = out_size;
	int result = inflate(stream, Z_NO_FLUSH);
	buffers->in += in_size - stream->avail_in;
	buffers->in_size -= in_size - stream->avail_in;
	buffers->out += out_size - stream->avail_out;
	buffers->out_size -= out_size - stream->avail_out;
	switch (result) {
	case Z_OK:
	case Z_BUF_ERROR: /* nothing to do without more input or room */
		return CODEC_MORE;
	case Z_STREAM_END:
		return inflateReset(stream) == Z_OK ? CODEC_END : CODEC_DAMAGED;
	case Z_MEM_ERROR:
		return CODEC_NO_MEMORY;
	}
	return CODEC_DAMAGED;
}

static void destroy(void *state)
{
	(void)inflateEnd(state);
	memory_free(state);
}

const struct codec codec_gzip = {
	.name = "gzip",
	.command = "gzip -dk",
	.magic = "\x1f\x8b\x08", /* RFC 1952: 8 is deflate, the only method */
	.magic_size = 3,
	.create = create,
	.step = step,
	.destroy = destroy,
};
