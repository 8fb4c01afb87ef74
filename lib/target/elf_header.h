/*
 * An ELF header and its program headers, of any class and byte order, from bytes of a file or of a target's memory.
 * Knows libelf, no target.
 */
#ifndef TARGET_ELF_HEADER_H
#define TARGET_ELF_HEADER_H

#include "base/status.h"

struct elf_segment {
	uint32_t type;  /* PT_… */
	uint32_t flags; /* PF_… */
	uint64_t offset, vaddr, filesz, memsz, align;
};

struct elf_header {
	unsigned pointer_size; /* 4 or 8 */
	bool big_endian;
	unsigned machine; /* EM_… */
	unsigned type;    /* ET_… */
	struct elf_segment *segments;
	size_t segment_count;
	bool cut; /* the bytes end before the last program header */
};

/* CORRUPT when bytes do not start with a whole ELF header; NO_MEMORY. Program headers behind the end of the bytes are
 * left out. The bytes may go once this returns. */
enum cpeek_status elf_header_init(struct elf_header *header, const void *bytes, size_t size);
/* Accepts a zeroed one. */
void elf_header_deinit(struct elf_header *header);

#endif
