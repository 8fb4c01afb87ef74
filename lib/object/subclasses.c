/*
 * Subclasses of a type: a dict of weak references by their addresses, which a type holds, or for static types the
 * interpreter (3.12+). add_subclass() of Objects/typeobject.c.
 */
#include "object/subclasses.h"
#include "object/dict.h"

enum {
	SUBCLASSES_MAX = 1 << 16, /* of one type */
	TYPES_MAX = 1 << 16,      /* gone through in search for one */
};

static enum cpeek_status find_table(struct objects *objects, const struct type *type, target_addr *ret)
{
	target_addr state;
	uint64_t dict;

	if (type_find_state(objects, type, 0, &state) == CPEEK_OK)
		TRY(field_read(objects, state, FIELD_managed_static_type_state_tp_subclasses, &dict));
	else
		TRY(field_read(objects, type->address, FIELD_PyTypeObject_tp_subclasses, &dict));
	*ret = dict;
	return CPEEK_OK;
}

enum cpeek_status subclasses_read(struct objects *objects, const struct type *type, struct subclasses *ret)
{
	target_addr table;
	struct object object;
	struct items items;
	struct item item;
	enum cpeek_status status = CPEEK_OK;

	TRY(find_table(objects, type, &table));
	if (!table)
		return CPEEK_OK;
	TRY(dict_open(objects, table, &object, &items));
	while (ret->count < SUBCLASSES_MAX && (status = dict_next(&items, &item)) == CPEEK_OK) {
		uint64_t subclass;
		TRY(field_read(objects, item.value, FIELD_PyWeakReference_wr_object, &subclass));
		const struct type *found;
		/* Of one that is gone None stands there. */
		if (type_read(objects, subclass, &found) != CPEEK_OK)
			continue;
		target_addr *new = VECTOR_PUSH(ret);
		if (!new)
			return CPEEK_NO_MEMORY;
		*new = subclass;
	}
	return status == CPEEK_END ? CPEEK_OK : status == CPEEK_OK ? CPEEK_LIMIT : status;
}

static bool has_keys(struct objects *objects, target_addr type, target_addr keys)
{
	uint64_t flags, found;

	return field_read(objects, type, FIELD_PyTypeObject_tp_flags, &flags) == CPEEK_OK && flags & TYPE_HEAPTYPE &&
	       field_read(objects, type, FIELD_PyHeapTypeObject_ht_cached_keys, &found) == CPEEK_OK && found == keys;
}

enum cpeek_status subclasses_find_keys(struct objects *objects, const struct type *any, target_addr keys,
				       const struct type **ret)
{
	struct subclasses all = {0};
	struct map seen = {0};
	enum cpeek_status status = CPEEK_NOT_FOUND;

	while (any->base_type)
		any = any->base_type;
	target_addr at = any->address;
	for (size_t i = 0; i < TYPES_MAX; at = all.items[i++]) {
		const struct type *type;
		uint64_t *mark = map_put(&seen, at);
		if (!mark)
			status = CPEEK_NO_MEMORY;
		else if (objects->cancelled && objects->cancelled(objects->cancelled_arg))
			status = CPEEK_CANCELLED;
		if (status != CPEEK_NOT_FOUND)
			break;
		if (!*mark && type_read(objects, at, &type) == CPEEK_OK) {
			if (has_keys(objects, at, keys)) {
				*ret = type;
				status = CPEEK_OK;
				break;
			}
			if (subclasses_read(objects, type, &all) == CPEEK_NO_MEMORY) {
				status = CPEEK_NO_MEMORY;
				break;
			}
		}
		*mark = 1;
		if (i >= all.count)
			break;
	}
	VECTOR_DEINIT(&all);
	map_deinit(&seen);
	return status;
}
