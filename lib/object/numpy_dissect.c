/*
 * The memory of a numpy.ndarray explained: its head, dimensions and strides, and the first elements over their bytes.
 */
#include "object/dissect.h"
#include "object/numpy.h"

#include <inttypes.h>

/* numpy/ndarraytypes.h */
static const struct dissect_flag flags[] = {
	{0x1, "C_CONTIGUOUS"}, {0x2, "F_CONTIGUOUS"}, {0x4, "OWNDATA"},
	{0x100, "ALIGNED"},    {0x400, "WRITEABLE"},  {0x2000, "WRITEBACKIFCOPY"},
};

static struct dissect_row *add_number(struct dissection *dissection, uint32_t offset, const char *name,
				      uint64_t number)
{
	struct dissect_row *row = dissect_row(dissection, offset, 4, "%s", name);

	row->value = (struct dissect_value){.kind = DISSECT_UNSIGNED, .number = number};
	return row;
}

static void add_sizes(struct dissection *dissection, const char *title, const char *name, target_addr address,
		      const int64_t *sizes, unsigned count, const char *meaning)
{
	const uint32_t word = dissection->objects->layout->pointer_size;

	if (!count)
		return;
	dissect_open_block(dissection, title, LAYOUT_STRUCT_COUNT, address, (uint64_t)count * word);
	for (unsigned i = 0; i < count && !dissect_is_full(dissection); i++) {
		struct dissect_row *row = dissect_row(dissection, (int64_t)i * word, word, "%s[%u]", name, i);
		row->value = (struct dissect_value){.kind = DISSECT_NUMBER, .number = (uint64_t)sizes[i]};
		dissect_mean(dissection, row, "%s", meaning);
	}
}

/* The elements that lie from data on one behind the other, as far as the last dimension goes; of others none. */
static enum cpeek_status add_elements(struct dissection *dissection, const struct numpy_array *array)
{
	const uint64_t itemsize = (uint64_t)array->dtype.itemsize;
	const uint64_t start = array->data - array->table.address;
	const bool whole = array->table.length == array->nbytes && start == 0;
	const uint64_t count = itemsize ? (array->table.length - start) / itemsize : 0;
	uint64_t i = 0;

	if (!count || !array->table.length)
		return CPEEK_OK;
	dissect_open_block(dissection, whole ? "data: the elements" : "data: from the first element on",
			   LAYOUT_STRUCT_COUNT, array->data, array->table.length - start);
	for (; i < count && !dissect_is_full(dissection); i++) {
		struct strbuf out = {0};
		enum cpeek_status status =
			numpy_put_element(dissection->objects, array, start + i * itemsize, dissection->limits, &out);
		struct dissect_row *row =
			dissect_row(dissection, (int64_t)(i * itemsize), itemsize, "data[%" PRIu64 "]", i);
		row->value = (struct dissect_value){.kind = DISSECT_TEXT, .text = dissect_keep(dissection, &out)};
		TRY(status);
	}
	if (i < count)
		dissect_cut(dissection, count - i, "elements");
	return CPEEK_OK;
}

static enum cpeek_status explain(struct dissection *dissection, const struct object *object,
				 const struct numpy_array *array, const struct numpy_offsets *offsets)
{
	const uint32_t word = object->objects->layout->pointer_size;
	struct strbuf dtype = {0};

	numpy_dtype_put(object->objects, &array->dtype, &dtype);
	dissect_mean(dissection, dissect_word(dissection, DISSECT_POINTER, offsets->data, "data"),
		     "where the element of all indices 0 begins");
	dissect_mean(dissection, add_number(dissection, offsets->nd, "nd", array->nd), "dimensions: ndim");
	dissect_mean(dissection, dissect_word(dissection, DISSECT_POINTER, offsets->dimensions, "dimensions"),
		     "shape");
	dissect_mean(dissection, dissect_word(dissection, DISSECT_POINTER, offsets->strides, "strides"),
		     "bytes from one element to the next, of each dimension");
	dissect_mean(dissection, dissect_word(dissection, DISSECT_OBJECT, offsets->base, "base"), "%s",
		     array->base ? "whose memory data is" : "none: data is no other object's");
	dissect_mean(dissection, dissect_word(dissection, DISSECT_OBJECT, offsets->descr, "descr"),
		     "dtype: how an element is to be read");
	struct dissect_row *row = add_number(dissection, offsets->flags, "flags", array->flags);
	row->value.text = dissect_text(dissection, "0x%" PRIx64, array->flags);
	dissect_mean(dissection, row, "%s",
		     dissect_flags(dissection, array->flags, flags, sizeof(flags) / sizeof(*flags)));
	(void)dissect_word(dissection, DISSECT_OBJECT, offsets->weakreflist, "weakreflist");
	/* Since numpy 1.20 and 1.22. */
	if (object->type->basicsize >= (int64_t)offsets->end + word)
		(void)dissect_word(dissection, DISSECT_POINTER, offsets->end, "_buffer_info");
	if (object->type->basicsize >= (int64_t)offsets->end + 2 * word)
		dissect_mean(dissection, dissect_word(dissection, DISSECT_OBJECT, offsets->end + word, "mem_handler"),
			     "what allocated data, and will free it");
	add_sizes(dissection, "dimensions", "dimensions", array->dimensions, array->shape, array->nd, "elements");
	add_sizes(dissection, "strides", "strides", array->strides, array->stride, array->nd, "bytes");
	enum cpeek_status status = dissect_tolerate(dissection, add_elements(dissection, array), "the elements");
	dissect_fact_buffer(dissection, "dtype", &dtype, "%" PRId64 " bytes each", array->dtype.itemsize);
	dissect_fact_number(dissection, "nbytes", (int64_t)array->nbytes, "%s",
			    array->flags & NUMPY_OWNDATA ? "of its own: sys.getsizeof() counts them"
							 : "not of its own: sys.getsizeof() leaves them out");
	return status;
}

enum cpeek_status numpy_array_dissect(const struct object *object, struct dissection *dissection)
{
	struct numpy_offsets offsets;
	struct numpy_array array;

	dissect_resize(dissection, (uint64_t)object->type->basicsize);
	numpy_get_offsets(object->objects->layout, &offsets);
	enum cpeek_status status = numpy_array_read(object, &array);
	if (status == CPEEK_OK)
		status = explain(dissection, object, &array, &offsets);
	else
		status = dissect_tolerate(dissection, status, "the array's structure");
	numpy_array_deinit(&array);
	return status;
}
