/*
 * The target layer on live processes: children that are forked here. Whatever is done to them, they run again.
 */
#define _GNU_SOURCE

#include "base/memory.h"
#include "check.h"
#include "target/target.h"

#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static struct error error;

/* What a child and its parent share. */
struct shared {
	_Atomic uint64_t counter; /* goes up while the child's main thread runs */
	_Atomic uint64_t thread_pointer, address, ready, signals;
	_Atomic int other;
};
static struct shared *shared;
static char secret[] = "a text that only the child's memory has: ....";

static void pause_ms(long ms)
{
	struct timespec time = {ms / 1000, ms % 1000 * 1000000};
	(void)nanosleep(&time, NULL);
}

/* The letter of /proc/PID/task/TID/stat: R, S, T (stopped), t (traced), Z, …; 0 when there is no such thread. */
static char state_of(pid_t pid, pid_t thread)
{
	char path[64], text[512];
	(void)snprintf(path, sizeof(path), "/proc/%d/task/%d/stat", (int)pid, (int)thread);
	FILE *file = fopen(path, "r");
	if (!file)
		return 0;
	size_t size = fread(text, 1, sizeof(text) - 1, file);
	(void)fclose(file);
	text[size] = '\0';
	const char *end = strrchr(text, ')');
	return end ? end[2] : 0;
}

/* Waits for what must come, however busy the machine is; a minute without it is a failure. */
#define EVENTUALLY(condition)                                                                                         \
	({                                                                                                            \
		bool came = (condition);                                                                              \
		for (int tries = 0; tries < 60000 && !came; tries++) {                                                \
			pause_ms(1);                                                                                  \
			came = (condition);                                                                           \
		}                                                                                                     \
		came;                                                                                                 \
	})

static bool reaches(pid_t pid, char state)
{
	return EVENTUALLY(state_of(pid, pid) == state);
}

/* Not stopped: it sleeps, runs, or waits for a page. */
static bool runs(pid_t pid, pid_t thread)
{
	char state = state_of(pid, thread);
	return state != 0 && strchr("RSD", state);
}

static bool counts(void)
{
	uint64_t before = shared->counter;
	return EVENTUALLY(shared->counter != before);
}

/* For what is stopped: it can only fail if that is not so. */
static bool stands_still(void)
{
	uint64_t before = shared->counter;
	pause_ms(30);
	return shared->counter == before;
}

static void count_signal(int number)
{
	(void)number;
	shared->signals++;
}

static void *wait_forever(void *arg)
{
	(void)arg;
	shared->ready++;
	for (;;)
		(void)pause();
	return NULL;
}

enum { THREADS = 5 };

/* A child that counts in its main thread, while others wait. */
static pid_t start_child(int threads)
{
	memset(shared, 0, sizeof(*shared));
	pid_t pid = fork();
	if (pid != 0) {
		CHECK(EVENTUALLY(shared->counter > 0));
		return pid;
	}
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* nothing is left behind when the test dies */
	(void)signal(SIGUSR1, count_signal);
	memcpy(secret + sizeof(secret) - 5, "CHLD", 4);
	for (int i = 0; i < threads; i++) {
		pthread_t thread;
		if (pthread_create(&thread, NULL, wait_forever, NULL) != 0)
			_exit(1);
	}
	while (shared->ready < (uint64_t)threads)
		pause_ms(1);
	shared->thread_pointer = (uintptr_t)pthread_self();
	for (;;) {
		shared->counter++;
		pause_ms(1);
	}
}

static void end_child(pid_t pid)
{
	(void)kill(pid, SIGKILL);
	CHECK_EQ(waitpid(pid, NULL, 0), pid);
}

