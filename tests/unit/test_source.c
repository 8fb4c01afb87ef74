/*
 * Source lines: encodings as PEP 263 says, newlines as Python's io has them, and files that must never be read. What
 * the texts mean was taken from Python's own tokenize.open() and linecache.
 */
#include "check.h"
#include "stack/encoding.h"
#include "stack/source.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static struct strbuf line_text;
static char folder[] = "/tmp/cpeek-test-source-XXXXXX";

static const char *path_of(const char *name)
{
	static char path[4096];

	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	return path;
}

static void write_file(const char *name, const char *bytes, size_t length)
{
	FILE *file = fopen(path_of(name), "wb");

	CHECK(file && fwrite(bytes, 1, length, file) == length && fclose(file) == 0);
}

/* The text of a line of a file with these bytes; "<none>" when there is none. Each call has its own cache. */
static const char *line_of(const char *bytes, size_t length, int64_t line)
{
	struct source_cache *cache = source_create();

	write_file("file.py", bytes, length);
	strbuf_clear(&line_text);
	if (source_read_line(cache, NULL, path_of("file.py"), line, &line_text) != CPEEK_OK)
		strbuf_puts(&line_text, "<none>");
	source_destroy(cache);
	return strbuf_text(&line_text);
}

#define LINE(bytes, line) line_of(bytes, sizeof(bytes) - 1, line)

static void test_newlines(void)
{
	static const char mixed[] = "one\ntwo\r\nthree\rfour\r\r\n\n\f\tseven \vx\x1c y\xc2\x85z\xe2\x80\xa8\nlast";
	struct source_cache *cache = source_create();

	CHECK_TEXT(LINE(mixed, 1), "one");
	CHECK_TEXT(LINE(mixed, 2), "two");
	CHECK_TEXT(LINE(mixed, 3), "three");
	CHECK_TEXT(LINE(mixed, 4), "four");
	CHECK_TEXT(LINE(mixed, 5), "");
	CHECK_TEXT(LINE(mixed, 6), "");
	CHECK_TEXT(LINE(mixed, 7), "\f\tseven \vx\x1c y\xc2\x85z\xe2\x80\xa8");
	CHECK_TEXT(LINE(mixed, 8), "last");
	CHECK_TEXT(LINE(mixed, 9), "<none>");
	CHECK_TEXT(LINE(mixed, 0), "<none>");
	CHECK_TEXT(LINE(mixed, -1), "<none>");
	CHECK_TEXT(LINE(mixed, INT64_MIN), "<none>");
	CHECK_TEXT(LINE(mixed, INT64_MAX), "<none>");
	CHECK_EQ(source_line_count(cache, NULL, path_of("file.py")), 8);
	write_file("ended.py", "a\nb\n", 4);
	CHECK_EQ(source_line_count(cache, NULL, path_of("ended.py")), 2);
	write_file("empty.py", "", 0);
	CHECK_EQ(source_line_count(cache, NULL, path_of("empty.py")), 0);
	CHECK_EQ(source_line_count(cache, NULL, path_of("none.py")), 0);
	source_destroy(cache);
}

