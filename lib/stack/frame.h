/*
 * One frame as it lies in memory, in the terms that both kinds of frame share: PyFrameObject to 3.10,
 * _PyInterpreterFrame from 3.11. What its code makes of it is frame_finish()'s business.
 */
#ifndef STACK_FRAME_H
#define STACK_FRAME_H

#include "base/vector.h"
#include "stack/code.h"

enum { FRAME_SLOTS_MAX = 1 << 16 }; /* locals, cells and free variables of one frame; more are not looked at */

/* _PyInterpreterFrame.owner, Include/internal/pycore_frame.h: 3.11 to 3.13 agree. From 3.14 on 3 is the interpreter's
 * own and 4 (3.14 alone) the C stack's: frames of no Python code all of them. */
enum { OWNER_THREAD, OWNER_GENERATOR, OWNER_FRAME_OBJECT, OWNER_C_STACK };

struct frame_memory {
	target_addr address;
	target_addr frame_object; /* 0 when there is none */
	target_addr previous;
	target_addr code; /* of a shim: whatever is there */
	target_addr function, globals, builtins;
	target_addr locals;      /* f_locals, also of a function that has it only as a copy */
	target_addr generator;   /* or 0 */
	target_addr instruction; /* 3.11+: the pointer into the code */
	int64_t bytecode;        /* which of the code's copies that is; 0: its own. Free-threaded builds, 3.14+ */
	int64_t last;            /* to 3.10: f_lasti in bytes */
	int64_t line;            /* f_lineno when it counts, because the frame is traced; or 0 */
	bool has_stack;          /* whether the depth of the evaluation stack is known (not while the frame runs) */
	target_addr stack;       /* where the evaluation stack begins. To 3.10; from 3.11 it follows the slots */
	uint64_t depth;          /* words: of the evaluation stack to 3.10; from 3.11 of slots and stack together */
	target_addr slots;       /* where locals, cells, free variables are */
	uint64_t slots_max;      /* how many there can be at most, whatever the code says */
	uint64_t owner;          /* 3.11+ */
	bool is_entry;           /* 3.11 alone */
};

/* FAULT, CORRUPT (misaligned, no frame object). When it fails, *ret_previous may still hold the next frame of the
 * chain (0 when that cannot be read either). */
enum cpeek_status frame_read(struct objects *objects, target_addr address, struct frame_memory *ret,
			     target_addr *ret_previous);
enum cpeek_status frame_object_read(struct objects *objects, target_addr address, struct frame_memory *ret);
enum cpeek_status frame_interpreter_read(struct objects *objects, target_addr address, struct frame_memory *ret);
/* Whether the layout's frames are _PyInterpreterFrame. */
bool frame_is_interpreter(const struct layout *layout);
/* Whether the frame in a generator, coroutine or async generator is dead. From 3.11. */
bool generator_is_cleared(const struct object *generator);
/* What a generator, coroutine or async generator does, as struct frame_hooks says. */
enum cpeek_status generator_read_state(const struct object *generator, const char **ret);
/* A frame of the C stack that stands for no Python code (3.12+). */
bool frame_is_shim(const struct layout *layout, const struct frame_memory *memory);

/* Code objects that were read for frames, and the last position asked for of each: recursion repeats both. */
struct code_entry {
	struct code code;
	enum cpeek_status status;
	int64_t byte_offset; /* of position */
	bool position_sought;
	enum cpeek_status position_status;
	struct position position;
};
struct code_cache {
	struct map index; /* address → index + 1 */
	VECTOR(struct code_entry) entries;
};
void code_cache_deinit(struct code_cache *cache);

/* What a frame's code makes of it. *ret_complete is false for a frame that CPython hides: it has not come to its first
 * traceable instruction (_PyFrame_IsIncomplete() in Include/internal/pycore_frame.h, 3.11+). Damage is noted in
 * ret->status; NO_MEMORY is the only error. */
enum cpeek_status frame_finish(struct objects *objects, struct code_cache *cache, const struct frame_memory *memory,
			       struct frame *ret, bool *ret_complete);

#endif
