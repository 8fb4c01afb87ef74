/*
 * How many columns of a terminal a character takes. Knows code points alone.
 */
#ifndef SINK_WIDTH_H
#define SINK_WIDTH_H

#include <stddef.h>
#include <stdint.h>

/* 0 for a mark that combines with the character before it, 2 for an East Asian wide one, else 1. */
size_t width_of(uint32_t c);

#endif
