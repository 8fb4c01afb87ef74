/*
 * Integers out of bytes, by width and byte order. Knows neither targets nor files.
 */
#ifndef TARGET_BYTES_H
#define TARGET_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* size: 1, 2, 4 or 8. bytes need no alignment. */
static inline uint64_t bytes_get(const void *bytes, size_t size, bool big_endian)
{
	uint64_t value = 0;
	const unsigned char *byte = bytes;

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	if (!big_endian && size == 8) { /* by far the most frequent one */
		memcpy(&value, bytes, 8);
		return value;
	}
#endif
	for (size_t i = 0; i < size; i++)
		value = value << 8 | byte[big_endian ? i : size - 1 - i];
	return value;
}

#endif
