/*
 * bytearray: bytes in a block of their own, of which the first may be out of use.
 */
#include "object/bytes.h"
#include "object/class_name.h"

/* bytearray_repr() of Objects/bytearrayobject.c: to 3.14 it escapes single quotes wherever they stand. */
static enum cpeek_status bytearray_decode(const struct object *object, struct value *value)
{
	const target_addr start = object_get(object, FIELD_PyByteArrayObject_ob_start);

	value_text(value, layout_trait(object->objects->layout, TRAIT_BYTEARRAY_REPR_OF_BASE) ? "bytearray"
											      : class_name(object));
	value_text(value, "(");
	/* An empty one may point nowhere. */
	TRY(bytes_put(object, value, start, object->ob_size,
		      !layout_trait(object->objects->layout, TRAIT_BYTEARRAY_QUOTED_AS_BYTES)));
	value_text(value, ")");
	return CPEEK_OK;
}

/* bytearray.__sizeof__(). From 3.15 the block is a bytes object, with a NUL at its end that ob_alloc leaves out; an
 * empty one is everybody's. */
static enum cpeek_status bytearray_size(const struct object *object, uint64_t *ret)
{
	const struct layout *layout = object->objects->layout;
	const uint64_t alloc = object_get(object, FIELD_PyByteArrayObject_ob_alloc);

	*ret = (uint64_t)object->type->basicsize + alloc;
	if (layout_has(layout, FIELD_PyByteArrayObject_ob_bytes_object) && alloc)
		*ret += layout_offset(layout, FIELD_PyBytesObject_ob_sval) + 1;
	return CPEEK_OK;
}

static enum cpeek_status bytearray_edges(const struct object *object, struct edges *edges)
{
	edges_add_hidden(edges, object, FIELD_PyByteArrayObject_ob_bytes_object);
	return CPEEK_OK;
}

const struct object_type object_type_bytearray = {
	.name = "bytearray",
	.structure = STRUCT_PyByteArrayObject,
	.decode = bytearray_decode,
	.edges = bytearray_edges,
	.size = bytearray_size,
	.dissect = bytearray_dissect,
};
