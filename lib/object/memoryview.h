/*
 * What the parts of memoryview share.
 */
#ifndef OBJECT_MEMORYVIEW_H
#define OBJECT_MEMORYVIEW_H

#include "object/decoder.h"

/* Explains the memory of a memoryview. */
enum cpeek_status memoryview_dissect(const struct object *object, struct dissection *dissection);

#endif
