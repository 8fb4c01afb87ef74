/*
 * Code objects: what frames need of them. Knows PyCodeObject and where its line table and its names of variables are;
 * frames and the forms of line tables are others' business.
 */
#ifndef STACK_CODE_H
#define STACK_CODE_H

#include "stack/lines.h"

/* co_flags, Include/code.h (every version). */
enum { CODE_OPTIMIZED = 0x1, CODE_VARARGS = 0x4, CODE_VARKEYWORDS = 0x8 };

/* co_localspluskinds, Include/internal/pycore_code.h (3.11+; hidden 3.12+: of an inlined comprehension). */
enum { KIND_HIDDEN = 0x10, KIND_LOCAL = 0x20, KIND_CELL = 0x40, KIND_FREE = 0x80 };

struct code {
	target_addr address;
	target_addr lines;        /* bytes: co_lnotab or co_linetable */
	target_addr instructions; /* where the first one is, 3.11+; or 0 */
	int64_t length;           /* of the instructions, bytes; -1 when not known */
	int64_t first_line;
	int64_t first_traceable; /* _co_firsttraceable in bytes: a frame before it is incomplete. 3.11+; or 0 */
	uint64_t flags;
	uint64_t arguments;         /* positional, keyword-only, *args and **kwargs together */
	uint64_t locals;            /* co_nlocals */
	uint64_t slots;             /* locals, cells and free variables of a frame */
	uint64_t stack_size;        /* co_stacksize */
	target_addr names;          /* tuple: co_localsplusnames (3.11+), co_varnames */
	target_addr kinds;          /* bytes: co_localspluskinds, 3.11+; or 0 */
	target_addr cells, frees;   /* tuples: co_cellvars, co_freevars, to 3.10; or 0 */
	target_addr cell_arguments; /* co_cell2arg, to 3.10: for each cell the argument that it holds, or -1; or 0 */
};

/* FAULT, CORRUPT (no code object). */
enum cpeek_status code_read(struct objects *objects, target_addr address, struct code *ret);
/* Where the first instruction of one of its copies is: 0 is the one in the code object itself; in free-threaded builds
 * each thread may run a copy of its own, by its index in co_tlbc (3.14+). CORRUPT (no such copy), FAULT. */
enum cpeek_status code_find_bytecode(struct objects *objects, const struct code *code, int64_t index,
				     target_addr *ret);
/* As code_read_position() of a code object that was read. CORRUPT also when the offset is outside the code. */
enum cpeek_status code_find_position(struct objects *objects, const struct code *code, int64_t byte_offset,
				     struct position *ret);
/* lines_walk() over its line table. */
enum cpeek_status code_walk_lines(struct objects *objects, const struct code *code, bool past_end, line_range_fn found,
				  void *arg);

/* Whether a type is CPython's own of this name: "code", "cell", "frame" … (no class of the program's). When its name
 * cannot be had, any static type may be. */
bool type_is_builtin(const struct type *type, const char *name);

/* Where the items of a tuple, or the bytes of a bytes object, are. */
struct span {
	target_addr data;
	uint64_t size; /* items, bytes */
};
enum cpeek_status span_of_tuple(struct objects *objects, target_addr address, struct span *ret);
enum cpeek_status span_of_bytes(struct objects *objects, target_addr address, struct span *ret);

/* Words of the target, one after the other, read by the piece. */
struct words {
	struct target *target;
	target_addr address;
	uint64_t first, count; /* what the buffer holds */
	uint8_t buffer[64 * 8];
};
void words_init(struct words *words, struct target *target, target_addr address);
/* The index-th word, below end (no word from there on is read). FAULT. */
enum cpeek_status words_read(struct words *words, uint64_t index, uint64_t end, uint64_t *ret);

#endif
