/*
 * A code object explained: its flags by name, its variables, constants and names, the instructions over their bytes, the
 * line table as ranges, the exception table, and what specialisation, monitoring and executors keep beside it.
 */
#include "stack/dissect.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum {
	UNIT = 2,
	NAME_CHARACTERS = 200,
	MEANING_BYTES = 2000,
	POINTERS_MAX = 1 << 16, /* of one array */
	OPCODE_BRIEF = 60,      /* bytes of a constant's repr beside its instruction */
};

/* co_flags: Include/code.h, Include/cpython/code.h; HAS_DOCSTRING and METHOD since 3.14. The __future__ ones moved in 3.9. */
static const struct dissect_flag flags[] = {
	{0x1, "CO_OPTIMIZED"},
	{0x2, "CO_NEWLOCALS"},
	{0x4, "CO_VARARGS"},
	{0x8, "CO_VARKEYWORDS"},
	{0x10, "CO_NESTED"},
	{0x20, "CO_GENERATOR"},
	{0x40, "CO_NOFREE"},
	{0x80, "CO_COROUTINE"},
	{0x100, "CO_ITERABLE_COROUTINE"},
	{0x200, "CO_ASYNC_GENERATOR"},
	{0x4000000, "CO_HAS_DOCSTRING"},
	{0x8000000, "CO_METHOD"},
};

/* ---- Helpers of this layer ---- */

struct dissect_row *dissect_field_at(struct dissection *dissection, int64_t base, enum dissect_kind kind,
				     enum layout_field field, const char *meaning, ...)
{
	const struct layout *layout = dissection->objects->layout;
	const struct layout_place place = layout->fields[field];
	char text[MEANING_BYTES];

	if (!layout_has(layout, field))
		return NULL;
	struct dissect_row *row = dissect_row(dissection, base + layout_offset(layout, field), place.size, "%s",
					      strchr(layout_field_name(field), '.') + 1);
	if (place.size == 0 || place.size > sizeof(row->value.number))
		return row;
	const struct dissect_part *block = &dissection->parts.items[dissection->block - 1];
	row->value.kind = kind;
	if (field_read(dissection->objects, block->address + (uint64_t)base, field, &row->value.number) != CPEEK_OK) {
		row->value = (struct dissect_value){.kind = DISSECT_NONE};
		dissect_mean(dissection, row, "unreadable");
		dissection->partial = true;
		return row;
	}
	if (kind == DISSECT_NUMBER && !place.width) {
		const unsigned unused = 64 - 8u * place.size;
		row->value.number = (uint64_t)((int64_t)(row->value.number << unused) >> unused);
	}
	if (meaning) {
		va_list args;
		va_start(args, meaning);
		(void)vsnprintf(text, sizeof(text), meaning, args);
		va_end(args);
		dissect_mean(dissection, row, "%s", text);
	}
	return row;
}

const char *dissect_str(struct dissection *dissection, target_addr str)
{
	struct strbuf text = {0};
	const char *kept = "?";

	if (str && str_read(dissection->objects, str, NAME_CHARACTERS, &text, NULL) == CPEEK_OK)
		kept = dissect_text(dissection, "%s", strbuf_text(&text));
	strbuf_deinit(&text);
	return kept;
}

enum cpeek_status code_read_variables(struct objects *objects, const struct code *code, struct code_variables *ret)
{
	struct code_variables variables = {.objects = objects, .locals = code->locals, .count = code->slots};

	TRY(span_of_tuple(objects, code->names, &variables.names));
	if (code->kinds)
		TRY(span_of_bytes(objects, code->kinds, &variables.kinds));
	if (code->cells)
		TRY(span_of_tuple(objects, code->cells, &variables.cells));
	if (code->frees)
		TRY(span_of_tuple(objects, code->frees, &variables.frees));
	*ret = variables;
	return CPEEK_OK;
}

