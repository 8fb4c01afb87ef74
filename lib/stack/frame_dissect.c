/*
 * Frames and generators explained: PyFrameObject and _PyInterpreterFrame with their slots and evaluation stack, what each
 * slot's word means, where the frame is in its code and who owns it; the state of a generator by its name.
 */
#include "object/stackref.h"
#include "stack/dissect.h"

#include <inttypes.h>
#include <string.h>

enum {
	BLOCKS_MAX = 20, /* CO_MAXBLOCKS, to 3.10 */
	TAG_BITS = 3,    /* of a _PyStackRef: Include/internal/pycore_stackref.h, 3.14 */
	TAG_INT = 3,
	TAG_INVALID = 2,
	TAG_BORROWED = 1,
};

struct explained {
	struct dissection *dissection;
	struct objects *objects;
	struct frame_memory memory;
	struct code code;
	struct code_variables variables;
	bool has_code, has_variables;
};

static enum cpeek_status read_explained(struct dissection *dissection, const struct frame_memory *memory,
					struct explained *ret)
{
	struct explained explained = {.dissection = dissection, .objects = dissection->objects, .memory = *memory};
	enum cpeek_status status = CPEEK_OK;

	if (memory->code)
		status = code_read(explained.objects, memory->code, &explained.code);
	explained.has_code = memory->code && status == CPEEK_OK;
	if (explained.has_code) {
		status = code_read_variables(explained.objects, &explained.code, &explained.variables);
		explained.has_variables = status == CPEEK_OK;
	}
	*ret = explained;
	return status_is_fatal(status) ? status : CPEEK_OK;
}

/* ---- Where the frame is ---- */

/* "offset 24, line 7" */
static const char *place_of(const struct explained *explained, int64_t offset)
{
	struct dissection *dissection = explained->dissection;
	struct position position;

	if (!explained->has_code)
		return NULL;
	if (offset < 0)
		return "before the first instruction";
	if (code_find_position(explained->objects, &explained->code, offset, &position) != CPEEK_OK) {
		dissection->partial = true;
		return dissect_text(dissection, "offset %" PRId64 ": outside the code of %" PRId64 " bytes", offset,
				    explained->code.length);
	}
	if (position.line < 0)
		return dissect_text(dissection, "offset %" PRId64 ", no line", offset);
	return dissect_text(dissection, "offset %" PRId64 ", line %" PRId64, offset, position.line);
}

static const char *instruction_place(const struct explained *explained)
{
	target_addr bytecode;

	if (!explained->has_code || !explained->memory.instruction ||
	    code_find_bytecode(explained->objects, &explained->code, explained->memory.bytecode, &bytecode) !=
		    CPEEK_OK)
		return NULL;
	return place_of(explained, (int64_t)(explained->memory.instruction - bytecode));
}

/* ---- Slots ---- */

/* What a word of a frame is: 3.14+ tags it. */
static void explain_word(struct dissection *dissection, struct dissect_row *row, const char *what)
{
	const struct layout *layout = dissection->objects->layout;
	const uint64_t word = row->value.number, tag = word & TAG_BITS;

	if (row->value.kind == DISSECT_NONE)
		return;
	row->meaning = what;
	if (!layout_trait(layout, TRAIT_STACKREF))
		return;
	const char *separator = what ? ", " : "";
	if (word == TAG_BORROWED) {
		row->value = (struct dissect_value){.kind = DISSECT_TEXT, .text = "NULL"};
	} else if (tag == TAG_INT) {
		row->value = (struct dissect_value){.kind = DISSECT_TEXT,
						    .text = dissect_text(dissection, "%" PRId64, (int64_t)word >> 2)};
		dissect_mean(dissection, row, "%s%sa tagged int", what ? what : "", separator);
	} else if (tag == TAG_INVALID) {
		row->value = (struct dissect_value){.kind = DISSECT_POINTER, .number = word};
		dissect_mean(dissection, row, "%s%sno object", what ? what : "", separator);
	} else {
		row->value.number = stackref_get(layout, word);
		if (tag == TAG_BORROWED)
			dissect_mean(dissection, row, "%s%stagged: borrowed, deferred or immortal", what ? what : "",
				     separator);
	}
}

