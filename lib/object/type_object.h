/*
 * What a metaclass of C code has from type itself.
 */
#ifndef OBJECT_TYPE_OBJECT_H
#define OBJECT_TYPE_OBJECT_H

#include "object/decoder.h"

enum cpeek_status type_decode(const struct object *object, struct value *value);
enum cpeek_status type_edges(const struct object *object, struct edges *edges);
enum cpeek_status type_size(const struct object *object, uint64_t *ret);

#endif
