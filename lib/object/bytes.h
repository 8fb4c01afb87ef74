/*
 * What others share with bytes: how they look in quotes.
 */
#ifndef OBJECT_BYTES_H
#define OBJECT_BYTES_H

#include "object/decoder.h"

/* The count bytes at address as a bytes literal, cut by the limit on text. single_escaped: "'" gets a backslash also
 * between double quotes. Writes to value_buffer(), so only text may have come before. FAULT, CORRUPT; what is there by
 * then stays. */
enum cpeek_status bytes_put(const struct object *object, struct value *value, target_addr address, int64_t count,
			    bool single_escaped);
/* repr() of the count bytes at address, of which only the first `most` need to come out. FAULT, CORRUPT; what is in
 * out by then stays. */
enum cpeek_status bytes_put_slice(const struct objects *objects, target_addr address, int64_t count, uint64_t most,
				  struct strbuf *out);
/* What sys.getsizeof() says of the bytes object at address, for whoever owns one and counts it in. FAULT, CORRUPT when
 * it is none: an object of another kind could count its owner in again. */
enum cpeek_status bytes_read_size(struct objects *objects, target_addr address, uint64_t *ret, uint64_t *ret_refcount);
/* Explain the memory of a bytes object and a bytearray. */
enum cpeek_status bytes_dissect(const struct object *object, struct dissection *dissection);
enum cpeek_status bytearray_dissect(const struct object *object, struct dissection *dissection);

#endif
