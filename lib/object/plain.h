/*
 * Values of builtin types on our side of the fence: copied from objects of the target, or made from a literal, so that
 * they can be hashed (hash.h) and compared as CPython would without calling anything. An object of any other type, or
 * of a class that defines its own __hash__, __eq__ or __lt__, stays an address.
 * Knows the builtin types' meaning; no containers but tuples, no recursion.
 */
#ifndef OBJECT_PLAIN_H
#define OBJECT_PLAIN_H

#include "object/decoder.h"

enum plain_kind {
	PLAIN_OBJECT, /* anything else: its address is all that is known */
	PLAIN_NONE,
	PLAIN_INT, /* and bool */
	PLAIN_FLOAT,
	PLAIN_COMPLEX,
	PLAIN_STR,
	PLAIN_BYTES,
	PLAIN_TUPLE,
};

struct plain {
	enum plain_kind kind;
	target_addr address;     /* 0: a literal, which is no object of the target */
	const struct type *type; /* NULL: exactly the builtin type of its kind */
	bool exact;              /* of the builtin type itself, not of a class derived from it */
	bool own_hash;           /* its hash is what its kind makes it, no method of a class derived from that */
	bool own_compare;        /* so are its comparisons */
	bool negative;           /* INT */
	bool is_bool;            /* INT */
	bool has_hash;           /* the object keeps its hash */
	uint64_t hash;           /* that; as the target's word, widened */
	uint64_t count;          /* INT: digits of 30 bits; STR: characters; BYTES; TUPLE: items */
	unsigned width;          /* STR, BYTES: bytes of one character */
	double real, imaginary;  /* FLOAT: real alone */
	const uint32_t *digits;  /* INT, the least significant first */
	const uint8_t *bytes;    /* STR, BYTES: as they are in the target's memory */
	struct plain *items;     /* TUPLE */
};

/* Where values are kept, and how many may come. */
struct plains {
	struct objects *objects;
	struct arena arena;
	uint64_t left; /* values (and kilobytes of text) that may still be taken: shared tuples multiply */
	const struct type *last_type; /* whose slots were looked at last */
	struct plain last;            /* kind, type and the flags of that */
};

void plains_init(struct objects *objects, uint64_t most, struct plains *ret);
void plains_deinit(struct plains *plains);

/* The object at an address. FAULT, CORRUPT; LIMIT when that is more than may be taken; NO_MEMORY, CANCELLED. */
enum cpeek_status plain_read(struct plains *plains, target_addr address, struct plain *ret);
/* Literals. Text and digits must live as long as the value. str: characters; made as compact as CPython does. */
enum cpeek_status plain_make_str(struct plains *plains, const uint32_t *characters, size_t count, struct plain *ret);
/* None, True, False or Ellipsis by the name that builtins knows it by. NOT_FOUND. */
enum cpeek_status plain_find_singleton(struct plains *plains, const char *name, struct plain *ret);

/* What CPython calls the type. */
const char *plain_type_name(const struct plain *plain);
/* Whether both have the very same type. */
bool plain_same_type(const struct plain *a, const struct plain *b);

enum plain_answer {
	PLAIN_NO,
	PLAIN_YES,
	PLAIN_ASKS,    /* a method decides that cannot be called: *ret_culprit has it */
	PLAIN_REFUSES, /* TypeError: of these types none is less; *ret_culprit is the left one */
};

/* PyObject_RichCompareBool(a, b, Py_EQ): one object is equal to itself, whatever its __eq__ says. */
enum plain_answer plain_equal(const struct plains *plains, const struct plain *a, const struct plain *b,
			      const struct plain **ret_culprit);
/* a < b, as list.sort() asks it. */
enum plain_answer plain_less(const struct plains *plains, const struct plain *a, const struct plain *b,
			     const struct plain **ret_culprit);

#endif
