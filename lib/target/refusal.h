/*
 * Why the kernel refuses the memory of a process, and what to do about it. Knows /proc, users and capabilities; reads
 * no memory.
 */
#ifndef TARGET_REFUSAL_H
#define TARGET_REFUSAL_H

#include <stddef.h>
#include <stdint.h>

enum { REFUSAL_TEXT = 320 };

/* Writes an advice for the process pid, as the end of a sentence, into text. */
void refusal_explain(uint64_t pid, char *text, size_t size);

#endif
