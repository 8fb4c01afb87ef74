/*
 * Holds the threads of a process stopped, and lets them go. Knows ptrace, no memory.
 *
 * ptrace binds a stopped thread to the thread that stopped it: only that one may let it go, and when that one ends the
 * kernel does. So a tracer is a thread of our own that does nothing else: the session may be destroyed on any thread,
 * and when the program is killed, or a thread of the target sleeps too deep to be stopped, nothing is left behind.
 */
#ifndef TARGET_TRACER_H
#define TARGET_TRACER_H

#include "base/status.h"

#include <sys/types.h>

struct tracer;

struct tracer_thread {
	pid_t id;
	bool stopped;                 /* false: in an uninterruptible sleep, so it runs no code of its own */
	int signal;                   /* that it was about to get, and gets when it is let go */
	unsigned char registers[512]; /* NT_PRSTATUS's */
	size_t registers_size;        /* 0: not known */
	unsigned char tls[64];        /* the regset that tls_note names */
	size_t tls_size;
};

/* Stops every thread of process pid. tls_note: a regset to read besides the general one; 0: none. PERMISSION, IO when
 * there is no such process, NO_MEMORY: then nothing is left stopped. */
enum cpeek_status tracer_create(pid_t pid, uint32_t tls_note, struct error *error, struct tracer **ret);
/* Lets them go, before it returns. Accepts NULL. */
void tracer_destroy(struct tracer *tracer);
/* The thread with this id, or NULL. */
const struct tracer_thread *tracer_find(const struct tracer *tracer, pid_t id);

#endif