static const char *slot_meaning(const struct explained *explained, uint64_t index)
{
	struct dissection *dissection = explained->dissection;
	uint8_t kind;

	if (!explained->has_variables)
		return NULL;
	const char *name = code_variable_name(dissection, &explained->variables, index, &kind);
	return dissect_text(dissection, "%s: %s%s", name, index < explained->code.arguments ? "argument, " : "",
			    code_variable_kind(dissection, kind));
}

/* Locals, cells, free variables, then the evaluation stack; base: of the first of them in the open block. */
static void explain_slots(const struct explained *explained, int64_t base)
{
	struct dissection *dissection = explained->dissection;
	const struct frame_memory *memory = &explained->memory;
	const uint64_t size = explained->objects->layout->pointer_size;
	const uint64_t slots = explained->has_code ? explained->code.slots : 0;
	const uint64_t room = explained->has_code ? explained->code.stack_size : 0;
	const bool interpreter = frame_is_interpreter(explained->objects->layout);
	uint64_t depth = memory->depth;

	if (interpreter)
		depth = depth > slots ? depth - slots : 0;
	if (slots > FRAME_SLOTS_MAX || room > FRAME_SLOTS_MAX) {
		dissect_problem(dissection,
				"%" PRIu64 " variables and a stack of %" PRIu64 " words: no frame has so many", slots,
				room);
		return;
	}
	for (uint64_t i = 0; i < slots + room; i++) {
		if (dissect_is_full(dissection)) {
			dissect_cut(dissection, slots + room - i, "slots");
			break;
		}
		const bool is_stack = i >= slots, counts = !is_stack || (memory->has_stack && i - slots < depth);
		struct dissect_row *row = dissect_word(
			dissection, counts ? DISSECT_OBJECT : DISSECT_POINTER, base + (int64_t)(i * size),
			is_stack ? "stack[%" PRIu64 "]" : "localsplus[%" PRIu64 "]", is_stack ? i - slots : i);
		if (!is_stack)
			explain_word(dissection, row, slot_meaning(explained, i));
		else if (counts)
			explain_word(dissection, row, NULL);
		else
			row->meaning = memory->has_stack ? "above the stack: means nothing"
							 : "the frame runs: its stack's depth is not in memory";
	}
	if (memory->has_stack && depth > room)
		dissect_problem(dissection, "the stack is %" PRIu64 " deep, co_stacksize is %" PRIu64, depth, room);
}

/* ---- _PyInterpreterFrame, 3.11+ ---- */

/* Include/internal/pycore_frame.h, pycore_interpframe_structs.h (3.14+) */
static const char *owner_name(const struct layout *layout, uint64_t owner)
{
	static const char *const names[] = {"FRAME_OWNED_BY_THREAD", "FRAME_OWNED_BY_GENERATOR",
					    "FRAME_OWNED_BY_FRAME_OBJECT"};

	if (owner < sizeof(names) / sizeof(*names))
		return names[owner];
	if (layout_trait(layout, TRAIT_OWNER_INTERPRETER_3))
		return owner == 3 ? "FRAME_OWNED_BY_INTERPRETER" : owner == 4 ? "FRAME_OWNED_BY_CSTACK" : "no owner";
	return layout_trait(layout, TRAIT_OWNER_CSTACK_3) && owner == 3 ? "FRAME_OWNED_BY_CSTACK" : "no owner";
}

static void explain_reference(const struct explained *explained, int64_t base, enum layout_field field,
			      const char *what)
{
	struct dissect_row *row = dissect_field_at(explained->dissection, base, DISSECT_OBJECT, field, NULL);

	if (row)
		explain_word(explained->dissection, row, what);
}

