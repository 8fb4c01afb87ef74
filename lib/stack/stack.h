/*
 * Who is where: the Python frames of a thread, their lines and their variables; the suspended frame of a generator.
 * Knows code objects, line tables and both kinds of frame (PyFrameObject to 3.10, _PyInterpreterFrame from 3.11).
 * Reads source files of this machine only through source.h.
 */
#ifndef STACK_STACK_H
#define STACK_STACK_H

#include "object/decoder.h"

enum { STACK_FRAMES_MAX = 1 << 20 }; /* a chain longer than this is taken for damage */

/* Where an instruction is: PEP 626 lines, PEP 657 columns. -1: not known, or no line at all. Columns are bytes of
 * the UTF-8 source line, from 0. */
struct position {
	int64_t line, end_line, column, end_column;
};

/* One Python frame, newest first in a stack. Addresses of objects may be 0 where they cannot be had. */
struct frame {
	target_addr address;      /* PyFrameObject or _PyInterpreterFrame */
	target_addr frame_object; /* PyFrameObject, if there is one */
	target_addr code, globals, builtins;
	target_addr f_locals;  /* the namespace of a module, class body or exec(); or 0 */
	target_addr function;  /* 3.11+; or 0 */
	target_addr generator; /* whose frame this is, when it is known to be one; or 0 */
	bool is_entry;         /* below it there is C: it was entered from C code, not by an inlined call */
	struct position position;
	enum cpeek_status status; /* OK, or why code and names could not be had: the frame is shown as damaged */
};

/* The Python frames of a thread, newest first. Shims and incomplete frames are left out, as CPython hides them. A
 * damaged frame is one of them, with a status that is not OK, as long as the chain goes on behind it. partial: the
 * chain ended in damage (what was found is there). NO_MEMORY, CANCELLED. Free with stack_deinit(). */
struct stack {
	struct frame *frames;
	size_t count;
	bool partial;
	enum cpeek_status status; /* why it is partial */
	target_addr address;      /* where */
};
enum cpeek_status stack_read(struct objects *objects, const struct python_thread *thread, struct stack *ret);
void stack_deinit(struct stack *stack);

/* The frame of a frame object (running, finished or of a generator), or of a suspended generator, coroutine or async
 * generator. NOT_FOUND when it has none (finished), CORRUPT, FAULT. */
enum cpeek_status frame_of_object(const struct object *object, struct frame *ret);

/* The byte offset of the instruction that a frame is at, as its f_lasti says (-1: it has not begun), and which of its
 * code's copies it runs (co_tlbc of free-threaded builds, 3.14+; else 0). FAULT, CORRUPT. */
enum cpeek_status frame_read_instruction(struct objects *objects, const struct frame *frame, int64_t *ret_offset,
					 int64_t *ret_copy);

/* The code of a generator, coroutine or async generator, finished or not. NOT_FOUND: it is none; CORRUPT, FAULT. */
enum cpeek_status generator_find_code(const struct object *generator, target_addr *ret);

/* What a frame's code says; each appends UTF-8 to out. FAULT, CORRUPT. Before 3.11 there is no qualified name that a
 * frame leads to: its name stands for it. */
enum cpeek_status frame_read_function(struct objects *objects, const struct frame *frame, struct strbuf *out);
enum cpeek_status frame_read_qualname(struct objects *objects, const struct frame *frame, struct strbuf *out);
enum cpeek_status frame_read_filename(struct objects *objects, const struct frame *frame, struct strbuf *out);

enum variable_kind { VARIABLE_ARGUMENT, VARIABLE_LOCAL, VARIABLE_CELL, VARIABLE_FREE, VARIABLE_NAME };

/* A variable of a frame. For cells and free variables, value is the cell's content (the cell itself when that cannot
 * be had). VARIABLE_NAME: an entry of f_locals (module, class body, exec(); names that exec() or a debugger added to
 * those of a function). Unbound variables are left out, as in locals(). */
struct variable {
	target_addr name; /* a str object */
	target_addr value;
	enum variable_kind kind;
};
typedef enum cpeek_status (*variable_fn)(void *arg, const struct variable *variable);
/* Reports a frame's variables, exactly those of its f_locals (PEP 667 from 3.13), in the order of locals(): arguments,
 * locals, cells, free variables; then the entries of the namespace. Stops with found's status if it is not OK. FAULT
 * or CORRUPT when some could not be read, UNSUPPORTED when the namespace is a mapping of the program's own, which
 * only running its code could list. */
enum cpeek_status frame_walk_variables(struct objects *objects, const struct frame *frame, variable_fn found,
				       void *arg);
/* What a frame refers to (its locals, cells, evaluation stack, code, globals …), for generators and frame objects;
 * in the order in which frame_traverse() visits them. */
enum cpeek_status frame_walk_edges(const struct object *object, struct edges *edges);
/* What the object layer asks of this one: see object/object.h. */
extern const struct frame_hooks stack_hooks;

/* The position of a byte offset in a code object (co_lnotab to 3.9, co_linetable as PEP 626 in 3.10 and as locations
 * from 3.11); before the code it is co_firstlineno. FAULT, CORRUPT (also for an offset outside the code). */
enum cpeek_status code_read_position(struct objects *objects, target_addr code, int64_t byte_offset,
				     struct position *ret);

#endif
