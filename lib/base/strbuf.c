#include "base/strbuf.h"
#include "base/memory.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void strbuf_deinit(struct strbuf *buffer)
{
	memory_free(buffer->data);
	*buffer = (struct strbuf){0};
}

void strbuf_clear(struct strbuf *buffer)
{
	buffer->length = 0;
	buffer->failed = false;
	if (buffer->data)
		buffer->data[0] = '\0';
}

char *strbuf_reserve(struct strbuf *buffer, size_t length)
{
	if (buffer->failed)
		return NULL;
	if (length >= SIZE_MAX / 2 - buffer->length) {
		buffer->failed = true;
		return NULL;
	}
	size_t needed = buffer->length + length + 1;
	if (needed > buffer->capacity) {
		size_t capacity = buffer->capacity ? buffer->capacity * 2 : 64;
		if (capacity < needed)
			capacity = needed;
		char *data = memory_realloc(buffer->data, capacity);
		if (!data) {
			buffer->failed = true;
			return NULL;
		}
		buffer->data = data;
		buffer->capacity = capacity;
	}
	return buffer->data + buffer->length;
}

void strbuf_append(struct strbuf *buffer, const void *data, size_t length)
{
	char *room = strbuf_reserve(buffer, length);
	if (!room)
		return;
	if (length)
		memcpy(room, data, length);
	buffer->length += length;
	buffer->data[buffer->length] = '\0';
}

void strbuf_puts(struct strbuf *buffer, const char *text)
{
	strbuf_append(buffer, text, strlen(text));
}

void strbuf_putc(struct strbuf *buffer, char byte)
{
	strbuf_append(buffer, &byte, 1);
}

void strbuf_put_utf8(struct strbuf *buffer, uint32_t c)
{
	char bytes[4];
	size_t n = 0;

	if (c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		c = 0xfffd;
	if (c < 0x80) {
		bytes[n++] = (char)c;
	} else if (c < 0x800) {
		bytes[n++] = (char)(0xc0 | c >> 6);
		bytes[n++] = (char)(0x80 | (c & 0x3f));
	} else if (c < 0x10000) {
		bytes[n++] = (char)(0xe0 | c >> 12);
		bytes[n++] = (char)(0x80 | (c >> 6 & 0x3f));
		bytes[n++] = (char)(0x80 | (c & 0x3f));
	} else {
		bytes[n++] = (char)(0xf0 | c >> 18);
		bytes[n++] = (char)(0x80 | (c >> 12 & 0x3f));
		bytes[n++] = (char)(0x80 | (c >> 6 & 0x3f));
		bytes[n++] = (char)(0x80 | (c & 0x3f));
	}
	strbuf_append(buffer, bytes, n);
}

void strbuf_printf(struct strbuf *buffer, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	int length = vsnprintf(NULL, 0, format, args);
	va_end(args);
	if (length < 0) {
		buffer->failed = true;
		return;
	}
	char *room = strbuf_reserve(buffer, (size_t)length);
	if (!room)
		return;
	va_start(args, format);
	(void)vsnprintf(room, (size_t)length + 1, format, args);
	va_end(args);
	buffer->length += (size_t)length;
}

const char *strbuf_text(const struct strbuf *buffer)
{
	return buffer->data ? buffer->data : "";
}
