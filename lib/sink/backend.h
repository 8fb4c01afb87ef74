/*
 * What stands behind sink.h: the state that every sink has, and what each format does with it.
 * Knows no Python and no ELF.
 */
#ifndef SINK_BACKEND_H
#define SINK_BACKEND_H

#include "base/vector.h"
#include "sink/output.h"
#include "sink/sink.h"

#include <stdarg.h>

enum sink_shape {
	SHAPE_OBJECT,
	SHAPE_ARRAY,
	SHAPE_TABLE,
	SHAPE_CARD,
	SHAPE_RECORDS,
};

enum value_kind {
	VALUE_NULL,
	VALUE_BOOL,
	VALUE_NUMBER,
	VALUE_UNSIGNED,
	VALUE_ADDRESS,
	VALUE_TEXT,
};

struct value {
	enum value_kind kind;
	uint64_t number;  /* of BOOL 0 or 1; of NUMBER its two's complement */
	const char *text; /* of TEXT, any bytes */
	size_t length;
};

enum { VALUE_DIGITS = 24 };

/* What a NUMBER, UNSIGNED or ADDRESS looks like ("-5", "5", "0x5"); answers its length. Not NUL-terminated. */
size_t value_digits(const struct value *value, char ret[VALUE_DIGITS]);

struct sink_backend {
	/* Answers what the new level is: a number that means something to this format alone. */
	unsigned char (*open)(struct sink *sink, enum sink_shape shape, const char *name);
	/* level was just taken off the stack. */
	void (*close)(struct sink *sink, unsigned char level);
	void (*field)(struct sink *sink, const char *name, const struct value *value);
	/* A text field in pieces: its name, then pieces, of which the last is NULL. May be NULL. */
	void (*begin)(struct sink *sink, const char *name);
	void (*piece)(struct sink *sink, const char *text, size_t length);
	/* NULL where text is not shown. */
	void (*span)(struct sink *sink, enum sink_style style, const char *text, size_t length);
	void (*newline)(struct sink *sink);
	/* Moves what the format itself holds back into the output. May be NULL. */
	void (*settle)(struct sink *sink);
	/* The last call before destroy, with all levels closed. May be NULL. */
	void (*finish)(struct sink *sink);
	/* Frees what the format added to the sink. May be NULL. */
	void (*destroy)(struct sink *sink);
};

/* The first member of each format's own structure. */
struct sink {
	const struct sink_backend *backend;
	struct output output;
	VECTOR(unsigned char) levels; /* one for each open structure, the outermost first */
	bool lost;                    /* memory ran out */
};

/* The level that is open, NULL outside of all. */
static inline unsigned char *sink_level(struct sink *sink)
{
	return sink->levels.count ? &sink->levels.items[sink->levels.count - 1] : NULL;
}

#endif
