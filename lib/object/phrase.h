/*
 * Pieces that the repr of many types is made of: the bare text of a str, a C string, the name of a type, and the
 * names that functions, classes and modules give themselves.
 */
#ifndef OBJECT_PHRASE_H
#define OBJECT_PHRASE_H

#include "object/decoder.h"

/* The characters of a str object as they are, without quotes: %U and %S of PyUnicode_FromFormat(). */
void value_str(struct value *value, struct objects *objects, target_addr address);
/* The same of a NUL-terminated C string. */
void value_cstring(struct value *value, struct objects *objects, target_addr address);
/* tp_name of a type object. */
void value_type_name(struct value *value, struct objects *objects, target_addr type);

/* Appends what getattr(object, attribute) is, for "__name__" or "__qualname__", if it is a str and can be told from
 * memory alone: of functions, methods, descriptors, types, modules, generators, and of objects that have it among
 * their attributes. NOT_FOUND, FAULT, CORRUPT. */
enum cpeek_status name_read(struct objects *objects, target_addr object, const char *attribute, struct strbuf *out);

#endif
