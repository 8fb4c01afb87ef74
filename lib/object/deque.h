/*
 * What the parts of deque share.
 */
#ifndef OBJECT_DEQUE_H
#define OBJECT_DEQUE_H

#include "object/decoder.h"

/* Explains the memory of a deque. */
enum cpeek_status deque_dissect(const struct object *object, struct dissection *dissection);

#endif
