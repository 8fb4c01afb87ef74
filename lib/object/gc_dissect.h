/*
 * The collector's head before an object, word by word: neighbours, flags, and which list it is on.
 */
#ifndef OBJECT_GC_DISSECT_H
#define OBJECT_GC_DISSECT_H

#include "object/dissect.h"

/* Adds the rows to the open block, which is the object's own. Nothing for an object without such a head. */
void gc_dissect(struct dissection *dissection, const struct object *object);

#endif
