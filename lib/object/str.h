/*
 * What the parts of str share.
 */
#ifndef OBJECT_STR_H
#define OBJECT_STR_H

#include "object/decoder.h"

/* The hash that an object keeps, if it is a str of C code's making: -1 as long as it was not asked for. false when it is
 * none, or cannot be read. */
bool str_find_hash(const struct objects *objects, target_addr address, uint64_t *ret);

/* Explains the memory of a str. */
enum cpeek_status str_dissect(const struct object *object, struct dissection *dissection);

#endif
