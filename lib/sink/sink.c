/*
 * The calls of sink.h, handed to the format at hand once they make sense: nothing happens after a failure, and what is
 * closed was open. Knows no Python and no ELF.
 */
#include "sink/backend.h"
#include "base/memory.h"
#include "base/strbuf.h"

#include <stdio.h>
#include <string.h>

/* Far deeper than any answer; whatever wants more counts as out of memory. */
enum { SINK_DEPTH_MAX = 1 << 20 };

size_t value_digits(const struct value *value, char ret[VALUE_DIGITS])
{
	bool negative = value->kind == VALUE_NUMBER && value->number >> 63;
	uint64_t rest = negative ? -value->number : value->number;
	size_t start = VALUE_DIGITS, length;

	if (value->kind == VALUE_ADDRESS) {
		do
			ret[--start] = "0123456789abcdef"[rest & 0xf];
		while (rest >>= 4);
		ret[--start] = 'x';
		ret[--start] = '0';
	} else {
		do
			ret[--start] = (char)('0' + rest % 10);
		while (rest /= 10);
	}
	if (negative)
		ret[--start] = '-';
	length = VALUE_DIGITS - start;
	memmove(ret, ret + start, length);
	return length;
}

bool sink_failed(const struct sink *sink)
{
	return sink->output.refused || sink->lost;
}

void sink_flush(struct sink *sink)
{
	if (!sink_failed(sink) && sink->backend->settle)
		sink->backend->settle(sink);
	output_flush(&sink->output);
}

enum cpeek_status sink_finish(struct sink *sink)
{
	enum cpeek_status status;

	if (!sink)
		return CPEEK_OK;
	/* A command that failed half-way leaves structures open; closed here, its answer stays valid. */
	while (sink->levels.count && !sink_failed(sink))
		sink_end(sink);
	if (!sink_failed(sink) && sink->backend->finish)
		sink->backend->finish(sink);
	output_flush(&sink->output);
	status = sink->output.refused ? CPEEK_CANCELLED : sink->lost ? CPEEK_NO_MEMORY : CPEEK_OK;
	if (sink->backend->destroy)
		sink->backend->destroy(sink);
	VECTOR_DEINIT(&sink->levels);
	output_deinit(&sink->output);
	memory_free(sink);
	return status;
}

/* ---- Structure -------------------------------------------------------------------------------------------------- */

static void open_level(struct sink *sink, enum sink_shape shape, const char *name)
{
	unsigned char level, *slot;

	if (sink_failed(sink))
		return;
	level = sink->backend->open(sink, shape, name);
	slot = sink->levels.count < SINK_DEPTH_MAX ? VECTOR_PUSH(&sink->levels) : NULL;
	if (slot)
		*slot = level;
	else
		sink->lost = true;
}

void sink_object(struct sink *sink, const char *name)
{
	open_level(sink, SHAPE_OBJECT, name);
}

void sink_array(struct sink *sink, const char *name)
{
	open_level(sink, SHAPE_ARRAY, name);
}

void sink_table(struct sink *sink, const char *name)
{
	open_level(sink, SHAPE_TABLE, name);
}

void sink_card(struct sink *sink, const char *name)
{
	open_level(sink, SHAPE_CARD, name);
}

void sink_records(struct sink *sink)
{
	open_level(sink, SHAPE_RECORDS, NULL);
}

void sink_end(struct sink *sink)
{
	if (sink_failed(sink) || !sink->levels.count)
		return;
	unsigned char level = *sink_level(sink);
	sink->levels.count--;
	sink->backend->close(sink, level);
}

/* ---- Fields ----------------------------------------------------------------------------------------------------- */

static void field(struct sink *sink, const char *name, const struct value *value)
{
	if (!sink_failed(sink))
		sink->backend->field(sink, name, value);
}

void sink_bytes(struct sink *sink, const char *name, const char *text, size_t length)
{
	if (text)
		field(sink, name, &(struct value){.kind = VALUE_TEXT, .text = text, .length = length});
	else
		sink_null(sink, name);
}

void sink_string(struct sink *sink, const char *name, const char *text)
{
	sink_bytes(sink, name, text, text ? strlen(text) : 0);
}

void sink_text_begin(struct sink *sink, const char *name)
{
	if (!sink_failed(sink) && sink->backend->begin)
		sink->backend->begin(sink, name);
}

void sink_text_add(struct sink *sink, const char *text, size_t length)
{
	if (!sink_failed(sink) && sink->backend->piece)
		sink->backend->piece(sink, text, length);
}

void sink_text_end(struct sink *sink)
{
	sink_text_add(sink, NULL, 0);
}

void sink_number(struct sink *sink, const char *name, int64_t value)
{
	field(sink, name, &(struct value){.kind = VALUE_NUMBER, .number = (uint64_t)value});
}

void sink_unsigned(struct sink *sink, const char *name, uint64_t value)
{
	field(sink, name, &(struct value){.kind = VALUE_UNSIGNED, .number = value});
}

void sink_bool(struct sink *sink, const char *name, bool value)
{
	field(sink, name, &(struct value){.kind = VALUE_BOOL, .number = value});
}

void sink_address(struct sink *sink, const char *name, uint64_t address)
{
	field(sink, name, &(struct value){.kind = VALUE_ADDRESS, .number = address});
}

void sink_null(struct sink *sink, const char *name)
{
	field(sink, name, &(struct value){.kind = VALUE_NULL});
}

/* ---- Text ------------------------------------------------------------------------------------------------------- */

static bool shows_text(const struct sink *sink)
{
	return sink->backend->span && !sink_failed(sink);
}

void sink_span_bytes(struct sink *sink, enum sink_style style, const char *text, size_t length)
{
	if (text && shows_text(sink))
		sink->backend->span(sink, style, text, length);
}

void sink_span(struct sink *sink, enum sink_style style, const char *text)
{
	if (text)
		sink_span_bytes(sink, style, text, strlen(text));
}

__attribute__((format(printf, 3, 0))) static void span_format(struct sink *sink, enum sink_style style,
							      const char *format, va_list args)
{
	char line[512];
	va_list again;

	va_copy(again, args);
	int length = vsnprintf(line, sizeof(line), format, args);
	if (length >= 0 && (size_t)length < sizeof(line)) {
		sink_span_bytes(sink, style, line, (size_t)length);
	} else {
		char *text = length < 0 ? NULL : memory_alloc((size_t)length + 1);
		if (text) {
			(void)vsnprintf(text, (size_t)length + 1, format, again);
			sink_span_bytes(sink, style, text, (size_t)length);
			memory_free(text);
		} else {
			sink->lost = true;
		}
	}
	va_end(again);
}

void sink_span_format(struct sink *sink, enum sink_style style, const char *format, ...)
{
	va_list args;

	if (!shows_text(sink))
		return;
	va_start(args, format);
	span_format(sink, style, format, args);
	va_end(args);
}

void sink_line(struct sink *sink, const char *format, ...)
{
	va_list args;

	if (!shows_text(sink))
		return;
	if (format) {
		va_start(args, format);
		span_format(sink, SINK_PLAIN, format, args);
		va_end(args);
	}
	if (!sink_failed(sink))
		sink->backend->newline(sink);
}
