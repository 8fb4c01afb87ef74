/*
 * The memory of list and tuple explained: the items slot by slot, what a list has room for and when it will get more,
 * the hash that tuples keep.
 */
#include "object/dissect.h"
#include "object/growth.h"
#include "object/sequence.h"

#include <inttypes.h>

enum { GROWTHS = 5 };

/* count pointers from `first` on of the open block. */
static void explain_slots(struct dissection *dissection, const char *name, int64_t first, uint64_t count)
{
	const unsigned pointer_size = dissection->objects->layout->pointer_size;
	uint64_t i = 0;

	for (; i < count && !dissect_is_full(dissection); i++) {
		struct dissect_row *row = dissect_word(dissection, DISSECT_OBJECT, first + (int64_t)(i * pointer_size),
						       "%s[%" PRIu64 "]", name, i);
		if (row->value.kind == DISSECT_NONE) /* what follows is unreadable too */
			break;
	}
	if (i < count)
		dissect_cut(dissection, count - i, "items");
}

/* ---- list ---- */

static void add_growth(struct dissection *dissection, const struct layout *layout, uint64_t size, uint64_t allocated)
{
	dissect_open_table(dissection, "What the next appends allocate");
	for (int i = 0; i < GROWTHS; i++) {
		const uint64_t next = (size > allocated ? size : allocated) + 1;
		const uint64_t grown = growth_list(layout, next - 1, next, allocated);
		if (grown < next)
			break;
		dissect_cell(dissection, "length", DISSECT_UNSIGNED, next);
		dissect_cell(dissection, "allocated before", DISSECT_UNSIGNED, allocated);
		dissect_cell(dissection, "allocated then", DISSECT_UNSIGNED, grown);
		dissect_cell_text(dissection, "bytes", "%" PRIu64, grown * layout->pointer_size);
		dissect_end_row(dissection);
		size = next;
		allocated = grown;
	}
}

/* The items and the room behind them, which holds nothing that means anything. */
static enum cpeek_status explain_array(struct dissection *dissection, const struct object *object, target_addr array,
				       uint64_t used, uint64_t allocated)
{
	const unsigned pointer_size = object->objects->layout->pointer_size;
	struct table table;

	if (table_open(object->objects, array, (int64_t)allocated, pointer_size, &table) != CPEEK_OK) {
		dissect_problem(dissection,
				"allocated %" PRIu64 ": there is no memory for so many items at 0x%" PRIx64, allocated,
				array);
		return CPEEK_OK;
	}
	dissect_open_block(dissection, "ob_item: the vector of items", LAYOUT_STRUCT_COUNT, array,
			   allocated * pointer_size);
	/* Free-threaded builds of 3.14+ keep the capacity with the array: struct _PyListArray, Objects/listobject.c. */
	if (object->objects->layout->free_threaded &&
	    layout_trait(object->objects->layout, TRAIT_LIST_SIZE_OF_ARRAY)) {
		struct dissect_row *row =
			dissect_word(dissection, DISSECT_UNSIGNED, -(int64_t)pointer_size, "allocated");
		dissect_mean(dissection, row, "items the array has room for, for readers that hold no lock");
	}
	explain_slots(dissection, "ob_item", 0, used);
	if (allocated > used && !dissect_is_full(dissection)) {
		struct dissect_row *row = dissect_row(dissection, (int64_t)(used * pointer_size),
						      (allocated - used) * pointer_size, "ob_item[%" PRIu64 "]", used);
		dissect_mean(dissection, row, "room for %" PRIu64 " more item%s: what stands here means nothing",
			     allocated - used, allocated - used == 1 ? "" : "s");
	}
	return CPEEK_OK;
}

enum cpeek_status list_dissect(const struct object *object, struct dissection *dissection)
{
	const struct layout *layout = object->objects->layout;
	const target_addr array = object_get(object, FIELD_PyListObject_ob_item);
	const int64_t allocated = object_get_signed(object, FIELD_PyListObject_allocated);
	const int64_t size = object->ob_size;

	dissect_resize(dissection, (uint64_t)object->type->basicsize);
	dissect_field(dissection, DISSECT_NUMBER, FIELD_PyVarObject_ob_size, "items: len()");
	dissect_field(dissection, DISSECT_POINTER, FIELD_PyListObject_ob_item,
		      array ? "the vector of items" : "no vector yet");
	dissect_field(dissection, DISSECT_NUMBER, FIELD_PyListObject_allocated, "%s",
		      allocated == -1 ? "list.sort() has taken the items out" : "items the vector has room for");
	if (allocated == -1) {
		dissect_note(dissection,
			     "While it is sorted, a list shows itself empty: its items are in list.sort().");
		return CPEEK_OK;
	}
	if (size < 0 || allocated < size) {
		dissect_problem(dissection, "ob_size %" PRId64 ", but allocated %" PRId64, size, allocated);
		return CPEEK_OK;
	}
	if (!array && allocated) {
		dissect_problem(dissection, "ob_item is NULL, but allocated %" PRId64, allocated);
		return CPEEK_OK;
	}
	if (array && allocated)
		TRY(explain_array(dissection, object, array, (uint64_t)size, (uint64_t)allocated));
	dissect_fact_number(dissection, "used", size, "of %" PRId64 " slots allocated", allocated);
	dissect_fact_number(dissection, "appends before it grows", allocated - size, NULL);
	if (!dissection->partial)
		add_growth(dissection, layout, (uint64_t)size, (uint64_t)allocated);
	return CPEEK_OK;
}

/* ---- tuple ---- */

enum cpeek_status tuple_dissect(const struct object *object, struct dissection *dissection)
{
	const struct layout *layout = object->objects->layout;
	const int64_t first = layout_offset(layout, FIELD_PyTupleObject_ob_item);
	struct table table;
	uint64_t hash;

	dissect_name_block(dissection, STRUCT_PyTupleObject);
	dissect_field(dissection, DISSECT_NUMBER, FIELD_PyVarObject_ob_size, "items: len()");
	if (layout_has(layout, FIELD_PyTupleObject_ob_hash)) {
		TRY(field_read(object->objects, object->address, FIELD_PyTupleObject_ob_hash, &hash));
		dissect_field(dissection, DISSECT_NUMBER, FIELD_PyTupleObject_ob_hash, "%s",
			      hash << (64 - 8 * layout->pointer_size) == UINT64_MAX << (64 - 8 * layout->pointer_size)
				      ? "not asked for yet"
				      : "its hash, kept since it was first asked for");
	}
	if (table_open(object->objects, object->address + (uint64_t)first, object->ob_size, layout->pointer_size,
		       &table) != CPEEK_OK) {
		dissect_problem(dissection, "ob_size %" PRId64 ": there is no memory for so many items",
				object->ob_size);
		return CPEEK_OK;
	}
	explain_slots(dissection, "ob_item", first, (uint64_t)object->ob_size);
	dissect_fact_number(dissection, "length", object->ob_size, "items, in the object itself: a tuple never grows");
	if (object->ob_size == 0 && layout_has(layout, FIELD__PyRuntimeState_static_tuple_empty))
		dissect_fact_bool(dissection, "singleton",
				  object->address ==
					  object->objects->python->runtime +
						  layout_offset(layout, FIELD__PyRuntimeState_static_tuple_empty),
				  "the empty tuple exists once, in _PyRuntime");
	return CPEEK_OK;
}
