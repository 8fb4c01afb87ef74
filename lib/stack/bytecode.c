/*
 * Reads a code object's instructions and walks them as dis does: Lib/dis.py of 3.6 to 3.15. What that does differently
 * from series to series stands in the series' table (layout/opcodes.h).
 */
#include "stack/bytecode.h"

#include "base/memory.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
	UNIT = 2,                      /* bytes of an instruction */
	ENTRIES_MAX = 1 << 20,         /* of an exception table */
	TABLE_MAX = 1 << 24,           /* its bytes */
	VARINT_SHIFT_MAX = 30,         /* bits; CPython's numbers have no more */
	NAME_CHARACTERS_MAX = 1 << 16, /* of a name; the rest is cut */
	EXECUTORS_MAX = 1 << 8,        /* an instruction's argument numbers them */
};

static enum cpeek_status note(struct bytecode *bytecode, enum cpeek_status status, const char *problem)
{
	if (status != CPEEK_OK && !bytecode->problem)
		bytecode->problem = problem;
	return objects_tolerate(bytecode->objects, status);
}

/* ---- The instructions ---- */

static enum cpeek_status find_bytes(struct bytecode *bytecode, target_addr *ret)
{
	struct objects *objects = bytecode->objects;
	const struct layout *layout = objects->layout;
	struct span bytes;
	uint64_t word;

	if (layout_has(layout, FIELD_PyCodeObject_co_code_adaptive))
		return code_find_bytecode(objects, &bytecode->code, bytecode->copy, ret);
	if (bytecode->copy)
		return CPEEK_CORRUPT;
	TRY(field_read(objects, bytecode->code.address, FIELD_PyCodeObject_co_code, &word));
	TRY(span_of_bytes(objects, word, &bytes));
	*ret = bytes.data;
	return CPEEK_OK;
}

static enum cpeek_status count_copies(struct bytecode *bytecode)
{
	struct objects *objects = bytecode->objects;
	uint64_t array, size;

	bytecode->copy_count = 1;
	if (!layout_has(objects->layout, FIELD_PyCodeObject_co_tlbc))
		return CPEEK_OK;
	TRY(field_read(objects, bytecode->code.address, FIELD_PyCodeObject_co_tlbc, &array));
	if (array == 0)
		return CPEEK_OK;
	TRY(field_read(objects, array, FIELD__PyCodeArray_size, &size));
	if (size > 0 && size < INT32_MAX)
		bytecode->copy_count = (int64_t)size;
	return CPEEK_OK;
}

static enum cpeek_status read_bytes(struct bytecode *bytecode)
{
	struct objects *objects = bytecode->objects;
	size_t length = 0, read;

	if (bytecode->code.length >= 0)
		TRY(find_bytes(bytecode, &bytecode->address));
	if (bytecode->code.length > BYTECODE_MAX || bytecode->code.length < 0)
		bytecode->cut = true;
	if (bytecode->code.length > 0)
		length = bytecode->code.length > BYTECODE_MAX ? BYTECODE_MAX : (size_t)bytecode->code.length;
	bytecode->shown = memory_alloc(length + UNIT);
	if (!bytecode->shown)
		return CPEEK_NO_MEMORY;
	if (length == 0)
		return CPEEK_OK;
	enum cpeek_status status =
		target_read_some(objects->target, bytecode->address, bytecode->shown, length, &read);
	if (status != CPEEK_OK)
		return status;
	bytecode->cut |= read < length;
	bytecode->length = read - read % UNIT;
	return CPEEK_OK;
}

/* What a debugger's or profiler's instruction replaced: _Py_GetBaseCodeUnit() in Python/instrumentation.c, 3.12 to 3.15.
 * Of one that no table of the code object's tells it stays what it is. */
static enum cpeek_status read_instrumented(const struct bytecode *bytecode, uint64_t index, uint8_t *number)
{
	struct objects *objects = bytecode->objects;
	const struct layout *layout = objects->layout;
	const struct dis_style *style = &bytecode->opcodes->style;
	uint64_t monitoring, table, entry = 0, at;

