/*
 * numpy's own C structures, which no table of layouts has: they are numpy's public ABI, the same in each CPython, so
 * that the target's pointer size and object head tell where their fields are. What an ndarray and a dtype say, checked.
 * Facts: numpy 1.26 and 2.x, numpy/core/include/numpy/ndarraytypes.h (PyArrayObject_fields, _PyArray_Descr,
 * _PyArray_DescrNumPy2, _PyArray_LegacyDescr), arrayscalars.h.
 */
#ifndef OBJECT_NUMPY_H
#define OBJECT_NUMPY_H

#include "object/decoder.h"

enum { NUMPY_DIMENSIONS_MAX = 64 }; /* NPY_MAXDIMS: 32 in numpy 1.x */

/* numpy/ndarraytypes.h */
enum { NUMPY_C_CONTIGUOUS = 1, NUMPY_F_CONTIGUOUS = 2, NUMPY_OWNDATA = 4, NUMPY_ALIGNED = 0x100, NUMPY_WRITEABLE = 0x400,
       NUMPY_WRITEBACK = 0x2000 };

/* Offsets of an ndarray's fields. */
struct numpy_offsets {
	uint32_t data, nd, dimensions, strides, base, descr, flags, weakreflist, end;
};
void numpy_get_offsets(const struct layout *layout, struct numpy_offsets *ret);

struct numpy_dtype {
	target_addr address;
	char kind;      /* 'f', 'i', … */
	char byteorder; /* '<', '>', '=', '|' */
	bool swapped;   /* its bytes are not in the target's order */
	bool modern;    /* numpy 2.x's structure */
	int64_t number, itemsize;
	target_addr subarray, fields, names, metadata; /* metadata: of datetime64 and timedelta64, c_metadata */
};
/* FAULT, CORRUPT: it is no dtype, or contradicts itself. */
enum cpeek_status numpy_dtype_read(struct objects *objects, target_addr address, struct numpy_dtype *ret);
/* dtype.str: "<f8", "|V16", "<M8[ns]". */
enum cpeek_status numpy_dtype_put(struct objects *objects, const struct numpy_dtype *dtype, struct strbuf *out);

struct numpy_array {
	target_addr data, dimensions, strides, base, descr;
	int nd;
	uint64_t flags;
	int64_t shape[NUMPY_DIMENSIONS_MAX], stride[NUMPY_DIMENSIONS_MAX];
	uint64_t count; /* elements */
	uint64_t nbytes;
	struct numpy_dtype dtype;
	target_addr low; /* where the lowest byte of an element is */
	uint64_t span;   /* bytes from there to behind the highest one */
};
/* Reads and checks it: FAULT, CORRUPT. An array whose elements could lie nowhere is CORRUPT. */
enum cpeek_status numpy_array_read(const struct object *object, struct numpy_array *ret);

/* One element as Python shows what tolist() makes of it; "<16 bytes …>" where that is not known. bytes: as long as the
 * dtype's items. */
enum cpeek_status numpy_put_element(struct objects *objects, const struct numpy_dtype *dtype, const uint8_t *bytes,
				    const struct limits *limits, struct strbuf *out);

/* Explain the memory of an ndarray and a dtype. */
enum cpeek_status numpy_array_dissect(const struct object *object, struct dissection *dissection);

#endif
