/*
 * numpy: ndarray, dtype and scalars. Their repr is Python code, or numpy's own: they are shown as object's repr has it,
 * and what their structures say comes behind it.
 */
#include "object/numpy.h"
#include "base/memory.h"
#include "object/bytes.h"
#include "object/member.h"
#include "object/number.h"
#include "object/render.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum {
	BASES_MAX = 16,
	ITEM_MAX = 1 << 16,  /* bytes of an element that is shown */
	RAW_MAX = 16,        /* bytes of one that is not understood */
	FIELDS_MAX = 1024,   /* of a structured dtype */
	NODES_MAX = 1 << 20, /* elements and lists that are written, where no limit is set … */
	TEXT_MAX = 64 << 20, /* … and bytes that they take */
	BUILTIN_TYPES = 24,  /* NPY_NTYPES_LEGACY: type numbers from here on are others' */
	NAME_BYTES = 1024,   /* of a field */
	CANCEL_EVERY = 1 << 12,
};

/* ---- Where numpy's fields are ---- */

/* The next field of a C structure, of size bytes and aligned by them. */
static uint32_t place(uint32_t *end, uint32_t size)
{
	const uint32_t offset = (*end + size - 1) / size * size;

	*end = offset + size;
	return offset;
}

void numpy_get_offsets(const struct layout *layout, struct numpy_offsets *ret)
{
	const uint32_t word = layout->pointer_size;
	uint32_t end = layout->structs[STRUCT_PyObject];

	ret->data = place(&end, word);
	ret->nd = place(&end, 4);
	ret->dimensions = place(&end, word);
	ret->strides = place(&end, word);
	ret->base = place(&end, word);
	ret->descr = place(&end, word);
	ret->flags = place(&end, 4);
	ret->weakreflist = place(&end, word);
	ret->end = end;
}

/* A number of size bytes at an address, its sign extended. */
static enum cpeek_status read_number(const struct objects *objects, target_addr address, unsigned size, int64_t *ret)
{
	const unsigned unused = 64 - 8 * size;
	uint8_t bytes[8];

	TRY(target_read(objects->target, address, bytes, size));
	*ret = (int64_t)(target_get(objects->target, bytes, size) << unused) >> unused;
	return CPEEK_OK;
}

/* The type of C code of that name among an object's type and its bases; NULL. */
static const struct type *find_base(const struct type *type, const char *name)
{
	for (int i = 0; type && i < BASES_MAX; i++, type = type->base_type)
		if (!type->python_class && type->name_known && strcmp(type->tp_name, name) == 0)
			return type;
	return NULL;
}

/* ---- dtype ---- */

/* Where the fields are of which numpy 1.x and 2.x think differently. */
struct dtype_offsets {
	uint32_t type, kind, byteorder, number, itemsize, subarray, fields, names, metadata, unit;
	uint32_t itemsize_size, base, end; /* base: the size of numpy.dtype itself */
};

static void get_common_offsets(const struct layout *layout, struct dtype_offsets *ret, uint32_t *end)
{
	*end = layout->structs[STRUCT_PyObject];
	ret->type = place(end, layout->pointer_size);
	ret->kind = place(end, 1);
	(void)place(end, 1); /* type */
	ret->byteorder = place(end, 1);
	(void)place(end, 1); /* flags */
	ret->number = place(end, 4);
}

/* _PyArray_Descr of 1.x: typeobj kind type byteorder flags type_num elsize alignment subarray fields names f metadata
 * c_metadata hash */
static void get_old_offsets(const struct layout *layout, struct dtype_offsets *ret)
{
	const uint32_t word = layout->pointer_size;
	uint32_t end;

	get_common_offsets(layout, ret, &end);
	ret->itemsize_size = 4;
	ret->itemsize = place(&end, 4);
	(void)place(&end, 4);
	ret->subarray = place(&end, word);
	ret->fields = place(&end, word);
	ret->names = place(&end, word);
	(void)place(&end, word);
	ret->metadata = place(&end, word);
	ret->unit = place(&end, word);
	(void)place(&end, word);
	ret->base = ret->end = end;
}

/* _PyArray_LegacyDescr_fields of 2.x: … type_num flags elsize alignment metadata hash reserved_null[2], which is
 * numpy.dtype; subarray fields names c_metadata. A npy_uint64 of i386 is aligned by 4. */
