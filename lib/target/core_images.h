/*
 * The files that are mapped into a core without an NT_FILE note (of qemu-user, or of gcore and cut off before its
 * notes): found by the ELF headers in its memory, named by ld.so's list.
 */
#ifndef TARGET_CORE_IMAGES_H
#define TARGET_CORE_IMAGES_H

#include "base/arena.h"
#include "target/core_notes.h"

/* Looks at each of these addresses, where a segment begins, for an ELF header; adds the ranges of what it finds to
 * notes->ranges, with paths in arena, and sets notes->entry if the notes did not tell where the executable is. */
enum cpeek_status core_images_find(struct target *target, const target_addr *starts, size_t count,
				   struct core_notes *notes, struct arena *arena);

#endif
