/*
 * What frames and generators refer to, in the order in which their tp_traverse visits it: frame_traverse() in
 * Objects/frameobject.c, gen_traverse() in Objects/genobject.c, _PyFrame_Traverse() in Python/frame.c.
 */
#include "object/stackref.h"
#include "stack/frame.h"

/* Slots and stack: count words at address, the first of them with the index first. */
static enum cpeek_status add_words(struct edges *edges, struct objects *objects, target_addr address, uint64_t first,
				   uint64_t count, bool traversed)
{
	enum cpeek_status damage = CPEEK_OK;
	struct words words;

	words_init(&words, objects->target, address);
	for (uint64_t i = 0; i < count; i++) {
		uint64_t value;
		enum cpeek_status status = words_read(&words, i, count, &value);
		if (status == CPEEK_OK)
			(stackref_is_borrowed(objects->layout, value) ? edges_add_borrowed : edges_add)(
				edges, EDGE_INDEX, stackref_get(objects->layout, value), NULL, first + i, traversed);
		else
			damage = status;
	}
	return damage;
}

/* A code object bounds how much a frame can hold. */
static enum cpeek_status read_code(struct objects *objects, const struct frame_memory *memory, struct code *ret)
{
	TRY(code_read(objects, memory->code, ret));
	if (ret->slots > memory->slots_max || ret->stack_size > FRAME_SLOTS_MAX)
		return CPEEK_CORRUPT;
	return CPEEK_OK;
}

/* To 3.10. The stack of a frame that runs has no known depth, and is not visited. */
static enum cpeek_status walk_frame_object(const struct object *object, struct edges *edges)
{
	struct objects *objects = object->objects;
	struct frame_memory memory;
	struct code code;

	edges_add_field(edges, object, FIELD_PyFrameObject_f_back);
	edges_add_field(edges, object, FIELD_PyFrameObject_f_code);
	edges_add_field(edges, object, FIELD_PyFrameObject_f_builtins);
	edges_add_field(edges, object, FIELD_PyFrameObject_f_globals);
	edges_add_field(edges, object, FIELD_PyFrameObject_f_locals);
	edges_add_field(edges, object, FIELD_PyFrameObject_f_trace);
	edges_add_field(edges, object, FIELD_PyFrameObject_f_exc_type); /* 3.6 */
	edges_add_field(edges, object, FIELD_PyFrameObject_f_exc_value);
	edges_add_field(edges, object, FIELD_PyFrameObject_f_exc_traceback);
	TRY(frame_object_read(objects, object->address, &memory));
	TRY(read_code(objects, &memory, &code));
	TRY(add_words(edges, objects, memory.slots, 0, code.slots, true));
	if (memory.depth > code.stack_size)
		return CPEEK_CORRUPT;
	return add_words(edges, objects, memory.stack, code.slots, memory.depth, true);
}

/* Of fields that go by several names, the one that this version has. */
static void add_named(struct edges *edges, const struct objects *objects, enum layout_field field, target_addr target)
{
	if (layout_has(objects->layout, field))
		edges_add(edges, EDGE_FIELD, target, layout_field_name(field), 0, true);
}

/* The same for a word of the frame at address, which from 3.14 on tells whether it is counted. */
static enum cpeek_status add_word(struct edges *edges, const struct objects *objects, target_addr address,
				  enum layout_field field)
{
	uint64_t word;

	if (!layout_has(objects->layout, field))
		return CPEEK_OK;
	TRY(field_read(objects, address, field, &word));
	(stackref_is_borrowed(objects->layout, word) ? edges_add_borrowed : edges_add)(
		edges, EDGE_FIELD, stackref_get(objects->layout, word), layout_field_name(field), 0, true);
	return CPEEK_OK;
}

/* From 3.11: what lies inside a generator or a finished frame object. While it runs its depth is not known and nothing
 * of it is visited: its slots are references all the same. */
static enum cpeek_status walk_interpreter_frame(const struct object *object, target_addr address, struct edges *edges)
{
	struct objects *objects = object->objects;
	struct frame_memory memory;
	struct code code;

	TRY(frame_interpreter_read(objects, address, &memory));
	add_named(edges, objects, FIELD__PyInterpreterFrame_frame_obj, memory.frame_object);
	add_named(edges, objects, FIELD__PyInterpreterFrame_f_locals, memory.locals);
	add_named(edges, objects, FIELD__PyInterpreterFrame_f_func, memory.function); /* 3.11 */
	TRY(add_word(edges, objects, address, FIELD__PyInterpreterFrame_f_funcobj));
	add_named(edges, objects, FIELD__PyInterpreterFrame_f_code, memory.code); /* 3.11, 3.12 */
	TRY(add_word(edges, objects, address, FIELD__PyInterpreterFrame_f_executable));
	TRY(read_code(objects, &memory, &code));
	if (!memory.has_stack)
		return add_words(edges, objects, memory.slots, 0, code.slots, false);
	if (memory.depth > code.slots + code.stack_size)
		return CPEEK_CORRUPT;
	return add_words(edges, objects, memory.slots, 0, memory.depth, true);
}

