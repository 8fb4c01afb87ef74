/*
 * LZ4's frames, by liblz4. Knows no file and no target.
 */
#include "target/codec.h"

#include <lz4frame.h>
#include <string.h>

static void *create(void)
{
	LZ4F_dctx *context = NULL;

	return LZ4F_isError(LZ4F_createDecompressionContext(&context, LZ4F_VERSION)) ? NULL : context;
}

static enum codec_step step(void *state, struct codec_buffers *buffers)
{
	size_t in_size = buffers->in_size, out_size = buffers->out_size;
	size_t result = LZ4F_decompress(state, buffers->out, &out_size, buffers->in, &in_size, NULL);

	if (LZ4F_isError(result)) { /* the sizes mean nothing then; the codes are not in its stable interface */
		bool no_memory = strcmp(LZ4F_getErrorName(result), "ERROR_allocation_failed") == 0;
		return no_memory ? CODEC_NO_MEMORY : CODEC_DAMAGED;
	}
	buffers->in += in_size;
	buffers->in_size -= in_size;
	buffers->out += out_size;
	buffers->out_size -= out_size;
	return result == 0 ? CODEC_END : CODEC_MORE;
}

static void destroy(void *state)
{
	(void)LZ4F_freeDecompressionContext(state);
}

const struct codec codec_lz4 = {
	.name = "lz4",
	.command = "lz4 -d",
	.magic = "\x04\x22\x4d\x18",
	.magic_size = 4,
	.skippable = true,
	.create = create,
	.step = step,
	.destroy = destroy,
};
