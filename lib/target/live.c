/*
 * A live process: its memory by /proc/PID/mem, what /proc tells of it, and its stop by a tracer. Knows no Python.
 */
#include "base/memory.h"
#include "base/vector.h"
#include "target/build.h"
#include "target/module.h"
#include "target/proc.h"
#include "target/refusal.h"
#include "target/registers.h"
#include "target/tracer.h"

#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct live {
	pid_t pid;             /* the process; or a thread of it, when its first one has ended */
	struct tracer *tracer; /* NULL: it runs, or another one holds it */
	/* /proc/PID/mem; -1: not open. It stays with the memory that it was opened for, where process_vm_readv() would
	 * read what comes after an exec(), or the process that gets the number next. It is as fast, and no seccomp
	 * filter forbids it. */
	int memory;
	bool gone; /* that memory is no more */
};

/* ---- Reading ----------------------------------------------------------------------------------------------- */

static size_t live_read(void *self, target_addr addr, void *buffer, size_t length, enum target_hole *hole)
{
	struct live *live = self;
	ssize_t got;

	*hole = TARGET_HOLE_REFUSED;
	if (addr > INT64_MAX)
		return 0;
	do
		got = pread(live->memory, buffer, length, (off_t)addr);
	while (got < 0 && errno == EINTR);
	live->gone |= got == 0 && length > 0; /* fs/proc/base.c, mem_rw() */
	if (live->gone)
		*hole = TARGET_HOLE_GONE;
	return got > 0 ? (size_t)got : 0;
}

static void live_destroy(void *self)
{
	struct live *live = self;

	tracer_destroy(live->tracer);
	if (live->memory >= 0)
		(void)close(live->memory);
	memory_free(live);
}

/* ---- What /proc tells -------------------------------------------------------------------------------------- */

static enum cpeek_status set_proc_error(const struct target *target, int number)
{
	uint64_t pid = target->pid;
	char advice[REFUSAL_TEXT];

	switch (number) {
	case ENOMEM:
		return target_set_no_memory(target);
	case ENOENT:
	case ESRCH:
		return error_set(target->error, CPEEK_IO, "process %" PRIu64 ": it has ended", pid);
	case EACCES:
	case EPERM:
		refusal_explain(pid, advice, sizeof(advice));
		return error_set(target->error, CPEEK_PERMISSION,
				 "process %" PRIu64 ": cannot read its memory: %s; %s", pid, strerror(number), advice);
	}
	return error_set(target->error, CPEEK_IO, "process %" PRIu64 ": cannot read it: %s", pid, strerror(number));
}

/* The id of a thread that has not ended, or 0. */
static pid_t find_living_thread(uint64_t pid, struct strbuf *text)
{
	char path[64];
	struct dirent *entry;
	pid_t found = 0;

	(void)snprintf(path, sizeof(path), "/proc/%" PRIu64 "/task", pid);
	DIR *folder = opendir(path);
	while (folder && !found && (entry = readdir(folder))) {
		uint64_t id = strtoull(entry->d_name, NULL, 10);
		if (id != 0 && proc_read(id, "status", text) == 0 && proc_find(strbuf_text(text), "VmSize"))
			found = (pid_t)id;
	}
	if (folder)
		(void)closedir(folder);
	return found;
}

/* Whether there is such a process, with memory of its own; *ret_tracer gets who traces it, 0: nobody. */
static enum cpeek_status check_process(struct target *target, struct live *live, int64_t pid, struct strbuf *text,
				       uint64_t *ret_tracer)
{
	int number = pid > 0 && pid <= INT32_MAX ? proc_read((uint64_t)pid, "status", text) : ENOENT;

	if (number == ENOENT || number == ESRCH)
		return error_set(target->error, CPEEK_IO,
				 "there is no process %" PRId64
				 "; it has ended, or runs in another PID namespace or on "
				 "another machine",
				 pid);
	target->pid = (uint64_t)pid;
	if (number != 0)
		return set_proc_error(target, number);
	uint64_t group = proc_find_number(strbuf_text(text), "Tgid");
	if (group != 0)
		target->pid = group; /* the id of a thread names its process */
	live->pid = (pid_t)target->pid;
	*ret_tracer = proc_find_number(strbuf_text(text), "TracerPid");
	if (proc_find(strbuf_text(text), "VmSize"))
		return CPEEK_OK; /* it has memory */
	const char *state = proc_find(strbuf_text(text), "State");
	if (!state || (*state != 'Z' && *state != 'X'))
		return error_set(target->error, CPEEK_IO,
				 "process %" PRIu64 " is a thread of the kernel: it has no memory of its own",
				 target->pid);
	live->pid = find_living_thread(target->pid, text);
	if (live->pid)
		return CPEEK_OK;
	return error_set(target->error, CPEEK_IO,
			 "process %" PRIu64 " has ended (it is a zombie that its parent has not waited for)",
			 target->pid);
}

