/*
 * dis: the bytecode of a function, a code object, a frame or all of a class, as the target's own dis.dis(adaptive=True,
 * show_caches=True) prints it. Knows how dis lays out its lines; instructions come from stack/bytecode.h.
 */
#include "base/memory.h"
#include "base/vector.h"
#include "command/command.h"
#include "command/show.h"
#include "stack/bytecode.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	ARGUMENT_COPY,
	ARGUMENT_EXPR,
};

enum {
	NAME_WIDTH = 20, /* columns: _OPNAME_WIDTH, _OPARG_WIDTH in Lib/dis.py */
	ARGUMENT_WIDTH = 5,
	NODES_MAX = 1 << 18,    /* code objects and classes of one answer */
	WORK_MAX = 1 << 22,     /* instructions, constants and members that are looked at before no more are begun */
	DEPTH_MAX = 200,        /* of code objects and classes in each other */
	NAME_CHARACTERS = 1000, /* of a class's member */
};

/* ---- What is still to be shown ---- */

enum node_kind { NODE_OBJECT, NODE_NESTED, NODE_HEADING, NODE_BLANK };

struct node {
	enum node_kind kind;
	target_addr address;
	const char *name; /* HEADING and OBJECT: of a class's member; else NULL */
	size_t parent;    /* index + 1 of what it is in; 0: none */
	unsigned depth;
};

struct disassembly {
	struct cpeek_session *session;
	struct sink *sink;
	struct limits limits; /* of constants: none */
	struct arena arena;   /* names */
	VECTOR(struct node) nodes;
	VECTOR(size_t) stack; /* of nodes, the next one last */
	struct strbuf text;
	int64_t copy;
	int64_t last;  /* the current instruction of the first code object; -1: none */
	uint64_t work; /* done so far: WORK_MAX */
	bool first;    /* nothing was shown yet */
	bool recursive;
};

static enum cpeek_status push(struct disassembly *disassembly, enum node_kind kind, target_addr address,
			      const char *name, size_t parent)
{
	struct node *node = VECTOR_PUSH(&disassembly->nodes);
	size_t *index = node ? VECTOR_PUSH(&disassembly->stack) : NULL;

	if (!index)
		return CPEEK_NO_MEMORY;
	*node = (struct node){.kind = kind, .address = address, .name = name, .parent = parent};
	node->depth = parent ? disassembly->nodes.items[parent - 1].depth + 1 : 0;
	*index = disassembly->nodes.count - 1;
	return CPEEK_OK;
}

/* Whether what a node shows holds itself, or too much is in each other. */
static const char *why_not(const struct disassembly *disassembly, size_t index)
{
	const struct node *node = &disassembly->nodes.items[index];

	if (node->depth > DEPTH_MAX)
		return "nested too deeply";
	if (disassembly->nodes.count > NODES_MAX || disassembly->work > WORK_MAX)
		return "too much to show";
	for (size_t parent = node->parent; parent; parent = disassembly->nodes.items[parent - 1].parent)
		if (disassembly->nodes.items[parent - 1].address == node->address)
			return "inside itself";
	return NULL;
}

/* ---- Lines ---- */

struct shape {
	int line, offset, label; /* widths; 0: no such column */
};

static int digits(int64_t number)
{
	return snprintf(NULL, 0, "%" PRId64, number);
}

/* _get_lineno_width() of 3.13+; the beginning of _disassemble_bytes() before. */
static struct shape measure(const struct bytecode *bytecode)
{
	const struct dis_style *style = &bytecode->opcodes->style;
	const int64_t last = (int64_t)bytecode->length - 2;
	struct shape shape = {0};

	if (style->labels) {
		shape.label = 4 + digits((int64_t)bytecode->labels.count);
		if (bytecode->max_line > 0)
			shape.line = bytecode->max_line < 100 ? 3 : digits(bytecode->max_line);
		if (shape.line && shape.line < 4 && bytecode->lineless)
			shape.line = 4;
		return shape;
	}
	shape.offset = style->widths_fit && last >= 10000 ? digits(last) : 4;
	if (!style->lines_needed || bytecode->starts.count)
		shape.line = style->widths_fit && bytecode->max_line >= 1000 ? digits(bytecode->max_line) : 3;
	return shape;
}

