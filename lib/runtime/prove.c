/*
 * A layout is used only after it was proved on the target: pointers that must lead back to where they came from,
 * a type that is its own type. From 3.13 on, _Py_DebugOffsets has the last word on the fields that it names.
 */
#include "base/memory.h"
#include "runtime/internal.h"

#include <stdio.h>
#include <string.h>

enum { DICT_SUBCLASS_BIT = 29, TYPE_SUBCLASS_BIT = 31 }; /* Py_TPFLAGS_…_SUBCLASS, Include/object.h */

/* Members of _Py_DebugOffsets (Include/internal/pycore_runtime.h 3.13, pycore_debug_offsets.h 3.14) and the fields of
 * ours that they give the offset of. */
static const struct {
	enum layout_field told, field;
} overlay[] = {
#define OVERLAY(member, field) {FIELD__Py_DebugOffsets_##member, FIELD_##field},
#include "runtime/overlay.def"
#undef OVERLAY
};

/* Its members that tell how big a structure is. A table that says otherwise was made from another build: of Py_DEBUG, or
 * of a version that moved fields. */
static const struct {
	enum layout_field told;
	enum layout_struct structure;
} sizes[] = {
	{FIELD__Py_DebugOffsets_interpreter_state_size, STRUCT_PyInterpreterState},
	{FIELD__Py_DebugOffsets_runtime_state_size, STRUCT__PyRuntimeState},
	{FIELD__Py_DebugOffsets_interpreter_frame_size, STRUCT__PyInterpreterFrame},
	{FIELD__Py_DebugOffsets_pyobject_size, STRUCT_PyObject},
};

static bool sizes_agree(const struct python *python, char *failed_check, size_t size)
{
	uint64_t told = 0;

	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		const uint32_t known = python->layout->structs[sizes[i].structure];
		if (!layout_has(python->layout, sizes[i].told) ||
		    (runtime_read(python, python->runtime, sizes[i].told, &told) == CPEEK_OK && told == known))
			continue;
		(void)snprintf(failed_check, size, "_Py_DebugOffsets gives %s %llu bytes, not %u",
			       layout_struct_name(sizes[i].structure), (unsigned long long)told, known);
		return false;
	}
	return true;
}

bool overlay_tells(const struct layout *layout, enum layout_field field)
{
	if (field > FIELD_PyInterpreterState_gc && field <= FIELD_PyInterpreterState_gc_frame)
		field = FIELD_PyInterpreterState_gc; /* they move along */
	for (size_t i = 0; i < sizeof(overlay) / sizeof(*overlay); i++)
		if (overlay[i].field == field && layout_has(layout, overlay[i].told))
			return true;
	return false;
}

/* Lays _Py_DebugOffsets over the table; writes the names of fields that differ to differences. */
static enum cpeek_status overlay_debug_offsets(struct python *python, char *differences, size_t size)
{
	const struct layout *table = python->layout;
	struct layout *copy = NULL;
	uint64_t told;

	differences[0] = '\0';
	memory_free(python->overlay);
	python->overlay = NULL;
	if (!layout_has(table, FIELD__Py_DebugOffsets_cookie))
		return CPEEK_OK;
	for (size_t i = 0; i < sizeof(overlay) / sizeof(*overlay); i++) {
		enum layout_field field = overlay[i].field;
		if (!layout_has(table, overlay[i].told) || !layout_has(table, field) ||
		    runtime_read(python, python->runtime, overlay[i].told, &told) != CPEEK_OK ||
		    told == layout_offset(table, field))
			continue;
		if (told > UINT32_MAX - 1)
			return CPEEK_CORRUPT;
		if (!copy) {
			copy = memory_alloc(sizeof(*copy));
			if (!copy)
				return CPEEK_NO_MEMORY;
			*copy = *table;
			python->overlay = copy;
		}
		copy->fields[field].offset_plus_1 = (uint32_t)told + 1;
		size_t used = strlen(differences);
		(void)snprintf(differences + used, size - used, "%s%s", used ? ", " : "", layout_field_name(field));
	}
	if (copy) {
		/* The table tells where `gc` is; what lies inside it moves along. */
		const uint32_t moved = copy->fields[FIELD_PyInterpreterState_gc].offset_plus_1 -
				       table->fields[FIELD_PyInterpreterState_gc].offset_plus_1;
		for (int field = FIELD_PyInterpreterState_gc + 1; field <= FIELD_PyInterpreterState_gc_frame; field++)
			if (copy->fields[field].offset_plus_1)
				copy->fields[field].offset_plus_1 += moved;
		python->layout = copy;
	}
	return CPEEK_OK;
}

