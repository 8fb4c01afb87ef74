/*
 * Rows of cells, aligned: see grid.h. Knows no Python and no ELF.
 */
#include "sink/grid.h"
#include "sink/escape.h"
#include "base/memory.h"

#include <string.h>

enum {
	GRID_ROWS = 64,            /* that decide the widths */
	GRID_TEXT = 256 * 1024,    /* bytes of cells that are worth holding back for it */
	GRID_COLUMNS = 64,         /* that have a title */
	GRID_EXTRA = GRID_COLUMNS, /* the column of what is over */
	GRID_GAP = 2,              /* spaces between columns */
};

void grid_deinit(struct grid *grid)
{
	for (size_t i = 0; i < grid->columns.count; i++)
		memory_free(grid->columns.items[i].name);
	VECTOR_DEINIT(&grid->columns);
	VECTOR_DEINIT(&grid->cells);
	strbuf_deinit(&grid->text);
}

void grid_styled(struct output *output, const char *on, const char *text, size_t length)
{
	if (*on && length)
		output_puts(output, on);
	output_append(output, text, length);
	if (*on && length)
		output_puts(output, "\x1b[0m");
}

/* ---- Writing ---------------------------------------------------------------------------------------------------- */

/* The title of a column that a field called name makes: "native_id" is "NATIVE ID". */
static size_t put_title(struct strbuf *buffer, const char *name)
{
	size_t start = buffer->length, columns = escape_append(buffer, name, strlen(name));

	for (size_t i = start; i < buffer->length; i++) {
		char *c = &buffer->data[i];
		if (*c == '_')
			*c = ' ';
		else if (*c >= 'a' && *c <= 'z')
			*c = (char)(*c - 'a' + 'A');
	}
	return columns;
}

struct line {
	size_t column;
	size_t spaces; /* owed before the next text: none ends a line */
};

/* Writes the next cell of a line. */
static void put_cell(struct grid *grid, struct line *line, enum sink_style style, const char *text, size_t length,
		     size_t columns)
{
	const struct grid_column *column = &grid->columns.items[line->column];
	size_t padding = columns < column->width ? column->width - columns : 0;

	if (line->column)
		line->spaces += GRID_GAP;
	if (column->right)
		line->spaces += padding;
	if (length) {
		output_spaces(grid->output, line->spaces);
		line->spaces = 0;
		grid_styled(grid->output, grid->palette[style], text, length);
	}
	if (!column->right)
		line->spaces += padding;
	line->column++;
}

static void put_titles(struct grid *grid)
{
	struct line line = {0};
	struct strbuf title = {0};

	for (size_t i = 0; i < grid->columns.count; i++) {
		strbuf_clear(&title);
		size_t columns = put_title(&title, grid->columns.items[i].name);
		if (columns > grid->columns.items[i].width)
			grid->columns.items[i].width = columns;
		grid->lost |= strbuf_failed(&title);
		put_cell(grid, &line, SINK_TITLE, strbuf_text(&title), title.length, columns);
	}
	strbuf_deinit(&title);
	output_byte(grid->output, '\n');
}

/* Writes the row whose cells start at index cell; answers the index after them. */
static size_t put_row(struct grid *grid, size_t cell)
{
	const struct grid_cell *cells = grid->cells.items;
	const char *text = strbuf_text(&grid->text);
	size_t row = cells[cell].row, end = cell;
	struct line line = {0};

	for (size_t i = 0; i < grid->columns.count; i++)
		grid->columns.items[i].cell = 0;
	for (; end < grid->cells.count && cells[end].row == row; end++)
		if (cells[end].column != GRID_EXTRA)
			grid->columns.items[cells[end].column].cell = 1 + end;
	for (size_t i = 0; i < grid->columns.count; i++) {
		size_t index = grid->columns.items[i].cell;
		if (index) {
			const struct grid_cell *shown = &cells[index - 1];
			put_cell(grid, &line, shown->style, text + shown->offset, shown->length, shown->columns);
		} else {
			put_cell(grid, &line, SINK_PLAIN, "-", 1, 1);
		}
	}
	for (size_t i = cell; i < end; i++) {
		if (cells[i].column != GRID_EXTRA)
			continue;
		output_spaces(grid->output, line.spaces + GRID_GAP);
		line.spaces = 0;
		grid_styled(grid->output, grid->palette[cells[i].style], text + cells[i].offset, cells[i].length);
	}
	output_byte(grid->output, '\n');
	return end;
}

/* Writes the rows that have ended; the cells of one that has not stay. */
static void put_rows(struct grid *grid)
{
	size_t cell = 0, left, start;

	if (grid->lost)
		return;
	while (cell < grid->cells.count && grid->cells.items[cell].row < grid->rows && !grid->output->refused)
		cell = put_row(grid, cell);
	left = grid->cells.count - cell;
	start = left ? grid->cells.items[cell].offset : grid->text.length;
	for (size_t i = 0; i < left; i++) {
		grid->cells.items[i] = grid->cells.items[cell + i];
		grid->cells.items[i].row = 0;
		grid->cells.items[i].offset -= start;
	}
	grid->cells.count = left;
	if (grid->text.data) {
		memmove(grid->text.data, grid->text.data + start, grid->text.length - start + 1);
		grid->text.length -= start;
	}
	grid->rows = 0;
}

