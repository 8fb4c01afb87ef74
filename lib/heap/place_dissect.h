/*
 * Where an object lives, as facts of its dissection.
 */
#ifndef HEAP_PLACE_DISSECT_H
#define HEAP_PLACE_DISSECT_H

#include "heap/place.h"
#include "object/dissect.h"

/* Adds the facts to those that are open. address: the object's. */
void place_dissect(const struct objects *objects, const struct place *place, target_addr address,
		   struct dissection *dissection);

#endif