/* That another tracer has all threads stopped, as a debugger does and strace does not. */
static bool is_held(const struct live *live, struct strbuf *text)
{
	char name[300];
	struct dirent *entry;
	bool held = true;

	(void)snprintf(name, sizeof(name), "/proc/%d/task", (int)live->pid);
	DIR *folder = opendir(name);
	while (folder && held && (entry = readdir(folder))) {
		if (entry->d_name[0] == '.')
			continue;
		(void)snprintf(name, sizeof(name), "task/%s/status", entry->d_name);
		if (proc_read((uint64_t)live->pid, name, text) != 0)
			continue; /* it has ended */
		const char *state = proc_find(strbuf_text(text), "State");
		held = state && strchr("tTDZX", *state);
	}
	if (folder)
		(void)closedir(folder);
	return folder && held;
}

/* For the files of /proc. */
static uint64_t pid_of(const struct target *target)
{
	return (uint64_t)((const struct live *)target->self)->pid;
}

/* Width, byte order and machine: from the executable's ELF header. */
static enum cpeek_status read_machine(struct target *target)
{
	const struct live *live = target->self;
	unsigned char header[20];
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/%d/exe", (int)live->pid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return set_proc_error(target, errno);
	ssize_t got = pread(fd, header, sizeof(header), 0);
	int number = got < 0 ? errno : 0;
	(void)close(fd);
	if (number != 0)
		return set_proc_error(target, number);
	if (got != sizeof(header) || memcmp(header, ELFMAG, SELFMAG) != 0)
		return error_set(target->error, CPEEK_IO, "process %" PRIu64 ": its executable is not an ELF file",
				 target->pid);
	target->pointer_size = header[EI_CLASS] == ELFCLASS64 ? 8 : 4;
	target->big_endian = header[EI_DATA] == ELFDATA2MSB;
	target->machine = (unsigned)target_get(target, header + 18, 2);
	return CPEEK_OK;
}

static target_addr read_program_headers_address(struct target *target, struct strbuf *text)
{
	size_t word = target->pointer_size;

	if (proc_read(pid_of(target), "auxv", text) != 0)
		return 0;
	for (size_t at = 0; text->length - at >= 2 * word; at += 2 * word)
		if (target_get_pointer(target, text->data + at) == AT_PHDR)
			return target_get_pointer(target, text->data + at + word);
	return 0;
}

/* A number at *text, which moves behind it and the one character that ends it; false when there is none. */
static bool parse_number(const char **text, int base, uint64_t *ret)
{
	char *end;
	uint64_t number = strtoull(*text, &end, base);

	if (end == *text || *end == '\0')
		return false;
	*ret = number;
	*text = end + 1;
	return true;
}

/* One line of /proc/PID/maps: "start-end rwxp offset major:minor inode   path". The path stays in line. */
static bool parse_mapping(const char *line, struct module_mapping *ret)
{
	uint64_t start, end, offset, major, minor, inode;
	const char *access;

	if (!parse_number(&line, 16, &start) || !parse_number(&line, 16, &end) || start >= end || strnlen(line, 5) < 5)
		return false;
	access = line;
	line += 5;
	if (!parse_number(&line, 16, &offset) || !parse_number(&line, 16, &major) ||
	    !parse_number(&line, 16, &minor) || !parse_number(&line, 10, &inode))
		return false;
	line += strspn(line, " ");
	*ret = (struct module_mapping){
		.mapping =
			{
				.start = start,
				.end = end,
				.saved_end = end,
				.readable = access[0] == 'r',
				.writable = access[1] == 'w',
				.executable = access[2] == 'x',
				.saved = true,
				.offset = inode ? offset : 0,
			},
		.path = inode && *line == '/' ? line : NULL,
	};
	return true;
}