/* What stands before the instruction's name. */
static void span_place(struct disassembly *disassembly, const struct shape *shape, int64_t offset, bool starts_line,
		       int64_t line, size_t label, bool current)
{
	struct sink *sink = disassembly->sink;

	if (shape->line && starts_line && offset > 0)
		sink_line(sink, NULL);
	if (shape->line && !starts_line)
		sink_span_format(sink, SINK_PLAIN, "%*s ", shape->line, "");
	else if (shape->line && line >= 0)
		sink_span_format(sink, SINK_PLACE, "%*" PRId64 " ", shape->line, line);
	else if (shape->line)
		sink_span_format(sink, SINK_PLACE, "%*s ", shape->line, "--");
	if (shape->label) {
		char text[32] = "";
		if (label)
			(void)snprintf(text, sizeof(text), "L%zu:", label);
		sink_span_format(sink, SINK_ADDRESS, "%*s ", shape->label, text);
		sink_span(sink, SINK_MARK, current ? "--> " : "    ");
		return;
	}
	sink_span(sink, SINK_MARK, current ? "--> " : "    ");
	sink_span_format(sink, SINK_ADDRESS, "%s %*" PRId64 " ", label ? ">>" : "  ", shape->offset, offset);
}

static const char *name_of(const struct instruction *instruction, char *buffer, size_t size)
{
	if (instruction->own->name)
		return instruction->own->name;
	(void)snprintf(buffer, size, "<%u>", instruction->number);
	return buffer;
}

static void show_line(struct disassembly *disassembly, const struct bytecode *bytecode, const char *name,
		      bool has_argument, int64_t argument, const struct strbuf *details)
{
	struct sink *sink = disassembly->sink;
	const bool special = strcmp(name, "CACHE") == 0;
	const size_t length = strlen(name);
	const size_t excess = bytecode->opcodes->style.labels && length > NAME_WIDTH ? length - NAME_WIDTH : 0;
	const int width = excess < ARGUMENT_WIDTH ? ARGUMENT_WIDTH - (int)excess : 0;

	sink_span(sink, special ? SINK_FAINT : SINK_NAME, name);
	if (has_argument)
		sink_span_format(sink, special ? SINK_FAINT : SINK_PLAIN, "%*s %*" PRId64,
				 length < NAME_WIDTH ? (int)(NAME_WIDTH - length) : 0, "", width, argument);
	if (has_argument && details->length) {
		sink_span(sink, SINK_PLAIN, " (");
		sink_span_bytes(sink, special ? SINK_FAINT : SINK_VALUE, strbuf_text(details), details->length);
		sink_span(sink, SINK_PLAIN, ")");
	}
	sink_line(sink, NULL);
}

/* dis shows a specialised instruction's cache value by value, each at its first unit. */
static void show_caches(struct disassembly *disassembly, const struct bytecode *bytecode,
			const struct instruction *instruction, const struct shape *shape)
{
	const struct dis_style *style = &bytecode->opcodes->style;
	const bool values = !style->cache_if_specialized || instruction->own->specialized;
	struct strbuf *text = &disassembly->text;
	unsigned unit = 0;

	for (const struct opcode_cache *cache = instruction->caches; cache && cache->name; cache++) {
		for (unsigned i = 0; i < cache->units; i++, unit++) {
			const int64_t offset = instruction->offset + 2 + 2 * (int64_t)unit;
			strbuf_clear(text);
			if (i == 0 && values) {
				strbuf_printf(text, "%s: ", cache->name);
				bytecode_put_cache(bytecode, instruction, cache, style->cache_at_first ? 0 : unit,
						   text);
			}
			span_place(disassembly, shape, offset, false, -1, 0,
				   !style->current_with_caches && offset == disassembly->last);
			show_line(disassembly, bytecode, "CACHE", true, 0, text);
		}
	}
}

static void put_position(struct sink *sink, const struct position *position)
{
	const struct {
		const char *name;
		int64_t value;
	} fields[] = {{"line", position->line},
		      {"end_line", position->end_line},
		      {"column", position->column},
		      {"end_column", position->end_column}};

	for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++)
		if (fields[i].value < 0)
			sink_null(sink, fields[i].name);
		else
			sink_number(sink, fields[i].name, fields[i].value);
}

