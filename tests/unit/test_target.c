/*
 * The target layer on cores and lent memory that are made here; what it finds is compared with what was put in.
 */
#define _GNU_SOURCE

#include "base/memory.h"
#include "open_core.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <link.h>
#include <signal.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PAGE = 4096 };

static struct error error;
static char folder[] = "/tmp/cpeek-test-target-XXXXXX";

static char library_path[64], wrong_path[64], pipe_path[64];

/* Opens what the writer has, and ends it. */
static struct target *open_writer(struct core_writer *writer, const struct target_options *options)
{
	struct target *target = open_written(writer, options, &error);
	writer_destroy(writer);
	return target;
}

/* ---- Segments ------------------------------------------------------------------------------------------------ */

static void test_segments(void)
{
	unsigned char first[PAGE], second[PAGE], buffer[3 * PAGE];
	struct core_writer writer = writer_create(8, false, EM_X86_64);
	size_t count;
	uint8_t u8;
	uint16_t u16;
	uint32_t u32;
	uint64_t u64;
	int64_t i64;

	for (size_t i = 0; i < PAGE; i++) {
		first[i] = (unsigned char)(i % 251);
		second[i] = (unsigned char)(i % 241 + 1);
	}
	memcpy(first + 16, "\x01\x82\x03\x84\x05\x86\x07\x88", 8);
	memcpy(first + PAGE - 4, "abcd", 4);
	memcpy(second, "efgh\0ij", 7);
	memset(first + 32, 0xff, 8);
	/* In the file, and in the program headers, the other way round than in memory. */
	writer_segment(&writer, 0x7000, PAGE, first, PAGE, PF_R | PF_W);
	writer_segment(&writer, 0x1000, PAGE, first, PAGE, PF_R);
	writer_segment(&writer, 0x2000, PAGE, second, PAGE, PF_R | PF_W | PF_X);
	struct target *target = open_writer(&writer, NULL);

	CHECK_EQ(target->kind, TARGET_CORE);
	CHECK_EQ(target->pointer_size, 8);
	CHECK(!target->big_endian);
	CHECK_EQ(target->machine, EM_X86_64);
	CHECK(!target->truncated);
	CHECK_EQ(target->mapping_count, 3);
	CHECK_EQ(target->mappings[0].start, 0x1000);
	CHECK_EQ(target->mappings[1].start, 0x2000);
	CHECK_EQ(target->mappings[1].saved_end, 0x3000);
	CHECK(target->mappings[0].readable && !target->mappings[0].writable && !target->mappings[0].executable);
	CHECK(target->mappings[1].writable && target->mappings[1].executable && target->mappings[1].saved);

	/* Across two segments that are neighbours in memory and not in the file. */
	CHECK_EQ(target_read(target, 0x1000, buffer, 2 * PAGE), CPEEK_OK);
	CHECK(memcmp(buffer, first, PAGE) == 0 && memcmp(buffer + PAGE, second, PAGE) == 0);
	CHECK_EQ(target_read(target, 0x1fff, buffer, 2), CPEEK_OK);
	CHECK(buffer[0] == 'd' && buffer[1] == 'e');
	/* Up to the end, and one byte further. */
	CHECK_EQ(target_read(target, 0x2ff8, buffer, 8), CPEEK_OK);
	CHECK_EQ(target_read(target, 0x2ff8, buffer, 9), CPEEK_FAULT);
	CHECK_EQ(target->fault_address, 0x3000);
	CHECK_EQ(target->fault_hole, TARGET_HOLE_UNMAPPED);
	CHECK_EQ(target_read_some(target, 0x2ff8, buffer, 100, &count), CPEEK_OK);
	CHECK_EQ(count, 8);
	CHECK_EQ(target_read_some(target, 0x3000, buffer, 100, &count), CPEEK_FAULT);
	CHECK_EQ(target_read(target, 0xfff, buffer, 2), CPEEK_FAULT);
	CHECK_EQ(target->fault_address, 0xfff);
	CHECK_EQ(target_read(target, UINT64_MAX, buffer, 8), CPEEK_FAULT);
	CHECK_EQ(target_read(target, 0x3000, buffer, 0), CPEEK_OK);

	const unsigned char *view = target_view(target, 0x1010, 64);
	CHECK(view && memcmp(view, first + 16, 64) == 0);
	CHECK(!target_view(target, 0x1fff, 2));
	CHECK(target_view(target, 0x1fff, 1));
	CHECK(!target_view(target, 0x3000, 1));
	CHECK(!target_view(target, 0x1000, SIZE_MAX));

	CHECK_EQ(target_read_u8(target, 0x1011, &u8), CPEEK_OK);
	CHECK_EQ(u8, 0x82);
	CHECK_EQ(target_read_u16(target, 0x1010, &u16), CPEEK_OK);
	CHECK_EQ(u16, 0x8201);
	CHECK_EQ(target_read_u32(target, 0x1010, &u32), CPEEK_OK);
	CHECK_EQ(u32, 0x84038201);
	CHECK_EQ(target_read_u64(target, 0x1010, &u64), CPEEK_OK);
	CHECK_EQ(u64, 0x8807860584038201);
	CHECK_EQ(target_read_pointer(target, 0x1010, &u64), CPEEK_OK);
	CHECK_EQ(u64, 0x8807860584038201);
	CHECK_EQ(target_read_ssize(target, 0x1020, &i64), CPEEK_OK);
	CHECK(i64 == -1);
	u32 = 7;
	CHECK_EQ(target_read_u32(target, 0x2ffe, &u32), CPEEK_FAULT);
	CHECK_EQ(u32, 7); /* out parameters stay as they were */

	char text[16];
	CHECK_EQ(target_read_cstring(target, 0x1ffc, text, sizeof(text)), CPEEK_OK);
	CHECK_TEXT(text, "abcdefgh");
	CHECK_EQ(target_read_cstring(target, 0x1ffc, text, 9), CPEEK_OK);
	CHECK_TEXT(text, "abcdefgh");
	CHECK_EQ(target_read_cstring(target, 0x1ffc, text, 6), CPEEK_LIMIT);
	CHECK_TEXT(text, "abcde");
	CHECK_EQ(target_read_cstring(target, 0x7ffc, text, sizeof(text)), CPEEK_FAULT);
	CHECK_EQ(target->fault_address, 0x8000);

	CHECK(target_find_mapping(target, 0x1000) == &target->mappings[0]);
	CHECK(target_find_mapping(target, 0x2fff) == &target->mappings[1]);
	CHECK(target_find_mapping(target, 0x3000) == NULL);
	CHECK(target_find_mapping(target, 0) == NULL);
	CHECK(target_find_module(target, 0x1000) == NULL);
	target_destroy(target);
	target_destroy(NULL);
}

