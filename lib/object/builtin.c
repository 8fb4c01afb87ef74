/*
 * builtin_function_or_method: a C function, maybe bound to an instance or a module; builtin_method, which knows its
 * class too.
 */
#include "object/definition_dissect.h"
#include "object/lost_name.h"
#include "object/phrase.h"

#include <string.h>

enum { METHOD_METHOD = 0x200 }; /* METH_METHOD of Include/methodobject.h (3.9+) */

static bool is_module(const struct type *type)
{
	while (type && strcmp(type->tp_name, "module") != 0)
		type = type->base_type;
	return type != NULL;
}

/* meth_repr() of Objects/methodobject.c */
static enum cpeek_status builtin_decode(const struct object *object, struct value *value)
{
	struct objects *objects = object->objects;
	const target_addr self = object_get(object, FIELD_PyCFunctionObject_m_self);
	struct object bound;

	if (self)
		TRY(object_read(objects, self, &bound));
	if (!self || is_module(bound.type)) {
		value_text(value, "<built-in function ");
		value_lost_name(value, object, builtin_name_read);
		value_text(value, ">");
	} else {
		value_text(value, "<built-in method ");
		value_lost_name(value, object, builtin_name_read);
		value_format(value, " of %s object at 0x%llx>", bound.type->tp_name, (unsigned long long)self);
	}
	return CPEEK_OK;
}

/* meth_traverse() */
static enum cpeek_status builtin_edges(const struct object *object, struct edges *edges)
{
	edges_add_field(edges, object, FIELD_PyCFunctionObject_m_self);
	edges_add_field(edges, object, FIELD_PyCFunctionObject_m_module);
	return CPEEK_OK;
}

/* The class is behind the others and counts when the function says that it takes one: PyCFunction_GET_CLASS() */
static enum cpeek_status builtin_method_edges(const struct object *object, struct edges *edges)
{
	uint64_t flags;

	TRY(field_read(object->objects, object_get(object, FIELD_PyCFunctionObject_m_ml), FIELD_PyMethodDef_ml_flags,
		       &flags));
	if (flags & METHOD_METHOD)
		edges_add_field(edges, object, FIELD_PyCMethodObject_mm_class);
	return builtin_edges(object, edges);
}

const struct object_type object_type_builtin = {
	.name = "builtin_function_or_method",
	.structure = STRUCT_PyCFunctionObject,
	.decode = builtin_decode,
	.edges = builtin_edges,
	.dissect = builtin_dissect,
};

const struct object_type object_type_builtin_method = {
	.name = "builtin_method",
	.structure = STRUCT_PyCMethodObject,
	.decode = builtin_decode,
	.edges = builtin_method_edges,
	.dissect = builtin_dissect,
};