static enum cpeek_status read_mappings(struct target *target, struct strbuf *text)
{
	VECTOR(struct module_mapping) mappings = {0};
	enum cpeek_status status = CPEEK_OK;
	target_addr program_headers = read_program_headers_address(target, text);
	target_addr position = 0;
	int number = proc_read(pid_of(target), "maps", text);

	if (number != 0)
		return set_proc_error(target, number);
	if (text->length == 0)
		return set_proc_error(target, ESRCH);
	for (char *line = text->data, *next; line; line = next) {
		struct module_mapping mapping;
		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		/* The file is read in parts: a process that runs can move a mapping between two. */
		if (!parse_mapping(line, &mapping) || mapping.mapping.start < position)
			continue;
		struct module_mapping *new = VECTOR_PUSH(&mappings);
		if (!new) {
			status = target_set_no_memory(target);
			break;
		}
		*new = mapping;
		position = mapping.mapping.end;
	}
	if (status == CPEEK_OK)
		status = module_build(target, mappings.items, mappings.count, program_headers);
	VECTOR_DEINIT(&mappings);
	return status;
}

/* The last column of NSpid is the id in the innermost namespace, the thread's own. */
static uint64_t read_inner_id(const struct target *target, uint64_t id, struct strbuf *text)
{
	char name[64];

	(void)snprintf(name, sizeof(name), "task/%" PRIu64 "/status", id);
	if (proc_read(pid_of(target), name, text) != 0)
		return id;
	const char *ids = proc_find(strbuf_text(text), "NSpid");
	char *end = NULL;
	while (ids && *ids != '\n') {
		uint64_t inner = strtoull(ids, &end, 10);
		if (end == ids)
			break;
		id = inner;
		ids = end;
	}
	return id;
}

static enum cpeek_status read_threads(struct target *target, struct strbuf *text)
{
	const struct live *live = target->self;
	VECTOR(struct target_thread) threads = {0};
	char path[64];
	struct dirent *entry;

	(void)snprintf(path, sizeof(path), "/proc/%d/task", (int)live->pid);
	DIR *folder = opendir(path);
	if (!folder)
		return set_proc_error(target, errno);
	while ((entry = readdir(folder))) {
		uint64_t id = strtoull(entry->d_name, NULL, 10);
		if (id == 0)
			continue;
		struct target_thread *thread = VECTOR_PUSH(&threads);
		if (!thread) {
			(void)closedir(folder);
			VECTOR_DEINIT(&threads);
			return target_set_no_memory(target);
		}
		*thread = (struct target_thread){.native_id = id, .inner_id = read_inner_id(target, id, text)};
		const struct tracer_thread *held = live->tracer ? tracer_find(live->tracer, (pid_t)id) : NULL;
		if (!held || held->registers_size == 0)
			continue;
		registers_get(target, held->registers, held->registers_size, thread);
		if (held->tls_size > 0)
			registers_get_tls(target, held->registers, held->registers_size, held->tls, held->tls_size,
					  thread);
	}
	(void)closedir(folder);
	target_set_threads(target, threads.items, threads.count);
	return CPEEK_OK;
}

static enum cpeek_status read_command(struct target *target, struct strbuf *text)
{
	int number = proc_read(pid_of(target), "cmdline", text);

	if (number != 0)
		return set_proc_error(target, number);
	while (text->length > 0 && text->data[text->length - 1] == '\0')
		text->length--;
	for (size_t i = 0; i < text->length; i++)
		if (text->data[i] == '\0')
			text->data[i] = ' ';
	if (text->length == 0)
		return CPEEK_OK;
	text->data[text->length] = '\0';
	target->command = memory_strdup(text->data);
	return target->command ? CPEEK_OK : target_set_no_memory(target);
}

