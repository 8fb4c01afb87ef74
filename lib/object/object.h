/*
 * One Python object in the target: its head, its type, its fields. object_read() brings an object's bytes in;
 * object_get…() read fields from them and cannot fail, because a type gets a decoder only when tp_basicsize covers
 * the decoder's structure.
 * Knows objects one at a time: what they mean is the decoders' business (types.def), how they nest is render.c's.
 */
#ifndef OBJECT_OBJECT_H
#define OBJECT_OBJECT_H

#include "base/arena.h"
#include "base/map.h"
#include "base/strbuf.h"
#include "runtime/runtime.h"

struct object_type; /* a decoder: see decoder.h */
struct object;
struct edges;
struct dissection;

/* What only the layer of frames can tell, which stands to the right of this one: whoever makes a struct objects gives
 * it these (stack_hooks of stack/stack.h). */
struct frame_hooks {
	/* What a frame, generator, coroutine or async generator refers to. */
	enum cpeek_status (*edges)(const struct object *object, struct edges *edges);
	/* Which code a frame object runs, and the line it is at (-1: none). */
	enum cpeek_status (*where)(const struct object *frame, target_addr *ret_code, int64_t *ret_line);
	/* What a generator, coroutine or async generator does: "suspended", "not started", "running", "finished"; static
	 * text. */
	enum cpeek_status (*state)(const struct object *generator, const char **ret);
	/* Each variable of its frame, in the order of locals(); values may be 0. Stops with found's status if it is not
	 * OK. NOT_FOUND when it has finished, FAULT, CORRUPT. */
	enum cpeek_status (*variables)(const struct object *generator,
				       enum cpeek_status (*found)(void *arg, target_addr name, target_addr value),
				       void *arg);
	/* What only they can explain of the memory of a code object, frame, generator, coroutine or async generator. */
	enum cpeek_status (*dissect)(const struct object *object, struct dissection *dissection);
};

enum {
	OBJECT_BYTES = 1024, /* of an object's fixed part are read at once: more than any C structure needs */
	TYPE_NAME = 256,
	/* Longer names of types are read whole too, as long as all of them together take no more than this: each of a million
	 * broken types may claim the same megabyte. */
	LONG_NAMES_MAX = 64 << 20,
	LONG_NAME_MAX = 1 << 20,
};

/* tp_flags, Include/object.h (3.6 to 3.15; the versions in brackets are those that know the bit). */
#define TYPE_INLINE_VALUES ((uint64_t)1 << 2)   /* 3.13+ */
#define TYPE_MANAGED_WEAKREF ((uint64_t)1 << 3) /* 3.12+ */
#define TYPE_MANAGED_DICT ((uint64_t)1 << 4)    /* 3.11+ */
#define TYPE_HEAPTYPE ((uint64_t)1 << 9)
#define TYPE_READY ((uint64_t)1 << 12)
#define TYPE_HAVE_GC ((uint64_t)1 << 14)
#define TYPE_ITEMS_AT_END ((uint64_t)1 << 23) /* 3.12+ */
#define TYPE_LONG_SUBCLASS ((uint64_t)1 << 24)
#define TYPE_LIST_SUBCLASS ((uint64_t)1 << 25)
#define TYPE_TUPLE_SUBCLASS ((uint64_t)1 << 26)
#define TYPE_BYTES_SUBCLASS ((uint64_t)1 << 27)
#define TYPE_UNICODE_SUBCLASS ((uint64_t)1 << 28)
#define TYPE_DICT_SUBCLASS ((uint64_t)1 << 29)
#define TYPE_BASE_EXC_SUBCLASS ((uint64_t)1 << 30)
#define TYPE_TYPE_SUBCLASS ((uint64_t)1 << 31)

/* A PyMemberDef of a type that holds an object: __slots__ (T_OBJECT_EX) and C members. */
struct type_member {
	char *name;      /* UTF-8 */
	uint32_t offset; /* in the instance */
	bool slot;       /* of __slots__: subtype_traverse() visits it */
};