static void test_big_endian_32(void)
{
	static const unsigned char bytes[] = {0x12, 0x34, 0x56, 0x78, 0x9a, 0xbc, 0xde, 0xf0, 0xff, 0xff, 0xff, 0xfe};
	struct core_writer writer = writer_create(4, true, EM_PPC);
	const struct writer_range ranges[] = {{0x10000, 0x11000, 0, "/no/such/a"},
					      {0x11000, 0x12000, 3, "/no/such/a"},
					      {0x20000, 0x21000, 1, "/no/such/b"}};
	uint16_t u16;
	uint32_t u32;
	uint64_t u64;
	int64_t i64;

	writer_prstatus(&writer, 0x01020304, 11, NULL, 0);
	writer_prpsinfo(&writer, 0x01020300, "big python");
	writer_siginfo(&writer, 11, 1, 0xdeadbeef);
	writer_files(&writer, ranges, 3);
	writer_segment(&writer, 0x10000, PAGE, bytes, sizeof(bytes), PF_R);
	struct target *target = open_writer(&writer, NULL);

	CHECK_EQ(target->pointer_size, 4);
	CHECK(target->big_endian);
	CHECK_EQ(target->machine, EM_PPC);
	CHECK_EQ(target_read_u16(target, 0x10000, &u16), CPEEK_OK);
	CHECK_EQ(u16, 0x1234);
	CHECK_EQ(target_read_u32(target, 0x10000, &u32), CPEEK_OK);
	CHECK_EQ(u32, 0x12345678);
	CHECK_EQ(target_read_u64(target, 0x10000, &u64), CPEEK_OK);
	CHECK_EQ(u64, 0x123456789abcdef0);
	CHECK_EQ(target_read_pointer(target, 0x10004, &u64), CPEEK_OK);
	CHECK_EQ(u64, 0x9abcdef0);
	CHECK_EQ(target_read_ssize(target, 0x10008, &i64), CPEEK_OK);
	CHECK(i64 == -2);
	CHECK_EQ(target->pid, 0x01020300);
	CHECK_EQ(target->signal, 11);
	CHECK_EQ(target->signal_address, 0xdeadbeef);
	CHECK_TEXT(target->command ? target->command : "", "big python");
	CHECK_EQ(target->thread_count, 1);
	CHECK_EQ(target->threads[0].native_id, 0x01020304);
	CHECK_EQ(target->threads[0].signal, 11);
	CHECK_EQ(target->module_count, 2);
	CHECK_TEXT(target->modules[0].path, "/no/such/a");
	CHECK_EQ(target->modules[0].start, 0x10000);
	CHECK_EQ(target->modules[0].end, 0x12000);
	CHECK_EQ(target->mappings[1].offset, 3 * PAGE);
	CHECK_EQ(target_load_module(target, &target->modules[1]), CPEEK_OK);
	CHECK_EQ(target->modules[1].state, TARGET_FILE_MISSING);
	target_destroy(target);
}

static void test_little_endian_32_and_big_endian_64(void)
{
	uint64_t registers[17] = {0}, u64;
	struct core_writer writer = writer_create(4, false, EM_386);
	unsigned char descriptors[2 * 16] = {0};

	registers[10] = 0x33; /* gs: entry 6 */
	registers[12] = 0x8048000;
	registers[15] = 0xbffff000;
	descriptors[16] = 6;
	memcpy(descriptors + 20, "\x40\x4b\xfa\xb7", 4);
	writer_prstatus(&writer, 77, 0, registers, 17);
	writer_note(&writer, "LINUX", NT_386_TLS, descriptors, sizeof(descriptors));
	writer_segment(&writer, 0xfffff000, PAGE, "\x01\x02\x03\x04", 4, PF_R);
	struct target *target = open_writer(&writer, NULL);
	CHECK_EQ(target->thread_count, 1);
	CHECK_EQ(target->threads[0].native_id, 77);
	CHECK_EQ(target->threads[0].program_counter, 0x8048000);
	CHECK_EQ(target->threads[0].stack_pointer, 0xbffff000);
	CHECK_EQ(target->threads[0].thread_pointer, 0xb7fa4b40);
	CHECK_EQ(target_read_pointer(target, 0xfffff000, &u64), CPEEK_OK);
	CHECK_EQ(u64, 0x04030201);
	target_destroy(target);

	/* s390x: psw mask and address, 16 general registers, 16 access registers of 4 bytes. */
	uint64_t s390[2 + 16 + 8] = {0x0705200180000000, 0x3ff80001234};
	s390[2 + 15] = 0x3ffff000;
	s390[2 + 16] = 0x000003ffb7000001;
	writer = writer_create(8, true, EM_S390);
	writer_prstatus(&writer, 78, 6, s390, 26);
	writer_segment(&writer, 0xfffffffffffff000, PAGE, "\0\0\0\0\0\0\x01\x02", 8, PF_R);
	target = open_writer(&writer, NULL);
	CHECK_EQ(target->threads[0].program_counter, 0x3ff80001234);
	CHECK_EQ(target->threads[0].stack_pointer, 0x3ffff000);
	CHECK_EQ(target->threads[0].thread_pointer, 0x000003ffb7000001);
	CHECK_EQ(target->signal, 6); /* no NT_SIGINFO, as in qemu-user's cores */
	CHECK_EQ(target_read_pointer(target, 0xfffffffffffff000, &u64), CPEEK_OK);
	CHECK_EQ(u64, 0x102);
	target_destroy(target);
}

/* aarch64: the thread pointer has a note of its own, and the highest byte of a pointer is no part of the address. */
static void test_aarch64(void)
{
	uint64_t registers[34] = {0}, u64;
	unsigned char tls[8] = {0x00, 0x67, 0xff, 0xb7, 0xff, 0xff, 0x00, 0x00};
	char text[8];
	const uint64_t tagged = 0x2b00aaaa00000ff8;
	struct core_writer writer = writer_create(8, false, EM_AARCH64);

	registers[31] = 0xfffffffff000;
	registers[32] = 0xaaaa00001234;
	writer_prstatus(&writer, 79, 0, registers, 34);
	writer_note(&writer, "LINUX", NT_ARM_TLS, tls, sizeof(tls));
	writer_segment(&writer, 0xaaaa00000000, PAGE, NULL, PAGE, PF_R | PF_W);
	writer_segment(&writer, 0xaaaa00001000, PAGE, "text\0\0\0\x01", 8, PF_R | PF_W);
	writer_segment(&writer, 0xffffffffffff0000, PAGE, "\x07\0\0\0\0\0\0\0", 8, PF_R);
	struct target *target = open_writer(&writer, NULL);
	CHECK_EQ(target->threads[0].stack_pointer, 0xfffffffff000);
	CHECK_EQ(target->threads[0].program_counter, 0xaaaa00001234);
	CHECK_EQ(target->threads[0].thread_pointer, 0xffffb7ff6700);
	CHECK_EQ(target_read_u64(target, tagged + 8, &u64), CPEEK_OK);
	CHECK_EQ(u64, 0x0100000074786574);
	CHECK_EQ(target_read_u64(target, 0xff00aaaa00001000, &u64), CPEEK_OK); /* near the last one */
	CHECK_EQ(u64, 0x0100000074786574);
	CHECK_EQ(target_read_u64(target, tagged + 4, &u64), CPEEK_OK); /* crosses segments */
	CHECK_EQ(u64, 0x7478657400000000);
	CHECK(target_probe(target, tagged + 8, text, sizeof(text)));
	CHECK_EQ(target_read_cstring(target, tagged + 8, text, sizeof(text)), CPEEK_OK);
	CHECK_TEXT(text, "text");
	CHECK(target_view(target, tagged + 8, 8) &&
	      target_view(target, tagged + 8, 8) == target_view(target, 0xaaaa00001000, 8));
	CHECK(target_find_mapping(target, tagged) && target_find_mapping(target, tagged)->start == 0xaaaa00000000);
	/* Bit 55 says to which half of the address space it belongs. */
	CHECK_EQ(target_read_u64(target, 0x00ffffffffff0000, &u64), CPEEK_OK);
	CHECK_EQ(u64, 7);
	/* What people see is the pointer as it stood there. */
	CHECK_EQ(target_read_u64(target, 0x2b00aaaa00002000, &u64), CPEEK_FAULT);
	CHECK_EQ(target->fault_address, 0x2b00aaaa00002000);
	target_destroy(target);

	/* No other machine ignores that byte. */
	writer = writer_create(8, false, EM_X86_64);
	writer_segment(&writer, 0x7fff00000000, PAGE, "x", 1, PF_R);
	target = open_writer(&writer, NULL);
	CHECK_EQ(target_read_u64(target, 0x01007fff00000000, &u64), CPEEK_FAULT);
	CHECK(!target_find_mapping(target, 0x01007fff00000000));
	target_destroy(target);
}

