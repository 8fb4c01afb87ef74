/*
 * lib/sink: what tables, cards, lines and JSON look like, that nothing unsafe comes out whatever goes in, and that
 * refused writes and failing allocations end an answer without a crash.
 */
#include "check.h"

#include "base/memory.h"
#include "base/strbuf.h"
#include "sink/escape.h"
#include "sink/sink.h"
#include "sink/width.h"

#include <stdlib.h>

/* What a sink has written. */
struct written {
	char *data;
	size_t length, capacity;
	uint64_t writes;
	uint64_t refuse_from; /* the number of the first write that is refused; 0: none */
	bool split;           /* a write ended in the middle of a character */
};

static int32_t take(void *arg, const char *data, uint64_t length)
{
	struct written *written = arg;

	written->writes++;
	if (written->refuse_from && written->writes >= written->refuse_from)
		return 1;
	if (written->length + length + 1 > written->capacity) {
		written->capacity = (written->length + length + 1) * 2;
		written->data = realloc(written->data, written->capacity);
	}
	memcpy(written->data + written->length, data, length);
	written->length += length;
	written->data[written->length] = '\0';
	written->split |= ((unsigned char)data[0] & 0xc0) == 0x80;
	return 0;
}

static struct written out;

static void forget(void)
{
	free(out.data);
	out = (struct written){0};
}

static struct sink *text_sink(void)
{
	forget();
	return sink_create_text(take, &out, false, 0);
}

static struct sink *json_sink(void)
{
	forget();
	return sink_create_json(take, &out);
}

static const char *finished(struct sink *sink)
{
	CHECK_EQ(sink_finish(sink), CPEEK_OK);
	CHECK(!out.split);
	return out.data ? out.data : "";
}

/* ---- Strict readers: of UTF-8 and of JSON, written from RFC 3629 and RFC 8259 ----------------------------------- */

/* The bytes of the UTF-8 character at text; 0 when there is none. */
static size_t utf8_size(const unsigned char *text, size_t length)
{
	unsigned char a = length > 0 ? text[0] : 0, b = length > 1 ? text[1] : 0;
	size_t size = a < 0x80                ? 1
		      : a >= 0xc2 && a < 0xe0 ? 2
		      : a >= 0xe0 && a < 0xf0 ? 3
		      : a >= 0xf0 && a < 0xf5 ? 4
					      : 0;

	if (size == 0 || size > length)
		return 0;
	for (size_t i = 1; i < size; i++)
		if (text[i] < 0x80 || text[i] > 0xbf)
			return 0;
	if ((a == 0xe0 && b < 0xa0) || (a == 0xed && b > 0x9f) || (a == 0xf0 && b < 0x90) || (a == 0xf4 && b > 0x8f))
		return 0;
	return size;
}

/* Valid UTF-8 without a control character but newlines, DEL, C1 controls and bidi controls. */
static bool is_safe_text(const char *data, size_t length)
{
	const unsigned char *text = (const unsigned char *)data;

	for (size_t i = 0; i < length;) {
		size_t size = utf8_size(text + i, length - i);
		const unsigned char *c = text + i;
		if (size == 0 || (size == 1 && ((c[0] < 0x20 && c[0] != '\n') || c[0] == 0x7f)))
			return false;
		if (c[0] == 0xc2 && c[1] < 0xa0)
			return false;
		if (c[0] == 0xd8 && c[1] == 0x9c)
			return false;
		if (c[0] == 0xe2 && c[1] == 0x80 && ((c[2] >= 0x8b && c[2] <= 0x8f) || (c[2] >= 0xa8 && c[2] <= 0xae)))
			return false;
		if (c[0] == 0xe2 && c[1] == 0x81 && c[2] >= 0xa0 && c[2] <= 0xaf)
			return false;
		if (c[0] == 0xef && c[1] == 0xbb && c[2] == 0xbf)
			return false;
		i += size;
	}
	return true;
}

struct reader {
	const char *text;
	size_t at, length;
};

static bool takes(struct reader *r, const char *word)
{
	size_t length = strlen(word);
	if (r->length - r->at < length || memcmp(r->text + r->at, word, length) != 0)
		return false;
	r->at += length;
	return true;
}

static bool take_hex(struct reader *r, uint32_t *ret)
{
	uint32_t value = 0;

	for (int i = 0; i < 4; i++) {
		char c = r->at < r->length ? r->text[r->at++] : ' ';
		const char *digits = "0123456789abcdef";
		const char *digit = c ? strchr(digits, c) : NULL;
		if (!digit)
			return false;
		value = value << 4 | (uint32_t)(digit - digits);
	}
	*ret = value;
	return true;
}

