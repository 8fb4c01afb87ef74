/*
 * struct _object, version by version: one count of references; from 3.12 on with a range that means "immortal"; from
 * 3.14 on with flags beside it; in free-threaded builds split between the thread that owns the object and all others.
 */
#include "object/head.h"

#include <inttypes.h>

#define COUNT_OF(array) (sizeof(array) / sizeof(*(array)))

enum {
	/* ob_ref_shared, Include/object.h 3.13, Include/refcount.h 3.14 */
	SHARED_SHIFT = 2,
	SHARED_FLAGS = 3,
	SHARED_MERGED = 3,
	BITS_DEFERRED = 1 << 6,
};

/* ob_flags, Include/object.h 3.14 */
static const struct dissect_flag object_flags[] = {
	{1 << 0, "IMMORTAL"},
	{1 << 1, "LEGACY_ABI_CHECK"},
	{1 << 2, "STATICALLY_ALLOCATED"},
	{1 << 3, "TYPE_REVEALED"},
};

/* Include/internal/pycore_lock.h */
static const struct dissect_flag mutex_flags[] = {{1, "LOCKED"}, {2, "HAS_PARKED"}};

/* ob_gc_bits, Include/internal/pycore_gc.h; 3.13 and later */
static const struct dissect_flag gc_bits[] = {
	{1 << 0, "TRACKED"}, {1 << 1, "FINALIZED"}, {1 << 2, "UNREACHABLE"},     {1 << 3, "FROZEN"},
	{1 << 4, "SHARED"},  {1 << 5, "ALIVE"},     {BITS_DEFERRED, "DEFERRED"},
};
static const struct dissect_flag gc_bits_3_13[] = {
	{1 << 0, "TRACKED"}, {1 << 1, "FINALIZED"},     {1 << 2, "UNREACHABLE"},     {1 << 3, "FROZEN"},
	{1 << 4, "SHARED"},  {1 << 5, "SHARED_INLINE"}, {BITS_DEFERRED, "DEFERRED"},
};

static bool is_set(const struct object *object, enum layout_field field, uint64_t bit)
{
	return layout_has(object->objects->layout, field) && object_get(object, field) & bit;
}

/* ---- Builds with a GIL ---- */

/* _Py_IsImmortal(): Include/object.h 3.12, Include/refcount.h 3.14. */
static bool is_immortal(const struct layout *layout, uint64_t count)
{
	if (!layout_trait(layout, TRAIT_IMMORTAL))
		return false;
	if (layout->pointer_size == 8)
		return count & (uint64_t)1 << 31;
	return layout_trait(layout, TRAIT_REFCNT_32) ? count >= (uint64_t)1 << 30 : count == UINT32_MAX >> 2;
}

static const char *immortal_text(const struct layout *layout)
{
	if (layout->pointer_size == 8)
		return "immortal, as bit 31 is set: nobody counts, and it is never freed";
	return layout_trait(layout, TRAIT_REFCNT_32)
		       ? "immortal, as it is not below 2**30: nobody counts, and it is never freed"
		       : "immortal, as it is 0x3fffffff: nobody counts, and it is never freed";
}

static void explain_count(struct dissection *dissection, const struct object *object)
{
	const struct layout *layout = object->objects->layout;
	const uint64_t count = object_get(object, FIELD_PyObject_ob_refcnt);

	if (is_immortal(layout, count))
		dissect_field(dissection, DISSECT_UNSIGNED, FIELD_PyObject_ob_refcnt, "%s", immortal_text(layout));
	else if (count == 0)
		dissect_field(dissection, DISSECT_NUMBER, FIELD_PyObject_ob_refcnt,
			      "no references: it is being destroyed, or waits on a free list to be used again");
	else
		dissect_field(dissection, DISSECT_NUMBER, FIELD_PyObject_ob_refcnt, "references to it");
	if (!is_immortal(layout, count) && object_get_signed(object, FIELD_PyObject_ob_refcnt) < 0)
		dissect_problem(dissection, "ob_refcnt %" PRId64 " is below 0",
				object_get_signed(object, FIELD_PyObject_ob_refcnt));
}

/* ---- Free-threaded builds ---- */

static void explain_owner(struct dissection *dissection, const struct object *object)
{
	const struct python *python = object->objects->python;
	const uint64_t tid = object_get(object, FIELD_PyObject_ob_tid);
	size_t i = 0;

	while (i < python->thread_count && python->threads[i].thread_id != tid)
		i++;
	if (tid == 0)
		dissect_field(dissection, DISSECT_POINTER, FIELD_PyObject_ob_tid, "no thread owns it");
	else if (i < python->thread_count && python->threads[i].native_id)
		dissect_field(dissection, DISSECT_POINTER, FIELD_PyObject_ob_tid, "owned by thread %" PRIu64,
			      python->threads[i].native_id);
	else if (i < python->thread_count)
		dissect_field(dissection, DISSECT_POINTER, FIELD_PyObject_ob_tid, "owned by the thread with this id");
	else
		dissect_field(dissection, DISSECT_POINTER, FIELD_PyObject_ob_tid,
			      "no thread that runs now has this id: its owner has ended, or a collection is under "
			      "way");
}

