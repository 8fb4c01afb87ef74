/*
 * One ELF file on this machine: its bytes, its build id, its symbols and sections. All addresses are the file's own
 * (st_value, sh_addr); the module that uses it adds the bias. Knows libelf, no target.
 */
#ifndef TARGET_ELF_FILE_H
#define TARGET_ELF_FILE_H

#include "target/elf_header.h"
#include "target/note.h"

struct elf_file {
	const unsigned char *bytes; /* the whole file, mapped */
	size_t size;
	struct elf_header header; /* all zero when it is no ELF file */
	uint8_t build_id[NOTE_BUILD_ID_MAX];
	uint8_t build_id_length;        /* 0: none */
	bool has_symbol_table;          /* a .dynsym or .symtab that a section header names */
	bool has_local_symbols;         /* a .symtab */
	bool symbols_only;              /* a separate debug file: its sections have no bytes */
	struct Elf *elf;                /* NULL when it is no ELF file */
	bool allocated;                 /* bytes are memory_alloc()'s, not mapped */
	struct elf_function *functions; /* by address; NULL: not listed yet */
	size_t function_count;
	bool functions_listed;
};

/* Maps a regular file; one that is no ELF file too, for its bytes. NOT_FOUND when there is no such regular file that
 * we may read (nothing else is ever opened: the path may come from a core); NO_MEMORY. */
enum cpeek_status elf_file_open(const char *path, struct elf_file **ret);
/* The same of bytes in memory, from memory_alloc(), which it takes over; NO_MEMORY: they are freed then. */
enum cpeek_status elf_file_open_bytes(unsigned char *bytes, size_t size, struct elf_file **ret);
/* Accepts NULL. */
void elf_file_close(struct elf_file *file);

struct elf_file_symbol {
	uint64_t value, size;
	bool absolute; /* SHN_ABS: no bias is to be added */
};

/* A defined symbol, of .dynsym first and of .symtab then; NOT_FOUND. */
enum cpeek_status elf_file_find_symbol(const struct elf_file *file, const char *name, struct elf_file_symbol *ret);
/* The reverse: the name of the function or variable that the bytes at value belong to, of .dynsym and .symtab; of
 * several the one that begins last, and of those a global one. They are listed at first use. NOT_FOUND, NO_MEMORY; the
 * name lives as long as the file. */
enum cpeek_status elf_file_find_function(struct elf_file *file, uint64_t value, const char **ret,
					 uint64_t *ret_offset);
/* A section that is loaded (SHF_ALLOC): its sh_addr and sh_size; NOT_FOUND. */
enum cpeek_status elf_file_find_section(const struct elf_file *file, const char *name, uint64_t *ret_address,
					uint64_t *ret_size);
/* The bytes of any section, in the file's own; NOT_FOUND. */
enum cpeek_status elf_file_find_bytes(const struct elf_file *file, const char *name, const unsigned char **ret,
				      size_t *ret_size);

#endif
