/*
 * Code objects. Knows PyCodeObject in every version: arguments, names, where its instructions and lines are.
 */
#include "stack/code.h"
#include "stack/lines.h"

#include <string.h>

enum {
	UNIT = 2,                      /* bytes of an instruction */
	NAME_CHARACTERS_MAX = 1 << 16, /* a longer name is cut */
};

bool type_is_builtin(const struct type *type, const char *name)
{
	return !(type->flags & TYPE_HEAPTYPE) && (!type->name_known || strcmp(type->tp_name, name) == 0);
}

static enum cpeek_status span_read(struct objects *objects, target_addr address, uint64_t subclass,
				   enum layout_field data, struct span *ret)
{
	struct object object;

	TRY(object_read(objects, address, &object));
	if (!(object.type->flags & subclass) || object.ob_size < 0)
		return CPEEK_CORRUPT;
	ret->data = object_field_address(&object, data);
	ret->size = (uint64_t)object.ob_size;
	return CPEEK_OK;
}

enum cpeek_status span_of_tuple(struct objects *objects, target_addr address, struct span *ret)
{
	return span_read(objects, address, TYPE_TUPLE_SUBCLASS, FIELD_PyTupleObject_ob_item, ret);
}

enum cpeek_status span_of_bytes(struct objects *objects, target_addr address, struct span *ret)
{
	return span_read(objects, address, TYPE_BYTES_SUBCLASS, FIELD_PyBytesObject_ob_sval, ret);
}

void words_init(struct words *words, struct target *target, target_addr address)
{
	words->target = target;
	words->address = address;
	words->first = words->count = 0;
}

enum cpeek_status words_read(struct words *words, uint64_t index, uint64_t end, uint64_t *ret)
{
	const size_t size = words->target->pointer_size;

	if (index < words->first || index - words->first >= words->count) {
		uint64_t count = sizeof(words->buffer) / size;
		size_t length;
		if (count > end - index)
			count = end - index;
		words->count = 0;
		TRY(target_read_some(words->target, words->address + index * size, words->buffer, (size_t)count * size,
				     &length));
		words->first = index;
		words->count = length / size;
		if (words->count == 0)
			return CPEEK_FAULT;
	}
	*ret = target_get_pointer(words->target, words->buffer + (index - words->first) * size);
	return CPEEK_OK;
}

static uint64_t count_arguments(const struct object *object, uint64_t flags)
{
	/* co_argcount counts the positional-only ones too */
	return object_get(object, FIELD_PyCodeObject_co_argcount) +
	       object_get(object, FIELD_PyCodeObject_co_kwonlyargcount) + (flags & CODE_VARARGS ? 1 : 0) +
	       (flags & CODE_VARKEYWORDS ? 1 : 0);
}

/* To 3.10 the instructions are a bytes object, and the variables are in three tuples. What of them cannot be had
 * leaves the rest of use. */
static enum cpeek_status read_apart(const struct object *object, struct code *code)
{
	struct objects *objects = object->objects;
	struct span instructions, cells = {0}, frees = {0};

	code->names = object_get(object, FIELD_PyCodeObject_co_varnames);
	code->cells = object_get(object, FIELD_PyCodeObject_co_cellvars);
	code->frees = object_get(object, FIELD_PyCodeObject_co_freevars);
	code->cell_arguments = object_get(object, FIELD_PyCodeObject_co_cell2arg);
	enum cpeek_status status =
		span_of_bytes(objects, object_get(object, FIELD_PyCodeObject_co_code), &instructions);
	if (status == CPEEK_OK)
		code->length = (int64_t)instructions.size;
	TRY(objects_tolerate(objects, status));
	TRY(objects_tolerate(objects, span_of_tuple(objects, code->cells, &cells)));
	TRY(objects_tolerate(objects, span_of_tuple(objects, code->frees, &frees)));
	code->slots = code->locals + cells.size + frees.size;
	return CPEEK_OK;
}

static void read_inline(const struct object *object, struct code *code)
{
	code->instructions = object_field_address(object, FIELD_PyCodeObject_co_code_adaptive);
	if (object->ob_size >= 0 && object->ob_size <= INT32_MAX)
		code->length = object->ob_size * UNIT;
	code->first_traceable = object_get_signed(object, FIELD_PyCodeObject__co_firsttraceable) * UNIT;
	code->names = object_get(object, FIELD_PyCodeObject_co_localsplusnames);
	code->kinds = object_get(object, FIELD_PyCodeObject_co_localspluskinds);
	code->slots = object_get(object, FIELD_PyCodeObject_co_nlocalsplus);
}

enum cpeek_status code_find_bytecode(struct objects *objects, const struct code *code, int64_t index, target_addr *ret)
{
	const struct layout *layout = objects->layout;
	uint64_t array, size;

	if (index == 0 || !layout_has(layout, FIELD_PyCodeObject_co_tlbc)) {
		*ret = code->instructions;
		return CPEEK_OK;
	}
	TRY(field_read(objects, code->address, FIELD_PyCodeObject_co_tlbc, &array));
	TRY(field_read(objects, array, FIELD__PyCodeArray_size, &size));
	if (index < 0 || (uint64_t)index >= size)
		return CPEEK_CORRUPT;
	return target_read_pointer(objects->target,
				   array + layout_offset(layout, FIELD__PyCodeArray_entries) +
					   (uint64_t)index * layout->pointer_size,
				   ret);
}