/* A string; what it means is appended to meaning, unless that is NULL. */
static bool take_string(struct reader *r, struct strbuf *meaning)
{
	struct strbuf unused = {0};
	bool good = false;

	if (!meaning)
		meaning = &unused;
	if (!takes(r, "\""))
		return false;
	while (r->at < r->length) {
		const char *c = r->text + r->at;
		if (takes(r, "\"")) {
			good = true;
			break;
		}
		if (takes(r, "\\")) {
			static const char letters[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
			uint32_t high, low;
			const char *letter = r->at < r->length && c[1] ? strchr(letters, c[1]) : NULL;
			if (letter) {
				strbuf_putc(meaning, meant[letter - letters]);
				r->at++;
				continue;
			}
			if (!takes(r, "u") || !take_hex(r, &high))
				break;
			size_t behind = r->at;
			/* RFC 8259 allows half a pair; two halves in a row make one character. */
			if (high >= 0xd800 && high < 0xdc00 && takes(r, "\\u") && take_hex(r, &low) && low >= 0xdc00 &&
			    low <= 0xdfff)
				high = 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
			else
				r->at = behind;
			strbuf_put_utf8(meaning, high);
			continue;
		}
		size_t size = utf8_size((const unsigned char *)c, r->length - r->at);
		if (size == 0 || (unsigned char)*c < 0x20)
			break;
		strbuf_append(meaning, c, size);
		r->at += size;
	}
	strbuf_deinit(&unused);
	return good;
}

static bool take_number(struct reader *r)
{
	size_t start;

	takes(r, "-");
	start = r->at;
	while (r->at < r->length && r->text[r->at] >= '0' && r->text[r->at] <= '9')
		r->at++;
	return r->at - start == 1 || (r->at > start && r->text[start] != '0');
}

/* Whether text is one JSON document after another, each on a line (so: without any other whitespace). */
static bool is_json(const char *text, size_t length, size_t *documents)
{
	struct reader r = {.text = text, .length = length};
	char *closers = malloc(length + 1);
	size_t depth = 0;
	bool good = false;

	*documents = 0;
	while (r.at < r.length) {
		bool opened = false;
		/* A value … */
		if (takes(&r, "{")) {
			closers[depth++] = '}';
			opened = true;
		} else if (takes(&r, "[")) {
			closers[depth++] = ']';
			opened = true;
		} else if (r.text[r.at] == '"') {
			if (!take_string(&r, NULL))
				goto out;
		} else if (!takes(&r, "true") && !takes(&r, "false") && !takes(&r, "null") && !take_number(&r)) {
			goto out;
		}
		/* … and what may come after it. */
		for (;;) {
			if (depth == 0) {
				if (!takes(&r, "\n"))
					goto out;
				++*documents;
				break;
			}
			char closer[2] = {closers[depth - 1], '\0'};
			if (takes(&r, closer)) {
				depth--;
				opened = false;
				continue;
			}
			if (!opened && !takes(&r, ","))
				goto out;
			if (closer[0] == '}' && (!take_string(&r, NULL) || !takes(&r, ":")))
				goto out;
			break;
		}
	}
	good = depth == 0;
out:
	free(closers);
	return good;
}

static void test_readers(void)
{
	static const char *const good[] = {
		"{}\n",          "[]\n",         "[1,-2,0]\n", "{\"a\":[{}],\"b\":null}\n", "\"\\ud83d\\ude00\"\n",
		"\"\\ud83d\"\n", "\"\\udc00\"\n"};
	static const char *const bad[] = {"{",      "[1,]\n",      "[,1]\n",     "{\"a\"}\n",          "{\"a\":1,}\n",
					  "[01]\n", "\"\\x00\"\n", "\"\x01\"\n", "\"\xff\"\n",         "[1 2]\n",
					  "[}\n",   "[]]\n",       "[1]",        "\"\xed\xa0\x80\"\n", "nul\n",
					  "-\n",    "{1:2}\n",     "[\"a]\n"};
	size_t documents;

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		CHECK(is_json(good[i], strlen(good[i]), &documents) && documents == 1);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CHECK(!is_json(bad[i], strlen(bad[i]), &documents));
	CHECK(!is_safe_text("\x1b", 1));
	CHECK(!is_safe_text("\xc2\x9b", 2));
	CHECK(!is_safe_text("\xe2\x80\xae", 3));
	CHECK(is_safe_text("a\n\xc3\xa9", 4));
}

/* ---- Escapes ---------------------------------------------------------------------------------------------------- */

static const struct {
	const char *bytes, *text, *json;
	size_t columns;
} escapes[] = {
	{"", "", "", 0},
	{"plain ~", "plain ~", "plain ~", 7},
	{"a\tb\nc\rd", "a\\tb\\nc\\rd", "a\\tb\\nc\\rd", 10},
	{"\x01\x1b[31m", "\\x01\\x1b[31m", "\\u0001\\u001b[31m", 12},
	{"\x7f", "\\x7f", "\\u007f", 4},
	{"say \"hi\" \\ there", "say \"hi\" \\ there", "say \\\"hi\\\" \\\\ there", 16},
	{"\xc3\xa9t\xc3\xa9", "\xc3\xa9t\xc3\xa9", "\xc3\xa9t\xc3\xa9", 3},
	{"e\xcc\x81", "e\xcc\x81", "e\xcc\x81", 1},                                              /* combining acute */
	{"\xe6\xbc\xa2\xe5\xad\x97", "\xe6\xbc\xa2\xe5\xad\x97", "\xe6\xbc\xa2\xe5\xad\x97", 4}, /* two kanji */
	{"\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80", 2},                         /* U+1F600 */
	{"\xc2\x80\xc2\x9b\xc2\x9f", "\\u0080\\u009b\\u009f", "\\u0080\\u009b\\u009f", 18},      /* C1 */
	{"\xc2\xa0", "\xc2\xa0", "\xc2\xa0", 1},                                                 /* no-break space */
	{"\xd8\x9c", "\\u061c", "\\u061c", 6},
	{"\xe2\x80\x8b\xe2\x80\x8e\xe2\x80\x8f", "\\u200b\\u200e\\u200f", "\\u200b\\u200e\\u200f", 18},
	{"\xe2\x80\x90", "\xe2\x80\x90", "\xe2\x80\x90", 1}, /* U+2010, a hyphen */
	{"\xe2\x80\xa8\xe2\x80\xa9", "\\u2028\\u2029", "\\u2028\\u2029", 12},
	{"\xe2\x80\xaa\xe2\x80\xae", "\\u202a\\u202e", "\\u202a\\u202e", 12},
	{"\xe2\x81\xa6\xe2\x81\xa9", "\\u2066\\u2069", "\\u2066\\u2069", 12},
	{"\xef\xbb\xbf", "\\ufeff", "\\ufeff", 6},
	{"\xf3\xa0\x80\x81", "\\U000e0001", "\\udb40\\udc01", 10},            /* a tag */
	{"\xed\xa0\x80\xed\xb3\xbf", "\\ud800\\udcff", "\\ud800\\udcff", 12}, /* encoded surrogates */
	{"\xed\x9f\xbf\xee\x80\x80", "\xed\x9f\xbf\xee\x80\x80", "\xed\x9f\xbf\xee\x80\x80", 2}, /* their neighbours */
	{"\xff\xfe", "\\xff\\xfe", "\\\\xff\\\\xfe", 8},
	{"\x80z\xbf", "\\x80z\\xbf", "\\\\x80z\\\\xbf", 9},
	{"\xc3", "\\xc3", "\\\\xc3", 4},                                  /* cut */
	{"\xe6\xbc", "\\xe6\\xbc", "\\\\xe6\\\\xbc", 8},                  /* cut */
	{"\xe6\xbcq", "\\xe6\\xbcq", "\\\\xe6\\\\xbcq", 9},               /* broken off */
	{"\xf0\x9f\x98", "\\xf0\\x9f\\x98", "\\\\xf0\\\\x9f\\\\x98", 12}, /* cut */
	{"\xc0\xaf", "\\xc0\\xaf", "\\\\xc0\\\\xaf", 8},                  /* too long a form of '/' */
	{"\xe0\x80\xaf", "\\xe0\\x80\\xaf", "\\\\xe0\\\\x80\\\\xaf", 12}, /* likewise */
	{"\xf0\x80\x80\xaf", "\\xf0\\x80\\x80\\xaf", "\\\\xf0\\\\x80\\\\x80\\\\xaf", 16},
	{"\xf4\x8f\xbf\xbf", "\xf4\x8f\xbf\xbf", "\xf4\x8f\xbf\xbf", 1}, /* U+10FFFF */
	{"\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80", "\\\\xf4\\\\x90\\\\x80\\\\x80", 16},
	{"\xf8\x88\x80\x80\x80", "\\xf8\\x88\\x80\\x80\\x80", "\\\\xf8\\\\x88\\\\x80\\\\x80\\\\x80", 20},
};

static void test_escapes(void)
{
	for (size_t i = 0; i < sizeof(escapes) / sizeof(escapes[0]); i++) {
		struct strbuf text = {0}, json = {0};
		CHECK_EQ(escape_append(&text, escapes[i].bytes, strlen(escapes[i].bytes)), escapes[i].columns);
		CHECK_TEXT(strbuf_text(&text), escapes[i].text);
		strbuf_deinit(&text);

		strbuf_printf(&json, "[\"%s\"]\n", escapes[i].json);
		struct sink *sink = json_sink();
		sink_array(sink, NULL);
		sink_string(sink, NULL, escapes[i].bytes);
		sink_end(sink);
		CHECK_TEXT(finished(sink), strbuf_text(&json));
		strbuf_deinit(&json);

		sink = text_sink();
		sink_span(sink, SINK_VALUE, "[");
		sink_card(sink, NULL);
		sink_string(sink, "f", escapes[i].bytes);
		sink_end(sink);
		strbuf_printf(&text, *escapes[i].text ? "[\nf  %s\n" : "[\nf%s\n", escapes[i].text);
		CHECK_TEXT(finished(sink), strbuf_text(&text));
		strbuf_deinit(&text);
	}
	/* NUL is a byte like others. */
	struct strbuf text = {0};
	CHECK_EQ(escape_append(&text, "a\0b", 3), 6);
	CHECK_TEXT(strbuf_text(&text), "a\\x00b");
	strbuf_deinit(&text);
}

/* Every byte alone, every pair of bytes, and all the lead bytes before three others: out comes safe text and JSON. */
static void test_every_byte(void)
{
	static const unsigned char tails[] = {0x00, 0x22, 0x41, 0x5c, 0x7f, 0x80, 0x8f,
					      0x90, 0x9c, 0x9f, 0xa0, 0xae, 0xbf, 0xff};
	struct strbuf all = {0};
	size_t documents;

	for (unsigned a = 0; a < 256; a++) {
		for (unsigned b = 0; b < 256; b++) {
			strbuf_putc(&all, (char)a);
			strbuf_putc(&all, (char)b);
			strbuf_putc(&all, 'x');
		}
		for (size_t i = 0; i < sizeof(tails) * sizeof(tails) * sizeof(tails); i++) {
			strbuf_putc(&all, (char)a);
			strbuf_putc(&all, (char)tails[i % sizeof(tails)]);
			strbuf_putc(&all, (char)tails[i / sizeof(tails) % sizeof(tails)]);
			strbuf_putc(&all, (char)tails[i / sizeof(tails) / sizeof(tails)]);
		}
	}
	struct sink *sink = json_sink();
	sink_object(sink, NULL);
	for (unsigned a = 0; a < 256; a++) {
		char byte = (char)a;
		sink_bytes(sink, "byte", &byte, 1);
	}
	sink_bytes(sink, "all", all.data, all.length);
	sink_string(sink, all.data + 3, "a name is made safe too");
	sink_end(sink);
	finished(sink);
	CHECK(is_json(out.data, out.length, &documents));
	CHECK_EQ(documents, 1);
	CHECK(is_safe_text(out.data, out.length));

	sink = text_sink();
	sink_span_bytes(sink, SINK_FAINT, all.data, all.length);
	sink_line(sink, "%s", all.data + 3);
	sink_table(sink, NULL);
	for (int i = 0; i < 3; i++) {
		sink_object(sink, NULL);
		sink_bytes(sink, all.data + 3, all.data, all.length);
		sink_end(sink);
	}
	sink_end(sink);
	sink_card(sink, NULL);
	sink_bytes(sink, all.data + 3, all.data, all.length);
	sink_end(sink);
	finished(sink);
	CHECK(out.length > 5 * all.length);
	CHECK(is_safe_text(out.data, out.length));
	strbuf_deinit(&all);
}

static void test_widths(void)
{
	static const struct {
		uint32_t c;
		size_t width;
	} cases[] = {
		{'a', 1},     {0xe9, 1},    {0x2ff, 1},   {0x300, 0},   {0x36f, 0},   {0x370, 1},    {0x5d0, 1},
		{0x94d, 0},   {0x10ff, 1},  {0x1100, 2},  {0x1160, 0},  {0x20d0, 0},  {0x2500, 1},   {0x3042, 2},
		{0x4e2d, 2},  {0xac00, 2},  {0xd7a3, 2},  {0xe000, 1},  {0xfe0f, 0},  {0xff21, 2},   {0xff71, 1},
		{0x1d11e, 1}, {0x1f600, 2}, {0x20000, 2}, {0xe0100, 0}, {0xe01ef, 0}, {0x10ffff, 1},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		CHECK_EQ(width_of(cases[i].c), cases[i].width);
}

/* ---- JSON ------------------------------------------------------------------------------------------------------- */

static void test_json(void)
{
	struct sink *sink = json_sink();

	sink_object(sink, NULL);
	sink_string(sink, "python", "3.12.1");
	sink_number(sink, "low", INT64_MIN);
	sink_number(sink, "minus", -7);
	sink_number(sink, "high", INT64_MAX);
	sink_unsigned(sink, "most", UINT64_MAX);
	sink_unsigned(sink, "zero", 0);
	sink_bool(sink, "yes", true);
	sink_bool(sink, "no", false);
	sink_address(sink, "address", 0x7f0012abcdef);
	sink_address(sink, "last", UINT64_MAX);
	sink_null(sink, "nothing");
	sink_string(sink, "none", NULL);
	sink_bytes(sink, "part", "abcdef", 3);
	sink_object(sink, "empty");
	sink_end(sink);
	sink_line(sink, "lines are for people");
	sink_span_format(sink, SINK_NAME, "%d", 5);
	sink_table(sink, "rows");
	for (int i = 0; i < 2; i++) {
		sink_object(sink, NULL);
		sink_number(sink, "n", i);
		sink_array(sink, "list");
		sink_number(sink, NULL, i);
		sink_number(sink, "names in arrays are not shown", 2);
		sink_end(sink);
		sink_end(sink);
	}
	sink_end(sink);
	sink_card(sink, "card");
	sink_bool(sink, "b", true);
	sink_end(sink);
	sink_end(sink);
	CHECK_TEXT(finished(sink),
		   "{\"python\":\"3.12.1\",\"low\":-9223372036854775808,\"minus\":-7,\"high\":9223372036854775807,"
		   "\"most\":18446744073709551615,\"zero\":0,\"yes\":true,\"no\":false,\"address\":\"0x7f0012abcdef\","
		   "\"last\":\"0xffffffffffffffff\",\"nothing\":null,\"none\":null,\"part\":\"abc\",\"empty\":{},"
		   "\"rows\":[{\"n\":0,\"list\":[0,2]},{\"n\":1,\"list\":[1,2]}],\"card\":{\"b\":true}}\n");
}

static void test_json_lines(void)
{
	struct sink *sink = json_sink();

	sink_records(sink);
	for (int i = 0; i < 2; i++) {
		sink_object(sink, NULL);
		sink_number(sink, "n", i);
		sink_array(sink, "a");
		sink_end(sink);
		sink_end(sink);
	}
	sink_number(sink, "has no name", 5);
	sink_string(sink, NULL, "s");
	sink_end(sink);
	CHECK_TEXT(finished(sink), "{\"n\":0,\"a\":[]}\n{\"n\":1,\"a\":[]}\n5\n\"s\"\n");

	sink = json_sink();
	sink_records(sink);
	sink_end(sink);
	CHECK_TEXT(finished(sink), "");
	CHECK_EQ(out.writes, 0);
}

static void test_json_misuse(void)
{
	size_t documents;
	struct sink *sink = json_sink();

	sink_end(sink);
	sink_end(sink);
	sink_object(sink, "the top has no name");
	sink_number(sink, NULL, 1);
	sink_records(sink);
	sink_object(sink, NULL);
	sink_end(sink);
	sink_array(sink, "left open");
	sink_object(sink, NULL);
	CHECK_TEXT(finished(sink), "{\"\":1,\"\":[{},[{}]]}\n");

	/* More is closed than was opened, in all shapes, in any order. */
	sink = json_sink();
	for (unsigned i = 0; i < 1000; i++) {
		switch (i * 7 % 13) {
		case 0:
			sink_object(sink, "o");
			break;
		case 1:
			sink_array(sink, "a");
			break;
		case 2:
			sink_table(sink, NULL);
			break;
		case 3:
			sink_card(sink, NULL);
			break;
		case 4:
			sink_records(sink);
			break;
		case 5:
		case 6:
		case 7:
		case 8:
		case 9:
			sink_end(sink);
			break;
		case 10:
			sink_number(sink, NULL, 5);
			break;
		case 11:
			sink_string(sink, "s", "x");
			break;
		case 12:
			sink_null(sink, NULL);
			break;
		}
	}
	finished(sink);
	CHECK(out.length > 1000);
	CHECK(is_json(out.data, out.length, &documents));
	CHECK(documents > 1);

	CHECK_EQ(sink_finish(NULL), CPEEK_OK);
	sink = json_sink();
	CHECK_TEXT(finished(sink), "");
}

static void test_deep(void)
{
	enum { DEPTH = 100000, TOO_DEEP = 3000000 };
	struct sink *sink = json_sink();
	size_t documents;

	for (int i = 0; i < DEPTH; i++)
		i % 2 ? sink_object(sink, NULL) : sink_array(sink, "a");
	for (int i = 0; i < DEPTH; i++)
		sink_end(sink);
	finished(sink);
	/* A pair of brackets a level, a name for each array but the outermost, a newline. */
	CHECK_EQ(out.length, DEPTH * 2 + (DEPTH / 2 - 1) * strlen("\"a\":") + 1);
	CHECK(is_json(out.data, out.length, &documents));
	CHECK_EQ(documents, 1);

	sink = json_sink();
	for (int i = 0; i < TOO_DEEP; i++)
		sink_array(sink, NULL);
	CHECK(sink_failed(sink));
	for (int i = 0; i < TOO_DEEP; i++)
		sink_end(sink);
	CHECK_EQ(sink_finish(sink), CPEEK_NO_MEMORY);
	CHECK(out.length < TOO_DEEP);

	sink = text_sink();
	for (int i = 0; i < DEPTH; i++)
		i % 2 ? sink_table(sink, NULL) : sink_object(sink, NULL);
	sink_string(sink, "f", "unseen");
	sink_line(sink, "seen");
	CHECK_TEXT(finished(sink), "seen\n");
}

/* ---- Text ------------------------------------------------------------------------------------------------------- */

static void test_lines(void)
{
	struct sink *sink = text_sink();

	sink_span(sink, SINK_FAINT, "  File ");
	sink_span_format(sink, SINK_PLACE, "\"%s\", line %d", "a.py", 7);
	sink_line(sink, ", in %s", "f\x1b");
	sink_line(sink, NULL);
	sink_span(sink, SINK_VALUE, "x = 'a\nb\n'");
	sink_line(sink, NULL);
	sink_span(sink, SINK_FAINT, "\ta\t|1234567\tb");
	sink_line(sink, NULL);
	sink_span(sink, SINK_FAINT, "1234567");
	sink_span(sink, SINK_FAINT, "\t8\t\t");
	sink_span(sink, SINK_FAINT, "z\n\tq");
	sink_line(sink, NULL);
	sink_span(sink, SINK_FAINT, "\xe6\xbc\xa2\t.\r");
	sink_line(sink, "%s", "");
	sink_span(sink, SINK_FAINT, NULL);
	sink_span_bytes(sink, SINK_FAINT, NULL, 5);
	sink_span(sink, (enum sink_style)77, "no such style");
	CHECK_TEXT(finished(sink), "  File \"a.py\", line 7, in f\\x1b\n"
				   "\n"
				   "x = 'a\n"
				   "b\n"
				   "'\n"
				   "        a       |1234567        b\n"
				   "1234567 8               z\n"
				   "        q\n"
				   "\xe6\xbc\xa2      .\\r\n"
				   "no such style\n");

	/* Longer than any buffer on the way. */
	char *name = malloc(100001);
	memset(name, 'n', 100000);
	name[100000] = '\0';
	sink = text_sink();
	sink_line(sink, "<%s>", name);
	sink_span_format(sink, SINK_NAME, "<%s>", name);
	finished(sink);
	CHECK_EQ(out.length, 2 * 100003);
	CHECK(out.data[0] == '<' && strncmp(out.data + 1, name, 100000) == 0);
	CHECK(strcmp(out.data + 100001, ">\n<n") > 0 && strcmp(out.data + out.length - 3, "n>\n") == 0);
	free(name);
}

static void test_colors(void)
{
	struct sink *sink;

	forget();
	sink = sink_create_text(take, &out, true, 80);
	sink_span(sink, SINK_NAME, "f");
	sink_span(sink, SINK_PLAIN, " at ");
	sink_span(sink, SINK_MARK, "<x\n\x1b>\n");
	sink_span(sink, SINK_MARK, "");
	sink_line(sink, "end");
	sink_table(sink, NULL);
	for (int i = 0; i < 2; i++) {
		sink_object(sink, NULL);
		sink_string(sink, "name", i ? "bc" : "a");
		sink_address(sink, "address", 0x10);
		sink_end(sink);
	}
	sink_end(sink);
	CHECK_TEXT(finished(sink), "\x1b[1mf\x1b[0m at \x1b[31m<x\x1b[0m\n\x1b[31m\\x1b>\x1b[0m\nend\n"
				   "\x1b[1mNAME\x1b[0m  \x1b[1mADDRESS\x1b[0m\n"
				   "a        \x1b[36m0x10\x1b[0m\n"
				   "bc       \x1b[36m0x10\x1b[0m\n");
}

static void person(struct sink *sink, int64_t id, const char *name, bool tracked, uint64_t address, const char *repr)
{
	sink_object(sink, NULL);
	sink_number(sink, "native_id", id);
	sink_string(sink, "name", name);
	sink_bool(sink, "tracked", tracked);
	sink_address(sink, "address", address);
	sink_array(sink, "not_shown");
	sink_number(sink, "n", 5);
	sink_object(sink, NULL);
	sink_card(sink, "c");
	sink_string(sink, "s", "deep");
	sink_end(sink);
	sink_end(sink);
	sink_end(sink);
	sink_string(sink, "repr", repr);
	sink_end(sink);
}

static void test_table(void)
{
	struct sink *sink = text_sink();

	sink_object(sink, NULL);
	sink_string(sink, "not_shown", "outside of tables");
	sink_table(sink, "threads");
	person(sink, 7, "main", true, 0x7f00, "'a\n'");
	person(sink, -12345678901, NULL, false, 0x7f001234, "");
	person(sink, 0, "\xe6\xbc\xa2\xe5\xad\x97", false, 0, "e\xcc\x81");
	sink_object(sink, NULL);
	sink_string(sink, "name", "late");
	sink_string(sink, "late_field", "-");
	sink_end(sink);
	sink_object(sink, NULL); /* no fields: no row */
	sink_end(sink);
	sink_number(sink, "not_in_a_row", 5);
	sink_array(sink, NULL); /* no row either */
	sink_number(sink, NULL, 5);
	sink_end(sink);
	sink_end(sink);
	sink_table(sink, "empty");
	sink_end(sink);
	sink_end(sink);
	CHECK_TEXT(finished(sink), "   NATIVE ID  NAME  TRACKED     ADDRESS  REPR   LATE FIELD\n"
				   "           7  main  yes          0x7f00  'a\\n'  -\n"
				   "-12345678901  -     no       0x7f001234         -\n"
				   "           0  \xe6\xbc\xa2\xe5\xad\x97  no              0x0  e\xcc\x81      -\n"
				   "           -  late  -                 -  -      -\n");

	/* The last column: right-aligned when it is of numbers; nothing follows a text. */
	sink = text_sink();
	sink_table(sink, NULL);
	sink_object(sink, NULL);
	sink_string(sink, "type", "int");
	sink_unsigned(sink, "n", 100000);
	sink_end(sink);
	sink_object(sink, NULL);
	sink_string(sink, "type", "");
	sink_unsigned(sink, "n", 1);
	sink_end(sink);
	sink_object(sink, NULL);
	sink_null(sink, "type");
	sink_null(sink, "n");
	sink_end(sink);
	sink_end(sink);
	CHECK_TEXT(finished(sink), "TYPE       N\n"
				   "int   100000\n"
				   "           1\n"
				   "-          -\n");
}

/* 64 rows decide; what comes later may be wider, and may have fields without a column. */
static void test_table_streams(void)
{
	struct sink *sink = text_sink();
	struct strbuf wanted = {0};

	sink_table(sink, NULL);
	for (int i = 0; i < 70; i++) {
		sink_object(sink, NULL);
		sink_string(sink, "a", i == 63 ? "ww" : i == 66 ? "wider" : "x");
		sink_number(sink, "b", i == 64 ? 123 : 1);
		if (i >= 68) {
			sink_string(sink, "error", "gone\x1b");
			sink_number(sink, "n", i);
		}
		if (i == 69)
			sink_string(sink, "a", "y"); /* a second value for one column: the last one */
		sink_end(sink);
	}
	sink_end(sink);
	strbuf_puts(&wanted, "A   B\n");
	for (int i = 0; i < 63; i++)
		strbuf_puts(&wanted, "x   1\n");
	strbuf_puts(&wanted, "ww  1\n"
			     "x   123\n"
			     "x   1\n"
			     "wider  1\n"
			     "x   1\n"
			     "x   1  error=gone\\x1b  n=68\n"
			     "y   1  error=gone\\x1b  n=69\n");
	CHECK_TEXT(finished(sink), strbuf_text(&wanted));
	strbuf_deinit(&wanted);

	/* A flush shows the rows so far. */
	sink = text_sink();
	sink_table(sink, NULL);
	sink_object(sink, NULL);
	sink_string(sink, "a", "x");
	sink_end(sink);
	CHECK_EQ(out.writes, 0);
	sink_flush(sink);
	CHECK_EQ(out.writes, 1);
	CHECK_TEXT(out.data, "A\nx\n");
	sink_flush(sink);
	CHECK_EQ(out.writes, 1);
	CHECK_TEXT(finished(sink), "A\nx\n");
}

static void test_table_limits(void)
{
	struct sink *sink = text_sink();
	char wide[62];

	/* A cell over the cap of 60 does not widen its column. */
	memset(wide, 'w', 61);
	wide[61] = '\0';
	sink_table(sink, NULL);
	for (int i = 0; i < 3; i++) {
		sink_object(sink, NULL);
		sink_string(sink, "a", i == 0 ? wide : "x");
		sink_string(sink, "b", "y");
		sink_end(sink);
	}
	sink_end(sink);
	CHECK_TEXT(finished(sink), "A  B\n"
				   "wwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwww  y\n"
				   "x  y\n"
				   "x  y\n");

	/* More fields than columns have titles: the rest come after them by name. */
	sink = text_sink();
	sink_table(sink, NULL);
	sink_object(sink, NULL);
	for (int i = 0; i < 66; i++) {
		char name[16];
		snprintf(name, sizeof(name), "c%d", i);
		sink_number(sink, name, i % 10);
	}
	sink_end(sink);
	sink_end(sink);
	const char *text = finished(sink);
	CHECK(strncmp(text, "C0  C1  C2", 10) == 0);
	CHECK(strstr(text, "  C63\n") != NULL);
	CHECK(strstr(text, "    3  c64=4  c65=5\n") != NULL);

	/* Much text in few rows is not held back. */
	char *large = malloc(300001);
	memset(large, 'l', 300000);
	large[300000] = '\0';
	sink = text_sink();
	sink_table(sink, NULL);
	sink_object(sink, NULL);
	sink_string(sink, "a", large);
	sink_end(sink);
	CHECK(out.length > 200000);
	sink_end(sink);
	finished(sink);
	CHECK_EQ(out.length, 2 + 300001);
	free(large);
}

/* Lines in the middle of a table come where they were written. */
static void test_table_and_lines(void)
{
	struct sink *sink = text_sink();

	sink_span(sink, SINK_TITLE, "open line");
	sink_table(sink, NULL);
	sink_object(sink, NULL);
	sink_string(sink, "a", "1");
	sink_end(sink);
	sink_line(sink, "between");
	sink_object(sink, NULL);
	sink_string(sink, "a", "2");
	sink_line(sink, "in the row");
	sink_string(sink, "b", "3");
	sink_end(sink);
	sink_span(sink, SINK_PLAIN, "open");
	sink_end(sink);
	CHECK_TEXT(finished(sink), "open line\nA\n1\nbetween\nin the row\n2  b=3\nopen\n");

	/* The line comes while one row waits and another is half done. */
	sink = text_sink();
	sink_table(sink, NULL);
	sink_object(sink, NULL);
	sink_string(sink, "a", "first");
	sink_string(sink, "b", "1");
	sink_end(sink);
	sink_object(sink, NULL);
	sink_string(sink, "a", "second");
	sink_line(sink, NULL);
	sink_string(sink, "b", "2");
	sink_end(sink);
	sink_end(sink);
	CHECK_TEXT(finished(sink), "A       B\nfirst   1\n\nsecond  2\n");
}

static void test_card(void)
{
	struct sink *sink = text_sink();

	sink_card(sink, NULL);
	sink_string(sink, "python", "3.12.1");
	sink_object(sink, "flavour");
	sink_bool(sink, "debug", false);
	sink_end(sink);
	sink_number(sink, "pointer_size", 8);
	sink_bool(sink, "debug", true);
	sink_bool(sink, "free_threaded", false);
	sink_null(sink, "n\xc3\xa4me");
	sink_address(sink, "runtime", 0x55d0);
	sink_string(sink, "empty", "");
	sink_table(sink, "rows");
	sink_object(sink, NULL);
	sink_number(sink, "n", 1);
	sink_end(sink);
	sink_end(sink);
	sink_string(sink, "longer", "after");
	sink_line(sink, "line");
	sink_string(sink, "zz", "last");
	sink_card(sink, "inner");
	sink_string(sink, "inside", "i");
	sink_end(sink);
	sink_end(sink);
	sink_card(sink, NULL);
	sink_end(sink);
	CHECK_TEXT(finished(sink), "python         3.12.1\n"
				   "pointer size   8\n"
				   "debug          yes\n"
				   "free threaded  no\n"
				   "n\xc3\xa4me           -\n"
				   "runtime        0x55d0\n"
				   "empty\n"
				   "N\n"
				   "1\n"
				   "longer  after\n"
				   "line\n"
				   "zz  last\n"
				   "inside  i\n");
}

/* ---- Streams, refusals, memory ---------------------------------------------------------------------------------- */

static void test_large(void)
{
	enum { SIZE = 10 * 1000 * 1000 };
	char *large = malloc(SIZE);
	struct sink *sink = json_sink();
	size_t documents;

	/* Characters of 3 bytes: writes end between them. */
	for (size_t i = 0; i + 3 <= SIZE; i += 3)
		memcpy(large + i, "\xe6\xbc\xa2", 3);
	sink_array(sink, NULL);
	sink_bytes(sink, NULL, large, SIZE / 3 * 3);
	CHECK(out.writes > 100);
	memset(large, '\n', SIZE);
	sink_bytes(sink, NULL, large, SIZE);
	sink_end(sink);
	finished(sink);
	CHECK_EQ(out.length, 1 + 2 + SIZE / 3 * 3 + 1 + 2 + 2 * SIZE + 2);
	CHECK(is_json(out.data, out.length, &documents));

	sink = text_sink();
	sink_span_bytes(sink, SINK_VALUE, large, SIZE);
	finished(sink);
	CHECK_EQ(out.length, SIZE);
	free(large);
}

/* One of everything. */
static void everything(struct sink *sink)
{
	static char large[200001];

	sink_object(sink, NULL);
	sink_string(sink, "s", "text\xff");
	sink_card(sink, "card");
	sink_address(sink, "address", 5);
	sink_string(sink, "name", "n");
	sink_end(sink);
	sink_flush(sink);
	sink_table(sink, "table");
	for (int i = 0; i < 200; i++) {
		sink_object(sink, NULL);
		sink_number(sink, "number", i);
		sink_string(sink, "text", "some text that fills the buffer of the rows a little faster");
		if (i > 5)
			sink_bool(sink, "bool", true);
		if (i > 100)
			sink_null(sink, "null");
		sink_end(sink);
	}
	sink_end(sink);
	sink_line(sink, "%01000d", 5); /* too long for the stack */
	memset(large, 'l', sizeof(large) - 1);
	sink_string(sink, "large", large);
	sink_span(sink, SINK_VALUE, large);
	for (int i = 0; i < 100; i++)
		sink_array(sink, "a");
	for (int i = 0; i < 101; i++)
		sink_end(sink);
	sink_flush(sink);
	sink_records(sink);
	sink_object(sink, NULL);
	sink_end(sink);
	sink_line(sink, "end");
	sink_end(sink);
}

typedef struct sink *(*create_fn)(void);

static void check_refusal(create_fn create)
{
	struct sink *sink = create();
	everything(sink);
	CHECK_EQ(sink_finish(sink), CPEEK_OK);
	uint64_t writes = out.writes;
	CHECK(writes >= 3);
	for (uint64_t n = 1; n <= writes; n++) {
		sink = create();
		out.refuse_from = n;
		everything(sink);
		CHECK(sink_failed(sink) == (n < writes));
		CHECK_EQ(sink_finish(sink), CPEEK_CANCELLED);
		CHECK_EQ(out.writes, n); /* not asked again */
	}
}

static void check_no_memory(create_fn create)
{
	enum { MANY = 10000 };
	uint64_t count = MANY;
	void *probe;

	/* How many allocations there are: how many fewer are left before the failing one. */
	memory_fail_at(MANY);
	struct sink *sink = create();
	everything(sink);
	CHECK_EQ(sink_finish(sink), CPEEK_OK);
	while ((probe = memory_alloc(1)) != NULL) {
		memory_free(probe);
		count--;
	}
	count--; /* the probe that failed */
	CHECK(count >= 4);
	for (uint64_t n = 1; n <= count; n++) {
		memory_fail_at(n);
		sink = create();
		if (sink) {
			everything(sink);
			CHECK(sink_failed(sink));
			CHECK_EQ(sink_finish(sink), CPEEK_NO_MEMORY);
		} else {
			CHECK(n <= 2);
		}
		memory_fail_at(0);
	}
}

static void test_failures(void)
{
	check_refusal(json_sink);
	check_refusal(text_sink);
	check_no_memory(json_sink);
	check_no_memory(text_sink);
}

int main(void)
{
	test_readers();
	test_escapes();
	test_every_byte();
	test_widths();
	test_json();
	test_json_lines();
	test_json_misuse();
	test_deep();
	test_lines();
	test_colors();
	test_table();
	test_table_streams();
	test_table_limits();
	test_table_and_lines();
	test_card();
	test_large();
	test_failures();
	forget();
	return check_report();
}
