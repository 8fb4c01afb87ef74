/*
 * contextvars: ContextVar and Token; the HAMT that a Context keeps its values in.
 */
#include "object/sequence.h"

#include <inttypes.h>

/* contextvar_tp_repr() of Python/context.c */
static enum cpeek_status variable_decode(const struct object *object, struct value *value)
{
	const target_addr initial = object_get(object, FIELD_PyContextVar_var_default);

	value_text(value, "<ContextVar name=");
	value_object(value, object_get(object, FIELD_PyContextVar_var_name));
	if (initial) {
		value_text(value, " default=");
		value_object(value, initial);
	}
	value_format(value, " at 0x%" PRIx64 ">", object->address);
	return CPEEK_OK;
}

/* contextvar_tp_traverse(): the cached value is borrowed. */
static const enum layout_field variable_fields[] = {FIELD_PyContextVar_var_name, FIELD_PyContextVar_var_default};

const struct object_type object_type_context_variable = {
	.name = "ContextVar|_contextvars.ContextVar",
	.structure = STRUCT_PyContextVar,
	.decode = variable_decode,
	.fields = variable_fields,
	.field_count = sizeof(variable_fields) / sizeof(*variable_fields),
};

/* token_tp_repr() */
static enum cpeek_status token_decode(const struct object *object, struct value *value)
{
	value_text(value, object_get(object, FIELD_PyContextToken_tok_used) ? "<Token used var=" : "<Token var=");
	value_object(value, object_get(object, FIELD_PyContextToken_tok_var));
	value_format(value, " at 0x%" PRIx64 ">", object->address);
	return CPEEK_OK;
}

/* token_tp_traverse() */
static const enum layout_field token_fields[] = {
	FIELD_PyContextToken_tok_ctx,
	FIELD_PyContextToken_tok_var,
	FIELD_PyContextToken_tok_oldval,
};

const struct object_type object_type_context_token = {
	.name = "Token|_contextvars.Token",
	.structure = STRUCT_PyContextToken,
	.decode = token_decode,
	.fields = token_fields,
	.field_count = sizeof(token_fields) / sizeof(*token_fields),
};

/* context_token_missing_tp_repr() */
static enum cpeek_status missing_decode(const struct object *object, struct value *value)
{
	(void)object;
	value_text(value, "<Token.MISSING>");
	return CPEEK_OK;
}

const struct object_type object_type_token_missing = {
	.name = "Token.MISSING",
	.structure = STRUCT_PyObject,
	.decode = missing_decode,
};

/* hamt_node_bitmap_traverse() of Python/hamt.c */
static enum cpeek_status bitmap_edges(const struct object *object, struct edges *edges)
{
	return sequence_edges(object, object_field_address(object, FIELD_PyHamtNode_Bitmap_b_array), object->ob_size,
			      edges);
}

/* hamt_node_collision_traverse() */
static enum cpeek_status collision_edges(const struct object *object, struct edges *edges)
{
	return sequence_edges(object, object_field_address(object, FIELD_PyHamtNode_Collision_c_array),
			      object->ob_size, edges);
}

/* hamt_node_array_traverse() */
static enum cpeek_status array_edges(const struct object *object, struct edges *edges)
{
	const struct layout *layout = object->objects->layout;
	const struct layout_place place = layout->fields[FIELD_PyHamtNode_Array_a_array];

	return edges_add_array(edges, object->objects, EDGE_INDEX,
			       object_field_address(object, FIELD_PyHamtNode_Array_a_array),
			       place.size / layout->pointer_size, false, true);
}

const struct object_type object_type_hamt_bitmap = {
	.name = "hamt_bitmap_node",
	.structure = STRUCT_PyObject,
	.edges = bitmap_edges,
};

const struct object_type object_type_hamt_collision = {
	.name = "hamt_collision_node",
	.structure = STRUCT_PyObject,
	.edges = collision_edges,
};

const struct object_type object_type_hamt_array = {
	.name = "hamt_array_node",
	.structure = STRUCT_PyHamtNode_Array,
	.edges = array_edges,
};
