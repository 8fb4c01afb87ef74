/*
 * What the parts of array.array share.
 */
#ifndef OBJECT_ARRAY_H
#define OBJECT_ARRAY_H

#include "object/decoder.h"

/* What an array holds. */
struct array_kind {
	char typecode;
	uint64_t itemsize; /* 1, 2, 4 or 8 */
};

/* FAULT, CORRUPT. */
enum cpeek_status array_read_kind(const struct object *object, struct array_kind *ret);
/* An item that is a number, as repr() writes it; bits as they stand in memory, widened. */
void array_put_number(struct strbuf *out, struct array_kind kind, uint64_t bits);
/* Explains the memory of an array. */
enum cpeek_status array_dissect(const struct object *object, struct dissection *dissection);

#endif
