/*
 * mappingproxy: a view of another mapping that cannot be written through, such as a class's __dict__.
 */
#include "object/decoder.h"

/* mappingproxy_repr() of Objects/descrobject.c */
static enum cpeek_status mappingproxy_decode(const struct object *object, struct value *value)
{
	value_text(value, "mappingproxy(");
	value_object(value, object_get(object, FIELD_mappingproxyobject_mapping));
	value_text(value, ")");
	return CPEEK_OK;
}

static const enum layout_field mappingproxy_fields[] = {FIELD_mappingproxyobject_mapping};

const struct object_type object_type_mappingproxy = {
	.name = "mappingproxy",
	.structure = STRUCT_mappingproxyobject,
	.decode = mappingproxy_decode,
	.fields = mappingproxy_fields,
	.field_count = 1,
};
