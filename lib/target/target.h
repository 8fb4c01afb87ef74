/*
 * Bytes at an address: of a core file, a live process, or memory that a debugger lends. Also what else the operating
 * system tells of the target: its threads, its mappings, and the ELF files that are mapped into it.
 * Knows ELF and the kernel, and no Python.
 *
 * Memory that cannot be had is a hole with a reason, never zeroes. In a core, p_filesz < p_memsz means "not saved":
 * such bytes come from the ELF file on disk once its build id was found equal to the one in the core.
 */
#ifndef TARGET_TARGET_H
#define TARGET_TARGET_H

#include "base/status.h"

typedef uint64_t target_addr; /* an address in the target; never a host pointer */

enum target_hole {
	TARGET_HOLE_NONE,
	TARGET_HOLE_UNMAPPED,  /* no mapping has this address */
	TARGET_HOLE_NOT_SAVED, /* mapped, but not in the core, and no file has it */
	TARGET_HOLE_TRUNCATED, /* past the end of a core that was cut off */
	TARGET_HOLE_MISMATCH,  /* only a file with another build id has it */
	TARGET_HOLE_REFUSED,   /* the kernel or the debugger refused the read */
	TARGET_HOLE_GONE,      /* the process has ended, or become another program */
};

enum target_kind { TARGET_CORE, TARGET_LIVE, TARGET_LENT };

struct target_thread {
	uint64_t native_id;         /* LWP: pr_pid of NT_PRSTATUS, or the tid */
	uint64_t inner_id;          /* the same in the target's own PID namespace, which gettid() there answers */
	target_addr thread_pointer; /* fs_base on x86-64; 0 when not known */
	target_addr stack_pointer;  /* 0 when not known */
	target_addr program_counter;
	int signal; /* pr_cursig, 0 if none */
};

enum target_file_state {
	TARGET_FILE_UNKNOWN,    /* not looked for yet: target_load_module() does, and so does the first use */
	TARGET_FILE_VERIFIED,   /* its build id equals the one in the target's memory */
	TARGET_FILE_UNVERIFIED, /* one side has no build id: used only if both have some bytes, and all are equal */
	TARGET_FILE_MISMATCH,   /* another build id or, without one, other bytes: not used unless use_mismatched */
	TARGET_FILE_MISSING,    /* no such file here */
};

/* One ELF file of the target. Mappings of the same file make one module. */
struct target_module {
	char *path;             /* as the target saw it */
	char *file;             /* where it was found here; NULL when it was not */
	target_addr start, end; /* from its first to behind its last mapping, .bss included */
	target_addr bias;       /* what is added to st_value and p_vaddr */
	bool has_bias;          /* false when neither memory nor file shows program headers */
	bool has_elf_header;    /* mapped from offset 0 with an ELF magic, in memory or in the file */
	uint8_t build_id[64], file_build_id[64];
	uint8_t build_id_length, file_build_id_length; /* 0: none */
	enum target_file_state state;
	struct elf_file *elf;         /* internal from here: the file */
	bool usable;                  /* its bytes may stand for the target's */
	struct elf_segment *segments; /* its program headers, from memory or from the file */
	size_t segment_count;
	bool downloaded;        /* debuginfod was asked for it */
	bool debug_known;       /* debug was looked for */
	struct elf_file *debug; /* has symbols that elf lacks; NULL: there is none */
};

struct target_mapping {
	target_addr start, end;
	target_addr
		saved_end; /* [start, saved_end) needs no file; start when nothing was saved, end when not a core */
	bool readable, writable, executable;
	bool saved;      /* saved_end > start */
	uint32_t module; /* index, UINT32_MAX when anonymous */
	uint64_t offset; /* in that file, bytes */
};

struct target_options {
	const char *exe;        /* file to use for the executable; may be NULL */
	const char *sysroot;    /* may be NULL */
	const char *debug_dirs; /* folders to search by build id, separated by colons; may be NULL */
	bool no_pause;
	bool use_mismatched;           /* use files whose build id differs */
	const struct cpeek_host *host; /* told how far the opening is, and asked whether to go on; may be NULL */
};

struct target;

/* A run of the target's bytes that lies in our own memory. */
struct target_window {
	target_addr start;
	uint64_t size;
	const unsigned char *bytes;
	bool from_file; /* a module's file, not the target itself */
};