static void get_new_offsets(const struct layout *layout, uint32_t flags_align, struct dtype_offsets *ret)
{
	const uint32_t word = layout->pointer_size;
	uint32_t end;

	get_common_offsets(layout, ret, &end);
	end = (end + flags_align - 1) / flags_align * flags_align + 8;
	ret->itemsize_size = word;
	ret->itemsize = place(&end, word);
	(void)place(&end, word);
	ret->metadata = place(&end, word);
	(void)place(&end, word);
	(void)place(&end, word);
	(void)place(&end, word);
	ret->base = (end + flags_align - 1) / flags_align * flags_align;
	ret->subarray = place(&end, word);
	ret->fields = place(&end, word);
	ret->names = place(&end, word);
	ret->unit = place(&end, word);
	ret->end = (end + flags_align - 1) / flags_align * flags_align;
}

/* Which of them a dtype has, by the sizes of its type and of numpy.dtype; *ret_legacy: subarray and what follows are
 * there. */
static bool find_dtype_offsets(const struct layout *layout, const struct type *type, struct dtype_offsets *ret,
			       bool *ret_legacy)
{
	const struct type *base = find_base(type, "numpy.dtype");

	if (!base)
		return false;
	get_old_offsets(layout, ret);
	*ret_legacy = true;
	if (base->basicsize == ret->base && type->basicsize == ret->end)
		return true;
	for (uint32_t align = 4; align <= 8; align += 4) {
		get_new_offsets(layout, align, ret);
		*ret_legacy = type->basicsize >= ret->end;
		if (base->basicsize == ret->base)
			return true;
	}
	return false;
}

/* Whether items of one of numpy's own types may be of that size. */
static bool size_is_possible(char kind, int64_t size)
{
	switch (kind) {
	case 'b':
		return size == 1;
	case 'i':
	case 'u':
		return size == 1 || size == 2 || size == 4 || size == 8;
	case 'f':
		return size == 2 || size == 4 || size == 8 || size == 12 || size == 16;
	case 'c':
		return size == 8 || size == 16 || size == 24 || size == 32;
	case 'M':
	case 'm':
		return size == 8;
	case 'O':
		return size == 4 || size == 8;
	case 'U':
		return size >= 0 && size % 4 == 0;
	default:
		return size >= 0;
	}
}

enum cpeek_status numpy_dtype_read(struct objects *objects, target_addr address, struct numpy_dtype *ret)
{
	struct dtype_offsets offsets;
	struct object object;
	int64_t kind, byteorder, number;
	bool legacy;

	TRY(object_read(objects, address, &object));
	if (!find_dtype_offsets(objects->layout, object.type, &offsets, &legacy))
		return CPEEK_CORRUPT;
	*ret = (struct numpy_dtype){.address = address};
	TRY(read_number(objects, address + offsets.kind, 1, &kind));
	TRY(read_number(objects, address + offsets.byteorder, 1, &byteorder));
	TRY(read_number(objects, address + offsets.number, 4, &number));
	TRY(read_number(objects, address + offsets.itemsize, offsets.itemsize_size, &ret->itemsize));
	const struct {
		uint32_t offset;
		target_addr *ret;
		bool legacy;
	} words[] = {
		{offsets.type, &ret->type, false},        {offsets.metadata, &ret->metadata, false},
		{offsets.subarray, &ret->subarray, true}, {offsets.fields, &ret->fields, true},
		{offsets.names, &ret->names, true},       {offsets.unit, &ret->unit, true},
	};
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (legacy || !words[i].legacy)
			TRY(target_read_pointer(objects->target, address + words[i].offset, words[i].ret));
	ret->kind = (char)kind;
	ret->byteorder = (char)byteorder;
	ret->builtin = legacy && number >= 0 && number < BUILTIN_TYPES;
	if (!ret->kind || !ret->byteorder || !strchr("<>=|", ret->byteorder) || !strchr("biufcOSUVMmT", ret->kind) ||
	    ret->itemsize < 0 || (ret->builtin && !size_is_possible(ret->kind, ret->itemsize)))
		return CPEEK_CORRUPT;
	ret->swapped = ret->byteorder == (objects->target->big_endian ? '<' : '>');
	if (ret->kind != 'M' && ret->kind != 'm')
		ret->unit = 0;
	return CPEEK_OK;
}

/* PyArray_DatetimeMetaData: NPY_DATETIMEUNIT base, int num. */
static void put_unit(const struct objects *objects, target_addr meta, struct strbuf *out)
{
	static const char *const units[] = {"Y", "M",  "W",  NULL, "D",  "h",  "m",
					    "s", "ms", "us", "ns", "ps", "fs", "as"};
	int64_t unit, number;

	if (read_number(objects, meta, 4, &unit) != CPEEK_OK ||
	    read_number(objects, meta + 4, 4, &number) != CPEEK_OK || unit < 0 ||
	    unit >= (int64_t)(sizeof(units) / sizeof(*units)) || !units[unit])
		return; /* the generic unit, which has no name */
	if (number != 1)
		strbuf_printf(out, "%" PRId64, number);
	strbuf_puts(out, units[unit]);
}