enum cpeek_status code_read(struct objects *objects, target_addr address, struct code *ret)
{
	const struct layout *layout = objects->layout;
	struct object object;

	TRY(object_read(objects, address, &object));
	if (!type_is_builtin(object.type, "code"))
		return CPEEK_CORRUPT;
	struct code code = {
		.address = address,
		.lines = object_get(&object, layout_trait(layout, TRAIT_LNOTAB) ? FIELD_PyCodeObject_co_lnotab
										: FIELD_PyCodeObject_co_linetable),
		.length = -1,
		.first_line = object_get_signed(&object, FIELD_PyCodeObject_co_firstlineno),
		.flags = object_get(&object, FIELD_PyCodeObject_co_flags),
		.locals = object_get(&object, FIELD_PyCodeObject_co_nlocals),
		.stack_size = object_get(&object, FIELD_PyCodeObject_co_stacksize),
	};
	code.arguments = count_arguments(&object, code.flags);
	if (layout_has(layout, FIELD_PyCodeObject_co_code_adaptive))
		read_inline(&object, &code);
	else
		TRY(read_apart(&object, &code));
	*ret = code;
	return CPEEK_OK;
}

/* ---- Positions ---- */

struct line_bytes {
	struct target *target;
	target_addr data;
};

static enum cpeek_status read_line_bytes(void *arg, uint64_t offset, void *buffer, size_t length)
{
	const struct line_bytes *bytes = arg;

	return target_read(bytes->target, bytes->data + offset, buffer, length);
}

static enum cpeek_status open_lines(struct objects *objects, const struct code *code, struct line_bytes *bytes,
				    struct lines *ret)
{
	const struct layout *layout = objects->layout;
	struct span table;

	TRY(span_of_bytes(objects, code->lines, &table));
	*bytes = (struct line_bytes){objects->target, table.data};
	*ret = (struct lines){
		.form = layout_trait(layout, TRAIT_LNOTAB)   ? LINES_LNOTAB
			: layout_trait(layout, TRAIT_PEP626) ? LINES_PEP626
							     : LINES_LOCATIONS,
		.first_line = code->first_line,
		.size = table.size,
		.read = read_line_bytes,
		.arg = bytes,
	};
	return CPEEK_OK;
}

enum cpeek_status code_walk_lines(struct objects *objects, const struct code *code, bool past_end, line_range_fn found,
				  void *arg)
{
	struct line_bytes bytes;
	struct lines lines;

	TRY(open_lines(objects, code, &bytes, &lines));
	return lines_walk(&lines, code->length < 0 ? INT64_MAX : code->length, past_end, found, arg);
}

enum cpeek_status code_find_position(struct objects *objects, const struct code *code, int64_t byte_offset,
				     struct position *ret)
{
	struct lines lines;

	/* A frame that has not begun stands before the code: at -1 (to 3.9) or one instruction. */
	if (byte_offset < -UNIT || (byte_offset >= 0 && byte_offset % UNIT) ||
	    (code->length >= 0 && byte_offset >= code->length))
		return CPEEK_CORRUPT;
	struct line_bytes bytes;
	TRY(open_lines(objects, code, &bytes, &lines));
	return lines_find(&lines, byte_offset, ret);
}

enum cpeek_status code_read_position(struct objects *objects, target_addr code, int64_t byte_offset,
				     struct position *ret)
{
	struct code read;

	TRY(code_read(objects, code, &read));
	return code_find_position(objects, &read, byte_offset, ret);
}

/* ---- Names ---- */

static enum cpeek_status frame_read_text(struct objects *objects, const struct frame *frame, enum layout_field field,
					 struct strbuf *out)
{
	struct object object;
	uint64_t cut = 0;

	TRY(object_read(objects, frame->code, &object));
	if (!type_is_builtin(object.type, "code"))
		return CPEEK_CORRUPT;
	TRY(str_read(objects, object_get(&object, field), NAME_CHARACTERS_MAX, out, &cut));
	if (cut)
		strbuf_puts(out, "…");
	return CPEEK_OK;
}

enum cpeek_status frame_read_function(struct objects *objects, const struct frame *frame, struct strbuf *out)
{
	return frame_read_text(objects, frame, FIELD_PyCodeObject_co_name, out);
}

enum cpeek_status frame_read_qualname(struct objects *objects, const struct frame *frame, struct strbuf *out)
{
	bool has = layout_has(objects->layout, FIELD_PyCodeObject_co_qualname);

	return frame_read_text(objects, frame, has ? FIELD_PyCodeObject_co_qualname : FIELD_PyCodeObject_co_name, out);
}

enum cpeek_status frame_read_filename(struct objects *objects, const struct frame *frame, struct strbuf *out)
{
	return frame_read_text(objects, frame, FIELD_PyCodeObject_co_filename, out);
}