/* The frame at base in the open block. */
static void explain_interpreter_frame(const struct explained *explained, int64_t base)
{
	struct dissection *dissection = explained->dissection;
	const struct layout *layout = explained->objects->layout;
	const struct frame_memory *memory = &explained->memory;
	const char *place = instruction_place(explained);

	explain_reference(explained, base, FIELD__PyInterpreterFrame_f_executable, "the code that it runs");
	(void)dissect_field_at(dissection, base, DISSECT_OBJECT, FIELD__PyInterpreterFrame_f_code,
			       "the code that it runs");
	(void)dissect_field_at(dissection, base, DISSECT_POINTER, FIELD__PyInterpreterFrame_previous,
			       memory->previous ? "the frame that called it"
						: "no frame called it, or it does not run");
	explain_reference(explained, base, FIELD__PyInterpreterFrame_f_funcobj, "the function");
	(void)dissect_field_at(dissection, base, DISSECT_OBJECT, FIELD__PyInterpreterFrame_f_func, "the function");
	(void)dissect_field_at(dissection, base, DISSECT_OBJECT, FIELD__PyInterpreterFrame_f_globals, NULL);
	(void)dissect_field_at(dissection, base, DISSECT_OBJECT, FIELD__PyInterpreterFrame_f_builtins, NULL);
	(void)dissect_field_at(dissection, base, DISSECT_OBJECT, FIELD__PyInterpreterFrame_f_locals,
			       "the namespace of a module, class body or exec(); or NULL");
	(void)dissect_field_at(dissection, base, DISSECT_OBJECT, FIELD__PyInterpreterFrame_frame_obj,
			       memory->frame_object ? "the frame object that Python sees"
						    : "nobody asked for one yet");
	(void)dissect_field_at(dissection, base, DISSECT_POINTER, FIELD__PyInterpreterFrame_instr_ptr, "%s",
			       place ? place : "the instruction it is at");
	(void)dissect_field_at(dissection, base, DISSECT_POINTER, FIELD__PyInterpreterFrame_prev_instr, "%s",
			       place ? place : "the instruction begun last");
	(void)dissect_field_at(dissection, base, DISSECT_POINTER, FIELD__PyInterpreterFrame_stackpointer,
			       memory->has_stack ? "above the top of its stack"
						 : "the frame runs: kept in a register");
	(void)dissect_field_at(dissection, base, DISSECT_NUMBER, FIELD__PyInterpreterFrame_stacktop,
			       memory->has_stack ? "variables and stack, words"
						 : "the frame runs: kept in a register");
	(void)dissect_field_at(dissection, base, DISSECT_NUMBER, FIELD__PyInterpreterFrame_tlbc_index,
			       "which copy of the instructions it runs (co_tlbc)");
	(void)dissect_field_at(dissection, base, DISSECT_UNSIGNED, FIELD__PyInterpreterFrame_return_offset,
			       "units of two bytes from its call to where it goes on when that returns");
	(void)dissect_field_at(dissection, base, DISSECT_UNSIGNED, FIELD__PyInterpreterFrame_owner, "%s",
			       owner_name(layout, memory->owner));
	(void)dissect_field_at(dissection, base, DISSECT_BOOL, FIELD__PyInterpreterFrame_is_entry,
			       "whether C called it");
	(void)dissect_field_at(dissection, base, DISSECT_BOOL, FIELD__PyInterpreterFrame_visited, NULL);
	(void)dissect_field_at(dissection, base, DISSECT_UNSIGNED, FIELD__PyInterpreterFrame_lltrace, NULL);
	explain_slots(explained, base + layout_offset(layout, FIELD__PyInterpreterFrame_localsplus));
}

static uint64_t frame_bytes(const struct explained *explained)
{
	const struct layout *layout = explained->objects->layout;
	uint64_t words = 0;

	if (explained->has_code && explained->code.slots <= FRAME_SLOTS_MAX &&
	    explained->code.stack_size <= FRAME_SLOTS_MAX)
		words = explained->code.slots + explained->code.stack_size;
	return layout_offset(layout, FIELD__PyInterpreterFrame_localsplus) + words * layout->pointer_size;
}

/* ---- PyFrameObject ---- */