/* PyArray_DatetimeDTypeMetaData begins with a NpyAuxData: two functions and two reserved pointers. */
static target_addr unit_of(const struct objects *objects, const struct numpy_dtype *dtype)
{
	return dtype->unit + 4u * objects->layout->pointer_size;
}

void numpy_dtype_put(const struct objects *objects, const struct numpy_dtype *dtype, struct strbuf *out)
{
	const char native = objects->target->big_endian ? '>' : '<';

	strbuf_putc(out, dtype->byteorder == '=' ? native : dtype->byteorder);
	strbuf_putc(out, dtype->kind);
	if (dtype->kind != 'O') /* arraydescr_protocol_typestr_get() of descriptor.c */
		strbuf_printf(out, "%" PRId64, dtype->kind == 'U' ? dtype->itemsize / 4 : dtype->itemsize);
	const size_t before = out->length + 1;
	if (dtype->unit) {
		strbuf_putc(out, '[');
		put_unit(objects, unit_of(objects, dtype), out);
		if (out->length > before)
			strbuf_putc(out, ']');
		else if (out->length == before)
			out->length--;
	}
}

/* The fields of a structured dtype: its names in order, and for each the dtype and the offset that the dict has. */
static enum cpeek_status read_fields(struct objects *objects, struct numpy_array *array)
{
	struct object names;
	struct items items;
	struct item item;
	enum cpeek_status status;

	TRY(object_read(objects, array->dtype.names, &names));
	if (!(names.type->flags & TYPE_TUPLE_SUBCLASS))
		return CPEEK_CORRUPT;
	TRY(items_start(&names, &items));
	while ((status = items_next(&items, &item)) == CPEEK_OK) {
		struct numpy_field field = {.name = item.value};
		struct strbuf name = {0};
		struct object tuple;
		struct items parts;
		struct item type, offset;
		target_addr value;

		if (array->fields.count == FIELDS_MAX)
			return CPEEK_CORRUPT;
		status = str_read(objects, item.value, NAME_BYTES, &name, NULL);
		if (status == CPEEK_OK)
			status = dict_find(objects, array->dtype.fields, strbuf_text(&name), name.length, &value);
		strbuf_deinit(&name);
		if (status == CPEEK_NOT_FOUND)
			status = CPEEK_CORRUPT;
		TRY(status);
		TRY(object_read(objects, value, &tuple));
		TRY(items_start(&tuple, &parts));
		if (items_next(&parts, &type) != CPEEK_OK || items_next(&parts, &offset) != CPEEK_OK)
			return CPEEK_CORRUPT;
		TRY(numpy_dtype_read(objects, type.value, &field.dtype));
		TRY(int_read(objects, offset.value, &field.offset));
		if (field.offset < 0 || field.offset > array->dtype.itemsize ||
		    field.dtype.itemsize > array->dtype.itemsize - field.offset)
			return CPEEK_CORRUPT;
		struct numpy_field *new = VECTOR_PUSH(&array->fields);
		if (!new)
			return CPEEK_NO_MEMORY;
		*new = field;
	}
	return status == CPEEK_END ? CPEEK_OK : status;
}

/* ---- ndarray ---- */

/* Where the elements are: strides may go backwards, or nowhere. */
static enum cpeek_status find_elements(const struct objects *objects, struct numpy_array *array)
{
	int64_t low = 0, high = array->dtype.itemsize, span, way;
	uint64_t count = 1;
	bool overflow = false, empty = false;

	for (unsigned i = 0; i < array->nd; i++)
		empty = empty || array->shape[i] == 0;
	for (unsigned i = 0; i < array->nd && !empty; i++) {
		overflow = overflow || __builtin_mul_overflow(count, (uint64_t)array->shape[i], &count) ||
			   __builtin_mul_overflow(array->shape[i] - 1, array->stride[i], &way) ||
			   __builtin_add_overflow(way < 0 ? low : high, way, way < 0 ? &low : &high);
	}
	if (empty) {
		high = 0;
		count = 0;
	}
	if (overflow || __builtin_sub_overflow(high, low, &span) ||
	    __builtin_mul_overflow(count, (uint64_t)array->dtype.itemsize, &array->nbytes))
		return CPEEK_CORRUPT;
	if (empty)
		array->table = (struct table){.target = objects->target};
	else
		TRY(table_open(objects, array->data + (uint64_t)low, span, 1, &array->table));
	return CPEEK_OK;
}

