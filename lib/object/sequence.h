/*
 * Containers that are an array of object pointers: list, tuple and what looks like them.
 */
#ifndef OBJECT_SEQUENCE_H
#define OBJECT_SEQUENCE_H

#include "object/decoder.h"

/* For a decoder's items, next and edges: count pointers at array. CORRUPT when memory cannot hold them. */
enum cpeek_status sequence_items(const struct object *object, target_addr array, int64_t count, struct items *ret);
enum cpeek_status sequence_next(struct items *items, struct item *ret);
/* Reports each item as EDGE_INDEX, traversed, the last one first: list_traverse() and tupletraverse() of
 * Objects/listobject.c and tupleobject.c. */
enum cpeek_status sequence_edges(const struct object *object, target_addr array, int64_t count, struct edges *edges);
/* Explain the memory of a list and a tuple. */
enum cpeek_status list_dissect(const struct object *object, struct dissection *dissection);
enum cpeek_status tuple_dissect(const struct object *object, struct dissection *dissection);

#endif