/* f_state of 3.10: Include/cpython/frameobject.h. */
static const char *state_3_10(int64_t state)
{
	static const char *const names[] = {"FRAME_CREATED",   "FRAME_SUSPENDED", "FRAME_EXECUTING", "FRAME_RETURNED",
					    "FRAME_UNWINDING", "FRAME_RAISED",    "FRAME_CLEARED"};

	return state >= -2 && state <= 4 ? names[state + 2] : "no state";
}

/* The block stack, to 3.10: what leaves the loops, try and with statements that the frame is in. */
static void explain_blocks(struct dissection *dissection, const struct object *object)
{
	const struct layout *layout = object->objects->layout;
	const struct opcodes *opcodes = opcodes_find(layout);
	const int64_t count = object_get_signed(object, FIELD_PyFrameObject_f_iblock);
	const int64_t size = layout->structs[STRUCT_PyTryBlock];
	const int64_t first = (int64_t)layout_offset(layout, FIELD_PyFrameObject_f_blockstack);

	if (count < 0 || count > BLOCKS_MAX) {
		dissect_problem(dissection, "f_iblock %" PRId64 ": a frame has up to %d blocks", count, BLOCKS_MAX);
		return;
	}
	for (int64_t i = 0; i < count; i++) {
		const int64_t base = first + i * size;
		struct dissect_row *row = dissect_field_at(dissection, base, DISSECT_NUMBER, FIELD_PyTryBlock_b_type,
							   "block %" PRId64, i);
		const struct opcode *opcode =
			opcodes && row && row->value.number < 256 ? &opcodes->table[row->value.number] : NULL;
		if (opcode)
			dissect_mean(dissection, row, "block %" PRId64 ": %s", i,
				     opcode->name ? opcode->name : "EXCEPT_HANDLER");
		(void)dissect_field_at(dissection, base, DISSECT_NUMBER, FIELD_PyTryBlock_b_handler,
				       "the instruction of its handler");
		(void)dissect_field_at(dissection, base, DISSECT_NUMBER, FIELD_PyTryBlock_b_level,
				       "the stack's depth outside");
	}
}

static enum cpeek_status explain_frame_object(struct dissection *dissection, const struct object *object)
{
	const struct layout *layout = object->objects->layout;
	struct frame_memory memory;
	struct explained explained;

	TRY(frame_object_read(object->objects, object->address, &memory));
	TRY(read_explained(dissection, &memory, &explained));
	dissect_field(dissection, DISSECT_OBJECT, FIELD_PyFrameObject_f_back, "the frame that called it");
	dissect_field(dissection, DISSECT_OBJECT, FIELD_PyFrameObject_f_code, "the code that it runs");
	dissect_field(dissection, DISSECT_OBJECT, FIELD_PyFrameObject_f_builtins, NULL);
	dissect_field(dissection, DISSECT_OBJECT, FIELD_PyFrameObject_f_globals, NULL);
	dissect_field(dissection, DISSECT_OBJECT, FIELD_PyFrameObject_f_locals,
		      "the namespace; of a function what locals() last answered");
	dissect_field(dissection, DISSECT_POINTER, FIELD_PyFrameObject_f_valuestack,
		      "where its evaluation stack begins");
	dissect_field(dissection, DISSECT_POINTER, FIELD_PyFrameObject_f_stacktop,
		      memory.has_stack ? "above the top of its stack" : "the frame runs: kept in a register");
	dissect_field(dissection, DISSECT_OBJECT, FIELD_PyFrameObject_f_trace, "its trace function");
	dissect_field(dissection, DISSECT_NUMBER, FIELD_PyFrameObject_f_stackdepth,
		      memory.has_stack ? "values on its stack" : "the frame runs: kept in a register");
	dissect_field(dissection, DISSECT_BOOL, FIELD_PyFrameObject_f_trace_lines, "whether it traces lines");
	dissect_field(dissection, DISSECT_BOOL, FIELD_PyFrameObject_f_trace_opcodes, "whether it traces instructions");
	dissect_field(dissection, DISSECT_OBJECT, FIELD_PyFrameObject_f_exc_type, NULL);
	dissect_field(dissection, DISSECT_OBJECT, FIELD_PyFrameObject_f_exc_value, NULL);
	dissect_field(dissection, DISSECT_OBJECT, FIELD_PyFrameObject_f_exc_traceback, NULL);
	dissect_field(dissection, DISSECT_OBJECT, FIELD_PyFrameObject_f_gen,
		      "the generator whose frame it is, borrowed");
	const char *place = place_of(&explained, memory.last);
	dissect_field(dissection, DISSECT_NUMBER, FIELD_PyFrameObject_f_lasti, "%s",
		      place ? place : "the last instruction");
	dissect_field(dissection, DISSECT_NUMBER, FIELD_PyFrameObject_f_lineno,
		      memory.line ? "its line" : "counts only while it is traced");
	dissect_field(dissection, DISSECT_NUMBER, FIELD_PyFrameObject_f_iblock, "blocks on the block stack");
	dissect_field(dissection, DISSECT_BOOL, FIELD_PyFrameObject_f_executing, "whether it runs");
	if (layout_has(layout, FIELD_PyFrameObject_f_state))
		dissect_field(dissection, DISSECT_NUMBER, FIELD_PyFrameObject_f_state, "%s",
			      state_3_10(object_get_signed(object, FIELD_PyFrameObject_f_state)));
	explain_blocks(dissection, object);
	explain_slots(&explained, layout_offset(layout, FIELD_PyFrameObject_f_localsplus));
	return CPEEK_OK;
}

