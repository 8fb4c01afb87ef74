/*
 * The attributes of any object, for its memory explained.
 */
#ifndef OBJECT_MEMBER_DISSECT_H
#define OBJECT_MEMBER_DISSECT_H

#include "object/dissect.h"

/* Adds the table "attributes" and a note of what is computed, where there are any. NO_MEMORY, CANCELLED. */
enum cpeek_status member_dissect(struct dissection *dissection, const struct object *object);

#endif
