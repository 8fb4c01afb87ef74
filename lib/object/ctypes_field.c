/*
 * The descriptor of a field of a ctypes structure: Point.x
 */
#include "object/phrase.h"

#include <inttypes.h>

/* PyCField_repr() of Modules/_ctypes/cfield.c, 3.14+ */
static enum cpeek_status put_named(const struct object *object, struct value *value)
{
	struct objects *objects = object->objects;
	const uint64_t bits = object_get(object, FIELD_CFieldObject_bitfield_size);

	value_format(value, "<%s ", object->type->name);
	value_object(value, object_get(object, FIELD_CFieldObject_name));
	value_text(value, " type=");
	value_type_name(value, objects, object_get(object, FIELD_CFieldObject_proto));
	value_format(value, ", ofs=%" PRId64, object_get_signed(object, FIELD_CFieldObject_byte_offset));
	if (bits)
		value_format(value, ", bit_size=%" PRIu64 ", bit_offset=%" PRIu64 ">", bits,
			     object_get(object, FIELD_CFieldObject_bit_offset));
	else
		value_format(value, ", size=%" PRId64 ">", object_get_signed(object, FIELD_CFieldObject_byte_size));
	return CPEEK_OK;
}

/* To 3.13: of a bit-field, size has its bits above its position. */
static enum cpeek_status field_decode(const struct object *object, struct value *value)
{
	const struct layout *layout = object->objects->layout;

	if (layout_has(layout, FIELD_CFieldObject_byte_offset) && layout_has(layout, FIELD_CFieldObject_name))
		return put_named(object, value);
	if (!layout_has(layout, FIELD_CFieldObject_offset) || !layout_has(layout, FIELD_CFieldObject_size))
		return CPEEK_UNSUPPORTED;
	const int64_t size = object_get_signed(object, FIELD_CFieldObject_size), bits = size >> 16;
	value_text(value, "<Field type=");
	value_type_name(value, object->objects, object_get(object, FIELD_CFieldObject_proto));
	value_format(value, ", ofs=%" PRId64, object_get_signed(object, FIELD_CFieldObject_offset));
	if (bits)
		value_format(value, ":%" PRId64 ", bits=%" PRId64 ">", size & 0xffff, bits);
	else
		value_format(value, ", size=%" PRId64 ">", size & 0xffff);
	return CPEEK_OK;
}

static const enum layout_field fields[] = {FIELD_CFieldObject_proto};

const struct object_type object_type_ctypes_field = {
	.name = "_ctypes.CField|ctypes.CField",
	.structure = STRUCT_CFieldObject,
	.decode = field_decode,
	.fields = fields,
	.field_count = sizeof(fields) / sizeof(*fields),
};