	TRY(field_read(objects, bytecode->code.address, FIELD_PyCodeObject__co_monitoring, &monitoring));
	if (monitoring == 0)
		return CPEEK_CORRUPT;
	if (*number == style->instrumented_line) {
		TRY(field_read(objects, monitoring, FIELD__PyCoMonitoringData_lines, &table));
		if (table == 0)
			return CPEEK_CORRUPT;
		if (layout_has(layout, FIELD__PyCoLineInstrumentationData_original_opcode)) {
			at = layout->structs[STRUCT__PyCoLineInstrumentationData] * index +
			     layout_offset(layout, FIELD__PyCoLineInstrumentationData_original_opcode);
		} else if (layout_has(layout, FIELD__PyCoLineInstrumentationData_data)) {
			TRY(field_read(objects, table, FIELD__PyCoLineInstrumentationData_bytes_per_entry, &entry));
			at = layout_offset(layout, FIELD__PyCoLineInstrumentationData_data) + entry * index;
		} else {
			return CPEEK_CORRUPT;
		}
		TRY(target_read_u8(objects->target, table + at, number));
	}
	if (*number == style->instrumented_instruction) {
		TRY(field_read(objects, monitoring, FIELD__PyCoMonitoringData_per_instruction_opcodes, &table));
		if (table == 0)
			return CPEEK_CORRUPT;
		TRY(target_read_u8(objects->target, table + index, number));
	}
	return CPEEK_OK;
}

/* The instruction in whose place a jump into an executor stands; NOT_FOUND. 3.13+ */
static enum cpeek_status find_executor(const struct bytecode *bytecode, uint8_t index, uint8_t ret[UNIT])
{
	struct objects *objects = bytecode->objects;
	const struct layout *layout = objects->layout;
	uint64_t array, size, executor, number, argument;

	if (!layout_has(layout, FIELD__PyExecutorArray_executors) ||
	    !layout_has(layout, FIELD__PyExecutorObject_vm_data_opcode))
		return CPEEK_NOT_FOUND;
	TRY(field_read(objects, bytecode->code.address, FIELD_PyCodeObject_co_executors, &array));
	if (array == 0)
		return CPEEK_NOT_FOUND;
	TRY(field_read(objects, array, FIELD__PyExecutorArray_size, &size));
	if (index >= size || size > EXECUTORS_MAX)
		return CPEEK_NOT_FOUND;
	TRY(target_read_pointer(objects->target,
				array + layout_offset(layout, FIELD__PyExecutorArray_executors) +
					(uint64_t)index * layout->pointer_size,
				&executor));
	if (executor == 0)
		return CPEEK_NOT_FOUND;
	TRY(field_read(objects, executor, FIELD__PyExecutorObject_vm_data_opcode, &number));
	TRY(field_read(objects, executor, FIELD__PyExecutorObject_vm_data_oparg, &argument));
	ret[0] = (uint8_t)number;
	ret[1] = (uint8_t)argument;
	return CPEEK_OK;
}

static uint8_t plain_of(const struct bytecode *bytecode, uint8_t number)
{
	const struct opcode *opcode = &bytecode->opcodes->table[number];

	return opcode->name ? opcode->plain : number;
}

static enum cpeek_status make_plain(struct bytecode *bytecode, uint64_t index, uint8_t *unit)
{
	const struct dis_style *style = &bytecode->opcodes->style;

	if (unit[0] == style->enter_executor) {
		enum cpeek_status status = find_executor(bytecode, unit[1], unit);
		if (status != CPEEK_OK && status != CPEEK_NOT_FOUND)
			return status;
	} else if (unit[0] == style->instrumented_line || unit[0] == style->instrumented_instruction) {
		TRY(read_instrumented(bytecode, index, &unit[0]));
	}
	unit[0] = plain_of(bytecode, unit[0]);
	return CPEEK_OK;
}

/* deopt_code() in Objects/codeobject.c, of the code object's own copy. */
static enum cpeek_status read_plain(struct bytecode *bytecode)
{
	enum cpeek_status status = CPEEK_OK;

