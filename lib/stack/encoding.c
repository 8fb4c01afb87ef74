/*
 * PEP 263: which encoding a source file declares, and its text as UTF-8. UTF-8, Latin-1 and ASCII are decoded here,
 * all others by iconv.
 */
#include "stack/encoding.h"

#include <ctype.h>
#include <errno.h>
#include <iconv.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { REPLACEMENT = 0xfffd, CHUNK = 4096 };

/* ---- Names ---- */

/* Python's names of codecs (Lib/encodings/aliases.py) that iconv has under another one, or reads differently: its own
 * SJIS has no backslash. */
static const struct {
	const char *python, *iconv;
} aliases[] = {
	{"utf8", "UTF-8"},
	{"u8", "UTF-8"},
	{"utf", "UTF-8"},
	{"latin", "ISO-8859-1"},
	{"latin1", "ISO-8859-1"},
	{"l1", "ISO-8859-1"},
	{"iso8859", "ISO-8859-1"},
	{"iso8859-1", "ISO-8859-1"},
	{"8859", "ISO-8859-1"},
	{"l9", "ISO-8859-15"},
	{"ascii", "ASCII"},
	{"us-ascii", "ASCII"},
	{"mac-roman", "MACINTOSH"},
	{"macroman", "MACINTOSH"},
	{"mac-latin2", "MAC-CENTRALEUROPE"},
	{"maclatin2", "MAC-CENTRALEUROPE"},
	{"shift-jis", "CP932"},
	{"shiftjis", "CP932"},
	{"sjis", "CP932"},
	{"s-jis", "CP932"},
	{"ms-kanji", "CP932"},
	{"mskanji", "CP932"},
	{"u-jis", "EUC-JP"},
	{"iso2022-jp", "ISO-2022-JP"},
	{"iso2022-kr", "ISO-2022-KR"},
	{"euc-jis-2004", "EUC-JISX0213"},
	{"eucjis2004", "EUC-JISX0213"},
	{"korean", "EUC-KR"},
	{"ksc5601", "EUC-KR"},
	{"ks-c-5601", "EUC-KR"},
	{"ms949", "CP949"},
	{"chinese", "GB2312"},
	{"big5-tw", "BIG5"},
	{"hkscs", "BIG5-HKSCS"},
	{"ms950", "CP950"},
	{"gb18030-2000", "GB18030"},
	{"cyrillic-asian", "PT154"},
	{"ptcp154", "PT154"},
	{"thai", "TIS-620"},
};

static bool begins(const char *text, const char *start)
{
	return strncmp(text, start, strlen(start)) == 0;
}

/* get_normal_name() of tokenize.py: a suffix such as "-unix" is no part of these two. */
static bool is_or_extends(const char *name, const char *wanted)
{
	size_t length = strlen(wanted);

	return begins(name, wanted) && (name[length] == '\0' || name[length] == '-');
}

static void normalize(const char *text, size_t length, char name[ENCODING_NAME])
{
	const char *found = NULL;

	for (size_t i = 0; i < length; i++)
		name[i] = text[i] == '_' ? '-' : (char)tolower((unsigned char)text[i]);
	name[length] = '\0';
	if (is_or_extends(name, "utf-8"))
		found = "UTF-8";
	else if (is_or_extends(name, "latin-1") || is_or_extends(name, "iso-8859-1") ||
		 is_or_extends(name, "iso-latin-1"))
		found = "ISO-8859-1";
	for (size_t i = 0; !found && i < sizeof(aliases) / sizeof(*aliases); i++)
		if (strcmp(name, aliases[i].python) == 0)
			found = aliases[i].iconv;
	if (found) {
		(void)snprintf(name, ENCODING_NAME, "%s", found);
	} else if (length && strspn(name, "0123456789") == length && length + 3 <= ENCODING_NAME) {
		memmove(name + 2, name, length + 1); /* "1252" */
		name[0] = 'C';
		name[1] = 'P';
	}
}

/* ---- The declaration ---- */

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\f';
}

static bool is_name(char c)
{
	return isalnum((unsigned char)c) || c == '-' || c == '_' || c == '.';
}

/* One line, without its \n; in a file of old Macs' that may be all of it. */
static size_t line_length(const char *bytes, size_t length)
{
	const char *end = memchr(bytes, '\n', length);

	return end ? (size_t)(end - bytes) : length;
}

/* ^[ \t\f]*#.*?coding[:=][ \t]*([-\w.]+) */
static bool find_cookie(const char *line, size_t length, char name[ENCODING_NAME])
{
	static const char word[] = "coding";
	const size_t word_length = sizeof(word) - 1;
	size_t at = 0;

	while (at < length && is_blank(line[at]))
		at++;
	if (at == length || line[at] != '#')
		return false;
	for (; at + word_length < length; at++) {
		size_t start = at + word_length;
		if (memcmp(line + at, word, word_length) != 0 || (line[start] != ':' && line[start] != '='))
			continue;
		start++;
		while (start < length && (line[start] == ' ' || line[start] == '\t'))
			start++;
		size_t end = start;
		while (end < length && is_name(line[end]))
			end++;
		if (end == start)
			continue;
		if (end - start < ENCODING_NAME)
			normalize(line + start, end - start, name);
		else
			name[0] = '\0'; /* no codec has so long a name */
		return true;
	}
	return false;
}

