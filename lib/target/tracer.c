#include "target/tracer.h"
#include "base/memory.h"
#include "base/vector.h"
#include "target/proc.h"
#include "target/refusal.h"

#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* A thread in an uninterruptible sleep (a slow disk; a parent in vfork()) stops only once it wakes, and runs no code of
 * its own until then. So it is not waited for once the stop has taken PATIENCE_NS. All others are, however busy the
 * machine is; LIMIT_NS is for what should not be. */
static const int64_t PATIENCE_NS = 500000000, LIMIT_NS = 60000000000;

struct tracer {
	pid_t pid;
	uint32_t tls_note;
	pthread_t thread;
	pid_t id; /* of that thread */
	int64_t start;
	sem_t stopped, release;
	struct error *error; /* valid until stopped is posted */
	enum cpeek_status status;
	VECTOR(struct tracer_thread) threads;
};

static int64_t now(void)
{
	struct timespec time;
	(void)clock_gettime(CLOCK_MONOTONIC, &time);
	return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

static enum cpeek_status set_no_memory(const struct tracer *tracer)
{
	return error_set(tracer->error, CPEEK_NO_MEMORY, "out of memory");
}

/* The letter of a thread's state (R, S, D, T, t, Z, …), 0 when it has ended, ? when that cannot be had; *ret_tracer
 * gets who traces it. */
static char find_state(const struct tracer *tracer, pid_t id, uint64_t *ret_tracer)
{
	struct strbuf status = {0};
	char name[64];

	(void)snprintf(name, sizeof(name), "task/%d/status", (int)id);
	int number = proc_read((uint64_t)tracer->pid, name, &status);
	const char *state = proc_find(strbuf_text(&status), "State");
	char letter = number != 0 || !state ? '?' : *state;
	if (letter == 'X' || number == ENOENT || number == ESRCH)
		letter = '\0';
	*ret_tracer = proc_find_number(strbuf_text(&status), "TracerPid");
	strbuf_deinit(&status);
	return letter;
}

static enum cpeek_status seize(struct tracer *tracer, pid_t id)
{
	struct tracer_thread *thread = VECTOR_PUSH(&tracer->threads);
	if (!thread)
		return set_no_memory(tracer);
	*thread = (struct tracer_thread){.id = id};
	if (ptrace(PTRACE_SEIZE, id, NULL, NULL) == 0) {
		(void)ptrace(PTRACE_INTERRUPT, id, NULL, NULL);
		return CPEEK_OK;
	}
	int number = errno;
	uint64_t other;
	char state = find_state(tracer, id, &other), advice[REFUSAL_TEXT];
	tracer->threads.count--;
	/* It has ended, or another tracer holds it stopped. */
	if (number == ESRCH || !state || state == 'Z' || (other && state == 't'))
		return CPEEK_OK;
	if (other)
		return error_set(tracer->error, CPEEK_PERMISSION,
				 "process %d: cannot stop it: process %llu traces it, and lets it run; end that one, "
				 "or pass --no-pause for answers that may be torn",
				 (int)tracer->pid, (unsigned long long)other);
	refusal_explain((uint64_t)tracer->pid, advice, sizeof(advice));
	return error_set(tracer->error, number == EPERM ? CPEEK_PERMISSION : CPEEK_IO,
			 "process %d: cannot stop it: %s; %s; or try --no-pause", (int)tracer->pid, strerror(number),
			 advice);
}

static void read_registers(const struct tracer *tracer, struct tracer_thread *thread)
{
	struct iovec room = {thread->registers, sizeof(thread->registers)};

	if (ptrace(PTRACE_GETREGSET, thread->id, (void *)NT_PRSTATUS, &room) == 0)
		thread->registers_size = room.iov_len;
	room = (struct iovec){thread->tls, sizeof(thread->tls)};
	if (tracer->tls_note && ptrace(PTRACE_GETREGSET, thread->id, (void *)(uintptr_t)tracer->tls_note, &room) == 0)
		thread->tls_size = room.iov_len;
}

/* Waits until it has stopped, has ended (which *ret_ended tells), or sleeps too deep. */
static enum cpeek_status wait_for(const struct tracer *tracer, struct tracer_thread *thread, bool *ret_ended)
{
	struct timespec pause = {0, 20000};
	uint64_t other;

	*ret_ended = false;
	for (;;) {
		int status;
		pid_t got = waitpid(thread->id, &status, __WALL | WNOHANG);
		if (got == thread->id && WIFSTOPPED(status)) {
			/* PTRACE_EVENT_STOP is what we asked for; without an event, a signal came first. */
			thread->signal = status >> 16 == 0 ? WSTOPSIG(status) : 0;
			thread->stopped = true;
			read_registers(tracer, thread);
			return CPEEK_OK;
		}
		*ret_ended = got == thread->id || (got < 0 && errno != EINTR);
		if (*ret_ended)
			return CPEEK_OK;
		int64_t waited = now() - tracer->start;
		if (waited > PATIENCE_NS) {
			char state = find_state(tracer, thread->id, &other);
			/* A first thread that has ended stays a zombie as long as there are others. */
			*ret_ended = !state || state == 'Z';
			if (*ret_ended || state == 'D')
				return CPEEK_OK;
		}
		if (waited > LIMIT_NS)
			return error_set(tracer->error, CPEEK_IO, "process %d: thread %d does not stop",
					 (int)tracer->pid, (int)thread->id);
		(void)nanosleep(&pause, NULL);
		if (pause.tv_nsec < 1000000)
			pause.tv_nsec *= 2;
	}
}

/* Seizes the threads that are new since the last time; *ret_found tells whether there were any. */
static enum cpeek_status seize_new(struct tracer *tracer, bool *ret_found)
{
	char path[64];
	enum cpeek_status status = CPEEK_OK;
	struct dirent *entry;

	*ret_found = false;
	(void)snprintf(path, sizeof(path), "/proc/%d/task", (int)tracer->pid);
	DIR *folder = opendir(path);
	if (!folder)
		return error_set(tracer->error, CPEEK_IO, "process %d: %s", (int)tracer->pid,
				 errno == ENOENT ? "it has ended" : strerror(errno));
	while (status == CPEEK_OK && (entry = readdir(folder))) {
		pid_t id = (pid_t)strtol(entry->d_name, NULL, 10);
		if (id <= 0 || tracer_find(tracer, id))
			continue;
		size_t before = tracer->threads.count;
		status = seize(tracer, id);
		*ret_found |= tracer->threads.count > before;
	}
	(void)closedir(folder);
	return status;
}

static enum cpeek_status stop_all(struct tracer *tracer)
{
	size_t waited = 0;
	bool found = true, ended;

	/* A thread that runs yet may start others: go on until a look finds no new one. */
	while (found) {
		TRY(seize_new(tracer, &found));
		while (waited < tracer->threads.count) {
			TRY(wait_for(tracer, &tracer->threads.items[waited], &ended));
			if (ended)
				tracer->threads.items[waited] = tracer->threads.items[--tracer->threads.count];
			else
				waited++;
		}
		if (found && now() - tracer->start > LIMIT_NS)
			return error_set(tracer->error, CPEEK_IO,
					 "process %d: it starts threads faster than they can be stopped",
					 (int)tracer->pid);
	}
	return CPEEK_OK;
}

static void *run(void *arg)
{
	struct tracer *tracer = arg;

	tracer->id = (pid_t)syscall(SYS_gettid);
	tracer->status = stop_all(tracer);
	(void)sem_post(&tracer->stopped);
	while (sem_wait(&tracer->release) != 0)
		;
	for (size_t i = 0; i < tracer->threads.count; i++)
		(void)ptrace(PTRACE_DETACH, tracer->threads.items[i].id, NULL,
			     (void *)(intptr_t)tracer->threads.items[i].signal);
	/* What could not be detached because it is not stopped is detached by the end of this thread. */
	return NULL;
}

static void free_tracer(struct tracer *tracer)
{
	(void)sem_destroy(&tracer->stopped);
	(void)sem_destroy(&tracer->release);
	VECTOR_DEINIT(&tracer->threads);
	memory_free(tracer);
}

enum cpeek_status tracer_create(pid_t pid, uint32_t tls_note, struct error *error, struct tracer **ret)
{
	struct tracer *tracer = memory_calloc(1, sizeof(*tracer));
	sigset_t all, before;

	if (!tracer)
		return error_set(error, CPEEK_NO_MEMORY, "out of memory");
	*tracer = (struct tracer){.pid = pid, .tls_note = tls_note, .error = error, .start = now()};
	(void)sem_init(&tracer->stopped, 0, 0);
	(void)sem_init(&tracer->release, 0, 0);
	/* The program's signal handlers shall not run on a thread that it does not know. */
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	int number = pthread_create(&tracer->thread, NULL, run, tracer);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (number != 0) {
		free_tracer(tracer);
		return error_set(error, CPEEK_NO_MEMORY, "cannot start a thread: %s", strerror(number));
	}
	while (sem_wait(&tracer->stopped) != 0)
		;
	enum cpeek_status status = tracer->status;
	if (status != CPEEK_OK) {
		tracer_destroy(tracer);
		return status;
	}
	*ret = tracer;
	return CPEEK_OK;
}

void tracer_destroy(struct tracer *tracer)
{
	if (!tracer)
		return;
	struct timespec pause = {0, 20000};

	(void)sem_post(&tracer->release);
	(void)pthread_join(tracer->thread, NULL);
	/* A join returns before the kernel has ended the thread, and with that all its traces. */
	while (syscall(SYS_tgkill, getpid(), tracer->id, 0) == 0)
		(void)nanosleep(&pause, NULL);
	free_tracer(tracer);
}

const struct tracer_thread *tracer_find(const struct tracer *tracer, pid_t id)
{
	for (size_t i = 0; i < tracer->threads.count; i++)
		if (tracer->threads.items[i].id == id)
			return &tracer->threads.items[i];
	return NULL;
}
