/*
 * How what C code defines is explained: the tables of functions, members and getters that builtin functions, descriptors
 * and modules point at.
 */
#ifndef OBJECT_DEFINITION_DISSECT_H
#define OBJECT_DEFINITION_DISSECT_H

#include "object/dissect.h"

/* builtin_function_or_method, builtin_method. */
enum cpeek_status builtin_dissect(const struct object *object, struct dissection *dissection);
/* method_descriptor, classmethod_descriptor; member_descriptor; getset_descriptor; wrapper_descriptor. */
enum cpeek_status method_descriptor_dissect(const struct object *object, struct dissection *dissection);
enum cpeek_status member_descriptor_dissect(const struct object *object, struct dissection *dissection);
enum cpeek_status getset_descriptor_dissect(const struct object *object, struct dissection *dissection);
enum cpeek_status wrapper_descriptor_dissect(const struct object *object, struct dissection *dissection);

/* A C string of the target in quotes, or what is wrong with it: "NULL", "<unreadable 0x…>". */
const char *definition_string(struct dissection *dissection, target_addr address);
/* A field of the open block that holds the address of a C string, or of a function of C code. */
void definition_string_field(struct dissection *dissection, target_addr structure, enum layout_field field);
void definition_function_field(struct dissection *dissection, target_addr structure, enum layout_field field);

#endif
