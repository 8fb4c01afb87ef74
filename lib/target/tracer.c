#include "target/tracer.h"
#include "base/memory.h"
#include "base/vector.h"
#include "target/proc.h"

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
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>

/* How long to wait for all threads together. One that is not stopped by then sleeps in the kernel. */
static const int64_t PATIENCE_NS = 2000000000;

struct tracer {
	pid_t pid;
	uint32_t tls_note;
	pthread_t thread;
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

/* A thread that has ended, or that another tracer holds, need not be stopped. */
static bool is_harmless(const struct tracer *tracer, pid_t id)
{
	struct strbuf status = {0};
	char name[64];

	(void)snprintf(name, sizeof(name), "task/%d/status", (int)id);
	bool gone = proc_read((uint64_t)tracer->pid, name, &status) != 0;
	const char *state = proc_find(strbuf_text(&status), "State");
	bool harmless = gone || (state && (*state == 'Z' || *state == 'X')) ||
			proc_find_number(strbuf_text(&status), "TracerPid") != 0;
	strbuf_deinit(&status);
	return harmless;
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
	tracer->threads.count--;
	if (number == ESRCH || is_harmless(tracer, id))
		return CPEEK_OK;
	return error_set(tracer->error, number == EPERM ? CPEEK_PERMISSION : CPEEK_IO,
			 "process %d: cannot stop it: %s; run as root or as its user (with CAP_SYS_PTRACE, and "
			 "kernel.yama.ptrace_scope=0 where there is Yama), or try --no-pause",
			 (int)tracer->pid, strerror(number));
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

/* false: it has ended. */
static bool wait_for(const struct tracer *tracer, struct tracer_thread *thread, int64_t deadline)
{
	struct timespec pause = {0, 20000};

	for (;;) {
		int status;
		pid_t got = waitpid(thread->id, &status, __WALL | WNOHANG);
		if (got == thread->id && WIFSTOPPED(status)) {
			/* PTRACE_EVENT_STOP is what we asked for; without an event, a signal came first. */
			thread->signal = status >> 16 == 0 ? WSTOPSIG(status) : 0;
			thread->stopped = true;
			read_registers(tracer, thread);
			return true;
		}
		if (got == thread->id || (got < 0 && errno != EINTR))
			return false;
		if (now() > deadline)
			return true;
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
		return error_set(tracer->error, CPEEK_IO, "process %d: it has ended", (int)tracer->pid);
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
	int64_t deadline = now() + PATIENCE_NS;
	size_t waited = 0;
	bool found = true;

	/* A thread that runs yet may start others: go on until a look finds no new one. */
	while (found && now() < deadline) {
		TRY(seize_new(tracer, &found));
		while (waited < tracer->threads.count) {
			if (wait_for(tracer, &tracer->threads.items[waited], deadline))
				waited++;
			else
				tracer->threads.items[waited] = tracer->threads.items[--tracer->threads.count];
		}
	}
	return CPEEK_OK;
}

static void *run(void *arg)
{
	struct tracer *tracer = arg;

	tracer->status = stop_all(tracer);
	if (tracer->status == CPEEK_OK) {
		(void)sem_post(&tracer->stopped);
		while (sem_wait(&tracer->release) != 0)
			;
	}
	for (size_t i = 0; i < tracer->threads.count; i++)
		(void)ptrace(PTRACE_DETACH, tracer->threads.items[i].id, NULL,
			     (void *)(intptr_t)tracer->threads.items[i].signal);
	/* What could not be detached because it is not stopped is detached by the end of this thread. */
	if (tracer->status != CPEEK_OK)
		(void)sem_post(&tracer->stopped);
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
	*tracer = (struct tracer){.pid = pid, .tls_note = tls_note, .error = error};
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
		(void)pthread_join(tracer->thread, NULL);
		free_tracer(tracer);
		return status;
	}
	*ret = tracer;
	return CPEEK_OK;
}

void tracer_destroy(struct tracer *tracer)
{
	if (!tracer)
		return;
	(void)sem_post(&tracer->release);
	(void)pthread_join(tracer->thread, NULL);
	free_tracer(tracer);
}

const struct tracer_thread *tracer_find(const struct tracer *tracer, pid_t id)
{
	for (size_t i = 0; i < tracer->threads.count; i++)
		if (tracer->threads.items[i].id == id)
			return &tracer->threads.items[i];
	return NULL;
}