static enum cpeek_status walk_frame(const struct object *object, struct edges *edges)
{
	struct objects *objects = object->objects;
	struct frame_memory memory;
	target_addr inner;

	if (!frame_is_interpreter(objects->layout))
		return walk_frame_object(object, edges);
	edges_add_field(edges, object, FIELD_PyFrameObject_f_back);
	edges_add_field(edges, object, FIELD_PyFrameObject_f_trace);
	edges_add_field(edges, object, FIELD_PyFrameObject_f_extra_locals);
	edges_add_field(edges, object, FIELD_PyFrameObject_f_locals_cache);
	edges_add_field(edges, object, FIELD_PyFrameObject_f_overwritten_fast_locals);
	inner = object_get(object, FIELD_PyFrameObject_f_frame);
	if (inner == 0)
		return CPEEK_OK;
	TRY(frame_interpreter_read(objects, inner, &memory));
	return memory.owner == OWNER_FRAME_OBJECT ? walk_interpreter_frame(object, inner, edges) : CPEEK_OK;
}

/* gi_exc_state: three references to 3.10, one from 3.11. */
static enum cpeek_status add_exception_state(const struct object *object, struct edges *edges)
{
	static const enum layout_field fields[] = {
		FIELD__PyErr_StackItem_exc_type,
		FIELD__PyErr_StackItem_exc_value,
		FIELD__PyErr_StackItem_exc_traceback,
	};
	target_addr state = object_field_address(object, FIELD_PyGenObject_gi_exc_state);

	for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++) {
		uint64_t value;
		if (!layout_has(object->objects->layout, fields[i]))
			continue;
		TRY(field_read(object->objects, state, fields[i], &value));
		edges_add(edges, EDGE_FIELD, value, layout_field_name(fields[i]), 0, true);
	}
	return CPEEK_OK;
}

/* The code alone, so that a deferred reference keeps it alive; from 3.14. */
static enum cpeek_status add_code_of_dead_frame(const struct object *object, target_addr frame, struct edges *edges)
{
	struct objects *objects = object->objects;

	if (!layout_trait(objects->layout, TRAIT_STACKREF))
		return CPEEK_OK;
	return add_word(edges, objects, frame, FIELD__PyInterpreterFrame_f_executable);
}

static enum cpeek_status walk_generator(const struct object *object, struct edges *edges)
{
	enum cpeek_status status = CPEEK_OK;

	edges_add_field(edges, object, FIELD_PyGenObject_gi_frame);
	edges_add_field(edges, object, FIELD_PyGenObject_gi_code);
	edges_add_field(edges, object, FIELD_PyGenObject_gi_name);
	edges_add_field(edges, object, FIELD_PyGenObject_gi_qualname);
	if (frame_is_interpreter(object->objects->layout)) {
		target_addr frame = object_field_address(object, FIELD_PyGenObject_gi_iframe);
		status = generator_is_cleared(object) ? add_code_of_dead_frame(object, frame, edges)
						      : walk_interpreter_frame(object, frame, edges);
	}
	enum cpeek_status state = add_exception_state(object, edges);
	return status == CPEEK_OK ? state : status;
}

enum cpeek_status frame_walk_edges(const struct object *object, struct edges *edges)
{
	if (type_is_builtin(object->type, "frame"))
		return walk_frame(object, edges);
	if (type_is_builtin(object->type, "generator"))
		return walk_generator(object, edges);
	if (type_is_builtin(object->type, "async_generator")) {
		edges_add_field(edges, object, FIELD_PyAsyncGenObject_ag_finalizer);
		edges_add_field(edges, object, FIELD_PyAsyncGenObject_ag_origin_or_finalizer);
		return walk_generator(object, edges);
	}
	if (type_is_builtin(object->type, "coroutine")) {
		/* Owned, and not visited: it holds tuples, str and int alone. */
		edges_add_hidden(edges, object, FIELD_PyCoroObject_cr_origin);
		edges_add_hidden(edges, object, FIELD_PyCoroObject_cr_origin_or_finalizer);
		return walk_generator(object, edges);
	}
	return CPEEK_NOT_FOUND;
}