const char *code_variable_name(struct dissection *dissection, const struct code_variables *variables, uint64_t index,
			       uint8_t *ret_kind)
{
	struct target *target = variables->objects->target;
	const struct span *span = &variables->names;
	target_addr name;

	*ret_kind = KIND_LOCAL;
	if (variables->kinds.data) {
		if (index >= variables->kinds.size ||
		    target_read_u8(target, variables->kinds.data + index, ret_kind) != CPEEK_OK)
			*ret_kind = 0;
	} else if (index >= variables->locals + variables->cells.size) {
		*ret_kind = KIND_FREE;
		span = &variables->frees;
		index -= variables->locals + variables->cells.size;
	} else if (index >= variables->locals) {
		*ret_kind = KIND_CELL;
		span = &variables->cells;
		index -= variables->locals;
	}
	if (index >= span->size ||
	    target_read_pointer(target, span->data + index * target->pointer_size, &name) != CPEEK_OK)
		return "?";
	return dissect_str(dissection, name);
}

const char *code_variable_kind(struct dissection *dissection, uint8_t kind)
{
	const struct layout *layout = dissection->objects->layout;
	static const char *const arguments[] = {
		"", "positional ",          "keyword ",          "positional or keyword ",
		"", "variable positional ", "variable keyword ", ""};
	const char *of_argument = layout_trait(layout, TRAIT_KINDS_ARGUMENTS) ? arguments[kind >> 1 & 7] : "";

	return dissect_text(dissection, "%s%s%s%s%s", of_argument, kind & KIND_HIDDEN ? "hidden " : "",
			    kind & KIND_LOCAL ? "local" : "",
			    kind & KIND_CELL ? kind & KIND_LOCAL ? " in a cell" : "cell" : "",
			    kind & KIND_FREE ? "free" : "");
}

/* ---- The object's own fields ---- */

