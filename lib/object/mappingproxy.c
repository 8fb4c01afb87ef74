/*
 * mappingproxy: a view of another mapping that cannot be written through, such as a class's __dict__.
 */
#include "object/dissect.h"

/* mappingproxy_repr() of Objects/descrobject.c */
static enum cpeek_status mappingproxy_decode(const struct object *object, struct value *value)
{
	value_text(value, "mappingproxy(");
	value_object(value, object_get(object, FIELD_mappingproxyobject_mapping));
	value_text(value, ")");
	return CPEEK_OK;
}

static const enum layout_field mappingproxy_fields[] = {FIELD_mappingproxyobject_mapping};

static enum cpeek_status mappingproxy_dissect(const struct object *object, struct dissection *dissection)
{
	(void)object;
	dissect_field(dissection, DISSECT_OBJECT, FIELD_mappingproxyobject_mapping,
		      "the mapping that is looked at, and that only its owner changes");
	return CPEEK_OK;
}

const struct object_type object_type_mappingproxy = {
	.name = "mappingproxy",
	.structure = STRUCT_mappingproxyobject,
	.decode = mappingproxy_decode,
	.dissect = mappingproxy_dissect,
	.fields = mappingproxy_fields,
	.field_count = 1,
};
