/*
 * What it takes to know a Python type: one struct object_type a type, one type a file, one row in types.def.
 * A decoder returns values and edges; it walks nothing, prints nothing and recurses nowhere: render.c owns order,
 * depth, cycles and limits.
 *
 * To add a type: write object/NAME.c with `const struct object_type object_type_NAME`, add TYPE(NAME) to types.def
 * and the fields that it needs to layout/fields.def, and an object to fixtures/programs/values.py.
 * A type whose repr is object's default, and whose edges are plain fields, needs no file: a row of visits.def,
 * VISITS(identifier, "tp_name", structure, FIELD_…, FIELD_…).
 */
#ifndef OBJECT_DECODER_H
#define OBJECT_DECODER_H

#include "object/object.h"
#include "object/table.h"

/* ---- Items: what a container holds, one after the other ---- */

struct item {
	target_addr key;   /* mappings; else 0 */
	target_addr value; /* 0: a NULL in the target */
};

/* A position in a container. Plain data: copying it forks the iteration. */
struct items {
	const struct object_type *type; /* whose next this is */
	struct objects *objects;
	struct table table; /* the vector, or the table of entries */
	struct table other; /* a second one: split values, … */
	uint64_t index, end;
	uint64_t state[4];
	uint64_t count;                  /* how many items there are in all, as the container says */
	const struct object_type *under; /* for a view: whose next it goes through */
	uint8_t form;                    /* the decoder's own: how its table is read */
	bool pairs;                      /* a key and its value are shown as "(key, value)", not "key: value" */
	bool keywords;                   /* or as "key=value", the key bare */
};

/* Whether the items of the type's objects have keys: dict and what derives from it, and frozendict (3.15). */
bool type_is_mapping(const struct type *type);

/* ---- Edges: what an object refers to ---- */

enum edge_kind { EDGE_FIELD, EDGE_INDEX, EDGE_KEY, EDGE_VALUE, EDGE_ATTRIBUTE, EDGE_TYPE, EDGE_SLOT };

struct edge {
	target_addr target;
	enum edge_kind kind;
	const char *name; /* field or slot; NULL otherwise. Lives as long as struct objects */
	uint64_t index;   /* EDGE_INDEX; for keys and values the entry's number */
	bool traversed;   /* tp_traverse visits it: gc.get_referents() lists it */
	bool owned;       /* the object holds a reference */
};

struct dissection;    /* see dissect.h */
struct object_member; /* see member.h */
struct edges;
/* Reports an edge; a target of 0 is dropped. */
void edges_add(struct edges *edges, enum edge_kind kind, target_addr target, const char *name, uint64_t index,
	       bool traversed);
/* The same for a word of a frame that borrows: tp_traverse visits it, and the object has no reference for it, so that the
 * collector does not subtract one. _PyGC_VisitStackRef(), 3.14 Python/gc.c, Python/gc_free_threading.c */
void edges_add_borrowed(struct edges *edges, enum edge_kind kind, target_addr target, const char *name, uint64_t index,
			bool traversed);
/* The object-holding field, traversed: nothing when this layout has none or it is NULL. */
void edges_add_field(struct edges *edges, const struct object *object, enum layout_field field);
/* The same for a field that is owned but that tp_traverse leaves out (str, code …). */
void edges_add_hidden(struct edges *edges, const struct object *object, enum layout_field field);
/* The type of a C heap type's instance, for decoders that say where it is visited; nothing where edges.c did it. */
void edges_add_type(struct edges *edges, const struct object *object);

/* Each of the count pointers at array, from the last one on if backwards. FAULT, CORRUPT (memory cannot hold them). */
enum cpeek_status edges_add_array(struct edges *edges, struct objects *objects, enum edge_kind kind, target_addr array,
				  int64_t count, bool backwards, bool traversed);

/* ---- Value: what repr() says, in parts ---- */

