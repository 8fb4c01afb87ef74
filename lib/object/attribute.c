/*
 * One attribute of an instance by name, as far as memory alone tells: its __slots__ and members, its __dict__, then
 * the dicts of its classes. No descriptor is called: what a property or a C getter would compute is not found.
 */
#include "object/decoder.h"

#include <string.h>

enum { MRO_MAX = 1024 };

static enum cpeek_status find_in_dict(const struct object *object, const char *name, size_t length, target_addr *ret)
{
	struct attributes attributes;
	struct items items;
	struct item item;

	TRY(object_read_attributes(object, &attributes));
	if (attributes.dict)
		return dict_find(object->objects, attributes.dict, name, length, ret);
	enum cpeek_status status = attributes_start(object, &items);
	while (status == CPEEK_OK) {
		status = items_next(&items, &item);
		if (status == CPEEK_OK && str_equals(object->objects, item.key, name, length)) {
			*ret = item.value;
			return CPEEK_OK;
		}
	}
	return status == CPEEK_END ? CPEEK_NOT_FOUND : status;
}

enum cpeek_status object_find_slot(const struct object *object, const char *name, size_t length, target_addr *ret)
{
	for (const struct type *type = object->type; type; type = type->base_type) {
		for (size_t i = 0; i < type->member_count; i++) {
			target_addr found;
			if (strlen(type->members[i].name) != length ||
			    memcmp(type->members[i].name, name, length) != 0)
				continue;
			TRY(target_read_pointer(object->objects->target, object->address + type->members[i].offset,
						&found));
			if (!found)
				return CPEEK_NOT_FOUND;
			*ret = found;
			return CPEEK_OK;
		}
	}
	return CPEEK_NOT_FOUND;
}

enum cpeek_status type_find_attribute(struct objects *objects, const struct type *type, const char *name,
				      size_t length, target_addr *ret)
{
	struct object mro;
	struct items items;
	struct item item;

	if (!type->mro) /* not READY */
		return CPEEK_NOT_FOUND;
	TRY(object_read(objects, type->mro, &mro));
	TRY(items_start(&mro, &items));
	for (int i = 0; i < MRO_MAX; i++) {
		const struct type *base;
		target_addr dict;
		enum cpeek_status status = items_next(&items, &item);
		if (status != CPEEK_OK)
			return status == CPEEK_END ? CPEEK_NOT_FOUND : status;
		status = type_read(objects, item.value, &base);
		if (status == CPEEK_OK)
			status = type_find_dict(objects, base, &dict);
		if (status == CPEEK_OK)
			status = dict_find(objects, dict, name, length, ret);
		if (status == CPEEK_OK)
			return CPEEK_OK;
		TRY(objects_tolerate(objects, status));
	}
	return CPEEK_NOT_FOUND;
}

enum cpeek_status attribute_find(const struct object *object, const char *name, size_t length, target_addr *ret)
{
	enum cpeek_status status = object_find_slot(object, name, length, ret);
	if (status == CPEEK_OK)
		return status;
	TRY(objects_tolerate(object->objects, status));
	status = find_in_dict(object, name, length, ret);
	if (status == CPEEK_OK)
		return status;
	TRY(objects_tolerate(object->objects, status));
	return type_find_attribute(object->objects, object->type, name, length, ret);
}
