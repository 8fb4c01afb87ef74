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
/* A name that a function of lost_name.h reads. */
void value_lost_name(struct value *value, const struct object *object,
		     enum cpeek_status (*read)(const struct object *object, struct strbuf *out));
/* Appends a C string, of which at most `most` bytes come out, and "…" if there are more. FAULT, CORRUPT; what is in out by
 * then stays. */
enum cpeek_status cstring_read(struct objects *objects, target_addr address, uint64_t most, struct strbuf *out);
/* Adds to *size what a C string takes, its NUL included; nothing for NULL. FAULT, CORRUPT (longer than any). */
enum cpeek_status cstring_size(struct objects *objects, target_addr address, uint64_t *size);
/* tp_name of a type object. */
void value_type_name(struct value *value, struct objects *objects, target_addr address);

/* repr() of a text that is no object: UTF-8, surrogates as 3 bytes. */
void value_quoted(struct value *value, const struct layout *layout, const char *text, size_t length);
/* "module.QualName", without the module if that is builtins or __main__: %T of PyUnicode_FromFormat(),
 * _PyType_GetFullyQualifiedName() of Objects/typeobject.c (3.13+). */
void value_full_type_name(struct value *value, const struct type *type);

/* Appends what getattr(object, attribute) is, for "__name__" or "__qualname__", if it is a str and can be told from
 * memory alone: of functions, methods, descriptors, types, modules, generators, and of objects that have it among
 * their attributes. NOT_FOUND, FAULT, CORRUPT. */
enum cpeek_status name_read(struct objects *objects, target_addr address, const char *attribute, struct strbuf *out);

#endif