static void test_reading(void)
{
	pid_t pid = start_child(THREADS);
	struct target *target = NULL;
	char text[sizeof(secret)];
	target_addr at;
	uint64_t size;

	CHECK_EQ(target_open_live(pid, NULL, &error, &target), CPEEK_OK);
	CHECK_EQ(target->kind, TARGET_LIVE);
	CHECK_EQ(target->pid, pid);
	CHECK_EQ(target->pointer_size, sizeof(void *));
	CHECK_EQ(target->signal, 0);
	CHECK(target->command && strstr(target->command, "test_target"));
	CHECK(stands_still());
	CHECK_EQ(target->thread_count, THREADS + 1);
	CHECK_EQ(target->threads[0].native_id, pid);
	for (size_t i = 0; i < target->thread_count; i++) {
		const struct target_thread *thread = &target->threads[i];
		CHECK_EQ(state_of(pid, (pid_t)thread->native_id), 't');
		CHECK_EQ(thread->inner_id, thread->native_id);
		const struct target_mapping *stack = target_find_mapping(target, thread->stack_pointer);
		CHECK(stack && stack->writable);
		const struct target_mapping *code = target_find_mapping(target, thread->program_counter);
		CHECK(code && code->executable);
	}
#ifdef __x86_64__
	CHECK_EQ(target->machine, EM_X86_64);
	CHECK_EQ(target->threads[0].thread_pointer, shared->thread_pointer);
	CHECK(target->threads[1].thread_pointer != 0);
#endif
	/* The child is a copy of us, at the same addresses. */
	CHECK_EQ(target_read(target, (uintptr_t)secret, text, sizeof(text)), CPEEK_OK);
	CHECK(memcmp(text + sizeof(text) - 5, "CHLD", 4) == 0);
	CHECK(memcmp(secret + sizeof(secret) - 5, "CHLD", 4) != 0);
	CHECK_EQ(target_read_cstring(target, (uintptr_t)secret, text, sizeof(text)), CPEEK_OK);
	CHECK_EQ(strlen(text), sizeof(secret) - 1);
	CHECK_EQ(target_read(target, 8, text, 4), CPEEK_FAULT);
	CHECK_EQ(target->fault_hole, TARGET_HOLE_REFUSED);
	CHECK_EQ(target->fault_address, 8);
	/* A long read goes past the page cache. */
	static unsigned char block[1 << 20];
	size_t length = sizeof(block);
	const struct target_mapping *mapping = target_find_mapping(target, (uintptr_t)&fopen);
	CHECK(mapping);
	if (!mapping)
		return;
	if (mapping->end - mapping->start < length)
		length = (size_t)(mapping->end - mapping->start);
	CHECK_EQ(target_read(target, mapping->start, block, length), CPEEK_OK);
	CHECK(memcmp(block, (void *)(uintptr_t)mapping->start, length) == 0);

	const struct target_module *libc = target_find_module(target, (uintptr_t)dlsym(RTLD_NEXT, "getppid"));
	CHECK(libc && strstr(libc->path, "libc"));
	CHECK_EQ(target_find_symbol(target, libc, "getppid", &at, &size), CPEEK_OK);
	CHECK_EQ(at, (uintptr_t)dlsym(RTLD_NEXT, "getppid"));
	CHECK_EQ(libc->state, TARGET_FILE_VERIFIED);
	CHECK_EQ(target_find_symbol(target, &target->modules[0], "target_open_live", &at, &size), CPEEK_OK);
	CHECK_EQ(at, (uintptr_t)target_open_live);
	CHECK_EQ(target_find_section(target, &target->modules[0], ".text", &at, &size), CPEEK_OK);
	CHECK((uintptr_t)target_open_live - at < size);
	CHECK_EQ(target_refresh(target), CPEEK_OK);
	CHECK_EQ(target->thread_count, THREADS + 1);
	CHECK(stands_still());
	pid_t ids[THREADS + 1];
	for (size_t i = 0; i <= THREADS; i++)
		ids[i] = (pid_t)target->threads[i].native_id;
	target_destroy(target);
	for (size_t i = 0; i <= THREADS; i++)
		CHECK(runs(pid, ids[i]));
	CHECK(counts());
	end_child(pid);
}

