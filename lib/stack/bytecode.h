/*
 * The instructions of a code object as they stand in memory: specialised, instrumented, with their inline caches, and
 * what dis makes of them: jump targets, line starts, exception table, what an argument names.
 * Knows opcode tables and code objects; how a disassembly is shown is command/dis.c's business.
 */
#ifndef STACK_BYTECODE_H
#define STACK_BYTECODE_H

#include "base/vector.h"
#include "layout/opcodes.h"
#include "object/render.h"
#include "stack/code.h"

enum { BYTECODE_MAX = 1 << 23 }; /* bytes of one code object; more are left out */

/* One entry of co_exceptiontable (3.11+): byte offsets, the depth of the stack to go back to. */
struct exception_entry {
	int64_t start, end, target, depth;
	bool lasti; /* the offset of what raised is pushed too */
};

struct line_start {
	int64_t offset, line; /* -1: none */
};

struct bytecode {
	struct objects *objects;
	const struct opcodes *opcodes;
	struct code code;
	int64_t copy;        /* which of co_tlbc; 0: the code object's own */
	int64_t copy_count;  /* how many places co_tlbc has (free-threaded builds, 3.14+); else 1 */
	target_addr address; /* of the first instruction */
	uint8_t *shown;      /* the bytes there; in place of an executor what it replaced, as dis has it */
	uint8_t *plain; /* not specialised, not instrumented, caches cleared: what co_code says. Or NULL: not needed */
	size_t length;  /* bytes that were read */
	bool cut;       /* there are more */
	struct span constants, names, variables, cells, frees; /* tuples' items; size 0 when they cannot be had */
	VECTOR(struct line_range) ranges;
	VECTOR(struct line_start) starts;
	int64_t max_line; /* of starts; -1: no line at all */
	bool lineless;    /* some start has no line */
	VECTOR(struct exception_entry) exceptions;
	VECTOR(int64_t) labels; /* byte offsets, in order, each once */
	const char *problem; /* the first of what could not be had: "its line table cannot be read"; NULL: nothing */
};

struct instruction {
	int64_t offset, first;    /* bytes; first: of the EXTENDED_ARGs before it */
	uint8_t number;           /* as it stands */
	const struct opcode *own; /* of number; its name is NULL when there is no such */
	const struct opcode *base;
	const struct opcode_cache *caches; /* behind it; or NULL */
	unsigned cache_units;              /* their size in units of two bytes */
	bool has_argument;
	int64_t argument;
	bool is_jump;
	int64_t target; /* of a jump, bytes; may be anywhere when the code is damaged */
	bool starts_line;
	struct position position;
	size_t label; /* its number among the labels, from 1; 0: nothing goes here */
};

/* Where a walk over the instructions is. Zeroed: at the beginning. */
struct bytecode_walk {
	int64_t offset, first;
	int64_t extended;
	size_t start, range; /* indices into starts, ranges */
};

/* copy: which of the code's copies. What it lacks is no failure (see problem). UNSUPPORTED: no table for this series;
 * CORRUPT: no code object, no such copy; FAULT. Free with bytecode_deinit(). */
enum cpeek_status bytecode_read(struct objects *objects, target_addr code, int64_t copy, struct bytecode *ret);
void bytecode_deinit(struct bytecode *bytecode);
/* The next instruction; END. */
enum cpeek_status bytecode_next(const struct bytecode *bytecode, struct bytecode_walk *walk, struct instruction *ret);
/* The number of the label at an offset, from 1; 0: none. */
size_t bytecode_find_label(const struct bytecode *bytecode, int64_t offset);
/* The value of cache (of instruction->caches), `unit` units behind the instruction, as bytes of the target's order: appended as a
 * decimal number. */
void bytecode_put_cache(const struct bytecode *bytecode, const struct instruction *instruction,
			const struct opcode_cache *cache, unsigned unit, struct strbuf *out);
/* What dis says of the argument behind its number, without parentheses; nothing where it says nothing. What it names and
 * the code does not have is a marker, and partial. With value: repr() of what dis calls the argument's value instead,
 * the number itself for most. NO_MEMORY, CANCELLED. */
enum cpeek_status bytecode_put_argument(const struct bytecode *bytecode, const struct instruction *instruction,
					const struct limits *limits, bool value, struct strbuf *out, bool *partial);

#endif
