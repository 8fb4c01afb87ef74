/*
 * Layouts for a CPython that no table fits. Objects change seldom within a series, and between two hardly; the
 * runtime's structures change with micro versions. From 3.13 on a target tells the latter itself, in _Py_DebugOffsets:
 * laid over the table of the nearest version they make a layout that shows stacks and plain values.
 * What is not told stays absent, so that nothing is read at a place which nobody vouches for.
 */
#include "base/memory.h"
#include "runtime/internal.h"

#include <stdio.h>
#include <string.h>

enum {
	TYPES_MOVED_MAX = 4096, /* bytes that PyInterpreterState.types is looked for around its place in the table */
	TYPES_INDEX_MAX = 1024,
};

static const enum layout_struct struct_of[LAYOUT_FIELD_COUNT] = {
#define STRUCT(structure, c_name)
#define FIELD(structure, field, c_path) [FIELD_##structure##_##field] = STRUCT_##structure,
#include "layout/fields.def"
#undef STRUCT
#undef FIELD
};

/* Those whose size changes with what a micro version adds to them. */
static bool is_runtime_struct(enum layout_struct structure)
{
	return structure == STRUCT__PyRuntimeState || structure == STRUCT_PyInterpreterState ||
	       structure == STRUCT_PyThreadState;
}

/* What stays in another series' layout: what _Py_DebugOffsets tells of, and what stacks and plain values need beside. */
static const enum layout_struct plain[] = {
	STRUCT_PyObject,
	STRUCT_PyVarObject,
	STRUCT_PyGC_Head,
	STRUCT_PyLongObject,
	STRUCT_PyFloatObject,
	STRUCT_PyBytesObject,
	STRUCT_PyASCIIObject,
	STRUCT_PyCompactUnicodeObject,
	STRUCT_PyUnicodeObject,
	STRUCT_PyListObject,
	STRUCT_PyTupleObject,
	STRUCT_PyDictObject,
	STRUCT_PyDictKeysObject,
	STRUCT_PyDictKeyEntry,
	STRUCT_PyDictUnicodeEntry,
	STRUCT_PyDictValues,
	STRUCT_PyTypeObject,
	STRUCT_PyHeapTypeObject,
	STRUCT_PyMemberDef,
	STRUCT_PyCellObject,
	STRUCT_PyModuleObject,
	STRUCT_PyCodeObject,
	STRUCT__PyCodeArray,
	STRUCT_PyFrameObject,
	STRUCT_PyGenObject,
	STRUCT__PyInterpreterFrame,
	STRUCT__PyStackRef,
	STRUCT_PyThreadState,
	STRUCT_PyInterpreterState,
	STRUCT__PyRuntimeState,
	STRUCT__gil_runtime_state,
	STRUCT__Py_DebugOffsets,
	STRUCT_managed_static_type_state,
	STRUCT_gc_generation,
};

static bool is_plain(enum layout_struct structure)
{
	for (size_t i = 0; i < sizeof(plain) / sizeof(*plain); i++)
		if (plain[i] == structure)
			return true;
	return false;
}

static bool read_told(const struct python *python, enum layout_field field, uint64_t *ret)
{
	return layout_has(python->layout, field) && runtime_read(python, python->runtime, field, ret) == CPEEK_OK;
}

/* Whether the schema of _Py_DebugOffsets is that of this table: what cannot be otherwise must be so, a size covers the
 * offsets that are told with it, and plain objects are as large as the table says. The member that is not as it must be;
 * LAYOUT_FIELD_COUNT: all are. */