static enum cpeek_status open_memory(const struct target *target, struct live *live)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/%d/mem", (int)live->pid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return set_proc_error(target, errno);
	live->memory = fd;
	return CPEEK_OK;
}

/* What was read of /proc is of the memory that is open: the kernel shows that one, readable, until the last. */
static enum cpeek_status try_read(struct target *target)
{
	const struct live *live = target->self;
	enum target_hole hole;
	unsigned char byte;

	for (size_t i = 0; i < target->mapping_count && !live->gone; i++)
		if (target->mappings[i].readable &&
		    live_read(target->self, target->mappings[i].start, &byte, 1, &hole) == 1)
			return CPEEK_OK;
	return set_proc_error(target, live->gone ? ESRCH : EPERM);
}

static enum cpeek_status live_check(const struct target *target)
{
	const struct live *live = target->self;

	if (!live->gone)
		return CPEEK_OK;
	return error_set(target->error, CPEEK_IO,
			 "process %" PRIu64 ": it has ended, or become another program by exec(), while it was read",
			 target->pid);
}

static enum cpeek_status live_refresh(struct target *target)
{
	struct strbuf text = {0};
	enum cpeek_status status = read_threads(target, &text);

	if (status == CPEEK_OK)
		status = read_mappings(target, &text);
	if (status == CPEEK_OK)
		status = try_read(target);
	strbuf_deinit(&text);
	enum cpeek_status alive = live_check(target); /* or what was read is of another program */
	return alive != CPEEK_OK ? alive : status;
}

static const struct target_ops live_ops = {
	.read = live_read,
	.refresh = live_refresh,
	.check = live_check,
	.destroy = live_destroy,
};

/* ---- Opening ----------------------------------------------------------------------------------------------- */

static enum cpeek_status stop(struct target *target, struct live *live, uint64_t tracer, struct strbuf *text)
{
	if (tracer && is_held(live, text))
		return CPEEK_OK;
	if (tracer)
		return error_set(
			target->error, CPEEK_PERMISSION,
			"process %" PRIu64 ": cannot stop it: process %" PRIu64
			" traces it, and lets it run; end that one, or pass --no-pause for answers that may be "
			"torn",
			target->pid, tracer);
	if (target->pid == (uint64_t)getpid())
		return error_set(target->error, CPEEK_IO,
				 "process %" PRIu64 " is this one, which cannot stop itself; pass --no-pause",
				 target->pid);
	return tracer_create(live->pid, registers_tls_note(target), target->error, &live->tracer);
}

static enum cpeek_status open_live(struct target *target, struct live *live, int64_t pid, struct strbuf *text)
{
	uint64_t tracer = 0;

	TRY(check_process(target, live, pid, text, &tracer));
	target->proc_id = (uint64_t)live->pid;
	if (target->no_pause) {
		TRY(open_memory(target, live));
		TRY(read_machine(target));
	} else {
		TRY(read_machine(target));
		TRY(stop(target, live, tracer, text));
		TRY(open_memory(target, live));
		TRY(read_machine(target)); /* it may have become another program meanwhile */
	}
	TRY(read_command(target, text));
	TRY(read_threads(target, text));
	TRY(read_mappings(target, text));
	return try_read(target);
}

enum cpeek_status target_open_live(int64_t pid, const struct target_options *options, struct error *error,
				   struct target **ret)
{
	struct target *target = target_alloc(TARGET_LIVE, options, error);
	struct live *live = target ? memory_calloc(1, sizeof(*live)) : NULL;
	struct strbuf text = {0};

	if (!live) {
		target_destroy(target);
		return error_set(error, CPEEK_NO_MEMORY, "out of memory");
	}
	live->memory = -1;
	target->ops = &live_ops;
	target->self = live;
	enum cpeek_status status = open_live(target, live, pid, &text);
	strbuf_deinit(&text);
	if (status != CPEEK_OK) {
		target_destroy(target);
		return status;
	}
	*ret = target;
	return CPEEK_OK;
}
