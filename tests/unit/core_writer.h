/*
 * Writes small ELF files for tests: cores of any class and byte order, and files that are mapped into them. Knows the
 * formats from the gABI and the kernel's headers, and nothing of the code under test.
 */
#ifndef CORE_WRITER_H
#define CORE_WRITER_H

#include <elf.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct writer_bytes {
	unsigned char *data;
	size_t size, capacity;
};

struct writer_segment {
	uint32_t type, flags;
	uint64_t vaddr, filesz, memsz, align;
	size_t at;       /* where in data its bytes start */
	bool has_offset; /* p_offset is given, not made from at */
	uint64_t offset;
};

struct core_writer {
	unsigned pointer_size;
	bool big_endian;
	uint16_t machine, type;
	bool use_xnum; /* write the number of program headers to section header 0 */
	struct writer_segment *segments;
	size_t segment_count;
	struct writer_bytes data; /* of all segments */
	struct writer_bytes notes;
};

static inline void writer_append(struct writer_bytes *bytes, const void *data, size_t size)
{
	if (bytes->size + size >= bytes->capacity) {
		bytes->capacity = 2 * (bytes->size + size) + 64;
		bytes->data = realloc(bytes->data, bytes->capacity);
	}
	if (size && data)
		memcpy(bytes->data + bytes->size, data, size);
	else if (size)
		memset(bytes->data + bytes->size, 0, size);
	bytes->size += size;
}

static inline void writer_integer(const struct core_writer *writer, struct writer_bytes *bytes, uint64_t value,
				  size_t size)
{
	unsigned char out[8];
	if (size > sizeof(out))
		abort();
	for (size_t i = 0; i < size; i++)
		out[writer->big_endian ? size - 1 - i : i] = (unsigned char)(value >> 8 * i);
	writer_append(bytes, out, size);
}

static inline void writer_word(const struct core_writer *writer, struct writer_bytes *bytes, uint64_t value)
{
	writer_integer(writer, bytes, value, writer->pointer_size);
}

static inline struct core_writer writer_create(unsigned pointer_size, bool big_endian, uint16_t machine)
{
	return (struct core_writer){
		.pointer_size = pointer_size, .big_endian = big_endian, .machine = machine, .type = ET_CORE};
}

static inline void writer_destroy(struct core_writer *writer)
{
	free(writer->segments);
	free(writer->data.data);
	free(writer->notes.data);
}

/* A segment of which filesz bytes are in the file (zeroes if bytes is NULL). */
static inline struct writer_segment *writer_segment(struct core_writer *writer, uint64_t vaddr, uint64_t memsz,
						    const void *bytes, size_t filesz, uint32_t flags)
{
	if ((writer->segment_count & (writer->segment_count - 1)) == 0) /* a power of two: full */
		writer->segments =
			realloc(writer->segments, (2 * writer->segment_count + 1) * sizeof(*writer->segments));
	struct writer_segment *segment = &writer->segments[writer->segment_count++];
	*segment = (struct writer_segment){PT_LOAD, flags, vaddr, filesz, memsz, 1, writer->data.size, false, 0};
	writer_append(&writer->data, bytes, filesz);
	return segment;
}

static inline void writer_note(struct core_writer *writer, const char *name, uint32_t type, const void *bytes,
			       size_t size)
{
	size_t name_size = strlen(name) + 1;
	writer_integer(writer, &writer->notes, name_size, 4);
	writer_integer(writer, &writer->notes, size, 4);
	writer_integer(writer, &writer->notes, type, 4);
	writer_append(&writer->notes, name, name_size);
	writer_append(&writer->notes, NULL, (4 - name_size % 4) % 4);
	writer_append(&writer->notes, bytes, size);
	writer_append(&writer->notes, NULL, (4 - size % 4) % 4);
}