static void test_no_pause(void)
{
	pid_t pid = start_child(1);
	struct target_options options = {.no_pause = true};
	struct target *target = NULL;
	uint64_t first, second;

	CHECK_EQ(target_open_live(pid, &options, &error, &target), CPEEK_OK);
	CHECK(counts());
	CHECK_EQ(target->thread_count, 2);
	CHECK_EQ(target_read_u64(target, (uintptr_t)&shared->counter, &first), CPEEK_OK);
	CHECK(counts());
	CHECK_EQ(target_refresh(target), CPEEK_OK);
	CHECK_EQ(target_read_u64(target, (uintptr_t)&shared->counter, &second), CPEEK_OK);
	CHECK(second > first);
	target_destroy(target);
	end_child(pid);
}

/* What was stopped before stays so, and runs again when its own shell says so. */
static void test_stopped_before(void)
{
	pid_t pid = start_child(1);
	struct target *target = NULL;

	CHECK_EQ(kill(pid, SIGSTOP), 0);
	CHECK(reaches(pid, 'T'));
	CHECK_EQ(target_open_live(pid, NULL, &error, &target), CPEEK_OK);
	CHECK_EQ(target->thread_count, 2);
	target_destroy(target);
	CHECK(reaches(pid, 'T'));
	CHECK_EQ(kill(pid, SIGCONT), 0);
	CHECK(counts());
	end_child(pid);
}

/* No signal is lost, and none is seen twice. */
static void test_signals(void)
{
	pid_t pid = start_child(2);
	struct target *target = NULL;

	for (uint64_t i = 1; i <= 50; i++) {
		CHECK_EQ(kill(pid, SIGUSR1), 0);
		CHECK_EQ(target_open_live(pid, NULL, &error, &target), CPEEK_OK);
		target_destroy(target);
		CHECK(EVENTUALLY(shared->signals >= i));
		CHECK_EQ(shared->signals, i);
	}
	/* One that comes while it is held is delivered when it is let go. */
	CHECK_EQ(target_open_live(pid, NULL, &error, &target), CPEEK_OK);
	CHECK_EQ(kill(pid, SIGUSR1), 0);
	CHECK(stands_still());
	target_destroy(target);
	CHECK(EVENTUALLY(shared->signals >= 51)); /* any of its threads may take it */
	CHECK(counts());
	CHECK_EQ(shared->signals, 51);
	end_child(pid);
}

/* ptrace ties a stop to one thread; a session is not. */
static void *destroy_target(void *arg)
{
	target_destroy(arg);
	return NULL;
}

static void test_other_thread(void)
{
	pid_t pid = start_child(1);
	struct target *target = NULL;
	pthread_t thread;

	CHECK_EQ(target_open_live(pid, NULL, &error, &target), CPEEK_OK);
	CHECK_EQ(pthread_create(&thread, NULL, destroy_target, target), 0);
	CHECK_EQ(pthread_join(thread, NULL), 0);
	CHECK(counts());
	end_child(pid);
}

/* Threads that start and end while they are being stopped. */
static void *start_and_end(void *arg)
{
	(void)arg;
	pause_ms(1);
	return NULL;
}

static void test_short_lived_threads(void)
{
	memset(shared, 0, sizeof(*shared));
	pid_t pid = fork();
	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;) {
			pthread_t threads[8];
			for (int i = 0; i < 8; i++)
				if (pthread_create(&threads[i], NULL, start_and_end, NULL) != 0)
					_exit(1);
			for (int i = 0; i < 8; i++)
				(void)pthread_join(threads[i], NULL);
			shared->counter++;
		}
	}
	CHECK(counts());
	for (int i = 0; i < 50; i++) {
		struct target *target = NULL;
		CHECK_EQ(target_open_live(pid, NULL, &error, &target), CPEEK_OK);
		if (!target) {
			printf("    %s\n", error.text);
			continue;
		}
		uint64_t before = shared->counter;
		pause_ms(3);
		CHECK_EQ(shared->counter, before);
		target_destroy(target);
		CHECK(counts());
	}
	end_child(pid);
}

/* A process whose first thread has ended, and that goes on in another. */
static void *count_forever(void *arg)
{
	(void)arg;
	for (;;) {
		shared->counter++;
		pause_ms(1);
	}
	return NULL;
}

