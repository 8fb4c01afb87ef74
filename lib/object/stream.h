/*
 * The reprs of _io's streams.
 */
#ifndef OBJECT_STREAM_H
#define OBJECT_STREAM_H

#include "object/decoder.h"

/* For _io.BufferedReader, BufferedWriter, BufferedRandom: buffered_repr() of Modules/_io/bufferedio.c. */
enum cpeek_status stream_decode_buffered(const struct object *object, struct value *value);

#endif
