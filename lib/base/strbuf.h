/*
 * A string that grows. Running out of memory is sticky: appends then do nothing, and strbuf_failed() says so once at
 * the end, so that building text needs no check at each step.
 */
#ifndef BASE_STRBUF_H
#define BASE_STRBUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct strbuf {
	char *data; /* NUL-terminated when not NULL */
	size_t length;
	size_t capacity;
	bool failed;
};

/* A zeroed struct strbuf is an empty one. */
void strbuf_deinit(struct strbuf *buffer);
/* Empties it and forgets a failure; keeps the memory. */
void strbuf_clear(struct strbuf *buffer);

void strbuf_append(struct strbuf *buffer, const void *data, size_t length);
void strbuf_puts(struct strbuf *buffer, const char *text);
void strbuf_putc(struct strbuf *buffer, char byte);
/* Appends code point c as UTF-8; a surrogate or a value above U+10FFFF becomes U+FFFD. */
void strbuf_put_utf8(struct strbuf *buffer, uint32_t c);
__attribute__((format(printf, 2, 3))) void strbuf_printf(struct strbuf *buffer, const char *format, ...);
/* Room for length more bytes, to be written by the caller and then added to ->length; NULL when memory is out. */
char *strbuf_reserve(struct strbuf *buffer, size_t length);

/* The text so far; "" when nothing was appended. Valid until the next change. */
const char *strbuf_text(const struct strbuf *buffer);
static inline bool strbuf_failed(const struct strbuf *buffer)
{
	return buffer->failed;
}

#endif