static void test_main_thread_gone(void)
{
	memset(shared, 0, sizeof(*shared));
	pid_t pid = fork();
	if (pid == 0) {
		pthread_t thread;
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (pthread_create(&thread, NULL, count_forever, NULL) != 0)
			_exit(1);
		(void)syscall(SYS_exit, 0); /* of this thread alone, and without a sanitizer's farewell */
	}
	CHECK(counts());
	CHECK(reaches(pid, 'Z'));
	struct target *target = NULL;
	char text[sizeof(secret)];
	CHECK_EQ(target_open_live(pid, NULL, &error, &target), CPEEK_OK);
	CHECK_EQ(target->pid, pid);
	CHECK(stands_still());
	CHECK_EQ(target->thread_count, 2);
	CHECK_EQ(target->threads[0].native_id, pid);
	CHECK_EQ(state_of(pid, (pid_t)target->threads[1].native_id), 't');
	CHECK_EQ(target_read(target, (uintptr_t)secret, text, sizeof(text)), CPEEK_OK);
	target_destroy(target);
	CHECK(counts());
	end_child(pid);
}

/* The program that holds it dies: the kernel lets it go. */
static void test_killed_tool(void)
{
	pid_t pid = start_child(2);
	pid_t tool = fork();
	if (tool == 0) {
		struct target *target = NULL;
		shared->other = target_open_live(pid, NULL, &error, &target) == CPEEK_OK ? 1 : 2;
		for (;;)
			(void)pause();
	}
	CHECK(EVENTUALLY(shared->other != 0));
	CHECK_EQ(shared->other, 1);
	CHECK(stands_still());
	/* Meanwhile another tool may look at it, and leaves it stopped. */
	struct target *target = NULL;
	char text[sizeof(secret)];
	CHECK_EQ(target_open_live(pid, NULL, &error, &target), CPEEK_OK);
	CHECK_EQ(target->thread_count, 3);
	CHECK_EQ(target_read(target, (uintptr_t)secret, text, sizeof(text)), CPEEK_OK);
	target_destroy(target);
	CHECK(stands_still());
	end_child(tool);
	CHECK(counts());
	end_child(pid);
}

/* Each failure on the way lets it go. */
static void test_memory_that_fails(void)
{
	pid_t pid = start_child(1);
	bool done = false;
	uint64_t n, failures = 0;

	for (n = 1; n < 2000 && !done; n++) {
		struct target *target = NULL;
		memory_fail_at(n);
		enum cpeek_status status = target_open_live(pid, NULL, &error, &target);
		memory_fail_at(0);
		CHECK(status == CPEEK_OK || status == CPEEK_NO_MEMORY);
		failures += status == CPEEK_NO_MEMORY;
		done = status == CPEEK_OK && n > 10;
		target_destroy(target);
		CHECK(runs(pid, pid));
	}
	CHECK(done && failures > 5);
	CHECK(counts());
	end_child(pid);
}

static int wait_for_parent(void *arg)
{
	(void)arg;
	while (shared->other == 0)
		(void)usleep(1000);
	return 0;
}

/* A parent that waits as after vfork() cannot be stopped; it is no reason to fail, nor may it stop later on. */
static void test_thread_that_cannot_be_stopped(void)
{
	memset(shared, 0, sizeof(*shared));
	pid_t pid = fork();
	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		static char stack[64 * 1024] __attribute__((aligned(16)));
		if (clone(wait_for_parent, stack + sizeof(stack), CLONE_VM | CLONE_VFORK | SIGCHLD, NULL) < 0)
			_exit(1);
		for (;;) {
			shared->counter++;
			pause_ms(1);
		}
	}
	CHECK(reaches(pid, 'D'));
	struct target *target = NULL;
	char text[sizeof(secret)];
	CHECK_EQ(target_open_live(pid, NULL, &error, &target), CPEEK_OK);
	CHECK_EQ(target_read(target, (uintptr_t)secret, text, sizeof(text)), CPEEK_OK);
	CHECK_EQ(target->thread_count, 1);
	target_destroy(target);
	shared->other = 2;
	CHECK(counts());
	CHECK(runs(pid, pid));
	end_child(pid);
}