static bool reads_pointer(const struct python *python, target_addr addr, enum layout_field field, target_addr *ret)
{
	return runtime_read(python, addr, field, ret) == CPEEK_OK && *ret != 0 &&
	       *ret % python->layout->pointer_size == 0;
}

/* 3.6, which has no such list: the other ones, whose distance tells how big a head is (24 or 32 bytes); without symbols
 * the head of a dict that is tracked tells it. */
static bool young_lists_close(const struct python *python, target_addr interpreter)
{
	target_addr modules;

	if (python->statics.generations)
		return state_are_generations(python, python->statics.generations);
	return reads_pointer(python, interpreter, FIELD_PyInterpreterState_modules, &modules) &&
	       state_is_linked(python, modules - python->layout->structs[STRUCT_PyGC_Head]);
}

/* The list of frozen objects, which no running collection takes apart, must close: head.next.prev is head. Tells apart
 * tables that differ in nothing else (Debian's 3.13 aligns PyGC_Head to 4 bytes). Free-threaded builds have no lists. */
static bool gc_list_closes(const struct python *python, target_addr interpreter)
{
	const struct layout *layout = python->layout;
	target_addr next, prev, head;

	if (layout->free_threaded)
		return true;
	if (!layout_has(layout, FIELD_PyInterpreterState_gc_permanent_generation) &&
	    !layout_has(layout, FIELD__PyRuntimeState_gc_permanent_generation))
		return young_lists_close(python, interpreter);
	if (layout_has(layout, FIELD_PyInterpreterState_gc_permanent_generation))
		head = interpreter + layout_offset(layout, FIELD_PyInterpreterState_gc_permanent_generation);
	else
		head = python->runtime + layout_offset(layout, FIELD__PyRuntimeState_gc_permanent_generation);
	return reads_pointer(python, head, FIELD_PyGC_Head__gc_next, &next) &&
	       reads_pointer(python, next, FIELD_PyGC_Head__gc_prev, &prev) && prev == head;
}

/* The newest interpreter that has a thread state: a subinterpreter may have none while nothing runs in it. */
static bool find_thread(const struct python *python, target_addr *interpreter, target_addr *ret_tstate)
{
	for (int i = 0; i < INTERPRETERS_MAX; i++) {
		if (reads_pointer(python, *interpreter, FIELD_PyInterpreterState_tstate_head, ret_tstate))
			return true;
		if (!reads_pointer(python, *interpreter, FIELD_PyInterpreterState_next, interpreter))
			return false;
	}
	return false;
}

bool prove_lists(const struct python *python)
{
	const struct layout *layout = python->layout;
	const uint32_t stride = layout->structs[STRUCT_gc_generation];
	const target_addr flags = 3; /* in the low bits of both pointers, Include/internal/pycore_gc.h 3.8+ */
	target_addr first, next, back;

	if (layout->free_threaded)
		return true;
	if (layout_has(layout, FIELD_PyInterpreterState_gc_generations)) {
		if (state_find_interpreter(python, &first) != CPEEK_OK)
			return false;
		first += layout_offset(layout, FIELD_PyInterpreterState_gc_generations);
	} else if (layout_has(layout, FIELD__PyRuntimeState_gc_generations)) {
		first = python->runtime + layout_offset(layout, FIELD__PyRuntimeState_gc_generations);
	} else {
		return true; /* 3.6 */
	}
	for (unsigned i = 0; i < 3; i++) { /* NUM_GENERATIONS */
		const target_addr head = first + i * stride;
		if (runtime_read(python, head, FIELD_PyGC_Head__gc_next, &next) != CPEEK_OK ||
		    runtime_read(python, next & ~flags, FIELD_PyGC_Head__gc_prev, &back) != CPEEK_OK ||
		    (back & ~flags) != head)
			return false;
	}
	return true;
}

/* 3.12+: dict, as every static type of the core, has a state in the interpreter, and its number in tp_subclasses
 * (managed_static_type_state_get() in Objects/typeobject.c). */
