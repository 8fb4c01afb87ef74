/*
 * What a command's answer becomes. A command walks once and gives the sink each record as named, typed fields and,
 * where people deserve better than a table, the lines that they read. The JSON sink writes the fields, the text sink
 * writes tables, cards and lines; no command asks which one it has.
 * Knows no Python and no ELF.
 *
 *   fields   sink_string(), sink_number() … inside sink_object() or sink_array(): JSON only, unless the record is in
 *            a table or is a card;
 *   table    sink_table(): an array whose records become the rows of an aligned table. Titles are the fields' names;
 *            a field that is itself an object or an array is not shown in text. The first 64 rows (or a flush, or a
 *            line between rows) decide columns and widths; a field that comes later is shown after its row's columns
 *            as name=value, and a field that a row does not have as "-";
 *   card     sink_card(): one object, shown as aligned "name  value" lines. A table or card inside it comes where it
 *            is written; an object or array inside it is not shown;
 *   lines    sink_line() and the styled spans before it: text only.
 *
 *   records  sink_records(): a table in text, JSON Lines in JSON;
 *
 * JSON: one document, whose top is the first object opened; between sink_records() and its sink_end() each record is
 * a document on a line of its own (JSON Lines). Calls that make no sense (an end too many, an item without the name
 * that it needs) are harmless, and JSON stays valid.
 */
#ifndef SINK_SINK_H
#define SINK_SINK_H

#include "base/status.h"

enum sink_style {
	SINK_PLAIN,
	SINK_NAME,    /* what things are called: functions, variables, types */
	SINK_PLACE,   /* files, lines */
	SINK_ADDRESS, /* where in memory */
	SINK_VALUE,   /* values of the target */
	SINK_MARK,    /* <unreadable …>, … +4000 items: what is missing */
	SINK_FAINT,   /* source text, connecting words */
	SINK_TITLE,   /* headings */
	SINK_STYLE_COUNT,
};

struct sink;

/* As cpeek_write_fn. */
typedef int32_t (*sink_write_fn)(void *arg, const char *data, uint64_t length);

/* Both answer NULL when memory is out. width: columns of the terminal, 0 when it is not one; a cell that is wider than
 * half of it (than 60 columns when it is 0) does not widen its column. */
struct sink *sink_create_text(sink_write_fn write, void *arg, bool color, unsigned width);
struct sink *sink_create_json(sink_write_fn write, void *arg);
/* Closes what is still open, writes what is still buffered and frees the sink. OK, CANCELLED when write refused,
 * NO_MEMORY when something was lost for want of memory. Accepts NULL. */
enum cpeek_status sink_finish(struct sink *sink);
/* Whether going on is pointless: write refused, or memory ran out. */
bool sink_failed(const struct sink *sink);
/* Hands what is buffered to write, so that a reader sees it now. */
void sink_flush(struct sink *sink);

/* Structure. name is NULL for an item of an array and for the top; each is closed by sink_end(). */
void sink_object(struct sink *sink, const char *name);
void sink_array(struct sink *sink, const char *name);
void sink_table(struct sink *sink, const char *name);
void sink_card(struct sink *sink, const char *name);
void sink_records(struct sink *sink);
void sink_end(struct sink *sink);

/* Fields. Text is UTF-8 from the library or bytes of the target: whatever is in it, JSON stays valid and no control
 * character, bidi mark or broken UTF-8 reaches a terminal (they come out as \x1b, \u202e, \xff). */
void sink_string(struct sink *sink, const char *name, const char *text);
void sink_bytes(struct sink *sink, const char *name, const char *text, size_t length);
/* A text field that is never in memory as a whole: begin, pieces of whole characters, end; between them nothing but spans
 * and lines. Not shown in tables and cards. */
void sink_text_begin(struct sink *sink, const char *name);
void sink_text_add(struct sink *sink, const char *text, size_t length);
void sink_text_end(struct sink *sink);
void sink_number(struct sink *sink, const char *name, int64_t value);
void sink_unsigned(struct sink *sink, const char *name, uint64_t value);
void sink_bool(struct sink *sink, const char *name, bool value);
void sink_address(struct sink *sink, const char *name, uint64_t address);
void sink_null(struct sink *sink, const char *name);

/* Text. Spans gather until sink_line() ends the line. They are escaped as fields are, but for newlines in a span,
 * which end lines, and tabs, which become spaces. sink_line(sink, NULL) just ends the line. */
void sink_span(struct sink *sink, enum sink_style style, const char *text);
void sink_span_bytes(struct sink *sink, enum sink_style style, const char *text, size_t length);
__attribute__((format(printf, 3, 4))) void sink_span_format(struct sink *sink, enum sink_style style,
							    const char *format, ...);
__attribute__((format(printf, 2, 3))) void sink_line(struct sink *sink, const char *format, ...);

#endif
