/*
 * The files that are mapped into a core without an NT_FILE note (of qemu-user, or of gcore and cut off before its
 * notes): found by the ELF headers in its memory and in ld.so's list, which also names them. qemu-user saves no header
 * of a file whose first segment is executable, as it is on most machines but x86: then the file itself must show it,
 * and is taken when its PT_DYNAMIC is where ld.so says.
 */
#ifndef TARGET_CORE_IMAGES_H
#define TARGET_CORE_IMAGES_H

#include "base/arena.h"
#include "target/core_notes.h"

struct core_place {
	target_addr start, end;
	uint32_t flags; /* PF_… */
};

/* Looks at the start of each of the places, which are the core's segments by address, for an ELF header, and at ld.so's
 * list; adds the ranges of what it finds to notes->ranges, with paths in arena, and sets notes->entry if the notes did
 * not tell where the executable is. */
enum cpeek_status core_images_find(struct target *target, const struct core_place *places, size_t count,
				   struct core_notes *notes, struct arena *arena);

#endif
