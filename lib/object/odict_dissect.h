/*
 * How the memory of an OrderedDict is explained.
 */
#ifndef OBJECT_ODICT_DISSECT_H
#define OBJECT_ODICT_DISSECT_H

#include "object/decoder.h"

enum cpeek_status odict_dissect(const struct object *object, struct dissection *dissection);

#endif