	uint8_t *plain = bytecode->plain = memory_alloc(bytecode->length + UNIT);
	if (!plain)
		return CPEEK_NO_MEMORY;
	if (bytecode->copy == 0)
		memcpy(plain, bytecode->shown, bytecode->length);
	else if (!target_probe(bytecode->objects->target, bytecode->code.instructions, plain, bytecode->length))
		return CPEEK_FAULT;
	for (size_t i = 0; i + UNIT <= bytecode->length; i += UNIT) {
		enum cpeek_status made = make_plain(bytecode, i / UNIT, plain + i);
		if (status_is_fatal(made))
			return made;
		if (status == CPEEK_OK)
			status = made;
		size_t caches = opcode_cache_units(opcode_base(bytecode->opcodes, plain[i])) * UNIT;
		if (caches > bytecode->length - i - UNIT)
			caches = bytecode->length - i - UNIT;
		memset(plain + i + UNIT, 0, caches);
		i += caches;
	}
	return status;
}

/* _get_code_array() of Lib/dis.py, 3.13+. */
static enum cpeek_status replace_executors(struct bytecode *bytecode)
{
	for (size_t i = 0; i + UNIT <= bytecode->length; i += UNIT) {
		if (bytecode->shown[i] != bytecode->opcodes->style.enter_executor)
			continue;
		enum cpeek_status status = find_executor(bytecode, bytecode->shown[i + 1], bytecode->shown + i);
		if (status != CPEEK_OK && status != CPEEK_NOT_FOUND)
			return status;
	}
	return CPEEK_OK;
}

/* ---- Lines ---- */

/* findlinestarts() of Lib/dis.py, and all positions. */
static enum cpeek_status add_range(void *arg, const struct line_range *range)
{
	struct bytecode *bytecode = arg;
	const struct dis_style *style = &bytecode->opcodes->style;
	const int64_t line = range->position.line;
	const size_t count = bytecode->starts.count;
	const bool first = count == 0;
	const int64_t last = first ? -1 : bytecode->starts.items[count - 1].line;

	if (range->start >= (int64_t)bytecode->length) {
		if (line != last && line > bytecode->max_line)
			bytecode->max_line = line;
		return CPEEK_OK;
	}
	struct line_range *new = VECTOR_PUSH(&bytecode->ranges);
	if (!new)
		return CPEEK_NO_MEMORY;
	*new = *range;
	if ((line < 0 && !style->no_line_shown) || (!first && line == last))
		return CPEEK_OK;
	struct line_start *start = VECTOR_PUSH(&bytecode->starts);
	if (!start)
		return CPEEK_NO_MEMORY;
	*start = (struct line_start){range->start, line};
	if (line > bytecode->max_line)
		bytecode->max_line = line;
	bytecode->lineless |= line < 0;
	return CPEEK_OK;
}

/* ---- The exception table ---- */

struct varints {
	const uint8_t *at, *end;
};

/* Six bits a byte, the highest first; 0x40 says that more follow. Objects/exception_handling_notes.txt, 3.11. */
static enum cpeek_status next_varint(struct varints *varints, int64_t *ret)
{
	uint64_t value = 0;
	uint8_t byte;
	unsigned bits = 0;

	do {
		if (varints->at == varints->end)
			return CPEEK_END;
		if (bits > VARINT_SHIFT_MAX)
			return CPEEK_CORRUPT;
		byte = *varints->at++;
		value = value << 6 | (byte & 63);
		bits += 6;
	} while (byte & 64);
	*ret = (int64_t)value;
	return CPEEK_OK;
}

static enum cpeek_status next_entry(struct varints *varints, struct exception_entry *ret)
{
	int64_t start, length, target, depth;

	TRY(next_varint(varints, &start));
	TRY(next_varint(varints, &length));
	TRY(next_varint(varints, &target));
	TRY(next_varint(varints, &depth));
	*ret = (struct exception_entry){
		.start = start * UNIT,
		.end = (start + length) * UNIT,
		.target = target * UNIT,
		.depth = depth >> 1,
		.lasti = depth & 1,
	};
	return CPEEK_OK;
}

static enum cpeek_status parse_exceptions(struct bytecode *bytecode, const uint8_t *bytes, size_t length)
{
	struct varints varints = {bytes, bytes + length};
	struct exception_entry entry;
	enum cpeek_status status;

