/*
 * xz streams, by liblzma. Knows no file and no target.
 */
#include "target/codec.h"
#include "base/memory.h"

#include <lzma.h>

/* Ten times what `xz -9` asks for; what wants more than this is meant to hurt. */
static const uint64_t MEMORY_MAX = (uint64_t)640 << 20;

struct state {
	lzma_stream stream;
	bool begun; /* in a stream, not between two */
};

static void *create(void)
{
	struct state *state = memory_calloc(1, sizeof(*state));

	if (state)
		state->stream = (lzma_stream)LZMA_STREAM_INIT;
	return state;
}

static enum codec_step step(void *arg, struct codec_buffers *buffers)
{
	struct state *state = arg;
	lzma_stream *stream = &state->stream;

	if (!state->begun && lzma_stream_decoder(stream, MEMORY_MAX, 0) != LZMA_OK)
		return CODEC_NO_MEMORY;
	state->begun = true;
	stream->next_in = buffers->in;
	stream->avail_in = buffers->in_size;
	stream->next_out = buffers->out;
	stream->avail_out = buffers->out_size;
	lzma_ret result = lzma_code(stream, LZMA_RUN);
	buffers->in = stream->next_in;
	buffers->in_size = stream->avail_in;
	buffers->out = stream->next_out;
	buffers->out_size = stream->avail_out;
	switch (result) {
	case LZMA_OK:
	case LZMA_BUF_ERROR: /* nothing to do without more input or room */
		return CODEC_MORE;
	case LZMA_STREAM_END:
		state->begun = false;
		return CODEC_END;
	case LZMA_MEMLIMIT_ERROR:
		return CODEC_TOO_LARGE;
	case LZMA_MEM_ERROR:
		return CODEC_NO_MEMORY;
	default:
		return CODEC_DAMAGED;
	}
}

static void destroy(void *arg)
{
	struct state *state = arg;

	lzma_end(&state->stream);
	memory_free(state);
}

const struct codec codec_xz = {
	.name = "xz",
	.command = "xz -dk",
	.magic = "\xfd"
		 "7zXZ",
	.magic_size = 6,
	.create = create,
	.step = step,
	.destroy = destroy,
};
