/*
 * One object: its bytes, its fields, its size. Knows the object header, and no type in particular.
 */
#include "base/memory.h"
#include "object/decoder.h"

#include <string.h>

/* ob_gc_bits of free-threaded builds: _PyGC_BITS_TRACKED, Include/internal/pycore_gc.h (3.13). */
enum { GC_BITS_TRACKED = 1 };

/* PyGC_Head.gc_refs: a count, or this in its place, above one flag. To 3.7 Include/objimpl.h. */
enum { GC_REFS_SHIFT = 1, GC_REFS_UNTRACKED = -2 };

enum cpeek_status objects_create(struct python *python, struct objects **ret)
{
	struct objects *objects = memory_calloc(1, sizeof(*objects));
	if (!objects)
		return error_set(python->error, CPEEK_NO_MEMORY, "out of memory");
	objects->python = python;
	objects->target = python->target;
	objects->layout = python->layout;
	objects->error = python->error;
	*ret = objects;
	return CPEEK_OK;
}

void objects_destroy(struct objects *objects)
{
	if (!objects)
		return;
	map_deinit(&objects->types);
	strbuf_deinit(&objects->scratch);
	arena_deinit(&objects->arena);
	memory_free(objects);
}

void objects_forget(struct objects *objects)
{
	map_clear(&objects->types);
	objects->last_type = NULL;
	arena_deinit(&objects->arena);
	objects->object_repr = objects->lookdict = 0;
	objects->lookdict_sought = false;
	objects->hash_secret = NULL;
}

enum cpeek_status objects_tolerate(struct objects *objects, enum cpeek_status status)
{
	if (status_is_fatal(status))
		return status;
	if (status == CPEEK_FAULT || status == CPEEK_CORRUPT)
		objects->failures++;
	return CPEEK_OK;
}

uint64_t object_get(const struct object *object, enum layout_field field)
{
	struct layout_place place = object->objects->layout->fields[field];
	uint32_t offset = place.offset_plus_1 - 1;

	/* A field past the type's own size is none of the object's: the decoder's structure does not cover it. */
	if (!place.offset_plus_1 || (size_t)offset + place.size > object->length)
		return 0;
	return runtime_get(object->objects->target, place, object->bytes + offset);
}

int64_t object_get_signed(const struct object *object, enum layout_field field)
{
	const uint32_t size = object->objects->layout->fields[field].size;
	const unsigned unused = 64 - 8u * size;

	if (size == 0 || size > 8)
		return 0; /* an absent field */
	return (int64_t)(object_get(object, field) << unused) >> unused;
}

target_addr object_field_address(const struct object *object, enum layout_field field)
{
	return object->address + layout_offset(object->objects->layout, field);
}

enum cpeek_status field_read(const struct objects *objects, target_addr addr, enum layout_field field, uint64_t *ret)
{
	return runtime_read(objects->python, addr, field, ret);
}

/* length bytes at addr, as a view where the target allows one, else copied to buffer. */
static enum cpeek_status bytes_read(struct target *target, target_addr addr, size_t length, uint8_t *buffer,
				    const uint8_t **ret)
{
	const uint8_t *view = target_view(target, addr, length);
	if (!view) {
		TRY(target_read(target, addr, buffer, length));
		view = buffer;
	}
	*ret = view;
	return CPEEK_OK;
}

/* sys.getrefcount() would say one more. Free-threaded builds count in two halves: Py_REFCNT() in Include/object.h 3.13,
 * Include/refcount.h 3.14. The shared one has two bits of flags below it, and may be negative. */
static uint64_t get_refcount(const struct object *object)
{
	const struct layout *layout = object->objects->layout;

	if (!layout_has(layout, FIELD_PyObject_ob_ref_local))
		return object_get(object, FIELD_PyObject_ob_refcnt);
	const uint64_t local = object_get(object, FIELD_PyObject_ob_ref_local);
	if (local == UINT32_MAX) /* immortal */
		return layout_trait(layout, TRAIT_REFCNT_32) ? (uint64_t)3 << 30 : UINT32_MAX;
	return local + (uint64_t)(object_get_signed(object, FIELD_PyObject_ob_ref_shared) >> 2);
}

enum cpeek_status object_read(struct objects *objects, target_addr address, struct object *ret)
{
	const struct layout *layout = objects->layout;
	const size_t head = layout->structs[STRUCT_PyObject];

