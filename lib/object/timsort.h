/*
 * What list.sort() would do with a list as it stands: the comparison that it would choose, the natural runs that it would
 * find, and the order in which it would merge them.
 */
#ifndef OBJECT_TIMSORT_H
#define OBJECT_TIMSORT_H

#include "object/dissect.h"

/* Adds facts, a table of the runs and a table of the merges. list: of the decoder object_type_list. What cannot be read
 * is a problem; NO_MEMORY, CANCELLED, LIMIT (more items than are looked at). */
enum cpeek_status timsort_dissect(struct dissection *dissection, const struct object *list);

#endif
