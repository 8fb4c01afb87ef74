/*
 * Which characters repr() shows as they are. Knows Unicode's versions, and nothing of objects.
 */
#ifndef OBJECT_PRINTABLE_H
#define OBJECT_PRINTABLE_H

#include "layout/layout.h"

/* What str.isprintable() says of one character in this layout's CPython: false too for what is no character at all
 * (above U+10FFFF). */
bool printable_has(const struct layout *layout, uint32_t character);

#endif