	if (address == 0 || address % layout->pointer_size)
		return CPEEK_CORRUPT;
	ret->objects = objects;
	ret->address = address;
	TRY(bytes_read(objects->target, address, head, ret->buffer, &ret->bytes));
	ret->length = head;
	ret->refcount = get_refcount(ret);
	TRY(type_read(objects, object_get(ret, FIELD_PyObject_ob_type), &ret->type));

	size_t length = (size_t)ret->type->basicsize;
	if (length > OBJECT_BYTES)
		length = OBJECT_BYTES;
	/* tp_basicsize of a metatype is that of heap types: a static one is shorter, and nothing may be behind it. */
	if (ret->type->flags & TYPE_TYPE_SUBCLASS && length > layout->structs[STRUCT_PyTypeObject])
		length = layout->structs[STRUCT_PyTypeObject];
	if (length > head) {
		TRY(bytes_read(objects->target, address, length, ret->buffer, &ret->bytes));
		ret->length = length;
	}
	ret->ob_size = object_get_signed(ret, FIELD_PyVarObject_ob_size);
	return CPEEK_OK;
}

enum cpeek_status object_read_untyped(struct objects *objects, target_addr address, uint64_t flag, size_t least,
				      size_t size, struct object *ret)
{
	uint64_t type, flags;
	size_t length;

	TRY(field_read(objects, address, FIELD_PyObject_ob_type, &type));
	TRY(field_read(objects, type, FIELD_PyTypeObject_tp_flags, &flags));
	if (!(flags & flag) || size > sizeof(ret->buffer))
		return CPEEK_CORRUPT;
	TRY(target_read_some(objects->target, address, ret->buffer, size, &length));
	if (length < least)
		return CPEEK_FAULT;
	ret->objects = objects;
	ret->address = address;
	ret->type = NULL;
	ret->bytes = ret->buffer;
	ret->length = length;
	ret->ob_size = object_get_signed(ret, FIELD_PyVarObject_ob_size);
	return CPEEK_OK;
}

/* Static types are objects of a GC type that are none themselves: type_is_gc() in Objects/typeobject.c. */
static bool is_static_type(const struct object *object)
{
	return object->type->flags & TYPE_TYPE_SUBCLASS &&
	       !(object_get(object, FIELD_PyTypeObject_tp_flags) & TYPE_HEAPTYPE);
}

bool object_is_gc(const struct object *object)
{
	return object->type->flags & TYPE_HAVE_GC && !is_static_type(object);
}

enum cpeek_status object_read_tracked(const struct object *object, bool *ret)
{
	const struct objects *objects = object->objects;
	uint64_t next = 0;

	if (layout_has(objects->layout, FIELD_PyObject_ob_gc_bits)) {
		*ret = object_is_gc(object) && object_get(object, FIELD_PyObject_ob_gc_bits) & GC_BITS_TRACKED;
		return CPEEK_OK;
	}
	const target_addr head = object->address - objects->layout->structs[STRUCT_PyGC_Head];
	if (object_is_gc(object) && layout_has(objects->layout, FIELD_PyGC_Head_gc_refs)) {
		int64_t refs;
		TRY(target_read_ssize(objects->target, head + layout_offset(objects->layout, FIELD_PyGC_Head_gc_refs),
				      &refs));
		*ret = refs >> GC_REFS_SHIFT != GC_REFS_UNTRACKED;
		return CPEEK_OK;
	}
	if (object_is_gc(object))
		TRY(field_read(objects, head, FIELD_PyGC_Head__gc_next, &next));
	*ret = next != 0;
	return CPEEK_OK;
}

enum cpeek_status object_read_size(const struct object *object, uint64_t *ret)
{
	const struct layout *layout = object->objects->layout;
	const struct type *type = object->type;
	uint64_t size;

	if (type->decoder && type->decoder->size) {
		TRY(type->decoder->size(object, &size));
	} else {
		/* object___sizeof___impl() in Objects/typeobject.c */
		uint64_t items = object->ob_size < 0 ? -(uint64_t)object->ob_size : (uint64_t)object->ob_size;
		size = (uint64_t)type->basicsize + (uint64_t)type->itemsize * items;
	}
	/* _PySys_GetSizeOf() in Python/sysmodule.c */
	if (!layout->free_threaded &&
	    (object_is_gc(object) ||
	     (type->flags & TYPE_HAVE_GC && layout_trait(layout, TRAIT_SIZEOF_STATIC_TYPE_WITH_GC_HEAD))))
		size += layout->structs[STRUCT_PyGC_Head];
	if (type->flags & (TYPE_MANAGED_DICT | TYPE_MANAGED_WEAKREF))
		size += 2u * layout->pointer_size;
	*ret = size;
	return CPEEK_OK;
}
