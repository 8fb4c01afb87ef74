/*
 * The frame of an object: of a frame object, or of a generator, coroutine or async generator. Knows where each keeps
 * it: to 3.10 behind gi_frame, from 3.11 inside the object.
 */
#include "object/stackref.h"
#include "stack/frame.h"

/* The three share one head: _PyGenObject_HEAD in Include/genobject.h, all versions. */
static bool is_generator(const struct type *type)
{
	return type_is_builtin(type, "generator") || type_is_builtin(type, "coroutine") ||
	       type_is_builtin(type, "async_generator");
}

/* gi_frame_state, Include/internal/pycore_frame.h. To 3.14 a finished one is 1 (completed) or 4 (cleared), and what is
 * not is 0 (executing) or less; 3.15 has only 5 for both, and the others below. */
enum { STATE_EXECUTING = 0, STATE_CLEARED = 4, STATE_EXECUTING_V3 = 4, STATE_CLEARED_V3 = 5 };

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

enum cpeek_status generator_read_state(const struct object *generator, const char **ret)
{
	static const char created[] = "not started", suspended[] = "suspended", running[] = "running",
			  finished[] = "finished";
	const struct layout *layout = generator->objects->layout;
	struct frame_memory memory;

	if (!frame_is_interpreter(layout)) {
		const target_addr frame = object_get(generator, FIELD_PyGenObject_gi_frame);
		if (frame) {
			TRY(frame_object_read(generator->objects, frame, &memory));
			*ret = memory.last < 0 ? created : memory.has_stack ? suspended : running;
		} else {
			*ret = finished;
		}
		return CPEEK_OK;
	}
	/* The lowest of the states, and the one in which it runs: traits.def has them all. */
	const bool v3 = layout_trait(layout, TRAIT_GEN_STATE_V3);
	const int64_t state = generator_state(generator), lowest = v3                                         ? 0
								   : layout_trait(layout, TRAIT_GEN_STATE_V2) ? -3
													      : -2;
	if (is_finished(generator))
		*ret = finished;
	else if (state < lowest)
		return CPEEK_CORRUPT;
	else
		*ret = state == lowest                                        ? created
		       : state == (v3 ? STATE_EXECUTING_V3 : STATE_EXECUTING) ? running
									      : suspended;
	return CPEEK_OK;
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

enum cpeek_status generator_find_code(const struct object *generator, target_addr *ret)
{
	static const enum layout_field executable[] = {FIELD__PyInterpreterFrame_f_executable,
						       FIELD__PyInterpreterFrame_f_code};
	struct objects *objects = generator->objects;
	const struct layout *layout = objects->layout;
	uint64_t word;

	if (!is_generator(generator->type))
		return CPEEK_NOT_FOUND;
	if (layout_has(layout, FIELD_PyGenObject_gi_code)) {
		*ret = object_get(generator, FIELD_PyGenObject_gi_code);
		return CPEEK_OK;
	}
	TRY(field_read(objects, object_field_address(generator, FIELD_PyGenObject_gi_iframe),
		       executable[!layout_has(layout, executable[0])], &word));
	*ret = stackref_get(layout, word);
	return CPEEK_OK;
}