/* What stands for a name of C code that is not in the target's memory, with the type's address behind it. */
#define TYPE_UNNAMED "<not saved: type at "

/* What is worth keeping of a PyTypeObject. Cached by address; lives as long as the struct objects. */
struct type {
	target_addr address;
	char *name;     /* "module.QualName", builtins bare: "int"; what JSON calls "type" */
	char *tp_name;  /* as in the type; for a heap type its __name__ */
	char *module;   /* "builtins", "__main__"; "" when not known */
	char *qualname; /* "Outer.Inner" */
	uint64_t flags; /* tp_flags */
	int64_t basicsize, itemsize, dictoffset, weaklistoffset;
	target_addr metatype, base, dict /* 0 when static and stored elsewhere */, mro;
	target_addr tp_repr, tp_dealloc, tp_traverse;
	const struct object_type *decoder; /* of the nearest base that has one; NULL: none */
	const struct type *decoder_type;   /* that base, or this type itself */
	const struct type *base_type;      /* of base; NULL for object, or when it cannot be read */
	bool python_class;                 /* made by a class statement or a call of its metaclass, not by C code */
	bool module_known;                 /* module is what the type says: a class may say "" */
	bool name_known;                   /* false: nothing tells it, and the names are TYPE_UNNAMED "0x…>" */
	struct type_member *members;       /* this type's own, not its bases' */
	size_t member_count;
};

/* How much is shown of a value. 0: no limit. */
struct limits {
	uint64_t elements; /* items of one container */
	uint64_t string;   /* characters of one text, bytes, or digits of an int */
	uint64_t depth;    /* of nesting */
	uint64_t total;    /* bytes of one value's whole text: then what is open is closed, and the rest counted */
	uint64_t repeats;  /* of these, in a text of many MB: such as belong to containers that it had before */
	bool hex;          /* no limit: ints come in hexadecimal */
	bool members;      /* nor this: where attributes are shown, so is what C structures tell (object/member.h) */
};

/* All that decoding needs and keeps: one a session. */
struct objects {
	struct python *python;
	struct target *target;
	const struct layout *layout;
	struct error *error;
	struct arena arena;           /* of types */
	struct map types;             /* address → struct type * */
	const struct type *last_type; /* the one found last in types; NULL: none */
	struct strbuf scratch;        /* for short texts that do not outlive a call */
	target_addr object_repr;      /* tp_repr of object; 0 when not known yet */
	target_addr lookdict; /* to 3.10: dk_lookup of general dict tables (dictkeys.h); 0 when not known yet */
	bool lookdict_sought;
	const struct hash_secret *hash_secret; /* hash_secret.h; NULL: not looked for yet */
	size_t long_names;                     /* bytes that names of types take which are longer than TYPE_NAME */
	bool has_unnamed;                      /* a type has no name: texts may have TYPE_UNNAMED in them */
	uint64_t failures;                     /* that were gone on after: objects_tolerate() */
	const struct frame_hooks *frames;      /* never NULL once the session is open */
	bool (*cancelled)(void *arg);          /* polled by long walks; may be NULL */
	void *cancelled_arg;
};

struct object {
	struct objects *objects;
	target_addr address;
	const struct type *type;
	uint64_t refcount;    /* what Py_REFCNT() says; an immortal object's is of no meaning */
	int64_t ob_size;      /* of var-sized types; what lies at its place in others */
	const uint8_t *bytes; /* the fixed part: at least the decoder's structure */
	size_t length;        /* of bytes */
	uint8_t buffer[OBJECT_BYTES];
};

