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
	target_addr address; /* of _PyRuntime */
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

/* version.c: fill in the version of a candidate that lies in module (NULL: not known). NOT_FOUND when nothing tells. */
enum cpeek_status version_find(struct target *target, const struct target_module *module, struct candidate *candidate);
/* "3.11.7" and its kind of PY_VERSION_HEX, from the start of a text such as sys.version: false when it is none. */
bool version_parse(const char *text, uint32_t *ret_hex, char *version, size_t size);

/* prove.c: check the layout on the target; in 3.13+ lay _Py_DebugOffsets over it. UNSUPPORTED with the check that
 * failed in failed_check, NO_MEMORY. Fills in layout_evidence. */
enum cpeek_status prove_layout(struct python *python, char *failed_check, size_t size);

/* threads.c: read interpreters and thread states; replaces those of before. NO_MEMORY. */
enum cpeek_status threads_read(struct python *python);

#endif
