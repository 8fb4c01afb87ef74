/*
 * What an object's memory explained consists of, and how a decoder adds to it: blocks (stretches of memory, byte by
 * byte, with what each field is called and means), facts, tables and notes (how the structure works), and problems
 * (what contradicts itself). A decoder says things once; command/dissect.c shows them as text, JSON or HTML.
 * Knows no type in particular, and nothing of how it is shown.
 */
#ifndef OBJECT_DISSECT_H
#define OBJECT_DISSECT_H

#include "base/vector.h"
#include "object/decoder.h"

/* ---- What is built ---- */

enum dissect_kind {
	DISSECT_NONE,
	DISSECT_NUMBER,   /* signed */
	DISSECT_UNSIGNED, /* or a set of flags */
	DISSECT_BOOL,
	DISSECT_TEXT,    /* UTF-8, or bytes of the target */
	DISSECT_POINTER, /* to memory that is no object */
	DISSECT_OBJECT,  /* an object, or NULL: whoever shows it adds its repr, in brief */
};

struct dissect_value {
	enum dissect_kind kind;
	uint64_t number;  /* NUMBER as two's complement, UNSIGNED, BOOL, POINTER, OBJECT */
	const char *text; /* TEXT; of the others how people read it where that is not the number ("0x1f"); or NULL */
};

/* Some bytes of a block. */
struct dissect_row {
	int64_t offset;   /* from the block's address; negative for what stands before an object */
	uint64_t size;    /* bytes */
	const char *name; /* as CPython calls it: "ob_digit[1]"; NULL: no field that is known */
	struct dissect_value value;
	const char *meaning; /* NULL: the name says it */
	size_t order;        /* among rows at the same offset: bits of one word */
	bool repeated;       /* the row before is of the same bytes */
};

/* Named facts that no single field holds, and tables: cells in rows. A fact's cells are name, value, meaning. */
struct dissect_cell {
	const char *column; /* its title */
	struct dissect_value value;
};

enum dissect_part_kind { DISSECT_BLOCK, DISSECT_FACTS, DISSECT_TABLE, DISSECT_NOTE, DISSECT_PROBLEM };

struct dissect_part {
	enum dissect_part_kind kind;
	const char *title;     /* of a NOTE or PROBLEM its text; of FACTS NULL */
	const char *structure; /* BLOCK: "PyLongObject"; NULL when it has no name */
	const char *header;    /* BLOCK: where CPython defines that: "Include/cpython/longintrepr.h"; or NULL */
	target_addr address;   /* BLOCK */
	uint64_t size;         /* BLOCK: bytes from address on; rows may stand before it */
	VECTOR(struct dissect_row) rows;   /* BLOCK: by offset, in the end with a row for what nobody explained */
	VECTOR(struct dissect_cell) cells; /* TABLE, FACTS */
	VECTOR(size_t) ends;               /* TABLE, FACTS: for each row the index behind its last cell */
	uint64_t cut;                      /* rows that a limit left out … */
	const char *cut_what;              /* … "slots" */
};

struct dissection {
	struct objects *objects;
	const struct limits *limits; /* elements: rows of a block or table */
	struct arena arena;          /* of all texts */
	VECTOR(struct dissect_part) parts;
	size_t block;            /* index + 1 of the block that rows go to; 0: none */
	struct dissect_row lost; /* what is written to where memory is out */
	bool partial;            /* there is a problem, or something could not be read */
	bool no_memory;
};

/* Explains an object: first a block of its own memory, from what stands before it to its end as sys.getsizeof() counts
 * it, with the rows that every object has (what stands before it, the head, members of C types, __slots__), then what
 * its decoder adds; fields of the decoder's structure that nobody explained follow with their bare values. What cannot
 * be read is a problem in it. NO_MEMORY, CANCELLED. Free with dissection_deinit() in any case. */
enum cpeek_status object_dissect(const struct object *object, const struct limits *limits, struct dissection *ret);
void dissection_deinit(struct dissection *dissection);

/* ---- What decoders call, from struct object_type's dissect ---- */

/* Begins another block, for memory that the object points at. structure may be LAYOUT_STRUCT_COUNT (an array). size:
 * bytes; those that get no row are shown without a name. Rows go to it until the next one. */
void dissect_open_block(struct dissection *dissection, const char *title, enum layout_struct structure,
			target_addr address, uint64_t size);
/* The structure of the open block, where the decoder's own is only the beginning of it (PyVarObject). */
void dissect_name_block(struct dissection *dissection, enum layout_struct structure);
/* The open block turns out to be of another size: of the object's own one, where tp_basicsize does not tell it. */
void dissect_resize(struct dissection *dissection, uint64_t size);
/* A field of the open block's structure, read from there, with what its value means (printf; NULL: nothing). Nothing
 * where the layout has no such field; a problem where it cannot be read. */
__attribute__((format(printf, 4, 5))) void dissect_field(struct dissection *dissection, enum dissect_kind kind,
							 enum layout_field field, const char *meaning, ...);
