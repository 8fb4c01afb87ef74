/*
 * What decoders ask of frames: the reprs, sizes and edges of frame objects and generators are told by object/, which
 * must not know this layer.
 */
#include "stack/stack.h"

static enum cpeek_status frame_where(const struct object *object, target_addr *ret_code, int64_t *ret_line)
{
	struct frame frame;

	TRY(frame_of_object(object, &frame));
	*ret_code = frame.code;
	*ret_line = frame.position.line;
	return CPEEK_OK;
}

const struct frame_hooks stack_hooks = {.edges = frame_walk_edges, .where = frame_where};
