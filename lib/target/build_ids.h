/*
 * The ELF files below some folders, found by their build ids: for files of a target that are not where it had them.
 * Knows folders and ELF, no target.
 */
#ifndef TARGET_BUILD_IDS_H
#define TARGET_BUILD_IDS_H

#include "base/status.h"

#include <stdint.h>

struct build_ids;

/* folders: separated by colons, as in $PATH. Nothing is read yet. host is told how far a walk is, and may end it, which
 * leaves out what was not seen yet; it may be NULL. NO_MEMORY. */
enum cpeek_status build_ids_create(const char *folders, const struct cpeek_host *host, struct build_ids **ret);
/* Accepts NULL. */
void build_ids_destroy(struct build_ids *ids);
/* The files that may have this build id, one after another: *at starts at 0; an executable and its separate debug file
 * have the same. First FOLDER/.build-id/xx/yyyy and yyyy.debug, as debuggers keep them; whoever wants more gets what a
 * walk finds, which is made once, without following links to folders, and reads little more than the header of each
 * regular file. *ret is valid until the next call. END, NO_MEMORY. */
enum cpeek_status build_ids_next(struct build_ids *ids, const uint8_t *id, size_t length, size_t *at,
				 const char **ret);

#endif
