/*
 * A function explained: its code, defaults, closure with the names of its cells.
 */
#include "stack/dissect.h"

#include <inttypes.h>

enum { CELLS_MAX = 1 << 16 };

/* The names of the free variables stand at the end of the code's slots, in the order of the closure's cells. */
static enum cpeek_status add_closure(struct dissection *dissection, const struct object *object)
{
	struct objects *objects = object->objects;
	struct code code;
	struct code_variables variables;
	struct span cells;
	struct words words;

	const target_addr closure = object_get(object, FIELD_PyFunctionObject_func_closure);
	if (closure == 0)
		return CPEEK_OK;
	TRY(code_read(objects, object_get(object, FIELD_PyFunctionObject_func_code), &code));
	TRY(code_read_variables(objects, &code, &variables));
	TRY(span_of_tuple(objects, closure, &cells));
	const uint64_t count = cells.size < CELLS_MAX ? cells.size : CELLS_MAX;
	dissect_open_table(dissection, "Closure: the cells of its free variables");
	words_init(&words, objects->target, cells.data);
	for (uint64_t i = 0; i < count; i++) {
		target_addr cell;
		uint64_t content;
		uint8_t kind;
		if (dissect_is_full(dissection)) {
			dissect_cut(dissection, cells.size - i, "cells");
			break;
		}
		TRY(words_read(&words, i, count, &cell));
		dissect_cell_text(
			dissection, "name", "%s",
			variables.count >= cells.size
				? code_variable_name(dissection, &variables, variables.count - cells.size + i, &kind)
				: "?");
		dissect_cell(dissection, "cell", DISSECT_POINTER, cell);
		if (field_read(objects, cell, FIELD_PyCellObject_ob_ref, &content) == CPEEK_OK)
			dissect_cell(dissection, "content", DISSECT_OBJECT, content);
		else
			dissect_cell_text(dissection, "content", "<unreadable>");
		dissect_end_row(dissection);
	}
	if (variables.count < cells.size)
		dissect_problem(dissection, "the closure has %" PRIu64 " cells, the code only %" PRIu64 " variables",
				cells.size, variables.count);
	return CPEEK_OK;
}

enum cpeek_status function_dissect(const struct object *object, struct dissection *dissection)
{
	static const struct {
		enum layout_field field;
		const char *meaning;
	} fields[] = {
		{FIELD_PyFunctionObject_func_globals, "the namespace of its module"},
		{FIELD_PyFunctionObject_func_builtins, "the namespace behind that"},
		{FIELD_PyFunctionObject_func_name, "__name__"},
		{FIELD_PyFunctionObject_func_qualname, "__qualname__"},
		{FIELD_PyFunctionObject_func_code, "__code__"},
		{FIELD_PyFunctionObject_func_defaults, "values of the last positional parameters"},
		{FIELD_PyFunctionObject_func_kwdefaults, "values of keyword-only parameters"},
		{FIELD_PyFunctionObject_func_closure, "the cells of its free variables"},
		{FIELD_PyFunctionObject_func_doc, "__doc__"},
		{FIELD_PyFunctionObject_func_dict, "its attributes; NULL: none yet"},
		{FIELD_PyFunctionObject_func_weakreflist, "the newest weak reference to it"},
		{FIELD_PyFunctionObject_func_module, "__module__"},
		{FIELD_PyFunctionObject_func_annotations, "__annotations__, once they are made"},
		{FIELD_PyFunctionObject_func_annotate, "what makes them"},
		{FIELD_PyFunctionObject_func_typeparams, "__type_params__"},
	};
	const struct layout *layout = object->objects->layout;

	for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++)
		dissect_field(dissection, DISSECT_OBJECT, fields[i].field, "%s", fields[i].meaning);
	if (layout_has(layout, FIELD_PyFunctionObject_vectorcall))
		dissect_field(dissection, DISSECT_POINTER, FIELD_PyFunctionObject_vectorcall, "%s",
			      dissect_function(dissection, object_get(object, FIELD_PyFunctionObject_vectorcall)));
	if (layout_has(layout, FIELD_PyFunctionObject_func_version)) {
		const uint64_t version = object_get(object, FIELD_PyFunctionObject_func_version);
		dissect_field(dissection, DISSECT_UNSIGNED, FIELD_PyFunctionObject_func_version,
			      version ? "what specialised calls compare"
				      : "changed, or never called by specialised code");
	}
	return add_closure(dissection, object);
}
