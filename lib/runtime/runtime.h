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

struct interpreter {
	target_addr address; /* PyInterpreterState */
	int64_t id;
	target_addr modules, sysdict, builtins; /* dicts; 0 when not there */
	target_addr gil_holder;                 /* the thread state that holds this interpreter's GIL, or 0 */
};

struct python_thread {
	target_addr tstate; /* PyThreadState */
	size_t interpreter; /* index */
	uint64_t thread_id; /* pthread_self() */
	uint64_t native_id; /* of the LWP; 0 when none matches */
	size_t lwp;         /* index into target->threads; SIZE_MAX when none matches */
	enum thread_gil gil;
};

/* One CPython inside a target. */
struct python {
	struct target *target;
	const struct layout *layout;
	struct error *error;
	target_addr runtime; /* &_PyRuntime */
	uint32_t version_hex;
	char version[32];                    /* "3.11.7", "3.13.0rc2" */
	char runtime_evidence[RUNTIME_TEXT]; /* "symbol _PyRuntime in /usr/bin/python3.11" */
	char version_evidence[RUNTIME_TEXT]; /* "Py_Version in /usr/bin/python3.11" */
	char layout_evidence[RUNTIME_TEXT];  /* "table 3.11 (from 3.11.7 …), proved by …" */

	struct interpreter *interpreters; /* the main one first */
	size_t interpreter_count;
	struct python_thread *threads; /* by interpreter, oldest first: the main thread leads */
	size_t thread_count;
	bool threads_partial; /* a chain of thread states or interpreters was broken */
	bool finalizing;
	struct layout *overlay; /* the table with _Py_DebugOffsets laid over it, when they differ; internal */
};

/* Find the CPython of a target. forced names a layout ("3.11"), or is NULL. Errors, with detail in target->error:
 * NO_PYTHON, UNSUPPORTED (no layout for its version, or none that proves itself), NO_MEMORY. */
enum cpeek_status runtime_open(struct target *target, const char *forced, struct python **ret);
/* Accepts NULL. Does not destroy the target. */
void runtime_close(struct python *python);
/* The target has run: read interpreters and threads anew. */
enum cpeek_status runtime_refresh(struct python *python);

/* The value that lies at a place whose bytes are at hand, widened; a bit-field shifted down. */
uint64_t runtime_get(const struct target *target, struct layout_place place, const void *bytes);
/* The value of a field of a structure at addr, widened from the field's own size. FAULT, or UNSUPPORTED when the
 * layout has no such field. */
enum cpeek_status runtime_read(const struct python *python, target_addr addr, enum layout_field field, uint64_t *ret);

#endif
