/*
 * list: a pointer to an array of pointers.
 */
#include "object/sequence.h"

/* Where the items are. */
static enum cpeek_status list_array(const struct object *object, target_addr *ret)
{
	int64_t allocated = object_get_signed(object, FIELD_PyListObject_allocated);

	/* -1 while list.sort() has taken the items out. */
	if (allocated >= 0 && object->ob_size > allocated)
		return CPEEK_CORRUPT;
	*ret = object_get(object, FIELD_PyListObject_ob_item);
	return CPEEK_OK;
}

static enum cpeek_status list_items(const struct object *object, struct items *ret)
{
	target_addr array;

	TRY(list_array(object, &array));
	return sequence_items(object, array, object->ob_size, ret);
}

/* list_repr() of Objects/listobject.c */
static enum cpeek_status list_decode(const struct object *object, struct value *value)
{
	(void)object;
	value_guard(value, "[...]");
	value_items(value, "[", "]", false);
	return CPEEK_OK;
}

static enum cpeek_status list_edges(const struct object *object, struct edges *edges)
{
	target_addr array;

	TRY(list_array(object, &array));
	return sequence_edges(object, array, object->ob_size, edges);
}

static enum cpeek_status list_size(const struct object *object, uint64_t *ret)
{
	const struct layout *layout = object->objects->layout;
	const unsigned pointer_size = layout->pointer_size;
	target_addr items = object_get(object, FIELD_PyListObject_ob_item);
	uint64_t capacity = 0;

	if (layout->free_threaded && layout_trait(layout, TRAIT_LIST_SIZE_OF_ARRAY)) {
		if (items)
			TRY(target_read_pointer(object->objects->target, items - pointer_size, &capacity));
		*ret = (uint64_t)object->type->basicsize + capacity * pointer_size;
		return CPEEK_OK;
	}
	/* Without a check, as in list___sizeof___impl(): -1 allocated items take a pointer away. */
	*ret = (uint64_t)object->type->basicsize +
	       (uint64_t)object_get_signed(object, FIELD_PyListObject_allocated) * pointer_size;
	return CPEEK_OK;
}

const struct object_type object_type_list = {
	.name = "list",
	.structure = STRUCT_PyListObject,
	.decode = list_decode,
	.items = list_items,
	.next = sequence_next,
	.edges = list_edges,
	.size = list_size,
	.dissect = list_dissect,
};
