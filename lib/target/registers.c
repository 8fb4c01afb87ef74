#include "target/registers.h"
#include "target/bytes.h"

#include <elf.h>

enum { NONE = -1 };

struct layout {
	unsigned machine, pointer_size;
	int stack_pointer, program_counter, thread_pointer; /* offsets in bytes, or NONE */
	uint32_t tls_note;
};

/* Linux: arch/ARCH/include/uapi/asm/ptrace.h and elf.h. */
static const struct layout layouts[] = {
	{EM_X86_64, 8, 19 * 8, 16 * 8, 21 * 8, 0},         /* rsp, rip, fs_base */
	{EM_386, 4, 15 * 4, 12 * 4, NONE, NT_386_TLS},     /* esp, eip */
	{EM_AARCH64, 8, 31 * 8, 32 * 8, NONE, NT_ARM_TLS}, /* sp, pc */
	{EM_ARM, 4, 13 * 4, 15 * 4, NONE, 0},              /* r13, r15 */
	{EM_S390, 8, 16 + 15 * 8, 8, 16 + 16 * 8, 0},      /* r15, psw.addr, access registers 0 and 1 */
	{EM_PPC64, 8, 1 * 8, 32 * 8, 13 * 8, 0},           /* r1, nip, r13 */
	{EM_RISCV, 8, 2 * 8, 0, 4 * 8, 0},                 /* sp, pc, tp */
};

static const struct layout *find_layout(const struct target *target)
{
	for (size_t i = 0; i < sizeof(layouts) / sizeof(*layouts); i++)
		if (layouts[i].machine == target->machine && layouts[i].pointer_size == target->pointer_size)
			return &layouts[i];
	return NULL;
}

static target_addr get(const struct target *target, const unsigned char *registers, size_t size, int offset)
{
	if (offset < 0 || (size_t)offset + target->pointer_size > size)
		return 0;
	return target_get_pointer(target, registers + offset);
}

void registers_get(const struct target *target, const unsigned char *registers, size_t size,
		   struct target_thread *thread)
{
	const struct layout *layout = find_layout(target);
	if (!layout)
		return;
	thread->stack_pointer = get(target, registers, size, layout->stack_pointer);
	thread->program_counter = get(target, registers, size, layout->program_counter);
	thread->thread_pointer = get(target, registers, size, layout->thread_pointer);
}

uint32_t registers_tls_note(const struct target *target)
{
	const struct layout *layout = find_layout(target);
	return layout ? layout->tls_note : 0;
}

void registers_get_tls(const struct target *target, const unsigned char *registers, size_t size,
		       const unsigned char *tls, size_t tls_size, struct target_thread *thread)
{
	enum { GS = 10 * 4, DESCRIPTOR = 16 };

	if (target->machine != EM_386) {
		thread->thread_pointer = get(target, tls, tls_size, 0);
		return;
	}
	/* An array of struct user_desc {entry_number, base_addr, limit, flags}; gs selects one by its number. */
	uint64_t entry = get(target, registers, size, GS) >> 3;
	for (size_t at = 0; tls_size - at >= DESCRIPTOR; at += DESCRIPTOR)
		if (bytes_get(tls + at, 4, target->big_endian) == entry)
			thread->thread_pointer = bytes_get(tls + at + 4, 4, target->big_endian);
}