/* What a container's seccomp profile does: that system call fails with EPERM from now on. */
static bool forbid(unsigned number)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {sizeof(code) / sizeof(*code), code};
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
	       prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

/* Runs look in a process of its own, where a system call is forbidden; answers what it answers. */
static int look_without(unsigned number, pid_t pid, int (*look)(pid_t pid))
{
	int status = 0;
	pid_t tool = fork();
	if (tool == 0)
		_exit(forbid(number) ? look(pid) : 99);
	CHECK_EQ(waitpid(tool, &status, 0), tool);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int read_secret(pid_t pid)
{
	struct target *target = NULL;
	char text[sizeof(secret)];

	if (target_open_live(pid, NULL, &error, &target) != CPEEK_OK)
		return 1;
	if (target_read(target, (uintptr_t)secret, text, sizeof(text)) != CPEEK_OK ||
	    memcmp(text + sizeof(text) - 5, "CHLD", 4) != 0)
		return 2;
	if (target_read(target, 8, text, 4) != CPEEK_FAULT)
		return 3;
	target_destroy(target);
	return 0;
}

static int cannot_stop(pid_t pid)
{
	struct target_options options = {.no_pause = true};
	struct target *target = NULL;

	if (target_open_live(pid, NULL, &error, &target) != CPEEK_PERMISSION || target ||
	    !strstr(error.text, "--no-pause"))
		return 1;
	if (target_open_live(pid, &options, &error, &target) != CPEEK_OK)
		return 2;
	target_destroy(target);
	return 0;
}

static void test_forbidden_calls(void)
{
	pid_t pid = start_child(1);

	CHECK_EQ(look_without(SYS_process_vm_readv, pid, read_secret), 0);
	CHECK_EQ(look_without(SYS_ptrace, pid, cannot_stop), 0);
	CHECK(counts());
	end_child(pid);
}

static void check_error(int64_t pid, enum cpeek_status status, const char *part)
{
	struct target *target = NULL;
	error.text[0] = '\0';
	CHECK_EQ(target_open_live(pid, NULL, &error, &target), status);
	CHECK(!target);
	CHECK(strstr(error.text, part));
	CHECK(!strchr(error.text, '\n'));
	if (!strstr(error.text, part))
		printf("    got: %s\n", error.text);
	target_destroy(target);
}

static void test_errors(void)
{
	check_error(0, CPEEK_IO, "no process 0");
	check_error(-5, CPEEK_IO, "no process -5");
	check_error(INT64_MAX, CPEEK_IO, "no process");
	check_error(getpid(), CPEEK_IO, "--no-pause");
	pid_t pid = start_child(0);
	(void)kill(pid, SIGKILL);
	CHECK(reaches(pid, 'Z'));
	check_error(pid, CPEEK_IO, "zombie");
	CHECK_EQ(waitpid(pid, NULL, 0), pid);
	check_error(pid, CPEEK_IO, "no process");

	/* kthreadd, where we see the kernel's threads. */
	FILE *file = fopen("/proc/2/comm", "r");
	char name[32] = "";
	if (file && fgets(name, sizeof(name), file) && strcmp(name, "kthreadd\n") == 0)
		check_error(2, CPEEK_IO, "thread of the kernel");
	if (file)
		(void)fclose(file);
}

static void test_own_process(void)
{
	struct target_options options = {.no_pause = true};
	struct target *target = NULL;
	char text[sizeof(secret)];

	CHECK_EQ(target_open_live(getpid(), &options, &error, &target), CPEEK_OK);
	CHECK_EQ(target_read(target, (uintptr_t)secret, text, sizeof(text)), CPEEK_OK);
	CHECK(memcmp(text, secret, sizeof(text)) == 0);
	target_destroy(target);
}

/* A process that ends, or becomes another program, while it is read: no byte of what comes after, and it is told. */
static void test_end(void)
{
	const struct target_options options = {.no_pause = true};

	for (int paused = 0; paused < 2; paused++) {
		pid_t pid = start_child(2);
		struct target *target = NULL;
		char text[sizeof(secret)];
		CHECK_EQ(target_open_live(pid, paused ? NULL : &options, &error, &target), CPEEK_OK);
		CHECK_EQ(target_check(target), CPEEK_OK);
		(void)kill(pid, SIGKILL);
		/* Its memory goes when the last of its threads has died; to look anew is to forget the page. */
		CHECK(EVENTUALLY(((void)target_refresh(target),
				  target_read(target, (uintptr_t)secret, text, sizeof(text)) == CPEEK_FAULT)));
		CHECK_EQ(target_check(target), CPEEK_IO);
		CHECK(strstr(error.text, "ended"));
		target_destroy(target);
		CHECK_EQ(waitpid(pid, NULL, 0), pid);
	}
}

static void test_exec(void)
{
	const struct target_options options = {.no_pause = true};
	struct target *target = NULL;
	char text[sizeof(secret)];
	int ends[2];

	CHECK_EQ(pipe2(ends, O_CLOEXEC), 0);
	memset(shared, 0, sizeof(*shared));
	pid_t pid = fork();
	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		while (shared->other == 0)
			pause_ms(1);
		(void)execl("/proc/self/exe", "test", "wait", (char *)NULL);
		_exit(1);
	}
	(void)close(ends[1]);
	CHECK_EQ(target_open_live(pid, &options, &error, &target), CPEEK_OK);
	CHECK_EQ(target_read(target, (uintptr_t)secret, text, sizeof(text)), CPEEK_OK);
	shared->other = 1;
	CHECK_EQ(read(ends[0], text, 1), 0); /* the kernel has closed the other end in exec() */
	(void)close(ends[0]);
	target_addr elsewhere = (uintptr_t)&fopen; /* a page that was not read yet */
	CHECK_EQ(target_read(target, elsewhere, text, 16), CPEEK_FAULT);
	CHECK_EQ(target->fault_hole, TARGET_HOLE_GONE);
	CHECK_EQ(target_check(target), CPEEK_IO);
	CHECK(strstr(error.text, "exec"));
	/* It stays so: the new program is another target. */
	CHECK_EQ(target_refresh(target), CPEEK_IO);
	CHECK(strstr(error.text, "exec"));
	target_destroy(target);
	target = NULL;
	CHECK(EVENTUALLY(target_open_live(pid, &options, &error, &target) == CPEEK_OK));
	CHECK_EQ(target_check(target), CPEEK_OK);
	target_destroy(target);
	end_child(pid);
}

