/*
 * Free lists by version: from 3.10 on each interpreter has them, in free-threaded builds each thread. Their items are
 * linked through a field that the object does not need while it waits, or listed in an array; from 3.14 on all are linked
 * through their first word.
 */
#include "heap/freelist.h"

enum { COUNT_MAX = 1 << 16 /* more than any list may have in any version */ };

/* What a structure of lists is, and what the items of a list are linked by. */
enum link { LINK_TYPE /* ob_type */, LINK_ITEM /* ob_item[0] of a tuple */, LINK_ARRAY };

/* A list, or lists: one head, or an array of heads or of items. */
struct list_row {
	enum layout_field items, count;
	enum link link;
	const char *name;
};

static const struct list_row interpreter_lists[] = {
	{FIELD_PyInterpreterState_float_free_list, FIELD_PyInterpreterState_float_numfree, LINK_TYPE, "float"},
	{FIELD_PyInterpreterState_tuple_free_list, FIELD_PyInterpreterState_tuple_numfree, LINK_ITEM, "tuple"},
	{FIELD_PyInterpreterState_list_free_list, FIELD_PyInterpreterState_list_numfree, LINK_ARRAY, "list"},
	{FIELD_PyInterpreterState_dict_free_list, FIELD_PyInterpreterState_dict_numfree, LINK_ARRAY, "dict"},
};

static const struct list_row object_lists[] = {
	{FIELD__Py_object_freelists_floats_items, FIELD__Py_object_freelists_floats_numfree, LINK_TYPE, "float"},
	{FIELD__Py_object_freelists_tuples_items, FIELD__Py_object_freelists_tuples_numfree, LINK_ITEM, "tuple"},
	{FIELD__Py_object_freelists_lists_items, FIELD__Py_object_freelists_lists_numfree, LINK_ARRAY, "list"},
	{FIELD__Py_object_freelists_dicts_items, FIELD__Py_object_freelists_dicts_numfree, LINK_ARRAY, "dict"},
};

static const struct {
	enum layout_field field;
	const char *name;
} first_word_lists[] = {
	{FIELD__Py_freelists_floats, "float"},
	{FIELD__Py_freelists_complexes, "complex"},
	{FIELD__Py_freelists_ints, "int"},
	{FIELD__Py_freelists_tuples, "tuple"},
	{FIELD__Py_freelists_lists, "list"},
	{FIELD__Py_freelists_list_iters, "list iterator"},
	{FIELD__Py_freelists_tuple_iters, "tuple iterator"},
	{FIELD__Py_freelists_dicts, "dict"},
	{FIELD__Py_freelists_slices, "slice"},
	{FIELD__Py_freelists_ranges, "range"},
	{FIELD__Py_freelists_range_iters, "range iterator"},
	{FIELD__Py_freelists_contexts, "context"},
	{FIELD__Py_freelists_async_gens, "async generator"},
	{FIELD__Py_freelists_async_gen_asends, "asend() of async generators"},
	{FIELD__Py_freelists_futureiters, "future iterator"},
	{FIELD__Py_freelists_pycfunctionobject, "builtin function"},
	{FIELD__Py_freelists_pycmethodobject, "builtin method"},
	{FIELD__Py_freelists_pymethodobjects, "method"},
};

#define COUNT_OF(array) (sizeof(array) / sizeof(*(array)))

/* Follows a chain from its head on. NOT_FOUND, or *ret's position. */
static enum cpeek_status follow(const struct objects *objects, target_addr head, uint64_t link_offset, uint64_t count,
				target_addr address, struct freelist *ret)
{
	target_addr at = head;

	for (uint64_t i = 0; at && i < count && i < COUNT_MAX; i++) {
		if (at == address) {
			ret->position = i;
			ret->count = count;
			return CPEEK_OK;
		}
		if (target_read_pointer(objects->target, at + link_offset, &at) != CPEEK_OK)
			break;
	}
	return CPEEK_NOT_FOUND;
}

/* The index-th 4-byte number of a field that is an array of them. */
static uint64_t read_count(const struct objects *objects, target_addr base, enum layout_field field, uint64_t index)
{
	const struct layout_place place = objects->layout->fields[field];
	uint32_t number = 0;

	if (!place.offset_plus_1 ||
	    target_read_u32(objects->target, base + place.offset_plus_1 - 1 + 4 * index, &number) != CPEEK_OK)
		return 0;
	return number;
}

static enum cpeek_status search_array(const struct objects *objects, target_addr items, uint64_t count,
				      target_addr address, struct freelist *ret)
{
	const unsigned pointer_size = objects->layout->pointer_size;
	target_addr item;

	for (uint64_t i = 0; i < count; i++)
		if (target_read_pointer(objects->target, items + i * pointer_size, &item) == CPEEK_OK &&
		    item == address) {
			ret->position = count - 1 - i; /* the last one is taken first */
			ret->count = count;
			return CPEEK_OK;
		}
	return CPEEK_NOT_FOUND;
}

