/*
 * The bytecode of each series of CPython: what an instruction is called, how dis shows its argument, which inline cache
 * follows it, what a specialised or instrumented one stands for; and how dis itself of that series differs. Pure data and
 * its lookup: opcodes_X.Y.def is written by tools/mkopcodes in an interpreter of the series. The numbers of a series do
 * not change once it is released.
 * Reads no memory; compares versions.
 */
#ifndef LAYOUT_OPCODES_H
#define LAYOUT_OPCODES_H

#include "layout/layout.h"

/* What the argument of an instruction means, and so how dis shows it. */
enum opcode_argument {
	ARGUMENT_NOTHING,       /* it has none */
	ARGUMENT_NUMBER,        /* shown as it is */
	ARGUMENT_CONSTANT,      /* co_consts[argument] */
	ARGUMENT_NAME,          /* co_names[argument >> shift]; texts are the marks for bit 0 or else bit 1 */
	ARGUMENT_LOCAL,         /* a local variable; from 3.11 on any of co_localsplusnames */
	ARGUMENT_LOCAL_PAIR,    /* two of them: argument >> 4, argument & 15 */
	ARGUMENT_FREE,          /* to 3.10: one of co_cellvars + co_freevars */
	ARGUMENT_JUMP_FORWARD,  /* counted from behind the instruction and its cache. texts: "to", "from", or none */
	ARGUMENT_JUMP_BACKWARD, /* the same, backwards */
	ARGUMENT_JUMP_ABSOLUTE, /* from the beginning */
	ARGUMENT_CHOICE,        /* texts[argument >> shift] */
	ARGUMENT_COMPARE_BOOL,  /* the same, "bool(…)" with bit 4 */
	ARGUMENT_FLAGS,         /* those of texts whose bits are set */
	ARGUMENT_FORMAT,        /* texts[argument & 3], "with format" with bit 2 */
};

/* One value in the inline cache behind an instruction. */
struct opcode_cache {
	const char *name; /* NULL: the end of an array of them */
	unsigned units;   /* of two bytes */
};

struct opcode {
	const char *name; /* NULL: no instruction has this number */
	bool specialized;
	uint8_t base; /* the one that it is a specialisation of; else itself: dis knows arguments and caches of that */
	uint8_t plain; /* what it was before it was specialised or instrumented; itself where only the target tells */
	uint8_t argument; /* enum opcode_argument. This and the rest: of a base */
	uint8_t shift;
	const char *const *texts;          /* up to NULL; or NULL */
	const char *const *values;         /* reprs of what dis calls the argument's value; NULL: it is the number */
	const struct opcode_cache *caches; /* or NULL */
};

/* How dis of a series differs from that of others, where the instructions do not tell. */
struct dis_style {
	int extended_arg, instrumented_line, instrumented_instruction, enter_executor; /* numbers; -1: none */
	unsigned jump_unit;     /* bytes that jumps are counted in */
	unsigned have_argument; /* numbers from this on have one, known or not */
	bool keeps_extended;    /* an EXTENDED_ARG reaches over instructions without arguments */
	bool signed_argument;   /* wraps around at 32 bits */
	bool recursive;         /* nested code objects follow */
	bool widths_fit;        /* columns of lines and offsets widen */
	bool lines_past_end;    /* of the line table, what is behind the code counts for that */
	bool lines_needed;      /* no lines: no column of lines */
	bool base_walk;         /* goes by what the instructions were before they were specialised or instrumented */
	bool labels;            /* "L1:" instead of offsets and ">>" */
	bool label_of_base;     /* a specialised jump has a label too */
	bool no_line_shown;     /* "--" */
	bool cache_if_specialized; /* the values in a cache are shown only then */
	bool cache_at_first;       /* each is read from the cache's beginning */
	bool current_with_caches;  /* the current instruction is marked when lasti is in its cache */
	bool mark_before;          /* "NULL + name" instead of "name + NULL" */
};

struct opcodes {
	uint32_t series; /* 0x030e */
	struct dis_style style;
	struct opcode table[256];
};

/* The bytecode of a layout's version; NULL when there is no table for its series. */
const struct opcodes *opcodes_find(const struct layout *layout);
/* What an instruction is a specialisation of, or itself. Never NULL; its name may be. */
const struct opcode *opcode_base(const struct opcodes *opcodes, uint8_t number);
bool opcode_has_argument(const struct opcodes *opcodes, uint8_t number);
/* The units of two bytes of its inline cache. */
unsigned opcode_cache_units(const struct opcode *base);
/* How many texts there are. */
size_t opcode_text_count(const struct opcode *base);

#endif