static void test_not_saved(void)
{
	unsigned char bytes[PAGE], buffer[2 * PAGE];
	struct core_writer writer = writer_create(8, false, EM_X86_64);
	size_t count;

	memset(bytes, 'x', sizeof(bytes));
	writer_segment(&writer, 0x10000, 4 * PAGE, bytes, PAGE, PF_R);
	writer_segment(&writer, 0x20000, 2 * PAGE, NULL, 0, PF_R | PF_X);
	struct target *target = open_writer(&writer, NULL);
	CHECK_EQ(target_read(target, 0x10ff0, buffer, 32), CPEEK_FAULT);
	CHECK_EQ(target->fault_address, 0x11000);
	CHECK_EQ(target->fault_hole, TARGET_HOLE_NOT_SAVED);
	CHECK_EQ(target_read_some(target, 0x10ff0, buffer, 32, &count), CPEEK_OK);
	CHECK_EQ(count, 16);
	CHECK_EQ(target_read(target, 0x20000, buffer, 1), CPEEK_FAULT);
	CHECK_EQ(target->fault_hole, TARGET_HOLE_NOT_SAVED);
	CHECK_EQ(target_read(target, 0x22000, buffer, 1), CPEEK_FAULT);
	CHECK_EQ(target->fault_hole, TARGET_HOLE_UNMAPPED);
	CHECK(!target_view(target, 0x10ff0, 32));
	CHECK(!target->truncated); /* nothing was cut off */
	CHECK_EQ(target->mappings[0].saved_end, 0x11000);
	CHECK(!target->mappings[1].saved);
	target_destroy(target);
}

/* ---- Notes --------------------------------------------------------------------------------------------------- */

static void test_notes(void)
{
	uint64_t registers[27] = {0};
	struct core_writer writer = writer_create(8, false, EM_X86_64);
	const uint64_t auxv[] = {AT_PAGESZ, 4096, AT_PHDR, 0x500040, AT_ENTRY, 0x501000};
	const struct writer_range ranges[] = {{0x400000, 0x401000, 0, "/lib/first"},
					      {0x500000, 0x501000, 0, "/bin/exe"},
					      {0x501000, 0x502000, 1, "/bin/exe"},
					      {0x600000, 0x601000, 0, "/lib/last"}};

	registers[16] = 0x501234;
	registers[19] = 0x7ffc1000;
	registers[21] = 0x7f0000b80;
	writer_prstatus(&writer, 102, SIGSEGV, registers, 27);
	writer_prpsinfo(&writer, 100, "python3 prog.py ");
	writer_siginfo(&writer, SIGSEGV, 1, 0x1234);
	writer_auxv(&writer, auxv, 3);
	writer_files(&writer, ranges, 4);
	registers[21] = 0x7f0000c80;
	writer_prstatus(&writer, 100, SIGSEGV, registers, 27);
	writer_segment(&writer, 0x7ffc0000, 2 * PAGE, NULL, 2 * PAGE, PF_R | PF_W);
	struct target *target = open_writer(&writer, NULL);
	CHECK_EQ(target->pid, 100);
	CHECK_EQ(target->signal, SIGSEGV);
	CHECK_EQ(target->signal_address, 0x1234);
	CHECK_TEXT(target->command, "python3 prog.py");
	CHECK_EQ(target->thread_count, 2);
	CHECK_EQ(target->threads[0].native_id, 102);
	CHECK_EQ(target->threads[0].inner_id, 102);
	CHECK_EQ(target->threads[0].thread_pointer, 0x7f0000b80);
	CHECK_EQ(target->threads[0].stack_pointer, 0x7ffc1000);
	CHECK_EQ(target->threads[0].program_counter, 0x501234);
	CHECK_EQ(target->threads[1].native_id, 100);
	CHECK_EQ(target->threads[1].thread_pointer, 0x7f0000c80);
	/* The executable is the file that holds AT_PHDR. */
	CHECK_EQ(target->module_count, 3);
	CHECK_TEXT(target->modules[0].path, "/bin/exe");
	CHECK_TEXT(target->modules[1].path, "/lib/first");
	CHECK_TEXT(target->modules[2].path, "/lib/last");
	CHECK_EQ(target->modules[0].start, 0x500000);
	CHECK_EQ(target->modules[0].end, 0x502000);
	CHECK_EQ(target->mapping_count, 5); /* NT_FILE alone makes mappings too */
	for (size_t i = 0; i < target->mapping_count; i++) {
		uint64_t start = target->mappings[i].start;
		const struct target_module *module = target_find_module(target, start);
		CHECK(module == (start == 0x7ffc0000 ? NULL
				 : start == 0x400000 ? &target->modules[1]
				 : start == 0x600000 ? &target->modules[2]
						     : &target->modules[0]));
	}
	target_destroy(target);

	/* gdb writes the process first, and nothing killed it. A signal's sender is no address. */
	writer = writer_create(8, false, EM_X86_64);
	writer_prpsinfo(&writer, 100, "python3");
	writer_prstatus(&writer, 100, SIGTRAP, registers, 27);
	writer_siginfo(&writer, SIGTRAP, 1, 0x1234);
	writer_segment(&writer, 0x1000, PAGE, NULL, PAGE, PF_R);
	target = open_writer(&writer, NULL);
	CHECK_EQ(target->signal, 0);
	CHECK_EQ(target->signal_address, 0);
	CHECK_EQ(target->threads[0].signal, SIGTRAP);
	target_destroy(target);

	writer = writer_create(8, false, EM_X86_64);
	writer_prstatus(&writer, 100, SIGSEGV, registers, 27);
	writer_siginfo(&writer, SIGSEGV, 0, 1234); /* SI_USER: kill -SEGV */
	writer_segment(&writer, 0x1000, PAGE, NULL, PAGE, PF_R);
	target = open_writer(&writer, NULL);
	CHECK_EQ(target->signal, SIGSEGV);
	CHECK_EQ(target->signal_address, 0);
	target_destroy(target);
}

/* ---- Modules and their files --------------------------------------------------------------------------------- */

/* A shared library of four pages: headers and build id; text; data that is written; more text. */
static struct writer_bytes make_library(const char *build_id, char fill)
{
	struct core_writer writer = writer_create(8, false, EM_X86_64);
	static const struct {
		uint64_t offset, memsz;
		uint32_t flags;
	} parts[] = {
		{0, PAGE, PF_R},
		{PAGE, PAGE, PF_R | PF_X},
		{2 * PAGE, PAGE + 0x800, PF_R | PF_W},
	};

	writer.type = ET_DYN;
	for (int i = 0; i < 3; i++) {
		struct writer_segment *segment =
			writer_segment(&writer, 0x10000 + parts[i].offset, parts[i].memsz, NULL, 0, parts[i].flags);
		segment->filesz = PAGE;
		segment->has_offset = true;
		segment->offset = parts[i].offset;
	}
	struct writer_segment *notes = writer_segment(&writer, 0x10200, 0, NULL, 0, PF_R);
	notes->type = PT_NOTE;
	notes->filesz = notes->memsz = build_id ? 36 : 0;
	notes->has_offset = true;
	notes->offset = 0x200;
	struct writer_bytes library = writer_finish(&writer);
	writer_append(&library, NULL, 3 * PAGE - library.size);
	if (build_id) {
		memcpy(library.data + 0x200, "\4\0\0\0\x14\0\0\0\3\0\0\0GNU\0", 16);
		memcpy(library.data + 0x210, build_id, 20);
	}
	memset(library.data + PAGE, fill, 2 * PAGE);
	writer_destroy(&writer);
	return library;
}

static const char id_a[] = "aaaaaaaaaaaaaaaaaaaa", id_b[] = "bbbbbbbbbbbbbbbbbbbb";

