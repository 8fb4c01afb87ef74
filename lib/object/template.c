/*
 * Template strings (PEP 750, 3.14+): t"…" is a Template, and what stands in its braces an Interpolation.
 */
#include "object/decoder.h"

/* template_repr() of Objects/templateobject.c */
static enum cpeek_status template_decode(const struct object *object, struct value *value)
{
	value_text(value, "Template(strings=");
	value_object(value, object_get(object, FIELD_templateobject_strings));
	value_text(value, ", interpolations=");
	value_object(value, object_get(object, FIELD_templateobject_interpolations));
	value_text(value, ")");
	return CPEEK_OK;
}

/* template_traverse() */
static const enum layout_field template_fields[] = {FIELD_templateobject_strings, FIELD_templateobject_interpolations};

const struct object_type object_type_template = {
	.name = "string.templatelib.Template",
	.structure = STRUCT_templateobject,
	.decode = template_decode,
	.fields = template_fields,
	.field_count = sizeof(template_fields) / sizeof(*template_fields),
};

/* interpolation_traverse() of Objects/interpolationobject.c */
static const enum layout_field interpolation_fields[] = {
	FIELD_interpolationobject_value,
	FIELD_interpolationobject_expression,
	FIELD_interpolationobject_conversion,
	FIELD_interpolationobject_format_spec,
};

/* interpolation_repr() */
static enum cpeek_status interpolation_decode(const struct object *object, struct value *value)
{
	value_text(value, "Interpolation(");
	for (size_t i = 0; i < sizeof(interpolation_fields) / sizeof(*interpolation_fields); i++) {
		value_text(value, i ? ", " : "");
		value_object(value, object_get(object, interpolation_fields[i]));
	}
	value_text(value, ")");
	return CPEEK_OK;
}

const struct object_type object_type_interpolation = {
	.name = "string.templatelib.Interpolation",
	.structure = STRUCT_interpolationobject,
	.decode = interpolation_decode,
	.fields = interpolation_fields,
	.field_count = sizeof(interpolation_fields) / sizeof(*interpolation_fields),
};