static inline void writer_note_bytes(struct core_writer *writer, uint32_t type, struct writer_bytes *bytes)
{
	writer_note(writer, "CORE", type, bytes->data, bytes->size);
	free(bytes->data);
	*bytes = (struct writer_bytes){0};
}

/* include/uapi/linux/elfcore.h. registers: pr_reg as words. */
static inline void writer_prstatus(struct core_writer *writer, uint32_t pid, uint16_t signal,
				   const uint64_t *registers, size_t count)
{
	struct writer_bytes note = {0};
	writer_integer(writer, &note, signal, 4); /* pr_info: si_signo, si_code, si_errno */
	writer_integer(writer, &note, 0, 4);
	writer_integer(writer, &note, 0, 4);
	writer_integer(writer, &note, signal, 2); /* pr_cursig */
	writer_integer(writer, &note, 0, 2);
	writer_word(writer, &note, 0); /* pr_sigpend, pr_sighold */
	writer_word(writer, &note, 0);
	writer_integer(writer, &note, pid, 4);
	for (int i = 0; i < 3; i++) /* pr_ppid, pr_pgrp, pr_sid */
		writer_integer(writer, &note, 1, 4);
	for (int i = 0; i < 8; i++) /* four times */
		writer_word(writer, &note, 7);
	for (size_t i = 0; i < count; i++)
		writer_word(writer, &note, registers[i]);
	writer_integer(writer, &note, 0, 4); /* pr_fpvalid */
	if (writer->pointer_size == 8)
		writer_integer(writer, &note, 0, 4);
	writer_note_bytes(writer, NT_PRSTATUS, &note);
}

static inline void writer_prpsinfo(struct core_writer *writer, uint32_t pid, const char *command)
{
	struct writer_bytes note = {0};
	char text[96] = "name";
	(void)snprintf(text + 16, 80, "%s", command);
	writer_append(&note, "\0R\0\0", 4); /* pr_state, pr_sname, pr_zomb, pr_nice */
	if (writer->pointer_size == 8)
		writer_integer(writer, &note, 0, 4);
	writer_word(writer, &note, 0);       /* pr_flag */
	writer_integer(writer, &note, 0, 4); /* pr_uid, pr_gid */
	writer_integer(writer, &note, 0, 4);
	writer_integer(writer, &note, pid, 4);
	for (int i = 0; i < 3; i++)
		writer_integer(writer, &note, 1, 4);
	writer_append(&note, text, sizeof(text)); /* pr_fname, pr_psargs */
	writer_note_bytes(writer, NT_PRPSINFO, &note);
}

static inline void writer_siginfo(struct core_writer *writer, uint32_t signal, uint32_t code, uint64_t address)
{
	struct writer_bytes note = {0};
	writer_integer(writer, &note, signal, 4);
	writer_integer(writer, &note, 0, 4);
	writer_integer(writer, &note, code, 4);
	if (writer->pointer_size == 8)
		writer_integer(writer, &note, 0, 4);
	writer_word(writer, &note, address);
	writer_append(&note, NULL, 128 - note.size);
	writer_note_bytes(writer, NT_SIGINFO, &note);
}

static inline void writer_auxv(struct core_writer *writer, const uint64_t *pairs, size_t count)
{
	struct writer_bytes note = {0};
	for (size_t i = 0; i < 2 * count; i++)
		writer_word(writer, &note, pairs[i]);
	writer_word(writer, &note, AT_NULL);
	writer_word(writer, &note, 0);
	writer_note_bytes(writer, NT_AUXV, &note);
}

struct writer_range {
	uint64_t start, end, page; /* page: of the file, in units of 4096 bytes */
	const char *path;
};

static inline void writer_files(struct core_writer *writer, const struct writer_range *ranges, size_t count)
{
	struct writer_bytes note = {0};
	writer_word(writer, &note, count);
	writer_word(writer, &note, 4096);
	for (size_t i = 0; i < count; i++) {
		writer_word(writer, &note, ranges[i].start);
		writer_word(writer, &note, ranges[i].end);
		writer_word(writer, &note, ranges[i].page);
	}
	for (size_t i = 0; i < count; i++)
		writer_append(&note, ranges[i].path, strlen(ranges[i].path) + 1);
	writer_note_bytes(writer, NT_FILE, &note);
}

