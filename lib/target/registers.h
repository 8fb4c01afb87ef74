/*
 * Where a machine's register set, as the kernel writes it (NT_PRSTATUS, PTRACE_GETREGSET), holds the stack pointer,
 * the program counter and the thread pointer. Knows no core and no process.
 */
#ifndef TARGET_REGISTERS_H
#define TARGET_REGISTERS_H

#include "target/target.h"

/* Sets the three addresses of thread, as far as the machine is known and size reaches. */
void registers_get(const struct target *target, const unsigned char *registers, size_t size,
		   struct target_thread *thread);
/* The note, or regset, that tells this machine's thread pointer when the registers do not; 0: none. */
uint32_t registers_tls_note(const struct target *target);
void registers_get_tls(const struct target *target, const unsigned char *registers, size_t size,
		       const unsigned char *tls, size_t tls_size, struct target_thread *thread);

#endif
