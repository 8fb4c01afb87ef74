/*
 * What explains the memory of numbers that are C doubles.
 */
#ifndef OBJECT_FLOAT_H
#define OBJECT_FLOAT_H

#include "object/decoder.h"

enum cpeek_status float_dissect(const struct object *object, struct dissection *dissection);
enum cpeek_status complex_dissect(const struct object *object, struct dissection *dissection);

#endif
