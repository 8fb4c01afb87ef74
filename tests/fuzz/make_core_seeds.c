/*
 * Writes the seeds of fuzz_core into the folder that is given: small cores of each class and byte order, with what
 * real ones have, and some that are damaged. (The corpus also has the cores qemu-… of ../unit/test_core.c, and some of
 * all these packed by gzip, xz, zstd and lz4.)
 */
#include "../unit/core_writer.h"

#include <errno.h>
#include <signal.h>
#include <sys/stat.h>

enum { PAGE = 4096 };

/* A module's first page: an ELF header, a build id, and a dynamic section with one symbol. */
static struct writer_bytes make_module(unsigned pointer_size, bool big_endian, uint16_t machine)
{
	struct core_writer writer = writer_create(pointer_size, big_endian, machine);
	static const struct {
		uint32_t type;
		uint64_t at, size;
	} parts[] = {
		{PT_LOAD, 0, PAGE},
		{PT_NOTE, 0x200, 36},
		{PT_DYNAMIC, 0x300, 0x80},
	};
	struct writer_bytes dynamic = {0}, hash = {0}, symbols = {0}, note = {0};
	const uint64_t entries[] = {DT_HASH,   0x400, DT_SYMTAB, 0x440,
				    DT_STRTAB, 0x480, DT_SYMENT, pointer_size == 8 ? 24 : 16,
				    DT_NULL,   0};

	writer.type = ET_DYN;
	for (int i = 0; i < 3; i++) {
		struct writer_segment *segment = writer_segment(&writer, parts[i].at, parts[i].size, NULL, 0, PF_R);
		segment->type = parts[i].type;
		segment->filesz = parts[i].size;
		segment->has_offset = true;
		segment->offset = parts[i].at;
	}
	struct writer_bytes module = writer_finish(&writer);
	writer_append(&module, NULL, 0x500 - module.size);
	writer_integer(&writer, &note, 4, 4);
	writer_integer(&writer, &note, 20, 4);
	writer_integer(&writer, &note, NT_GNU_BUILD_ID, 4);
	writer_append(&note, "GNU\0aaaaaaaaaaaaaaaaaaaa", 24);
	memcpy(module.data + 0x200, note.data, note.size);
	for (size_t i = 0; i < sizeof(entries) / sizeof(*entries); i++)
		writer_word(&writer, &dynamic, entries[i]);
	memcpy(module.data + 0x300, dynamic.data, dynamic.size);
	/* One bucket, a chain of two: symbol 1 is the one. */
	const uint64_t words[] = {1, 2, 1, 0, 0};
	for (size_t i = 0; i < 5; i++)
		writer_integer(&writer, &hash, words[i], machine == EM_S390 ? 8 : 4);
	memcpy(module.data + 0x400, hash.data, hash.size);
	writer_append(&symbols, NULL, pointer_size == 8 ? 24 : 16);
	writer_integer(&writer, &symbols, 1, 4);
	if (pointer_size == 8)
		writer_append(&symbols, big_endian ? "\x11\0\0\1" : "\x11\0\1\0", 4);
	writer_word(&writer, &symbols, 0x123);
	writer_word(&writer, &symbols, 8);
	if (pointer_size == 4)
		writer_append(&symbols, big_endian ? "\x11\0\0\1" : "\x11\0\1\0", 4);
	memcpy(module.data + 0x440, symbols.data, symbols.size);
	memcpy(module.data + 0x480, "\0_PyRuntime", 12);
	free(note.data);
	free(dynamic.data);
	free(hash.data);
	free(symbols.data);
	writer_destroy(&writer);
	return module;
}

static struct writer_bytes make_core(unsigned pointer_size, bool big_endian, uint16_t machine, bool has_files)
{
	struct core_writer writer = writer_create(pointer_size, big_endian, machine);
	struct writer_bytes module = make_module(pointer_size, big_endian, machine);
	uint64_t registers[27] = {0};
	const uint64_t auxv[] = {AT_PHDR, 0x500040, AT_ENTRY, 0x500100, AT_EXECFN, 0x600000};
	const struct writer_range ranges[] = {{0x500000, 0x501000, 0, "/no/such/exe"},
					      {0x501000, 0x502000, 1, "/no/such/exe"},
					      {0x700000, 0x701000, 0, "/no/such/data"}};

	writer_prstatus(&writer, 5, SIGSEGV, registers, 27);
	writer_prpsinfo(&writer, 5, "python3 seed.py");
	writer_siginfo(&writer, SIGSEGV, 1, 0x10);
	writer_auxv(&writer, auxv, 3);
	if (has_files)
		writer_files(&writer, ranges, 3);
	writer_prstatus(&writer, 6, 0, registers, 27);
	writer_segment(&writer, 0x500000, PAGE, module.data, module.size, PF_R);
	writer_segment(&writer, 0x501000, PAGE, NULL, 0, PF_R | PF_X);
	writer_segment(&writer, 0x600000, PAGE, "/no/such/exe", 13, PF_R | PF_W);
	struct writer_bytes core = writer_finish(&writer);
	writer_destroy(&writer);
	free(module.data);
	return core;
}

static const char *folder;

static int save(struct writer_bytes *bytes, const char *name)
{
	char path[4096];
	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	bool good = writer_save(bytes, path);
	if (!good)
		perror(path);
	free(bytes->data);
	return !good;
}

int main(int argc, char **argv)
{
	int failed = 0;

	if (argc != 2) {
		(void)fprintf(stderr, "usage: make_core_seeds FOLDER\n");
		return 2;
	}
	folder = argv[1];
	if (mkdir(folder, 0777) != 0 && errno != EEXIST) {
		perror(folder);
		return 1;
	}
	struct writer_bytes core = make_core(8, false, EM_X86_64, true);
	failed += save(&core, "x86_64");
	core = make_core(8, false, EM_X86_64, false);
	failed += save(&core, "x86_64-no-files");
	core = make_core(4, false, EM_386, true);
	failed += save(&core, "i386");
	core = make_core(4, true, EM_PPC, false);
	failed += save(&core, "ppc-no-files");
	core = make_core(8, true, EM_S390, true);
	failed += save(&core, "s390x");

	core = make_core(8, false, EM_X86_64, true);
	core.size = 700; /* inside the notes */
	failed += save(&core, "cut-in-notes");
	core = make_core(8, false, EM_X86_64, true);
	core.size = 100; /* inside the program headers */
	failed += save(&core, "cut-in-headers");
	core = make_core(8, false, EM_X86_64, true);
	memset(core.data + 56, 0xff, 2); /* e_phnum: PN_XNUM without a section */
	failed += save(&core, "xnum-without-section");
	core = make_core(8, false, EM_X86_64, true);
	memset(core.data + 64 + 8, 0xff, 48); /* all of the first program header but its type */
	failed += save(&core, "huge-note");
	core = (struct writer_bytes){0};
	writer_append(&core,
		      "\x7f"
		      "ELF",
		      4);
	failed += save(&core, "magic-alone");
	core = (struct writer_bytes){0};
	writer_append(&core, "#!/usr/bin/python3\n", 19);
	failed += save(&core, "script");
	return failed != 0;
}