static inline void writer_program_header(const struct core_writer *writer, struct writer_bytes *out,
					 const struct writer_segment *segment, uint64_t offset)
{
	writer_integer(writer, out, segment->type, 4);
	if (writer->pointer_size == 8)
		writer_integer(writer, out, segment->flags, 4);
	writer_word(writer, out, segment->has_offset ? segment->offset : offset);
	writer_word(writer, out, segment->vaddr);
	writer_word(writer, out, 0);
	writer_word(writer, out, segment->filesz);
	writer_word(writer, out, segment->memsz);
	if (writer->pointer_size == 4)
		writer_integer(writer, out, segment->flags, 4);
	writer_word(writer, out, segment->align);
}

/* The whole file: header, program headers, notes, segments, and with use_xnum a section header; the caller frees it. */
static inline struct writer_bytes writer_finish(const struct core_writer *writer)
{
	bool wide = writer->pointer_size == 8;
	size_t header_size = wide ? 64 : 52, entry_size = wide ? 56 : 32, section_size = wide ? 64 : 40;
	size_t count = writer->segment_count + (writer->notes.size > 0);
	size_t notes_at = header_size + count * entry_size;
	size_t data_at = notes_at + writer->notes.size;
	size_t sections_at = data_at + writer->data.size;
	struct writer_bytes out = {0};

	writer_append(&out, ELFMAG, SELFMAG);
	writer_integer(writer, &out, wide ? ELFCLASS64 : ELFCLASS32, 1);
	writer_integer(writer, &out, writer->big_endian ? ELFDATA2MSB : ELFDATA2LSB, 1);
	writer_integer(writer, &out, EV_CURRENT, 1);
	writer_append(&out, NULL, 9);
	writer_integer(writer, &out, writer->type, 2);
	writer_integer(writer, &out, writer->machine, 2);
	writer_integer(writer, &out, EV_CURRENT, 4);
	writer_word(writer, &out, 0);           /* e_entry */
	writer_word(writer, &out, header_size); /* e_phoff */
	writer_word(writer, &out, writer->use_xnum ? sections_at : 0);
	writer_integer(writer, &out, 0, 4); /* e_flags */
	writer_integer(writer, &out, header_size, 2);
	writer_integer(writer, &out, entry_size, 2);
	writer_integer(writer, &out, writer->use_xnum ? PN_XNUM : count, 2);
	writer_integer(writer, &out, section_size, 2);
	writer_integer(writer, &out, writer->use_xnum, 2);
	writer_integer(writer, &out, 0, 2);
	if (writer->notes.size > 0) {
		struct writer_segment notes = {PT_NOTE, 0, 0, writer->notes.size, 0, 4, 0, false, 0};
		writer_program_header(writer, &out, &notes, notes_at);
	}
	for (size_t i = 0; i < writer->segment_count; i++)
		writer_program_header(writer, &out, &writer->segments[i], data_at + writer->segments[i].at);
	writer_append(&out, writer->notes.data, writer->notes.size);
	writer_append(&out, writer->data.data, writer->data.size);
	if (writer->use_xnum) {
		size_t before = wide ? 44 : 28; /* of sh_info */
		writer_append(&out, NULL, before);
		writer_integer(writer, &out, count, 4);
		writer_append(&out, NULL, section_size - before - 4);
	}
	return out;
}

/* Writes bytes to a file; false when that failed. */
static inline bool writer_save(const struct writer_bytes *bytes, const char *path)
{
	FILE *file = fopen(path, "wb");
	bool good = file && fwrite(bytes->data, 1, bytes->size, file) == bytes->size;
	return file && fclose(file) == 0 && good;
}

#endif
