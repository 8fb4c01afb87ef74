/*
 * Symbols that a file was stripped of, and files found by their build id alone. The program is a copy of this test,
 * stripped by binutils; what its symbols should say, it says itself.
 */
#define _GNU_SOURCE

#include "base/memory.h"
#include "check.h"
#include "target/build_ids.h"
#include "target/target.h"

#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static struct error error;
static char folder[] = "/tmp/cpeek-test-debug-XXXXXX";

/* A name that only .symtab has. */
__attribute__((used)) static char local_marker[64];

__attribute__((format(printf, 1, 2))) static bool run(const char *format, ...)
{
	char command[1024];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(command, sizeof(command), format, args);
	va_end(args);
	return system(command) == 0;
}

/* Starts FOLDER/program, which says where its local_marker is. */
static pid_t start(target_addr *ret_marker)
{
	char path[128], text[32] = "";
	int ends[2];

	CHECK_EQ(pipe2(ends, O_CLOEXEC), 0);
	(void)snprintf(path, sizeof(path), "%s/program", folder);
	pid_t pid = fork();
	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		(void)dup2(ends[1], STDOUT_FILENO);
		(void)execl(path, path, "child", (char *)NULL);
		_exit(1);
	}
	(void)close(ends[1]);
	CHECK(read(ends[0], text, sizeof(text) - 1) > 0);
	(void)close(ends[0]);
	*ret_marker = strtoull(text, NULL, 16);
	return pid;
}

static int child(void)
{
	char text[32];
	int length = snprintf(text, sizeof(text), "%llx", (unsigned long long)(uintptr_t)local_marker);

	if (write(STDOUT_FILENO, text, (size_t)length) != length)
		return 1;
	for (;;)
		(void)pause();
}

/* Where the symbol is found; 0 when it is not. */
static target_addr find_marker(pid_t pid, const char *debug_dirs, const char *sysroot)
{
	const struct target_options options = {.debug_dirs = debug_dirs, .sysroot = sysroot};
	struct target *target = NULL;
	target_addr found = 0;
	uint64_t size = 0;

	CHECK_EQ(target_open_live(pid, &options, &error, &target), CPEEK_OK);
	if (!target)
		return 0;
	enum cpeek_status status = target_find_symbol(target, &target->modules[0], "local_marker", &found, &size);
	CHECK(status == CPEEK_OK || status == CPEEK_NOT_FOUND);
	CHECK(status != CPEEK_OK || size >= sizeof(local_marker)); /* a sanitizer adds to it */
	CHECK_EQ(target->modules[0].state, TARGET_FILE_VERIFIED);
	target_destroy(target);
	return status == CPEEK_OK ? found : 0;
}

static void read_build_id(pid_t pid, char *text, uint8_t *id, size_t *length)
{
	struct target *target = NULL;

	CHECK_EQ(target_open_live(pid, NULL, &error, &target), CPEEK_OK);
	*length = target->modules[0].build_id_length;
	memcpy(id, target->modules[0].build_id, *length);
	for (size_t i = 0; i < *length; i++)
		(void)sprintf(text + 2 * i, "%02x", id[i]);
	target_destroy(target);
}

static void test_debug_files(void)
{
	target_addr marker;
	char name[160], id_text[160] = "";
	uint8_t id[64];
	size_t length;
	pid_t pid = start(&marker);

	CHECK(marker != 0);
	read_build_id(pid, id_text, id, &length);
	CHECK(length > 2);
	CHECK_EQ(find_marker(pid, NULL, NULL), 0);

	/* By the name in .gnu_debuglink, beside the program and below it. */
	CHECK(run("cp %s/symbols %s/program.debug", folder, folder));
	CHECK_EQ(find_marker(pid, NULL, NULL), marker);
	CHECK(run("mkdir %s/.debug && mv %s/program.debug %s/.debug", folder, folder, folder));
	CHECK_EQ(find_marker(pid, NULL, NULL), marker);
	/* Another build's, or what is no debug file, is not used. */
	CHECK(run("cp %s/other %s/.debug/program.debug", folder, folder));
	CHECK_EQ(find_marker(pid, NULL, NULL), 0);
	CHECK(run("cp %s/program %s/.debug/program.debug", folder, folder));
	CHECK_EQ(find_marker(pid, NULL, NULL), 0);
	CHECK(run("rm -r %s/.debug", folder));

	/* By build id: any name in a folder that is searched, and the name that distributions use. */
	(void)snprintf(name, sizeof(name), "/nonexistent::%s/search", folder);
	CHECK(run("mkdir -p %s/search/a/b && cp %s/other %s/search/a && cp %s/symbols %s/search/a/b/anything", folder,
		  folder, folder, folder, folder));
	CHECK_EQ(find_marker(pid, name, NULL), marker);
	CHECK(run("rm -r %s/search/a && mkdir -p %s/search/.build-id/%.2s && cp %s/symbols "
		  "%s/search/.build-id/%.2s/%s.debug",
		  folder, folder, id_text, folder, folder, id_text, id_text + 2));
	CHECK_EQ(find_marker(pid, name, NULL), marker);
	CHECK(run("rm -r %s/search", folder));
	CHECK_EQ(find_marker(pid, name, NULL), 0);
	CHECK(run("mkdir -p %s/usr/lib/debug/.build-id/%.2s && cp %s/symbols %s/usr/lib/debug/.build-id/%.2s/%s.debug",
		  folder, id_text, folder, folder, id_text, id_text + 2));
	CHECK_EQ(find_marker(pid, NULL, folder), marker);
	CHECK(run("rm -r %s/usr", folder));
	CHECK_EQ(find_marker(pid, NULL, NULL), 0);
	(void)kill(pid, SIGKILL);
	CHECK_EQ(waitpid(pid, NULL, 0), pid);
}

