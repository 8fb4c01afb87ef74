/*
 * Names that C code keeps in .rodata, which a kernel core leaves out, found again where Python keeps them too.
 */
#ifndef OBJECT_LOST_NAME_H
#define OBJECT_LOST_NAME_H

#include "object/decoder.h"

/* Appends the name of a builtin function or method (PyMethodDef.ml_name). When that cannot be had: of a method, as its
 * descriptor in the class has it; else the key under which what it is bound to, a module or a class, holds this very
 * object. FAULT, CORRUPT, NO_MEMORY. */
enum cpeek_status builtin_name_read(const struct object *function, struct strbuf *out);

/* Appends the name of a member at an address of a type's tp_members. When it cannot be had: as its descriptor in the
 * type's dict has it. FAULT, CORRUPT, NO_MEMORY. */
enum cpeek_status member_name_read(struct objects *objects, const struct type *type, target_addr member,
				   struct strbuf *out);

/* Appends the name of a method-wrapper's slot. FAULT, CORRUPT, NO_MEMORY. */
enum cpeek_status slot_name_read(const struct object *wrapper, struct strbuf *out);

#endif
