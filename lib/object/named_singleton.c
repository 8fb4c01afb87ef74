/*
 * Singletons that only show their name: functools.Placeholder (3.14+), typing.NoDefault (3.13+).
 */
#include "object/decoder.h"

/* placeholder_repr() of Modules/_functoolsmodule.c */
static enum cpeek_status placeholder_decode(const struct object *object, struct value *value)
{
	(void)object;
	value_text(value, "Placeholder");
	return CPEEK_OK;
}

/* NoDefault_repr() of Objects/typevarobject.c */
static enum cpeek_status no_default_decode(const struct object *object, struct value *value)
{
	(void)object;
	value_text(value, "typing.NoDefault");
	return CPEEK_OK;
}

const struct object_type object_type_placeholder = {
	.name = "functools._PlaceholderType",
	.structure = STRUCT_PyObject,
	.decode = placeholder_decode,
};

const struct object_type object_type_no_default = {
	.name = "NoDefaultType",
	.structure = STRUCT_PyObject,
	.decode = no_default_decode,
};