static enum cpeek_status put_argument(struct disassembly *disassembly, const struct bytecode *bytecode,
				      const struct instruction *instruction)
{
	struct sink *sink = disassembly->sink;
	struct strbuf *text = &disassembly->text;
	bool partial = false;

	if (!instruction->has_argument) {
		sink_null(sink, "arg");
		strbuf_clear(text);
		return CPEEK_OK;
	}
	sink_number(sink, "arg", instruction->argument);
	if (disassembly->session->json) {
		strbuf_clear(text);
		TRY(bytecode_put_argument(bytecode, instruction, &disassembly->limits, true, text, &partial));
		sink_bytes(sink, "argval", strbuf_text(text), text->length);
	}
	strbuf_clear(text);
	TRY(bytecode_put_argument(bytecode, instruction, &disassembly->limits, false, text, &partial));
	if (text->length)
		sink_bytes(sink, "argrepr", strbuf_text(text), text->length);
	if (instruction->is_jump)
		sink_number(sink, "target", instruction->target);
	disassembly->session->partial |= partial;
	return CPEEK_OK;
}

static void put_caches(struct disassembly *disassembly, const struct bytecode *bytecode,
		       const struct instruction *instruction)
{
	struct sink *sink = disassembly->sink;
	struct strbuf *text = &disassembly->text;
	unsigned unit = 0;

	sink_array(sink, "caches");
	for (const struct opcode_cache *cache = instruction->caches; cache && cache->name; cache++) {
		strbuf_clear(text);
		bytecode_put_cache(bytecode, instruction, cache, unit, text);
		sink_object(sink, NULL);
		sink_string(sink, "name", cache->name);
		sink_unsigned(sink, "units", cache->units);
		sink_unsigned(sink, "value", strtoull(strbuf_text(text), NULL, 10));
		sink_end(sink);
		unit += cache->units;
	}
	sink_end(sink);
}

static enum cpeek_status show_instruction(struct disassembly *disassembly, const struct bytecode *bytecode,
					  const struct instruction *instruction, const struct shape *shape)
{
	const struct dis_style *style = &bytecode->opcodes->style;
	struct sink *sink = disassembly->sink;
	char buffer[16];
	const char *name = name_of(instruction, buffer, sizeof(buffer));
	const int64_t last = disassembly->last, offset = instruction->offset;
	const int64_t end =
		offset + (style->current_with_caches ? 2 * (int64_t)opcode_cache_units(instruction->base) : 0);
	const bool current = offset <= last && last <= end;

	sink_object(sink, NULL);
	sink_number(sink, "offset", offset);
	sink_number(sink, "start_offset", instruction->first);
	sink_unsigned(sink, "opcode", instruction->number);
	sink_string(sink, "opname", name);
	sink_string(sink, "baseopname", instruction->base->name ? instruction->base->name : name);
	put_position(sink, &instruction->position);
	sink_bool(sink, "starts_line", instruction->starts_line);
	if (style->labels && instruction->label)
		sink_unsigned(sink, "label", instruction->label);
	sink_bool(sink, "is_jump_target", instruction->label != 0);
	sink_bool(sink, "current", current);
	TRY(put_argument(disassembly, bytecode, instruction));
	span_place(disassembly, shape, offset, instruction->starts_line, instruction->position.line,
		   instruction->label, current);
	show_line(disassembly, bytecode, name, instruction->has_argument, instruction->argument, &disassembly->text);
	show_caches(disassembly, bytecode, instruction, shape);
	if (instruction->caches)
		put_caches(disassembly, bytecode, instruction);
	sink_end(sink);
	return CPEEK_OK;
}

static void show_exceptions(struct disassembly *disassembly, const struct bytecode *bytecode)
{
	struct sink *sink = disassembly->sink;

	sink_array(sink, "exceptions");
	if (bytecode->exceptions.count)
		sink_line(sink, "ExceptionTable:");
	for (size_t i = 0; i < bytecode->exceptions.count; i++) {
		const struct exception_entry *entry = &bytecode->exceptions.items[i];
		const char *lasti = entry->lasti ? " lasti" : "";
		sink_object(sink, NULL);
		sink_number(sink, "start", entry->start);
		sink_number(sink, "end", entry->end);
		sink_number(sink, "target", entry->target);
		sink_number(sink, "depth", entry->depth);
		sink_bool(sink, "lasti", entry->lasti);
		sink_end(sink);
		if (bytecode->opcodes->style.labels)
			sink_line(sink, "  L%zu to L%zu -> L%zu [%" PRId64 "]%s",
				  bytecode_find_label(bytecode, entry->start),
				  bytecode_find_label(bytecode, entry->end),
				  bytecode_find_label(bytecode, entry->target), entry->depth, lasti);
		else
			sink_line(sink, "  %" PRId64 " to %" PRId64 " -> %" PRId64 " [%" PRId64 "]%s", entry->start,
				  entry->end - 2, entry->target, entry->depth, lasti);
	}
	sink_end(sink);
}

