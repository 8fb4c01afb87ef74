/*
 * code: what functions run. Its lines and variables are the business of stack/code.c.
 */
#include "object/phrase.h"

#include <inttypes.h>

/* code_repr() of Objects/codeobject.c */
static enum cpeek_status code_decode(const struct object *object, struct value *value)
{
	struct objects *objects = object->objects;
	const int64_t line = object_get_signed(object, FIELD_PyCodeObject_co_firstlineno);

	value_text(value, "<code object ");
	value_str(value, objects, object_get(object, FIELD_PyCodeObject_co_name));
	value_format(value, " at 0x%" PRIx64 ", file \"", object->address);
	value_str(value, objects, object_get(object, FIELD_PyCodeObject_co_filename));
	value_format(value, "\", line %" PRId64 ">", line ? line : -1);
	return CPEEK_OK;
}

/* In free-threaded builds it is collectable, and code_traverse() visits co_consts. All else is hidden from the collector,
 * and in other builds that too. */
static enum cpeek_status code_edges(const struct object *object, struct edges *edges)
{
	static const enum layout_field fields[] = {
		FIELD_PyCodeObject_co_names,
		FIELD_PyCodeObject_co_code,
		FIELD_PyCodeObject_co_varnames,
		FIELD_PyCodeObject_co_freevars,
		FIELD_PyCodeObject_co_cellvars,
		FIELD_PyCodeObject_co_localsplusnames,
		FIELD_PyCodeObject_co_localspluskinds,
		FIELD_PyCodeObject_co_filename,
		FIELD_PyCodeObject_co_name,
		FIELD_PyCodeObject_co_qualname,
		FIELD_PyCodeObject_co_lnotab,
		FIELD_PyCodeObject_co_linetable,
		FIELD_PyCodeObject_co_exceptiontable,
		FIELD_PyCodeObject__co_code,
	};
	static const enum layout_field cached[] = {
		FIELD__PyCoCached__co_code,
		FIELD__PyCoCached__co_varnames,
		FIELD__PyCoCached__co_cellvars,
		FIELD__PyCoCached__co_freevars,
	};
	const struct layout *layout = object->objects->layout;

	edges_add_field(edges, object, FIELD_PyCodeObject_co_consts);
	for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++)
		edges_add_hidden(edges, object, fields[i]);
	target_addr cache = object_get(object, FIELD_PyCodeObject__co_cached);
	for (size_t i = 0; cache && i < sizeof(cached) / sizeof(*cached); i++) {
		uint64_t value;
		if (!layout_has(layout, cached[i]))
			continue;
		TRY(field_read(object->objects, cache, cached[i], &value));
		edges_add(edges, EDGE_FIELD, value, layout_field_name(cached[i]), 0, false);
	}
	return CPEEK_OK;
}

/* To 3.10: the parts that lie elsewhere, code_sizeof(). */
static enum cpeek_status size_of_parts(const struct object *object, uint64_t *ret)
{
	struct objects *objects = object->objects;
	const struct layout *layout = objects->layout;
	const target_addr cells = object_get(object, FIELD_PyCodeObject_co_cellvars);
	uint64_t size = 0, count;

	if (object_get(object, FIELD_PyCodeObject_co_cell2arg) && cells) {
		TRY(field_read(objects, cells, FIELD_PyVarObject_ob_size, &count));
		size += count * layout->pointer_size;
	}
	if (object_get(object, FIELD_PyCodeObject_co_opcache)) {
		TRY(field_read(objects, object_get(object, FIELD_PyCodeObject_co_code), FIELD_PyVarObject_ob_size,
			       &count));
		/* a byte of co_opcache_map for each instruction of two */
		size += count / 2 +
			object_get(object, FIELD_PyCodeObject_co_opcache_size) * layout->structs[STRUCT__PyOpcache];
	}
	*ret = size;
	return CPEEK_OK;
}

static enum cpeek_status code_size(const struct object *object, uint64_t *ret)
{
	struct objects *objects = object->objects;
	const struct layout *layout = objects->layout;
	const uint64_t align = layout->pointer_size - 1;
	const target_addr extra = object_get(object, FIELD_PyCodeObject_co_extra);
	uint64_t size = (uint64_t)object->type->basicsize, parts = 0, count;

	/* From 3.11 the instructions are inside, their number is ob_size */
	if (object->type->itemsize && object->ob_size > 0)
		size = (size + (uint64_t)object->ob_size * (uint64_t)object->type->itemsize + align) & ~align;
	TRY(size_of_parts(object, &parts));
	if (extra) {
		TRY(field_read(objects, extra, FIELD__PyCodeObjectExtra_ce_size, &count));
		size += layout->structs[STRUCT__PyCodeObjectExtra] + (count - 1) * layout->pointer_size;
	}
	*ret = size + parts;
	return CPEEK_OK;
}

static enum cpeek_status code_dissect(const struct object *object, struct dissection *dissection)
{
	return object->objects->frames->dissect(object, dissection);
}

const struct object_type object_type_code = {
	.name = "code",
	.structure = STRUCT_PyObject, /* from 3.11 tp_basicsize leaves the instructions at its end out */
	.decode = code_decode,
	.edges = code_edges,
	.size = code_size,
	.dissect = code_dissect,
};
