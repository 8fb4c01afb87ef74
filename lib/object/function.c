/*
 * function: what def and lambda make.
 */
#include "object/phrase.h"

/* func_repr() of Objects/funcobject.c */
static enum cpeek_status function_decode(const struct object *object, struct value *value)
{
	value_text(value, "<function ");
	value_str(value, object->objects, object_get(object, FIELD_PyFunctionObject_func_qualname));
	value_format(value, " at 0x%llx>", (unsigned long long)object->address);
	return CPEEK_OK;
}

/* func_traverse() */
static const enum layout_field function_fields[] = {
	FIELD_PyFunctionObject_func_code,        FIELD_PyFunctionObject_func_globals,
	FIELD_PyFunctionObject_func_builtins,    FIELD_PyFunctionObject_func_module,
	FIELD_PyFunctionObject_func_defaults,    FIELD_PyFunctionObject_func_kwdefaults,
	FIELD_PyFunctionObject_func_doc,         FIELD_PyFunctionObject_func_name,
	FIELD_PyFunctionObject_func_dict,        FIELD_PyFunctionObject_func_closure,
	FIELD_PyFunctionObject_func_annotations, FIELD_PyFunctionObject_func_annotate,
	FIELD_PyFunctionObject_func_typeparams,  FIELD_PyFunctionObject_func_qualname,
};

static enum cpeek_status function_dissect(const struct object *object, struct dissection *dissection)
{
	return object->objects->frames->dissect(object, dissection);
}

const struct object_type object_type_function = {
	.name = "function",
	.structure = STRUCT_PyFunctionObject,
	.decode = function_decode,
	.fields = function_fields,
	.field_count = sizeof(function_fields) / sizeof(*function_fields),
	.dissect = function_dissect,
};