enum cpeek_status numpy_array_read(const struct object *object, struct numpy_array *ret)
{
	struct objects *objects = object->objects;
	const struct type *type = find_base(object->type, "numpy.ndarray");
	const uint32_t word = objects->layout->pointer_size;
	struct numpy_offsets offsets;
	target_addr descr;
	int64_t number;

	*ret = (struct numpy_array){.nd = 0};
	numpy_get_offsets(objects->layout, &offsets);
	if (!type || type->basicsize < offsets.end)
		return CPEEK_CORRUPT;
	TRY(target_read_pointer(objects->target, object->address + offsets.data, &ret->data));
	TRY(target_read_pointer(objects->target, object->address + offsets.dimensions, &ret->dimensions));
	TRY(target_read_pointer(objects->target, object->address + offsets.strides, &ret->strides));
	TRY(target_read_pointer(objects->target, object->address + offsets.base, &ret->base));
	TRY(target_read_pointer(objects->target, object->address + offsets.descr, &descr));
	TRY(read_number(objects, object->address + offsets.flags, 4, &number));
	ret->flags = (uint32_t)number;
	TRY(read_number(objects, object->address + offsets.nd, 4, &number));
	if (number < 0 || number > NUMPY_DIMENSIONS_MAX)
		return CPEEK_CORRUPT;
	for (unsigned i = 0; i < (unsigned)number; i++) {
		TRY(target_read_ssize(objects->target, ret->dimensions + i * word, &ret->shape[i]));
		TRY(target_read_ssize(objects->target, ret->strides + i * word, &ret->stride[i]));
		if (ret->shape[i] < 0)
			return CPEEK_CORRUPT;
	}
	ret->nd = (unsigned)number;
	TRY(numpy_dtype_read(objects, descr, &ret->dtype));
	TRY(find_elements(objects, ret));
	return ret->dtype.names ? read_fields(objects, ret) : CPEEK_OK;
}

void numpy_array_deinit(struct numpy_array *array)
{
	VECTOR_DEINIT(&array->fields);
}

/* ---- Elements ---- */

static double half_to_double(uint64_t bits)
{
	const int exponent = (int)(bits >> 10 & 0x1f);
	const double fraction = (double)(bits & 0x3ff);
	double number;

	if (exponent == 0x1f)
		number = fraction != 0 ? (double)NAN : (double)INFINITY;
	else
		number = exponent ? ldexp(1024 + fraction, exponent - 25) : ldexp(fraction, -24);
	return bits >> 15 & 1 ? -number : number;
}

static double to_double(uint64_t bits, size_t size)
{
	double number;
	float single;
	const uint32_t low = (uint32_t)bits;

	if (size == 2)
		return half_to_double(bits);
	if (size == 4) {
		memcpy(&single, &low, sizeof(single));
		return (double)single;
	}
	memcpy(&number, &bits, sizeof(number));
	return number;
}

static uint64_t get_bits(const struct target *target, const uint8_t *bytes, size_t size, bool swapped)
{
	uint8_t turned[8] = {0};

	for (size_t i = 0; i < size; i++)
		turned[i] = swapped ? bytes[size - 1 - i] : bytes[i];
	return target_get(target, turned, size);
}

static void put_raw(struct strbuf *out, const uint8_t *bytes, uint64_t size)
{
	strbuf_printf(out, "<%" PRIu64 " bytes", size);
	for (uint64_t i = 0; i < size && i < RAW_MAX; i++)
		strbuf_printf(out, "%s%02x", i ? "" : " ", bytes[i]);
	strbuf_puts(out, size > RAW_MAX ? "…>" : ">");
}

/* The code points of a 'U' item, without the NULs at its end. */
static enum cpeek_status put_text(const struct objects *objects, const struct numpy_dtype *dtype, const uint8_t *bytes,
				  uint64_t most, struct strbuf *out)
{
	size_t count = (size_t)dtype->itemsize / 4;

	while (count && !get_bits(objects->target, bytes + (count - 1) * 4, 4, false))
		count--;
	const size_t shown = most && count > most ? (size_t)most : count;
	uint32_t *characters = memory_calloc(shown + 1, sizeof(*characters));
	if (!characters)
		return CPEEK_NO_MEMORY;
	for (size_t i = 0; i < shown; i++)
		characters[i] = (uint32_t)get_bits(objects->target, bytes + i * 4, 4, dtype->swapped);
	str_put_repr(out, objects->layout, characters, shown);
	if (shown < count)
		strbuf_printf(out, "… +%zu characters", count - shown);
	memory_free(characters);
	return CPEEK_OK;
}

