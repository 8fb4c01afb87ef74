/*
 * What other decoders share with dict: subclasses in C, views, OrderedDict.
 */
#ifndef OBJECT_DICT_H
#define OBJECT_DICT_H

#include "object/dictkeys.h"

/* Those of object_type_dict. */
enum cpeek_status dict_decode(const struct object *object, struct value *value);
/* The items of the dict object at an address, whatever its type is called: for names that types get by them. */
enum cpeek_status dict_open(struct objects *objects, target_addr address, struct object *object, struct items *ret);
enum cpeek_status dict_items(const struct object *object, struct items *ret);
enum cpeek_status dict_next(struct items *items, struct item *ret);
enum cpeek_status dict_edges(const struct object *object, struct edges *edges);
enum cpeek_status dict_size(const struct object *object, uint64_t *ret);

#endif
