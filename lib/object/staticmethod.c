/*
 * classmethod, staticmethod: a callable, and since 3.10 the attributes that it was given.
 */
#include "object/decoder.h"

/* cm_repr() and sm_repr() of Objects/funcobject.c, 3.10+; before the repr is object's, and so is tp_repr. */
static enum cpeek_status classmethod_decode(const struct object *object, struct value *value)
{
	value_text(value, "<classmethod(");
	value_object(value, object_get(object, FIELD_classmethod_cm_callable));
	value_text(value, ")>");
	return CPEEK_OK;
}

static enum cpeek_status staticmethod_decode(const struct object *object, struct value *value)
{
	value_text(value, "<staticmethod(");
	value_object(value, object_get(object, FIELD_staticmethod_sm_callable));
	value_text(value, ")>");
	return CPEEK_OK;
}

/* cm_traverse(), sm_traverse() */
static const enum layout_field classmethod_fields[] = {FIELD_classmethod_cm_callable, FIELD_classmethod_cm_dict};
static const enum layout_field staticmethod_fields[] = {FIELD_staticmethod_sm_callable, FIELD_staticmethod_sm_dict};

const struct object_type object_type_classmethod = {
	.name = "classmethod",
	.structure = STRUCT_classmethod,
	.decode = classmethod_decode,
	.fields = classmethod_fields,
	.field_count = sizeof(classmethod_fields) / sizeof(*classmethod_fields),
};

const struct object_type object_type_staticmethod = {
	.name = "staticmethod",
	.structure = STRUCT_staticmethod,
	.decode = staticmethod_decode,
	.fields = staticmethod_fields,
	.field_count = sizeof(staticmethod_fields) / sizeof(*staticmethod_fields),
};