/* An item that is no structure. address: where it is. */
static enum cpeek_status put_item(struct objects *objects, const struct numpy_dtype *dtype, const uint8_t *bytes,
				  target_addr address, const struct limits *limits, struct strbuf *out)
{
	const size_t size = (size_t)dtype->itemsize;
	struct rendering rendering;

	if (!dtype->builtin || dtype->subarray || dtype->names) {
		put_raw(out, bytes, size);
		return CPEEK_OK;
	}
	const uint64_t bits = size <= 8 ? get_bits(objects->target, bytes, size, dtype->swapped) : 0;
	const int64_t number = size && size <= 8 ? (int64_t)(bits << (64 - 8 * size)) >> (64 - 8 * size) : 0;
	switch (dtype->kind) {
	case 'b':
		strbuf_puts(out, bits ? "True" : "False");
		return CPEEK_OK;
	case 'u':
		number_put_small(out, bits);
		return CPEEK_OK;
	case 'M':
	case 'm':
		if (number == INT64_MIN) {
			strbuf_puts(out, "NaT");
			return CPEEK_OK;
		}
		/* fall through */
	case 'i':
		strbuf_printf(out, "%" PRId64, number);
		return CPEEK_OK;
	case 'f':
		if (size > 8)
			put_raw(out, bytes, size);
		else
			number_put_float(out, to_double(bits, size));
		return CPEEK_OK;
	case 'c':
		if (size > 16)
			put_raw(out, bytes, size);
		else
			number_put_complex(
				out, to_double(get_bits(objects->target, bytes, size / 2, dtype->swapped), size / 2),
				to_double(get_bits(objects->target, bytes + size / 2, size / 2, dtype->swapped),
					  size / 2));
		return CPEEK_OK;
	case 'V':
	case 'S': {
		int64_t count = (int64_t)size;
		while (dtype->kind == 'S' && count && !bytes[count - 1])
			count--;
		const uint64_t most = limits->string;
		TRY(bytes_put_slice(objects, address, count, most ? most : (uint64_t)count, out));
		if (most && (uint64_t)count > most)
			strbuf_printf(out, "… +%" PRIu64 " bytes", (uint64_t)count - most);
		return CPEEK_OK;
	}
	case 'U':
		return put_text(objects, dtype, bytes, limits->string, out);
	case 'O':
		if (size != objects->layout->pointer_size)
			return CPEEK_CORRUPT;
		if (!bits) { /* NPY_OBJECT's getitem: NULL is None */
			strbuf_puts(out, "None");
			return CPEEK_OK;
		}
		/* Without attributes: an array in it shows no elements, so that arrays cannot nest. */
		return render_repr(objects, bits, limits, false, out, &rendering);
	default:
		put_raw(out, bytes, size);
		return CPEEK_OK;
	}
}

enum cpeek_status numpy_put_element(struct objects *objects, const struct numpy_array *array, uint64_t offset,
				    const struct limits *limits, struct strbuf *out)
{
	const size_t size = (size_t)array->dtype.itemsize;
	const target_addr address = array->table.address + offset;
	uint8_t small[256], *buffer = small;
	const uint8_t *bytes;

	if (array->dtype.itemsize > ITEM_MAX) {
		strbuf_printf(out, "<%" PRId64 " bytes>", array->dtype.itemsize);
		return CPEEK_OK;
	}
	if (size > sizeof(small) && !(buffer = memory_alloc(size)))
		return CPEEK_NO_MEMORY;
	enum cpeek_status status = table_read(&array->table, offset, size, buffer, &bytes);
	if (status == CPEEK_OK && !array->fields.count)
		status = put_item(objects, &array->dtype, bytes, address, limits, out);
	else if (status == CPEEK_OK)
		strbuf_putc(out, '(');
	for (size_t i = 0; i < array->fields.count && status == CPEEK_OK; i++) {
		const struct numpy_field *field = &array->fields.items[i];
		strbuf_puts(out, i ? ", " : "");
		status = put_item(objects, &field->dtype, bytes + field->offset, address + (uint64_t)field->offset,
				  limits, out);
	}
	if (array->fields.count && status == CPEEK_OK)
		strbuf_puts(out, array->fields.count == 1 ? ",)" : ")");
	if (buffer != small)
		memory_free(buffer);
	return status;
}

