/*
 * Zstandard's frames (RFC 8878), by libzstd. Knows no file and no target.
 */
#include "target/codec.h"

#include <zstd.h>
#include <zstd_errors.h>

static void *create(void)
{
	return ZSTD_createDStream();
}

static enum codec_step step(void *state, struct codec_buffers *buffers)
{
	ZSTD_inBuffer in = {buffers->in, buffers->in_size, 0};
	ZSTD_outBuffer out = {buffers->out, buffers->out_size, 0};
	size_t result = ZSTD_decompressStream(state, &out, &in);

	buffers->in += in.pos;
	buffers->in_size -= in.pos;
	buffers->out += out.pos;
	buffers->out_size -= out.pos;
	if (!ZSTD_isError(result))
		return result == 0 ? CODEC_END : CODEC_MORE;
	switch (ZSTD_getErrorCode(result)) {
	case ZSTD_error_memory_allocation:
		return CODEC_NO_MEMORY;
	case ZSTD_error_frameParameter_windowTooLarge: /* over 128 MiB: zstd itself refuses that without --long=31 */
		return CODEC_TOO_LARGE;
	default:
		return CODEC_DAMAGED;
	}
}

static void destroy(void *state)
{
	(void)ZSTD_freeDStream(state);
}

const struct codec codec_zstd = {
	.name = "zstd",
	.command = "zstd -d --long=31",
	.magic = "\x28\xb5\x2f\xfd",
	.magic_size = 4,
	.skippable = true,
	.create = create,
	.step = step,
	.destroy = destroy,
};
