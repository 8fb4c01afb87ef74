/*
 * How CPython finds a key in a dict or a set: each slot that it looks at, what it compares there, and how that ends.
 */
#ifndef OBJECT_LOOKUP_H
#define OBJECT_LOOKUP_H

#include "object/dissect.h"
#include "object/plain.h"

/* Adds the key's hash, the probes as a table, and the outcome. container: a dict, set, frozenset, frozendict, what derives
 * from them, a mappingproxy or a view of one, or an object with attributes, whose __dict__ (or values without one) is
 * meant. UNSUPPORTED when it is nothing of the sort; NO_MEMORY, CANCELLED. What cannot be read, and what contradicts
 * itself, is a problem in the dissection. */
enum cpeek_status lookup_dissect(struct dissection *dissection, const struct object *container, struct plains *plains,
				 const struct plain *key);

#endif
