/*
 * What the files of runtime/ share.
 */
#ifndef RUNTIME_INTERNAL_H
#define RUNTIME_INTERNAL_H

#include "base/vector.h"
#include "runtime/runtime.h"

enum { INTERPRETERS_MAX = 1 << 12 }; /* a longer chain is taken for damage */

/* Where a CPython may be, and what says which version it is. */
struct candidate {
	target_addr address; /* of _PyRuntime; of _PyThreadState_Current when that is all there is (to 3.6) */
	struct python_statics statics;
	bool debug; /* a symbol of Py_DEBUG builds is there; false also when there are no symbols */
	uint32_t version_hex;
	bool free_threaded;
	char version[32];
	char evidence[RUNTIME_TEXT];
	char version_evidence[RUNTIME_TEXT];
};

struct candidates {
	struct candidate *items;
	size_t count, capacity;
	bool missing_files; /* some ELF file that could hold it was not found here */
};

/* discover.c: add candidates from the executable and from files that are called after Python; from every other
 * file and from a scan of writable memory for the cookie of 3.13+. NO_MEMORY. */
enum cpeek_status discover_likely(struct target *target, struct candidates *ret);
enum cpeek_status discover_everywhere(struct target *target, struct candidates *ret);

/* scan.c: from pointers in writable data to interpreters that structures alone prove. NO_MEMORY. */
enum cpeek_status discover_structures(struct target *target, struct candidates *ret);

/* version.c: fill in the version of a candidate that lies in module (NULL: not known). NOT_FOUND when nothing tells. */
enum cpeek_status version_find(struct target *target, const struct target_module *module, struct candidate *candidate);
/* "3.11.7" and its kind of PY_VERSION_HEX, from the start of a text such as sys.version: false when it is none. */
bool version_parse(const char *text, uint32_t *ret_hex, char *version, size_t size);

/* prove.c: check the layout on the target; in 3.13+ lay _Py_DebugOffsets over it. UNSUPPORTED with the check that
 * failed in failed_check, NO_MEMORY. Fills in layout_evidence. */
enum prove_sizes {
	PROVE_SIZES,    /* a structure whose size _Py_DebugOffsets tells otherwise is a failure */
	PROVE_FORCED,   /* it is only told in layout_evidence: the user named the layout */
	PROVE_ANY_SIZE, /* the layout says nothing of such structures but what _Py_DebugOffsets tells */
};
enum cpeek_status prove_layout(struct python *python, enum prove_sizes sizes, char *failed_check, size_t size);
/* Whether the collector's lists are where the layout has them, which tells tables of one version apart (Debian's 3.13
 * aligns PyGC_Head to 4 bytes). Nothing is wrong with a layout if not: a collection may be running. */
bool prove_lists(const struct python *python);
/* Whether _Py_DebugOffsets gives the offset of a field, in the form that the layout knows it in. */
bool overlay_tells(const struct layout *layout, enum layout_field field);

/* dwarf.c: fill in structs and fields of a layout, whose byte order and pointer size are set, from the debug information
 * of a module and of the extension modules. NOT_FOUND when the module has none, NO_MEMORY. */
enum cpeek_status dwarf_read_layout(struct target *target, const struct target_module *module, struct layout *layout);

/* derive.c: a layout for a version without a table that proves itself, into python->layout: from the DWARF of the module
 * that holds its _PyRuntime; from _Py_DebugOffsets. Fills in layout_evidence. NOT_FOUND when there is nothing to make
 * one from, CORRUPT with the check that failed in failed_check, NO_MEMORY. */
enum cpeek_status derive_layout(struct python *python, const struct candidate *candidate, char *failed_check,
				size_t size);
/* The first of the two alone: what --python dwarf asks for. */
enum cpeek_status derive_from_dwarf(struct python *python, const struct candidate *candidate, char *failed_check,
				    size_t size);

/* state.c: fill in python->statics with what no symbol told, from what the layout says: the interpreters for its proof,
 * the collector's lists once it is proved. To 3.6; nothing after. */
void state_locate_interpreters(struct python *python);
void state_locate_generations(struct python *python);
/* Where the newest interpreter, the holder of the GIL (to 3.11) and "is finalizing" are: in _PyRuntime, or in 3.6's
 * variables. NOT_FOUND (no such thing in this version, or not found), FAULT. */
enum cpeek_status state_find_interpreter(const struct python *python, target_addr *ret);
enum cpeek_status state_find_gil_holder(const struct python *python, target_addr *ret);
bool state_is_finalizing(const struct python *python);
/* Whether a head of the collector's is part of a list: both its neighbours know it. */
bool state_is_linked(const struct python *python, target_addr head);
/* Whether the three lists of a collector follow one another from here, each a closed ring. */
bool state_are_generations(const struct python *python, target_addr first);

/* threads.c: read interpreters and thread states; replaces those of before. NO_MEMORY. */
enum cpeek_status threads_read(struct python *python);
/* The thread whose struct pthread is at thread_id, by the tid in it: an index of target->threads, or SIZE_MAX. */
size_t threads_find_lwp(struct target *target, uint64_t thread_id);

#endif
