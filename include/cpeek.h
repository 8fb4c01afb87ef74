/*
 * cpeek: what a CPython process really holds.
 *
 * One header, the whole public C API. A session looks at one target (a core file, a live process, or memory that
 * a debugger lends) and answers commands about it:
 *
 *     struct cpeek_session *session = cpeek_create();
 *     if (cpeek_open_core(session, "core", NULL) == CPEEK_OK)
 *             cpeek_run(session, "bt --all --locals", CPEEK_TEXT, write_to_stdout, NULL);
 *     else
 *             fprintf(stderr, "%s\n", cpeek_error(session));
 *     cpeek_destroy(session);
 *
 * Rules that hold for every function:
 *   - The target is only read: never written, never called, never executed.
 *   - One thread at a time may use a session; different sessions are independent.
 *   - Strings are UTF-8. A pointer that a function returns is owned by the library; how long it lives is said there.
 *   - The library never prints, logs, exits or aborts. It may be used from any language with a C FFI: handles are
 *     opaque, integers have fixed width, and each structure that a caller fills starts with its own struct_size, so
 *     that it can grow at its end. Zero-initialise a structure, then set struct_size.
 */
#ifndef CPEEK_H
#define CPEEK_H

#include <stdint.h>

#if defined(__GNUC__)
#define CPEEK_PUBLIC __attribute__((visibility("default")))
#else
#define CPEEK_PUBLIC
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* Increases when a caller compiled against an older header could misbehave. Plugins compare it at load. */
#define CPEEK_ABI_VERSION 1u

/*
 * X(name, value, exit code, sentence). The values never change; the exit code is what the command line ends with.
 */
#define CPEEK_STATUS_LIST(X)                                                                                          \
	X(OK, 0, 0, "the answer is complete")                                                                         \
	X(PARTIAL, 1, 1, "the answer is partial; what is missing is marked in it")                                    \
	X(END, 2, 0, "there are no more items")                                                                       \
	X(NOT_FOUND, 3, 2, "nothing has that name")                                                                   \
	X(FAULT, 4, 1, "memory of the target cannot be read")                                                         \
	X(CORRUPT, 5, 1, "a structure of the target contradicts itself")                                              \
	X(UNSUPPORTED, 6, 5, "no layout is known for this CPython")                                                   \
	X(LIMIT, 7, 1, "a limit was reached")                                                                         \
	X(CANCELLED, 8, 1, "interrupted")                                                                             \
	X(USAGE, 9, 2, "the request is not understood")                                                               \
	X(IO, 10, 3, "the target cannot be read")                                                                     \
	X(NO_MEMORY, 11, 1, "out of memory")                                                                          \
	X(NO_PYTHON, 12, 4, "there is no CPython in the target")                                                      \
	X(PERMISSION, 13, 6, "permission denied")

enum cpeek_status {
#define X(name, value, exit_code, sentence) CPEEK_##name = value,
	CPEEK_STATUS_LIST(X)
#undef X
};

/* The name of a status ("FAULT") and a sentence that says what it means; static strings. */
CPEEK_PUBLIC const char *cpeek_status_name(int32_t status);
CPEEK_PUBLIC const char *cpeek_status_text(int32_t status);
/* The exit code that a program ends with after this status: 0 complete, 1 partial, 2 usage, 3 no target, 4 no
 * CPython, 5 no layout for its version, 6 permission. */
CPEEK_PUBLIC int32_t cpeek_status_exit_code(int32_t status);

/* CPEEK_ABI_VERSION of the library itself, and its release ("0.1.0"; a static string). */
CPEEK_PUBLIC uint32_t cpeek_abi_version(void);
CPEEK_PUBLIC const char *cpeek_version(void);

/* ---- Sessions ---------------------------------------------------------------------------------------------- */

struct cpeek_session;

/* A session without a target; NULL when memory is out. Destroy it with cpeek_destroy(), which accepts NULL, lets a
 * stopped process go, and ends every pointer that the session handed out. */
