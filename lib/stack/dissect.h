/*
 * What this layer explains of memory: code objects, functions, frames, generators. Each file adds rows, tables and facts
 * to a dissection (object/dissect.h).
 */
#ifndef STACK_DISSECT_H
#define STACK_DISSECT_H

#include "object/dissect.h"
#include "stack/bytecode.h"
#include "stack/frame.h"

enum cpeek_status code_dissect(const struct object *object, struct dissection *dissection);
enum cpeek_status function_dissect(const struct object *object, struct dissection *dissection);
enum cpeek_status frame_dissect(const struct object *object, struct dissection *dissection);
enum cpeek_status generator_dissect(const struct object *object, struct dissection *dissection);

/* A field of a structure that stands at base in the open block, and what its value means (printf; NULL: nothing). Nothing
 * where the layout has no such field; then NULL. */
__attribute__((format(printf, 5, 6))) struct dissect_row *dissect_field_at(struct dissection *dissection, int64_t base,
									   enum dissect_kind kind,
									   enum layout_field field,
									   const char *meaning, ...);

/* The variables of a code object, slot by slot. */
struct code_variables {
	struct objects *objects;
	uint64_t locals;                 /* to 3.10: slots before the cells */
	uint64_t count;                  /* slots, all in all */
	struct span names, cells, frees; /* tuples' items */
	struct span kinds;               /* bytes; 3.11+ */
};
/* FAULT, CORRUPT. */
enum cpeek_status code_read_variables(struct objects *objects, const struct code *code, struct code_variables *ret);
/* The name of a slot ("?" when it cannot be had) and its kind: KIND_…. */
const char *code_variable_name(struct dissection *dissection, const struct code_variables *variables, uint64_t index,
			       uint8_t *ret_kind);
/* "local", "cell", "free", "local, cell" … */
const char *code_variable_kind(struct dissection *dissection, uint8_t kind);
/* A text of the target's: a str object; "?" when it cannot be read. */
const char *dissect_str(struct dissection *dissection, target_addr str);

#endif
