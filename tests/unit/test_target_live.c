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

/* Waits until the thread is in that state; false after two seconds. */
static bool reaches(pid_t pid, char state)
{
	for (int i = 0; i < 2000 && state_of(pid, pid) != state; i++)
		pause_ms(1);
	return state_of(pid, pid) == state;
}

static bool counts(void)
{
	uint64_t before = shared->counter;
	for (int i = 0; i < 2000 && shared->counter == before; i++)
		pause_ms(1);
	return shared->counter != before;
}

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
		for (int i = 0; i < 5000 && shared->counter == 0; i++)
			pause_ms(1);
		CHECK(shared->counter > 0);
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
		CHECK(state_of(pid, ids[i]) == 'S' || state_of(pid, ids[i]) == 'R');
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
		for (int wait = 0; wait < 2000 && shared->signals < i; wait++)
			pause_ms(1);
		CHECK_EQ(shared->signals, i);
	}
	/* One that comes while it is held is delivered when it is let go. */
	CHECK_EQ(target_open_live(pid, NULL, &error, &target), CPEEK_OK);
	CHECK_EQ(kill(pid, SIGUSR1), 0);
	CHECK(stands_still());
	target_destroy(target);
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
	for (int i = 0; i < 5000 && !shared->other; i++)
		pause_ms(1);
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
		char state = state_of(pid, pid);
		CHECK(state != 't' && state != 'T');
	}
	CHECK(done && failures > 5);
	CHECK(counts());
	end_child(pid);
}

static int wait_for_parent(void *arg)
{
	(void)arg;
	shared->other = 1;
	while (shared->other == 1)
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
	for (int i = 0; i < 2000 && !shared->other; i++)
		pause_ms(1);
	CHECK_EQ(shared->other, 1);
	struct target *target = NULL;
	char text[sizeof(secret)];
	CHECK_EQ(target_open_live(pid, NULL, &error, &target), CPEEK_OK);
	CHECK_EQ(target_read(target, (uintptr_t)secret, text, sizeof(text)), CPEEK_OK);
	CHECK_EQ(target->thread_count, 1);
	target_destroy(target);
	shared->other = 2;
	CHECK(counts());
	CHECK(state_of(pid, pid) == 'S' || state_of(pid, pid) == 'R');
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

	CHECK_EQ(look_without(SYS_process_vm_readv, pid, read_secret), 0); /* /proc/PID/mem does it too */
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

int main(void)
{
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
	test_permission();
	return check_report();
}
