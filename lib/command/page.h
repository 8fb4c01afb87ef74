/*
 * A dissection as one self-contained HTML page: memory drawn as boxes over a byte ruler, arrows where a pointer leads to
 * a block that is on the page, then facts, tables and notes. No script, nothing that is loaded from elsewhere.
 */
#ifndef COMMAND_PAGE_H
#define COMMAND_PAGE_H

#include "command/dissect.h"

/* Writes the page to a file, which is replaced. title: UTF-8 or bytes of the target. IO (with the reason in
 * session->error), NO_MEMORY, CANCELLED. */
enum cpeek_status page_write(struct cpeek_session *session, const struct dissection *dissection, const char *title,
			     const char *path);

#endif
