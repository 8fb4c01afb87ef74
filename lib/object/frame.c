/*
 * frame, generator, coroutine, async_generator: their reprs and sizes. What they hold and where they are is told by
 * the layer of frames, through objects->frames.
 */
#include "object/phrase.h"
#include "object/stackref.h"

#include <inttypes.h>

enum { SLOTS_MAX = 1 << 20 }; /* more locals and stack of one frame are taken for damage */

static enum cpeek_status frame_edges(const struct object *object, struct edges *edges)
{
	return object->objects->frames->edges(object, edges);
}

/* Words for the locals, cells, free variables and the stack of a code object's frame: co_nlocalsplus + co_stacksize;
 * to 3.10 in four parts. */
static enum cpeek_status count_slots(struct objects *objects, target_addr code, uint64_t *ret)
{
	static const enum layout_field tuples[] = {FIELD_PyCodeObject_co_cellvars, FIELD_PyCodeObject_co_freevars};
	const struct layout *layout = objects->layout;
	uint64_t slots, count;

	TRY(field_read(objects, code, FIELD_PyCodeObject_co_stacksize, &slots));
	if (layout_has(layout, FIELD_PyCodeObject_co_nlocalsplus)) {
		TRY(field_read(objects, code, FIELD_PyCodeObject_co_nlocalsplus, &count));
		slots += count;
	} else {
		TRY(field_read(objects, code, FIELD_PyCodeObject_co_nlocals, &count));
		slots += count;
		for (size_t i = 0; i < sizeof(tuples) / sizeof(*tuples); i++) {
			uint64_t tuple;
			TRY(field_read(objects, code, tuples[i], &tuple));
			TRY(field_read(objects, tuple, FIELD_PyVarObject_ob_size, &count));
			slots += count;
		}
	}
	if (slots > SLOTS_MAX)
		return CPEEK_CORRUPT;
	*ret = slots;
	return CPEEK_OK;
}

/* frame_repr() of Objects/frameobject.c */
static enum cpeek_status frame_decode(const struct object *object, struct value *value)
{
	struct objects *objects = object->objects;
	uint64_t file, name;
	target_addr code;
	int64_t line;

	TRY(objects->frames->where(object, &code, &line));
	TRY(field_read(objects, code, FIELD_PyCodeObject_co_filename, &file));
	TRY(field_read(objects, code, FIELD_PyCodeObject_co_name, &name));
	value_format(value, "<frame at 0x%" PRIx64 ", file ", object->address);
	value_object(value, file);
	value_format(value, ", line %" PRId64 ", code ", line);
	value_str(value, objects, name);
	value_text(value, ">");
	return CPEEK_OK;
}

/* frame_sizeof(): to 3.10 the slots follow the object, of which f_localsplus is the first; from 3.11 they follow the
 * _PyInterpreterFrame at its end. */
static enum cpeek_status frame_size(const struct object *object, uint64_t *ret)
{
	struct objects *objects = object->objects;
	const struct layout *layout = objects->layout;
	uint64_t slots;
	target_addr code;
	int64_t line;

	TRY(objects->frames->where(object, &code, &line));
	TRY(count_slots(objects, code, &slots));
	uint64_t head = layout_has(layout, FIELD_PyFrameObject__f_frame_data)
				? layout_offset(layout, FIELD_PyFrameObject__f_frame_data) +
					  layout_offset(layout, FIELD__PyInterpreterFrame_localsplus)
				: layout_offset(layout, FIELD_PyFrameObject_f_localsplus);
	*ret = head + slots * layout->pointer_size;
	return CPEEK_OK;
}

static enum cpeek_status frame_dissect(const struct object *object, struct dissection *dissection)
{
	return object->objects->frames->dissect(object, dissection);
}

const struct object_type object_type_frame = {
	.name = "frame",
	.structure =
		STRUCT_PyObject, /* to 3.10 the first slot counts as part of it, so that tp_basicsize is smaller */
	.decode = frame_decode,
	.edges = frame_edges,
	.size = frame_size,
	.dissect = frame_dissect,
};

/* gen_repr(), coro_repr(), async_gen_repr() of Objects/genobject.c */
static enum cpeek_status generator_decode(const struct object *object, struct value *value)
{
	value_format(value, "<%s object ", object->type->tp_name);
	value_str(value, object->objects, object_get(object, FIELD_PyGenObject_gi_qualname));
	value_format(value, " at 0x%" PRIx64 ">", object->address);
	return CPEEK_OK;
}

/* gen_sizeof(), 3.11+: with the frame inside. To 3.10 it is a frame object of its own. */
static enum cpeek_status generator_size(const struct object *object, uint64_t *ret)
{
	struct objects *objects = object->objects;
	const struct layout *layout = objects->layout;
	uint64_t slots, code;

	if (!layout_has(layout, FIELD_PyGenObject_gi_iframe)) {
		*ret = (uint64_t)object->type->basicsize;
		return CPEEK_OK;
	}
	if (layout_has(layout, FIELD_PyGenObject_gi_code)) {
		code = object_get(object, FIELD_PyGenObject_gi_code);
	} else {
		static const enum layout_field executable[] = {FIELD__PyInterpreterFrame_f_executable,
							       FIELD__PyInterpreterFrame_f_code};
		target_addr frame = object_field_address(object, FIELD_PyGenObject_gi_iframe);
		TRY(field_read(objects, frame, executable[!layout_has(layout, executable[0])], &code));
		code = stackref_get(layout, code);
	}
	TRY(count_slots(objects, code, &slots));
	*ret = layout_offset(layout, FIELD_PyGenObject_gi_iframe) +
	       layout_offset(layout, FIELD__PyInterpreterFrame_localsplus) + slots * layout->pointer_size;
	return CPEEK_OK;
}

#define GENERATOR(id, tp_name)                                                                                        \
	const struct object_type object_type_##id = {                                                                 \
		.name = tp_name,                                                                                      \
		.structure = STRUCT_PyObject,                                                                         \
		.decode = generator_decode,                                                                           \
		.generator = true,                                                                                    \
		.edges = frame_edges,                                                                                 \
		.size = generator_size,                                                                               \
		.dissect = frame_dissect,                                                                             \
	};

GENERATOR(generator, "generator")
GENERATOR(coroutine, "coroutine")
GENERATOR(async_generator, "async_generator")
