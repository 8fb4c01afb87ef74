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

#endif
