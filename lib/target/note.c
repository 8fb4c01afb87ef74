#include "target/note.h"
#include "target/bytes.h"

#include <elf.h>
#include <string.h>

/* Moves offset on by length and up to the next multiple of align; size when that lies behind the end. */
static size_t advance(size_t offset, uint64_t length, size_t align, size_t size)
{
	if (length > size - offset)
		return size;
	offset += (size_t)length;
	size_t padding = (align - offset % align) % align;
	return padding > size - offset ? size : offset + padding;
}

bool note_next(const unsigned char *notes, size_t size, bool big_endian, uint64_t align, size_t *offset,
	       struct note *ret)
{
	/* gABI: 4 in both classes; 8 in segments that say so (.note.gnu.property). Cores say 0, 1 or 4. */
	size_t step = align == 8 ? 8 : 4;
	size_t at = *offset;

	if (at >= size || size - at < sizeof(Elf64_Nhdr))
		return false;
	uint64_t name_size = bytes_get(notes + at, 4, big_endian);
	uint64_t desc_size = bytes_get(notes + at + 4, 4, big_endian);
	uint32_t type = (uint32_t)bytes_get(notes + at + 8, 4, big_endian);
	size_t name_at = at + sizeof(Elf64_Nhdr);
	if (name_size > size - name_at)
		return false;
	size_t desc_at = advance(name_at, name_size, step, size);
	ret->type = type;
	ret->name = (const char *)notes + name_at;
	ret->name_length = strnlen(ret->name, (size_t)name_size);
	ret->bytes = notes + desc_at;
	ret->size = desc_size < size - desc_at ? (size_t)desc_size : size - desc_at;
	*offset = advance(desc_at, desc_size, step, size);
	return true;
}

bool note_has_name(const struct note *note, const char *name)
{
	return note->name_length == strlen(name) && memcmp(note->name, name, note->name_length) == 0;
}

bool note_find_build_id(const unsigned char *notes, size_t size, bool big_endian, uint64_t align,
			uint8_t ret[NOTE_BUILD_ID_MAX], uint8_t *ret_length)
{
	struct note note;
	size_t offset = 0;

	while (note_next(notes, size, big_endian, align, &offset, &note)) {
		if (note.type != NT_GNU_BUILD_ID || !note_has_name(&note, ELF_NOTE_GNU))
			continue;
		if (note.size == 0 || note.size > NOTE_BUILD_ID_MAX)
			return false;
		memcpy(ret, note.bytes, note.size);
		*ret_length = (uint8_t)note.size;
		return true;
	}
	return false;
}
