/*
 * The memory of a memoryview explained: what it shows of a buffer, the managed buffer that it shares with other views, and
 * the bytes themselves.
 */
#include "object/dissect.h"
#include "object/memoryview.h"

#include <inttypes.h>

#define COUNT_OF(array) (sizeof(array) / sizeof(*(array)))

enum {
	LINE = 8,     /* bytes of one row */
	NDIM_MAX = 64 /* PyBUF_MAX_NDIM, Include/cpython/object.h */
};

/* Include/memoryobject.h; RESTRICTED 3.12 Include/cpython/memoryobject.h */
static const struct dissect_flag view_flags[] = {
	{1, "RELEASED"}, {2, "C"}, {4, "FORTRAN"}, {8, "SCALAR"}, {16, "PIL"}, {32, "RESTRICTED"},
};
static const struct dissect_flag buffer_flags[] = {{1, "RELEASED"}, {2, "FREE_FORMAT"}};

static void explain_flags(struct dissection *dissection, enum layout_field field, uint64_t value,
			  const struct dissect_flag *flags, size_t count)
{
	dissect_field(dissection, DISSECT_UNSIGNED, field, "%s",
		      value ? dissect_flags(dissection, value, flags, count) : "none set");
}

static uint64_t get(const struct object *object, enum layout_field field)
{
	uint64_t value = 0;

	(void)field_read(object->objects, object->address, field, &value);
	return value;
}

static const char *format_of(struct dissection *dissection, const struct object *object)
{
	const target_addr format = get(object, FIELD_PyMemoryViewObject_view_format);
	char text[64];

	if (!format)
		return "no format: unsigned bytes";
	enum cpeek_status status = target_read_cstring(object->objects->target, format, text, sizeof(text));
	if (status != CPEEK_OK && status != CPEEK_LIMIT)
		return "unreadable";
	return dissect_text(dissection, "struct's format of an item: '%s'", text);
}

static void explain_fields(struct dissection *dissection, const struct object *object)
{
	const uint64_t ndim = get(object, FIELD_PyMemoryViewObject_view_ndim);
	const bool hashed = get(object, FIELD_PyMemoryViewObject_hash) !=
			    UINT64_MAX >> (64 - 8 * object->objects->layout->pointer_size);

	dissect_field(dissection, DISSECT_NUMBER, FIELD_PyVarObject_ob_size,
		      "numbers in ob_array: shape, strides and suboffsets of each dimension");
	dissect_field(dissection, DISSECT_OBJECT, FIELD_PyMemoryViewObject_mbuf,
		      "the managed buffer that this view shares with others");
	dissect_field(dissection, DISSECT_NUMBER, FIELD_PyMemoryViewObject_hash, "%s",
		      hashed ? "kept since it was first asked for" : "not asked for yet");
	explain_flags(dissection, FIELD_PyMemoryViewObject_flags, get(object, FIELD_PyMemoryViewObject_flags),
		      view_flags, COUNT_OF(view_flags));
	dissect_field(dissection, DISSECT_NUMBER, FIELD_PyMemoryViewObject_exports, "buffers taken of this view");
	dissect_field(dissection, DISSECT_POINTER, FIELD_PyMemoryViewObject_view_buf, "the first item");
	dissect_field(dissection, DISSECT_OBJECT, FIELD_PyMemoryViewObject_view_obj, "whose memory it is");
	dissect_field(dissection, DISSECT_NUMBER, FIELD_PyMemoryViewObject_view_len, "bytes in all items together");
	dissect_field(dissection, DISSECT_NUMBER, FIELD_PyMemoryViewObject_view_itemsize, "bytes of one item");
	dissect_field(dissection, DISSECT_BOOL, FIELD_PyMemoryViewObject_view_readonly,
		      "it may not be written through");
	dissect_field(dissection, DISSECT_NUMBER, FIELD_PyMemoryViewObject_view_ndim, "dimension%s",
		      ndim == 1 ? "" : "s");
	dissect_field(dissection, DISSECT_POINTER, FIELD_PyMemoryViewObject_view_format, "%s",
		      format_of(dissection, object));
	dissect_field(dissection, DISSECT_POINTER, FIELD_PyMemoryViewObject_view_shape, "items in each dimension");
	dissect_field(dissection, DISSECT_POINTER, FIELD_PyMemoryViewObject_view_strides,
		      "bytes from one item to the next, in each dimension");
	dissect_field(dissection, DISSECT_POINTER, FIELD_PyMemoryViewObject_view_suboffsets,
		      "where dimensions go through pointers, as in PIL images");
	dissect_field(dissection, DISSECT_POINTER, FIELD_PyMemoryViewObject_view_internal, "the exporter's own");
	dissect_field(dissection, DISSECT_OBJECT, FIELD_PyMemoryViewObject_weakreflist, "weak references to it");
}