/* Any bytes of the open block. The value may be changed through the pointer, which is never NULL and lives until the
 * next call. */
__attribute__((format(printf, 4, 5))) struct dissect_row *dissect_row(struct dissection *dissection, int64_t offset,
								      uint64_t size, const char *name, ...);
/* The same, with a pointer-sized word read from there: kind POINTER, OBJECT, UNSIGNED or NUMBER. */
__attribute__((format(printf, 4, 5))) struct dissect_row *
dissect_word(struct dissection *dissection, enum dissect_kind kind, int64_t offset, const char *name, ...);
/* What a row, a value means. */
__attribute__((format(printf, 3, 4))) void dissect_mean(struct dissection *dissection, struct dissect_row *row,
							const char *meaning, ...);
/* Text for a value, kept as long as the dissection. Never NULL. */
__attribute__((format(printf, 2, 3))) const char *dissect_text(struct dissection *dissection, const char *format, ...);
/* The same of any length, from out, which it empties; NO_MEMORY there becomes the dissection's. */
const char *dissect_keep(struct dissection *dissection, struct strbuf *out);
/* count names of bits of a value: "HEAPTYPE | HAVE_GC | 0x40" where 0x40 has none. */
struct dissect_flag {
	uint64_t bit;
	const char *name;
};
const char *dissect_flags(struct dissection *dissection, uint64_t value, const struct dissect_flag *flags,
			  size_t count);

/* An object in a few words, for a meaning: its repr, cut. "NULL" for 0. */
const char *dissect_brief(struct dissection *dissection, target_addr address);
/* A function of C code: its name where symbols tell it, with "+0x…" when the address is not where it begins, else the
 * file and the offset in it: "libpython3.11.so+0x1b0c40". */
const char *dissect_function(struct dissection *dissection, target_addr address);

/* Facts: "digits  3  base 2**30". meaning may be NULL. */
__attribute__((format(printf, 4, 5))) void dissect_fact_number(struct dissection *dissection, const char *name,
							       int64_t value, const char *meaning, ...);
__attribute__((format(printf, 4, 5))) void dissect_fact_bool(struct dissection *dissection, const char *name,
							     bool value, const char *meaning, ...);
__attribute__((format(printf, 3, 4))) void dissect_fact_text(struct dissection *dissection, const char *name,
							     const char *value, ...);
void dissect_fact_object(struct dissection *dissection, const char *name, target_addr value);
/* One whose text may be of any length, from out, which it empties. */
__attribute__((format(printf, 4, 5))) void dissect_fact_buffer(struct dissection *dissection, const char *name,
							       struct strbuf *out, const char *meaning, ...);

/* Facts that follow stand apart from those before, until something else is added. */
void dissect_open_facts(struct dissection *dissection);
/* Moves the last part to behind the first, the object's own block. Once all is built: nothing may follow. */
void dissect_lift(struct dissection *dissection);

/* A table: open, then the cells of a row in order, and the end of the row. Titles are short and in lower case, as JSON
 * calls the cells by them. */
void dissect_open_table(struct dissection *dissection, const char *title);
void dissect_cell(struct dissection *dissection, const char *column, enum dissect_kind kind, uint64_t number);
__attribute__((format(printf, 3, 4))) void dissect_cell_text(struct dissection *dissection, const char *column,
							     const char *format, ...);
void dissect_end_row(struct dissection *dissection);
/* Whether the open block or table (whichever was opened last) has as many rows as the limits allow: then add no more,
 * and say how many are left out. */
bool dissect_is_full(const struct dissection *dissection);
void dissect_cut(struct dissection *dissection, uint64_t count, const char *what);

/* A line of explanation; something that contradicts itself: "dk_nentries 9 > dk_usable …". */
__attribute__((format(printf, 2, 3))) void dissect_note(struct dissection *dissection, const char *format, ...);
__attribute__((format(printf, 2, 3))) void dissect_problem(struct dissection *dissection, const char *format, ...);
/* The problems of one structure: the first few are kept and the others counted, until dissect_tell() adds them behind what
 * is open by then. */
enum { DISSECT_TOLD = 16 };
struct dissect_problems {
	struct dissection *dissection;
	const char *told[DISSECT_TOLD];
	unsigned count;
};
__attribute__((format(printf, 2, 3))) void dissect_gather(struct dissect_problems *problems, const char *format, ...);
void dissect_tell(const struct dissect_problems *problems);
/* How many probes may be spent on following the search for each key of a hash table: of a sound one a small part is
 * needed, but where all keys collide they would be a square of its slots. */
uint64_t dissect_probe_budget(uint64_t slots);
/* Says, as a problem, that they were not enough. */
void dissect_probes_spent(struct dissect_problems *problems);
/* What could not be read, as a problem. what: "the index table". OK, or NO_MEMORY, CANCELLED. */
enum cpeek_status dissect_tolerate(struct dissection *dissection, enum cpeek_status status, const char *what);

#endif
