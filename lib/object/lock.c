/*
 * _thread.lock and RLock: what their reprs tell of who holds them.
 */
#include "object/decoder.h"

#include <inttypes.h>

/* lock_repr() of Modules/_threadmodule.c: a flag, or from 3.13.1 bit 0 of a PyMutex. */
static enum cpeek_status lock_decode(const struct object *object, struct value *value)
{
	const struct layout *layout = object->objects->layout;
	const bool locked = layout_has(layout, FIELD_lockobject_locked)
				    ? object_get(object, FIELD_lockobject_locked) != 0
				    : object_get(object, FIELD_lockobject_lock) & 1;

	value_format(value, "<%s %s object at 0x%" PRIx64 ">", locked ? "locked" : "unlocked", object->type->tp_name,
		     object->address);
	return CPEEK_OK;
}

const struct object_type object_type_lock = {
	.name = "_thread.lock",
	.structure = STRUCT_lockobject,
	.decode = lock_decode,
};

/* rlock_repr(). From 3.14 on it is a _PyRecursiveMutex, whose level counts from 0: Include/internal/pycore_lock.h. */
static enum cpeek_status rlock_decode(const struct object *object, struct value *value)
{
	const struct layout *layout = object->objects->layout;
	uint64_t count, owner;

	if (layout_has(layout, FIELD_rlockobject_lock_level)) {
		const bool locked = object_get(object, FIELD_rlockobject_lock_mutex) & 1;
		count = locked ? object_get(object, FIELD_rlockobject_lock_level) + 1 : 0;
		owner = object_get(object, FIELD_rlockobject_lock_thread);
	} else {
		count = object_get(object, FIELD_rlockobject_rlock_count);
		owner = object_get(object, FIELD_rlockobject_rlock_owner);
	}
	value_format(value, "<%s %s object owner=%" PRIu64 " count=%" PRIu64 " at 0x%" PRIx64 ">",
		     count ? "locked" : "unlocked", object->type->tp_name, owner, count, object->address);
	return CPEEK_OK;
}

const struct object_type object_type_rlock = {
	.name = "_thread.RLock",
	.structure = STRUCT_rlockobject,
	.decode = rlock_decode,
};
