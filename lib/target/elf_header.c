#include "target/elf_header.h"
#include "base/memory.h"

#include <gelf.h>
#include <string.h>

static enum cpeek_status read_header(Elf *elf, size_t size, struct elf_header *header)
{
	GElf_Ehdr ehdr;
	size_t count;

	if (!gelf_getehdr(elf, &ehdr))
		return CPEEK_CORRUPT;
	header->pointer_size = ehdr.e_ident[EI_CLASS] == ELFCLASS64 ? 8 : 4;
	header->big_endian = ehdr.e_ident[EI_DATA] == ELFDATA2MSB;
	header->machine = ehdr.e_machine;
	header->type = ehdr.e_type;
	/* libelf follows PN_XNUM, and counts no more program headers than the bytes hold. */
	if (elf_getphdrnum(elf, &count) != 0)
		count = 0;
	header->cut = count < ehdr.e_phnum || (ehdr.e_phnum == PN_XNUM && ehdr.e_shoff >= size);
	if (count == 0)
		return CPEEK_OK;
	header->segments = memory_calloc(count, sizeof(*header->segments));
	if (!header->segments)
		return CPEEK_NO_MEMORY;
	for (size_t i = 0; i < count; i++) {
		GElf_Phdr phdr;
		if (!gelf_getphdr(elf, (int)i, &phdr)) {
			header->cut = true;
			break;
		}
		header->segments[header->segment_count++] = (struct elf_segment){
			.type = phdr.p_type,
			.flags = phdr.p_flags,
			.offset = phdr.p_offset,
			.vaddr = phdr.p_vaddr,
			.filesz = phdr.p_filesz,
			.memsz = phdr.p_memsz,
			.align = phdr.p_align,
		};
	}
	return CPEEK_OK;
}

enum cpeek_status elf_header_init(struct elf_header *header, const void *bytes, size_t size)
{
	enum cpeek_status status;

	*header = (struct elf_header){0};
	if (elf_version(EV_CURRENT) == EV_NONE || size < EI_NIDENT || memcmp(bytes, ELFMAG, SELFMAG) != 0)
		return CPEEK_CORRUPT;
	Elf *elf = elf_memory((char *)(uintptr_t)bytes, size); /* only reads, for all its missing const */
	if (!elf)
		return CPEEK_CORRUPT;
	status = read_header(elf, size, header);
	(void)elf_end(elf);
	if (status != CPEEK_OK)
		elf_header_deinit(header);
	return status;
}

void elf_header_deinit(struct elf_header *header)
{
	memory_free(header->segments);
	*header = (struct elf_header){0};
}
