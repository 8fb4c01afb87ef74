/*
 * What the C structure of an object tells of it beside its repr: the fields that member.def names for its type, and
 * those that tp_members of its C types list, of any kind. Some of them are objects, the others get the repr of the object
 * that CPython would make of them. Knows no type in particular; calls no getter: what only code computes is named, not
 * guessed.
 */
#ifndef OBJECT_MEMBER_H
#define OBJECT_MEMBER_H

#include "object/decoder.h"

struct object_member {
	char name[64];      /* CPython's own for it where it has one; cut at that length */
	target_addr object; /* 0: it is none, and type and the text tell what it is */
	const char *type;   /* "int", "str" …; static text */
	bool listed;        /* by tp_members, not by member.def */
};

/* The member at *cursor (0: the first), which moves on; what has no value is passed over. text gets the repr of what is
 * no object, cut at the limits. END, FAULT, CORRUPT (this one cannot be had, *ret has its name; the next one may), and
 * NO_MEMORY, which alone ends it as END does. */
enum cpeek_status member_next(const struct object *object, const struct limits *limits, uint64_t *cursor,
			      struct object_member *ret, struct strbuf *text);
/* One of them by name. NOT_FOUND. */
enum cpeek_status member_find(const struct object *object, const char *name, size_t length,
			      const struct limits *limits, struct object_member *ret, struct strbuf *text);
/* Whether an object has any: with listed, also of those that tp_members lists. */
bool member_any(const struct object *object, bool listed);

/* Each getset attribute of an object's C types that no member is: code of CPython's would compute it. Stops with found's
 * status if it is not OK. FAULT, CORRUPT when a table could not be read. */
enum cpeek_status
member_walk_computed(const struct object *object,
		     enum cpeek_status (*found)(void *arg, const char *name, const struct type *type), void *arg);

#endif