/* ---- Code objects ---- */

static enum cpeek_status put_repr(struct disassembly *disassembly, target_addr address)
{
	struct rendering rendering;

	strbuf_clear(&disassembly->text);
	TRY(render_repr(disassembly->session->objects, address, &disassembly->limits, false, &disassembly->text,
			&rendering));
	disassembly->session->partial |= rendering.partial;
	return CPEEK_OK;
}

/* The code objects among the constants, to be shown next; the last one first onto the stack. */
static enum cpeek_status push_nested(struct disassembly *disassembly, const struct bytecode *bytecode, size_t index)
{
	struct objects *objects = disassembly->session->objects;
	struct words words;

	words_init(&words, objects->target, bytecode->constants.data);
	const size_t before = disassembly->stack.count;
	for (uint64_t i = 0; i < bytecode->constants.size; i++) {
		target_addr constant;
		const struct type *type;
		uint64_t type_address;
		if (session_cancelled(disassembly->session))
			return CPEEK_CANCELLED;
		if (disassembly->work++ > WORK_MAX)
			return objects_tolerate(objects, CPEEK_CORRUPT);
		enum cpeek_status status = words_read(&words, i, bytecode->constants.size, &constant);
		if (status != CPEEK_OK)
			return objects_tolerate(objects, status);
		if (constant == 0 || disassembly->nodes.count > NODES_MAX ||
		    field_read(objects, constant, FIELD_PyObject_ob_type, &type_address) != CPEEK_OK)
			continue;
		status = type_read(objects, type_address, &type);
		if (status_is_fatal(status))
			return status;
		if (status == CPEEK_OK && type_is_builtin(type, "code"))
			TRY(push(disassembly, NODE_NESTED, constant, NULL, index + 1));
	}
	size_t *low = disassembly->stack.items + before;
	for (size_t count = disassembly->stack.count - before; count > 1; low++, count -= 2) {
		const size_t kept = *low;
		*low = low[count - 1];
		low[count - 1] = kept;
	}
	return CPEEK_OK;
}

static enum cpeek_status show_instructions(struct disassembly *disassembly, const struct bytecode *bytecode)
{
	struct bytecode_walk walk = {0};
	struct instruction instruction;
	const struct shape shape = measure(bytecode);
	enum cpeek_status status;

	sink_array(disassembly->sink, "instructions");
	while ((status = bytecode_next(bytecode, &walk, &instruction)) == CPEEK_OK) {
		disassembly->work++;
		if (session_cancelled(disassembly->session))
			status = CPEEK_CANCELLED;
		else
			status = show_instruction(disassembly, bytecode, &instruction, &shape);
		if (status != CPEEK_OK)
			break;
	}
	sink_end(disassembly->sink);
	return status == CPEEK_END ? CPEEK_OK : status;
}

static enum cpeek_status show_bytecode(struct disassembly *disassembly, const struct bytecode *bytecode,
				       const char *member)
{
	struct sink *sink = disassembly->sink;

	sink_object(sink, NULL);
	if (member)
		sink_string(sink, "member", member);
	sink_address(sink, "code", bytecode->code.address);
	enum cpeek_status status = put_repr(disassembly, bytecode->code.address);
	sink_bytes(sink, "repr", strbuf_text(&disassembly->text), disassembly->text.length);
	sink_address(sink, "address", bytecode->address);
	sink_number(sink, "copy", bytecode->copy);
	sink_number(sink, "copies", bytecode->copy_count);
	if (disassembly->last >= 0)
		sink_number(sink, "lasti", disassembly->last);
	if (bytecode->copy)
		sink_line(sink, "Copy %" PRId64 " of the instructions, at 0x%" PRIx64 ":", bytecode->copy,
			  bytecode->address);
	if (status == CPEEK_OK)
		status = show_instructions(disassembly, bytecode);
	if (status == CPEEK_OK)
		show_exceptions(disassembly, bytecode);
	if (bytecode->problem) {
		disassembly->session->partial = true;
		sink_string(sink, "problem", bytecode->problem);
		sink_span_format(sink, SINK_MARK, "<%s>", bytecode->problem);
		sink_line(sink, NULL);
	}
	sink_end(sink);
	return status;
}