/* ob_array: ndim numbers of each kind. */
static void explain_array(struct dissection *dissection, const struct object *object, uint64_t ndim)
{
	static const char *const names[] = {"shape", "strides", "suboffsets"};
	const struct layout *layout = object->objects->layout;
	const int64_t first = layout_offset(layout, FIELD_PyMemoryViewObject_ob_array);

	const bool has_suboffsets = get(object, FIELD_PyMemoryViewObject_view_suboffsets) != 0;

	for (uint64_t i = 0; i < COUNT_OF(names) * ndim && i < (uint64_t)object->ob_size; i++) {
		struct dissect_row *row =
			dissect_word(dissection, DISSECT_NUMBER, first + (int64_t)(i * layout->pointer_size),
				     "ob_array[%" PRIu64 "]: %s[%" PRIu64 "]", i, names[i / ndim], i % ndim);
		if (i / ndim == 2 && !has_suboffsets)
			dissect_mean(dissection, row, "not in use, as view.suboffsets is NULL");
	}
}

static void explain_managed(struct dissection *dissection, const struct object *object, target_addr mbuf)
{
	const struct layout *layout = object->objects->layout;
	uint64_t flags = 0;

	if (!mbuf)
		return;
	dissect_open_block(dissection, "mbuf: the managed buffer", STRUCT__PyManagedBufferObject, mbuf,
			   layout->structs[STRUCT__PyManagedBufferObject]);
	(void)dissect_word(dissection, DISSECT_OBJECT, (int64_t)layout_offset(layout, FIELD_PyObject_ob_type),
			   "ob_type");
	if (field_read(object->objects, mbuf, FIELD__PyManagedBufferObject_flags, &flags) == CPEEK_OK)
		explain_flags(dissection, FIELD__PyManagedBufferObject_flags, flags, buffer_flags,
			      COUNT_OF(buffer_flags));
	dissect_field(dissection, DISSECT_NUMBER, FIELD__PyManagedBufferObject_exports, "memoryviews that share it");
	dissect_field(dissection, DISSECT_POINTER, FIELD__PyManagedBufferObject_master_buf,
		      "where the exporter's memory begins");
	dissect_field(dissection, DISSECT_OBJECT, FIELD__PyManagedBufferObject_master_obj,
		      "the exporter: alive and not resized as long as this is");
	dissect_field(dissection, DISSECT_NUMBER, FIELD__PyManagedBufferObject_master_len, "bytes of it");
}

/* The bytes that it shows, if they lie together. */
static enum cpeek_status explain_bytes(struct dissection *dissection, const struct object *object)
{
	const target_addr buf = get(object, FIELD_PyMemoryViewObject_view_buf);
	const uint64_t length = get(object, FIELD_PyMemoryViewObject_view_len);
	const uint64_t flags = get(object, FIELD_PyMemoryViewObject_flags);
	struct table table;
	uint64_t i = 0;

	if (!(flags & 6) || !length) {
		dissect_note(dissection, length ? "The items do not lie together: strides lead from one to the next."
						: "It shows no items.");
		return CPEEK_OK;
	}
	if (table_open(object->objects, buf, (int64_t)length, 1, &table) != CPEEK_OK) {
		dissect_problem(dissection, "view.len %" PRId64 ": there is no memory for so many bytes at 0x%" PRIx64,
				(int64_t)length, buf);
		return CPEEK_OK;
	}
	dissect_open_block(dissection, "view.buf: the bytes that it shows", LAYOUT_STRUCT_COUNT, buf, length);
	for (; i < length && !dissect_is_full(dissection); i += LINE) {
		const uint64_t size = length - i < LINE ? length - i : LINE;
		(void)dissect_row(dissection, (int64_t)i, size, "buf[%" PRIu64 "]", i);
	}
	if (i < length)
		dissect_cut(dissection, length - i, "bytes");
	return CPEEK_OK;
}

enum cpeek_status memoryview_dissect(const struct object *object, struct dissection *dissection)
{
	const uint64_t ndim = get(object, FIELD_PyMemoryViewObject_view_ndim);
	const bool released = get(object, FIELD_PyMemoryViewObject_flags) & 1;

	dissect_name_block(dissection, STRUCT_PyMemoryViewObject);
	explain_fields(dissection, object);
	if (ndim > NDIM_MAX)
		dissect_problem(dissection, "view.ndim is %" PRId64 "; there are no more than %d dimensions",
				(int64_t)ndim, NDIM_MAX);
	else if (ndim)
		explain_array(dissection, object, ndim);
	if (released) {
		dissect_note(dissection, "Released: it shows nothing any more.");
		return CPEEK_OK;
	}
	explain_managed(dissection, object, get(object, FIELD_PyMemoryViewObject_mbuf));
	return dissect_tolerate(dissection, explain_bytes(dissection, object), "the bytes");
}
