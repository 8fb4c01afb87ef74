/*
 * A buffer of fixed size in front of a write callback. It allocates once, when it is made, so that an answer of any
 * size streams. Whoever appends has made the bytes safe (escape.h): it gets valid UTF-8, and never divides a
 * character between two writes.
 * Knows nothing of formats.
 */
#ifndef SINK_OUTPUT_H
#define SINK_OUTPUT_H

#include "sink/sink.h"

#include <stdbool.h>
#include <stddef.h>

enum { OUTPUT_SIZE = 32 * 1024 };

struct output {
	char *data;
	size_t length;
	sink_write_fn write;
	void *arg;
	bool refused; /* write said no: nothing is written any more */
};

/* False when memory is out. */
bool output_init(struct output *output, sink_write_fn write, void *arg);
void output_deinit(struct output *output);

void output_flush(struct output *output);
void output_append(struct output *output, const char *data, size_t length);
void output_puts(struct output *output, const char *text);
void output_spaces(struct output *output, size_t count);

static inline void output_byte(struct output *output, char byte)
{
	if (output->length == OUTPUT_SIZE)
		output_flush(output);
	output->data[output->length++] = byte;
}

#endif
