/*
 * collections._tuplegetter: the descriptor of a named tuple's field.
 */
#include "object/class_name.h"
#include "object/decoder.h"

#include <inttypes.h>

/* tuplegetter_repr() in Modules/_collectionsmodule.c, 3.9+ */
static enum cpeek_status tuplegetter_decode(const struct object *object, struct value *value)
{
	value_format(value, "%s(%" PRId64 ", ", class_name(object),
		     object_get_signed(object, FIELD__tuplegetterobject_index));
	value_object(value, object_get(object, FIELD__tuplegetterobject_doc));
	value_text(value, ")");
	return CPEEK_OK;
}

static const enum layout_field tuplegetter_fields[] = {FIELD__tuplegetterobject_doc};

const struct object_type object_type_tuplegetter = {
	.name = "collections._tuplegetter|_collections._tuplegetter",
	.structure = STRUCT__tuplegetterobject,
	.decode = tuplegetter_decode,
	.fields = tuplegetter_fields,
	.field_count = 1,
};
