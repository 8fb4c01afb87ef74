/*
 * The words of a frame: a plain pointer to 3.13, from 3.14 a tagged _PyStackRef. Knows the tags, and no frame.
 */
#ifndef OBJECT_STACKREF_H
#define OBJECT_STACKREF_H

#include "layout/layout.h"
#include "target/target.h"

/* The object that such a word refers to; 0 when it is NULL, a tagged int, or no object at all. */
target_addr stackref_get(const struct layout *layout, uint64_t word);
/* Whether it refers to an object without being counted in it: borrowed, deferred, or to an immortal one. */
bool stackref_is_borrowed(const struct layout *layout, uint64_t word);

#endif