static enum cpeek_status show_failure(struct disassembly *disassembly, const char *member, target_addr address,
				      const char *why)
{
	struct sink *sink = disassembly->sink;

	disassembly->session->partial = true;
	sink_object(sink, NULL);
	if (member)
		sink_string(sink, "member", member);
	sink_address(sink, "address", address);
	sink_string(sink, "problem", why);
	sink_end(sink);
	sink_span_format(sink, SINK_MARK, "<0x%" PRIx64 ": %s>", address, why);
	sink_line(sink, NULL);
	return CPEEK_OK;
}

static enum cpeek_status show_code(struct disassembly *disassembly, target_addr code, size_t index)
{
	struct cpeek_session *session = disassembly->session;
	const bool first = disassembly->first;
	const char *member = disassembly->nodes.items[index].name;
	struct bytecode bytecode;

	disassembly->first = false;
	enum cpeek_status status = bytecode_read(session->objects, code, disassembly->copy, &bytecode);
	if (status_is_fatal(status))
		return status;
	if (status != CPEEK_OK && first)
		return error_set(&session->error, status,
				 "the instructions of the code object at 0x%" PRIx64 " (copy %" PRId64
				 ") cannot be read",
				 code, disassembly->copy);
	if (status != CPEEK_OK)
		return show_failure(disassembly, member, code, "its instructions cannot be read");
	status = show_bytecode(disassembly, &bytecode, member);
	disassembly->last = -1;
	disassembly->copy = 0;
	if (status == CPEEK_OK && disassembly->recursive && bytecode.opcodes->style.recursive)
		status = push_nested(disassembly, &bytecode, index);
	bytecode_deinit(&bytecode);
	return status;
}

/* ---- Classes, modules, instances: what has a __dict__ ---- */

struct entry {
	const char *name;
	size_t length;
	target_addr value;
};

static int compare_members(const void *left, const void *right)
{
	const struct entry *a = left, *b = right;
	const size_t shorter = a->length < b->length ? a->length : b->length;
	const int order = memcmp(a->name, b->name, shorter);

	return order ? order : (a->length > b->length) - (a->length < b->length);
}

/* _have_code of Lib/dis.py. */
static bool has_code(struct objects *objects, target_addr value)
{
	uint64_t address;
	const struct type *type;

	if (field_read(objects, value, FIELD_PyObject_ob_type, &address) != CPEEK_OK ||
	    type_read(objects, address, &type) != CPEEK_OK)
		return false;
	if (type->flags & TYPE_TYPE_SUBCLASS)
		return true;
	for (int i = 0; type && i < DEPTH_MAX; i++, type = type->base_type)
		if (type_is_builtin(type, "method") || type_is_builtin(type, "function") ||
		    type_is_builtin(type, "code") || type_is_builtin(type, "classmethod") ||
		    type_is_builtin(type, "staticmethod"))
			return true;
	return false;
}

static enum cpeek_status push_items(struct disassembly *disassembly, struct items *items, size_t index)
{
	struct objects *objects = disassembly->session->objects;
	VECTOR(struct entry) members = {0};
	struct item item;
	enum cpeek_status status;

	while ((status = items_next(items, &item)) == CPEEK_OK && disassembly->work++ <= WORK_MAX) {
		if (session_cancelled(disassembly->session)) {
			status = CPEEK_CANCELLED;
			break;
		}
		if (item.value == 0 || !has_code(objects, item.value))
			continue;
		strbuf_clear(&disassembly->text);
		status = objects_tolerate(objects,
					  str_read(objects, item.key, NAME_CHARACTERS, &disassembly->text, NULL));
		const size_t length = disassembly->text.length;
		const char *name = arena_copy(&disassembly->arena, strbuf_text(&disassembly->text), length + 1);
		struct entry *member = name && status == CPEEK_OK ? VECTOR_PUSH(&members) : NULL;
		if (!member) {
			status = status == CPEEK_OK ? CPEEK_NO_MEMORY : status;
			break;
		}
		*member = (struct entry){name, length, item.value};
	}
	status = status == CPEEK_END ? CPEEK_OK : objects_tolerate(objects, status);
	if (members.count)
		qsort(members.items, members.count, sizeof(*members.items), compare_members);
	for (size_t i = members.count; i-- > 0 && status == CPEEK_OK;) {
		const struct entry *member = &members.items[i];
		status = push(disassembly, NODE_BLANK, 0, NULL, index + 1);
		if (status == CPEEK_OK)
			status = push(disassembly, NODE_OBJECT, member->value, member->name, index + 1);
		if (status == CPEEK_OK)
			status = push(disassembly, NODE_HEADING, 0, member->name, index + 1);
	}
	VECTOR_DEINIT(&members);
	return status;
}

