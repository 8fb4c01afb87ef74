/*
 * How the memory of a module is explained.
 */
#ifndef OBJECT_MODULE_DISSECT_H
#define OBJECT_MODULE_DISSECT_H

#include "object/decoder.h"

enum cpeek_status module_dissect(const struct object *object, struct dissection *dissection);

#endif