static void test_utf8(void)
{
	CHECK_TEXT(LINE("\xef\xbb\xbfx = 'é'\n", 1), "x = 'é'");
	CHECK_TEXT(LINE("x = 'é€𝄞'\n", 1), "x = 'é€𝄞'");
	/* b"…".decode("utf-8", "replace") */
	CHECK_TEXT(LINE("a\xff"
			"b",
			1),
		   "a\xef\xbf\xbd"
		   "b");
	CHECK_TEXT(LINE("\xe2\x82"
			"b",
			1),
		   "\xef\xbf\xbd"
		   "b");
	CHECK_TEXT(LINE("\xed\xa0\x80", 1), "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
	CHECK_TEXT(LINE("\xc0\xaf", 1), "\xef\xbf\xbd\xef\xbf\xbd");
	CHECK_TEXT(LINE("\xf0\x9d\x84", 1), "\xef\xbf\xbd");
	CHECK_TEXT(LINE("\xf5\x80", 1), "\xef\xbf\xbd\xef\xbf\xbd");
	CHECK_TEXT(LINE("\xf4\x90\x80\x80", 1), "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
}

static void test_nul_is_kept(void)
{
	struct source_cache *cache = source_create();
	struct strbuf text = {0};

	write_file("nul.py", "a\0b\nc", 5);
	CHECK_EQ(source_read_line(cache, NULL, path_of("nul.py"), 1, &text), CPEEK_OK);
	CHECK_EQ(text.length, 3);
	CHECK(memcmp(strbuf_text(&text), "a\0b", 3) == 0);
	strbuf_deinit(&text);
	source_destroy(cache);
}

static void test_declared_encodings(void)
{
	CHECK_TEXT(LINE("# -*- coding: latin-1 -*-\nx = '\xe9'\n", 2), "x = 'é'");
	CHECK_TEXT(LINE("#!/usr/bin/python\n# vim: set fileencoding=iso-8859-15 :\nx = '\xa4'\n", 3), "x = '€'");
	CHECK_TEXT(LINE("# coding=cp1252\nx = '\x80\x81'\n", 2), "x = '€\xef\xbf\xbd'");
	CHECK_TEXT(LINE("# coding: Windows_1251\nx = '\xcf\xf0'\n", 2), "x = 'Пр'");
	CHECK_TEXT(LINE("# coding: 1250\nx = '\xb9'\n", 2), "x = 'ą'");
	CHECK_TEXT(LINE("# coding: koi8_r\nx = '\xf0\xd2'\n", 2), "x = 'Пр'");
	CHECK_TEXT(LINE("# coding: euc_jp\nx = '\xc6\xfc\xcb\xdc'\n", 2), "x = '日本'");
	CHECK_TEXT(LINE("# coding: shift_jis\nx = '\x93\xfa\x96{\\n'\n", 2), "x = '日本\\n'");
	CHECK_TEXT(LINE("# coding: euc-kr\nx = '\xc7\xd1'\n", 2), "x = '한'");
	CHECK_TEXT(LINE("# coding: gbk\nx = '\xd6\xd0'\n", 2), "x = '中'");
	CHECK_TEXT(LINE("# coding: big5\nx = '\xa4\xa4'\n", 2), "x = '中'");
	CHECK_TEXT(LINE("# coding: iso2022_jp\nx = '\x1b$BF|\x1b(B'\n", 2), "x = '日'");
	CHECK_TEXT(LINE("# coding: utf-8-unix\nx = 'é'\n", 2), "x = 'é'");
	CHECK_TEXT(LINE("# coding: utf8\nx = 'é'\n", 2), "x = 'é'");
	CHECK_TEXT(LINE("# coding: ascii\nx = '\xe9'\n", 2), "x = '\xef\xbf\xbd'");
	/* cut off in the middle of a character */
	CHECK_TEXT(LINE("# coding: euc_jp\nx\xc6", 2), "x\xef\xbf\xbd");
}

static void test_no_encoding_of_a_source(void)
{
	/* Unknown here, or without ASCII in it: ASCII alone is sure. */
	CHECK_TEXT(LINE("# coding: klingon\nx = '\xe9'\n", 2), "x = '\xef\xbf\xbd'");
	CHECK_TEXT(LINE("# coding: utf-16\nx = 'ab'\n", 2), "x = 'ab'");
	CHECK_TEXT(LINE("# coding: cp037\nx = 'ab'\n", 2), "x = 'ab'");
	CHECK_TEXT(LINE("# coding: aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffff12345\nx\xe9\n", 2),
		   "x\xef\xbf\xbd");
}

/* Lib/tokenize.py, detect_encoding() */
static void check_detect(const char *bytes, const char *wanted)
{
	char name[ENCODING_NAME];

	CHECK_EQ(encoding_detect(bytes, strlen(bytes), name), 0);
	CHECK_TEXT(name, wanted);
}

static void test_where_a_cookie_counts(void)
{
	char name[ENCODING_NAME];

	check_detect("", "UTF-8");
	check_detect("x = 1 # coding: latin-1", "UTF-8");       /* not a comment of its own */
	check_detect("x = 1\n# coding: latin-1", "UTF-8");      /* the first line is code */
	check_detect("\n# coding: latin-1\n", "ISO-8859-1");    /* it is blank */
	check_detect("#!x\n# coding: latin-1\n", "ISO-8859-1"); /* it is a comment */
	check_detect("#\n#\n# coding: latin-1\n", "UTF-8");     /* the third line */
	check_detect(" \t\f# coding: latin-1\n", "ISO-8859-1"); /* blanks before it */
	check_detect("# encoding=latin-1\n", "ISO-8859-1");     /* the word in a word */
	check_detect("# coding : latin-1\n", "UTF-8");          /* no blank before the colon */
	check_detect("# coding:\n# coding=koi8-r\n", "koi8-r"); /* nothing named in the first */
	check_detect("# coding coding: koi8-r", "koi8-r");
	check_detect("# coding:koi8-r, coding:latin-1", "koi8-r"); /* the first one */
	check_detect("# coding:", "UTF-8");
	check_detect("# coding", "UTF-8");
	check_detect("#coding:a", "a");
	check_detect("# x\r# coding: latin-1\r", "ISO-8859-1"); /* lines of old Macs are one line to it */
	CHECK_EQ(encoding_detect("\xef\xbb\xbf# coding: latin-1", 20, name), 3);
	CHECK_TEXT(name, "UTF-8");
}

/* A character that the converter's output chunk cuts, many times over. */
static void test_long_file(void)
{
	enum { COUNT = 20000 };
	static const char head[] = "# coding: cp1251\n";
	char *bytes = malloc(sizeof(head) - 1 + COUNT);
	char *wanted = malloc(2 * COUNT + 1);

	CHECK(bytes && wanted);
	memcpy(bytes, head, sizeof(head) - 1);
	memset(bytes + sizeof(head) - 1, 0xcf, COUNT);
	for (size_t i = 0; i < COUNT; i++)
		memcpy(wanted + 2 * i, "П", 2);
	wanted[2 * COUNT] = '\0';
	CHECK(strcmp(line_of(bytes, sizeof(head) - 1 + COUNT, 2), wanted) == 0);
	free(bytes);
	free(wanted);
}

static enum cpeek_status status_of(const char *sysroot, const char *path)
{
	struct source_cache *cache = source_create();
	struct strbuf text = {0};
	enum cpeek_status status = source_read_line(cache, sysroot, path, 1, &text);

	strbuf_deinit(&text);
	source_destroy(cache);
	return status;
}

/* None of these may be opened: a FIFO would wait for ever, a device would do things. (An alarm ends a test that
 * waits.) */
static void test_what_is_no_file(void)
{
	(void)alarm(20);
	CHECK_EQ(mkfifo(path_of("fifo"), 0600), 0);
	CHECK_EQ(status_of(NULL, path_of("fifo")), CPEEK_NOT_FOUND);
	CHECK_EQ(status_of(NULL, "/dev/zero"), CPEEK_NOT_FOUND);
	CHECK_EQ(status_of(NULL, "/dev/stdin"), CPEEK_NOT_FOUND);
	CHECK_EQ(status_of(NULL, folder), CPEEK_NOT_FOUND);
	CHECK_EQ(status_of(NULL, "/proc/kmsg"), CPEEK_NOT_FOUND);
	CHECK_EQ(status_of(NULL, "/proc/self/environ"), CPEEK_NOT_FOUND);
	CHECK_EQ(status_of(NULL, "/nonexistent/file.py"), CPEEK_NOT_FOUND);
	CHECK_EQ(status_of(NULL, ""), CPEEK_NOT_FOUND);
	(void)alarm(0);
	CHECK_EQ(unlink(path_of("fifo")), 0);
}

static void test_file_too_long(void)
{
	write_file("long.py", "x\n", 2);
	CHECK_EQ(status_of(NULL, path_of("long.py")), CPEEK_OK);
	CHECK_EQ(truncate(path_of("long.py"), (64 << 20) + 1), 0); /* sparse */
	CHECK_EQ(status_of(NULL, path_of("long.py")), CPEEK_NOT_FOUND);
}

static void test_names(void)
{
	char inside[4096], wanted[4096];
	struct source_cache *cache = source_create();
	struct strbuf text = {0};

	CHECK_EQ(chdir(folder), 0);
	write_file("<string>", "x\n", 2);
	CHECK_EQ(status_of(NULL, "<string>"), CPEEK_NOT_FOUND); /* made up, even if such a file exists */
	write_file("relative.py", "here\n", 5);
	CHECK_EQ(status_of(NULL, "relative.py"), CPEEK_OK);
	CHECK_EQ(status_of("/nonexistent", "relative.py"), CPEEK_OK);

	/* The sysroot's file is preferred, and another entry of the cache. */
	(void)snprintf(inside, sizeof(inside), "root%s", folder);
	CHECK_EQ(mkdir("root", 0700), 0);
	CHECK_EQ(mkdir("root/tmp", 0700), 0);
	CHECK_EQ(mkdir(inside, 0700), 0);
	(void)snprintf(inside, sizeof(inside), "root%s/relative.py", folder);
	write_file(inside, "in the root\n", 12);
	(void)snprintf(wanted, sizeof(wanted), "%s/relative.py", folder);
	CHECK_EQ(source_read_line(cache, "root", wanted, 1, &text), CPEEK_OK);
	CHECK_TEXT(strbuf_text(&text), "in the root");
	strbuf_clear(&text);
	CHECK_EQ(source_read_line(cache, NULL, wanted, 1, &text), CPEEK_OK);
	CHECK_TEXT(strbuf_text(&text), "here");
	strbuf_clear(&text);

	/* Read once: what changes later does not show. */
	write_file("relative.py", "changed\n", 8);
	CHECK_EQ(source_read_line(cache, NULL, wanted, 1, &text), CPEEK_OK);
	CHECK_TEXT(strbuf_text(&text), "here");
	strbuf_deinit(&text);
	source_destroy(cache);
	CHECK_EQ(chdir("/"), 0);
}

int main(void)
{
	char command[4096];

	CHECK(mkdtemp(folder) != NULL);
	test_newlines();
	test_utf8();
	test_nul_is_kept();
	test_declared_encodings();
	test_no_encoding_of_a_source();
	test_where_a_cookie_counts();
	test_long_file();
	test_what_is_no_file();
	test_file_too_long();
	test_names();
	strbuf_deinit(&line_text);
	(void)snprintf(command, sizeof(command), "rm -rf '%s'", folder);
	CHECK_EQ(system(command), 0);
	return check_report();
}