/* The namespace of a class, a module, or any object that has one; NOT_FOUND when it has none. */
static enum cpeek_status start_namespace(const struct object *object, struct items *ret)
{
	struct objects *objects = object->objects;
	struct object dict;
	target_addr address;

	if (object->type->flags & TYPE_TYPE_SUBCLASS) {
		const struct type *type;
		TRY(type_read(objects, object->address, &type));
		TRY(type_find_dict(objects, type, &address));
	} else if (type_is_builtin(object->type, "module")) {
		address = object_get(object, FIELD_PyModuleObject_md_dict);
	} else {
		return attributes_start(object, ret);
	}
	TRY(object_read(objects, address, &dict));
	return items_start(&dict, ret);
}

static bool has_namespace(const struct object *object)
{
	return object->type->flags & (TYPE_TYPE_SUBCLASS | TYPE_MANAGED_DICT) || object->type->dictoffset != 0;
}

/* ---- What an expression names ---- */

static bool is_a(const struct type *type, const char *name)
{
	for (int i = 0; type && i < DEPTH_MAX; i++, type = type->base_type)
		if (type_is_builtin(type, name))
			return true;
	return false;
}

/* A class that defines one of the attributes by which dis finds code (types.FunctionType does) is taken for a thing that
 * has it: dis then looks at the descriptor. */
static enum cpeek_status find_in_class(struct objects *objects, target_addr address, target_addr *ret)
{
	static const char *const names[] = {"__func__", "__code__", "gi_code", "ag_code", "cr_code"};
	const struct type *type;

	TRY(type_read(objects, address, &type));
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		enum cpeek_status status = type_find_attribute(objects, type, names[i], strlen(names[i]), ret);
		if (status != CPEEK_NOT_FOUND)
			return status;
	}
	return CPEEK_NOT_FOUND;
}

/* From a method to its function, from a function or generator to its code. What is none stays what it is. */
static enum cpeek_status find_code(struct objects *objects, target_addr address, target_addr *ret)
{
	static const struct {
		const char *name;
		enum layout_field field;
	} functions[] = {
		{"method", FIELD_PyMethodObject_im_func},
		{"classmethod", FIELD_classmethod_cm_callable},
		{"staticmethod", FIELD_staticmethod_sm_callable},
		{"function", FIELD_PyFunctionObject_func_code},
	};
	struct object object;
	target_addr found;

	for (int step = 0; step < DEPTH_MAX; step++) {
		*ret = address;
		TRY(object_read(objects, address, &object));
		found = 0;
		for (size_t i = 0; i < sizeof(functions) / sizeof(*functions); i++)
			if (is_a(object.type, functions[i].name))
				found = object_get(&object, functions[i].field);
		if (!found && object.type->flags & TYPE_TYPE_SUBCLASS) {
			enum cpeek_status status = find_in_class(objects, address, &found);
			if (status != CPEEK_OK)
				return status == CPEEK_NOT_FOUND ? CPEEK_OK : status;
			*ret = found;
			return CPEEK_OK;
		}
		if (!found) {
			enum cpeek_status status = generator_find_code(&object, &found);
			if (status != CPEEK_OK)
				return status == CPEEK_NOT_FOUND ? CPEEK_OK : status;
		}
		address = found;
	}
	return CPEEK_CORRUPT;
}

static const char *bare_name(const struct type *type)
{
	const char *dot = strrchr(type->tp_name, '.');

	return dot && !(type->flags & TYPE_HEAPTYPE) ? dot + 1 : type->tp_name;
}