static enum cpeek_status search_row(const struct objects *objects, target_addr base, const struct list_row *row,
				    target_addr address, struct freelist *ret)
{
	const struct layout *layout = objects->layout;
	const struct layout_place place = layout->fields[row->items];
	const uint64_t heads = place.size / layout->pointer_size;
	target_addr head;

	if (!place.offset_plus_1)
		return CPEEK_NOT_FOUND;
	ret->name = row->name;
	const target_addr items = base + place.offset_plus_1 - 1;
	if (row->link == LINK_ARRAY) {
		const uint64_t count = read_count(objects, base, row->count, 0);
		return count <= heads ? search_array(objects, items, count, address, ret) : CPEEK_NOT_FOUND;
	}
	const uint64_t link =
		layout_offset(layout, row->link == LINK_TYPE ? FIELD_PyObject_ob_type : FIELD_PyTupleObject_ob_item);
	for (uint64_t i = 0; i < heads; i++)
		if (target_read_pointer(objects->target, items + i * layout->pointer_size, &head) == CPEEK_OK &&
		    follow(objects, head, link, read_count(objects, base, row->count, i), address, ret) == CPEEK_OK)
			return CPEEK_OK;
	return CPEEK_NOT_FOUND;
}

static enum cpeek_status search_rows(const struct objects *objects, target_addr base, const struct list_row *rows,
				     size_t count, target_addr address, struct freelist *ret)
{
	for (size_t i = 0; i < count; i++)
		if (search_row(objects, base, &rows[i], address, ret) == CPEEK_OK)
			return CPEEK_OK;
	return CPEEK_NOT_FOUND;
}

/* struct _Py_freelists, Include/internal/pycore_freelist_state.h (3.14). */
static enum cpeek_status search_first_words(const struct objects *objects, target_addr base, target_addr address,
					    struct freelist *ret)
{
	const struct layout *layout = objects->layout;
	const uint32_t size = layout->structs[STRUCT__Py_freelist];
	uint64_t head, count;

	for (size_t i = 0; size && i < COUNT_OF(first_word_lists); i++) {
		const struct layout_place place = layout->fields[first_word_lists[i].field];
		ret->name = first_word_lists[i].name;
		for (uint32_t at = 0; place.offset_plus_1 && at + size <= place.size; at += size) {
			const target_addr list = base + place.offset_plus_1 - 1 + at;
			if (field_read(objects, list, FIELD__Py_freelist_freelist, &head) == CPEEK_OK &&
			    field_read(objects, list, FIELD__Py_freelist_size, &count) == CPEEK_OK &&
			    follow(objects, head, 0, count, address, ret) == CPEEK_OK)
				return CPEEK_OK;
		}
	}
	return CPEEK_NOT_FOUND;
}

/* What a thread or interpreter has in one structure, 3.13 and later. */
static enum cpeek_status search_structure(const struct objects *objects, target_addr base, target_addr address,
					  struct freelist *ret)
{
	if (layout_trait(objects->layout, TRAIT_FREELIST_FIRST_WORD))
		return search_first_words(objects, base, address, ret);
	return search_rows(objects, base, object_lists, COUNT_OF(object_lists), address, ret);
}

enum cpeek_status freelist_find(struct objects *objects, target_addr address, struct freelist *ret)
{
	const struct layout *layout = objects->layout;
	const struct python *python = objects->python;
	struct freelist list = {0};
	enum cpeek_status status = CPEEK_UNSUPPORTED;

	for (size_t i = 0; i < python->thread_count && layout_has(layout, FIELD__PyThreadStateImpl_freelists); i++) {
		list.owner = (int64_t)python->threads[i].native_id;
		list.owner_thread = true;
		status = search_structure(
			objects, python->threads[i].tstate + layout_offset(layout, FIELD__PyThreadStateImpl_freelists),
			address, &list);
		if (status == CPEEK_OK)
			*ret = list;
		if (status != CPEEK_NOT_FOUND)
			return status;
	}
	if (status != CPEEK_UNSUPPORTED)
		return status;
	for (size_t i = 0; i < python->interpreter_count; i++) {
		const target_addr interpreter = python->interpreters[i].address;
		list.owner = python->interpreters[i].id;
		if (layout_has(layout, FIELD_PyInterpreterState_object_freelists))
			status = search_structure(
				objects,
				interpreter + layout_offset(layout, FIELD_PyInterpreterState_object_freelists),
				address, &list);
		else if (layout_has(layout, FIELD_PyInterpreterState_float_free_list))
			status = search_rows(objects, interpreter, interpreter_lists, COUNT_OF(interpreter_lists),
					     address, &list);
		if (status == CPEEK_OK)
			*ret = list;
		if (status != CPEEK_NOT_FOUND)
			return status;
	}
	return status;
}
