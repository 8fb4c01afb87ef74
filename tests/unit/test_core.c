/*
 * Cores as others than the kernel write them: qemu-user's, of any machine, and sparse ones. Made here; what is found is
 * compared with what was put in.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include "base/memory.h"
#include "open_core.h"

#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PAGE = 4096 };

static struct error error;
static char folder[] = "/tmp/cpeek-test-core-XXXXXX";

/* ---- qemu-user ----------------------------------------------------------------------------------------------- */

/* It writes no NT_FILE, and no byte of a mapping that may be executed and begins with an ELF header. Three files, each
 * of two segments: text at 0, which holds the headers, and data behind it, which holds PT_DYNAMIC at its start. */
enum { EXE = 0x10000, LIBRARY = 0x500000, LD_SO = 0x700000, STACK = 0x900000 };
enum { TEXT = 2 * PAGE, DATA = PAGE, MARK_AT = PAGE + 64 };

static const struct machine {
	unsigned pointer_size;
	bool big_endian;
	uint16_t machine;
} machines[] = {
	{8, false, EM_AARCH64},
	{4, false, EM_ARM},
	{8, true, EM_S390},
	{4, true, EM_PPC},
};

static void put(const struct core_writer *writer, unsigned char *at, uint64_t value, size_t size)
{
	for (size_t i = 0; i < size; i++)
		at[writer->big_endian ? size - 1 - i : i] = (unsigned char)(value >> 8 * i);
}

/* Twelve entries that nothing else has; addresses moved by bias. id makes them another build's. */
static void put_dynamic(const struct core_writer *writer, unsigned char *at, uint64_t bias, uint64_t debug,
			unsigned id)
{
	const uint64_t entries[][2] = {
		{DT_NEEDED, 1},
		{DT_INIT, 0x300 + bias},
		{DT_FINI, 0x400 + bias},
		{DT_STRTAB, 0x500 + bias},
		{DT_SYMTAB, 0x600 + bias},
		{DT_STRSZ, 100 + id},
		{DT_SYMENT, 24},
		{DT_DEBUG, debug},
		{DT_RELASZ, 240},
		{DT_RELAENT, 24},
		{DT_GNU_HASH, 0x700 + bias},
		{DT_FLAGS, 8},
		{DT_NULL, 0},
	};
	size_t word = writer->pointer_size;
	for (size_t i = 0; i < sizeof(entries) / sizeof(*entries); i++) {
		put(writer, at + 2 * i * word, entries[i][0], word);
		put(writer, at + (2 * i + 1) * word, entries[i][1], word);
	}
}

/* The file: linked to run at vaddr, with fill for its text. */
static struct writer_bytes make_file(const struct machine *machine, uint64_t vaddr, char fill, unsigned id)
{
	struct core_writer writer = writer_create(machine->pointer_size, machine->big_endian, machine->machine);
	static const struct {
		uint32_t type, flags;
		uint64_t offset, size;
	} parts[] = {
		{PT_INTERP, PF_R, 0x200, 12},
		{PT_LOAD, PF_R | PF_X, 0, TEXT},
		{PT_LOAD, PF_R | PF_W, TEXT, DATA},
		{PT_DYNAMIC, PF_R | PF_W, TEXT, 0x200},
	};
	writer.type = vaddr ? ET_EXEC : ET_DYN;
	for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++) {
		struct writer_segment *segment =
			writer_segment(&writer, vaddr + parts[i].offset, parts[i].size, NULL, 0, parts[i].flags);
		segment->type = parts[i].type;
		segment->filesz = parts[i].size;
		segment->has_offset = true;
		segment->offset = parts[i].offset;
	}
	struct writer_bytes file = writer_finish(&writer);
	writer_append(&file, NULL, TEXT + DATA - file.size);
	memcpy(file.data + 0x200, "/lib/ld.so.9", 13);
	memset(file.data + PAGE, fill, PAGE);
	put_dynamic(&writer, file.data + TEXT, 0, 0, id);
	writer_destroy(&writer);
	return file;
}

static void save(struct writer_bytes file, const char *name)
{
	char path[128];
	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	CHECK(writer_save(&file, path));
	free(file.data);
}

static void add_mapped(struct core_writer *writer, uint64_t start, const unsigned char *data)
{
	writer_segment(writer, start, TEXT, NULL, 0, PF_R | PF_X);
	writer_segment(writer, start + TEXT, DATA, data, DATA, PF_R | PF_W);
}

static struct writer_bytes make_qemu_core(const struct machine *machine)
{
	struct core_writer writer = writer_create(machine->pointer_size, machine->big_endian, machine->machine);
	size_t word = machine->pointer_size;
	unsigned char data[DATA], stack[PAGE] = {0};
	/* In ld.so's data: a struct r_debug, and three links. */
	const uint64_t debug = LD_SO + TEXT + 0x300, links = debug + 0x100, names = debug + 0x400;
	const uint64_t biases[] = {0, LIBRARY, LD_SO}, starts[] = {EXE, LIBRARY, LD_SO};
	const uint64_t pairs[] = {AT_PHDR, EXE + 64, AT_BASE, LD_SO, AT_ENTRY, EXE + PAGE, AT_EXECFN, STACK};

