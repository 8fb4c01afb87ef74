/*
 * Where an instance keeps its __dict__, in every form since 3.8. Knows the words before an object and behind it.
 */
#include "object/decoder.h"

/* The managed words lie before the object: two in GIL builds, in front of the gc head (Include/internal/pycore_object.h,
 * MANAGED_DICT_OFFSET, 3.11+); free-threaded builds have no gc head. */
static target_addr managed_word(const struct object *object, unsigned index)
{
	const struct layout *layout = object->objects->layout;
	unsigned words = (layout->free_threaded ? 1u : 3u) + index;

	return object->address - words * layout->pointer_size;
}

static enum cpeek_status read_managed(const struct object *object, struct attributes *ret)
{
	const struct objects *objects = object->objects;
	const struct layout *layout = objects->layout;
	struct target *target = objects->target;
	target_addr word;

	TRY(target_read_pointer(target, managed_word(object, 0), &word));
	if (layout_trait(layout, TRAIT_MANAGED_DICT_TAGGED)) {
		/* 3.12: bit 0 marks a pointer to values, less 1 (PyDictOrValues in pycore_object.h) */
		if (word & 1)
			ret->values = word + 1;
		else
			ret->dict = word;
		return CPEEK_OK;
	}
	ret->dict = word;
	if (word && layout_trait(layout, TRAIT_DICT_ALWAYS_VISITED))
		return CPEEK_OK; /* wherever its values are, they are its own to visit */
	if (layout_trait(layout, TRAIT_MANAGED_DICT_TWO_WORDS))
		return word ? CPEEK_OK : target_read_pointer(target, managed_word(object, 1), &ret->values); /* 3.11 */
	if (object->type->flags & TYPE_INLINE_VALUES) {
		/* 3.13+: behind the object, unless a dict took them over (pycore_object.h, _PyObject_InlineValues) */
		target_addr values = object->address + (uint64_t)object->type->basicsize;
		uint64_t valid;
		TRY(field_read(objects, values, FIELD_PyDictValues_valid, &valid));
		ret->shared = word && valid;
		if (valid)
			ret->values = values;
	}
	return CPEEK_OK;
}

/* _PyObject_ComputedDictPointer() in Objects/object.c: negative offsets count from the end of a var-sized object. */
static target_addr dict_pointer(const struct object *object)
{
	const struct type *type = object->type;
	const uint64_t align = object->objects->layout->pointer_size - 1;

	if (type->dictoffset > 0)
		return object->address + (uint64_t)type->dictoffset;
	uint64_t items = object->ob_size < 0 ? -(uint64_t)object->ob_size : (uint64_t)object->ob_size;
	uint64_t size = ((uint64_t)type->basicsize + items * (uint64_t)type->itemsize + align) & ~align;
	return object->address + size + (uint64_t)type->dictoffset;
}

enum cpeek_status object_read_attributes(const struct object *object, struct attributes *ret)
{
	const struct type *type = object->type;
	struct attributes found = {0};

	if (type->flags & TYPE_TYPE_SUBCLASS) {
		const struct type *self;
		TRY(type_read(object->objects, object->address, &self));
		enum cpeek_status status = type_find_dict(object->objects, self, &found.dict);
		if (status != CPEEK_OK && status != CPEEK_NOT_FOUND)
			return status;
	} else if (type->flags & TYPE_MANAGED_DICT) {
		TRY(read_managed(object, &found));
		if (found.values)
			TRY(field_read(object->objects, type->address, FIELD_PyHeapTypeObject_ht_cached_keys,
				       &found.keys));
		if (!found.keys)
			found.values = 0;
	} else if (type->dictoffset != 0) {
		TRY(target_read_pointer(object->objects->target, dict_pointer(object), &found.dict));
	}
	*ret = found;
	return CPEEK_OK;
}
