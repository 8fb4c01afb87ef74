/*
 * The ELF files that are mapped into a target: which mappings make one, where it was loaded (module.c), which file on
 * this machine it is, and whether that one's bytes may be used (module_file.c).
 */
#ifndef TARGET_MODULE_H
#define TARGET_MODULE_H

#include "target/elf_file.h"
#include "target/target.h"

enum { MODULE_NONE = UINT32_MAX };

struct module_mapping {
	struct target_mapping mapping; /* its module is set by module_build() */
	const char *path;              /* NULL when anonymous */
	bool access_unknown;           /* readable and the like are to be had from the program headers */
};

/* Makes the target's mappings and modules out of these (by start, not overlapping), in the place of those that it has;
 * keeps those on failure. The module that holds inside_executable becomes the first; 0: not known. */
enum cpeek_status module_build(struct target *target, const struct module_mapping *mappings, size_t count,
			       target_addr inside_executable);
/* Frees the target's mappings and modules. */
void module_free_all(struct target *target);

/* From a mapping that starts at start with the file's byte offset, and shows one of the PT_LOADs: from where that one
 * lies in the file and in memory follows what was added to all addresses. */
bool module_find_bias(const struct elf_segment *segments, size_t count, target_addr start, uint64_t length,
		      uint64_t offset, target_addr *ret);

/* Finds and checks the module's file, once. */
enum cpeek_status module_load(struct target *target, struct target_module *module);
/* Makes target->build_ids of target->debug_dirs, once. NO_MEMORY. */
enum cpeek_status module_need_build_ids(struct target *target);
/* Symbols of the module's file that only its separate debug file has, or its .gnu_debugdata: NULL when there is none.
 * NO_MEMORY. Looks for it once. */
enum cpeek_status module_load_debug(struct target *target, struct target_module *module, const struct elf_file **ret);
/* The bytes around addr from the module's file, where the target cannot have changed them and its mapping is not
 * saved. false: *hole may be made more exact. */
bool module_window(struct target *target, target_addr addr, struct target_window *ret, enum target_hole *hole);

#endif
