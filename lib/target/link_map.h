/*
 * ld.so's list of what it has loaded, in the target's memory (glibc's elf/link.h; musl's is the same).
 */
#ifndef TARGET_LINK_MAP_H
#define TARGET_LINK_MAP_H

#include "target/target.h"

enum { LINK_MAP_LIMIT = 4096 }; /* links that are followed; a longer list is taken for damage */

struct link_map_entry {
	target_addr bias;    /* l_addr */
	target_addr name;    /* l_name: of a text, empty for the executable */
	target_addr dynamic; /* l_ld: where its PT_DYNAMIC is */
	target_addr next;    /* l_next; 0: the last */
};

/* struct r_debug, found by what must stand in it, for an executable whose DT_DEBUG cannot be found. ld_so: where ld.so
 * was loaded (AT_BASE). NOT_FOUND. */
enum cpeek_status link_map_find_debug(struct target *target, target_addr ld_so, target_addr *ret);
/* The first link, of a struct r_debug; FAULT. */
enum cpeek_status link_map_read_first(struct target *target, target_addr debug, target_addr *ret);
enum cpeek_status link_map_read(struct target *target, target_addr link, struct link_map_entry *ret);

#endif
