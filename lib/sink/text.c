/*
 * What people read: lines of styled spans, tables and cards. Fields outside of tables and cards are not shown.
 * Knows no Python and no ELF.
 */
#include "sink/backend.h"
#include "sink/escape.h"
#include "sink/grid.h"
#include "base/memory.h"

/* How a style is switched on. Weight and the darker colours only: they read on light and dark terminals alike. */
static const char *const colors[SINK_STYLE_COUNT] = {
	[SINK_PLAIN] = "",           [SINK_NAME] = "\x1b[1m",  /* bold */
	[SINK_PLACE] = "\x1b[35m",                             /* magenta, as compilers and grep show files */
	[SINK_ADDRESS] = "\x1b[36m",                           /* cyan */
	[SINK_VALUE] = "",           [SINK_MARK] = "\x1b[31m", /* red */
	[SINK_FAINT] = "\x1b[2m",    [SINK_TITLE] = "\x1b[1m",
};

static const char *const plain[SINK_STYLE_COUNT] = {"", "", "", "", "", "", "", ""};

enum { TAB_STOP = 8 };

/* Cells wider than this do not widen their column: half of the terminal, or this much where there is none. */
enum { CAP_DEFAULT = 60, CAP_SMALLEST = 16 };

struct text {
	struct sink sink;
	const char *const *palette;
	size_t column;  /* of the line of spans */
	bool line_open; /* something of it is written */
	struct grid grid;
};

enum {
	LEVEL_OPEN, /* fields are not shown; tables and cards are */
	LEVEL_TABLE,
	LEVEL_ROW,
	LEVEL_CARD,
	LEVEL_DARK, /* inside a row: nothing is shown */
};

static struct text *text_of(struct sink *sink)
{
	return (struct text *)sink;
}

static void end_line(struct text *text)
{
	output_byte(&text->sink.output, '\n');
	text->column = 0;
	text->line_open = false;
}

/* Rows, and what a shell writes after us, start on a line of their own. */
static void close_line(struct text *text)
{
	if (text->line_open)
		end_line(text);
}

static unsigned char text_open(struct sink *sink, enum sink_shape shape, const char *name)
{
	struct text *text = text_of(sink);
	const unsigned char *level = sink_level(sink);
	bool holds_fields = shape == SHAPE_OBJECT || shape == SHAPE_CARD;
	bool is_table = shape == SHAPE_TABLE || shape == SHAPE_RECORDS;

	(void)name; /* what is shown of structure is titles: of columns, of lines in a card */
	if (level && *level == LEVEL_TABLE)
		return holds_fields ? LEVEL_ROW : LEVEL_DARK;
	if (level && (*level == LEVEL_ROW || *level == LEVEL_DARK))
		return LEVEL_DARK;
	if (!is_table && shape != SHAPE_CARD)
		return LEVEL_OPEN;
	close_line(text);
	grid_begin(&text->grid, is_table ? GRID_TABLE : GRID_CARD);
	sink->lost |= text->grid.lost;
	return is_table ? LEVEL_TABLE : LEVEL_CARD;
}

static void text_close(struct sink *sink, unsigned char level)
{
	struct text *text = text_of(sink);

	if (level == LEVEL_OPEN || level == LEVEL_DARK)
		return;
	close_line(text);
	if (level == LEVEL_ROW)
		grid_row(&text->grid);
	else
		grid_end(&text->grid);
	sink->lost |= text->grid.lost;
}

static void text_field(struct sink *sink, const char *name, const struct value *value)
{
	struct text *text = text_of(sink);
	const unsigned char *level = sink_level(sink);

	if (!level || (*level != LEVEL_ROW && *level != LEVEL_CARD))
		return;
	close_line(text);
	/* A table inside the card has ended the card's lines so far. */
	if (*level == LEVEL_CARD && text->grid.mode != GRID_CARD)
		grid_begin(&text->grid, GRID_CARD);
	if (!text->grid.lost)
		grid_field(&text->grid, name, value);
	sink->lost |= text->grid.lost;
}

static void text_settle(struct sink *sink)
{
	struct text *text = text_of(sink);

	grid_settle(&text->grid);
	sink->lost |= text->grid.lost;
}

/* Writes bytes that hold no tab and no newline. */
static void put_bytes(struct text *text, enum sink_style style, const char *bytes, size_t length)
{
	struct output *output = &text->sink.output;
	const char *on = text->palette[style];
	struct escape_piece piece;

	if (!length)
		return;
	text->line_open = true;
	output_puts(output, on);
	while (length && !output->refused) {
		size_t taken = escape_next(ESCAPE_TEXT, bytes, length, &piece);
		output_append(output, piece.text, piece.length);
		text->column += piece.columns;
		bytes += taken;
		length -= taken;
	}
	if (*on)
		output_puts(output, "\x1b[0m");
}

static void put_tab(struct text *text)
{
	size_t spaces = TAB_STOP - text->column % TAB_STOP;

	output_spaces(&text->sink.output, spaces);
	text->column += spaces;
	text->line_open = true;
}

static void text_span(struct sink *sink, enum sink_style style, const char *bytes, size_t length)
{
	struct text *text = text_of(sink);

	text_settle(sink);
	if ((unsigned)style >= SINK_STYLE_COUNT)
		style = SINK_PLAIN;
	while (length && !sink_failed(sink)) {
		size_t run = 0;
		while (run < length && bytes[run] != '\n' && bytes[run] != '\t')
			run++;
		put_bytes(text, style, bytes, run);
		if (run == length)
			return;
		if (bytes[run] == '\n')
			end_line(text);
		else
			put_tab(text);
		bytes += run + 1;
		length -= run + 1;
	}
}

static void text_newline(struct sink *sink)
{
	text_settle(sink);
	end_line(text_of(sink));
}

static void text_finish(struct sink *sink)
{
	close_line(text_of(sink));
}

static void text_destroy(struct sink *sink)
{
	grid_deinit(&text_of(sink)->grid);
}

static const struct sink_backend text_backend = {
	.open = text_open,
	.close = text_close,
	.field = text_field,
	.span = text_span,
	.newline = text_newline,
	.settle = text_settle,
	.finish = text_finish,
	.destroy = text_destroy,
};

struct sink *sink_create_text(sink_write_fn write, void *arg, bool color, unsigned width)
{
	struct text *text = memory_calloc(1, sizeof(*text));

	if (!text)
		return NULL;
	text->sink.backend = &text_backend;
	text->palette = color ? colors : plain;
	text->grid.output = &text->sink.output;
	text->grid.palette = text->palette;
	text->grid.cap = width == 0 ? CAP_DEFAULT : width / 2 > CAP_SMALLEST ? width / 2 : CAP_SMALLEST;
	if (!output_init(&text->sink.output, write, arg)) {
		memory_free(text);
		return NULL;
	}
	return &text->sink;
}
