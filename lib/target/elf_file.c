#include "target/elf_file.h"
#include "base/memory.h"

#include <fcntl.h>
#include <gelf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* A file of the target may have any name, even a device's, whose mere opening would do something: look first. */
static int open_regular(const char *path, size_t *ret_size)
{
	struct stat status;

	if (stat(path, &status) != 0 || !S_ISREG(status.st_mode))
		return -1;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return -1;
	if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode) || status.st_size <= 0) {
		(void)close(fd);
		return -1;
	}
	*ret_size = (size_t)status.st_size;
	return fd;
}

static void find_build_id(struct elf_file *file)
{
	for (size_t i = 0; i < file->header.segment_count && file->build_id_length == 0; i++) {
		const struct elf_segment *segment = &file->header.segments[i];
		if (segment->type != PT_NOTE || segment->offset >= file->size)
			continue;
		size_t size = file->size - (size_t)segment->offset;
		if (segment->filesz < size)
			size = (size_t)segment->filesz;
		(void)note_find_build_id(file->bytes + segment->offset, size, file->header.big_endian, segment->align,
					 file->build_id, &file->build_id_length);
	}
}

static void look_at_sections(struct elf_file *file)
{
	Elf_Scn *section = NULL;
	GElf_Shdr header;

	while ((section = elf_nextscn(file->elf, section))) {
		if (!gelf_getshdr(section, &header))
			continue;
		file->has_symbol_table |= header.sh_type == SHT_DYNSYM || header.sh_type == SHT_SYMTAB;
		file->has_local_symbols |= header.sh_type == SHT_SYMTAB;
		/* objcopy --only-keep-debug and eu-strip -f leave code without bytes. */
		file->symbols_only |= header.sh_type == SHT_NOBITS && header.sh_flags & SHF_EXECINSTR;
	}
}

static void free_bytes(unsigned char *bytes, size_t size, bool allocated)
{
	if (allocated)
		memory_free(bytes);
	else
		(void)munmap(bytes, size);
}

static enum cpeek_status open_bytes(unsigned char *bytes, size_t size, bool allocated, struct elf_file **ret)
{
	struct elf_file *file = memory_calloc(1, sizeof(*file));

	if (!file) {
		free_bytes(bytes, size, allocated);
		return CPEEK_NO_MEMORY;
	}
	file->bytes = bytes;
	file->size = size;
	file->allocated = allocated;
	enum cpeek_status status = elf_header_init(&file->header, bytes, size);
	if (status == CPEEK_NO_MEMORY) {
		elf_file_close(file);
		return status;
	}
	if (status == CPEEK_OK)
		file->elf = elf_memory((char *)bytes, size);
	if (file->elf) {
		find_build_id(file);
		look_at_sections(file);
	}
	*ret = file;
	return CPEEK_OK;
}

enum cpeek_status elf_file_open(const char *path, struct elf_file **ret)
{
	size_t size;
	int fd = open_regular(path, &size);
	if (fd < 0)
		return CPEEK_NOT_FOUND;
	void *bytes = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
	(void)close(fd);
	if (bytes == MAP_FAILED)
		return CPEEK_NOT_FOUND;
	return open_bytes(bytes, size, false, ret);
}

enum cpeek_status elf_file_open_bytes(unsigned char *bytes, size_t size, struct elf_file **ret)
{
	return open_bytes(bytes, size, true, ret);
}

void elf_file_close(struct elf_file *file)
{
	if (!file)
		return;
	if (file->elf)
		(void)elf_end(file->elf);
	elf_header_deinit(&file->header);
	memory_free(file->functions);
	free_bytes((unsigned char *)(uintptr_t)file->bytes, file->size, file->allocated);
	memory_free(file);
}

static bool find_in_table(Elf *elf, Elf_Scn *section, const GElf_Shdr *header, const char *name,
			  struct elf_file_symbol *ret)
{
	Elf_Scn *string_section = elf_getscn(elf, header->sh_link);
	Elf_Data *symbols = elf_getdata(section, NULL);
	Elf_Data *strings = string_section ? elf_getdata(string_section, NULL) : NULL;
	size_t name_size = strlen(name) + 1;
	GElf_Sym symbol;

	if (!symbols || !strings || !strings->d_buf || strings->d_type != ELF_T_BYTE)
		return false;
	for (int i = 1; gelf_getsym(symbols, i, &symbol); i++) {
		if (symbol.st_name >= strings->d_size || strings->d_size - symbol.st_name < name_size ||
		    memcmp((const char *)strings->d_buf + symbol.st_name, name, name_size) != 0)
			continue;
		unsigned type = GELF_ST_TYPE(symbol.st_info);
		if (symbol.st_shndx == SHN_UNDEF || type == STT_FILE || type == STT_SECTION || type == STT_TLS)
			continue;
		*ret = (struct elf_file_symbol){symbol.st_value, symbol.st_size, symbol.st_shndx == SHN_ABS};
		return true;
	}
	return false;
}

enum cpeek_status elf_file_find_symbol(const struct elf_file *file, const char *name, struct elf_file_symbol *ret)
{
	static const unsigned types[] = {SHT_DYNSYM, SHT_SYMTAB};

	for (size_t i = 0; file->elf && i < sizeof(types) / sizeof(*types); i++) {
		Elf_Scn *section = NULL;
		GElf_Shdr header;
		while ((section = elf_nextscn(file->elf, section)))
			if (gelf_getshdr(section, &header) && header.sh_type == types[i] &&
			    find_in_table(file->elf, section, &header, name, ret))
				return CPEEK_OK;
	}
	return CPEEK_NOT_FOUND;
}

