/*
 * bytearray: bytes in a block of their own, of which the first may be out of use.
 */
#include "object/bytes.h"
#include "object/class_name.h"

/* bytearray_repr() of Objects/bytearrayobject.c: it escapes single quotes wherever they stand. */
static enum cpeek_status bytearray_decode(const struct object *object, struct value *value)
{
	const target_addr start = object_get(object, FIELD_PyByteArrayObject_ob_start);

	value_text(value, class_name(object));
	value_text(value, "(");
	/* An empty one may point nowhere. */
	TRY(bytes_put(object, value, start, object->ob_size, true));
	value_text(value, ")");
	return CPEEK_OK;
}

static enum cpeek_status bytearray_size(const struct object *object, uint64_t *ret)
{
	*ret = (uint64_t)object->type->basicsize + object_get(object, FIELD_PyByteArrayObject_ob_alloc);
	return CPEEK_OK;
}

const struct object_type object_type_bytearray = {
	.name = "bytearray",
	.structure = STRUCT_PyByteArrayObject,
	.decode = bytearray_decode,
	.size = bytearray_size,
};
