/*
 * module explained: its namespace, the definition that C code gave it, and its state.
 */
#include "object/module_dissect.h"
#include "object/definition_dissect.h"
#include "object/type_dissect.h"

#include <inttypes.h>
#include <string.h>

enum { DEFINITIONS_MAX = 4096 };

static target_addr get(const struct dissection *dissection, target_addr structure, enum layout_field field)
{
	uint64_t value;

	return layout_has(dissection->objects->layout, field) &&
			       field_read(dissection->objects, structure, field, &value) == CPEEK_OK
		       ? value
		       : 0;
}

static void explain_methods(struct dissection *dissection, target_addr list)
{
	const uint32_t size = dissection->objects->layout->structs[STRUCT_PyMethodDef];
	uint64_t left = 0;

	if (!list || !size)
		return;
	dissect_open_table(dissection, "m_methods: the functions that C code gave it");
	for (uint64_t i = 0; i < DEFINITIONS_MAX; i++) {
		const target_addr at = list + i * size, name = get(dissection, at, FIELD_PyMethodDef_ml_name);
		if (!name)
			break;
		if (dissect_is_full(dissection)) {
			left++;
			continue;
		}
		dissect_cell_text(dissection, "name", "%s", definition_string(dissection, name));
		dissect_cell_text(dissection, "function", "%s",
				  dissect_function(dissection, get(dissection, at, FIELD_PyMethodDef_ml_meth)));
		dissect_cell_text(dissection, "flags", "%s",
				  type_method_flags_text(dissection, get(dissection, at, FIELD_PyMethodDef_ml_flags) &
									     UINT32_MAX));
		dissect_end_row(dissection);
	}
	if (left)
		dissect_cut(dissection, left, "functions");
}

/* PyModuleDef_Slot of Include/moduleobject.h: a number and what it means. */
static void explain_slots(struct dissection *dissection, target_addr list)
{
	static const char *const names[] = {NULL, "Py_mod_create", "Py_mod_exec", "Py_mod_multiple_interpreters",
					    "Py_mod_gil"};
	const uint32_t size = dissection->objects->layout->structs[STRUCT_PyModuleDef_Slot];

	if (!list || !size)
		return;
	dissect_open_table(dissection, "m_slots: how it is made (multi-phase initialisation)");
	for (uint64_t i = 0; i < DEFINITIONS_MAX && !dissect_is_full(dissection); i++) {
		const target_addr at = list + i * size;
		const uint64_t slot = get(dissection, at, FIELD_PyModuleDef_Slot_slot) & UINT32_MAX;
		const target_addr value = get(dissection, at, FIELD_PyModuleDef_Slot_value);
		if (!slot)
			break;
		dissect_cell(dissection, "slot", DISSECT_UNSIGNED, slot);
		dissect_cell_text(dissection, "name", "%s", slot < sizeof(names) / sizeof(*names) ? names[slot] : "");
		dissect_cell_text(dissection, "value", "%s",
				  slot <= 2 ? dissect_function(dissection, value)
					    : dissect_text(dissection, "%" PRIu64, value));
		dissect_end_row(dissection);
	}
}

static void explain_definition(struct dissection *dissection, target_addr definition)
{
	const struct layout *layout = dissection->objects->layout;

	if (!definition || !layout->structs[STRUCT_PyModuleDef])
		return;
	const uint64_t size = get(dissection, definition, FIELD_PyModuleDef_m_size);
	dissect_open_block(dissection, "md_def", STRUCT_PyModuleDef, definition, layout->structs[STRUCT_PyModuleDef]);
	dissect_field(dissection, DISSECT_NUMBER, FIELD_PyModuleDef_m_index,
		      "of single-phase modules: where the interpreter keeps them");
	dissect_field(dissection, DISSECT_OBJECT, FIELD_PyModuleDef_m_copy,
		      "of single-phase modules: their namespace as it was after the first import");
	definition_string_field(dissection, definition, FIELD_PyModuleDef_m_name);
	definition_string_field(dissection, definition, FIELD_PyModuleDef_m_doc);
	dissect_field(dissection, DISSECT_NUMBER, FIELD_PyModuleDef_m_size, "%s",
		      (int64_t)size < 0 || size == UINT32_MAX ? "its state is in global variables of C"
		      : size                                  ? "bytes of md_state"
							      : "it has no state");
	dissect_field(dissection, DISSECT_POINTER, FIELD_PyModuleDef_m_methods, "PyMethodDef[]");
	dissect_field(dissection, DISSECT_POINTER, FIELD_PyModuleDef_m_slots, "PyModuleDef_Slot[]");
	definition_function_field(dissection, definition, FIELD_PyModuleDef_m_traverse);
	definition_function_field(dissection, definition, FIELD_PyModuleDef_m_clear);
	definition_function_field(dissection, definition, FIELD_PyModuleDef_m_free);
	explain_methods(dissection, get(dissection, definition, FIELD_PyModuleDef_m_methods));
	explain_slots(dissection, get(dissection, definition, FIELD_PyModuleDef_m_slots));
}

enum cpeek_status module_dissect(const struct object *object, struct dissection *dissection)
{
	static const char *const names[] = {"__name__", "__spec__", "__loader__", "__file__", "__package__"};
	const target_addr definition = object_get(object, FIELD_PyModuleObject_md_def);
	static const enum layout_field functions[] = {
		FIELD_PyModuleObject_md_state_traverse, FIELD_PyModuleObject_md_state_clear,
		FIELD_PyModuleObject_md_state_free, FIELD_PyModuleObject_md_exec};

	dissect_field(dissection, DISSECT_OBJECT, FIELD_PyModuleObject_md_dict, "__dict__: the namespace");
	dissect_field(dissection, DISSECT_POINTER, FIELD_PyModuleObject_md_def, "%s",
		      definition ? "PyModuleDef: it was made by C code" : "no C code made it");
	dissect_field(dissection, DISSECT_POINTER, FIELD_PyModuleObject_md_state, "memory that its C code keeps");
	dissect_field(dissection, DISSECT_NUMBER, FIELD_PyModuleObject_md_state_size, "bytes of md_state");
	dissect_field(dissection, DISSECT_POINTER, FIELD_PyModuleObject_md_weaklist, "weak references to it");
	dissect_field(dissection, DISSECT_OBJECT, FIELD_PyModuleObject_md_name,
		      "the name, while its __dict__ has none");
	dissect_field(dissection, DISSECT_POINTER, FIELD_PyModuleObject_md_token,
		      "by which C code knows its modules again");
	for (size_t i = 0; i < sizeof(functions) / sizeof(*functions); i++)
		definition_function_field(dissection, object->address, functions[i]);
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		target_addr found;
		if (attribute_find(object, names[i], strlen(names[i]), &found) == CPEEK_OK)
			dissect_fact_object(dissection, names[i], found);
	}
	explain_definition(dissection, definition);
	return CPEEK_OK;
}
