/*
 * Builtin functions and descriptors explained, down to the tables in C code that define them.
 */
#include "object/definition_dissect.h"
#include "object/type_dissect.h"

#include <inttypes.h>
#include <string.h>

enum { TEXT_MAX = 200 };

const char *definition_string(struct dissection *dissection, target_addr address)
{
	char text[TEXT_MAX];

	if (!address)
		return "NULL";
	const enum cpeek_status status = target_read_cstring(dissection->objects->target, address, text, sizeof(text));
	if (status != CPEEK_OK && status != CPEEK_LIMIT)
		return dissect_text(dissection, "<unreadable 0x%" PRIx64 ">", address);
	const size_t line = strcspn(text, "\n"); /* of a text its first line */
	return dissect_text(dissection, "\"%.*s\"%s", (int)line, text,
			    status == CPEEK_LIMIT || text[line] ? " …" : "");
}

static target_addr read_pointer(const struct dissection *dissection, target_addr structure, enum layout_field field)
{
	uint64_t value;

	return layout_has(dissection->objects->layout, field) &&
			       field_read(dissection->objects, structure, field, &value) == CPEEK_OK
		       ? value
		       : 0;
}

void definition_string_field(struct dissection *dissection, target_addr structure, enum layout_field field)
{
	const target_addr string = read_pointer(dissection, structure, field);

	dissect_field(dissection, DISSECT_POINTER, field, "%s", string ? definition_string(dissection, string) : "");
}

void definition_function_field(struct dissection *dissection, target_addr structure, enum layout_field field)
{
	const target_addr function = read_pointer(dissection, structure, field);

	dissect_field(dissection, DISSECT_POINTER, field, "%s",
		      function ? dissect_function(dissection, function) : "");
}

static void open_block(struct dissection *dissection, const char *title, enum layout_struct structure,
		       target_addr address)
{
	dissect_open_block(dissection, title, structure, address, dissection->objects->layout->structs[structure]);
}

static void explain_method(struct dissection *dissection, target_addr address, const char *title)
{
	if (!address)
		return;
	const uint64_t flags = read_pointer(dissection, address, FIELD_PyMethodDef_ml_flags) & UINT32_MAX;
	open_block(dissection, title, STRUCT_PyMethodDef, address);
	definition_string_field(dissection, address, FIELD_PyMethodDef_ml_name);
	definition_function_field(dissection, address, FIELD_PyMethodDef_ml_meth);
	dissect_field(dissection, DISSECT_UNSIGNED, FIELD_PyMethodDef_ml_flags, "%s",
		      type_method_flags_text(dissection, flags));
	definition_string_field(dissection, address, FIELD_PyMethodDef_ml_doc);
}

enum cpeek_status builtin_dissect(const struct object *object, struct dissection *dissection)
{
	const target_addr definition = object_get(object, FIELD_PyCFunctionObject_m_ml);

	dissect_field(dissection, DISSECT_POINTER, FIELD_PyCFunctionObject_m_ml, "PyMethodDef: the C function");
	dissect_field(dissection, DISSECT_OBJECT, FIELD_PyCFunctionObject_m_self,
		      "what it is bound to: an instance, a class, its module");
	dissect_field(dissection, DISSECT_OBJECT, FIELD_PyCFunctionObject_m_module, "__module__");
	dissect_field(dissection, DISSECT_POINTER, FIELD_PyCFunctionObject_m_weakreflist, "weak references to it");
	definition_function_field(dissection, object->address, FIELD_PyCFunctionObject_vectorcall);
	explain_method(dissection, definition, "m_ml");
	return CPEEK_OK;
}

/* What all descriptors begin with. */
static void explain_descriptor(struct dissection *dissection)
{
	dissect_field(dissection, DISSECT_OBJECT, FIELD_PyDescrObject_d_type, "the class that it is of");
	dissect_field(dissection, DISSECT_OBJECT, FIELD_PyDescrObject_d_name, "__name__");
	dissect_field(dissection, DISSECT_OBJECT, FIELD_PyDescrObject_d_qualname,
		      "__qualname__, once it was asked for");
}

