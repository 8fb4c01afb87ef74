/*
 * What is safe to show, and what stands for the rest. Knows no Python and no target.
 */
#include "sink/escape.h"
#include "sink/width.h"

#include <stdbool.h>
#include <stdint.h>

/* A byte that belongs to no UTF-8 sequence is decoded to this, or'ed with the byte. */
#define BROKEN 0x80000000u

/* Characters from U+0080 on that steer a terminal or a reader's eye, or cannot be seen (Unicode's Cc, Zl, Zp and the
 * ignorable ones of Cf), and surrogates, which are no characters. In order. */
static const struct {
	uint32_t first, last;
} unsafe[] = {
	{0x0080, 0x009f},   /* C1 controls */
	{0x00ad, 0x00ad},   /* soft hyphen */
	{0x061c, 0x061c},   /* Arabic letter mark */
	{0x180e, 0x180e},   /* Mongolian vowel separator */
	{0x200b, 0x200f},   /* zero width, left-to-right and right-to-left mark */
	{0x2028, 0x202e},   /* line and paragraph separator, embeddings and overrides */
	{0x2060, 0x206f},   /* word joiner, invisible operators, isolates */
	{0xd800, 0xdfff},   /* surrogates */
	{0xfeff, 0xfeff},   /* byte order mark */
	{0xfff9, 0xfffb},   /* interlinear annotation */
	{0xe0000, 0xe007f}, /* tags */
};

static bool is_unsafe(uint32_t c)
{
	for (size_t i = 0; i < sizeof(unsafe) / sizeof(unsafe[0]) && c >= unsafe[i].first; i++)
		if (c <= unsafe[i].last)
			return true;
	return c > 0x10ffff;
}

/* Decodes the sequence at text, which starts with a byte from 0x80 on; answers its bytes. Surrogates pass: CPython's
 * strings hold them. */
static size_t decode(const unsigned char *text, size_t length, uint32_t *ret)
{
	static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
	unsigned char lead = text[0];
	size_t size = lead < 0xc0 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : lead < 0xf8 ? 4 : 1;
	uint32_t c = lead & (0x7fu >> size);

	*ret = BROKEN | lead;
	if (size == 1 || size > length)
		return 1;
	for (size_t i = 1; i < size; i++) {
		if ((text[i] & 0xc0) != 0x80)
			return 1;
		c = c << 6 | (text[i] & 0x3f);
	}
	if (c < smallest[size] || c > 0x10ffff)
		return 1;
	*ret = c;
	return size;
}

static void add(struct escape_piece *piece, const char *text)
{
	while (*text)
		piece->made[piece->length++] = *text++;
}

static void add_hex(struct escape_piece *piece, uint32_t c, unsigned digits)
{
	while (digits--)
		piece->made[piece->length++] = "0123456789abcdef"[c >> 4 * digits & 0xf];
}

/* Makes the escape of c, as the table in escape.h says. */
static void make(enum escape_form form, uint32_t c, struct escape_piece *ret)
{
	bool json = form == ESCAPE_JSON;

	ret->text = ret->made;
	ret->length = 0;
	add(ret, json && c & BROKEN ? "\\\\" : "\\");
	if (c & BROKEN) {
		add(ret, "x");
		add_hex(ret, c, 2);
	} else if (c == '\t' || c == '\n' || c == '\r') {
		add(ret, c == '\t' ? "t" : c == '\n' ? "n" : "r");
	} else if (c == '"' || c == '\\') {
		add(ret, c == '"' ? "\"" : "\\");
	} else if (c > 0xffff && json) {
		add(ret, "u");
		add_hex(ret, 0xd800 + ((c - 0x10000) >> 10), 4);
		add(ret, "\\u");
		add_hex(ret, 0xdc00 + (c & 0x3ff), 4);
	} else if (c > 0xffff) {
		add(ret, "U");
		add_hex(ret, c, 8);
	} else if (c < 0x80 && !json) {
		add(ret, "x");
		add_hex(ret, c, 2);
	} else {
		add(ret, "u");
		add_hex(ret, c, 4);
	}
	ret->columns = ret->length;
}

static bool is_plain(enum escape_form form, unsigned char byte)
{
	return byte >= 0x20 && byte < 0x7f && (form == ESCAPE_TEXT || (byte != '"' && byte != '\\'));
}

size_t escape_next(enum escape_form form, const char *text, size_t length, struct escape_piece *ret)
{
	const unsigned char *bytes = (const unsigned char *)text;
	size_t run = 0, columns = 0;

	while (run < length) {
		size_t start = run;
		while (run < length && is_plain(form, bytes[run]))
			run++;
		columns += run - start;
		if (run == length)
			break;
		uint32_t c = bytes[run];
		size_t size = 1;
		if (c >= 0x80)
			size = decode(bytes + run, length - run, &c);
		if (c < 0x80 || is_unsafe(c)) {
			if (run)
				break;
			make(form, c, ret);
			return size;
		}
		if (form == ESCAPE_TEXT)
			columns += width_of(c);
		run += size;
	}
	ret->text = text;
	ret->length = run;
	ret->columns = columns;
	return run;
}

size_t escape_append(struct strbuf *buffer, const char *text, size_t length)
{
	struct escape_piece piece;
	size_t columns = 0;

	while (length) {
		size_t taken = escape_next(ESCAPE_TEXT, text, length, &piece);
		strbuf_append(buffer, piece.text, piece.length);
		columns += piece.columns;
		text += taken;
		length -= taken;
	}
	return columns;
}