void grid_settle(struct grid *grid)
{
	if (grid->mode == GRID_NONE || !grid->rows || grid->lost)
		return;
	if (grid->mode == GRID_TABLE && !grid->settled)
		put_titles(grid);
	put_rows(grid);
	/* A card goes on as a new one: its lines are few, and what they are called differs. */
	if (grid->mode == GRID_CARD)
		grid->columns.items[0].width = 0;
	grid->settled = grid->mode == GRID_TABLE;
}

void grid_end(struct grid *grid)
{
	grid_settle(grid);
	for (size_t i = 0; i < grid->columns.count; i++)
		memory_free(grid->columns.items[i].name);
	grid->columns.count = 0;
	grid->cells.count = 0;
	strbuf_clear(&grid->text);
	grid->mode = GRID_NONE;
	grid->settled = false;
	grid->rows = 0;
	grid->next = 0;
}

/* ---- Gathering -------------------------------------------------------------------------------------------------- */

/* The column called name; GRID_EXTRA when there can be no such column any more. */
static size_t find_column(struct grid *grid, const char *name)
{
	size_t count = grid->columns.count;

	for (size_t i = 0; i < count; i++) {
		size_t column = (grid->next + i) % count;
		if (strcmp(grid->columns.items[column].name, name) == 0) {
			grid->next = column + 1;
			return column;
		}
	}
	if (grid->settled || count == GRID_COLUMNS)
		return GRID_EXTRA;
	char *copy = memory_strdup(name);
	struct grid_column *column = copy ? VECTOR_PUSH(&grid->columns) : NULL;
	if (!column) {
		memory_free(copy);
		grid->lost = true;
		return GRID_EXTRA;
	}
	*column = (struct grid_column){.name = copy, .right = true};
	grid->next = count + 1;
	return count;
}

static struct grid_cell *add_cell(struct grid *grid, size_t column, enum sink_style style)
{
	struct grid_cell *cell = VECTOR_PUSH(&grid->cells);

	if (!cell) {
		grid->lost = true;
		return NULL;
	}
	*cell = (struct grid_cell){.row = grid->rows, .column = column, .offset = grid->text.length, .style = style};
	return cell;
}

/* Writes value into the text of the cells as people read it; answers its columns. */
static size_t put_value(struct strbuf *buffer, const struct value *value)
{
	char digits[VALUE_DIGITS];

	switch (value->kind) {
	case VALUE_NULL:
		return escape_append(buffer, "-", 1);
	case VALUE_BOOL:
		return value->number ? escape_append(buffer, "yes", 3) : escape_append(buffer, "no", 2);
	case VALUE_TEXT:
		return escape_append(buffer, value->text, value->length);
	default:
		return escape_append(buffer, digits, value_digits(value, digits));
	}
}

/* The cell is complete: it takes columns. Until the widths are settled, its column learns of it. */
static void end_cell(struct grid *grid, struct grid_cell *cell, size_t columns, bool right)
{
	cell->length = grid->text.length - cell->offset;
	cell->columns = columns;
	grid->lost |= strbuf_failed(&grid->text);
	if (grid->settled || cell->column == GRID_EXTRA)
		return;
	struct grid_column *column = &grid->columns.items[cell->column];
	if (columns > column->width && columns <= grid->cap)
		column->width = columns;
	column->right = column->right && right;
}

/* The field's name as a cell of its own. */
static void card_name(struct grid *grid, const char *name)
{
	struct grid_cell *cell = add_cell(grid, 0, SINK_TITLE);

	if (!cell)
		return;
	size_t columns = escape_append(&grid->text, name, strlen(name));
	for (size_t i = cell->offset; i < grid->text.length; i++)
		if (grid->text.data[i] == '_')
			grid->text.data[i] = ' ';
	end_cell(grid, cell, columns, false);
}

void grid_field(struct grid *grid, const char *name, const struct value *value)
{
	enum sink_style style = value->kind == VALUE_ADDRESS ? SINK_ADDRESS : SINK_PLAIN;
	bool right = value->kind == VALUE_NUMBER || value->kind == VALUE_UNSIGNED || value->kind == VALUE_ADDRESS ||
		     value->kind == VALUE_NULL;
	size_t column = 1, columns = 0;

	if (!name)
		name = "";
	if (grid->mode == GRID_CARD)
		card_name(grid, name);
	else
		column = find_column(grid, name);
	struct grid_cell *cell = grid->lost ? NULL : add_cell(grid, column, style);
	if (!cell)
		return;
	if (column == GRID_EXTRA) {
		columns = escape_append(&grid->text, name, strlen(name));
		columns += escape_append(&grid->text, "=", 1);
	}
	columns += put_value(&grid->text, value);
	end_cell(grid, cell, columns, right && grid->mode == GRID_TABLE);
	if (grid->mode == GRID_CARD)
		grid_row(grid);
}

void grid_row(struct grid *grid)
{
	if (grid->lost || !grid->cells.count || grid->cells.items[grid->cells.count - 1].row != grid->rows)
		return; /* a row without a cell is not shown */
	grid->rows++;
	grid->next = 0;
	if (grid->settled || grid->rows == GRID_ROWS || grid->text.length > GRID_TEXT)
		grid_settle(grid);
}

void grid_begin(struct grid *grid, enum grid_mode mode)
{
	grid_end(grid);
	grid->mode = mode;
	/* A card is a grid of two columns without titles. */
	for (size_t i = 0; mode == GRID_CARD && i < 2; i++) {
		struct grid_column *column = VECTOR_PUSH(&grid->columns);
		if (!column) {
			grid->lost = true;
			return;
		}
		*column = (struct grid_column){0};
	}
}
