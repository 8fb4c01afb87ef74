/*
 * The frame of an object: of a frame object, or of a generator, coroutine or async generator. Knows where each keeps
 * it: to 3.10 behind gi_frame, from 3.11 inside the object.
 */
#include "stack/frame.h"

/* The three share one head: _PyGenObject_HEAD in Include/genobject.h, all versions. */
static bool is_generator(const struct type *type)
{
	return type_is_builtin(type, "generator") || type_is_builtin(type, "coroutine") ||
	       type_is_builtin(type, "async_generator");
}

/* gi_frame_state, Include/internal/pycore_frame.h. To 3.14 a finished one is 1 (completed) or 4 (cleared), and what is
 * not is 0 (executing) or less; 3.15 has only 5 for both, and the others below. */
enum { STATE_EXECUTING = 0, STATE_CLEARED = 4, STATE_CLEARED_V3 = 5 };

static int64_t generator_state(const struct object *generator)
{
	return object_get_signed(generator, FIELD_PyGenObject_gi_frame_state);
}

static bool is_finished(const struct object *generator)
{
	return layout_trait(generator->objects->layout, TRAIT_GEN_STATE_V3)
		       ? generator_state(generator) >= STATE_CLEARED_V3
		       : generator_state(generator) > STATE_EXECUTING;
}

bool generator_is_cleared(const struct object *generator)
{
	return generator_state(generator) >=
	       (layout_trait(generator->objects->layout, TRAIT_GEN_STATE_V3) ? STATE_CLEARED_V3 : STATE_CLEARED);
}

static enum cpeek_status read_of_frame(const struct object *object, struct frame_memory *ret)
{
	target_addr inner;

	if (!frame_is_interpreter(object->objects->layout))
		return frame_object_read(object->objects, object->address, ret);
	inner = object_get(object, FIELD_PyFrameObject_f_frame);
	if (inner == 0)
		return CPEEK_NOT_FOUND;
	TRY(frame_interpreter_read(object->objects, inner, ret));
	ret->frame_object = object->address;
	return CPEEK_OK;
}

static enum cpeek_status read_of_generator(const struct object *object, struct frame_memory *ret)
{
	struct objects *objects = object->objects;

	if (frame_is_interpreter(objects->layout)) {
		if (is_finished(object))
			return CPEEK_NOT_FOUND;
		TRY(frame_interpreter_read(objects, object_field_address(object, FIELD_PyGenObject_gi_iframe), ret));
	} else {
		target_addr inner = object_get(object, FIELD_PyGenObject_gi_frame);
		if (inner == 0)
			return CPEEK_NOT_FOUND;
		TRY(frame_object_read(objects, inner, ret));
	}
	ret->generator = object->address;
	return CPEEK_OK;
}

enum cpeek_status frame_of_object(const struct object *object, struct frame *ret)
{
	struct frame_memory memory;
	struct code_cache cache = {0};
	bool complete;

	if (type_is_builtin(object->type, "frame"))
		TRY(read_of_frame(object, &memory));
	else if (is_generator(object->type))
		TRY(read_of_generator(object, &memory));
	else
		return CPEEK_NOT_FOUND;
	enum cpeek_status status = frame_finish(object->objects, &cache, &memory, ret, &complete);
	code_cache_deinit(&cache);
	return status;
}
