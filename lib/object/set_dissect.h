/*
 * How the memory of set and frozenset is explained.
 */
#ifndef OBJECT_SET_DISSECT_H
#define OBJECT_SET_DISSECT_H

#include "object/decoder.h"

enum cpeek_status set_dissect(const struct object *object, struct dissection *dissection);

#endif
