/*
 * Which CPython a target runs, and where its state is: the address of _PyRuntime, its version and layout, its
 * interpreters and thread states. Every candidate is proved on the target before anything else is decoded.
 * Knows no Python object but the few that the proof needs.
 */
#ifndef RUNTIME_RUNTIME_H
#define RUNTIME_RUNTIME_H

#include "layout/layout.h"
#include "target/target.h"

enum { RUNTIME_TEXT = 256 };

enum thread_gil { THREAD_GIL_NONE, THREAD_GIL_HOLDING, THREAD_GIL_WAITING };

/* PyThreadState.state: what a thread may do with objects where no GIL tells that. Values of CPython's own,
 * Include/internal/pycore_pystate.h (3.13; the fourth 3.14, the last two 3.15). */
enum thread_state {
	THREAD_DETACHED,
	THREAD_ATTACHED,
	THREAD_SUSPENDED,
	THREAD_SHUTTING_DOWN,
	THREAD_SUSPENDED_WAITING,
	THREAD_DETACHED_WAITING,
	THREAD_STATE_COUNT
};

struct interpreter {
	target_addr address; /* PyInterpreterState */
	int64_t id;
	target_addr modules, sysdict, builtins; /* dicts; 0 when not there */
	target_addr gil_holder;                 /* the thread state that holds this interpreter's GIL, or 0 */
	bool has_gil;                           /* false: a free-threaded build runs without */
};

struct python_thread {
	target_addr tstate; /* PyThreadState */
	size_t interpreter; /* index */
	uint64_t thread_id; /* pthread_self() */
	uint64_t native_id; /* of the LWP; 0 when none matches */
	size_t lwp;         /* index into target->threads; SIZE_MAX when none matches */
	enum thread_gil gil;
	enum thread_state state; /* free-threaded builds; THREAD_STATE_COUNT when not known */
};

/* Where 3.6, which has no _PyRuntime, keeps what later versions have in it: variables of their own. 0: not found. */
struct python_statics {
	target_addr interp_head;    /* Python/pystate.c: the newest PyInterpreterState */
	target_addr tstate_current; /* _PyThreadState_Current, pystate.c: the holder of the GIL */
	target_addr generations;    /* Modules/gcmodule.c: the collector's lists (their address, no pointer to them) */
	target_addr finalizing;     /* _Py_Finalizing, Python/pylifecycle.c */
};

/* One CPython inside a target. */
struct python {
	struct target *target;
	const struct layout *layout;
	struct error *error;
	target_addr runtime; /* &_PyRuntime; in 3.6 a variable that was found instead, see statics */
	struct python_statics statics;
	uint32_t version_hex;
	char version[32];                       /* "3.11.7", "3.13.0rc2" */
	char runtime_evidence[RUNTIME_TEXT];    /* "symbol _PyRuntime in /usr/bin/python3.11" */
	char version_evidence[RUNTIME_TEXT];    /* "Py_Version in /usr/bin/python3.11" */
	char layout_evidence[2 * RUNTIME_TEXT]; /* "table 3.11 (from 3.11.7 …), proved by …" */

	struct interpreter *interpreters; /* the main one first */
	size_t interpreter_count;
	struct python_thread *threads; /* by interpreter, oldest first: the main thread leads */
	size_t thread_count;
	bool threads_partial; /* a chain of thread states or interpreters was broken */
	bool finalizing;
	bool layout_partial;    /* made without a table: it lacks what nothing told, see layout_evidence */
	struct layout *derived; /* a layout that no table has, with its name and source; internal */
	char derived_name[16], derived_source[RUNTIME_TEXT];
	struct layout *overlay; /* the table with _Py_DebugOffsets laid over it, when they differ; internal */
};

/* Find the CPython of a target. forced names a layout ("3.11"), or is NULL. Errors, with detail in target->error:
 * NO_PYTHON, UNSUPPORTED (no layout for its version, or none that proves itself), NO_MEMORY. */
enum cpeek_status runtime_open(struct target *target, const char *forced, struct python **ret);
/* To 3.12 nothing in memory but sys.abiflags tells a Py_DEBUG build whose symbols are gone: take the layout of the other
 * flavour, if it proves itself too. All that was read by the old one is to be forgotten. NOT_FOUND: there is none, and
 * nothing has changed. NO_MEMORY. */
enum cpeek_status runtime_take_flavour(struct python *python, bool debug);
/* Whether a module is where a CPython is looked for first: the executable, or a file that is called after Python. */
bool runtime_is_likely_in(const struct target *target, const struct target_module *module);
/* Accepts NULL. Does not destroy the target. */
void runtime_close(struct python *python);
/* The first of the collector's three lists (struct gc_generation each) of an interpreter, and its permanent generation
 * (0: there is none). UNSUPPORTED when the layout has no lists, NOT_FOUND. */
enum cpeek_status runtime_find_generations(const struct python *python, size_t interpreter, target_addr *ret,
					   target_addr *ret_permanent);
/* The state of an interpreter's collector, struct _gc_runtime_state: to 3.8 one for all interpreters. NOT_FOUND in 3.6,
 * which has variables of Modules/gcmodule.c instead. */
enum cpeek_status runtime_find_collector(const struct python *python, size_t interpreter, target_addr *ret);
/* Another CPython in the same process, which --python X.Y of its version would choose. */
struct other_python {
	target_addr runtime;
	bool debug, free_threaded;
	char version[32];
	char evidence[RUNTIME_TEXT];
};

struct other_pythons {
	struct other_python *items;
	size_t count, capacity;
};

/* Those that a symbol, a section or the cookie tells of, and that prove themselves. VECTOR_DEINIT(ret) frees them.
 * NO_MEMORY. */
enum cpeek_status runtime_find_others(const struct python *python, struct other_pythons *ret);
/* The target has run: read interpreters and threads anew. */
enum cpeek_status runtime_refresh(struct python *python);

/* Whether dicts round small sizes up too far: 1 to 7 slots that are wanted make 16 instead of 8. 3.10 to 3.12, and 3.13 until
 * 3.13.4 (gh-133703), which is inside the range of one layout. Objects/dictobject.c, calculate_log2_keysize() */
bool runtime_oversizes_dicts(const struct python *python);

/* Whether a structure is missing in a layout that no table has, though this version must have it: nothing told it. */
bool runtime_lacks(const struct python *python, enum layout_struct structure);

/* The value that lies at a place whose bytes are at hand, widened; a bit-field shifted down. */
uint64_t runtime_get(const struct target *target, struct layout_place place, const void *bytes);
/* The value of a field of a structure at addr, widened from the field's own size. FAULT, or UNSUPPORTED when the
 * layout has no such field. */
enum cpeek_status runtime_read(const struct python *python, target_addr addr, enum layout_field field, uint64_t *ret);

#endif
