/*
 * Frames from 3.11: _PyInterpreterFrame, on a thread's data stack, in a generator, or in a frame object. Knows its
 * fields, and no chain of them.
 */
#include "object/stackref.h"
#include "stack/frame.h"

enum { FRAME_BYTES = 256 }; /* more than the structure has in any version */

struct record {
	const struct objects *objects;
	const uint8_t *bytes;
	size_t length;
};

/* 0 when this version has no such field. */
static uint64_t record_get(const struct record *record, enum layout_field field)
{
	const struct layout_place place = record->objects->layout->fields[field];

	if (place.offset_plus_1 == 0 || place.offset_plus_1 - 1 + (size_t)place.size > record->length)
		return 0;
	return target_get(record->objects->target, record->bytes + place.offset_plus_1 - 1, place.size);
}

bool frame_is_interpreter(const struct layout *layout)
{
	return layout->structs[STRUCT__PyInterpreterFrame] != 0;
}

bool frame_is_shim(const struct layout *layout, const struct frame_memory *memory)
{
	if (layout_trait(layout, TRAIT_OWNER_INTERPRETER_3))
		return memory->owner >= OWNER_C_STACK;
	return layout_trait(layout, TRAIT_OWNER_CSTACK_3) && memory->owner == OWNER_C_STACK;
}

/* PyFrame_GetLineNumber() in Objects/frameobject.c: a traced frame's object has the line. */
static enum cpeek_status read_traced_line(const struct objects *objects, target_addr frame_object, int64_t *ret)
{
	uint64_t line;

	TRY(field_read(objects, frame_object, FIELD_PyFrameObject_f_lineno, &line));
	if ((int32_t)line > 0)
		*ret = (int32_t)line;
	return CPEEK_OK;
}

/* stacktop, to 3.13, is -1 while the frame runs. stackpointer, from 3.14, then is NULL in debug builds, else what it was
 * last, and the collector goes by it all the same: _PyGC_VisitFrameStack() in Python/gc.c. */
static void read_depth(const struct record *record, struct frame_memory *memory)
{
	const struct layout *layout = record->objects->layout;

	if (layout_has(layout, FIELD__PyInterpreterFrame_stackpointer)) {
		uint64_t pointer = record_get(record, FIELD__PyInterpreterFrame_stackpointer);
		memory->has_stack = pointer != 0;
		memory->depth = pointer > memory->slots ? (pointer - memory->slots) / layout->pointer_size : 0;
	} else {
		int32_t top = (int32_t)record_get(record, FIELD__PyInterpreterFrame_stacktop);
		memory->has_stack = top >= 0;
		memory->depth = top > 0 ? (uint64_t)top : 0;
	}
}

enum cpeek_status frame_interpreter_read(struct objects *objects, target_addr address, struct frame_memory *ret)
{
	const struct layout *layout = objects->layout;
	uint8_t buffer[FRAME_BYTES];
	struct record record = {.objects = objects,
				.length = layout_offset(layout, FIELD__PyInterpreterFrame_localsplus)};

	if (address == 0 || address % layout->pointer_size || record.length > sizeof(buffer))
		return CPEEK_CORRUPT;
	record.bytes = target_view(objects->target, address, record.length);
	if (!record.bytes) {
		TRY(target_read(objects->target, address, buffer, record.length));
		record.bytes = buffer;
	}
	struct frame_memory memory = {
		.address = address,
		.frame_object = record_get(&record, FIELD__PyInterpreterFrame_frame_obj),
		.previous = record_get(&record, FIELD__PyInterpreterFrame_previous),
		.code = stackref_get(layout,
				     record_get(&record, layout_has(layout, FIELD__PyInterpreterFrame_f_executable)
								 ? FIELD__PyInterpreterFrame_f_executable
								 : FIELD__PyInterpreterFrame_f_code)),
		.function = stackref_get(layout,
					 record_get(&record, layout_has(layout, FIELD__PyInterpreterFrame_f_funcobj)
								     ? FIELD__PyInterpreterFrame_f_funcobj
								     : FIELD__PyInterpreterFrame_f_func)),
		.globals = record_get(&record, FIELD__PyInterpreterFrame_f_globals),
		.builtins = record_get(&record, FIELD__PyInterpreterFrame_f_builtins),
		.locals = record_get(&record, FIELD__PyInterpreterFrame_f_locals),
		/* 3.11, 3.12: the last one begun; from 3.13 the current one */
		.instruction = record_get(&record, layout_has(layout, FIELD__PyInterpreterFrame_instr_ptr)
							   ? FIELD__PyInterpreterFrame_instr_ptr
							   : FIELD__PyInterpreterFrame_prev_instr),
		.bytecode = (int32_t)record_get(&record, FIELD__PyInterpreterFrame_tlbc_index),
		.owner = record_get(&record, FIELD__PyInterpreterFrame_owner),
		.is_entry = record_get(&record, FIELD__PyInterpreterFrame_is_entry) != 0,
		.slots = address + record.length,
		.slots_max = FRAME_SLOTS_MAX,
	};
	read_depth(&record, &memory);
	if (memory.owner == OWNER_GENERATOR)
		memory.generator = address - layout_offset(layout, FIELD_PyGenObject_gi_iframe);
	if (memory.frame_object && !frame_is_shim(layout, &memory))
		TRY(objects_tolerate(objects, read_traced_line(objects, memory.frame_object, &memory.line)));
	*ret = memory;
	return CPEEK_OK;
}