static void explain_fields(struct dissection *dissection, const struct object *object, const struct code *code)
{
	static const struct {
		enum layout_field field;
		enum dissect_kind kind;
		const char *meaning;
	} fields[] = {
		{FIELD_PyCodeObject_co_argcount, DISSECT_NUMBER, "positional arguments, *args not among them"},
		{FIELD_PyCodeObject_co_posonlyargcount, DISSECT_NUMBER, "of these by position only"},
		{FIELD_PyCodeObject_co_kwonlyargcount, DISSECT_NUMBER, "arguments by keyword only"},
		{FIELD_PyCodeObject_co_stacksize, DISSECT_NUMBER, "values that the evaluation stack needs at most"},
		{FIELD_PyCodeObject_co_firstlineno, DISSECT_NUMBER, "line of its beginning"},
		{FIELD_PyCodeObject_co_nlocalsplus, DISSECT_NUMBER, "locals, cells and free variables"},
		{FIELD_PyCodeObject_co_framesize, DISSECT_NUMBER, "words that its frame takes"},
		{FIELD_PyCodeObject_co_nlocals, DISSECT_NUMBER, "local variables"},
		{FIELD_PyCodeObject_co_nplaincellvars, DISSECT_NUMBER, "cells that are no argument"},
		{FIELD_PyCodeObject_co_ncellvars, DISSECT_NUMBER, "cells"},
		{FIELD_PyCodeObject_co_nfreevars, DISSECT_NUMBER, "free variables"},
		{FIELD_PyCodeObject_co_version, DISSECT_UNSIGNED, "its version, for specialised calls"},
		{FIELD_PyCodeObject_co_consts, DISSECT_OBJECT, NULL},
		{FIELD_PyCodeObject_co_names, DISSECT_OBJECT, "names of globals and attributes"},
		{FIELD_PyCodeObject_co_exceptiontable, DISSECT_OBJECT, NULL},
		{FIELD_PyCodeObject_co_localsplusnames, DISSECT_OBJECT, NULL},
		{FIELD_PyCodeObject_co_localspluskinds, DISSECT_OBJECT, "a byte for each of them"},
		{FIELD_PyCodeObject_co_varnames, DISSECT_OBJECT, NULL},
		{FIELD_PyCodeObject_co_freevars, DISSECT_OBJECT, NULL},
		{FIELD_PyCodeObject_co_cellvars, DISSECT_OBJECT, NULL},
		{FIELD_PyCodeObject_co_cell2arg, DISSECT_POINTER, "for each cell the argument that it holds; or NULL"},
		{FIELD_PyCodeObject_co_code, DISSECT_OBJECT, "the instructions"},
		{FIELD_PyCodeObject_co_filename, DISSECT_OBJECT, NULL},
		{FIELD_PyCodeObject_co_name, DISSECT_OBJECT, NULL},
		{FIELD_PyCodeObject_co_qualname, DISSECT_OBJECT, NULL},
		{FIELD_PyCodeObject_co_linetable, DISSECT_OBJECT, NULL},
		{FIELD_PyCodeObject_co_lnotab, DISSECT_OBJECT, NULL},
		{FIELD_PyCodeObject_co_zombieframe, DISSECT_POINTER, "a frame object kept for the next call; or NULL"},
		{FIELD_PyCodeObject_co_weakreflist, DISSECT_OBJECT, "the newest weak reference to it"},
		{FIELD_PyCodeObject_co_opcache_map, DISSECT_POINTER,
		 "a byte for each instruction: its cache's number"},
		{FIELD_PyCodeObject_co_opcache, DISSECT_POINTER, "caches of LOAD_GLOBAL and the like"},
		{FIELD_PyCodeObject_co_opcache_flag, DISSECT_NUMBER, "calls until the caches are made"},
		{FIELD_PyCodeObject_co_opcache_size, DISSECT_NUMBER, "caches"},
		{FIELD_PyCodeObject_co_warmup, DISSECT_NUMBER, "counts up to 0, where it is specialised"},
		{FIELD_PyCodeObject__co_linearray_entry_size, DISSECT_NUMBER, NULL},
		{FIELD_PyCodeObject__co_linearray, DISSECT_POINTER, "lines by instruction, for tracing; or NULL"},
		{FIELD_PyCodeObject__co_code, DISSECT_OBJECT, "co_code, once somebody asked for it"},
		{FIELD_PyCodeObject_co_executors, DISSECT_POINTER, "traces that the optimiser made; or NULL"},
		{FIELD_PyCodeObject__co_cached, DISSECT_POINTER, "what co_code, co_varnames … answered; or NULL"},
		{FIELD_PyCodeObject__co_instrumentation_version, DISSECT_UNSIGNED,
		 "of the events that its instructions report"},
		{FIELD_PyCodeObject__co_monitoring, DISSECT_POINTER, "what sys.monitoring and tracing keep; or NULL"},
		{FIELD_PyCodeObject__co_unique_id, DISSECT_NUMBER, "its place in each thread's reference counts"},
		{FIELD_PyCodeObject__co_firsttraceable, DISSECT_NUMBER,
		 "the instruction before which a frame is not complete"},
		{FIELD_PyCodeObject_co_extra, DISSECT_POINTER, "what _PyCode_SetExtra() keeps; or NULL"},
		{FIELD_PyCodeObject_co_tlbc, DISSECT_POINTER, "copies of the instructions, one for each thread"},
	};

	dissect_field(dissection, DISSECT_UNSIGNED, FIELD_PyCodeObject_co_flags, "%s",
		      dissect_flags(dissection, object_get(object, FIELD_PyCodeObject_co_flags), flags,
				    sizeof(flags) / sizeof(*flags)));
	for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++)
		if (fields[i].meaning)
			dissect_field(dissection, fields[i].kind, fields[i].field, "%s", fields[i].meaning);
		else
			dissect_field(dissection, fields[i].kind, fields[i].field, NULL);
	if (layout_has(object->objects->layout, FIELD_PyCodeObject_co_code_adaptive) && code->length >= 0) {
		dissect_field(dissection, DISSECT_NUMBER, FIELD_PyVarObject_ob_size,
			      "instructions and cache entries, of two bytes");
		const uint64_t align = object->objects->layout->pointer_size - 1;
		dissect_resize(dissection, ((uint64_t)object->type->basicsize +
					    (uint64_t)object->type->itemsize * (uint64_t)object->ob_size + align) &
						   ~align);
	}
}

