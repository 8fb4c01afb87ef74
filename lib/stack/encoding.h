/*
 * The encoding of a Python source file (PEP 263), and its text as UTF-8. Knows bytes, and no files.
 */
#ifndef STACK_ENCODING_H
#define STACK_ENCODING_H

#include "base/strbuf.h"

enum { ENCODING_NAME = 64 };

/* The encoding that a byte order mark or a comment in the first two lines names, as iconv calls it: "UTF-8" when none
 * does. Answers how many bytes of a byte order mark to skip. As detect_encoding() in Lib/tokenize.py. */
size_t encoding_detect(const char *bytes, size_t length, char name[ENCODING_NAME]);

/* Appends bytes in this encoding to out as UTF-8; what does not decode becomes U+FFFD. An encoding that is not known
 * here, or that no source can have because ASCII is no part of it, is read as ASCII. */
void encoding_decode(const char *name, const char *bytes, size_t length, struct strbuf *out);

#endif