struct value;
/* Parts come out in the order of these calls. Text is UTF-8. */
void value_text(struct value *value, const char *text);
__attribute__((format(printf, 2, 3))) void value_format(struct value *value, const char *format, ...);
void value_bytes(struct value *value, const char *text, size_t length);
/* The repr of another object. A NULL shows as <NULL>. */
void value_object(struct value *value, target_addr address);
/* The same as CPython shows it between Py_ReprEnter() and Py_ReprLeave() for that object: "..." when it is being
 * written already, and its guard (value_guard()) when it has one. */
void value_object_entered(struct value *value, target_addr address);
/* For a decoder that writes the parts of another object itself: Py_ReprEnter() and Py_ReprLeave() for that object.
 * false: it is being written already, and there is nothing to leave. */
bool value_enter(struct value *value, target_addr address);
void value_leave(struct value *value, target_addr address);
/* The items of this object (through its decoder's items and next), between open and close: "[", "]". empty is shown
 * instead of both when there are none (NULL: open and close). A tuple of one gets its comma from trailing = true. */
void value_items(struct value *value, const char *open, const char *close, bool trailing);
/* The same, each key and value as "(key, value)". */
void value_pairs(struct value *value, const char *open, const char *close);
/* The items of another container as the arguments of a call: each behind ", ", but not the first one with
 * ARGUMENTS_FIRST; with ARGUMENTS_KEYWORDS as "name=value", leaving out what has no name; with ARGUMENTS_REST without
 * the first item. */
enum { ARGUMENTS_FIRST = 1, ARGUMENTS_KEYWORDS = 2, ARGUMENTS_REST = 4 };
void value_arguments(struct value *value, target_addr container, unsigned how);
/* What stands for this object when it is met again inside itself: "[...]". Call it first. */
void value_guard(struct value *value, const char *text);
/* The same in two pieces: the name of its class, and what follows. */
void value_guard_named(struct value *value, const char *name, const char *text);
/* What stands for its items alone then. Call it first. */
void value_guard_items(struct value *value, const char *text);
/* A marker in place of something that cannot be had: <unreadable 0x7f…>, <corrupt …>; makes the answer partial. */
void value_mark(struct value *value, enum cpeek_status status, target_addr address, const char *what);
/* Something was cut by a limit: "… +4000 characters"; makes the answer truncated. */
void value_cut(struct value *value, uint64_t count, const char *what);
struct objects *value_objects(const struct value *value);
/* The limits in force. */
const struct limits *value_limits(const struct value *value);
/* The text being built, for a decoder that appends scalars to it directly; valid before the first part is added. */
struct strbuf *value_buffer(struct value *value);

/* ---- The decoder itself ---- */

struct object_type {
	const char *name; /* tp_name: "list"; "a|b" when versions differ */
	/* For types that no name tells: whether a type of C code is one. Asked when no name fits. */
	bool (*matches)(struct objects *objects, const struct type *type);
	enum layout_struct structure; /* tp_basicsize must cover it */
	/* What repr() says. NULL: <module.T object at 0x…>. Errors are turned into a marker by the caller. */
	enum cpeek_status (*decode)(const struct object *object, struct value *value);
	/* Where its frame is, and the variables there, are shown behind its repr as attributes are. */
	bool generator;
	/* For containers: start an iteration; go to the next item (END after the last). NULL: not a container. */
	enum cpeek_status (*items)(const struct object *object, struct items *ret);
	enum cpeek_status (*next)(struct items *items, struct item *ret);
	/* What tp_traverse of exactly this type visits, in its order: fields that hold an object, then what edges
	 * adds (also hidden edges). What subtype_traverse() adds for subclasses (slots, __dict__, type), a managed
	 * __dict__, and the visit of their own type that C heap types make since 3.9, are edges.c's business. That visit
	 * comes first, but where FIELD_PyObject_ob_type stands among the fields, or with type_in_edges, where edges calls
	 * edges_add_type(). */
	const enum layout_field *fields;
	size_t field_count;
	bool type_in_edges;
	enum cpeek_status (*edges)(const struct object *object, struct edges *edges);
	bool type_unvisited; /* a C heap type that does not visit its own type, as the others do */
	/* __sizeof__(), without the pre-header. NULL: basicsize + itemsize * |ob_size|. */
	enum cpeek_status (*size)(const struct object *object, uint64_t *ret);
	/* How its memory is to be read: rows of the block that is open (the object's own), then blocks, facts, tables and
	 * notes about the structure (dissect.h). Errors become problems in it. NULL: its fields alone. */
	enum cpeek_status (*dissect)(const struct object *object, struct dissection *dissection);
	/* What member.def cannot tell of it, since no layout has its structure (numpy): the index-th, as member_next() of
	 * member.h gives it. NOT_FOUND: this one has no value. END. NULL: there is nothing. */
	enum cpeek_status (*member)(const struct object *object, const struct limits *limits, uint64_t index,
				    struct object_member *ret, struct strbuf *text);
};