	while ((status = next_entry(&varints, &entry)) == CPEEK_OK) {
		struct exception_entry *new =
			bytecode->exceptions.count < ENTRIES_MAX ? VECTOR_PUSH(&bytecode->exceptions) : NULL;
		if (!new)
			return bytecode->exceptions.count < ENTRIES_MAX ? CPEEK_NO_MEMORY : CPEEK_CORRUPT;
		*new = entry;
	}
	return status == CPEEK_END ? CPEEK_OK : status;
}

static enum cpeek_status read_exceptions(struct bytecode *bytecode)
{
	struct objects *objects = bytecode->objects;
	uint64_t word;
	struct span table;

	if (!layout_has(objects->layout, FIELD_PyCodeObject_co_exceptiontable))
		return CPEEK_OK;
	TRY(field_read(objects, bytecode->code.address, FIELD_PyCodeObject_co_exceptiontable, &word));
	TRY(span_of_bytes(objects, word, &table));
	if (table.size == 0)
		return CPEEK_OK;
	if (table.size > TABLE_MAX)
		return CPEEK_CORRUPT;
	uint8_t *bytes = memory_alloc((size_t)table.size);
	if (!bytes)
		return CPEEK_NO_MEMORY;
	enum cpeek_status status = target_read(objects->target, table.data, bytes, (size_t)table.size);
	if (status == CPEEK_OK)
		status = parse_exceptions(bytecode, bytes, (size_t)table.size);
	memory_free(bytes);
	return status;
}

/* ---- Labels ---- */

static int compare_labels(const void *left, const void *right)
{
	const int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;

	return (a > b) - (a < b);
}

static enum cpeek_status add_label(struct bytecode *bytecode, int64_t offset)
{
	int64_t *new = VECTOR_PUSH(&bytecode->labels);

	if (!new)
		return CPEEK_NO_MEMORY;
	*new = offset;
	return CPEEK_OK;
}

/* findlabels() and what _get_instructions_bytes() or _make_labels_map() (3.13+) add to it. */
static enum cpeek_status find_labels(struct bytecode *bytecode)
{
	const struct dis_style *style = &bytecode->opcodes->style;
	struct bytecode_walk walk = {0};
	struct instruction instruction;
	enum cpeek_status status;
	size_t kept = 0;

	while ((status = bytecode_next(bytecode, &walk, &instruction)) == CPEEK_OK)
		if (instruction.is_jump && (style->label_of_base || !instruction.own->specialized))
			TRY(add_label(bytecode, instruction.target));
	if (status != CPEEK_END)
		return status;
	for (size_t i = 0; i < bytecode->exceptions.count; i++) {
		const struct exception_entry *entry = &bytecode->exceptions.items[i];
		if (style->labels) {
			TRY(add_label(bytecode, entry->start));
			TRY(add_label(bytecode, entry->end));
			TRY(add_label(bytecode, entry->target));
		} else if (entry->start < entry->end) {
			TRY(add_label(bytecode, entry->target));
		}
	}
	int64_t *labels = bytecode->labels.items;
	if (bytecode->labels.count == 0)
		return CPEEK_OK;
	qsort(labels, bytecode->labels.count, sizeof(*labels), compare_labels);
	for (size_t i = 0; i < bytecode->labels.count; i++)
		if (i == 0 || labels[i] != labels[kept - 1])
			labels[kept++] = labels[i];
	bytecode->labels.count = kept;
	return CPEEK_OK;
}

size_t bytecode_find_label(const struct bytecode *bytecode, int64_t offset)
{
	size_t low = 0, high = bytecode->labels.count;

	while (low < high) {
		const size_t middle = low + (high - low) / 2;
		if (bytecode->labels.items[middle] < offset)
			low = middle + 1;
		else
			high = middle;
	}
	return low < bytecode->labels.count && bytecode->labels.items[low] == offset ? low + 1 : 0;
}

/* ---- All of it ---- */

static enum cpeek_status read_tuple(struct bytecode *bytecode, enum layout_field field, struct span *ret)
{
	struct objects *objects = bytecode->objects;
	uint64_t tuple;

	if (!layout_has(objects->layout, field))
		return CPEEK_OK;
	TRY(field_read(objects, bytecode->code.address, field, &tuple));
	return span_of_tuple(objects, tuple, ret);
}

static enum cpeek_status read_parts(struct bytecode *bytecode)
{
	const struct layout *layout = bytecode->objects->layout;
	const bool apart = !layout_has(layout, FIELD_PyCodeObject_co_localsplusnames);