	writer_prstatus(&writer, 77, 6, NULL, 0);
	writer_auxv(&writer, pairs, 4);
	memset(data, 0, sizeof(data));
	put_dynamic(&writer, data, 0, debug, 0);
	add_mapped(&writer, EXE, data);
	put_dynamic(&writer, data, LIBRARY, 0, 0);
	add_mapped(&writer, LIBRARY, data);

	put_dynamic(&writer, data, LD_SO, 0, 0);
	put(&writer, data + 0x280, LD_SO, word); /* what merely looks like it */
	unsigned char *at = data + 0x300;
	put(&writer, at, 1, 4);
	put(&writer, at + word, links, word);
	put(&writer, at + 2 * word, LD_SO + 0x123, word);
	put(&writer, at + 4 * word, LD_SO, word);
	for (size_t i = 0; i < 3; i++) {
		at = data + 0x400 + i * 0x40;
		put(&writer, at, biases[i], word);
		put(&writer, at + word, names + (i == 1 ? 1 : 0), word);
		put(&writer, at + 2 * word, starts[i] + TEXT, word);
		put(&writer, at + 3 * word, i < 2 ? links + (i + 1) * 0x40 : 0, word);
	}
	memcpy(data + 0x700, "\0/lib/library.so", 17);
	add_mapped(&writer, LD_SO, data);
	memcpy(stack, "/bin/exe", 9);
	writer_segment(&writer, STACK, PAGE, stack, PAGE, PF_R | PF_W);
	struct writer_bytes core = writer_finish(&writer);
	writer_destroy(&writer);
	return core;
}

static void check_module(struct target *target, size_t index, const char *path, uint64_t start, bool has_file)
{
	const struct target_module *module = &target->modules[index];
	char byte = 0;

	CHECK(index < target->module_count);
	if (index >= target->module_count)
		return;
	CHECK_TEXT(module->path, path);
	CHECK_EQ(module->start, start);
	CHECK(module->end >= start + TEXT + DATA);
	CHECK(target_find_module(target, start + TEXT + 8) == module);
	CHECK_EQ(target_load_module(target, module), CPEEK_OK);
	CHECK_EQ(module->usable, has_file);
	/* The text, which the core lacks. */
	CHECK_EQ(target_read(target, start + MARK_AT, &byte, 1), has_file ? CPEEK_OK : CPEEK_FAULT);
	CHECK_EQ(byte, has_file ? 't' : 0);
	if (has_file) {
		CHECK(module->has_bias);
		CHECK_EQ(module->bias, start == EXE ? 0 : start);
	}
}

static void test_qemu(const struct machine *machine)
{
	struct writer_bytes core = make_qemu_core(machine);
	struct target_options options = {.sysroot = folder};
	struct target *target;
	char bin[64];

	save(make_file(machine, EXE, 't', 0), "bin/exe");
	save(make_file(machine, 0, 't', 0), "lib/library.so");
	save(make_file(machine, 0, 't', 0), "lib/ld.so.9");
	CHECK_EQ(open_bytes(&core, &options, &error, &target), CPEEK_OK);
	CHECK_EQ(target->module_count, 3);
	check_module(target, 0, "/bin/exe", EXE, true);
	check_module(target, 1, "/lib/library.so", LIBRARY, true);
	check_module(target, 2, "/lib/ld.so.9", LD_SO, true);
	CHECK_EQ(target->signal, 6);
	target_destroy(target);

	/* Of another build: by what they have in memory, they are not taken. */
	save(make_file(machine, EXE, 'x', 3), "bin/exe");
	save(make_file(machine, 0, 'x', 3), "lib/library.so");
	CHECK_EQ(open_bytes(&core, &options, &error, &target), CPEEK_OK);
	CHECK_EQ(target->module_count, 3);
	check_module(target, 0, "/bin/exe", EXE, false);
	check_module(target, 1, "/lib/library.so", LIBRARY, false);
	check_module(target, 2, "/lib/ld.so.9", LD_SO, true);
	target_destroy(target);

	/* The executable's file by name. */
	(void)snprintf(bin, sizeof(bin), "%s/other", folder);
	save(make_file(machine, EXE, 't', 0), "other");
	options = (struct target_options){.exe = bin};
	CHECK_EQ(open_bytes(&core, &options, &error, &target), CPEEK_OK);
	check_module(target, 0, "/bin/exe", EXE, true);
	check_module(target, 1, "/lib/library.so", LIBRARY, false);
	target_destroy(target);

	/* No file at all: where they are is known all the same. */
	CHECK_EQ(open_bytes(&core, NULL, &error, &target), CPEEK_OK);
	CHECK_EQ(target->module_count, 3);
	check_module(target, 0, "/bin/exe", EXE, false);
	check_module(target, 1, "/lib/library.so", LIBRARY, false);
	check_module(target, 2, "", LD_SO, false);
	target_destroy(target);

	/* Any byte of the notes and of ld.so's list may be wrong, and memory may be out. */
	options = (struct target_options){.sysroot = folder};
	for (size_t i = 0; i < core.size; i += i % PAGE < 0x800 ? 3 : 97) {
		core.data[i] ^= 0x55;
		enum cpeek_status status = open_bytes(&core, &options, &error, &target);
		CHECK(status == CPEEK_OK || status == CPEEK_IO);
		target_destroy(target);
		core.data[i] ^= 0x55;
	}
	enum cpeek_status status = CPEEK_NO_MEMORY;
	for (uint64_t n = 1; n < 1000 && status == CPEEK_NO_MEMORY; n++) {
		memory_fail_at(n);
		status = open_bytes(&core, &options, &error, &target);
		memory_fail_at(0);
		CHECK(status == CPEEK_OK || status == CPEEK_NO_MEMORY);
		target_destroy(target);
	}
	CHECK_EQ(status, CPEEK_OK);
	free(core.data);
}