/* ---- Instructions ---- */

static const char *instruction_text(struct dissection *dissection, const struct bytecode *bytecode,
				    const struct instruction *instruction)
{
	const struct limits limits = {.elements = 4, .string = 40, .depth = 2, .total = OPCODE_BRIEF};
	struct strbuf text = {0};
	bool partial = false;

	strbuf_printf(&text, "%s", instruction->own->name ? instruction->own->name : "?");
	if (instruction->has_argument)
		strbuf_printf(&text, " %" PRId64, instruction->argument);
	const size_t before = text.length;
	strbuf_puts(&text, " (");
	if (bytecode_put_argument(bytecode, instruction, &limits, false, &text, &partial) != CPEEK_OK)
		dissection->no_memory = true;
	dissection->partial |= partial;
	const char *kept = text.length == before + 2
				   ? dissect_text(dissection, "%.*s", (int)before, strbuf_text(&text))
				   : dissect_text(dissection, "%s)", strbuf_text(&text));
	strbuf_deinit(&text);
	return kept;
}

static const char *instruction_meaning(struct dissection *dissection, const struct bytecode *bytecode,
				       const struct instruction *instruction)
{
	struct strbuf text = {0};

	if (instruction->starts_line && instruction->position.line >= 0)
		strbuf_printf(&text, "line %" PRId64, instruction->position.line);
	if (instruction->label)
		strbuf_printf(&text, "%sjumped to", text.length ? ", " : "");
	if (instruction->own->specialized && instruction->base->name)
		strbuf_printf(&text, "%sspecialised from %s", text.length ? ", " : "", instruction->base->name);
	else if (instruction->own->name && instruction->own->plain != instruction->number)
		strbuf_printf(&text, "%sinstrumented %s", text.length ? ", " : "",
			      bytecode->opcodes->table[instruction->own->plain].name);
	if (!instruction->own->name)
		strbuf_printf(&text, "%sno instruction has the number %u", text.length ? ", " : "",
			      instruction->number);
	const char *kept = text.length ? dissect_text(dissection, "%s", strbuf_text(&text)) : NULL;
	strbuf_deinit(&text);
	return kept;
}

/* Rows of the open block, in which the first instruction is at base. */
static void explain_instructions(struct dissection *dissection, const struct bytecode *bytecode, int64_t base)
{
	struct bytecode_walk walk = {0};
	struct instruction instruction;

	while (bytecode_next(bytecode, &walk, &instruction) == CPEEK_OK) {
		if (dissect_is_full(dissection)) {
			dissect_cut(dissection, ((uint64_t)bytecode->length - (uint64_t)instruction.offset) / UNIT,
				    "instructions and cache entries");
			return;
		}
		struct dissect_row *row =
			dissect_row(dissection, base + instruction.offset, UNIT, "[%" PRId64 "]", instruction.offset);
		row->value.kind = DISSECT_TEXT;
		row->value.text = instruction_text(dissection, bytecode, &instruction);
		row->meaning = instruction_meaning(dissection, bytecode, &instruction);
		int64_t at = base + instruction.offset + UNIT;
		unsigned unit = 0;
		for (const struct opcode_cache *cache = instruction.caches; cache && cache->name; cache++) {
			struct strbuf value = {0};
			if (instruction.offset + UNIT * (1 + (int64_t)unit + cache->units) > (int64_t)bytecode->length)
				break;
			bytecode_put_cache(bytecode, &instruction, cache, unit, &value);
			row = dissect_row(dissection, at, cache->units * UNIT, "    %s", cache->name);
			row->value.kind = DISSECT_TEXT;
			row->value.text = dissect_text(dissection, "%s", strbuf_text(&value));
			strbuf_deinit(&value);
			unit += cache->units;
			at += cache->units * UNIT;
		}
	}
}