	TRY(note(bytecode, count_copies(bytecode), "its copies cannot be read"));
	TRY(read_bytes(bytecode));
	if (bytecode->cut)
		TRY(note(bytecode, CPEEK_FAULT, "its instructions cannot be read to their end"));
	if (bytecode->opcodes->style.base_walk) {
		TRY(note(bytecode, read_plain(bytecode), "what instrumented instructions replaced cannot be read"));
		TRY(note(bytecode, replace_executors(bytecode), "its executors cannot be read"));
	}
	TRY(note(bytecode, read_tuple(bytecode, FIELD_PyCodeObject_co_consts, &bytecode->constants),
		 "its constants cannot be read"));
	TRY(note(bytecode, read_tuple(bytecode, FIELD_PyCodeObject_co_names, &bytecode->names),
		 "its names cannot be read"));
	TRY(note(bytecode,
		 read_tuple(bytecode, apart ? FIELD_PyCodeObject_co_varnames : FIELD_PyCodeObject_co_localsplusnames,
			    &bytecode->variables),
		 "the names of its variables cannot be read"));
	if (apart) {
		TRY(note(bytecode, read_tuple(bytecode, FIELD_PyCodeObject_co_cellvars, &bytecode->cells),
			 "the names of its cells cannot be read"));
		TRY(note(bytecode, read_tuple(bytecode, FIELD_PyCodeObject_co_freevars, &bytecode->frees),
			 "the names of its free variables cannot be read"));
	}
	bytecode->max_line = -1;
	TRY(note(bytecode,
		 code_walk_lines(bytecode->objects, &bytecode->code, bytecode->opcodes->style.lines_past_end,
				 add_range, bytecode),
		 "its line table cannot be read"));
	TRY(note(bytecode, read_exceptions(bytecode), "its exception table cannot be read"));
	return find_labels(bytecode);
}

enum cpeek_status bytecode_read(struct objects *objects, target_addr code, int64_t copy, struct bytecode *ret)
{
	struct bytecode bytecode = {
		.objects = objects, .opcodes = opcodes_find(objects->layout), .copy = copy, .max_line = -1};

	if (!bytecode.opcodes)
		return CPEEK_UNSUPPORTED;
	TRY(code_read(objects, code, &bytecode.code));
	enum cpeek_status status = read_parts(&bytecode);
	if (status != CPEEK_OK) {
		bytecode_deinit(&bytecode);
		return status;
	}
	*ret = bytecode;
	return CPEEK_OK;
}

void bytecode_deinit(struct bytecode *bytecode)
{
	memory_free(bytecode->shown);
	memory_free(bytecode->plain);
	VECTOR_DEINIT(&bytecode->ranges);
	VECTOR_DEINIT(&bytecode->starts);
	VECTOR_DEINIT(&bytecode->exceptions);
	VECTOR_DEINIT(&bytecode->labels);
}

/* ---- The walk ---- */

/* Where a jump goes: what dis adds for the cache counts that of the instruction that an instrumented one stands for. */
static void find_target(const struct bytecode *bytecode, const struct opcode *walked, struct instruction *instruction)
{
	const unsigned unit = bytecode->opcodes->style.jump_unit;
	const struct opcode *plain = walked->name ? &bytecode->opcodes->table[walked->plain] : walked;
	const int64_t distance = (int64_t)((uint64_t)instruction->argument * unit);
	const int64_t behind = instruction->offset + UNIT + (int64_t)opcode_cache_units(plain) * UNIT;

	instruction->is_jump = true;
	switch (walked->argument) {
	case ARGUMENT_JUMP_ABSOLUTE:
		instruction->target = distance;
		break;
	case ARGUMENT_JUMP_FORWARD:
		instruction->target = (int64_t)((uint64_t)behind + (uint64_t)distance);
		break;
	case ARGUMENT_JUMP_BACKWARD:
		instruction->target = (int64_t)((uint64_t)behind - (uint64_t)distance);
		break;
	default:
		instruction->is_jump = false;
	}
}

