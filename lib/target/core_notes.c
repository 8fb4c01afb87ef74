#include "target/core_notes.h"
#include "base/memory.h"
#include "target/build.h"
#include "target/note.h"
#include "target/registers.h"

#include <elf.h>
#include <signal.h>
#include <string.h>

/* An integer of a note, 0 when the note is too short for it. */
static uint64_t get(const struct target *target, const struct note *note, size_t offset, size_t size)
{
	if (offset > note->size || size > note->size - offset)
		return 0;
	return target_get(target, note->bytes + offset, size);
}

static enum cpeek_status read_prstatus(struct core_notes *notes, struct target *target, const struct note *note)
{
	/* struct elf_prstatus, include/uapi/linux/elfcore.h: pr_cursig, pr_pid and pr_reg. */
	bool wide = target->pointer_size == 8;
	size_t cursig = 12, pid = wide ? 32 : 24, registers = wide ? 112 : 72;

	if (note->size < registers)
		return CPEEK_OK;
	struct target_thread *thread = VECTOR_PUSH(&notes->threads);
	if (!thread)
		return target_set_no_memory(target);
	*thread = (struct target_thread){
		.native_id = get(target, note, pid, 4),
		.inner_id = get(target, note, pid, 4),
		.signal = (int16_t)get(target, note, cursig, 2),
	};
	notes->registers = note->bytes + registers;
	notes->registers_size = note->size - registers;
	registers_get(target, notes->registers, notes->registers_size, thread);
	return CPEEK_OK;
}

static enum cpeek_status read_prpsinfo(struct target *target, const struct note *note)
{
	/* struct elf_prpsinfo ends with pr_pid, pr_ppid, pr_pgrp, pr_sid, pr_fname[16] and pr_psargs[80] everywhere;
	 * only the width of what lies before differs. */
	enum { PSARGS = 80, BEFORE = 4 * 4 + 16 };

	if (note->size < BEFORE + PSARGS)
		return CPEEK_OK;
	const char *text = (const char *)note->bytes + note->size - PSARGS;
	size_t length = strnlen(text, PSARGS);
	while (length > 0 && text[length - 1] == ' ')
		length--;
	char *command = memory_alloc(length + 1);
	if (!command)
		return target_set_no_memory(target);
	memcpy(command, text, length);
	command[length] = '\0';
	memory_free(target->command);
	target->command = command;
	target->pid = get(target, note, note->size - PSARGS - BEFORE, 4);
	return CPEEK_OK;
}

static void read_siginfo(struct target *target, const struct note *note)
{
	/* siginfo_t: si_signo, si_errno, si_code, then si_addr at the alignment of a pointer. */
	if (target->signal != 0 || note->size < 12)
		return;
	target->signal = (int)get(target, note, 0, 4);
	int32_t code = (int32_t)get(target, note, 8, 4);
	bool has_address = target->signal == SIGSEGV || target->signal == SIGBUS || target->signal == SIGILL ||
			   target->signal == SIGFPE || target->signal == SIGTRAP;
	if (has_address && code > 0) /* SI_USER and the like are 0 and below: then a pid is there */
		target->signal_address = get(target, note, target->pointer_size == 8 ? 16 : 12, target->pointer_size);
}

static void read_auxv(struct core_notes *notes, const struct target *target, const struct note *note)
{
	size_t word = target->pointer_size;

	for (size_t at = 0; note->size - at >= 2 * word; at += 2 * word) {
		uint64_t type = get(target, note, at, word), value = get(target, note, at + word, word);
		if (type == AT_PHDR)
			notes->program_headers = value;
		else if (type == AT_ENTRY)
			notes->entry = value;
		else if (type == AT_BASE)
			notes->ld_so = value;
		else if (type == AT_EXECFN)
			notes->executable_name = value;
	}
}

static enum cpeek_status read_files(struct core_notes *notes, struct target *target, const struct note *note)
{
	/* fs/binfmt_elf.c, fill_files_note(): count, page size, count times (start, end, offset in pages), then as
	 * many NUL-terminated names. */
	size_t word = target->pointer_size;
	uint64_t count = get(target, note, 0, word), page = get(target, note, word, word);

	if (note->size < 2 * word || count > (note->size - 2 * word) / (3 * word))
		return CPEEK_OK; /* cut off, or nonsense */
	size_t names = 2 * word + (size_t)count * 3 * word;
	for (size_t i = 0; i < count; i++) {
		size_t at = 2 * word + i * 3 * word;
		const char *path = (const char *)note->bytes + names;
		size_t length = strnlen(path, note->size - names);
		if (length == note->size - names)
			break; /* cut off */
		names += length + 1;
		struct core_range range = {
			.start = get(target, note, at, word),
			.end = get(target, note, at + word, word),
			.offset = get(target, note, at + 2 * word, word) * page,
			.path = path,
		};
		if (range.start >= range.end)
			continue;
		struct core_range *new = VECTOR_PUSH(&notes->ranges);
		if (!new)
			return target_set_no_memory(target);
		*new = range;
	}
	return CPEEK_OK;
}

static enum cpeek_status read_note(struct core_notes *notes, struct target *target, const struct note *note)
{
	if (note_has_name(note, "LINUX") && note->type == registers_tls_note(target) && notes->threads.count > 0) {
		registers_get_tls(target, notes->registers, notes->registers_size, note->bytes, note->size,
				  &notes->threads.items[notes->threads.count - 1]);
		return CPEEK_OK;
	}
	if (!note_has_name(note, "CORE"))
		return CPEEK_OK;
	/* The kernel begins with the thread that died, gdb with the process. */
	if (!notes->seen)
		notes->by_debugger = note->type == NT_PRPSINFO;
	notes->seen = true;
	switch (note->type) {
	case NT_PRSTATUS:
		return read_prstatus(notes, target, note);
	case NT_PRPSINFO:
		return read_prpsinfo(target, note);
	case NT_SIGINFO:
		if (!notes->by_debugger)
			read_siginfo(target, note);
		break;
	case NT_AUXV:
		read_auxv(notes, target, note);
		break;
	case NT_FILE:
		return read_files(notes, target, note);
	}
	return CPEEK_OK;
}

enum cpeek_status core_notes_read(struct core_notes *notes, struct target *target, const unsigned char *bytes,
				  size_t size, uint64_t align)
{
	struct note note;
	size_t offset = 0;

	while (note_next(bytes, size, target->big_endian, align, &offset, &note))
		TRY(read_note(notes, target, &note));
	/* qemu-user writes no NT_SIGINFO. */
	if (target->signal == 0 && notes->threads.count > 0 && !notes->by_debugger)
		target->signal = notes->threads.items[0].signal;
	return CPEEK_OK;
}

void core_notes_deinit(struct core_notes *notes)
{
	VECTOR_DEINIT(&notes->threads);
	VECTOR_DEINIT(&notes->ranges);
}