static bool type_has_state(const struct python *python, target_addr interpreter, target_addr type)
{
	const struct layout *layout = python->layout;
	const uint32_t stride = layout->structs[STRUCT_managed_static_type_state];
	target_addr index, back;

	if (!layout_has(layout, FIELD_PyInterpreterState_types_builtins) ||
	    !layout_has(layout, FIELD_managed_static_type_state_type))
		return true;
	if (runtime_read(python, type, FIELD_PyTypeObject_tp_subclasses, &index) != CPEEK_OK || index == 0 ||
	    index * stride > layout->fields[FIELD_PyInterpreterState_types_builtins].size)
		return false;
	const target_addr state =
		interpreter + layout_offset(layout, FIELD_PyInterpreterState_types_builtins) + (index - 1) * stride;
	return reads_pointer(python, state, FIELD_managed_static_type_state_type, &back) && back == type;
}

/* NULL, or the check that failed. */
static const char *failed(const struct python *python)
{
	target_addr interpreter, tstate, back, modules, dict_type, type_type;
	uint64_t flags;

	if (state_find_interpreter(python, &interpreter) != CPEEK_OK || interpreter == 0 ||
	    interpreter % python->layout->pointer_size)
		return "_PyRuntime.interpreters.head points nowhere (it may not be initialised)";
	if (!find_thread(python, &interpreter, &tstate))
		return "no interpreter has a thread state";
	if (!reads_pointer(python, tstate, FIELD_PyThreadState_interp, &back) || back != interpreter)
		return "the thread state does not point back to its interpreter";
	if (!reads_pointer(python, interpreter, FIELD_PyInterpreterState_modules, &modules))
		return "the interpreter has no sys.modules";
	if (!reads_pointer(python, modules, FIELD_PyObject_ob_type, &dict_type) ||
	    runtime_read(python, dict_type, FIELD_PyTypeObject_tp_flags, &flags) != CPEEK_OK ||
	    !(flags >> DICT_SUBCLASS_BIT & 1))
		return "sys.modules is not a dict";
	if (!reads_pointer(python, dict_type, FIELD_PyObject_ob_type, &type_type) ||
	    !reads_pointer(python, type_type, FIELD_PyObject_ob_type, &back) || back != type_type ||
	    runtime_read(python, type_type, FIELD_PyTypeObject_tp_flags, &flags) != CPEEK_OK ||
	    !(flags >> TYPE_SUBCLASS_BIT & 1))
		return "type(type) is not type";
	if (!type_has_state(python, interpreter, dict_type))
		return "the interpreter's state of the type dict is not in its place";
	if (!gc_list_closes(python, interpreter))
		return "the collector's permanent generation is not a closed list";
	return NULL;
}

enum cpeek_status prove_layout(struct python *python, enum prove_sizes sizes_rule, char *failed_check, size_t size)
{
	char differences[RUNTIME_TEXT / 2], disagreement[RUNTIME_TEXT / 2] = "";
	const struct layout *table = python->layout;
	const bool is_table = table != python->derived;

	if (sizes_rule != PROVE_ANY_SIZE && !sizes_agree(python, disagreement, sizeof(disagreement)) &&
	    sizes_rule == PROVE_SIZES) {
		(void)snprintf(failed_check, size, "%s", disagreement);
		return CPEEK_CORRUPT;
	}
	enum cpeek_status status = overlay_debug_offsets(python, differences, sizeof(differences));
	if (status == CPEEK_NO_MEMORY)
		return status;
	const char *check = status == CPEEK_OK ? failed(python) : "_Py_DebugOffsets is out of range";
	if (check) {
		(void)snprintf(failed_check, size, "%s", check);
		return CPEEK_CORRUPT;
	}
	(void)snprintf(python->layout_evidence, sizeof(python->layout_evidence), "%s%s%s%s, %s%s%s%s%s",
		       is_table ? "table " : "", is_table ? table->name : "", is_table ? ", made from " : "",
		       table->source, sizes_rule == PROVE_SIZES ? "proved here" : "forced",
		       disagreement[0] ? " although " : "", disagreement,
		       layout_has(table, FIELD__Py_DebugOffsets_cookie)
			       ? differences[0] ? "; _Py_DebugOffsets differs in " : "; _Py_DebugOffsets agrees"
			       : "",
		       differences);
	return CPEEK_OK;
}