/* The argument, with what the EXTENDED_ARGs before it said. */
static void take_argument(const struct bytecode *bytecode, struct bytecode_walk *walk, const struct opcode *base,
			  uint8_t byte, struct instruction *instruction)
{
	const struct dis_style *style = &bytecode->opcodes->style;

	if (!instruction->has_argument) {
		if (!style->keeps_extended)
			walk->extended = 0;
		return;
	}
	instruction->argument = walk->extended | byte;
	walk->extended = 0;
	if (base != &bytecode->opcodes->table[(uint8_t)style->extended_arg])
		return;
	/* dis of 3.6 to 3.10 has numbers of any length here; no code that runs needs more than 32 bits. */
	walk->extended = (int64_t)((uint64_t)instruction->argument << 8);
	if (style->signed_argument && walk->extended > INT32_MAX)
		walk->extended -= (int64_t)1 << 32;
}

static void find_line(const struct bytecode *bytecode, struct bytecode_walk *walk, struct instruction *instruction)
{
	const int64_t offset = instruction->offset;

	while (walk->start < bytecode->starts.count && bytecode->starts.items[walk->start].offset < offset)
		walk->start++;
	instruction->starts_line =
		walk->start < bytecode->starts.count && bytecode->starts.items[walk->start].offset == offset;
	while (walk->range < bytecode->ranges.count && bytecode->ranges.items[walk->range].end <= offset)
		walk->range++;
	instruction->position = walk->range < bytecode->ranges.count ? bytecode->ranges.items[walk->range].position
								     : (struct position){-1, -1, -1, -1};
}

enum cpeek_status bytecode_next(const struct bytecode *bytecode, struct bytecode_walk *walk, struct instruction *ret)
{
	const struct opcodes *opcodes = bytecode->opcodes;
	const int64_t offset = walk->offset;

	if (offset + UNIT > (int64_t)bytecode->length)
		return CPEEK_END;
	/* What the walk goes by, and what is shown there */
	const uint8_t *unit = (bytecode->plain ? bytecode->plain : bytecode->shown) + offset;
	const uint8_t number = bytecode->shown[offset];
	const struct opcode *walked = opcode_base(opcodes, unit[0]);
	struct instruction instruction = {
		.offset = offset,
		.first = walk->first,
		.number = number,
		.own = &opcodes->table[number],
		.base = opcode_base(opcodes, number),
		.caches = walked->caches,
		.cache_units = opcode_cache_units(walked),
		.has_argument = opcode_has_argument(opcodes, unit[0]),
		.label = bytecode_find_label(bytecode, offset),
	};
	take_argument(bytecode, walk, walked, unit[1], &instruction);
	if (instruction.has_argument)
		find_target(bytecode, walked, &instruction);
	find_line(bytecode, walk, &instruction);
	walk->offset += UNIT + (int64_t)instruction.cache_units * UNIT;
	if (walked != &opcodes->table[(uint8_t)opcodes->style.extended_arg])
		walk->first = walk->offset;
	*ret = instruction;
	return CPEEK_OK;
}

/* ---- Arguments ---- */

static enum cpeek_status put_mark(struct strbuf *out, bool *partial, const char *what, int64_t index)
{
	*partial = true;
	strbuf_printf(out, "<no %s %" PRId64 ">", what, index);
	return CPEEK_OK;
}

static enum cpeek_status find_item(const struct bytecode *bytecode, const struct span *span, int64_t index,
				   target_addr *ret)
{
	struct target *target = bytecode->objects->target;

	if (index < 0 || (uint64_t)index >= span->size)
		return CPEEK_NOT_FOUND;
	return target_read_pointer(target, span->data + (uint64_t)index * target->pointer_size, ret);
}

static enum cpeek_status put_object(const struct bytecode *bytecode, target_addr address, const struct limits *limits,
				    struct strbuf *out, bool *partial)
{
	struct rendering rendering;

	TRY(render_repr(bytecode->objects, address, limits, false, out, &rendering));
	*partial |= rendering.partial;
	return CPEEK_OK;
}

static enum cpeek_status put_constant(const struct bytecode *bytecode, int64_t index, const struct limits *limits,
				      struct strbuf *out, bool *partial)
{
	target_addr constant;

	enum cpeek_status status = find_item(bytecode, &bytecode->constants, index, &constant);
	if (status != CPEEK_OK)
		return status_is_fatal(status) ? status : put_mark(out, partial, "constant", index);
	return put_object(bytecode, constant, limits, out, partial);
}