static enum cpeek_status show_object(struct disassembly *disassembly, size_t index)
{
	const struct node node = disassembly->nodes.items[index];
	struct cpeek_session *session = disassembly->session;
	struct object object;
	target_addr address;
	struct items items;

	enum cpeek_status status = find_code(session->objects, node.address, &address);
	if (status == CPEEK_OK)
		status = object_read(session->objects, address, &object);
	if (status_is_fatal(status))
		return status;
	if (status != CPEEK_OK)
		return show_failure(disassembly, node.name, node.address, "it cannot be read");
	if (type_is_builtin(object.type, "code"))
		return show_code(disassembly, address, index);
	if (has_namespace(&object)) {
		disassembly->first = false;
		status = start_namespace(&object, &items);
		if (status == CPEEK_OK)
			return push_items(disassembly, &items, index);
		if (status == CPEEK_NOT_FOUND)
			return CPEEK_OK;
		return objects_tolerate(session->objects, status);
	}
	sink_object(disassembly->sink, NULL);
	if (node.name)
		sink_string(disassembly->sink, "member", node.name);
	sink_address(disassembly->sink, "address", address);
	sink_string(disassembly->sink, "type", object.type->name);
	sink_end(disassembly->sink);
	sink_line(disassembly->sink, "Sorry: don't know how to disassemble %s objects", bare_name(object.type));
	return CPEEK_OK;
}

static enum cpeek_status show_node(struct disassembly *disassembly, size_t index)
{
	const struct node *node = &disassembly->nodes.items[index];
	struct sink *sink = disassembly->sink;
	const char *why = node->kind == NODE_OBJECT || node->kind == NODE_NESTED ? why_not(disassembly, index) : NULL;

	if (session_cancelled(disassembly->session))
		return CPEEK_CANCELLED;
	if (why)
		return show_failure(disassembly, node->name, node->address, why);
	switch (node->kind) {
	case NODE_BLANK:
		sink_line(sink, NULL);
		return CPEEK_OK;
	case NODE_HEADING:
		sink_span_format(sink, SINK_TITLE, "Disassembly of %s:", node->name);
		sink_line(sink, NULL);
		return CPEEK_OK;
	case NODE_NESTED:
		TRY(put_repr(disassembly, node->address));
		sink_line(sink, NULL);
		sink_span(sink, SINK_TITLE, "Disassembly of ");
		sink_span_bytes(sink, SINK_TITLE, strbuf_text(&disassembly->text), disassembly->text.length);
		sink_span(sink, SINK_TITLE, ":");
		sink_line(sink, NULL);
		return show_code(disassembly, node->address, index);
	case NODE_OBJECT:
		return show_object(disassembly, index);
	}
	return CPEEK_OK;
}

static enum cpeek_status show_all(struct disassembly *disassembly)
{
	enum cpeek_status status = CPEEK_OK;

	while (disassembly->stack.count && status == CPEEK_OK) {
		const size_t index = disassembly->stack.items[--disassembly->stack.count];
		status = show_node(disassembly, index);
	}
	return status;
}

/* ---- The command ---- */

/* What is shown of a frame: its code alone, with the instruction that it is at, in the copy that it runs. */
static enum cpeek_status start_frame(struct disassembly *disassembly, const struct frame *frame)
{
	struct cpeek_session *session = disassembly->session;
	int64_t copy = 0;

	enum cpeek_status status = frame_read_instruction(session->objects, frame, &disassembly->last, &copy);
	if (status_is_fatal(status))
		return status;
	if (status != CPEEK_OK || frame->status != CPEEK_OK)
		return error_set(&session->error, status == CPEEK_OK ? frame->status : status,
				 "the code of the frame at 0x%" PRIx64 " cannot be read", frame->address);
	if (disassembly->copy < 0)
		disassembly->copy = copy;
	disassembly->recursive = false;
	return push(disassembly, NODE_OBJECT, frame->code, NULL, 0);
}

/* Whether dis would take it. */
static enum cpeek_status check(struct cpeek_session *session, target_addr address)
{
	struct object object;
	target_addr code;

	enum cpeek_status status = find_code(session->objects, address, &code);
	if (status == CPEEK_OK)
		status = object_read(session->objects, code, &object);
	if (status_is_fatal(status))
		return status;
	if (status != CPEEK_OK)
		return error_set(&session->error, status, "0x%" PRIx64 ": no code that can be read is there", address);
	if (!type_is_builtin(object.type, "code") && !has_namespace(&object))
		return error_set(&session->error, CPEEK_USAGE, "don't know how to disassemble %s objects",
				 bare_name(object.type));
	return CPEEK_OK;
}