static void explain_bits(struct dissection *dissection, const struct object *object, enum layout_field field,
			 const struct dissect_flag *flags, size_t count)
{
	if (!layout_has(object->objects->layout, field))
		return;
	const uint64_t value = object_get(object, field);
	dissect_field(dissection, DISSECT_UNSIGNED, field, "%s",
		      value ? dissect_flags(dissection, value, flags, count) : "none set");
}

static const char *shared_state(uint64_t flags)
{
	static const char *const states[] = {
		"state 0: no other thread has counted yet",
		"state 1, MAYBE_WEAKREF: may have weak references, or other threads have counted",
		"state 2, QUEUED: its owner is asked to merge the counts",
		"state 3, MERGED: there is no local count any more",
	};

	return states[flags & SHARED_FLAGS];
}

static void explain_shared(struct dissection *dissection, const struct object *object)
{
	const int64_t shared = object_get_signed(object, FIELD_PyObject_ob_ref_shared);
	/* _Py_REF_DEFERRED, Include/internal/pycore_object.h */
	const int64_t deferred = (object->objects->layout->pointer_size == 8 ? INT64_MAX : (int64_t)INT32_MAX) / 8;
	int64_t count = shared >> SHARED_SHIFT;

	if (is_set(object, FIELD_PyObject_ob_gc_bits, BITS_DEFERRED) && count >= deferred / 2) {
		count -= deferred;
		dissect_field(dissection, DISSECT_NUMBER, FIELD_PyObject_ob_ref_shared,
			      "other threads: %" PRId64 " << 2 | %u, above the amount that deferred counting adds "
			      "(SSIZE_MAX / 8); %s",
			      count, (unsigned)(shared & SHARED_FLAGS), shared_state((uint64_t)shared));
		return;
	}
	dissect_field(dissection, DISSECT_NUMBER, FIELD_PyObject_ob_ref_shared,
		      "other threads: %" PRId64 " << 2 | %u; %s", count, (unsigned)(shared & SHARED_FLAGS),
		      shared_state((uint64_t)shared));
}

static void explain_split_count(struct dissection *dissection, const struct object *object)
{
	const uint64_t local = object_get(object, FIELD_PyObject_ob_ref_local);
	const uint64_t flags = object_get(object, FIELD_PyObject_ob_ref_shared) & SHARED_FLAGS;

	explain_owner(dissection, object);
	explain_bits(dissection, object, FIELD_PyObject_ob_mutex, mutex_flags, COUNT_OF(mutex_flags));
	if (layout_trait(object->objects->layout, TRAIT_GC_BIT_ALIVE))
		explain_bits(dissection, object, FIELD_PyObject_ob_gc_bits, gc_bits, COUNT_OF(gc_bits));
	else
		explain_bits(dissection, object, FIELD_PyObject_ob_gc_bits, gc_bits_3_13, COUNT_OF(gc_bits_3_13));
	if (local == UINT32_MAX) {
		dissect_field(dissection, DISSECT_UNSIGNED, FIELD_PyObject_ob_ref_local,
			      "immortal, as all bits are set: nobody counts, and it is never freed");
		dissect_field(dissection, DISSECT_NUMBER, FIELD_PyObject_ob_ref_shared,
			      "of no meaning, as it is immortal");
		return;
	}
	dissect_field(dissection, DISSECT_UNSIGNED, FIELD_PyObject_ob_ref_local, "references that its owner counts");
	explain_shared(dissection, object);
	if (flags == SHARED_MERGED && local)
		dissect_problem(dissection,
				"ob_ref_local is %" PRIu64 " although ob_ref_shared says that the counts are merged",
				local);
}

void head_dissect(struct dissection *dissection, const struct object *object)
{
	dissect_field(dissection, DISSECT_OBJECT, FIELD_PyObject__ob_next, "the next of all objects (Py_TRACE_REFS)");
	dissect_field(dissection, DISSECT_OBJECT, FIELD_PyObject__ob_prev, "the one before");
	if (layout_has(object->objects->layout, FIELD_PyObject_ob_ref_local))
		explain_split_count(dissection, object);
	else
		explain_count(dissection, object);
	dissect_field(dissection, DISSECT_UNSIGNED, FIELD_PyObject_ob_overflow,
		      "where the count goes to when C code that knows no immortality counts too far");
	explain_bits(dissection, object, FIELD_PyObject_ob_flags, object_flags, COUNT_OF(object_flags));
	dissect_field(dissection, DISSECT_OBJECT, FIELD_PyObject_ob_type, NULL);
}
