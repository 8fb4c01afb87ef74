/*
 * What an object has for being an instance of a class, whatever its type: attributes, slots, weak references.
 */
#ifndef OBJECT_INSTANCE_DISSECT_H
#define OBJECT_INSTANCE_DISSECT_H

#include "object/dissect.h"

/* Rows of the object's own block, which is open: what stands before the object, the __dict__ pointer, __slots__, inline
 * values; then blocks and tables: the values, the weak references, the fields of a namedtuple, a dataclass, an enum member. */
enum cpeek_status instance_dissect(const struct object *object, struct dissection *dissection);
/* A table of the weak references to an object, from the first one on. FAULT. */
enum cpeek_status instance_dissect_weakrefs(struct dissection *dissection, target_addr first, target_addr referent);

#endif