CPEEK_PUBLIC struct cpeek_session *cpeek_create(void);
CPEEK_PUBLIC void cpeek_destroy(struct cpeek_session *session);

/* One line about the last call that failed: what, why, what was tried, what to pass. Holds no control character.
 * Never NULL; valid until the next call on the session. */
CPEEK_PUBLIC const char *cpeek_error(struct cpeek_session *session);

enum {
	CPEEK_OPEN_NO_PAUSE = 1, /* read a live process without stopping it: answers may be torn */
	/* A core whose CPython is of another build than the file that has its name here is refused, unless one of these
	 * tells what to do about ELF files with another build id, or with other bytes where there is none: */
	CPEEK_OPEN_MISMATCH = 2,        /* use them: values may be wrong */
	CPEEK_OPEN_IGNORE_MISMATCH = 4, /* go on as if they were missing */
};

struct cpeek_open_options {
	uint32_t struct_size;
	uint32_t flags;
	const char *exe;     /* the executable's file, when the path in the core is wrong here; may be NULL */
	const char *sysroot; /* a folder that holds the target's file tree; may be NULL */
	const char *python; /* "3.11", "3.13td": force this layout; "dwarf": one from debug information; may be NULL */
	/* Folders, separated by colons, that are searched for the target's ELF files and their separate debug files by
	 * build id alone; may be NULL. Each is walked once, when a file is not found elsewhere. */
	const char *debug_dirs;
};

/* Open a core file, which may be compressed by gzip, xz, zstd or lz4: then it is unpacked into a private file without a
 * name (in $TMPDIR, /var/tmp or /tmp), which goes when the session or the program ends; the host hears of the progress.
 * options may be NULL.
 * Errors: IO (no such file, not a core, no room), NO_PYTHON, UNSUPPORTED, NO_MEMORY, CANCELLED. After an error the
 * session holds no target and may be opened again. */
CPEEK_PUBLIC int32_t cpeek_open_core(struct cpeek_session *session, const char *path,
				     const struct cpeek_open_options *options);
/* Open the live process pid. It is stopped by ptrace (PTRACE_SEIZE) until cpeek_destroy() or cpeek_release(), unless
 * CPEEK_OPEN_NO_PAUSE is given or another tracer already holds it stopped. Errors: as above, and PERMISSION. */
CPEEK_PUBLIC int32_t cpeek_open_pid(struct cpeek_session *session, int64_t pid,
				    const struct cpeek_open_options *options);

/* Memory that a debugger lends, for targets that neither a core file nor a local pid names. */
struct cpeek_module {
	const char *path;      /* as the target saw it */
	uint64_t load_address; /* where the file's first byte is, or would be, mapped */
};

struct cpeek_thread {
	uint64_t native_id;      /* LWP */
	uint64_t thread_pointer; /* fs_base on x86-64; 0 when not known */
};

struct cpeek_memory {
	uint32_t struct_size;
	uint32_t pointer_size; /* bytes: 4 or 8 */
	uint32_t big_endian;   /* 0 or 1 */
	uint32_t machine;      /* ELF e_machine */
	/* Copies length bytes at address into buffer; returns 0, or anything else when it cannot. Called only during
	 * a call on the session, on its thread. */
	int32_t (*read)(void *arg, uint64_t address, void *buffer, uint64_t length);
	void *arg;
	const struct cpeek_module *modules; /* copied */
	uint64_t module_count;
	const struct cpeek_thread *threads; /* copied; the current thread first */
	uint64_t thread_count;
};

CPEEK_PUBLIC int32_t cpeek_open_memory(struct cpeek_session *session, const struct cpeek_memory *memory,
				       const struct cpeek_open_options *options);

/* The target has run: forget every byte that was cached, and find the interpreters anew. */
CPEEK_PUBLIC int32_t cpeek_refresh(struct cpeek_session *session);

