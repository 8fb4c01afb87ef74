/*
 * numpy's own C structures, which no table of layouts has: they are numpy's public ABI, the same in each CPython, so that
 * the target's pointer size and object head tell where their fields are. What an ndarray and a dtype say, checked.
 * numpy 1.26 and 2.5, numpy/ndarraytypes.h: PyArrayObject_fields, _PyArray_Descr, _PyArray_DescrNumPy2,
 * _PyArray_LegacyDescr_fields; numpy/arrayscalars.h.
 */
#ifndef OBJECT_NUMPY_H
#define OBJECT_NUMPY_H

#include "base/vector.h"
#include "object/decoder.h"

enum { NUMPY_DIMENSIONS_MAX = 64 }; /* NPY_MAXDIMS; 32 in numpy 1.x */

/* NPY_ARRAY_…, numpy/ndarraytypes.h */
enum { NUMPY_OWNDATA = 4 };

/* Where an ndarray's fields are. */
struct numpy_offsets {
	uint32_t data, nd, dimensions, strides, base, descr, flags, weakreflist, end;
};
void numpy_get_offsets(const struct layout *layout, struct numpy_offsets *ret);

struct numpy_dtype {
	target_addr address;
	char kind;      /* 'f', 'i' … */
	char byteorder; /* '<', '>', '=', '|' */
	bool swapped;   /* items are not in the target's byte order */
	bool builtin;   /* one of numpy's own types: kind tells how its items are to be read */
	int64_t itemsize;
	target_addr type, subarray, fields, names, metadata;
	target_addr unit; /* of datetime64 and timedelta64: PyArray_DatetimeMetaData */
};
/* FAULT, CORRUPT: it is no dtype, or not one that this knows. */
enum cpeek_status numpy_dtype_read(struct objects *objects, target_addr address, struct numpy_dtype *ret);
/* dtype.str: "<f8", "|V16", "<M8[ns]". */
void numpy_dtype_put(const struct objects *objects, const struct numpy_dtype *dtype, struct strbuf *out);

/* A field of a structured dtype. */
struct numpy_field {
	target_addr name; /* a str */
	struct numpy_dtype dtype;
	int64_t offset; /* in an item */
};

struct numpy_array {
	target_addr data, dimensions, strides, base;
	unsigned nd;
	uint64_t flags;
	int64_t shape[NUMPY_DIMENSIONS_MAX], stride[NUMPY_DIMENSIONS_MAX];
	uint64_t nbytes; /* of its elements, one after the other */
	struct numpy_dtype dtype;
	VECTOR(struct numpy_field) fields; /* of a structured dtype */
	struct table table;                /* from the lowest byte of an element to behind the highest one */
};
/* Reads and checks it. FAULT, CORRUPT: its elements could lie nowhere, …; CANCELLED, NO_MEMORY. Free with
 * numpy_array_deinit() in any case. */
enum cpeek_status numpy_array_read(const struct object *object, struct numpy_array *ret);
void numpy_array_deinit(struct numpy_array *array);
/* The element at an offset of its table, as Python shows what tolist() makes of it; of what it would not be known of
 * as its bytes: "<16 bytes 00ff…>". FAULT, CORRUPT, NO_MEMORY, CANCELLED. */
enum cpeek_status numpy_put_element(struct objects *objects, const struct numpy_array *array, uint64_t offset,
				    const struct limits *limits, struct strbuf *out);

/* Explains the memory of an ndarray. */
enum cpeek_status numpy_array_dissect(const struct object *object, struct dissection *dissection);

#endif