/* A core with that library at 0x500000: its first page saved as in a kernel's core, its data whole, no text. */
static struct target *open_with_library(const struct writer_bytes *library, const char *path, bool kernel,
					const struct target_options *options)
{
	struct core_writer writer = writer_create(8, false, EM_X86_64);
	const struct writer_range ranges[] = {
		{0x500000, 0x501000, 0, path}, {0x501000, 0x502000, 1, path}, {0x502000, 0x503000, 2, path}};
	unsigned char data[PAGE];

	memset(data, 'D', sizeof(data));
	writer_prstatus(&writer, 1, 6, NULL, 0);
	writer_files(&writer, ranges, 3);
	writer_segment(&writer, 0x500000, PAGE, library->data, PAGE, PF_R);
	if (kernel)
		writer_segment(&writer, 0x501000, PAGE, NULL, 0, PF_R | PF_X);
	writer_segment(&writer, 0x502000, PAGE, data, PAGE, PF_R | PF_W);
	writer_segment(&writer, 0x503000, PAGE, data, PAGE, PF_R | PF_W); /* .bss */
	return open_writer(&writer, options);
}

static void test_module_file(void)
{
	const char *path = library_path;
	struct writer_bytes right = make_library(id_a, 't'), wrong = make_library(id_b, 'w');
	struct writer_bytes plain = make_library(NULL, 'p');
	struct target_options options = {0};
	unsigned char buffer[2 * PAGE];

	CHECK(writer_save(&right, path));
	for (int kernel = 0; kernel < 2; kernel++) {
		struct target *target = open_with_library(&right, path, kernel, NULL);
		const struct target_module *module = &target->modules[0];
		CHECK_EQ(target->module_count, 1);
		CHECK_EQ(module->state, TARGET_FILE_UNKNOWN); /* not opened before it is needed */
		CHECK(module->has_elf_header && module->has_bias);
		CHECK_EQ(module->bias, 0x4f0000);
		CHECK_EQ(module->build_id_length, 20);
		CHECK(memcmp(module->build_id, id_a, 20) == 0);
		CHECK_EQ(module->end, 0x503800); /* with .bss */
		CHECK(target_find_module(target, 0x503700) == module);
		CHECK(target_find_module(target, 0x503800) == NULL);
		CHECK(target->mappings[1].readable && target->mappings[1].executable);
		CHECK(!target->mappings[1].writable && !target->mappings[1].saved);
		/* From the core, from the file, from the core. */
		CHECK_EQ(target_read(target, 0x500ff8, buffer, PAGE + 16), CPEEK_OK);
		CHECK_EQ(buffer[8], 't');
		CHECK_EQ(buffer[8 + PAGE - 1], 't');
		CHECK_EQ(buffer[8 + PAGE], 'D');
		CHECK_EQ(module->state, TARGET_FILE_VERIFIED);
		CHECK_TEXT(module->file ? module->file : "", path);
		const char *view = target_view(target, 0x501000, PAGE);
		CHECK(view && view[0] == 't');
		CHECK(!target_view(target, 0x501000, PAGE + 1));
		target_destroy(target);
	}

	CHECK(writer_save(&wrong, path));
	struct target *target = open_with_library(&right, path, true, NULL);
	CHECK_EQ(target_read(target, 0x501000, buffer, 4), CPEEK_FAULT);
	CHECK_EQ(target->fault_hole, TARGET_HOLE_MISMATCH);
	CHECK_EQ(target->modules[0].state, TARGET_FILE_MISMATCH);
	CHECK(memcmp(target->modules[0].file_build_id, id_b, 20) == 0);
	target_destroy(target);
	options.use_mismatched = true;
	target = open_with_library(&right, path, true, &options);
	CHECK_EQ(target_read(target, 0x501000, buffer, 4), CPEEK_OK);
	CHECK_EQ(buffer[0], 'w');
	CHECK_EQ(target->modules[0].state, TARGET_FILE_MISMATCH);
	target_destroy(target);

	/* No build id on one side: used if the page that both have is equal. */
	options.use_mismatched = false;
	CHECK(writer_save(&plain, path));
	target = open_with_library(&plain, path, true, &options);
	CHECK_EQ(target_read(target, 0x501000, buffer, 4), CPEEK_OK);
	CHECK_EQ(buffer[0], 'p');
	CHECK_EQ(target->modules[0].state, TARGET_FILE_UNVERIFIED);
	target_destroy(target);
	target = open_with_library(&right, path, true, &options);
	CHECK_EQ(target_read(target, 0x501000, buffer, 4), CPEEK_FAULT);
	CHECK_EQ(target->fault_hole, TARGET_HOLE_MISMATCH);
	CHECK_EQ(target->modules[0].state, TARGET_FILE_MISMATCH);
	target_destroy(target);

	/* Elsewhere: --exe for the executable, --sysroot for all, and " (deleted)" is no part of a name. */
	char deleted[300];
	(void)snprintf(deleted, sizeof(deleted), "%s (deleted)", path);
	CHECK(writer_save(&right, path));
	target = open_with_library(&right, deleted, true, NULL);
	CHECK_EQ(target_read(target, 0x501000, buffer, 4), CPEEK_OK);
	target_destroy(target);
	options.exe = path;
	target = open_with_library(&right, "/no/such/file", true, &options);
	CHECK_EQ(target_read(target, 0x501000, buffer, 4), CPEEK_OK);
	CHECK_TEXT(target->modules[0].file, path);
	target_destroy(target);
	options.exe = NULL;
	options.sysroot = folder;
	target = open_with_library(&right, "/lib.so", true, &options);
	CHECK_EQ(target_read(target, 0x501000, buffer, 4), CPEEK_OK);
	CHECK_TEXT(target->modules[0].file, path);
	target_destroy(target);
	target = open_with_library(&right, "/other.so", true, &options);
	CHECK_EQ(target_read(target, 0x501000, buffer, 4), CPEEK_FAULT);
	CHECK_EQ(target->fault_hole, TARGET_HOLE_NOT_SAVED);
	CHECK_EQ(target->modules[0].state, TARGET_FILE_MISSING);
	target_destroy(target);
	/* What is no regular file is not opened: this would wait for a writer. */
	CHECK_EQ(mkfifo(pipe_path, 0600), 0);
	target = open_with_library(&right, pipe_path, true, NULL);
	CHECK_EQ(target_read(target, 0x501000, buffer, 4), CPEEK_FAULT);
	CHECK_EQ(target->modules[0].state, TARGET_FILE_MISSING);
	target_destroy(target);
	free(right.data);
	free(wrong.data);
	free(plain.data);
}

/* Data that was not saved is a hole: the file has only what it was at the start. */
static void test_written_data_is_not_taken_from_the_file(void)
{
	const char *path = library_path;
	struct writer_bytes library = make_library(id_a, 't');
	const struct writer_range ranges[] = {{0x500000, 0x503000, 0, path}};
	struct core_writer writer = writer_create(8, false, EM_X86_64);
	unsigned char buffer[PAGE];

	CHECK(writer_save(&library, path));
	writer_files(&writer, ranges, 1);
	writer_segment(&writer, 0x500000, 3 * PAGE, library.data, PAGE, PF_R);
	struct target *target = open_writer(&writer, NULL);
	CHECK_EQ(target_read(target, 0x501000, buffer, PAGE), CPEEK_OK);
	CHECK_EQ(target_read(target, 0x501fff, buffer, 2), CPEEK_FAULT);
	CHECK_EQ(target->fault_address, 0x502000);
	CHECK_EQ(target->fault_hole, TARGET_HOLE_NOT_SAVED);
	CHECK_EQ(target_read(target, 0x502000, buffer, 2), CPEEK_FAULT);
	target_destroy(target);
	free(library.data);
}