/* ---- The host: what the program around the library lends -------------------------------------------------------- */

struct cpeek_host {
	uint32_t struct_size;
	void *arg;
	/* Polled in long loops: nonzero ends the command with CANCELLED. May be NULL. */
	int32_t (*cancelled)(void *arg);
	/* Told now and then how far a long command is; total is 0 when not known. May be NULL. */
	void (*progress)(void *arg, const char *what, uint64_t done, uint64_t total);
	/* The value of a debugger expression such as "$rdi"; returns 0 and sets *value, or anything else. May be NULL. */
	int32_t (*evaluate)(void *arg, const char *expression, uint64_t *value);
};

/* Copies host. */
CPEEK_PUBLIC void cpeek_set_host(struct cpeek_session *session, const struct cpeek_host *host);

/* Make the thread with this native id the selected one, its newest frame the selected frame. NOT_FOUND when no
 * Python thread has it: then the next command says so where it needs a frame. */
CPEEK_PUBLIC int32_t cpeek_select_thread(struct cpeek_session *session, uint64_t native_id);

/* Settings: the limits of values, "elements" (items of a container), "string" (characters of a text, bytes, digits of an
 * int), "depth" (nesting) and "total" (bytes of one value's text); and "width" (columns of the terminal). 0 lifts a
 * limit. One that was never set is at its default, which depends on the command: of many values each is shown in short,
 * and JSON has all. In a command line, "--elements N" and so on hold for that command. USAGE for another name. */
CPEEK_PUBLIC int32_t cpeek_set(struct cpeek_session *session, const char *name, uint64_t value);

/* ---- Commands -------------------------------------------------------------------------------------------------- */

enum {
	CPEEK_ARGUMENT_FLAG = 0,   /* --all */
	CPEEK_ARGUMENT_NUMBER = 1, /* --limit N */
	CPEEK_ARGUMENT_STRING = 2, /* --type NAME */
	CPEEK_ARGUMENT_REST = 3,   /* EXPR: what is left of the line */
};

struct cpeek_argument {
	const char *name; /* "--all", or "EXPR" */
	const char *help;
	uint32_t kind;
	uint32_t required; /* 0 or 1 */
};

struct cpeek_command {
	const char *name;    /* "bt" */
	const char *usage;   /* "bt [--all] [--locals] [--full]" */
	const char *summary; /* one line */
	const char *help;    /* paragraphs */
	const struct cpeek_argument *arguments;
	uint64_t argument_count;
};

/* The command table, in the order in which help lists it; NULL past its end. Static data. */
CPEEK_PUBLIC const struct cpeek_command *cpeek_command_at(uint32_t index);

enum {
	CPEEK_TEXT = 0,
	CPEEK_JSON = 1,    /* one document, or JSON Lines from commands that list */
	CPEEK_COLOR = 256, /* or'ed to CPEEK_TEXT: with ANSI colours */
};

/* Takes length bytes of output; a nonzero answer stops the command. Text holds no control character but newline
 * (and the escapes of CPEEK_COLOR), and is valid UTF-8. */
typedef int32_t (*cpeek_write_fn)(void *arg, const char *data, uint64_t length);

/* Run one command line: a name from the table and its arguments ("print self.cache['k']"). "--json" in it means
 * CPEEK_JSON. Answers OK, PARTIAL when something of the answer is missing (and marked), or an error that
 * cpeek_error() explains. What was written before an error stays written. */
CPEEK_PUBLIC int32_t cpeek_run(struct cpeek_session *session, const char *line, uint32_t format, cpeek_write_fn write,
			       void *arg);

/* Called with each way to go on with line: a whole word that replaces its last one. */
typedef void (*cpeek_completion_fn)(void *arg, const char *word);
CPEEK_PUBLIC int32_t cpeek_complete(struct cpeek_session *session, const char *line, cpeek_completion_fn found,
				    void *arg);

#ifdef __cplusplus
}
#endif
#endif