/* ---- Tables ---- */

static void add_variables(struct dissection *dissection, const struct code *code)
{
	struct code_variables variables;
	uint8_t kind;

	enum cpeek_status status = code_read_variables(dissection->objects, code, &variables);
	if (dissect_tolerate(dissection, status, "the names of its variables") != CPEEK_OK || status != CPEEK_OK ||
	    variables.count == 0)
		return;
	dissect_open_table(dissection, "Variables: what each slot of a frame is");
	for (uint64_t i = 0; i < variables.count; i++) {
		if (dissect_is_full(dissection) || i >= FRAME_SLOTS_MAX) {
			dissect_cut(dissection, variables.count - i, "variables");
			return;
		}
		const char *name = code_variable_name(dissection, &variables, i, &kind);
		dissect_cell(dissection, "slot", DISSECT_UNSIGNED, i);
		dissect_cell_text(dissection, "name", "%s", name);
		dissect_cell_text(dissection, "kind", "%s%s", i < code->arguments ? "argument, " : "",
				  code_variable_kind(dissection, kind));
		dissect_end_row(dissection);
	}
}

static void add_tuple(struct dissection *dissection, const char *title, const struct span *span, const char *what)
{
	struct words words;

	if (span->size == 0)
		return;
	dissect_open_table(dissection, title);
	words_init(&words, dissection->objects->target, span->data);
	for (uint64_t i = 0; i < span->size; i++) {
		target_addr item;
		if (dissect_is_full(dissection) || words_read(&words, i, span->size, &item) != CPEEK_OK) {
			dissect_cut(dissection, span->size - i, what);
			return;
		}
		dissect_cell(dissection, "index", DISSECT_UNSIGNED, i);
		dissect_cell(dissection, "value", DISSECT_OBJECT, item);
		dissect_end_row(dissection);
	}
}

static void put_number(struct dissection *dissection, const char *column, int64_t value)
{
	if (value < 0)
		dissect_cell_text(dissection, column, "-");
	else
		dissect_cell(dissection, column, DISSECT_NUMBER, (uint64_t)value);
}

static void add_lines(struct dissection *dissection, const struct bytecode *bytecode)
{
	const bool columns = layout_trait(dissection->objects->layout, TRAIT_LOCATIONS);

	if (bytecode->ranges.count == 0)
		return;
	dissect_open_table(dissection, "Line table: which source each range of instructions is from");
	for (size_t i = 0; i < bytecode->ranges.count; i++) {
		const struct line_range *range = &bytecode->ranges.items[i];
		if (dissect_is_full(dissection)) {
			dissect_cut(dissection, bytecode->ranges.count - i, "ranges");
			return;
		}
		dissect_cell(dissection, "from", DISSECT_NUMBER, (uint64_t)range->start);
		dissect_cell(dissection, "to", DISSECT_NUMBER, (uint64_t)range->end);
		put_number(dissection, "line", range->position.line);
		if (columns) {
			put_number(dissection, "end line", range->position.end_line);
			put_number(dissection, "column", range->position.column);
			put_number(dissection, "end column", range->position.end_column);
		}
		dissect_end_row(dissection);
	}
}

static void add_exceptions(struct dissection *dissection, const struct bytecode *bytecode)
{
	if (bytecode->exceptions.count == 0)
		return;
	dissect_open_table(dissection, "Exception table: where to go on when one of these instructions raises");
	for (size_t i = 0; i < bytecode->exceptions.count; i++) {
		const struct exception_entry *entry = &bytecode->exceptions.items[i];
		if (dissect_is_full(dissection)) {
			dissect_cut(dissection, bytecode->exceptions.count - i, "entries");
			return;
		}
		dissect_cell(dissection, "from", DISSECT_NUMBER, (uint64_t)entry->start);
		dissect_cell(dissection, "to", DISSECT_NUMBER, (uint64_t)entry->end);
		dissect_cell(dissection, "handler", DISSECT_NUMBER, (uint64_t)entry->target);
		dissect_cell(dissection, "stack depth", DISSECT_NUMBER, (uint64_t)entry->depth);
		dissect_cell(dissection, "lasti", DISSECT_BOOL, entry->lasti);
		dissect_end_row(dissection);
	}
}

