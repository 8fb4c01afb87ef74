/*
 * The buffer between a sink and its write callback. Knows nothing of formats.
 */
#include "sink/output.h"
#include "base/memory.h"

#include <string.h>

bool output_init(struct output *output, sink_write_fn write, void *arg)
{
	char *data = memory_alloc(OUTPUT_SIZE);
	if (!data)
		return false;
	*output = (struct output){.data = data, .write = write, .arg = arg};
	return true;
}

void output_deinit(struct output *output)
{
	memory_free(output->data);
	*output = (struct output){0};
}

void output_flush(struct output *output)
{
	size_t length = output->length;

	output->length = 0;
	if (length && !output->refused && output->write(output->arg, output->data, length) != 0)
		output->refused = true;
}

void output_append(struct output *output, const char *data, size_t length)
{
	while (length > OUTPUT_SIZE - output->length) {
		size_t part = OUTPUT_SIZE - output->length;
		while (part && ((unsigned char)data[part] & 0xc0) == 0x80)
			part--;
		memcpy(output->data + output->length, data, part);
		output->length += part;
		output_flush(output);
		if (output->refused)
			return;
		data += part;
		length -= part;
	}
	memcpy(output->data + output->length, data, length);
	output->length += length;
}

void output_puts(struct output *output, const char *text)
{
	output_append(output, text, strlen(text));
}

void output_spaces(struct output *output, size_t count)
{
	while (count--)
		output_byte(output, ' ');
}
