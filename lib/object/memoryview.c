/*
 * memoryview: a view of another object's buffer, and the managed buffer that several views share.
 */
#include "object/memoryview.h"

#include <inttypes.h>

enum { MEMORYVIEW_RELEASED = 1 /* _Py_MEMORYVIEW_RELEASED, Include/memoryobject.h */ };

/* memory_repr() of Objects/memoryobject.c */
static enum cpeek_status memoryview_decode(const struct object *object, struct value *value)
{
	const bool released = object_get(object, FIELD_PyMemoryViewObject_flags) & MEMORYVIEW_RELEASED;

	value_format(value, "<%smemory at 0x%" PRIx64 ">", released ? "released " : "", object->address);
	return CPEEK_OK;
}

static const enum layout_field memoryview_fields[] = {FIELD_PyMemoryViewObject_mbuf};

/* memory_traverse() leaves view.obj out, which the managed buffer holds. tp_basicsize ends before the arrays of shape,
 * strides and suboffsets. */
const struct object_type object_type_memoryview = {
	.name = "memoryview",
	.structure = STRUCT_PyVarObject,
	.decode = memoryview_decode,
	.dissect = memoryview_dissect,
	.fields = memoryview_fields,
	.field_count = 1,
};
