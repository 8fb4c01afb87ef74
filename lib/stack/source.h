/*
 * Source lines, from files of this machine: PEP 263 encodings, universal newlines. A file that cannot be read is no
 * error: there is just no text. Of the target it knows at most the number of a process.
 */
#ifndef STACK_SOURCE_H
#define STACK_SOURCE_H

#include "base/status.h"
#include "base/strbuf.h"

struct source_cache; /* files that were read once */

struct source_cache *source_create(void);
void source_destroy(struct source_cache *cache);
/* Files are those that the process with this id sees, in its own root and current folders, which may not be ours. */
void source_use_process(struct source_cache *cache, uint64_t id);
/* The folder of the program's main file, where the target is a core: what it was started by may be relative to a folder
 * that a core does not tell. Copied. */
enum cpeek_status source_use_folder(struct source_cache *cache, const char *folder);
/* Appends line number line (from 1) of a file to out, as UTF-8, without its newline. sysroot may be NULL; it is
 * tried first. NOT_FOUND when the file cannot be read or has no such line. */
enum cpeek_status source_read_line(struct source_cache *cache, const char *sysroot, const char *file, int64_t line,
				   struct strbuf *out);
/* How many lines the file has; 0 when it cannot be read. */
int64_t source_line_count(struct source_cache *cache, const char *sysroot, const char *file);

#endif
