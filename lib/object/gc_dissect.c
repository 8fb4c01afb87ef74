/*
 * PyGC_Head explained. Include/objimpl.h (3.6, 3.7), Include/internal/pycore_gc.h, Python/gc.c. Knows where the lists
 * begin, and follows one as far as it takes to tell which it is.
 */
#include "object/gc_dissect.h"

#include <inttypes.h>

enum {
	STEPS_MAX = 1 << 16, /* links followed to find a list's head */
	LISTS = 3,
	NEXT_BIT_0 =
		1, /* _gc_next: NEXT_MASK_UNREACHABLE, or the number of the old space, which has the other at bit 1 */
	NEXT_BIT_1 = 2,
	PREV_FINALIZED = 1,
	PREV_COLLECTING = 2,
	PREV_SHIFT = 2,
	LINK_FLAGS = 3,
	/* gc_refs, above one flag. To 3.7 */
	REFS_FINALIZED = 1,
	REFS_SHIFT = 1,
	REFS_UNTRACKED = -2,
	REFS_REACHABLE = -3,
	REFS_TENTATIVELY_UNREACHABLE = -4,
};

static target_addr head_of(const struct object *object)
{
	return object->address - object->objects->layout->structs[STRUCT_PyGC_Head];
}

/* What the list that begins here is called; NULL: none begins here. */
static const char *name_list(struct dissection *dissection, target_addr at)
{
	const struct objects *objects = dissection->objects;
	const struct python *python = objects->python;
	const uint32_t size = objects->layout->structs[STRUCT_gc_generation];
	const bool spaces = layout_trait(objects->layout, TRAIT_GC_NEXT_OLD_SPACE);

	for (size_t i = 0; i < python->interpreter_count; i++) {
		target_addr first, permanent;
		if (runtime_find_generations(python, i, &first, &permanent) != CPEEK_OK)
			return NULL;
		if (permanent && at == permanent)
			return "the permanent generation (gc.freeze())";
		for (unsigned list = 0; list < LISTS; list++)
			if (at == first + list * size)
				return spaces && list > 0 ? dissect_text(dissection, "old space %u", list - 1)
							  : dissect_text(dissection, "generation %u", list);
	}
	return NULL;
}

/* The list that an object is on, followed in the direction of a field; NULL when that is far away, or broken. */
static const char *find_list(struct dissection *dissection, target_addr head, enum layout_field direction)
{
	for (unsigned i = 0; i < STEPS_MAX; i++) {
		uint64_t next;
		if (field_read(dissection->objects, head, direction, &next) != CPEEK_OK || next == 0)
			return NULL;
		head = next & ~(target_addr)LINK_FLAGS;
		const char *name = name_list(dissection, head);
		if (name)
			return name;
	}
	return NULL;
}

/* "list 0x7f…" for the object behind a head, or what list it begins. */
static const char *name_neighbour(struct dissection *dissection, target_addr head)
{
	const target_addr address = head + dissection->objects->layout->structs[STRUCT_PyGC_Head];
	const char *list = name_list(dissection, head);
	struct object object;

	if (list)
		return dissect_text(dissection, "the list's head, %s", list);
	if (object_read(dissection->objects, address, &object) != CPEEK_OK) {
		dissection->partial = true;
		return dissect_text(dissection, "0x%" PRIx64 ", where no object can be read", address);
	}
	return dissect_text(dissection, "%s 0x%" PRIx64, object.type->name, address);
}

/* What a neighbour says of its own neighbour on this side. */
static const char *check_back(struct dissection *dissection, target_addr head, target_addr neighbour,
			      enum layout_field back)
{
	uint64_t value;

	if (field_read(dissection->objects, neighbour, back, &value) != CPEEK_OK ||
	    (value & ~(uint64_t)LINK_FLAGS) == head)
		return "";
	dissection->partial = true;
	return dissect_text(dissection, "; it does not point back: its %s is 0x%" PRIx64,
			    back == FIELD_PyGC_Head__gc_prev ? "_gc_prev" : "_gc_next", value);
}

static const char *next_flags(const struct layout *layout, uint64_t next)
{
	const bool spaces = layout_trait(layout, TRAIT_GC_NEXT_OLD_SPACE);
	const bool unreachable = next & (spaces ? NEXT_BIT_1 : NEXT_BIT_0);

	if (layout_has(layout, FIELD_PyGC_Head_gc_refs))
		return "";
	if (unreachable)
		return spaces && next & NEXT_BIT_0
			       ? "; _PyGC_NEXT_MASK_OLD_SPACE_1 | NEXT_MASK_UNREACHABLE (a collection runs)"
			       : "; NEXT_MASK_UNREACHABLE (a collection runs)";
	if (!spaces)
		return "";
	return next & NEXT_BIT_0 ? "; _PyGC_NEXT_MASK_OLD_SPACE_1: in old space 1, or to be"
				 : "; in old space 0, or to be";
}