/* ---- What is kept beside it ---- */

static target_addr pointer_of(const struct object *object, enum layout_field field)
{
	return layout_has(object->objects->layout, field) ? object_get(object, field) : 0;
}

static void explain_cached(struct dissection *dissection, target_addr address)
{
	dissect_open_block(dissection, "_co_cached: what was asked for", STRUCT__PyCoCached, address,
			   dissection->objects->layout->structs[STRUCT__PyCoCached]);
	dissect_field(dissection, DISSECT_OBJECT, FIELD__PyCoCached__co_code, NULL);
	dissect_field(dissection, DISSECT_OBJECT, FIELD__PyCoCached__co_varnames, NULL);
	dissect_field(dissection, DISSECT_OBJECT, FIELD__PyCoCached__co_cellvars, NULL);
	dissect_field(dissection, DISSECT_OBJECT, FIELD__PyCoCached__co_freevars, NULL);
}

static void explain_monitoring(struct dissection *dissection, target_addr address)
{
	dissect_open_block(dissection, "_co_monitoring: which tools hear of which events", STRUCT__PyCoMonitoringData,
			   address, dissection->objects->layout->structs[STRUCT__PyCoMonitoringData]);
	dissect_field(dissection, DISSECT_NONE, FIELD__PyCoMonitoringData_local_monitors,
		      "a byte of tools for each event, as asked for this code alone");
	dissect_field(dissection, DISSECT_NONE, FIELD__PyCoMonitoringData_active_monitors,
		      "the same as its instructions have it");
	dissect_field(dissection, DISSECT_POINTER, FIELD__PyCoMonitoringData_tools, "tools by instruction");
	dissect_field(dissection, DISSECT_UNSIGNED, FIELD__PyCoMonitoringData_tool_versions, NULL);
	dissect_field(dissection, DISSECT_POINTER, FIELD__PyCoMonitoringData_lines,
		      "what INSTRUMENTED_LINE replaced, by instruction");
	dissect_field(dissection, DISSECT_POINTER, FIELD__PyCoMonitoringData_line_tools, "tools by instruction");
	dissect_field(dissection, DISSECT_POINTER, FIELD__PyCoMonitoringData_per_instruction_opcodes,
		      "what INSTRUMENTED_INSTRUCTION replaced, by instruction");
	dissect_field(dissection, DISSECT_POINTER, FIELD__PyCoMonitoringData_per_instruction_tools, NULL);
}

/* An array behind its size: pointers. */
static void explain_array(struct dissection *dissection, const char *title, enum layout_struct structure,
			  target_addr address, enum layout_field size_field, enum layout_field array_field,
			  enum dissect_kind kind)
{
	const struct layout *layout = dissection->objects->layout;
	const uint64_t pointer = layout->pointer_size;
	uint64_t size = 0;

	enum cpeek_status status = field_read(dissection->objects, address, size_field, &size);
	if (status != CPEEK_OK || size > POINTERS_MAX) {
		dissect_problem(dissection, "%s: no array of a plausible size is at 0x%" PRIx64, title, address);
		return;
	}
	const int64_t first = (int64_t)layout_offset(layout, array_field);
	dissect_open_block(dissection, title, structure, address, (uint64_t)first + size * pointer);
	dissect_field(dissection, DISSECT_NUMBER, size_field, NULL);
	for (uint64_t i = 0; i < size; i++) {
		if (dissect_is_full(dissection)) {
			dissect_cut(dissection, size - i, "entries");
			return;
		}
		(void)dissect_word(dissection, kind, first + (int64_t)(i * pointer), "[%" PRIu64 "]", i);
	}
}

