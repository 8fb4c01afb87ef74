/*
 * PyCapsule: a C pointer with a name.
 */
#include "object/definition_dissect.h"
#include "object/phrase.h"

#include <inttypes.h>
#include <string.h>

/* capsule_repr() of Objects/capsule.c */
static enum cpeek_status capsule_decode(const struct object *object, struct value *value)
{
	const target_addr name = object_get(object, FIELD_PyCapsule_name);

	if (name) {
		value_text(value, "<capsule object \"");
		value_cstring(value, object->objects, name);
		value_format(value, "\" at 0x%" PRIx64 ">", object->address);
	} else {
		value_format(value, "<capsule object NULL at 0x%" PRIx64 ">", object->address);
	}
	return CPEEK_OK;
}

/* capsule_traverse(), 3.13+: a function of the capsule's maker. Of CPython's own, _socket and, from 3.14, _curses have one,
 * which visits the type that their table of functions begins with: sock_capi_traverse() of Modules/socketmodule.c,
 * curses_capi_capsule_traverse() of _cursesmodule.c. */
static enum cpeek_status capsule_edges(const struct object *object, struct edges *edges)
{
	struct objects *objects = object->objects;
	const target_addr pointer = object_get(object, FIELD_PyCapsule_pointer);
	char name[32];
	target_addr type;

	if (!object_get(object, FIELD_PyCapsule_traverse_func) || !object_get(object, FIELD_PyCapsule_name))
		return CPEEK_OK;
	enum cpeek_status status =
		target_read_cstring(objects->target, object_get(object, FIELD_PyCapsule_name), name, sizeof(name));
	if (status == CPEEK_LIMIT)
		return CPEEK_OK;
	if (status != CPEEK_OK)
		return status;
	if (strcmp(name, "_socket.CAPI") == 0 || strcmp(name, "_curses._C_API") == 0) {
		TRY(target_read_pointer(objects->target, pointer, &type));
		edges_add(edges, EDGE_FIELD, type, "pointer", 0, true);
	}
	return CPEEK_OK;
}

static enum cpeek_status capsule_dissect(const struct object *object, struct dissection *dissection)
{
	dissect_field(dissection, DISSECT_POINTER, FIELD_PyCapsule_pointer, "what it carries");
	definition_string_field(dissection, object->address, FIELD_PyCapsule_name);
	dissect_field(dissection, DISSECT_POINTER, FIELD_PyCapsule_context, "PyCapsule_GetContext()");
	definition_function_field(dissection, object->address, FIELD_PyCapsule_destructor);
	definition_function_field(dissection, object->address, FIELD_PyCapsule_traverse_func);
	definition_function_field(dissection, object->address, FIELD_PyCapsule_clear_func);
	return CPEEK_OK;
}

const struct object_type object_type_capsule = {
	.name = "PyCapsule",
	.structure = STRUCT_PyCapsule,
	.decode = capsule_decode,
	.edges = capsule_edges,
	.dissect = capsule_dissect,
};