/* ^[ \t\f]*(?:[#\r\n]|$) */
static bool is_comment_or_blank(const char *line, size_t length)
{
	size_t at = 0;

	while (at < length && is_blank(line[at]))
		at++;
	return at == length || line[at] == '#' || line[at] == '\r';
}

size_t encoding_detect(const char *bytes, size_t length, char name[ENCODING_NAME])
{
	size_t first = line_length(bytes, length);

	(void)snprintf(name, ENCODING_NAME, "UTF-8");
	if (length >= 3 && memcmp(bytes, "\xef\xbb\xbf", 3) == 0)
		return 3; /* a cookie can only say the same */
	if (find_cookie(bytes, first, name) || first == length || !is_comment_or_blank(bytes, first))
		return 0;
	(void)find_cookie(bytes + first + 1, line_length(bytes + first + 1, length - first - 1), name);
	return 0;
}

/* ---- Decoding ---- */

/* How many bytes of text form the UTF-8 sequence at its start, or, when it is none, how many its longest valid
 * beginning has (at least 1): Unicode 15, table 3-7, and what Python's "replace" does. */
static size_t utf8_sequence(const unsigned char *text, size_t length, bool *ret_valid)
{
	unsigned char lead = text[0], low = 0x80, high = 0xbf;
	size_t wanted = lead < 0x80 ? 1 : lead >= 0xc2 && lead <= 0xdf ? 2 : (lead & 0xf0) == 0xe0 ? 3 : 4;

	*ret_valid = false;
	if (wanted == 4 && (lead < 0xf0 || lead > 0xf4))
		return 1;
	if (lead == 0xe0)
		low = 0xa0;
	else if (lead == 0xed)
		high = 0x9f;
	else if (lead == 0xf0)
		low = 0x90;
	else if (lead == 0xf4)
		high = 0x8f;
	for (size_t i = 1; i < wanted; i++) {
		if (i == length || text[i] < low || text[i] > high)
			return i;
		low = 0x80;
		high = 0xbf;
	}
	*ret_valid = true;
	return wanted;
}

static void decode_utf8(const char *bytes, size_t length, struct strbuf *out)
{
	const unsigned char *text = (const unsigned char *)bytes;
	size_t good = 0; /* since the last append */

	for (size_t at = 0; at < length;) {
		bool valid;
		size_t count = utf8_sequence(text + at, length - at, &valid);
		if (!valid) {
			strbuf_append(out, bytes + good, at - good);
			strbuf_put_utf8(out, REPLACEMENT);
			good = at + count;
		}
		at += count;
	}
	strbuf_append(out, bytes + good, length - good);
}

static void decode_bytes(const char *bytes, size_t length, unsigned char last, struct strbuf *out)
{
	for (size_t i = 0; i < length; i++) {
		unsigned char byte = (unsigned char)bytes[i];
		strbuf_put_utf8(out, byte > last ? (uint32_t)REPLACEMENT : byte);
	}
}

/* A source must be ASCII where it is syntax: this keeps UTF-16, EBCDIC and the like out. Leaves the converter in its
 * first state. */
static bool has_ascii(iconv_t converter)
{
	char ascii[95], converted[sizeof(ascii) + 1], *in = ascii, *out = converted;
	size_t in_left = sizeof(ascii), out_left = sizeof(converted);

	for (size_t i = 0; i < sizeof(ascii); i++)
		ascii[i] = (char)(' ' + i);
	bool same = iconv(converter, &in, &in_left, &out, &out_left) == 0 && out_left == 1 &&
		    memcmp(ascii, converted, sizeof(ascii)) == 0;
	(void)iconv(converter, NULL, NULL, NULL, NULL);
	return same;
}

static void decode_by_iconv(iconv_t converter, const char *bytes, size_t length, struct strbuf *out)
{
	char *in = (char *)bytes; /* iconv's type lacks a const */

	while (length && !strbuf_failed(out)) {
		char *start = strbuf_reserve(out, CHUNK), *end = start;
		size_t room = CHUNK;
		if (!start)
			return;
		size_t result = iconv(converter, &in, &length, &end, &room);
		int error = errno;
		out->length += (size_t)(end - start);
		out->data[out->length] = '\0';
		if (result == (size_t)-1 && error != E2BIG) {
			strbuf_put_utf8(out, REPLACEMENT);
			if (error == EINVAL)
				return; /* cut off in the middle of a character */
			in++;
			length--;
		}
	}
}

void encoding_decode(const char *name, const char *bytes, size_t length, struct strbuf *out)
{
	if (strcmp(name, "UTF-8") == 0) {
		decode_utf8(bytes, length, out);
		return;
	}
	if (strcmp(name, "ISO-8859-1") == 0) {
		decode_bytes(bytes, length, 0xff, out);
		return;
	}
	iconv_t converter = strcmp(name, "ASCII") == 0 || !name[0] ? (iconv_t)-1 : iconv_open("UTF-8", name);
	if (converter != (iconv_t)-1 && has_ascii(converter))
		decode_by_iconv(converter, bytes, length, out);
	else
		decode_bytes(bytes, length, 0x7f, out);
	if (converter != (iconv_t)-1)
		(void)iconv_close(converter);
}
