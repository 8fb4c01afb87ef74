/*
 * _thread._ThreadHandle, 3.13+: what threading.Thread holds of its thread.
 */
#include "object/decoder.h"

#include <inttypes.h>

/* PyThreadHandleObject_repr() of Modules/_threadmodule.c */
static enum cpeek_status handle_decode(const struct object *object, struct value *value)
{
	uint64_t ident;

	TRY(field_read(object->objects, object_get(object, FIELD_PyThreadHandleObject_handle),
		       FIELD_ThreadHandle_ident, &ident));
	value_format(value, "<%s object: ident=%" PRIu64 ">", object->type->tp_name, ident);
	return CPEEK_OK;
}

const struct object_type object_type_thread_handle = {
	.name = "_thread._ThreadHandle",
	.structure = STRUCT_PyThreadHandleObject,
	.decode = handle_decode,
};