static enum cpeek_status explain_frame_view(struct dissection *dissection, const struct object *object)
{
	const struct layout *layout = object->objects->layout;
	const target_addr own = object_field_address(object, FIELD_PyFrameObject__f_frame_data);
	const target_addr inner = object_get(object, FIELD_PyFrameObject_f_frame);
	struct frame_memory memory;
	struct explained explained;

	dissect_field(dissection, DISSECT_OBJECT, FIELD_PyFrameObject_f_back,
		      "the frame that called it, once it has returned");
	dissect_field(dissection, DISSECT_POINTER, FIELD_PyFrameObject_f_frame,
		      inner == own ? "the frame: it has returned and is kept in this object"
				   : "the frame, where it runs");
	dissect_field(dissection, DISSECT_OBJECT, FIELD_PyFrameObject_f_trace, "its trace function");
	dissect_field(dissection, DISSECT_NUMBER, FIELD_PyFrameObject_f_lineno, "its line while it is traced, else 0");
	dissect_field(dissection, DISSECT_BOOL, FIELD_PyFrameObject_f_trace_lines, "whether it traces lines");
	dissect_field(dissection, DISSECT_BOOL, FIELD_PyFrameObject_f_trace_opcodes, "whether it traces instructions");
	dissect_field(dissection, DISSECT_OBJECT, FIELD_PyFrameObject_f_extra_locals,
		      "names that were set through f_locals and are no variables");
	dissect_field(dissection, DISSECT_OBJECT, FIELD_PyFrameObject_f_locals_cache, NULL);
	dissect_field(dissection, DISSECT_OBJECT, FIELD_PyFrameObject_f_overwritten_fast_locals,
		      "values that f_locals replaced while borrowed references to them may exist");
	dissect_field(dissection, DISSECT_BOOL, FIELD_PyFrameObject_f_fast_as_locals,
		      "whether f_locals has its variables");
	if (inner == 0) {
		dissect_problem(dissection, "f_frame is NULL");
		return CPEEK_OK;
	}
	TRY(frame_interpreter_read(object->objects, inner, &memory));
	TRY(read_explained(dissection, &memory, &explained));
	if (inner == own) {
		explain_interpreter_frame(&explained, layout_offset(layout, FIELD_PyFrameObject__f_frame_data));
		return CPEEK_OK;
	}
	dissect_open_block(dissection, "f_frame: the frame itself", STRUCT__PyInterpreterFrame, inner,
			   frame_bytes(&explained));
	explain_interpreter_frame(&explained, 0);
	return CPEEK_OK;
}

enum cpeek_status frame_dissect(const struct object *object, struct dissection *dissection)
{
	uint64_t size;

