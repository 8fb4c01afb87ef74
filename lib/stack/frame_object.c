/*
 * Frames to 3.10: PyFrameObject. Knows its fields, and no chain of them.
 */
#include "stack/frame.h"

/* The words between two pointers of the target; 0 when they are not in order. */
static uint64_t words_between(const struct layout *layout, target_addr start, target_addr end)
{
	return end > start ? (end - start) / layout->pointer_size : 0;
}

/* f_stacktop is NULL while the frame runs (to 3.9); f_stackdepth is -1 then (3.10). Include/cpython/frameobject.h */
static void read_stack(const struct object *object, struct frame_memory *memory)
{
	const struct layout *layout = object->objects->layout;

	memory->stack = object_get(object, FIELD_PyFrameObject_f_valuestack);
	if (layout_has(layout, FIELD_PyFrameObject_f_stacktop)) {
		target_addr top = object_get(object, FIELD_PyFrameObject_f_stacktop);
		memory->has_stack = top != 0;
		memory->depth = words_between(layout, memory->stack, top);
	} else {
		int64_t depth = object_get_signed(object, FIELD_PyFrameObject_f_stackdepth);
		memory->has_stack = depth >= 0;
		memory->depth = depth > 0 ? (uint64_t)depth : 0;
	}
}

enum cpeek_status frame_object_read(struct objects *objects, target_addr address, struct frame_memory *ret)
{
	const struct layout *layout = objects->layout;
	struct object object;

	TRY(object_read(objects, address, &object));
	if (!type_is_builtin(object.type, "frame"))
		return CPEEK_CORRUPT;
	struct frame_memory memory = {
		.address = address,
		.frame_object = address,
		.previous = object_get(&object, FIELD_PyFrameObject_f_back),
		.code = object_get(&object, FIELD_PyFrameObject_f_code),
		.globals = object_get(&object, FIELD_PyFrameObject_f_globals),
		.builtins = object_get(&object, FIELD_PyFrameObject_f_builtins),
		.locals = object_get(&object, FIELD_PyFrameObject_f_locals),
		.generator = object_get(&object, FIELD_PyFrameObject_f_gen),
		.last = object_get_signed(&object, FIELD_PyFrameObject_f_lasti),
		.slots = object_field_address(&object, FIELD_PyFrameObject_f_localsplus),
		.slots_max = FRAME_SLOTS_MAX,
		.is_entry = true, /* each call of Python code is a call of the evaluator */
	};
	if (object.ob_size >= 0 && object.ob_size < FRAME_SLOTS_MAX)
		memory.slots_max =
			(uint64_t)object.ob_size; /* stack included: frame_alloc() in Objects/frameobject.c */
	if (layout_trait(layout, TRAIT_LASTI_UNITS))
		memory.last *= 2;
	int64_t line = object_get_signed(&object, FIELD_PyFrameObject_f_lineno);
	bool traced = layout_trait(layout, TRAIT_LINENO_IF_TRACED)
			      ? object_get(&object, FIELD_PyFrameObject_f_trace) != 0
			      : line > 0;
	memory.line = traced ? line : 0;
	read_stack(&object, &memory);
	*ret = memory;
	return CPEEK_OK;
}