/* The first page was not saved: the program headers come from the file, if what else was saved equals it. */
static void test_header_from_the_file(void)
{
	const char *path = library_path;
	struct writer_bytes library = make_library(NULL, 't');
	const struct writer_range ranges[] = {
		{0x500000, 0x501000, 0, path}, {0x501000, 0x502000, 1, path}, {0x502000, 0x503000, 2, path}};

	CHECK(writer_save(&library, path));
	for (int equal = 0; equal < 2; equal++) {
		struct core_writer writer = writer_create(8, false, EM_X86_64);
		unsigned char buffer[PAGE];
		writer_files(&writer, ranges, 3);
		library.data[PAGE + 5] = equal ? 't' : 'x';
		writer_segment(&writer, 0x501000, PAGE, library.data + PAGE, PAGE, PF_R | PF_X);
		struct target *target = open_writer(&writer, NULL);
		const struct target_module *module = &target->modules[0];
		CHECK(!module->has_bias && !module->has_elf_header);
		CHECK_EQ(target_load_module(target, module), CPEEK_OK);
		CHECK_EQ(module->state, equal ? TARGET_FILE_UNVERIFIED : TARGET_FILE_MISMATCH);
		CHECK_EQ(module->has_bias, equal);
		CHECK_EQ(module->has_elf_header, equal);
		CHECK_EQ(module->bias, equal ? 0x4f0000 : 0);
		CHECK_EQ(target_read(target, 0x500000, buffer, 4), equal ? CPEEK_OK : CPEEK_FAULT);
		target_destroy(target);
	}
	free(library.data);
}

static void test_same_file_twice(void)
{
	struct writer_bytes library = make_library(id_a, 't');
	struct core_writer writer = writer_create(8, false, EM_X86_64);
	const struct writer_range ranges[] = {{0x500000, 0x501000, 0, "/x"}, {0x501000, 0x502000, 1, "/x"},
					      {0x502000, 0x503000, 2, "/x"}, {0x508000, 0x509000, 0, "/x"},
					      {0x509000, 0x50a000, 1, "/x"}, {0x50a000, 0x50b000, 2, "/x"}};

	writer_files(&writer, ranges, 6);
	writer_segment(&writer, 0x500000, PAGE, library.data, PAGE, PF_R);
	writer_segment(&writer, 0x508000, PAGE, library.data, PAGE, PF_R);
	struct target *target = open_writer(&writer, NULL);
	CHECK_EQ(target->module_count, 2);
	CHECK_EQ(target->modules[0].bias, 0x4f0000);
	CHECK_EQ(target->modules[1].bias, 0x4f8000);
	CHECK(target_find_module(target, 0x502fff) == &target->modules[0]);
	CHECK(target_find_module(target, 0x50a000) == &target->modules[1]);
	target_destroy(target);
	free(library.data);
}

/* ---- Damage -------------------------------------------------------------------------------------------------- */

/* Reads whatever there is to read; nothing is to be learnt but that it ends. */
static void walk(struct target *target)
{
	unsigned char bytes[64];
	char text[64];
	target_addr at;
	uint64_t size;
	size_t count;

	for (size_t i = 0; i < target->mapping_count; i++) {
		const struct target_mapping *mapping = &target->mappings[i];
		CHECK(mapping->start < mapping->end);
		CHECK(mapping->saved_end >= mapping->start && mapping->saved_end <= mapping->end);
		CHECK(i == 0 || target->mappings[i - 1].end <= mapping->start);
		CHECK(target_find_mapping(target, mapping->start) == mapping);
		(void)target_read(target, mapping->start, bytes, sizeof(bytes));
		(void)target_read_some(target, mapping->end - 8, bytes, sizeof(bytes), &count);
		(void)target_read_cstring(target, mapping->end - 8, text, sizeof(text));
		(void)target_view(target, mapping->start, 8);
		(void)target_find_module(target, mapping->end);
	}
	for (size_t i = 0; i < target->module_count; i++) {
		(void)target_find_symbol(target, &target->modules[i], "_PyRuntime", &at, &size);
		(void)target_find_section(target, &target->modules[i], ".PyRuntime", &at, &size);
	}
}

static struct writer_bytes make_small_core(unsigned pointer_size, bool big_endian, uint16_t machine)
{
	struct core_writer writer = writer_create(pointer_size, big_endian, machine);
	struct writer_bytes library = make_library(id_a, 't');
	uint64_t registers[27] = {0};
	const uint64_t auxv[] = {AT_PHDR, 0x500040};
	const struct writer_range ranges[] = {{0x500000, 0x501000, 0, "/no/such/exe"},
					      {0x501000, 0x502000, 1, "/no/such/exe"}};

	writer_prstatus(&writer, 5, 11, registers, 27);
	writer_prpsinfo(&writer, 5, "small");
	writer_siginfo(&writer, 11, 1, 0x10);
	writer_auxv(&writer, auxv, 1);
	writer_files(&writer, ranges, 2);
	writer_segment(&writer, 0x500000, PAGE, library.data, 0x300, PF_R);
	writer_segment(&writer, 0x600000, PAGE, "0123456789abcdef", 16, PF_R | PF_W);
	writer_segment(&writer, 0x700000, PAGE, "ghijklmnopqrstuv", 16, PF_R | PF_W);
	struct writer_bytes core = writer_finish(&writer);
	writer_destroy(&writer);
	free(library.data);
	return core;
}

static void test_truncated(void)
{
	static const struct {
		unsigned pointer_size;
		bool big_endian;
		uint16_t machine;
	} kinds[] = {
		{8, false, EM_X86_64},
		{4, true, EM_PPC},
		{8, true, EM_S390},
		{4, false, EM_386},
	};

	for (size_t kind = 0; kind < 4; kind++) {
		struct writer_bytes core =
			make_small_core(kinds[kind].pointer_size, kinds[kind].big_endian, kinds[kind].machine);
		size_t opened = 0;
		for (size_t size = 0; size < core.size; size++) {
			/* A block of its own, so that the sanitizer sees what is read behind it. */
			struct writer_bytes cut = {core.data, size, 0};
			struct target *target = NULL;
			enum cpeek_status status = open_bytes(&cut, NULL, &error, &target);
			if (status != CPEEK_OK) {
				CHECK_EQ(status, CPEEK_IO);
				CHECK(error.text[0] && !target);
				continue;
			}
			opened++;
			CHECK(target->truncated);
			CHECK(target->missing_bytes > 0 || size < core.size - 32 - 0x300);
			walk(target);
			target_destroy(target);
		}
		CHECK(opened > core.size / 2);
		struct writer_bytes cut = {core.data, core.size - 20, 0};
		struct target *target = NULL;
		unsigned char buffer[16];
		size_t count;
		CHECK_EQ(open_bytes(&cut, NULL, &error, &target), CPEEK_OK);
		CHECK_EQ(target->missing_bytes, 20);
		CHECK_EQ(target_read_some(target, 0x600000, buffer, 16, &count), CPEEK_OK);
		CHECK_EQ(count, 12);
		CHECK_EQ(target_read(target, 0x600000, buffer, 16), CPEEK_FAULT);
		CHECK_EQ(target->fault_address, 0x60000c);
		CHECK_EQ(target->fault_hole, TARGET_HOLE_TRUNCATED);
		CHECK_EQ(target_read(target, 0x600010, buffer, 1), CPEEK_FAULT);
		CHECK_EQ(target->fault_hole, TARGET_HOLE_NOT_SAVED);
		CHECK_EQ(target_read(target, 0x700000, buffer, 1), CPEEK_FAULT);
		CHECK_EQ(target->fault_hole, TARGET_HOLE_TRUNCATED);
		target_destroy(target);
		free(core.data);
	}
}

static void open_damaged(const struct writer_bytes *core)
{
	struct target *target = NULL;
	enum cpeek_status status = open_bytes(core, NULL, &error, &target);

	CHECK(status == CPEEK_OK || status == CPEEK_IO);
	if (status == CPEEK_OK) {
		walk(target);
		target_destroy(target);
	}
}

