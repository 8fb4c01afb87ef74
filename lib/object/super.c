/*
 * super: the class it starts after, and the object it looks up for.
 */
#include "object/phrase.h"

/* super_repr() of Objects/typeobject.c */
static enum cpeek_status super_decode(const struct object *object, struct value *value)
{
	const target_addr type = object_get(object, FIELD_superobject_type);
	const target_addr of = object_get(object, FIELD_superobject_obj_type);

	value_text(value, "<super: <class '");
	if (type)
		value_type_name(value, object->objects, type);
	else
		value_text(value, "NULL");
	if (of) {
		value_text(value, "'>, <");
		value_type_name(value, object->objects, of);
		value_text(value, " object>>");
	} else {
		value_text(value, "'>, NULL>");
	}
	return CPEEK_OK;
}

/* super_traverse() */
static const enum layout_field super_fields[] = {
	FIELD_superobject_obj,
	FIELD_superobject_type,
	FIELD_superobject_obj_type,
};

const struct object_type object_type_super = {
	.name = "super",
	.structure = STRUCT_superobject,
	.decode = super_decode,
	.fields = super_fields,
	.field_count = sizeof(super_fields) / sizeof(*super_fields),
};