static enum cpeek_status start_expression(struct disassembly *disassembly, const char *text, target_addr *ret)
{
	struct cpeek_session *session = disassembly->session;
	struct object object;
	struct frame frame;

	TRY(expression_evaluate(session, text, ret));
	enum cpeek_status status = object_read(session->objects, *ret, &object);
	if (status_is_fatal(status))
		return status;
	if (status != CPEEK_OK)
		return error_set(&session->error, status, "0x%" PRIx64 ": no object that can be read is there", *ret);
	if (!type_is_builtin(object.type, "frame")) {
		TRY(check(session, *ret));
		return push(disassembly, NODE_OBJECT, *ret, NULL, 0);
	}
	status = frame_of_object(&object, &frame);
	if (status != CPEEK_OK)
		return error_set(&session->error, status, "0x%" PRIx64 ": the frame cannot be read", *ret);
	return start_frame(disassembly, &frame);
}

static enum cpeek_status start(struct disassembly *disassembly, const struct arguments *arguments, target_addr *ret)
{
	const struct frame *frame;

	if (arguments->items[ARGUMENT_COPY].given)
		disassembly->copy = (int64_t)(arguments->items[ARGUMENT_COPY].number & INT32_MAX);
	if (arguments->items[ARGUMENT_EXPR].given) {
		TRY(start_expression(disassembly, arguments->items[ARGUMENT_EXPR].text, ret));
	} else {
		TRY(session_frame(disassembly->session, &frame));
		*ret = frame->address;
		TRY(start_frame(disassembly, frame));
	}
	if (disassembly->copy < 0)
		disassembly->copy = 0;
	return CPEEK_OK;
}

static enum cpeek_status run(struct cpeek_session *session, const struct arguments *arguments, struct sink *sink)
{
	struct disassembly disassembly = {
		.session = session,
		.sink = sink,
		.limits = show_limits(session, SHOW_FULL),
		.copy = -1,
		.last = -1,
		.first = true,
		.recursive = true,
	};
	target_addr address = 0;

	if (!opcodes_find(session->objects->layout))
		return error_set(&session->error, CPEEK_UNSUPPORTED,
				 "no bytecode table is known for this CPython: tools/mkopcodes makes one");
	enum cpeek_status status = start(&disassembly, arguments, &address);
	if (status == CPEEK_OK) {
		sink_object(sink, NULL);
		sink_address(sink, "address", address);
		sink_array(sink, "disassembly");
		status = show_all(&disassembly);
		sink_end(sink);
		sink_end(sink);
	}
	VECTOR_DEINIT(&disassembly.nodes);
	VECTOR_DEINIT(&disassembly.stack);
	strbuf_deinit(&disassembly.text);
	arena_deinit(&disassembly.arena);
	return status;
}

static const struct cpeek_argument dis_arguments[] = {
	[ARGUMENT_COPY] = {"--copy", "which copy of the instructions: free-threaded builds have one for each thread",
			   CPEEK_ARGUMENT_NUMBER, 0},
	[ARGUMENT_EXPR] =
		{"EXPR",
		 "a function, method, code object, generator, coroutine, frame, class or module, as for print; "
		 "without it the selected frame",
		 CPEEK_ARGUMENT_REST, 0},
};

const struct command command_dis = {
	.description =
		{
			.name = "dis",
			.usage = "dis [--copy N] [EXPR]",
			.summary = "Bytecode as it stands in memory",
			.help = "Shows the instructions of a function, a code object or all functions of a class as "
				"the "
				"target's own dis.dis(…, adaptive=True, show_caches=True) prints them: specialised, "
				"with "
				"inline caches, line numbers, jump targets and the exception table (before 3.11 as "
				"dis.dis() does). Of a frame, \"-->\" marks the instruction that it is at.\n\n"
				"A free-threaded Python (3.14 and later) gives each thread a copy of the "
				"instructions: a "
				"frame shows the one that it runs, all else copy 0, the code object's own.",
			.arguments = dis_arguments,
			.argument_count = sizeof(dis_arguments) / sizeof(*dis_arguments),
		},
	.run = run,
};
