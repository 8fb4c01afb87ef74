/*
 * The notes of PT_NOTE: a walk over them, and the build id. Bytes in, bytes out; knows no file and no target.
 */
#ifndef TARGET_NOTE_H
#define TARGET_NOTE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct note {
	uint32_t type;    /* NT_… */
	const char *name; /* name_length bytes, not NUL-terminated */
	size_t name_length;
	const unsigned char *bytes;
	size_t size; /* of what is there, when the last note is cut off */
};

enum { NOTE_BUILD_ID_MAX = 64 };

/* The note at *offset, which moves behind it; false when there are no more. align is the segment's p_align. */
bool note_next(const unsigned char *notes, size_t size, bool big_endian, uint64_t align, size_t *offset,
	       struct note *ret);
bool note_has_name(const struct note *note, const char *name);

/* NT_GNU_BUILD_ID. false when there is none, or one that is longer than NOTE_BUILD_ID_MAX. */
bool note_find_build_id(const unsigned char *notes, size_t size, bool big_endian, uint64_t align,
			uint8_t ret[NOTE_BUILD_ID_MAX], uint8_t *ret_length);

#endif
