/*
 * What bool shares with int.
 */
#ifndef OBJECT_INT_H
#define OBJECT_INT_H

#include "object/decoder.h"

/* Those of object_type_int. */
enum cpeek_status int_size(const struct object *object, uint64_t *ret);
/* Whether it is 0. FAULT, CORRUPT. */
enum cpeek_status int_is_zero(const struct object *object, bool *ret);
/* Its absolute value as digits of 30 bits, whatever the target's have, the least significant first; NULL for 0. To be
 * freed. FAULT, CORRUPT, NO_MEMORY. */
enum cpeek_status int_read_digits(const struct object *object, bool *ret_negative, uint32_t **ret, size_t *ret_count);
/* Explains the memory of an int or bool. */
enum cpeek_status int_dissect(const struct object *object, struct dissection *dissection);

extern const struct object_type object_type_int;

#endif
