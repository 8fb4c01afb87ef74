/*
 * What the notes of a core tell: threads, the process, its auxiliary vector, which files were mapped where.
 */
#ifndef TARGET_CORE_NOTES_H
#define TARGET_CORE_NOTES_H

#include "base/vector.h"
#include "target/target.h"

struct core_range {
	target_addr start, end;
	uint64_t offset;  /* in the file, bytes */
	const char *path; /* in the core's bytes, NUL-terminated */
};

struct core_notes {
	VECTOR(struct target_thread) threads;
	VECTOR(struct core_range) ranges;   /* of NT_FILE, in the order in which they are there */
	target_addr program_headers, entry; /* AT_PHDR, AT_ENTRY; 0: not there */
	target_addr ld_so;                  /* AT_BASE: where ld.so begins; 0: not there, or a static executable */
	target_addr executable_name;        /* AT_EXECFN: of its text */
	bool seen;                          /* any note */
	bool by_debugger;                   /* gcore wrote it: nothing killed the process */
	const unsigned char *registers;     /* of the last thread, while its notes are read */
	size_t registers_size;
};

/* Reads one PT_NOTE segment; NO_MEMORY. Sets the target's pid, signal, signal_address and command. */
enum cpeek_status core_notes_read(struct core_notes *notes, struct target *target, const unsigned char *bytes,
				  size_t size, uint64_t align);
void core_notes_deinit(struct core_notes *notes);

#endif