/* A name, bare or as its repr. */
static enum cpeek_status put_name(const struct bytecode *bytecode, const struct span *span, int64_t index, bool quoted,
				  struct strbuf *out, bool *partial)
{
	const struct limits limits = {.string = NAME_CHARACTERS_MAX};
	target_addr name;
	uint64_t cut = 0;

	enum cpeek_status status = find_item(bytecode, span, index, &name);
	if (status == CPEEK_OK && quoted)
		return put_object(bytecode, name, &limits, out, partial);
	if (status == CPEEK_OK)
		status = str_read(bytecode->objects, name, NAME_CHARACTERS_MAX, out, &cut);
	if (cut)
		strbuf_puts(out, "…");
	if (status == CPEEK_OK || status_is_fatal(status))
		return status;
	return put_mark(out, partial, "name", index);
}

static enum cpeek_status put_free(const struct bytecode *bytecode, int64_t index, bool quoted, struct strbuf *out,
				  bool *partial)
{
	const int64_t cells = (int64_t)bytecode->cells.size;

	if (index < cells)
		return put_name(bytecode, &bytecode->cells, index, quoted, out, partial);
	return put_name(bytecode, &bytecode->frees, index - cells, quoted, out, partial);
}

static enum cpeek_status put_pair(const struct bytecode *bytecode, int64_t argument, bool quoted, struct strbuf *out,
				  bool *partial)
{
	strbuf_puts(out, quoted ? "(" : "");
	TRY(put_name(bytecode, &bytecode->variables, argument >> 4, quoted, out, partial));
	strbuf_puts(out, ", ");
	TRY(put_name(bytecode, &bytecode->variables, argument & 15, quoted, out, partial));
	strbuf_puts(out, quoted ? ")" : "");
	return CPEEK_OK;
}

static enum cpeek_status put_marked_name(const struct bytecode *bytecode, const struct opcode *base, int64_t argument,
					 struct strbuf *out, bool *partial)
{
	const size_t count = opcode_text_count(base);
	const bool before = bytecode->opcodes->style.mark_before;
	const char *mark = "";

	for (size_t i = 0; i < count && !*mark; i++)
		if (argument >> i & 1)
			mark = base->texts[i];
	strbuf_puts(out, before ? mark : "");
	TRY(put_name(bytecode, &bytecode->names, argument >> base->shift, false, out, partial));
	strbuf_puts(out, before ? "" : mark);
	return CPEEK_OK;
}

static void put_target(const struct bytecode *bytecode, const struct instruction *instruction, struct strbuf *out,
		       bool *partial)
{
	if (!instruction->base->texts)
		return;
	strbuf_printf(out, "%s ", instruction->base->texts[0]);
	if (!bytecode->opcodes->style.labels) {
		strbuf_printf(out, "%" PRId64, instruction->target);
		return;
	}
	const size_t label = bytecode_find_label(bytecode, instruction->target);
	if (label)
		strbuf_printf(out, "L%zu", label);
	else
		(void)put_mark(out, partial, "label at", instruction->target);
}

static void put_choice(const char *const *texts, size_t count, int64_t index, struct strbuf *out, bool *partial)
{
	if (index >= 0 && (uint64_t)index < count)
		strbuf_puts(out, texts[index]);
	else
		(void)put_mark(out, partial, "choice", index);
}

static void put_flags(const struct opcode *base, int64_t argument, struct strbuf *out)
{
	const size_t count = opcode_text_count(base);
	const char *between = "";

	for (size_t i = 0; i < count; i++) {
		if (!(argument >> i & 1))
			continue;
		strbuf_printf(out, "%s%s", between, base->texts[i]);
		between = ", ";
	}
}

static void put_format(const struct opcode *base, int64_t argument, bool value, struct strbuf *out)
{
	const char *text = base->texts[argument & 3];

	if (value)
		strbuf_printf(out, "(%s, %s)", base->values[argument & 3], argument & 4 ? "True" : "False");
	else
		strbuf_printf(out, "%s%s", text, argument & 4 ? *text ? ", with format" : "with format" : "");
}