static enum layout_field find_misfit(const struct python *python)
{
	const struct layout *layout = python->layout;
	const unsigned word = layout->pointer_size;
	static const struct {
		enum layout_field size, offset;
	} within[] = {
		{FIELD__Py_DebugOffsets_runtime_state_size, FIELD__Py_DebugOffsets_runtime_state_interpreters_head},
		{FIELD__Py_DebugOffsets_interpreter_state_size, FIELD__Py_DebugOffsets_interpreter_state_threads_head},
		{FIELD__Py_DebugOffsets_interpreter_state_size, FIELD__Py_DebugOffsets_interpreter_state_gc},
		{FIELD__Py_DebugOffsets_interpreter_state_size, FIELD__Py_DebugOffsets_interpreter_state_sysdict},
		{FIELD__Py_DebugOffsets_thread_state_size, FIELD__Py_DebugOffsets_thread_state_current_frame},
		{FIELD__Py_DebugOffsets_thread_state_size, FIELD__Py_DebugOffsets_thread_state_thread_id},
		{FIELD__Py_DebugOffsets_interpreter_frame_size, FIELD__Py_DebugOffsets_interpreter_frame_localsplus},
		{FIELD__Py_DebugOffsets_code_object_size, FIELD__Py_DebugOffsets_code_object_linetable},
		{FIELD__Py_DebugOffsets_type_object_size, FIELD__Py_DebugOffsets_type_object_tp_flags},
		{FIELD__Py_DebugOffsets_dict_object_size, FIELD__Py_DebugOffsets_dict_object_ma_values},
	};
	const struct {
		enum layout_field told;
		uint64_t expected;
	} exactly[] = {
		{FIELD__Py_DebugOffsets_thread_state_prev, 0},
		{FIELD__Py_DebugOffsets_thread_state_next, word},
		{FIELD__Py_DebugOffsets_thread_state_interp, 2 * word},
		{FIELD__Py_DebugOffsets_interpreter_frame_executable, 0},
		{FIELD__Py_DebugOffsets_interpreter_frame_previous, word},
		{FIELD__Py_DebugOffsets_pyobject_size, layout->structs[STRUCT_PyObject]},
		{FIELD__Py_DebugOffsets_pyobject_ob_type, layout_offset(layout, FIELD_PyObject_ob_type)},
		{FIELD__Py_DebugOffsets_unicode_object_asciiobject_size, layout->structs[STRUCT_PyASCIIObject]},
	};
	static const struct {
		enum layout_field told;
		enum layout_struct structure;
	} objects[] = {
		{FIELD__Py_DebugOffsets_interpreter_frame_size, STRUCT__PyInterpreterFrame},
		{FIELD__Py_DebugOffsets_code_object_size, STRUCT_PyCodeObject},
		{FIELD__Py_DebugOffsets_type_object_size, STRUCT_PyTypeObject},
		{FIELD__Py_DebugOffsets_heap_type_object_size, STRUCT_PyHeapTypeObject},
		{FIELD__Py_DebugOffsets_dict_object_size, STRUCT_PyDictObject},
		{FIELD__Py_DebugOffsets_list_object_size, STRUCT_PyListObject},
		{FIELD__Py_DebugOffsets_tuple_object_size, STRUCT_PyTupleObject},
		{FIELD__Py_DebugOffsets_long_object_size, STRUCT_PyLongObject},
		{FIELD__Py_DebugOffsets_float_object_size, STRUCT_PyFloatObject},
		{FIELD__Py_DebugOffsets_bytes_object_size, STRUCT_PyBytesObject},
		{FIELD__Py_DebugOffsets_unicode_object_size, STRUCT_PyUnicodeObject},
	};
	uint64_t size, told;

	for (size_t i = 0; i < sizeof(within) / sizeof(*within); i++)
		if (!read_told(python, within[i].size, &size) || !read_told(python, within[i].offset, &told) ||
		    size == 0 || size > UINT32_MAX || told >= size)
			return within[i].offset;
	for (size_t i = 0; i < sizeof(exactly) / sizeof(*exactly); i++)
		if (!read_told(python, exactly[i].told, &told) || told != exactly[i].expected)
			return exactly[i].told;
	for (size_t i = 0; i < sizeof(objects) / sizeof(*objects); i++)
		if (read_told(python, objects[i].told, &told) && told != layout->structs[objects[i].structure])
			return objects[i].told;
	return LAYOUT_FIELD_COUNT;
}

static bool has_cookie(const struct python *python)
{
	char cookie[8];

	return target_probe(python->target, python->runtime, cookie, sizeof(cookie)) &&
	       memcmp(cookie, "xdebugpy", sizeof(cookie)) == 0; /* _Py_Debug_Cookie, pycore_runtime.h 3.13+ */
}

static uint32_t distance(uint32_t a, uint32_t b)
{
	return a > b ? a - b : b - a;
}