/* All elements as nested lists; of an array without dimensions the one that it has. */
static enum cpeek_status put_elements(struct objects *objects, const struct numpy_array *array,
				      const struct limits *limits, struct strbuf *out)
{
	const uint64_t depth = limits->depth ? limits->depth : NUMPY_DIMENSIONS_MAX;
	const size_t before = out->length;
	int64_t index[NUMPY_DIMENSIONS_MAX] = {0};
	uint64_t offset = array->data - array->table.address, nodes = 0;
	unsigned level = 0;

	if (!array->nd)
		return numpy_put_element(objects, array, offset, limits, out);
	strbuf_putc(out, '[');
	for (;;) {
		const int64_t left = array->shape[level] - index[level];
		const bool cut = (limits->elements && (uint64_t)index[level] >= limits->elements) || level >= depth ||
				 nodes >= NODES_MAX || out->length - before > TEXT_MAX;
		if (left == 0 || cut) {
			if (left)
				strbuf_printf(out, "%s… +%" PRId64 " items", index[level] ? ", " : "", left);
			strbuf_putc(out, ']');
			if (level == 0)
				return CPEEK_OK;
			offset -= (uint64_t)index[level] * (uint64_t)array->stride[level];
			level--;
			index[level]++;
			offset += (uint64_t)array->stride[level];
			continue;
		}
		if (++nodes % CANCEL_EVERY == 0 && objects->cancelled && objects->cancelled(objects->cancelled_arg))
			return CPEEK_CANCELLED;
		if (index[level])
			strbuf_puts(out, ", ");
		if (level + 1 < array->nd) {
			index[++level] = 0;
			strbuf_putc(out, '[');
			continue;
		}
		TRY(numpy_put_element(objects, array, offset, limits, out));
		index[level]++;
		offset += (uint64_t)array->stride[level];
	}
}

/* ---- What they tell ---- */

static void put_sizes(struct strbuf *out, const int64_t *sizes, unsigned count)
{
	strbuf_putc(out, '(');
	for (unsigned i = 0; i < count; i++)
		strbuf_printf(out, "%s%" PRId64, i ? ", " : "", sizes[i]);
	strbuf_puts(out, count == 1 ? ",)" : ")");
}

static void set_member(struct object_member *member, const char *name, const char *type)
{
	(void)snprintf(member->name, sizeof(member->name), "%s", name);
	member->type = type;
}

static void put_dtype(struct object_member *member, const struct objects *objects, const struct numpy_dtype *dtype,
		      struct strbuf *text)
{
	member->type = "str";
	strbuf_putc(text, '\'');
	numpy_dtype_put(objects, dtype, text);
	strbuf_putc(text, '\'');
}

/* "[('x', '<i4'), …]" */
static enum cpeek_status put_structure(struct objects *objects, const struct numpy_array *array,
				       struct object_member *member, struct strbuf *text)
{
	member->type = "list";
	strbuf_putc(text, '[');
	for (size_t i = 0; i < array->fields.count; i++) {
		strbuf_puts(text, i ? ", (" : "(");
		TRY(str_put_slice(objects, array->fields.items[i].name, 0, UINT64_MAX, NAME_BYTES, text));
		strbuf_puts(text, ", '");
		numpy_dtype_put(objects, &array->fields.items[i].dtype, text);
		strbuf_puts(text, "')");
	}
	strbuf_putc(text, ']');
	return CPEEK_OK;
}

static enum cpeek_status put_array_member(const struct object *object, const struct numpy_array *array,
					  const struct limits *limits, uint64_t index, struct object_member *ret,
					  struct strbuf *text)
{
	struct objects *objects = object->objects;

	switch (index) {
	case 0:
		if (array->fields.count)
			return put_structure(objects, array, ret, text);
		put_dtype(ret, objects, &array->dtype, text);
		return CPEEK_OK;
	case 1:
		put_sizes(text, array->shape, array->nd);
		return CPEEK_OK;
	case 2:
		put_sizes(text, array->stride, array->nd);
		return CPEEK_OK;
	case 3:
		strbuf_printf(text, "%" PRIu64, array->nbytes);
		return CPEEK_OK;
	case 4:
		return put_elements(objects, array, limits, text);
	default:
		ret->object = array->base;
		return array->base ? CPEEK_OK : CPEEK_NOT_FOUND;
	}
}

static enum cpeek_status array_member(const struct object *object, const struct limits *limits, uint64_t index,
				      struct object_member *ret, struct strbuf *text)
{
	static const struct {
		const char *name, *type;
	} members[] = {{"dtype", "str"},  {"shape", "tuple"}, {"strides", "tuple"},
		       {"nbytes", "int"}, {"data", "list"},   {"base", NULL}};
	struct numpy_array array;

	if (index >= sizeof(members) / sizeof(*members))
		return CPEEK_END;
	set_member(ret, members[index].name, members[index].type);
	enum cpeek_status status = numpy_array_read(object, &array);
	if (status == CPEEK_OK)
		status = put_array_member(object, &array, limits, index, ret, text);
	else if (!status_is_fatal(status) && index)
		status = CPEEK_NOT_FOUND; /* the first one said it */
	numpy_array_deinit(&array);
	return status;
}