enum cpeek_status objects_create(struct python *python, struct objects **ret);
void objects_destroy(struct objects *objects);
/* Forgets types and all else that was learnt from the target: while reads fail it may be learnt wrong. */
void objects_forget(struct objects *objects);
/* For code that goes on without something that it could not have: notes FAULT and CORRUPT, so that the command that
 * runs calls its answer partial, and returns OK, or what nothing goes on after: NO_MEMORY, CANCELLED. (Reads that
 * failed are counted by the target in any case.) */
enum cpeek_status objects_tolerate(struct objects *objects, enum cpeek_status status);

/* The type at an address, from the cache or read and checked (its own type is a type, sizes plausible).
 * FAULT, CORRUPT ("not a type"), NO_MEMORY. */
enum cpeek_status type_read(struct objects *objects, target_addr address, const struct type **ret);
/* Whether type is base or derives from it (by tp_base). */
bool type_is_subtype(const struct type *type, const struct type *base);
/* Whether a type's name stands without a module, in its own repr and in object's: it is builtins', or no str. */
bool type_is_bare(const struct type *type);
/* Where an interpreter keeps what is its own of a static builtin type: the address of its managed_static_type_state.
 * NOT_FOUND: the type has none there (a heap type, or before 3.12). */
enum cpeek_status type_find_state(struct objects *objects, const struct type *type, size_t interpreter,
				  target_addr *ret);
/* type.__dict__: tp_dict, or for static builtin types of 3.12+ the interpreter's managed_static_type_state.
 * NOT_FOUND when it has none. */
enum cpeek_status type_find_dict(struct objects *objects, const struct type *type, target_addr *ret);

/* Brings an object in. FAULT, CORRUPT (no type at ob_type, bad alignment), NO_MEMORY. The struct is not to be
 * copied: bytes may point into it. */
enum cpeek_status object_read(struct objects *objects, target_addr address, struct object *ret);
/* The same without its type (type is NULL), for what type_read() needs while it finds a type out: that the object is
 * of the kind asked for, the subclass flag (TYPE_DICT_SUBCLASS …) of whatever stands at ob_type says. Reads size
 * bytes, or as many as there are if at least `least` can be had. FAULT, CORRUPT. */
enum cpeek_status object_read_untyped(struct objects *objects, target_addr address, uint64_t flag, size_t least,
				      size_t size, struct object *ret);

/* A field of the object's fixed part. The decoder's structure must have it in this layout (layout_has()). Widened
 * from the field's own size; object_get_signed() extends the sign. A bit-field comes out shifted down. */
uint64_t object_get(const struct object *object, enum layout_field field);
int64_t object_get_signed(const struct object *object, enum layout_field field);
/* The address of a field. */
target_addr object_field_address(const struct object *object, enum layout_field field);

/* A field of a structure at addr that is not an object (PyDictKeysObject …), read from the target. */
enum cpeek_status field_read(const struct objects *objects, target_addr addr, enum layout_field field, uint64_t *ret);

/* Where an instance keeps its attributes: one of dict and values is set, or neither; both if shared. */
struct attributes {
	target_addr dict;   /* a dict object */
	target_addr values; /* split values that no dict object owns: their keys are the type's ht_cached_keys */
	target_addr keys;
	bool shared; /* dict's values are inline in the object, and the collector visits them there (3.13+) */
};
/* __dict__ in every form since 3.8 (dict pointer, 3.11's two words, 3.12's tagged word, 3.13's inline values). OK
 * with neither set when the object has no attributes yet, or its type gives it no __dict__. */
enum cpeek_status object_read_attributes(const struct object *object, struct attributes *ret);

/* Whether it has a gc head: its type is a GC type, and it is no static type itself (PyObject_IS_GC). */
bool object_is_gc(const struct object *object);
/* Whether the collector tracks the object; false when it is no object of a GC type. */
enum cpeek_status object_read_tracked(const struct object *object, bool *ret);
/* What sys.getsizeof() says: the decoder's size, or basicsize + itemsize * |ob_size|, and the pre-header. */
enum cpeek_status object_read_size(const struct object *object, uint64_t *ret);

#endif