/* One that is traced by a program that lets it run is not read as if it were stopped. */
static void test_traced_and_running(void)
{
	const struct target_options options = {.no_pause = true};
	pid_t pid = start_child(1);
	pid_t tool = fork();

	if (tool == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		shared->other = ptrace(PTRACE_SEIZE, pid, NULL, NULL) == 0 ? 1 : 2;
		for (;;)
			(void)pause();
	}
	CHECK(EVENTUALLY(shared->other != 0));
	CHECK_EQ(shared->other, 1);
	struct target *target = NULL;
	CHECK_EQ(target_open_live(pid, NULL, &error, &target), CPEEK_PERMISSION);
	CHECK(!target && strstr(error.text, "traces it"));
	CHECK(counts());
	CHECK_EQ(target_open_live(pid, &options, &error, &target), CPEEK_OK);
	target_destroy(target);
	end_child(tool);
	end_child(pid);
}

/* The id of any of its threads names a process. */
static void test_thread_id(void)
{
	pid_t pid = start_child(1), thread = 0;
	struct target *target = NULL;

	CHECK_EQ(target_open_live(pid, NULL, &error, &target), CPEEK_OK);
	for (size_t i = 0; i < target->thread_count; i++)
		if (target->threads[i].native_id != (uint64_t)pid)
			thread = (pid_t)target->threads[i].native_id;
	target_destroy(target);
	target = NULL;
	CHECK(thread > 0);
	CHECK_EQ(target_open_live(thread, NULL, &error, &target), CPEEK_OK);
	CHECK_EQ(target->pid, pid);
	CHECK_EQ(target->thread_count, 2);
	CHECK(stands_still());
	target_destroy(target);
	CHECK(counts());
	end_child(pid);
}

