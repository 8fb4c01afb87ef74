/*
 * The frames of a thread: where its chain begins, how it goes on, where it ends. Knows thread states and the order of
 * frames; a frame itself is frame.c's.
 */
#include "base/map.h"
#include "base/memory.h"
#include "stack/frame.h"

enum {
	DAMAGED_MAX = 16,   /* damaged frames in a row: what follows is no chain any more */
	POLL_FRAMES = 1024, /* how often a walk asks whether it was cancelled */
};

struct walk {
	struct objects *objects;
	struct map seen;
	struct code_cache codes;
	VECTOR(struct frame) frames;
	bool above_is_last; /* the frame just above in the chain is the last one in frames: it was not left out */
	unsigned damaged_in_row;
	struct stack *stack;
};

static void end_partial(struct walk *walk, enum cpeek_status status, target_addr address)
{
	walk->stack->partial = true;
	walk->stack->status = status;
	walk->stack->address = address;
}

/* The newest frame of a thread; 0 when it runs no Python code. */
static enum cpeek_status read_newest(const struct objects *objects, const struct python_thread *thread,
				     target_addr *ret)
{
	const struct layout *layout = objects->layout;
	uint64_t cframe;

	if (layout_trait(layout, TRAIT_CFRAME)) {
		TRY(field_read(objects, thread->tstate, FIELD_PyThreadState_cframe, &cframe));
		if (cframe == 0) {
			*ret = 0;
			return CPEEK_OK;
		}
		return field_read(objects, cframe, FIELD__PyCFrame_current_frame, ret);
	}
	return field_read(objects, thread->tstate,
			  layout_has(layout, FIELD_PyThreadState_current_frame) ? FIELD_PyThreadState_current_frame
										: FIELD_PyThreadState_frame,
			  ret);
}

static enum cpeek_status add_frame(struct walk *walk, const struct frame *frame)
{
	struct frame *new = VECTOR_PUSH(&walk->frames);

	if (!new)
		return CPEEK_NO_MEMORY;
	*new = *frame;
	walk->above_is_last = true;
	return CPEEK_OK;
}

/* Below the last frame there is C. */
static void mark_entry(struct walk *walk)
{
	if (walk->above_is_last)
		walk->frames.items[walk->frames.count - 1].is_entry = true;
}

/* One frame of the chain. END when the chain must not be followed any further. */
static enum cpeek_status visit(struct walk *walk, target_addr address, target_addr *ret_previous)
{
	struct objects *objects = walk->objects;
	struct frame_memory memory;
	struct frame frame = {.address = address, .position = {-1, -1, -1, -1}};
	bool complete = true;

	enum cpeek_status status = frame_read(objects, address, &memory, ret_previous);
	if (status == CPEEK_NO_MEMORY)
		return status;
	if (status != CPEEK_OK) {
		if (*ret_previous == 0) {
			end_partial(walk, status, address);
			return CPEEK_END;
		}
		frame.status = status;
	} else if (frame_is_shim(objects->layout, &memory)) {
		mark_entry(walk);
		walk->above_is_last = false;
		return CPEEK_OK;
	} else {
		TRY(frame_finish(objects, &walk->codes, &memory, &frame, &complete));
	}
	if (!complete) {
		walk->above_is_last = false;
		return CPEEK_OK;
	}
	if (frame.status == CPEEK_OK) {
		walk->damaged_in_row = 0;
	} else if (++walk->damaged_in_row > DAMAGED_MAX) {
		end_partial(walk, frame.status, address);
		return CPEEK_END;
	}
	return add_frame(walk, &frame);
}

static enum cpeek_status follow(struct walk *walk, target_addr address)
{
	struct objects *objects = walk->objects;

	for (size_t i = 0; address != 0; i++) {
		if (i == STACK_FRAMES_MAX) {
			end_partial(walk, CPEEK_LIMIT, address);
			return CPEEK_OK;
		}
		if (i % POLL_FRAMES == 0 && objects->cancelled && objects->cancelled(objects->cancelled_arg))
			return CPEEK_CANCELLED;
		uint64_t *seen = map_put(&walk->seen, address);
		if (!seen)
			return CPEEK_NO_MEMORY;
		if (*seen) {
			end_partial(walk, CPEEK_CORRUPT, address);
			return CPEEK_OK;
		}
		*seen = 1;
		enum cpeek_status status = visit(walk, address, &address);
		if (status != CPEEK_OK)
			return status == CPEEK_END ? CPEEK_OK : status;
	}
	mark_entry(walk);
	return CPEEK_OK;
}

enum cpeek_status stack_read(struct objects *objects, const struct python_thread *thread, struct stack *ret)
{
	struct stack stack = {0};
	struct walk walk = {.objects = objects, .stack = &stack};
	target_addr newest = 0;

	enum cpeek_status status = read_newest(objects, thread, &newest);
	if (status != CPEEK_OK) {
		end_partial(&walk, status, thread->tstate);
		*ret = stack;
		return CPEEK_OK;
	}
	status = follow(&walk, newest);
	map_deinit(&walk.seen);
	code_cache_deinit(&walk.codes);
	if (status != CPEEK_OK) {
		VECTOR_DEINIT(&walk.frames);
		return status;
	}
	stack.frames = walk.frames.items;
	stack.count = walk.frames.count;
	*ret = stack;
	return CPEEK_OK;
}

void stack_deinit(struct stack *stack)
{
	memory_free(stack->frames);
	*stack = (struct stack){0};
}
