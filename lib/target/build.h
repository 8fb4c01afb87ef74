/*
 * What core, live and lent targets share while they are built.
 */
#ifndef TARGET_BUILD_H
#define TARGET_BUILD_H

#include "target/target.h"

/* An empty target with copies of the options; NULL when memory is out. */
struct target *target_alloc(enum target_kind kind, const struct target_options *options, struct error *error);
enum cpeek_status target_set_no_memory(const struct target *target);

/* As target_read_some(), without counting the read and without the bytes of any file: what the target itself has. */
size_t target_read_own(struct target *target, target_addr addr, void *buffer, size_t length);
/* Puts threads in the place of the target's own, which it frees. */
void target_set_threads(struct target *target, struct target_thread *threads, size_t count);

#endif
