/*
 * cell: a variable that inner functions share.
 */
#include "object/decoder.h"

/* cell_repr() of Objects/cellobject.c; it cuts the type's name at 80 bytes. */
static enum cpeek_status cell_decode(const struct object *object, struct value *value)
{
	const target_addr content = object_get(object, FIELD_PyCellObject_ob_ref);
	struct object held;

	if (!content) {
		value_format(value, "<cell at 0x%llx: empty>", (unsigned long long)object->address);
		return CPEEK_OK;
	}
	TRY(object_read(object->objects, content, &held));
	value_format(value, "<cell at 0x%llx: %.80s object at 0x%llx>", (unsigned long long)object->address,
		     held.type->tp_name, (unsigned long long)content);
	return CPEEK_OK;
}

static const enum layout_field cell_fields[] = {FIELD_PyCellObject_ob_ref};

const struct object_type object_type_cell = {
	.name = "cell",
	.structure = STRUCT_PyCellObject,
	.decode = cell_decode,
	.fields = cell_fields,
	.field_count = 1,
};