static void test_damaged(void)
{
	static const unsigned char values[] = {0x00, 0x01, 0x7f, 0x80, 0xff};

	for (int kind = 0; kind < 2; kind++) {
		struct writer_bytes core =
			kind ? make_small_core(4, true, EM_PPC) : make_small_core(8, false, EM_X86_64);
		/* Each byte of the headers, the notes and the library's headers, one after the other. */
		for (size_t i = 0; i < core.size; i++) {
			unsigned char before = core.data[i];
			for (size_t j = 0; j < sizeof(values); j++) {
				core.data[i] = values[j];
				open_damaged(&core);
			}
			core.data[i] = before;
		}
		/* Each run of eight bytes: counts, sizes and addresses at their largest. */
		for (size_t i = 0; i + 8 <= core.size; i += 4) {
			unsigned char before[8];
			memcpy(before, core.data + i, 8);
			memset(core.data + i, 0xff, 8);
			open_damaged(&core);
			memcpy(core.data + i, before, 8);
		}
		free(core.data);
	}
}

static void test_overlapping_segments(void)
{
	unsigned char first[4 * PAGE], second[4 * PAGE], buffer[8 * PAGE];
	struct core_writer writer = writer_create(8, false, EM_X86_64);

	memset(first, '1', sizeof(first));
	memset(second, '2', sizeof(second));
	writer_segment(&writer, 0x12000, 4 * PAGE, second, 4 * PAGE, PF_R);
	writer_segment(&writer, 0x10000, 4 * PAGE, first, 4 * PAGE, PF_R);
	writer_segment(&writer, 0x11000, PAGE, second, PAGE, PF_R);
	writer_segment(&writer, 0xfffffffffffff000, UINT64_MAX, second, PAGE, PF_R); /* beyond the last address */
	struct target *target = open_writer(&writer, NULL);
	CHECK_EQ(target->mapping_count, 3);
	CHECK_EQ(target_read(target, 0x10000, buffer, 6 * PAGE), CPEEK_OK);
	CHECK_EQ(buffer[4 * PAGE - 1], '1');
	CHECK_EQ(buffer[4 * PAGE], '2');
	CHECK_EQ(target_read(target, 0x16000, buffer, 1), CPEEK_FAULT);
	walk(target);
	target_destroy(target);
}

static void test_many_segments(void)
{
	enum { COUNT = 70000 };
	struct core_writer writer = writer_create(8, false, EM_X86_64);
	uint64_t value;

	writer.use_xnum = true;
	for (uint64_t i = 0; i < COUNT; i++)
		writer_segment(&writer, 0x100000 + i * PAGE, 8, &i, 8, PF_R | PF_W);
	struct writer_bytes core = writer_finish(&writer);
	struct target *target = NULL;
	CHECK_EQ(open_bytes(&core, NULL, &error, &target), CPEEK_OK);
	CHECK_EQ(target->mapping_count, COUNT);
	for (uint64_t i = 0; i < COUNT; i += 6999) {
		CHECK_EQ(target_read_u64(target, 0x100000 + i * PAGE, &value), CPEEK_OK);
		CHECK_EQ(value, i);
	}
	target_destroy(target);
	/* The section header that has their number is at the end: gone when the core is cut off. */
	core.size -= 100;
	target = NULL;
	CHECK_EQ(open_bytes(&core, NULL, &error, &target), CPEEK_OK);
	CHECK(target->truncated);
	CHECK_EQ(target_read_u64(target, 0x100000 + (uint64_t)60000 * PAGE, &value), CPEEK_OK);
	CHECK_EQ(value, 60000);
	target_destroy(target);
	free(core.data);
	writer_destroy(&writer);
}

/* A core of 16 GiB, of which nothing is on the disk but its ends. */
static void test_sparse(void)
{
	struct core_writer writer = writer_create(8, false, EM_X86_64);
	uint64_t length = (uint64_t)16 << 30, value;
	struct writer_segment *segment = writer_segment(&writer, 0x10000, length, NULL, 0, PF_R | PF_W);
	struct target *target = NULL;
	char path[64];

	segment->filesz = length;
	segment->has_offset = true;
	segment->offset = PAGE;
	struct writer_bytes core = writer_finish(&writer);
	int fd = memfd_create("sparse", MFD_CLOEXEC);
	CHECK(fd >= 0 && write(fd, core.data, core.size) == (ssize_t)core.size);
	CHECK(pwrite(fd, "the end!", 8, (off_t)(PAGE + length - 8)) == 8);
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	CHECK_EQ(target_open_core(path, NULL, &error, &target), CPEEK_OK);
	CHECK(!target->truncated);
	CHECK_EQ(target_read_u64(target, 0x10000 + length / 2, &value), CPEEK_OK);
	CHECK_EQ(value, 0);
	CHECK_EQ(target_read_u64(target, 0x10000 + length - 8, &value), CPEEK_OK);
	CHECK(memcmp(&value, "the end!", 8) == 0);
	target_destroy(target);
	(void)close(fd);
	free(core.data);
	writer_destroy(&writer);
}

/* ---- Errors -------------------------------------------------------------------------------------------------- */

static void check_error(const char *path, enum cpeek_status status, const char *part)
{
	struct target *target = NULL;
	error.text[0] = '\0';
	CHECK_EQ(target_open_core(path, NULL, &error, &target), status);
	CHECK(!target);
	CHECK(strstr(error.text, part));
	CHECK(strstr(error.text, path));
	CHECK(!strchr(error.text, '\n'));
	if (!strstr(error.text, part))
		printf("    got: %s\n", error.text);
}

static void check_error_of_bytes(const char *bytes, size_t size, const char *part)
{
	const char *path = wrong_path;
	struct writer_bytes content = {(unsigned char *)(uintptr_t)bytes, size, 0};
	CHECK(writer_save(&content, path));
	check_error(path, CPEEK_IO, part);
}

static void test_errors(void)
{
	struct core_writer writer = writer_create(8, false, EM_X86_64);
	char self[256];

	check_error("/no/such/core", CPEEK_IO, "No such file");
	check_error(folder, CPEEK_IO, "is a directory");
	check_error(pipe_path, CPEEK_IO, "not a regular file");
	check_error_of_bytes("", 0, "is empty");
	check_error_of_bytes("hello\n", 6, "is not an ELF file");
	check_error_of_bytes("\x7f"
			     "ELF",
			     4, "damaged or cut off");
	check_error_of_bytes("\x28\xb5\x2f\xfd....", 8, "zstd");
	check_error_of_bytes("#!/usr/bin/python3\n", 19, "script");
	ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);
	CHECK(length > 0);
	self[length > 0 ? length : 0] = '\0';
	check_error(self, CPEEK_IO, "is an ELF executable, not a core; pass it with --exe");
	struct writer_bytes library = make_library(id_a, 't');
	check_error_of_bytes((char *)library.data, library.size, "shared library");
	free(library.data);
	struct writer_bytes nothing = writer_finish(&writer);
	check_error_of_bytes((char *)nothing.data, nothing.size, "without any segment");
	free(nothing.data);
	if (geteuid() != 0) { /* root may read all */
		const char *path = wrong_path;
		CHECK_EQ(chmod(path, 0), 0);
		check_error(path, CPEEK_PERMISSION, "Permission denied");
		CHECK_EQ(chmod(path, 0600), 0);
	}
}

static void test_hole_texts(void)
{
	for (int i = TARGET_HOLE_NONE; i <= TARGET_HOLE_REFUSED; i++) {
		CHECK(target_hole_text((enum target_hole)i)[0]);
		for (int j = TARGET_HOLE_NONE; j < i; j++)
			CHECK(strcmp(target_hole_text((enum target_hole)i), target_hole_text((enum target_hole)j)));
	}
}