/* What a kind of target does: window answers the longest run around addr that our memory has, read copies up to
 * length bytes and answers how many it could (0 with *hole set when the first cannot be had). A kind has one of the
 * two: a core has windows, the others are read through the page cache of target.c. find_data is target_find_data();
 * NULL: all that is mapped is data. */
struct target_ops {
	bool (*window)(void *self, target_addr addr, struct target_window *ret, enum target_hole *hole);
	size_t (*read)(void *self, target_addr addr, void *buffer, size_t length, enum target_hole *hole);
	bool (*find_data)(void *self, target_addr addr, target_addr end, target_addr *ret_start, target_addr *ret_end);
	enum cpeek_status (*refresh)(struct target *target);     /* read threads and mappings anew; may be NULL */
	enum cpeek_status (*check)(const struct target *target); /* target_check(); may be NULL */
	void (*destroy)(void *self);
};

struct target {
	enum target_kind kind;
	unsigned pointer_size; /* 4 or 8 */
	bool big_endian;
	unsigned machine;           /* ELF e_machine */
	uint64_t pid;               /* 0 when not known */
	uint64_t proc_id;           /* a thread of it, whose files in /proc tell of a live process; else 0 */
	int signal;                 /* what killed it; 0 for none, or a gcore core */
	target_addr signal_address; /* si_addr, where it means something */
	char *command;              /* pr_psargs, or /proc/PID/cmdline; NULL when not known; raw bytes of the target */
	bool truncated;             /* a core that was cut off */
	uint64_t missing_bytes;     /* how much of the core's segments its end cut off */
	bool damaged;               /* its compressed form failed a check: any byte of it may be wrong */

	struct target_thread *threads; /* the one that got the signal, or the current one, first */
	size_t thread_count;
	struct target_mapping *mappings; /* by start, not overlapping */
	size_t mapping_count;
	bool mappings_known;           /* all of them: false for lent memory, of which only the modules' are */
	struct target_module *modules; /* the executable first, when it is known */
	size_t module_count;

	struct error *error; /* the session's; where detail of failures goes */
	/* The last hole that a read ran into. */
	target_addr fault_address;
	enum target_hole fault_hole;

	const struct target_ops *ops; /* internal from here */
	void *self;
	struct page_cache *cache;
	struct target_window window; /* where the last read was */
	uint32_t *module_order;      /* the modules by start */
	char *exe, *sysroot;         /* of the options */
	char *debug_dirs;
	bool no_pause, use_mismatched;
	const struct cpeek_host *host; /* of the options */
	struct build_ids *build_ids;   /* of debug_dirs; NULL: not needed yet */
	struct debuginfod *debuginfod; /* NULL: not needed yet */
	bool no_memory;                /* the read that is going on ran out of our memory */
	uint64_t faults;               /* reads that failed so far */
	uint64_t reads;                /* made so far, for tests */
	uint64_t fail_at; /* for tests: the read with this number fails, once, and no view is given; 0: none */
};

/* Open a target. Errors go to error (kept until target_destroy()): IO for a file that is not a core or cannot be read
 * (with what it is instead), PERMISSION, NO_MEMORY. target_open_live() stops the process's threads until
 * target_destroy() unless options->no_pause, or another tracer holds them. */
enum cpeek_status target_open_core(const char *path, const struct target_options *options, struct error *error,
				   struct target **ret);
enum cpeek_status target_open_live(int64_t pid, const struct target_options *options, struct error *error,
				   struct target **ret);
enum cpeek_status target_open_lent(const struct cpeek_memory *memory, const struct target_options *options,
				   struct error *error, struct target **ret);
/* Frees it and lets a stopped process go. Accepts NULL. */
void target_destroy(struct target *target);
/* The target has run: forget the cached pages, and read the threads and mappings of a live process anew, which ends all
 * pointers into them; those of a lent target stay as the debugger told them. IO when it has ended or become another
 * program: that is another target. */
enum cpeek_status target_refresh(struct target *target);

/* OK while the target is what was opened. IO, with a sentence, once a process was found to have ended or to run another
 * program: then what was read last is no answer. */
enum cpeek_status target_check(const struct target *target);

