/*
 * What typing has in C since 3.12: TypeVar, ParamSpec, TypeVarTuple, type aliases.
 */
#include "object/phrase.h"

/* typevar_repr() and paramspec_repr() of Objects/typevarobject.c */
static enum cpeek_status put_variable(const struct object *object, struct value *value, enum layout_field name,
				      enum layout_field infers, enum layout_field covariant,
				      enum layout_field contravariant)
{
	if (!object_get(object, infers))
		value_text(value, object_get(object, covariant) ? "+" : object_get(object, contravariant) ? "-" : "~");
	value_str(value, object->objects, object_get(object, name));
	return CPEEK_OK;
}

static enum cpeek_status typevar_decode(const struct object *object, struct value *value)
{
	return put_variable(object, value, FIELD_typevarobject_name, FIELD_typevarobject_infer_variance,
			    FIELD_typevarobject_covariant, FIELD_typevarobject_contravariant);
}

static void add_name(const struct object *object, enum layout_field name, struct edges *edges)
{
	if (layout_trait(object->objects->layout, TRAIT_TYPING_VISITS_NAME))
		edges_add_field(edges, object, name);
	else
		edges_add_hidden(edges, object, name);
}

/* typevar_traverse() */
static const enum layout_field typevar_fields[] = {
	FIELD_typevarobject_bound,         FIELD_typevarobject_evaluate_bound,
	FIELD_typevarobject_constraints,   FIELD_typevarobject_evaluate_constraints,
	FIELD_typevarobject_default_value, FIELD_typevarobject_evaluate_default,
};

static enum cpeek_status typevar_edges(const struct object *object, struct edges *edges)
{
	add_name(object, FIELD_typevarobject_name, edges);
	return CPEEK_OK;
}

const struct object_type object_type_typevar = {
	.name = "typing.TypeVar",
	.structure = STRUCT_typevarobject,
	.decode = typevar_decode,
	.fields = typevar_fields,
	.field_count = sizeof(typevar_fields) / sizeof(*typevar_fields),
	.edges = typevar_edges,
};

static enum cpeek_status paramspec_decode(const struct object *object, struct value *value)
{
	return put_variable(object, value, FIELD_paramspecobject_name, FIELD_paramspecobject_infer_variance,
			    FIELD_paramspecobject_covariant, FIELD_paramspecobject_contravariant);
}

static const enum layout_field paramspec_fields[] = {
	FIELD_paramspecobject_bound,
	FIELD_paramspecobject_default_value,
	FIELD_paramspecobject_evaluate_default,
};

static enum cpeek_status paramspec_edges(const struct object *object, struct edges *edges)
{
	add_name(object, FIELD_paramspecobject_name, edges);
	return CPEEK_OK;
}

const struct object_type object_type_paramspec = {
	.name = "typing.ParamSpec",
	.structure = STRUCT_paramspecobject,
	.decode = paramspec_decode,
	.fields = paramspec_fields,
	.field_count = sizeof(paramspec_fields) / sizeof(*paramspec_fields),
	.edges = paramspec_edges,
};

/* typevartuple_repr() */
static enum cpeek_status typevartuple_decode(const struct object *object, struct value *value)
{
	if (layout_has(object->objects->layout, FIELD_typevartupleobject_covariant)) /* 3.15+: it has a variance too */
		return put_variable(object, value, FIELD_typevartupleobject_name,
				    FIELD_typevartupleobject_infer_variance, FIELD_typevartupleobject_covariant,
				    FIELD_typevartupleobject_contravariant);
	value_str(value, object->objects, object_get(object, FIELD_typevartupleobject_name));
	return CPEEK_OK;
}

static const enum layout_field typevartuple_fields[] = {
	FIELD_typevartupleobject_bound,
	FIELD_typevartupleobject_default_value,
	FIELD_typevartupleobject_evaluate_default,
};

static enum cpeek_status typevartuple_edges(const struct object *object, struct edges *edges)
{
	add_name(object, FIELD_typevartupleobject_name, edges);
	return CPEEK_OK;
}

const struct object_type object_type_typevartuple = {
	.name = "typing.TypeVarTuple",
	.structure = STRUCT_typevartupleobject,
	.decode = typevartuple_decode,
	.fields = typevartuple_fields,
	.field_count = sizeof(typevartuple_fields) / sizeof(*typevartuple_fields),
	.edges = typevartuple_edges,
};

/* constevaluator_repr(), 3.14+; constevaluator_traverse() leaves the type out. */
static enum cpeek_status evaluator_decode(const struct object *object, struct value *value)
{
	value_text(value, "<constevaluator ");
	value_object(value, object_get(object, FIELD_constevaluatorobject_value));
	value_text(value, ">");
	return CPEEK_OK;
}

static const enum layout_field evaluator_fields[] = {FIELD_constevaluatorobject_value};

const struct object_type object_type_const_evaluator = {
	.name = "_typing._ConstEvaluator",
	.structure = STRUCT_constevaluatorobject,
	.decode = evaluator_decode,
	.fields = evaluator_fields,
	.field_count = 1,
	.type_unvisited = true,
};

/* typealias_repr() */
static enum cpeek_status typealias_decode(const struct object *object, struct value *value)
{
	value_str(value, object->objects, object_get(object, FIELD_typealiasobject_name));
	return CPEEK_OK;
}

/* typealias_traverse() */
static const enum layout_field typealias_fields[] = {
	FIELD_typealiasobject_qualname, FIELD_typealiasobject_type_params, FIELD_typealiasobject_compute_value,
	FIELD_typealiasobject_value,    FIELD_typealiasobject_module,
};

static enum cpeek_status typealias_edges(const struct object *object, struct edges *edges)
{
	add_name(object, FIELD_typealiasobject_name, edges);
	return CPEEK_OK;
}

const struct object_type object_type_typealias = {
	.name = "typing.TypeAliasType",
	.structure = STRUCT_typealiasobject,
	.decode = typealias_decode,
	.fields = typealias_fields,
	.field_count = sizeof(typealias_fields) / sizeof(*typealias_fields),
	.edges = typealias_edges,
};

/* paramspecargs_repr(), paramspeckwargs_repr(): of a ParamSpec its bare name */
static enum cpeek_status put_part(const struct object *object, struct value *value, const char *part)
{
	const target_addr origin = object_get(object, FIELD_paramspecattrobject___origin__);
	struct object of;

	TRY(object_read(object->objects, origin, &of));
	if (of.type->decoder == &object_type_paramspec && of.type->decoder_type == of.type)
		value_str(value, object->objects, object_get(&of, FIELD_paramspecobject_name));
	else
		value_object(value, origin);
	value_text(value, part);
	return CPEEK_OK;
}

static enum cpeek_status args_decode(const struct object *object, struct value *value)
{
	return put_part(object, value, ".args");
}

static enum cpeek_status kwargs_decode(const struct object *object, struct value *value)
{
	return put_part(object, value, ".kwargs");
}

static const enum layout_field part_fields[] = {FIELD_paramspecattrobject___origin__};

const struct object_type object_type_paramspec_args = {
	.name = "typing.ParamSpecArgs",
	.structure = STRUCT_paramspecattrobject,
	.decode = args_decode,
	.fields = part_fields,
	.field_count = 1,
	.type_unvisited = true,
};

const struct object_type object_type_paramspec_kwargs = {
	.name = "typing.ParamSpecKwargs",
	.structure = STRUCT_paramspecattrobject,
	.decode = kwargs_decode,
	.fields = part_fields,
	.field_count = 1,
	.type_unvisited = true,
};