/* ---- Functions by address ---- */

struct elf_function {
	uint64_t value, size;
	const char *name; /* in the file's string table */
	bool local;
};

static int compare_functions(const void *left, const void *right)
{
	const struct elf_function *a = left, *b = right;

	if (a->value != b->value)
		return a->value < b->value ? -1 : 1;
	return (int)a->local - (int)b->local;
}

/* Appends the functions and variables of one symbol table, whose names end inside of its string table. */
static bool list_table(struct elf_file *file, Elf_Scn *section, const GElf_Shdr *header, size_t *capacity)
{
	Elf_Scn *string_section = elf_getscn(file->elf, header->sh_link);
	Elf_Data *symbols = elf_getdata(section, NULL);
	Elf_Data *strings = string_section ? elf_getdata(string_section, NULL) : NULL;
	GElf_Sym symbol;

	if (!symbols || !strings || !strings->d_buf || strings->d_type != ELF_T_BYTE)
		return true;
	for (int i = 1; gelf_getsym(symbols, i, &symbol); i++) {
		const unsigned type = GELF_ST_TYPE(symbol.st_info);
		if ((type != STT_FUNC && type != STT_GNU_IFUNC && type != STT_OBJECT) ||
		    symbol.st_shndx == SHN_UNDEF || symbol.st_shndx == SHN_ABS || symbol.st_name >= strings->d_size)
			continue;
		const char *name = (const char *)strings->d_buf + symbol.st_name;
		if (!*name || !memchr(name, '\0', strings->d_size - symbol.st_name))
			continue;
		if (file->function_count == *capacity) {
			const size_t larger = *capacity ? 2 * *capacity : 1024;
			struct elf_function *new = memory_realloc(file->functions, larger * sizeof(*new));
			if (!new)
				return false;
			file->functions = new;
			*capacity = larger;
		}
		file->functions[file->function_count++] = (struct elf_function){
			symbol.st_value, symbol.st_size, name, GELF_ST_BIND(symbol.st_info) == STB_LOCAL};
	}
	return true;
}

static enum cpeek_status list_functions(struct elf_file *file)
{
	Elf_Scn *section = NULL;
	GElf_Shdr header;
	size_t capacity = 0;

	while (file->elf && (section = elf_nextscn(file->elf, section))) {
		if (!gelf_getshdr(section, &header) || (header.sh_type != SHT_DYNSYM && header.sh_type != SHT_SYMTAB))
			continue;
		if (!list_table(file, section, &header, &capacity)) {
			memory_free(file->functions);
			file->functions = NULL;
			file->function_count = 0;
			return CPEEK_NO_MEMORY;
		}
	}
	if (file->function_count)
		qsort(file->functions, file->function_count, sizeof(*file->functions), compare_functions);
	file->functions_listed = true;
	return CPEEK_OK;
}

enum cpeek_status elf_file_find_function(struct elf_file *file, uint64_t value, const char **ret, uint64_t *ret_offset)
{
	if (!file->functions_listed)
		TRY(list_functions(file));
	size_t low = 0, high = file->function_count;
	while (low < high) { /* the first that begins behind value */
		const size_t middle = low + (high - low) / 2;
		if (file->functions[middle].value <= value)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == 0)
		return CPEEK_NOT_FOUND;
	size_t found = low - 1;
	while (found > 0 && file->functions[found - 1].value == file->functions[found].value)
		found--;
	const struct elf_function *function = &file->functions[found];
	/* Code of assembler may have no size: then only its beginning counts. */
	if (value - function->value >= (function->size ? function->size : 1))
		return CPEEK_NOT_FOUND;
	*ret = function->name;
	*ret_offset = value - function->value;
	return CPEEK_OK;
}

static bool is_loaded(const struct elf_file *file, const GElf_Shdr *header)
{
	(void)file;
	return header->sh_flags & SHF_ALLOC;
}

static bool is_in_file(const struct elf_file *file, const GElf_Shdr *header)
{
	return header->sh_type != SHT_NOBITS && header->sh_offset <= file->size &&
	       header->sh_size <= file->size - header->sh_offset;
}

static bool find_section(const struct elf_file *file, const char *name,
			 bool (*accept)(const struct elf_file *file, const GElf_Shdr *header), GElf_Shdr *ret)
{
	Elf_Scn *section = NULL;
	GElf_Shdr header;
	size_t names;

	if (!file->elf || elf_getshdrstrndx(file->elf, &names) != 0)
		return false;
	while ((section = elf_nextscn(file->elf, section))) {
		if (!gelf_getshdr(section, &header) || !accept(file, &header))
			continue;
		const char *found = elf_strptr(file->elf, names, header.sh_name);
		if (found && strcmp(found, name) == 0) {
			*ret = header;
			return true;
		}
	}
	return false;
}

enum cpeek_status elf_file_find_section(const struct elf_file *file, const char *name, uint64_t *ret_address,
					uint64_t *ret_size)
{
	GElf_Shdr header;

	if (!find_section(file, name, is_loaded, &header))
		return CPEEK_NOT_FOUND;
	*ret_address = header.sh_addr;
	*ret_size = header.sh_size;
	return CPEEK_OK;
}

enum cpeek_status elf_file_find_bytes(const struct elf_file *file, const char *name, const unsigned char **ret,
				      size_t *ret_size)
{
	GElf_Shdr header;

	if (!find_section(file, name, is_in_file, &header))
		return CPEEK_NOT_FOUND;
	*ret = file->bytes + header.sh_offset;
	*ret_size = (size_t)header.sh_size;
	return CPEEK_OK;
}