static enum cpeek_status dtype_member(const struct object *object, const struct limits *limits, uint64_t index,
				      struct object_member *ret, struct strbuf *text)
{
	static const char *const names[] = {"str", "names", "fields", "metadata"};
	struct numpy_dtype dtype;

	(void)limits;
	if (index >= sizeof(names) / sizeof(*names))
		return CPEEK_END;
	set_member(ret, names[index], NULL);
	TRY(numpy_dtype_read(object->objects, object->address, &dtype));
	if (index == 0)
		put_dtype(ret, object->objects, &dtype, text);
	else
		ret->object = index == 3 ? dtype.metadata : !dtype.names ? 0 : index == 1 ? dtype.names : dtype.fields;
	return index && !ret->object ? CPEEK_NOT_FOUND : CPEEK_OK;
}

/* ---- Scalars: behind the object's head one number, aligned by its size ---- */

static const struct scalar {
	const char *name;
	char kind;
	uint8_t size;
} scalars[] = {
	{"numpy.bool", 'b', 1},        {"numpy.bool_", 'b', 1},      {"numpy.int8", 'i', 1},
	{"numpy.int16", 'i', 2},       {"numpy.int32", 'i', 4},      {"numpy.int64", 'i', 8},
	{"numpy.longlong", 'i', 8},    {"numpy.intc", 'i', 4},       {"numpy.uint8", 'u', 1},
	{"numpy.uint16", 'u', 2},      {"numpy.uint32", 'u', 4},     {"numpy.uint64", 'u', 8},
	{"numpy.ulonglong", 'u', 8},   {"numpy.uintc", 'u', 4},      {"numpy.float16", 'f', 2},
	{"numpy.float32", 'f', 4},     {"numpy.float64", 'f', 8},    {"numpy.complex64", 'c', 8},
	{"numpy.complex128", 'c', 16}, {"numpy.datetime64", 'M', 8}, {"numpy.timedelta64", 'm', 8},
};

static const struct scalar *find_scalar(const struct type *type)
{
	for (size_t i = 0; i < sizeof(scalars) / sizeof(*scalars); i++)
		if (find_base(type, scalars[i].name))
			return &scalars[i];
	return NULL;
}

static enum cpeek_status scalar_member(const struct object *object, const struct limits *limits, uint64_t index,
				       struct object_member *ret, struct strbuf *text)
{
	struct objects *objects = object->objects;
	const struct scalar *scalar = find_scalar(object->type);
	const bool timed = scalar && (scalar->kind == 'M' || scalar->kind == 'm');
	uint8_t bytes[16];

	if (!scalar || index > 1 || (index == 1 && !timed))
		return CPEEK_END;
	uint32_t end = objects->layout->structs[STRUCT_PyObject];
	const uint32_t offset = place(&end, scalar->kind == 'c' ? scalar->size / 2 : scalar->size);
	if (object->type->basicsize < end) /* of complex64 only half of it is sure to be covered: it is read below */
		return CPEEK_CORRUPT;
	if (index == 1) { /* PyDatetimeScalarObject's obmeta */
		set_member(ret, "unit", "str");
		strbuf_putc(text, '\'');
		put_unit(objects, object->address + end, text);
		strbuf_putc(text, '\'');
		return CPEEK_OK;
	}
	set_member(ret, "value",
		   scalar->kind == 'b'   ? "bool"
		   : scalar->kind == 'f' ? "float"
		   : scalar->kind == 'c' ? "complex"
					 : "int");
	const struct numpy_dtype dtype = {.kind = scalar->kind, .builtin = true, .itemsize = scalar->size};
	TRY(target_read(objects->target, object->address + offset, bytes, scalar->size));
	return put_item(objects, &dtype, bytes, object->address + offset, limits, text);
}

/* gentype_sizeof() of scalartypes.c */
static enum cpeek_status scalar_size(const struct object *object, uint64_t *ret)
{
	const struct scalar *scalar = find_scalar(object->type);

	*ret = (uint64_t)object->type->basicsize + (scalar ? scalar->size : 0);
	return CPEEK_OK;
}

/* numpy.void, an item of a structured array or some bytes: PyVoidScalarObject of arrayscalars.h, which begins with a
 * PyVarObject, char *obval, PyArray_Descr *descr. */
static enum cpeek_status void_read(const struct object *object, struct numpy_array *ret)
{
	struct objects *objects = object->objects;
	const uint32_t word = objects->layout->pointer_size;
	uint32_t end = objects->layout->structs[STRUCT_PyVarObject];
	target_addr descr;