static bool may_serve(const struct layout *table, const struct candidate *candidate, unsigned machine)
{
	return table->machine == machine && table->free_threaded == candidate->free_threaded &&
	       layout_has(table, FIELD__Py_DebugOffsets_cookie);
}

/* The table that comes after previous when they are sorted by how near their versions are; NULL after the last one of
 * the nearest series. */
static const struct layout *next_table(const struct candidate *candidate, unsigned machine,
				       const struct layout *previous)
{
	const struct layout *best = NULL, *table;
	const uint32_t version = candidate->version_hex;
	bool passed = !previous;

	for (size_t i = 0; (table = layout_at(i)); i++) {
		/* Of equally near ones, the first comes first. */
		const bool behind = !previous ||
				    distance(table->source_hex, version) > distance(previous->source_hex, version) ||
				    (table->source_hex == previous->source_hex && passed);
		passed |= table == previous;
		if (may_serve(table, candidate, machine) && behind &&
		    (!previous || table->source_hex >> 16 == previous->source_hex >> 16) &&
		    (!best || distance(table->source_hex, version) < distance(best->source_hex, version)))
			best = table;
	}
	return best;
}

/* A table of the interpreter's static types: the entry of one that says its index names that type. */
static bool has_type(const struct python *python, target_addr table, target_addr type)
{
	const uint32_t stride = python->layout->structs[STRUCT_managed_static_type_state];
	uint64_t index, found;

	return runtime_read(python, type, FIELD_PyTypeObject_tp_subclasses, &index) == CPEEK_OK && index != 0 &&
	       index <= TYPES_INDEX_MAX &&
	       runtime_read(python, table + (index - 1) * stride, FIELD_managed_static_type_state_type, &found) ==
		       CPEEK_OK &&
	       found == type;
}

/* Where the dicts of static types are: types.builtins is found around its place in the table by two types of it. */
static void find_types(const struct python *python, const struct layout *table, struct layout *layout)
{
	const struct layout_place place = table->fields[FIELD_PyInterpreterState_types_builtins];
	target_addr interpreter, modules, dict, type;

	if (!place.offset_plus_1 ||
	    runtime_read(python, python->runtime, FIELD__PyRuntimeState_interpreters_head, &interpreter) != CPEEK_OK ||
	    runtime_read(python, interpreter, FIELD_PyInterpreterState_modules, &modules) != CPEEK_OK ||
	    runtime_read(python, modules, FIELD_PyObject_ob_type, &dict) != CPEEK_OK ||
	    runtime_read(python, dict, FIELD_PyObject_ob_type, &type) != CPEEK_OK)
		return;
	for (uint32_t moved = 0; moved < TYPES_MOVED_MAX; moved += layout->pointer_size)
		for (int sign = -1; sign <= 1; sign += 2) {
			const uint32_t at = place.offset_plus_1 - 1 + (uint32_t)sign * moved;
			if (!has_type(python, interpreter + at, dict) || !has_type(python, interpreter + at, type))
				continue;
			layout->fields[FIELD_PyInterpreterState_types_builtins] = place;
			layout->fields[FIELD_PyInterpreterState_types_builtins].offset_plus_1 = at + 1;
			return;
		}
}

/* Takes out what the table alone tells and another version may have elsewhere. */
static void prune(struct layout *layout, bool same_series)
{
	for (int field = 0; field < LAYOUT_FIELD_COUNT; field++)
		if (is_runtime_struct(struct_of[field]) ? !overlay_tells(layout, (enum layout_field)field)
							: !same_series && !is_plain(struct_of[field]))
			layout->fields[field] = (struct layout_place){0};
	for (int structure = 0; !same_series && structure < LAYOUT_STRUCT_COUNT; structure++)
		if (!is_plain((enum layout_struct)structure))
			layout->structs[structure] = 0;
}

static struct layout *replace_derived(struct python *python)
{
	struct layout *layout = memory_calloc(1, sizeof(*layout));

	memory_free(python->derived);
	python->derived = layout;
	return layout;
}