static void test_read_that_fails(void)
{
	struct writer_bytes core = make_small_core(8, false, EM_X86_64);
	struct target *target = NULL;
	uint64_t value;
	char text[8];
	size_t count;

	CHECK_EQ(open_bytes(&core, NULL, &error, &target), CPEEK_OK);
	uint64_t before = target->reads;
	CHECK_EQ(target_read_u64(target, 0x600000, &value), CPEEK_OK);
	CHECK_EQ(target->reads, before + 1);
	CHECK(target_view(target, 0x600000, 8));
	target->fail_at = before + 3;
	CHECK(!target_view(target, 0x600000, 8)); /* so that each byte comes by a read that can be made to fail */
	CHECK_EQ(target_read_u64(target, 0x600000, &value), CPEEK_OK);
	CHECK_EQ(target_read_u64(target, 0x600000, &value), CPEEK_FAULT);
	CHECK_EQ(target->fault_address, 0x600000);
	CHECK_EQ(target->fault_hole, TARGET_HOLE_REFUSED);
	CHECK_EQ(target_read_u64(target, 0x600000, &value), CPEEK_OK); /* once */
	target->fail_at = target->reads + 1;
	CHECK_EQ(target_read_some(target, 0x600000, &value, 8, &count), CPEEK_FAULT);
	target->fail_at = target->reads + 1;
	CHECK_EQ(target_read_cstring(target, 0x600000, text, sizeof(text)), CPEEK_FAULT);
	target_destroy(target);
	free(core.data);
}

static void test_memory_that_fails(void)
{
	const char *path = library_path;
	struct writer_bytes library = make_library(id_a, 't');
	struct core_writer writer = writer_create(8, false, EM_X86_64);
	const struct writer_range ranges[] = {{0x500000, 0x501000, 0, path}, {0x501000, 0x502000, 1, path}};
	struct target_options options = {.sysroot = "/none", .exe = path};
	uint64_t failures = 0, n;
	bool done = false;

	CHECK(writer_save(&library, path));
	writer_prstatus(&writer, 5, 11, NULL, 0);
	writer_prpsinfo(&writer, 5, "small");
	writer_files(&writer, ranges, 2);
	writer_segment(&writer, 0x500000, PAGE, library.data, PAGE, PF_R);
	struct writer_bytes core = writer_finish(&writer);
	for (n = 1; n < 1000 && !done; n++) {
		struct target *target = NULL;
		uint32_t value = 0;
		memory_fail_at(n);
		enum cpeek_status status = open_bytes(&core, &options, &error, &target);
		if (status == CPEEK_OK)
			status = target_read_u32(target, 0x501000, &value);
		bool failed = status != CPEEK_OK;
		if (failed)
			CHECK_EQ(status, CPEEK_NO_MEMORY);
		memory_fail_at(0);
		if (target) { /* once there is memory again, it goes on */
			CHECK_EQ(target_read_u32(target, 0x501000, &value), CPEEK_OK);
			CHECK_EQ(value, 0x74747474);
		}
		failures += failed;
		done = !failed;
		target_destroy(target);
	}
	CHECK(done && failures > 10);
	free(core.data);
	writer_destroy(&writer);

	/* The same without NT_FILE. */
	writer = writer_create(8, false, EM_X86_64);
	writer_segment(&writer, 0x500000, PAGE, library.data, PAGE, PF_R);
	core = writer_finish(&writer);
	done = false;
	for (n = 1, failures = 0; n < 1000 && !done; n++) {
		struct target *target = NULL;
		memory_fail_at(n);
		enum cpeek_status status = open_bytes(&core, NULL, &error, &target);
		memory_fail_at(0);
		CHECK(status == CPEEK_OK || status == CPEEK_NO_MEMORY);
		done = status == CPEEK_OK;
		CHECK(!done || target->module_count == 1);
		failures += !done;
		target_destroy(target);
	}
	CHECK(done && failures > 5);
	free(core.data);
	free(library.data);
	writer_destroy(&writer);
}

/* A file of less than a page of code: where its data begins, its first page is mapped once more. qemu-user saves only
 * that one. */
static void test_header_in_front_of_data(void)
{
	struct core_writer library = writer_create(8, true, EM_S390);
	struct core_writer writer = writer_create(8, true, EM_S390);

	library.type = ET_DYN;
	writer_segment(&library, 0, 0xc00, NULL, 0, PF_R | PF_X)->has_offset = true;
	struct writer_segment *data = writer_segment(&library, 0x1c00, 0x200, NULL, 0, PF_R | PF_W);
	data->has_offset = true;
	data->offset = 0xc00;
	library.segments[0].filesz = 0xc00;
	library.segments[1].filesz = 0x200;
	struct writer_bytes bytes = writer_finish(&library);
	writer_append(&bytes, NULL, PAGE - bytes.size);
	writer_segment(&writer, 0x10000, PAGE, NULL, 0, PF_R | PF_X);
	writer_segment(&writer, 0x11000, PAGE, bytes.data, PAGE, PF_R | PF_W);
	struct target *target = open_writer(&writer, NULL);
	CHECK_EQ(target->module_count, 1);
	CHECK(target->module_count == 1 && target->modules[0].start == 0x10000);
	target_destroy(target);
	free(bytes.data);
	writer_destroy(&library);
}

/* ---- Lent memory --------------------------------------------------------------------------------------------- */

struct lent_bytes {
	uint64_t start;
	unsigned char bytes[3 * PAGE + 100];
	unsigned reads;
};

static int32_t read_lent(void *arg, uint64_t address, void *buffer, uint64_t length)
{
	struct lent_bytes *lent = arg;
	lent->reads++;
	if (address < lent->start || address - lent->start > sizeof(lent->bytes) ||
	    length > sizeof(lent->bytes) - (address - lent->start))
		return -1;
	memcpy(buffer, lent->bytes + (address - lent->start), length);
	return 0;
}

static void test_lent(void)
{
	static struct lent_bytes lent = {.start = 0x400000};
	struct writer_bytes library = make_library(id_a, 't');
	const struct cpeek_module modules[] = {{"/no/such/lib.so", 0x400000}, {"/no/such/other", 0x800000}};
	const struct cpeek_thread threads[] = {{12, 0x1000}, {10, 0}};
	struct cpeek_memory memory = {.struct_size = sizeof(memory),
				      .pointer_size = 8,
				      .machine = EM_X86_64,
				      .read = read_lent,
				      .arg = &lent,
				      .modules = modules,
				      .module_count = 2,
				      .threads = threads,
				      .thread_count = 2};
	struct target *target = NULL;
	unsigned char buffer[PAGE];
	uint64_t value;
	char text[200];
	size_t count;

	memcpy(lent.bytes, library.data, library.size);
	memset(lent.bytes + 3 * PAGE, 'e', 100);
	CHECK_EQ(target_open_lent(&memory, NULL, &error, &target), CPEEK_OK);
	CHECK_EQ(target->kind, TARGET_LENT);
	CHECK_EQ(target->thread_count, 2);
	CHECK_EQ(target->threads[0].native_id, 12);
	CHECK_EQ(target->threads[0].thread_pointer, 0x1000);
	CHECK_EQ(target->module_count, 2);
	CHECK_EQ(target->modules[0].bias, 0x3f0000);
	CHECK(memcmp(target->modules[0].build_id, id_a, 20) == 0);
	CHECK_EQ(target->mapping_count, 4);
	CHECK(!target->modules[1].has_bias);
	/* A page is read once, until the target has run. */
	CHECK_EQ(target_read_u64(target, 0x401000, &value), CPEEK_OK);
	CHECK_EQ(value, 0x7474747474747474);
	unsigned reads = lent.reads;
	for (uint64_t at = 0x401000; at < 0x402000; at += 8)
		CHECK_EQ(target_read_u64(target, at, &value), CPEEK_OK);
	CHECK_EQ(lent.reads, reads);
	memset(lent.bytes, 'n', sizeof(lent.bytes));
	CHECK_EQ(target_read_u64(target, 0x401000, &value), CPEEK_OK);
	CHECK_EQ(value, 0x7474747474747474);
	CHECK_EQ(target_refresh(target), CPEEK_OK);
	CHECK_EQ(target_read_u64(target, 0x401000, &value), CPEEK_OK);
	CHECK_EQ(value, 0x6e6e6e6e6e6e6e6e);
	CHECK(!target_view(target, 0x401000, 8));
	/* The last page is there in part only: what the debugger has of it can be had. */
	CHECK_EQ(target_read(target, 0x402ff0, buffer, 116), CPEEK_OK);
	CHECK_EQ(target_read(target, 0x403000, buffer, 101), CPEEK_FAULT);
	CHECK_EQ(target->fault_hole, TARGET_HOLE_REFUSED);
	memcpy(lent.bytes + 3 * PAGE + 80, "the end", 8);
	CHECK_EQ(target_read_cstring(target, 0x403050, text, sizeof(text)), CPEEK_OK);
	CHECK_TEXT(text, "the end");
	CHECK_EQ(target_read_some(target, 0x402ff8, buffer, 8, &count), CPEEK_OK);
	CHECK_EQ(count, 8);
	CHECK_EQ(target_read(target, 0x100, buffer, 1), CPEEK_FAULT);
	target_destroy(target);
	free(library.data);

	/* No header in memory: the file that has the module's path here tells where its segments are. */
	library = make_library(id_a, 't');
	CHECK(writer_save(&library, library_path));
	const struct cpeek_module elsewhere = {library_path, 0x900000};
	memory.modules = &elsewhere;
	memory.module_count = 1;
	CHECK_EQ(target_open_lent(&memory, NULL, &error, &target), CPEEK_OK);
	CHECK_EQ(target->mapping_count, 3);
	CHECK_EQ(target->mappings[2].start, 0x902000);
	CHECK(target->mappings[1].executable && target->mappings[2].writable);
	target_destroy(target);
	unsigned failures = 0;
	for (uint64_t n = 1; n < 60; n++) { /* without its cache it goes on */
		memory_fail_at(n);
		enum cpeek_status status = target_open_lent(&memory, NULL, &error, &target);
		memory_fail_at(0);
		CHECK(status == CPEEK_OK || status == CPEEK_NO_MEMORY);
		failures += status == CPEEK_NO_MEMORY;
		if (status == CPEEK_OK)
			target_destroy(target);
	}
	CHECK(failures > 5);
	free(library.data);

	memory.pointer_size = 3;
	CHECK_EQ(target_open_lent(&memory, NULL, &error, &target), CPEEK_USAGE);
}