static enum cpeek_status put_value(const struct bytecode *bytecode, const struct instruction *instruction,
				   const struct limits *limits, struct strbuf *out, bool *partial)
{
	const struct opcode *base = instruction->base;
	const int64_t argument = instruction->argument;

	switch (base->argument) {
	case ARGUMENT_CONSTANT:
		return put_constant(bytecode, argument, limits, out, partial);
	case ARGUMENT_NAME:
		return put_name(bytecode, &bytecode->names, argument >> base->shift, true, out, partial);
	case ARGUMENT_LOCAL:
		return put_name(bytecode, &bytecode->variables, argument, true, out, partial);
	case ARGUMENT_LOCAL_PAIR:
		return put_pair(bytecode, argument, true, out, partial);
	case ARGUMENT_FREE:
		return put_free(bytecode, argument, true, out, partial);
	case ARGUMENT_FORMAT:
		put_format(base, argument, true, out);
		return CPEEK_OK;
	case ARGUMENT_JUMP_FORWARD:
	case ARGUMENT_JUMP_BACKWARD:
	case ARGUMENT_JUMP_ABSOLUTE:
		strbuf_printf(out, "%" PRId64, instruction->target);
		return CPEEK_OK;
	default:
		if (base->values)
			put_choice(base->values, opcode_text_count(base), argument >> base->shift, out, partial);
		else
			strbuf_printf(out, "%" PRId64, argument);
		return CPEEK_OK;
	}
}

enum cpeek_status bytecode_put_argument(const struct bytecode *bytecode, const struct instruction *instruction,
					const struct limits *limits, bool value, struct strbuf *out, bool *partial)
{
	const struct opcode *base = instruction->base;
	const int64_t argument = instruction->argument;

	if (!instruction->has_argument || !base->name)
		return CPEEK_OK;
	if (value)
		return put_value(bytecode, instruction, limits, out, partial);
	switch (base->argument) {
	case ARGUMENT_CONSTANT:
		return put_constant(bytecode, argument, limits, out, partial);
	case ARGUMENT_NAME:
		return put_marked_name(bytecode, base, argument, out, partial);
	case ARGUMENT_LOCAL:
		return put_name(bytecode, &bytecode->variables, argument, false, out, partial);
	case ARGUMENT_LOCAL_PAIR:
		return put_pair(bytecode, argument, false, out, partial);
	case ARGUMENT_FREE:
		return put_free(bytecode, argument, false, out, partial);
	case ARGUMENT_JUMP_FORWARD:
	case ARGUMENT_JUMP_BACKWARD:
	case ARGUMENT_JUMP_ABSOLUTE:
		put_target(bytecode, instruction, out, partial);
		return CPEEK_OK;
	case ARGUMENT_CHOICE:
		put_choice(base->texts, opcode_text_count(base), argument >> base->shift, out, partial);
		return CPEEK_OK;
	case ARGUMENT_COMPARE_BOOL:
		strbuf_puts(out, argument & 16 ? "bool(" : "");
		put_choice(base->texts, opcode_text_count(base), argument >> base->shift, out, partial);
		strbuf_puts(out, argument & 16 ? ")" : "");
		return CPEEK_OK;
	case ARGUMENT_FLAGS:
		put_flags(base, argument, out);
		return CPEEK_OK;
	case ARGUMENT_FORMAT:
		put_format(base, argument, false, out);
		return CPEEK_OK;
	default:
		return CPEEK_OK;
	}
}

void bytecode_put_cache(const struct bytecode *bytecode, const struct instruction *instruction,
			const struct opcode_cache *cache, unsigned unit, struct strbuf *out)
{
	const bool big_endian = bytecode->objects->layout->big_endian;
	const size_t start = (size_t)instruction->offset + UNIT + (size_t)unit * UNIT;
	size_t size = (size_t)cache->units * UNIT;
	uint64_t value = 0;

	/* dis takes what there is when the code ends inside it */
	if (start >= bytecode->length)
		size = 0;
	else if (size > bytecode->length - start)
		size = bytecode->length - start;
	for (size_t i = 0; i < size && i < sizeof(value); i++)
		value = value << 8 | bytecode->shown[start + (big_endian ? i : size - 1 - i)];
	strbuf_printf(out, "%" PRIu64, value);
}