static enum cpeek_status from_debug_offsets(struct python *python, const struct candidate *candidate,
					    const struct layout *table, char *failed_check, size_t size)
{
	const bool same_series = table->source_hex >> 16 == candidate->version_hex >> 16;

	python->layout = table;
	if (!has_cookie(python))
		return CPEEK_NOT_FOUND;
	const enum layout_field wrong = find_misfit(python);
	if (wrong != LAYOUT_FIELD_COUNT) {
		(void)snprintf(failed_check, size, "_Py_DebugOffsets is not as in %s: %s", table->source,
			       layout_field_name(wrong));
		return CPEEK_CORRUPT;
	}
	struct layout *layout = replace_derived(python);
	if (!layout)
		return CPEEK_NO_MEMORY;
	*layout = *table;
	prune(layout, same_series);
	python->layout = layout;
	enum cpeek_status status = prove_layout(python, PROVE_ANY_SIZE, failed_check, size);
	if (status != CPEEK_OK)
		return status;
	if (!prove_lists(python)) {
		(void)snprintf(failed_check, size, "the collector's lists are not where %s has them", table->source);
		return CPEEK_CORRUPT;
	}
	find_types(python, table, python->overlay ? python->overlay : layout);
	python->layout_partial = true;
	(void)snprintf(
		python->layout_evidence, sizeof(python->layout_evidence),
		"no table is for %s: the runtime's structures by _Py_DebugOffsets, proved here; %s from the table "
		"%s (%s), not proved for this version",
		candidate->version, same_series ? "objects" : "plain objects alone", table->name, table->source);
	return CPEEK_OK;
}

enum cpeek_status derive_from_dwarf(struct python *python, const struct candidate *candidate, char *failed_check,
				    size_t size)
{
	struct target *target = python->target;
	const struct target_module *module = target_find_module(target, candidate->address);
	const uint32_t version = candidate->version_hex;

	if (!module)
		return CPEEK_NOT_FOUND;
	struct layout *layout = replace_derived(python);
	if (!layout)
		return CPEEK_NO_MEMORY;
	(void)snprintf(python->derived_name, sizeof(python->derived_name), "%u.%u", version >> 24,
		       version >> 16 & 0xff);
	(void)snprintf(python->derived_source, sizeof(python->derived_source), "the DWARF of %s", module->path);
	layout->name = python->derived_name;
	layout->source = python->derived_source;
	layout->range = (struct layout_range){version, version};
	layout->source_hex = version;
	layout->machine = target->machine;
	layout->pointer_size = target->pointer_size;
	layout->big_endian = target->big_endian;
	layout->debug = candidate->debug;
	python->layout = layout;
	enum cpeek_status status = dwarf_read_layout(target, module, layout);
	if (status == CPEEK_NOT_FOUND)
		(void)snprintf(failed_check, size, "no debug information of %s is here", module->path);
	if (status != CPEEK_OK)
		return status;
	layout->free_threaded = layout_has(layout, FIELD_PyObject_ob_tid);
	if (layout->free_threaded != candidate->free_threaded) {
		(void)snprintf(failed_check, size, "the DWARF of %s is of a build %s free threading", module->path,
			       layout->free_threaded ? "with" : "without");
		return CPEEK_CORRUPT;
	}
	python->statics = candidate->statics;
	state_locate_interpreters(python);
	TRY(prove_layout(python, PROVE_SIZES, failed_check, size));
	return CPEEK_OK;
}

/* The tables of the nearest series in turn. */
static enum cpeek_status from_tables(struct python *python, const struct candidate *candidate, char *failed_check,
				     size_t size)
{
	const unsigned machine = python->target->machine;
	enum cpeek_status status = CPEEK_NOT_FOUND;
	const struct layout *table = NULL;

	while (status != CPEEK_OK && status != CPEEK_NO_MEMORY && (table = next_table(candidate, machine, table)))
		status = from_debug_offsets(python, candidate, table, failed_check, size);
	return status;
}

enum cpeek_status derive_layout(struct python *python, const struct candidate *candidate, char *failed_check,
				size_t size)
{
	enum cpeek_status status = derive_from_dwarf(python, candidate, failed_check, size);
	if (status != CPEEK_NOT_FOUND && status != CPEEK_CORRUPT)
		return status;
	enum cpeek_status second = from_tables(python, candidate, failed_check, size);
	return second == CPEEK_NOT_FOUND ? status : second;
}