static void dissect_next(struct dissection *dissection, const struct object *object, bool tracked, bool collecting)
{
	const struct layout *layout = object->objects->layout;
	const int64_t before = -(int64_t)layout->structs[STRUCT_PyGC_Head];
	struct dissect_row *row =
		dissect_word(dissection, DISSECT_POINTER, before + layout_offset(layout, FIELD_PyGC_Head__gc_next),
			     layout_has(layout, FIELD_PyGC_Head_gc_refs) ? "gc_next" : "_gc_next");
	const uint64_t next = row->value.number;

	if (row->value.kind == DISSECT_NONE)
		return;
	if (!tracked || next == 0) {
		dissect_mean(dissection, row, "the collector does not track it");
		return;
	}
	const target_addr neighbour = next & ~(target_addr)LINK_FLAGS;
	const char *list = find_list(dissection, head_of(object), FIELD_PyGC_Head__gc_next);
	if (!list && !collecting)
		list = find_list(dissection, head_of(object), FIELD_PyGC_Head__gc_prev);
	dissect_mean(dissection, row, "next of %s: %s%s%s",
		     list ? list : "a list whose head is more than 65536 links away, or not to be found",
		     name_neighbour(dissection, neighbour),
		     collecting ? "" : check_back(dissection, head_of(object), neighbour, FIELD_PyGC_Head__gc_prev),
		     next_flags(layout, next));
}

static void dissect_prev(struct dissection *dissection, const struct object *object, bool tracked)
{
	const struct layout *layout = object->objects->layout;
	const bool flags = !layout_has(layout, FIELD_PyGC_Head_gc_refs);
	const int64_t before = -(int64_t)layout->structs[STRUCT_PyGC_Head];
	struct dissect_row *row =
		dissect_word(dissection, DISSECT_POINTER, before + layout_offset(layout, FIELD_PyGC_Head__gc_prev),
			     flags ? "_gc_prev" : "gc_prev");
	const uint64_t prev = row->value.number;
	const char *finalized = flags && prev & PREV_FINALIZED
					? "; _PyGC_PREV_MASK_FINALIZED: its finalizer has run, and will not again"
					: "";

	if (row->value.kind == DISSECT_NONE)
		return;
	if (flags && prev & PREV_COLLECTING) {
		dissect_mean(dissection, row, "gc_refs %" PRIu64 "; PREV_MASK_COLLECTING: a collection runs%s",
			     prev >> PREV_SHIFT, finalized);
		return;
	}
	const target_addr neighbour = prev & ~(target_addr)LINK_FLAGS;
	if (!tracked || neighbour == 0) {
		dissect_mean(dissection, row, "no neighbour%s", finalized);
		return;
	}
	dissect_mean(dissection, row, "previous: %s%s%s", name_neighbour(dissection, neighbour),
		     check_back(dissection, head_of(object), neighbour, FIELD_PyGC_Head__gc_next), finalized);
}

/* To 3.7. Returns whether the object is tracked. */
static bool dissect_refs(struct dissection *dissection, const struct object *object)
{
	const struct layout *layout = object->objects->layout;
	const int64_t before = -(int64_t)layout->structs[STRUCT_PyGC_Head];
	struct dissect_row *row = dissect_word(dissection, DISSECT_NUMBER,
					       before + layout_offset(layout, FIELD_PyGC_Head_gc_refs), "gc_refs");
	const int64_t word = (int64_t)row->value.number, refs = word >> REFS_SHIFT;
	const char *finalized = word & REFS_FINALIZED ? "; finalized: its finalizer has run, and will not again" : "";

	if (row->value.kind == DISSECT_NONE)
		return true;
	switch (refs) {
	case REFS_UNTRACKED:
		dissect_mean(dissection, row, "GC_UNTRACKED: the collector does not track it%s", finalized);
		return false;
	case REFS_REACHABLE:
		dissect_mean(dissection, row, "GC_REACHABLE%s", finalized);
		return true;
	case REFS_TENTATIVELY_UNREACHABLE:
		dissect_mean(dissection, row, "GC_TENTATIVELY_UNREACHABLE: a collection runs%s", finalized);
		return true;
	default:
		if (refs < 0)
			dissection->partial = true;
		dissect_mean(
			dissection, row,
			refs < 0 ? "no state that there is (%" PRId64 ")%s"
				 : "references from outside, as far as a collection that runs has counted: %" PRId64
				   "%s",
			refs, finalized);
		return true;
	}
}

void gc_dissect(struct dissection *dissection, const struct object *object)
{
	const struct layout *layout = object->objects->layout;
	bool tracked = true, collecting = false;
	uint64_t word;

	if (layout->free_threaded || !object_is_gc(object))
		return;
	if (layout_has(layout, FIELD_PyGC_Head_gc_refs)) {
		tracked = dissect_refs(dissection, object); /* the links are whole all the time */
	} else {
		tracked = field_read(object->objects, head_of(object), FIELD_PyGC_Head__gc_next, &word) != CPEEK_OK ||
			  word != 0;
		collecting =
			field_read(object->objects, head_of(object), FIELD_PyGC_Head__gc_prev, &word) == CPEEK_OK &&
			word & PREV_COLLECTING;
	}
	dissect_next(dissection, object, tracked, collecting);
	dissect_prev(dissection, object, tracked);
}