/* ---- Symbols in memory alone --------------------------------------------------------------------------------- */

static int32_t read_own(void *arg, uint64_t address, void *buffer, uint64_t length)
{
	int fd = *(int *)arg;
	return pread(fd, buffer, length, (off_t)address) == (ssize_t)length ? 0 : -1;
}

static int find_libc(struct dl_phdr_info *info, size_t size, void *arg)
{
	(void)size;
	if (!strstr(info->dlpi_name, "libc.so"))
		return 0;
	*(uint64_t *)arg = info->dlpi_addr;
	return 1;
}

static void test_symbols_without_a_file(void)
{
	int fd = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
	struct cpeek_module module = {"/no/such/libc.so.6", 0};
	struct cpeek_memory memory = {.struct_size = sizeof(memory),
				      .pointer_size = sizeof(void *),
				      .read = read_own,
				      .arg = &fd,
				      .modules = &module,
				      .module_count = 1};
	struct target *target = NULL;
	target_addr at = 0;
	uint64_t size = 0;

	CHECK(fd >= 0);
	CHECK(dl_iterate_phdr(find_libc, &module.load_address) == 1);
	CHECK_EQ(target_open_lent(&memory, NULL, &error, &target), CPEEK_OK);
	CHECK_EQ(target_find_symbol(target, &target->modules[0], "getppid", &at, &size), CPEEK_OK);
	CHECK_EQ(at, (uint64_t)(uintptr_t)dlsym(RTLD_NEXT, "getppid"));
	CHECK(size > 0);
	CHECK_EQ(target_find_symbol(target, &target->modules[0], "environ", &at, &size), CPEEK_OK);
	CHECK_EQ(size, sizeof(void *));
	CHECK_EQ(target_find_symbol(target, &target->modules[0], "_PyRuntime", &at, &size), CPEEK_NOT_FOUND);
	CHECK_EQ(target_find_section(target, &target->modules[0], ".text", &at, &size), CPEEK_NOT_FOUND);
	CHECK_EQ(target->modules[0].state, TARGET_FILE_MISSING);
	target_destroy(target);
	(void)close(fd);
}

/* A core of this process without NT_FILE: the files are found by their headers and by ld.so's list. */
static void test_core_without_file_note(bool has_auxv)
{
	struct core_writer writer = writer_create(sizeof(void *), false, EM_X86_64);
	FILE *maps = fopen("/proc/self/maps", "r");
	int fd = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
	char line[512];
	target_addr at;
	uint64_t size, bias = 0;

	CHECK(maps && fd >= 0);
	if (has_auxv) {
		const uint64_t auxv[] = {AT_PHDR, getauxval(AT_PHDR), AT_EXECFN, getauxval(AT_EXECFN)};
		writer_auxv(&writer, auxv, 2);
	}
	while (maps && fgets(line, sizeof(line), maps)) {
		char *rest;
		uint64_t start = strtoull(line, &rest, 16);
		uint64_t end = strtoull(rest + 1, &rest, 16);
		if (rest[1] != 'r' || end - start > ((size_t)4 << 20) || strstr(line, "[vv"))
			continue;
		unsigned char *bytes = malloc(end - start);
		if (bytes && pread(fd, bytes, end - start, (off_t)start) == (ssize_t)(end - start))
			writer_segment(&writer, start, end - start, bytes, end - start, PF_R);
		free(bytes);
	}
	if (maps)
		(void)fclose(maps);
	(void)close(fd);
	struct target *target = open_writer(&writer, NULL);
	CHECK(dl_iterate_phdr(find_libc, &bias) == 1);
	const struct target_module *libc = target_find_module(target, bias);
	CHECK(libc && libc->has_bias && libc->bias == bias);
	CHECK(libc && strstr(libc->path, "/libc.so.6"));
	if (libc) {
		CHECK_EQ(target_find_symbol(target, libc, "getppid", &at, &size), CPEEK_OK);
		CHECK_EQ(at, (uint64_t)(uintptr_t)dlsym(RTLD_NEXT, "getppid"));
		CHECK_EQ(libc->state, TARGET_FILE_VERIFIED);
	}
	/* DT_DEBUG tells the executable, AT_EXECFN its name, DT_SONAME that of what no list has. */
	CHECK(target->module_count > 2 && target_find_module(target, (uintptr_t)&error) == &target->modules[0]);
	CHECK_TEXT(target->modules[0].path, has_auxv ? (const char *)getauxval(AT_EXECFN) : "");
	const struct target_module *vdso = target_find_module(target, getauxval(AT_SYSINFO_EHDR));
	CHECK_TEXT(vdso ? vdso->path : "", "linux-vdso.so.1");
	target_destroy(target);
}

int main(void)
{
	if (!mkdtemp(folder)) {
		printf("no folder for the tests\n");
		return 1;
	}
	(void)snprintf(library_path, sizeof(library_path), "%s/lib.so", folder);
	(void)snprintf(wrong_path, sizeof(wrong_path), "%s/wrong", folder);
	(void)snprintf(pipe_path, sizeof(pipe_path), "%s/pipe", folder);
	test_segments();
	test_big_endian_32();
	test_little_endian_32_and_big_endian_64();
	test_aarch64();
	test_not_saved();
	test_notes();
	test_module_file();
	test_written_data_is_not_taken_from_the_file();
	test_header_from_the_file();
	test_same_file_twice();
	test_truncated();
	test_damaged();
	test_overlapping_segments();
	test_many_segments();
	test_sparse();
	test_errors();
	test_hole_texts();
	test_read_that_fails();
	test_memory_that_fails();
	test_lent();
	test_symbols_without_a_file();
	test_header_in_front_of_data();
	test_core_without_file_note(false);
	test_core_without_file_note(true);
	CHECK_EQ(unlink(library_path), 0);
	CHECK_EQ(unlink(wrong_path), 0);
	CHECK_EQ(unlink(pipe_path), 0);
	CHECK_EQ(rmdir(folder), 0);
	return check_report();
}
