/*
 * Cells in aligned columns: a table with titles, or a card of "name  value" lines. The first rows are held back, they
 * decide how wide the columns are; later rows stream. What is in the cells is made safe here.
 * Knows no Python and no ELF.
 */
#ifndef SINK_GRID_H
#define SINK_GRID_H

#include "base/strbuf.h"
#include "sink/backend.h"

enum grid_mode {
	GRID_NONE,
	GRID_TABLE,
	GRID_CARD,
};

struct grid_column {
	char *name;   /* as the fields call it */
	size_t width; /* of its widest cell so far that is not over the cap */
	bool right;   /* all its cells so far are numbers */
	size_t cell;  /* of the row at hand: 1 + its index; 0 when it has none */
};

struct grid_cell {
	size_t row;
	size_t column; /* GRID_EXTRA: shown after the others, as name=value */
	size_t offset; /* into text */
	size_t length;
	size_t columns;
	enum sink_style style;
};

struct grid {
	struct output *output;
	const char *const *palette; /* by style: how it is switched on, "" for not at all */
	size_t cap;                 /* wider cells than this push their row out of line rather than widen all */
	enum grid_mode mode;
	bool settled; /* the widths are decided and the titles written */
	size_t rows;  /* ended, not yet written */
	VECTOR(struct grid_column) columns;
	VECTOR(struct grid_cell) cells;
	struct strbuf text;
	size_t next; /* the column that the next field is probably in */
	bool lost;   /* memory ran out */
};

void grid_deinit(struct grid *grid);

/* Ends what was begun before. */
void grid_begin(struct grid *grid, enum grid_mode mode);
/* A cell of the row at hand; of a card, a row. */
void grid_field(struct grid *grid, const char *name, const struct value *value);
void grid_row(struct grid *grid);
/* Writes the rows that are held back. */
void grid_settle(struct grid *grid);
void grid_end(struct grid *grid);

/* Writes text that is safe already, in a style of the palette. */
void grid_styled(struct output *output, const char *on, const char *text, size_t length);

#endif