/* Copies length bytes; FAULT when any of them cannot be had, with fault_address and fault_hole set and buffer
 * undefined. A read may cross segments. */
enum cpeek_status target_read(struct target *target, target_addr addr, void *buffer, size_t length);
/* Copies as much as can be had from addr on; *ret gets the count (FAULT when that is 0). */
enum cpeek_status target_read_some(struct target *target, target_addr addr, void *buffer, size_t length, size_t *ret);
/* As target_read(), for an address that may well be none: that nothing is there is no failure, and false. */
bool target_probe(struct target *target, target_addr addr, void *buffer, size_t length);
/* A pointer to length bytes of the target in our own memory (a core's mapping), or NULL when they do not lie
 * together there: then use target_read(). Valid until target_destroy(). */
const void *target_view(struct target *target, target_addr addr, size_t length);

/* The first run of bytes at or behind addr, and before end, that a scan has to look at; false when there is none. What
 * it passes over is not there, or a hole of a sparse core, which reads as zeros: a free-threaded build reserves a GiB of
 * which little is used. Bytes of ELF files, which stand for what a core lacks, are not in it. */
bool target_find_data(struct target *target, target_addr addr, target_addr end, target_addr *ret_start,
		      target_addr *ret_end);

/* How many things of size bytes its writable memory can hold at most: a bound for walks that damaged pointers would make
 * endless. UINT64_MAX when not all mappings are known. */
uint64_t target_count_writable(const struct target *target, uint64_t size);

/* Typed reads in the target's width and byte order. */
enum cpeek_status target_read_u8(struct target *target, target_addr addr, uint8_t *ret);
enum cpeek_status target_read_u16(struct target *target, target_addr addr, uint16_t *ret);
enum cpeek_status target_read_u32(struct target *target, target_addr addr, uint32_t *ret);
enum cpeek_status target_read_u64(struct target *target, target_addr addr, uint64_t *ret);
enum cpeek_status target_read_pointer(struct target *target, target_addr addr, target_addr *ret);
enum cpeek_status target_read_ssize(struct target *target, target_addr addr, int64_t *ret);
/* A NUL-terminated string of at most size - 1 bytes, cut there if it is longer (LIMIT, with buffer filled). */
enum cpeek_status target_read_cstring(struct target *target, target_addr addr, char *buffer, size_t size);

/* The same from bytes already read. size: 1, 2, 4 or 8. */
uint64_t target_get(const struct target *target, const void *bytes, size_t size);
static inline target_addr target_get_pointer(const struct target *target, const void *bytes)
{
	return target_get(target, bytes, target->pointer_size);
}

/* The mapping that holds addr, or NULL. A lent target knows only those of its modules. */
const struct target_mapping *target_find_mapping(const struct target *target, target_addr addr);
/* The module whose range holds addr, or NULL. */
const struct target_module *target_find_module(const struct target *target, target_addr addr);
/* "not saved in the core", …: why the last read failed; static text. */
const char *target_hole_text(enum target_hole hole);

/* Looks for the module's file now, unless that was done: file, elf, state, file_build_id and, if memory did not tell
 * them, bias and has_bias are then final. Opening 60 files at once would make the opening of a core slow. */
enum cpeek_status target_load_module(struct target *target, const struct target_module *module);

/* Symbols of a module's .dynsym and .symtab, and its sections by name, from the file on disk or, when there is none,
 * from PT_DYNAMIC in memory (.dynsym only); symbols also from a separate debug file, or from .gnu_debugdata. NOT_FOUND when it has none of that name. */
enum cpeek_status target_find_symbol(struct target *target, const struct target_module *module, const char *name,
				     target_addr *ret, uint64_t *ret_size);
enum cpeek_status target_find_section(struct target *target, const struct target_module *module, const char *name,
				      target_addr *ret, uint64_t *ret_size);
/* The function (or variable) whose code (or data) is at addr, from the symbols of the module's file or its separate debug
 * file, and how far into it that is. NOT_FOUND: no module is there, or its symbols do not tell; NO_MEMORY. The name lives as long as the
 * module's file. */
enum cpeek_status target_find_function(struct target *target, target_addr addr, const char **ret,
				       uint64_t *ret_offset);

#endif