/* .gnu_debugdata, as Fedora has it: the symbols, packed by xz, in the program itself. */
static void test_debug_data(void)
{
	target_addr marker;

	CHECK(run("cd %s && xz -k symbols && objcopy --add-section .gnu_debugdata=symbols.xz program packed && "
		  "mv packed program && rm symbols.xz",
		  folder));
	pid_t pid = start(&marker);
	CHECK_EQ(find_marker(pid, NULL, NULL), marker);
	(void)kill(pid, SIGKILL);
	CHECK_EQ(waitpid(pid, NULL, 0), pid);
}

/* Whatever allocation fails on the way to the symbol, it is found, or memory is said to be out. */
static void test_memory_that_fails(void)
{
	const struct target_options options = {.debug_dirs = folder, .no_pause = true};
	target_addr marker;
	pid_t pid = start(&marker);
	uint64_t n, failures = 0;
	bool done = false;

	for (n = 1; n < 2000 && !done; n++) {
		struct target *target = NULL;
		target_addr found = 0;
		uint64_t size;
		CHECK_EQ(target_open_live(pid, &options, &error, &target), CPEEK_OK);
		memory_fail_at(n);
		enum cpeek_status status =
			target_find_symbol(target, &target->modules[0], "local_marker", &found, &size);
		done = memory_fail_pending() != 0;
		memory_fail_at(0);
		failures += status == CPEEK_NO_MEMORY;
		CHECK(status == CPEEK_NO_MEMORY || (status == CPEEK_OK && found == marker));
		target_destroy(target);
	}
	CHECK(done && failures > 5);
	(void)kill(pid, SIGKILL);
	CHECK_EQ(waitpid(pid, NULL, 0), pid);
}

static size_t count_files(const char *folders, const uint8_t *id, size_t length, char *ret_last, size_t size)
{
	struct build_ids *ids = NULL;
	const char *path = NULL;
	size_t at = 0, count = 0;

	CHECK_EQ(build_ids_create(folders, NULL, &ids), CPEEK_OK);
	while (build_ids_next(ids, id, length, &at, &path) == CPEEK_OK) {
		count++;
		(void)snprintf(ret_last, size, "%s", path);
	}
	build_ids_destroy(ids);
	return count;
}

/* The search alone: links, names with odd characters, what is no ELF file, and memory that fails. */
static void test_build_ids(void)
{
	target_addr marker;
	char id_text[160] = "", path[512] = "", folders[160];
	uint8_t id[64];
	size_t length;
	pid_t pid = start(&marker);

	read_build_id(pid, id_text, id, &length);
	(void)kill(pid, SIGKILL);
	CHECK_EQ(waitpid(pid, NULL, 0), pid);
	(void)snprintf(folders, sizeof(folders), "%s/tree", folder);
	CHECK(run("cd %s && mkdir -p tree/a && cp program 'tree/a/x y' && ln -s ../.. tree/a/up && ln -s 'a/x y' "
		  "tree/link && "
		  "mkfifo tree/fifo && head -c 100 program >tree/cut && echo text >tree/text && cp other tree/other",
		  folder));
	CHECK_EQ(count_files(folders, id, length, path, sizeof(path)), 2);
	CHECK(strstr(path, "/tree/link"));
	CHECK_EQ(count_files(folders, id, length - 1, path, sizeof(path)), 0);
	CHECK_EQ(count_files(folders, id, 0, path, sizeof(path)), 0);
	CHECK_EQ(count_files("", id, length, path, sizeof(path)), 0);
	for (uint64_t n = 1;; n++) {
		struct build_ids *ids = NULL;
		const char *found = NULL;
		size_t at = 0;
		memory_fail_at(n);
		enum cpeek_status status = build_ids_create(folders, NULL, &ids);
		if (status == CPEEK_OK)
			status = build_ids_next(ids, id, length, &at, &found);
		bool failed = memory_fail_pending() == 0;
		memory_fail_at(0);
		CHECK(status == CPEEK_OK || (failed && status == CPEEK_NO_MEMORY));
		build_ids_destroy(ids);
		if (!failed || n > 500) {
			CHECK(n > 3 && n < 500);
			break;
		}
	}
}

int main(int argc, char **argv)
{
	if (argc > 1 && strcmp(argv[1], "child") == 0)
		return child();
	if (!mkdtemp(folder) || !run("command -v objcopy xz >/dev/null")) {
		printf("this test needs a folder in /tmp, objcopy and xz\n");
		return 1;
	}
	CHECK(run("cp /proc/%d/exe %s/whole && cd %s && objcopy --only-keep-debug whole symbols && "
		  "cp symbols program.debug && strip -o program whole && "
		  "objcopy --add-gnu-debuglink=program.debug program && rm program.debug && "
		  "objcopy --only-keep-debug /bin/sh other",
		  (int)getpid(), folder, folder));
	test_debug_files();
	test_build_ids();
	test_memory_that_fails();
	test_debug_data();
	test_memory_that_fails();
	CHECK(run("rm -r %s", folder));
	return check_report();
}
