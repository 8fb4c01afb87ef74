/*
 * The one place that makes bytes of the target safe to show. Whatever it is given, what comes out is valid UTF-8 and
 * holds no control character, no bidi control, nothing invisible: those become escapes.
 *
 *                                              text            JSON (the source of the string)
 *   tab, newline, carriage return              \t \n \r        \t \n \r
 *   other controls below U+0020, DEL           \x1b            \u001b
 *   C1 controls, bidi and zero-width marks     \u202e          \u202e
 *   the same above U+FFFF (tags)               \U000e0001      \udb40\udc01
 *   an encoded surrogate                       \udcff          \udcff   half a pair, as Python's own json writes it
 *   a byte that is not UTF-8                   \xff            \\xff
 *   quote, backslash                           themselves      \" \\
 *
 * Knows no Python and no target.
 */
#ifndef SINK_ESCAPE_H
#define SINK_ESCAPE_H

#include "base/strbuf.h"

#include <stddef.h>

enum escape_form {
	ESCAPE_TEXT,
	ESCAPE_JSON,
};

struct escape_piece {
	const char *text; /* in what was given, or made below */
	size_t length;
	size_t columns; /* of a terminal; counted for ESCAPE_TEXT only */
	char made[16];
};

/* Takes one piece from the start of text: the longest run that is safe as it stands, or the escape of one character.
 * Answers how many bytes of text it stands for: at least 1, unless length is 0. */
size_t escape_next(enum escape_form form, const char *text, size_t length, struct escape_piece *ret);

/* Appends text as ESCAPE_TEXT shows it, on one line; answers the columns it takes. */
size_t escape_append(struct strbuf *buffer, const char *text, size_t length);

#endif
