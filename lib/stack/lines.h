/*
 * Line tables: from the offset of an instruction to its source line and columns. Knows the three forms (co_lnotab to
 * 3.9, PEP 626 pairs in 3.10, locations from 3.11) and nothing of code objects or of the target: bytes come from a
 * callback.
 */
#ifndef STACK_LINES_H
#define STACK_LINES_H

#include "stack/stack.h"

enum lines_form { LINES_LNOTAB, LINES_PEP626, LINES_LOCATIONS };

enum { LINES_SIZE_MAX = 1 << 26 }; /* bytes; a longer table is taken for damage */

struct lines {
	enum lines_form form;
	int64_t first_line; /* co_firstlineno */
	uint64_t size;      /* of the table, bytes */
	/* Copies length bytes from offset on; called with ranges inside size, and in order. */
	enum cpeek_status (*read)(void *arg, uint64_t offset, void *buffer, size_t length);
	void *arg;
};

/* The position of the instruction at a byte offset, as PyCode_Addr2Line() and co_positions() say: before the first
 * instruction it is first_line; -1 where the table gives no line. CORRUPT when the table contradicts itself or is
 * longer than LINES_SIZE_MAX, or what read answered. */
enum cpeek_status lines_find(const struct lines *lines, int64_t byte_offset, struct position *ret);

/* A run of instructions at one position, by their byte offsets: from start on, below end. */
struct line_range {
	int64_t start, end;
	struct position position;
};
typedef enum cpeek_status (*line_range_fn)(void *arg, const struct line_range *range);
/* Every entry of the table that has instructions, in their order, up to those that begin at or behind length (the code's,
 * in bytes); with past_end also those. The last run of a co_lnotab ends at length. Neighbours may be at one
 * line. Stops with found's status if it is not OK. CORRUPT when the table contradicts itself or is longer than
 * LINES_SIZE_MAX, or what read answered. */
enum cpeek_status lines_walk(const struct lines *lines, int64_t length, bool past_end, line_range_fn found, void *arg);

#endif