/* Stands for the decoder of a type whose structure the layout does not have, because no table is for the version: a
 * marker in place of its repr, and CORRUPT for its edges and its size. */
extern const struct object_type object_type_untold;
/* The decoder for a type of C code; NULL when there is none. */
const struct object_type *object_type_find(struct objects *objects, const struct type *type);

/* ---- Walkers over one object ---- */

typedef enum cpeek_status (*edge_fn)(void *arg, const struct edge *edge);
/* Reports every edge of an object, subclass parts and type included, in the order in which gc.get_referents() lists
 * the traversed ones. Stops with found's status if it is not OK. FAULT or CORRUPT when some could not be read: those
 * before were reported. */
enum cpeek_status object_walk_edges(const struct object *object, edge_fn found, void *arg);

/* Items of any object whose decoder has them; NOT_FOUND otherwise. */
enum cpeek_status items_start(const struct object *object, struct items *ret);
enum cpeek_status items_next(struct items *items, struct item *ret);
/* Attributes of an instance by name, in insertion order: keys are str objects. NOT_FOUND when it has none. */
enum cpeek_status attributes_start(const struct object *object, struct items *ret);
/* One of them by name, slots and class attributes included; no descriptor is called. NOT_FOUND, FAULT, CORRUPT. */
enum cpeek_status attribute_find(const struct object *object, const char *name, size_t length, target_addr *ret);
/* What a member of its type, such as a slot, holds for it. NOT_FOUND when there is none of that name or it is not set. */
enum cpeek_status object_find_slot(const struct object *object, const char *name, size_t length, target_addr *ret);
/* The same along a type's own MRO: what its instances inherit. */
enum cpeek_status type_find_attribute(struct objects *objects, const struct type *type, const char *name,
				      size_t length, target_addr *ret);

/* ---- Scalars that other layers need ---- */

/* A str object's text as UTF-8 (surrogates as 3 bytes, as surrogatepass does: sinks make them safe). At most limit
 * characters (0: all); *ret_cut gets how many more there are, if it is not NULL. CORRUPT when it is no str. */
enum cpeek_status str_read(struct objects *objects, target_addr address, uint64_t limit, struct strbuf *out,
			   uint64_t *ret_cut);
/* Where a str object's characters are: *ret_length of them, of *ret_width bytes each (1, 2, 4). CORRUPT. */
enum cpeek_status str_open(const struct object *object, struct table *ret, uint64_t *ret_length, unsigned *ret_width);
/* repr() of a str's characters from start to end, of which only the first `most` need to come out. FAULT, CORRUPT; what
 * is in out by then stays. */
enum cpeek_status str_put_slice(struct objects *objects, target_addr address, uint64_t start, uint64_t end,
				uint64_t most, struct strbuf *out);
/* Whether the str object at address equals text (UTF-8). false when it cannot be read. */
bool str_equals(struct objects *objects, target_addr address, const char *text, size_t length);
/* A small int object as a number: LIMIT when it does not fit, CORRUPT when it is no int. */
enum cpeek_status int_read(struct objects *objects, target_addr address, int64_t *ret);
/* The value of a str key in a dict object: NOT_FOUND, FAULT, CORRUPT. */
enum cpeek_status dict_find(struct objects *objects, target_addr dict, const char *key, size_t length,
			    target_addr *ret);
/* repr() of text: quotes and escapes as this layout's CPython chooses them. */
void str_put_repr(struct strbuf *out, const struct layout *layout, const uint32_t *characters, size_t count);

#endif
