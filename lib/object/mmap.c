/*
 * mmap.mmap: what it maps.
 */
#include "object/decoder.h"

#include <inttypes.h>

/* mmap__repr__method() of Modules/mmapmodule.c, 3.9+ */
static enum cpeek_status mmap_decode(const struct object *object, struct value *value)
{
	static const char *const accesses[] = {"ACCESS_DEFAULT", "ACCESS_READ", "ACCESS_WRITE", "ACCESS_COPY"};
	if (!layout_has(object->objects->layout, FIELD_mmap_object_access))
		return CPEEK_UNSUPPORTED;
	const uint64_t access = object_get(object, FIELD_mmap_object_access);

	if (!object_get(object, FIELD_mmap_object_data)) {
		value_format(value, "<%s closed=True>", object->type->tp_name);
		return CPEEK_OK;
	}
	if (access >= sizeof(accesses) / sizeof(*accesses))
		return CPEEK_CORRUPT;
	value_format(value, "<%s closed=False, access=%s, length=%" PRIu64 ", pos=%" PRIu64 ", offset=%" PRId64 ">",
		     object->type->tp_name, accesses[access], object_get(object, FIELD_mmap_object_size),
		     object_get(object, FIELD_mmap_object_pos), object_get_signed(object, FIELD_mmap_object_offset));
	return CPEEK_OK;
}

const struct object_type object_type_mmap = {
	.name = "mmap.mmap",
	.structure = STRUCT_mmap_object,
	.decode = mmap_decode,
};
