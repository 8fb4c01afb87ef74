/*
 * Symbols out of PT_DYNAMIC in the target's memory, as ld.so itself finds them: for modules without a file here, and
 * for files without section headers.
 */
#ifndef TARGET_DYNAMIC_H
#define TARGET_DYNAMIC_H

#include "target/elf_header.h"
#include "target/target.h"

/* Entries of the dynamic section; 0: not there. Addresses have the bias. */
struct dynamic {
	target_addr symbols, strings, gnu_hash, hash;
	uint64_t symbol_size;
	target_addr debug; /* struct r_debug: only in an executable that ld.so started */
	bool has_soname;
	uint64_t soname; /* offset in strings */
};

/* Reads it through the module's segments, bias, start and end; FAULT, NOT_FOUND when there is none. */
enum cpeek_status dynamic_read(struct target *target, const struct target_module *module, struct dynamic *ret);

/* A defined symbol of .dynsym; the address has its bias. NOT_FOUND, also when the tables cannot be read. */
enum cpeek_status dynamic_find_symbol(struct target *target, const struct target_module *module, const char *name,
				      target_addr *ret, uint64_t *ret_size);

enum dynamic_match {
	DYNAMIC_UNKNOWN, /* one of the two has none that can be read */
	DYNAMIC_SAME,
	DYNAMIC_OTHER,
};

/* Whether the target's PT_DYNAMIC is that of a file with this header, which is loaded with this bias: some twenty
 * addresses and sizes, that another build would hardly all share. For a target that shows no build id. */
enum dynamic_match dynamic_compare(struct target *target, target_addr bias, const struct elf_header *header,
				   const unsigned char *bytes, size_t size);

#endif
