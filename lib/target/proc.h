/*
 * Files of /proc, read as text.
 */
#ifndef TARGET_PROC_H
#define TARGET_PROC_H

#include "base/strbuf.h"

/* Reads all of /proc/PID/name into buffer, which it empties first. 0, or an errno (ENOMEM when memory is out). */
int proc_read(uint64_t pid, const char *name, struct strbuf *buffer);
/* The text behind "Key:" in a status file, from its first character that is no blank; NULL when there is none. */
const char *proc_find(const char *status, const char *key);
/* The number behind "Key:", or 0. */
uint64_t proc_find_number(const char *status, const char *key);

#endif