/* ---- Sparse -------------------------------------------------------------------------------------------------- */

struct run {
	uint64_t start, end;
};

static void check_runs(struct target *target, uint64_t from, uint64_t to, const struct run *runs, size_t count)
{
	target_addr at = from, start, end;
	size_t found = 0;

	while (target_find_data(target, at, to, &start, &end)) {
		CHECK(found < count && start == runs[found].start && end == runs[found].end);
		if (found >= count || end <= at)
			return;
		found++;
		at = end;
	}
	CHECK_EQ(found, count);
}

/* Three segments: one with data in holes, one that was not saved, one dense; a hole may begin at any page. */
static void test_holes(void)
{
	const uint64_t large = (uint64_t)1 << 30;
	struct core_writer writer = writer_create(8, false, EM_X86_64);
	const struct writer_range elsewhere = {0x900000, 0x901000, 0, "/lib/library.so"};
	struct target *target = NULL;
	char path[64];

	/* So that no segment's start is looked at: in a tmpfs, what is read is no hole any more. */
	writer_files(&writer, &elsewhere, 1);
	for (int i = 0; i < 3; i++) {
		static const uint64_t at[] = {0x100000000, 0x200000000, 0x300000000};
		struct writer_segment *segment = writer_segment(&writer, at[i], i ? 4 * PAGE : large, NULL, 0, PF_R);
		segment->filesz = i == 0 ? large : i == 1 ? 0 : 2 * PAGE;
		segment->has_offset = true;
		segment->offset = i == 2 ? PAGE + large : PAGE;
	}
	struct writer_bytes core = writer_finish(&writer);
	int fd = memfd_create("sparse", MFD_CLOEXEC);
	CHECK(fd >= 0 && write(fd, core.data, core.size) == (ssize_t)core.size);
	CHECK_EQ(ftruncate(fd, (off_t)(3 * PAGE + large)), 0);
	CHECK(pwrite(fd, "x", 1, 5 * PAGE) == 1); /* page 4 of the first segment */
	CHECK(pwrite(fd, "y", 1, (off_t)(PAGE + large - 1)) == 1);
	CHECK(pwrite(fd, "z", 1, (off_t)(PAGE + large)) == 1);
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	CHECK_EQ(target_open_core(path, NULL, &error, &target), CPEEK_OK);
	const struct run all[] = {
		{0x100004000, 0x100005000},
		{0x100000000 + large - PAGE, 0x100000000 + large},
		{0x300000000, 0x300001000},
	};
	check_runs(target, 0, UINT64_MAX, all, 3);
	const struct run part[] = {{0x100004800, 0x100005000}, {0x100000000 + large - PAGE, 0x100000000 + large - 9}};
	check_runs(target, 0x100004800, 0x100000000 + large - 9, part, 2);
	check_runs(target, 0x100005000, 0x100000000 + large - PAGE, NULL, 0);
	check_runs(target, 0x300001000, UINT64_MAX, NULL, 0); /* a hole at the end, then what was not saved */
	check_runs(target, 0, 0x1000, NULL, 0);
	check_runs(target, UINT64_MAX, UINT64_MAX, NULL, 0);
	target_destroy(target);
	(void)close(fd);
	free(core.data);
	writer_destroy(&writer);
}

int main(void)
{
	static const char *const names[] = {"bin/exe", "lib/library.so", "lib/ld.so.9", "other", "bin", "lib", ""};
	char path[128];

	if (!mkdtemp(folder)) {
		printf("no folder for the tests\n");
		return 1;
	}
	(void)snprintf(path, sizeof(path), "%s/bin", folder);
	CHECK_EQ(mkdir(path, 0700), 0);
	(void)snprintf(path, sizeof(path), "%s/lib", folder);
	CHECK_EQ(mkdir(path, 0700), 0);
	for (size_t i = 0; i < sizeof(machines) / sizeof(*machines); i++)
		test_qemu(&machines[i]);
	test_holes();
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
		CHECK_EQ(remove(path), 0);
	}
	return check_report();
}