	*ret = (struct numpy_array){.nd = 0};
	TRY(target_read_pointer(objects->target, object->address + place(&end, word), &ret->data));
	TRY(target_read_pointer(objects->target, object->address + place(&end, word), &descr));
	if (object->type->basicsize < end)
		return CPEEK_CORRUPT;
	TRY(numpy_dtype_read(objects, descr, &ret->dtype));
	ret->nbytes = (uint64_t)ret->dtype.itemsize;
	TRY(table_open(objects, ret->data, ret->dtype.itemsize, 1, &ret->table));
	return ret->dtype.names ? read_fields(objects, ret) : CPEEK_OK;
}

static enum cpeek_status void_member(const struct object *object, const struct limits *limits, uint64_t index,
				     struct object_member *ret, struct strbuf *text)
{
	struct numpy_array item;

	if (index > 1)
		return CPEEK_END;
	set_member(ret, index ? "value" : "dtype", "bytes");
	enum cpeek_status status = void_read(object, &item);
	if (status == CPEEK_OK) {
		if (index && item.fields.count)
			ret->type = "tuple";
		status = index ? numpy_put_element(object->objects, &item, 0, limits, text)
			       : put_array_member(object, &item, limits, 0, ret, text);
	} else if (!status_is_fatal(status) && index) {
		status = CPEEK_NOT_FOUND; /* the first one said it */
	}
	numpy_array_deinit(&item);
	return status;
}

static enum cpeek_status void_size(const struct object *object, uint64_t *ret)
{
	*ret = (uint64_t)object->type->basicsize + (object->ob_size < 0 ? 0 : (uint64_t)object->ob_size);
	return CPEEK_OK;
}

/* ---- Size and references ---- */

/* array_sizeof() of methods.c */
static enum cpeek_status array_size(const struct object *object, uint64_t *ret)
{
	struct numpy_array array;

	enum cpeek_status status = numpy_array_read(object, &array);
	if (status == CPEEK_OK)
		*ret = (uint64_t)object->type->basicsize + 2u * array.nd * object->objects->layout->pointer_size +
		       (array.flags & NUMPY_OWNDATA ? array.nbytes : 0);
	numpy_array_deinit(&array);
	return status;
}

/* It is no GC type: what it owns, no collector visits. */
static enum cpeek_status array_edges(const struct object *object, struct edges *edges)
{
	struct objects *objects = object->objects;
	struct numpy_array array;

	enum cpeek_status status = numpy_array_read(object, &array);
	if (status == CPEEK_OK) {
		edges_add(edges, EDGE_FIELD, array.base, "base", 0, false);
		edges_add(edges, EDGE_FIELD, array.dtype.address, "dtype", 0, false);
		if (array.flags & NUMPY_OWNDATA && array.dtype.builtin && array.dtype.kind == 'O')
			status =
				edges_add_array(edges, objects, EDGE_INDEX, array.data,
						(int64_t)(array.nbytes / objects->layout->pointer_size), false, false);
	}
	numpy_array_deinit(&array);
	return status;
}

static enum cpeek_status dtype_edges(const struct object *object, struct edges *edges)
{
	struct numpy_dtype dtype;

	TRY(numpy_dtype_read(object->objects, object->address, &dtype));
	edges_add(edges, EDGE_FIELD, dtype.type, "type", 0, false);
	edges_add(edges, EDGE_FIELD, dtype.metadata, "metadata", 0, false);
	edges_add(edges, EDGE_FIELD, dtype.fields, "fields", 0, false);
	edges_add(edges, EDGE_FIELD, dtype.names, "names", 0, false);
	return CPEEK_OK;
}

const struct object_type object_type_numpy_array = {
	.name = "numpy.ndarray",
	.structure = STRUCT_PyObject,
	.member = array_member,
	.edges = array_edges,
	.size = array_size,
	.dissect = numpy_array_dissect,
};

const struct object_type object_type_numpy_dtype = {
	.name = "numpy.dtype",
	.structure = STRUCT_PyObject,
	.member = dtype_member,
	.edges = dtype_edges,
};

const struct object_type object_type_numpy_scalar = {
	.name = "numpy.bool|numpy.bool_|numpy.int8|numpy.int16|numpy.int32|numpy.int64|numpy.longlong|numpy.intc|"
		"numpy.uint8|numpy.uint16|numpy.uint32|numpy.uint64|numpy.ulonglong|numpy.uintc|numpy.float16|"
		"numpy.float32|numpy.float64|numpy.complex64|numpy.complex128|numpy.datetime64|numpy.timedelta64",
	.structure = STRUCT_PyObject,
	.member = scalar_member,
	.size = scalar_size,
};

const struct object_type object_type_numpy_void = {
	.name = "numpy.void",
	.structure = STRUCT_PyVarObject,
	.member = void_member,
	.size = void_size,
};