/* Whether it runs that program now. */
static bool is_program(pid_t pid, const char *name)
{
	char link[64], path[256];
	(void)snprintf(link, sizeof(link), "/proc/%d/exe", (int)pid);
	ssize_t length = readlink(link, path, sizeof(path) - 1);
	path[length > 0 ? length : 0] = '\0';
	const char *slash = strrchr(path, '/');
	return slash && strcmp(slash + 1, name) == 0;
}

/* Of a file that is gone, and one that has its name now, the kernel still knows the right one. */
static void test_deleted_executable(void)
{
	char copy[] = "/tmp/cpeek-test-live-XXXXXX", command[160];
	int fd = mkstemp(copy);
	target_addr at;
	uint64_t size;

	CHECK(fd >= 0);
	(void)close(fd);
	(void)snprintf(command, sizeof(command), "cp /proc/%d/exe %s && chmod 700 %s", (int)getpid(), copy, copy);
	CHECK_EQ(system(command), 0);
	memset(shared, 0, sizeof(*shared));
	pid_t pid = fork();
	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		(void)execl(copy, copy, "wait", (char *)NULL);
		_exit(1);
	}
	CHECK(EVENTUALLY(is_program(pid, strrchr(copy, '/') + 1)));
	(void)snprintf(command, sizeof(command), "rm %s && cp /bin/sh %s", copy, copy);
	CHECK_EQ(system(command), 0);
	struct target *target = NULL;
	CHECK_EQ(target_open_live(pid, NULL, &error, &target), CPEEK_OK);
	CHECK_EQ(target_find_symbol(target, &target->modules[0], "target_open_live", &at, &size), CPEEK_OK);
	CHECK_EQ(target->modules[0].state, TARGET_FILE_VERIFIED);
	CHECK(strstr(target->modules[0].path, copy));
	CHECK(target->modules[0].file && strncmp(target->modules[0].file, "/proc/", 6) == 0);
	target_destroy(target);
	(void)unlink(copy);
	end_child(pid);
}

/* Another user's process: a child of root that looks as nobody. */
static void test_permission(void)
{
	if (geteuid() != 0) {
		printf("not run: only root can become another user\n");
		return;
	}
	pid_t pid = start_child(0);
	pid_t tool = fork();
	if (tool == 0) {
		struct target *target = NULL;
		struct target_options options = {.no_pause = true};
		if (setgid(65534) != 0 || setuid(65534) != 0)
			_exit(9);
		if (target_open_live(pid, NULL, &error, &target) != CPEEK_PERMISSION || target ||
		    !strstr(error.text, "CAP_SYS_PTRACE"))
			_exit(1);
		if (target_open_live(pid, &options, &error, &target) != CPEEK_PERMISSION || target)
			_exit(2);
		_exit(0);
	}
	int status = 0;
	CHECK_EQ(waitpid(tool, &status, 0), tool);
	CHECK(WIFEXITED(status));
	CHECK_EQ(WEXITSTATUS(status), 0);
	CHECK(counts());
	end_child(pid);
}

int main(int argc, char **argv)
{
	if (argc > 1 && strcmp(argv[1], "wait") == 0) /* test_exec(), test_deleted_executable() */
		for (;;)
			(void)pause();
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED) {
		printf("no shared memory for the tests\n");
		return 1;
	}
	test_reading();
	test_no_pause();
	test_stopped_before();
	test_signals();
	test_other_thread();
	test_short_lived_threads();
	test_main_thread_gone();
	test_killed_tool();
	test_thread_that_cannot_be_stopped();
	test_memory_that_fails();
	test_forbidden_calls();
	test_errors();
	test_own_process();
	test_end();
	test_exec();
	test_traced_and_running();
	test_thread_id();
	test_deleted_executable();
	test_permission();
	return check_report();
}