static void explain_copies(struct dissection *dissection, target_addr address, const struct code *code)
{
	explain_array(dissection, "co_tlbc: the instructions of each thread", STRUCT__PyCodeArray, address,
		      FIELD__PyCodeArray_size, FIELD__PyCodeArray_entries, DISSECT_POINTER);
	struct dissect_part *block = &dissection->parts.items[dissection->parts.count - 1];
	for (size_t i = 0; block->kind == DISSECT_BLOCK && i < block->rows.count; i++) {
		struct dissect_row *row = &block->rows.items[i];
		if (row->value.kind == DISSECT_POINTER && row->value.number == code->instructions)
			row->meaning = "the code object's own";
		else if (row->value.kind == DISSECT_POINTER && !row->value.number)
			row->meaning = "that thread has not run it";
	}
}

static void explain_beside(struct dissection *dissection, const struct object *object, const struct code *code)
{
	const target_addr cached = pointer_of(object, FIELD_PyCodeObject__co_cached);
	const target_addr monitoring = pointer_of(object, FIELD_PyCodeObject__co_monitoring);
	const target_addr executors = pointer_of(object, FIELD_PyCodeObject_co_executors);
	const target_addr extra = pointer_of(object, FIELD_PyCodeObject_co_extra);
	const target_addr copies = pointer_of(object, FIELD_PyCodeObject_co_tlbc);

	if (cached)
		explain_cached(dissection, cached);
	if (monitoring)
		explain_monitoring(dissection, monitoring);
	if (executors && layout_has(object->objects->layout, FIELD__PyExecutorArray_size))
		explain_array(dissection, "co_executors: traces of the optimiser", STRUCT__PyExecutorArray, executors,
			      FIELD__PyExecutorArray_size, FIELD__PyExecutorArray_executors, DISSECT_OBJECT);
	if (extra)
		explain_array(dissection, "co_extra: what others keep with it", STRUCT__PyCodeObjectExtra, extra,
			      FIELD__PyCodeObjectExtra_ce_size, FIELD__PyCodeObjectExtra_ce_extras, DISSECT_POINTER);
	if (copies)
		explain_copies(dissection, copies, code);
}

/* ---- All of it ---- */

enum cpeek_status code_dissect(const struct object *object, struct dissection *dissection)
{
	const struct layout *layout = object->objects->layout;
	struct code code;
	struct bytecode bytecode;

	dissect_name_block(dissection, STRUCT_PyCodeObject);
	TRY(code_read(object->objects, object->address, &code));
	explain_fields(dissection, object, &code);
	enum cpeek_status status = bytecode_read(object->objects, object->address, 0, &bytecode);
	if (status != CPEEK_OK) {
		explain_beside(dissection, object, &code);
		return status == CPEEK_UNSUPPORTED ? CPEEK_OK : status;
	}
	if (layout_has(layout, FIELD_PyCodeObject_co_code_adaptive)) {
		explain_instructions(dissection, &bytecode,
				     layout_offset(layout, FIELD_PyCodeObject_co_code_adaptive));
	} else if (bytecode.address) {
		dissect_open_block(dissection, "co_code: the instructions", LAYOUT_STRUCT_COUNT, bytecode.address,
				   bytecode.length);
		explain_instructions(dissection, &bytecode, 0);
	}
	explain_beside(dissection, object, &code);
	add_variables(dissection, &code);
	add_tuple(dissection, "Constants", &bytecode.constants, "constants");
	add_tuple(dissection, "Names", &bytecode.names, "names");
	add_lines(dissection, &bytecode);
	add_exceptions(dissection, &bytecode);
	if (bytecode.problem)
		dissect_problem(dissection, "%s", bytecode.problem);
	bytecode_deinit(&bytecode);
	return CPEEK_OK;
}
