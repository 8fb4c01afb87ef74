/*
 * What the parts of str share.
 */
#ifndef OBJECT_STR_H
#define OBJECT_STR_H

#include "object/decoder.h"

/* Explains the memory of a str. */
enum cpeek_status str_dissect(const struct object *object, struct dissection *dissection);

#endif
