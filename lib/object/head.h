/*
 * The head that every object has, explained: its references, who counts them, and its type.
 */
#ifndef OBJECT_HEAD_H
#define OBJECT_HEAD_H

#include "object/dissect.h"

/* Adds the rows of struct _object to the block that is open, which must be the object's own. */
void head_dissect(struct dissection *dissection, const struct object *object);

#endif