	dissect_name_block(dissection, STRUCT_PyFrameObject);
	if (object->type->decoder->size(object, &size) == CPEEK_OK)
		dissect_resize(dissection, size);
	if (frame_is_interpreter(object->objects->layout))
		return explain_frame_view(dissection, object);
	return explain_frame_object(dissection, object);
}

/* ---- Generators ---- */

/* gi_frame_state: Include/internal/pycore_frame.h */
static const char *state_name(const struct layout *layout, int64_t state)
{
	static const struct {
		enum layout_trait trait;
		int64_t state;
		const char *name;
	} names[] = {
		{TRAIT_GEN_STATE_V1, -2, "FRAME_CREATED"},
		{TRAIT_GEN_STATE_V1, -1, "FRAME_SUSPENDED"},
		{TRAIT_GEN_STATE_V1, 0, "FRAME_EXECUTING"},
		{TRAIT_GEN_STATE_V1, 1, "FRAME_COMPLETED"},
		{TRAIT_GEN_STATE_V1, 4, "FRAME_CLEARED"},
		{TRAIT_GEN_STATE_V2, -3, "FRAME_CREATED"},
		{TRAIT_GEN_STATE_V2, -2, "FRAME_SUSPENDED"},
		{TRAIT_GEN_STATE_V2, -1, "FRAME_SUSPENDED_YIELD_FROM"},
		{TRAIT_GEN_STATE_V2, 0, "FRAME_EXECUTING"},
		{TRAIT_GEN_STATE_V2, 1, "FRAME_COMPLETED"},
		{TRAIT_GEN_STATE_V2, 4, "FRAME_CLEARED"},
		{TRAIT_GEN_STATE_V3, 0, "FRAME_CREATED"},
		{TRAIT_GEN_STATE_V3, 1, "FRAME_SUSPENDED"},
		{TRAIT_GEN_STATE_V3, 2, "FRAME_SUSPENDED_YIELD_FROM"},
		{TRAIT_GEN_STATE_V3, 3, "FRAME_SUSPENDED_YIELD_FROM_LOCKED"},
		{TRAIT_GEN_STATE_V3, 4, "FRAME_EXECUTING"},
		{TRAIT_GEN_STATE_V3, 5, "FRAME_CLEARED"},
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (layout_trait(layout, names[i].trait) && state == names[i].state)
			return names[i].name;
	return NULL;
}

/* The exception that it handles, put aside while it is suspended. */
static void explain_exception(struct dissection *dissection)
{
	const struct layout *layout = dissection->objects->layout;

	if (!layout_has(layout, FIELD_PyGenObject_gi_exc_state))
		return;
	const int64_t base = layout_offset(layout, FIELD_PyGenObject_gi_exc_state);
	(void)dissect_field_at(dissection, base, DISSECT_OBJECT, FIELD__PyErr_StackItem_exc_type, NULL);
	(void)dissect_field_at(dissection, base, DISSECT_OBJECT, FIELD__PyErr_StackItem_exc_value,
			       "the exception that it handles");
	(void)dissect_field_at(dissection, base, DISSECT_OBJECT, FIELD__PyErr_StackItem_exc_traceback, NULL);
	(void)dissect_field_at(dissection, base, DISSECT_POINTER, FIELD__PyErr_StackItem_previous_item,
			       "what the caller handles, while it runs");
}

static enum cpeek_status explain_embedded(struct dissection *dissection, const struct object *object)
{
	const struct layout *layout = object->objects->layout;
	const int64_t base = layout_offset(layout, FIELD_PyGenObject_gi_iframe);
	struct frame_memory memory;
	struct explained explained;

	TRY(frame_interpreter_read(object->objects, object->address + (uint64_t)base, &memory));
	if (generator_is_cleared(object)) {
		struct dissect_row *row =
			dissect_row(dissection, base, layout_offset(layout, FIELD__PyInterpreterFrame_localsplus),
				    "%s", "gi_iframe");
		row->value.kind = DISSECT_NONE;
		dissect_mean(dissection, row, "the frame, which is cleared: what stands here means nothing");
		return CPEEK_OK;
	}
	TRY(read_explained(dissection, &memory, &explained));
	explain_interpreter_frame(&explained, base);
	return CPEEK_OK;
}

enum cpeek_status generator_dissect(const struct object *object, struct dissection *dissection)
{
	const struct layout *layout = object->objects->layout;
	const bool coroutine = type_is_builtin(object->type, "coroutine");
	const bool asynchronous = type_is_builtin(object->type, "async_generator");
	uint64_t size;

	dissect_name_block(dissection, asynchronous ? STRUCT_PyAsyncGenObject
				       : coroutine  ? STRUCT_PyCoroObject
						    : STRUCT_PyGenObject);
	if (object->type->decoder->size(object, &size) == CPEEK_OK)
		dissect_resize(dissection, size);
	dissect_field(dissection, DISSECT_OBJECT, FIELD_PyGenObject_gi_frame,
		      "its frame object; NULL when it is finished");
	dissect_field(dissection, DISSECT_BOOL, FIELD_PyGenObject_gi_running, "whether it runs");
	dissect_field(dissection, DISSECT_OBJECT, FIELD_PyGenObject_gi_code, "its code");
	dissect_field(dissection, DISSECT_OBJECT, FIELD_PyGenObject_gi_weakreflist, "the newest weak reference to it");
	dissect_field(dissection, DISSECT_OBJECT, FIELD_PyGenObject_gi_name, NULL);
	dissect_field(dissection, DISSECT_OBJECT, FIELD_PyGenObject_gi_qualname, NULL);
	explain_exception(dissection);
	if (layout_has(layout, FIELD_PyGenObject_gi_origin_or_finalizer)) {
		const char *none = "a generator has no use for it: means nothing";
		dissect_field(dissection, coroutine || asynchronous ? DISSECT_OBJECT : DISSECT_POINTER,
			      FIELD_PyGenObject_gi_origin_or_finalizer, "%s",
			      coroutine      ? "where it was created, if that is tracked"
			      : asynchronous ? "what finalises it"
					     : none);
		none = "only async generators use it: means nothing";
		dissect_field(dissection, DISSECT_UNSIGNED, FIELD_PyGenObject_gi_hooks_inited, "%s",
			      asynchronous ? "whether it has asked for its hooks" : none);
		dissect_field(dissection, DISSECT_UNSIGNED, FIELD_PyGenObject_gi_closed, "%s",
			      asynchronous ? "whether it was closed" : none);
		dissect_field(dissection, DISSECT_UNSIGNED, FIELD_PyGenObject_gi_running_async, "%s",
			      asynchronous ? "whether somebody awaits its next item" : none);
	} else if (coroutine) {
		dissect_field(dissection, DISSECT_OBJECT, FIELD_PyCoroObject_cr_origin,
			      "where it was created, if that is tracked");
	} else if (asynchronous) {
		dissect_field(dissection, DISSECT_OBJECT, FIELD_PyAsyncGenObject_ag_finalizer, "what finalises it");
		dissect_field(dissection, DISSECT_BOOL, FIELD_PyAsyncGenObject_ag_hooks_inited, NULL);
		dissect_field(dissection, DISSECT_BOOL, FIELD_PyAsyncGenObject_ag_closed, NULL);
		dissect_field(dissection, DISSECT_BOOL, FIELD_PyAsyncGenObject_ag_running_async, NULL);
	}
	if (!layout_has(layout, FIELD_PyGenObject_gi_frame_state))
		return CPEEK_OK;
	const int64_t state = object_get_signed(object, FIELD_PyGenObject_gi_frame_state);
	const char *name = state_name(layout, state);
	dissect_field(dissection, DISSECT_NUMBER, FIELD_PyGenObject_gi_frame_state, "%s", name ? name : "no state");
	TRY(explain_embedded(dissection, object));
	if (!name)
		dissect_problem(dissection, "gi_frame_state %" PRId64 ": no generator is in that state", state);
	return CPEEK_OK;
}