enum cpeek_status method_descriptor_dissect(const struct object *object, struct dissection *dissection)
{
	const target_addr definition = object_get(object, FIELD_PyMethodDescrObject_d_method);

	explain_descriptor(dissection);
	dissect_field(dissection, DISSECT_POINTER, FIELD_PyMethodDescrObject_d_method, "PyMethodDef: the C function");
	definition_function_field(dissection, object->address, FIELD_PyMethodDescrObject_vectorcall);
	explain_method(dissection, definition, "d_method");
	return CPEEK_OK;
}

enum cpeek_status member_descriptor_dissect(const struct object *object, struct dissection *dissection)
{
	const target_addr definition = object_get(object, FIELD_PyMemberDescrObject_d_member);

	explain_descriptor(dissection);
	dissect_field(dissection, DISSECT_POINTER, FIELD_PyMemberDescrObject_d_member,
		      "PyMemberDef: where in an instance the value lies");
	if (!definition)
		return CPEEK_OK;
	open_block(dissection, "d_member", STRUCT_PyMemberDef, definition);
	definition_string_field(dissection, definition, FIELD_PyMemberDef_name);
	dissect_field(dissection, DISSECT_UNSIGNED, FIELD_PyMemberDef_type,
		      "how the value is stored: T_… of structmember.h");
	dissect_field(dissection, DISSECT_NUMBER, FIELD_PyMemberDef_offset, "bytes from the beginning of an instance");
	dissect_field(dissection, DISSECT_UNSIGNED, FIELD_PyMemberDef_flags, "bit 0: may not be assigned to");
	definition_string_field(dissection, definition, FIELD_PyMemberDef_doc);
	return CPEEK_OK;
}

enum cpeek_status getset_descriptor_dissect(const struct object *object, struct dissection *dissection)
{
	const target_addr definition = object_get(object, FIELD_PyGetSetDescrObject_d_getset);

	explain_descriptor(dissection);
	dissect_field(dissection, DISSECT_POINTER, FIELD_PyGetSetDescrObject_d_getset,
		      "PyGetSetDef: the functions that compute the value");
	if (!definition)
		return CPEEK_OK;
	open_block(dissection, "d_getset", STRUCT_PyGetSetDef, definition);
	definition_string_field(dissection, definition, FIELD_PyGetSetDef_name);
	definition_function_field(dissection, definition, FIELD_PyGetSetDef_get);
	definition_function_field(dissection, definition, FIELD_PyGetSetDef_set);
	definition_string_field(dissection, definition, FIELD_PyGetSetDef_doc);
	dissect_field(dissection, DISSECT_POINTER, FIELD_PyGetSetDef_closure, "what both functions get besides");
	return CPEEK_OK;
}

enum cpeek_status wrapper_descriptor_dissect(const struct object *object, struct dissection *dissection)
{
	const target_addr base = object_get(object, FIELD_PyWrapperDescrObject_d_base);

	explain_descriptor(dissection);
	dissect_field(dissection, DISSECT_POINTER, FIELD_PyWrapperDescrObject_d_base,
		      "wrapperbase: the row of slotdefs that this name has");
	definition_function_field(dissection, object->address, FIELD_PyWrapperDescrObject_d_wrapped);
	if (!base)
		return CPEEK_OK;
	open_block(dissection, "d_base", STRUCT_wrapperbase, base);
	definition_string_field(dissection, base, FIELD_wrapperbase_name);
	dissect_field(dissection, DISSECT_NUMBER, FIELD_wrapperbase_offset, "of the slot in PyHeapTypeObject");
	definition_function_field(dissection, base, FIELD_wrapperbase_function);
	definition_function_field(dissection, base, FIELD_wrapperbase_wrapper);
	definition_string_field(dissection, base, FIELD_wrapperbase_doc);
	dissect_field(dissection, DISSECT_NUMBER, FIELD_wrapperbase_flags, "1: the wrapper takes keywords");
	dissect_field(dissection, DISSECT_OBJECT, FIELD_wrapperbase_name_strobj, "the name as an interned str");
	return CPEEK_OK;
}
