/*
 * Fields as JSON (RFC 8259): compact, valid whatever the values hold. Lines and spans are not shown.
 * Knows no Python and no ELF.
 */
#include "sink/backend.h"
#include "sink/escape.h"
#include "base/memory.h"

#include <string.h>

/* What a level is, and whether it has an item already. */
enum {
	LEVEL_ARRAY = 0,
	LEVEL_OBJECT = 1,
	LEVEL_LINES = 2, /* each item is a document on a line of its own, as outside of all levels */
	LEVEL_KIND = 3,
	LEVEL_USED = 4,
};

static bool in_lines(struct sink *sink)
{
	const unsigned char *level = sink_level(sink);
	return !level || (*level & LEVEL_KIND) == LEVEL_LINES;
}

static void put_escaped(struct output *output, const char *text, size_t length)
{
	struct escape_piece piece;

	while (length && !output->refused) {
		size_t taken = escape_next(ESCAPE_JSON, text, length, &piece);
		output_append(output, piece.text, piece.length);
		text += taken;
		length -= taken;
	}
}

static void put_text(struct output *output, const char *text, size_t length)
{
	output_byte(output, '"');
	put_escaped(output, text, length);
	output_byte(output, '"');
}

/* What comes before an item: the comma, and in an object its name. */
static void start_item(struct sink *sink, const char *name)
{
	unsigned char *level = sink_level(sink);

	if (in_lines(sink))
		return;
	if (*level & LEVEL_USED)
		output_byte(&sink->output, ',');
	*level |= LEVEL_USED;
	if ((*level & LEVEL_KIND) == LEVEL_OBJECT) {
		put_text(&sink->output, name ? name : "", name ? strlen(name) : 0);
		output_byte(&sink->output, ':');
	}
}

static void end_item(struct sink *sink)
{
	if (in_lines(sink))
		output_byte(&sink->output, '\n');
}

static unsigned char json_open(struct sink *sink, enum sink_shape shape, const char *name)
{
	if (shape == SHAPE_RECORDS && in_lines(sink))
		return LEVEL_LINES;
	start_item(sink, name);
	if (shape == SHAPE_OBJECT || shape == SHAPE_CARD) {
		output_byte(&sink->output, '{');
		return LEVEL_OBJECT;
	}
	output_byte(&sink->output, '[');
	return LEVEL_ARRAY;
}

static void json_close(struct sink *sink, unsigned char level)
{
	if ((level & LEVEL_KIND) == LEVEL_LINES)
		return;
	output_byte(&sink->output, (level & LEVEL_KIND) == LEVEL_OBJECT ? '}' : ']');
	end_item(sink);
}

static void json_field(struct sink *sink, const char *name, const struct value *value)
{
	struct output *output = &sink->output;
	char digits[VALUE_DIGITS];

	start_item(sink, name);
	switch (value->kind) {
	case VALUE_NULL:
		output_puts(output, "null");
		break;
	case VALUE_BOOL:
		output_puts(output, value->number ? "true" : "false");
		break;
	case VALUE_TEXT:
		put_text(output, value->text, value->length);
		break;
	case VALUE_ADDRESS: /* a string: 64 bits do not fit the numbers of every reader */
		put_text(output, digits, value_digits(value, digits));
		break;
	case VALUE_NUMBER:
	case VALUE_UNSIGNED:
		output_append(output, digits, value_digits(value, digits));
		break;
	}
	end_item(sink);
}

static void json_begin(struct sink *sink, const char *name)
{
	start_item(sink, name);
	output_byte(&sink->output, '"');
}

static void json_piece(struct sink *sink, const char *text, size_t length)
{
	if (text) {
		put_escaped(&sink->output, text, length);
	} else {
		output_byte(&sink->output, '"');
		end_item(sink);
	}
}

static const struct sink_backend json_backend = {
	.open = json_open,
	.close = json_close,
	.field = json_field,
	.begin = json_begin,
	.piece = json_piece,
};

struct sink *sink_create_json(sink_write_fn write, void *arg)
{
	struct sink *sink = memory_calloc(1, sizeof(*sink));

	if (!sink)
		return NULL;
	sink->backend = &json_backend;
	if (!output_init(&sink->output, write, arg)) {
		memory_free(sink);
		return NULL;
	}
	return sink;
}
