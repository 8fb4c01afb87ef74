/*
 * Files from debuginfod servers, by build id: libdebuginfod asks, caches and times out. It is loaded only if the user's
 * environment names a server (DEBUGINFOD_URLS, as the man page debuginfod-client-config(7) tells), so that cpeek needs
 * neither the library nor a network. Knows no target.
 */
#ifndef TARGET_DEBUGINFOD_H
#define TARGET_DEBUGINFOD_H

#include "base/status.h"

#include <stdint.h>

struct debuginfod;

/* Whether DEBUGINFOD_URLS names a server. */
bool debuginfod_is_wanted(void);
/* Without the library it is one that finds nothing. host is told of the progress and may end a download; it may be
 * NULL. NO_MEMORY. */
enum cpeek_status debuginfod_create(const struct cpeek_host *host, struct debuginfod **ret);
/* Accepts NULL. */
void debuginfod_destroy(struct debuginfod *self);
/* Downloads the executable or library with this build id. *ret gets the path of a file, for memory_free(), or NULL when
 * it cannot be had. name is what the progress calls it. NO_MEMORY. */
enum cpeek_status debuginfod_find(struct debuginfod *self, const uint8_t *id, size_t length, const char *name,
				  char **ret);

#endif
