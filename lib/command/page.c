/*
 * Draws a dissection. Blocks stand below each other in one SVG: a line for each eight bytes, a box for each field,
 * its name, value and meaning beside it; arrows run in a gutter on the left, each in a lane of its own.
 */
#include "command/page.h"
#include "sink/escape.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Pixels of the drawing, but for what says otherwise. */
enum {
	LINE_BYTES = 8,
	CELL = 46, /* a byte */
	BOX_HEIGHT = 40,
	GAP = 6, /* between lines */
	TEXT_HEIGHT = 15,
	GUTTER = 110, /* for arrows */
	LANE = 11,
	LANES = 8,
	BOX_X = GUTTER + 74, /* behind the offset */
	LABEL_X = BOX_X + LINE_BYTES * CELL + 16,
	WIDTH = LABEL_X + 640,
	LABEL_COLUMNS = 86, /* characters of a label */
	NAME_COLUMNS = 30,  /* of these for the name */
	CHARACTER = 7,      /* width of one in a box */
	ROW_LINES = 16,     /* of one row; the rest is counted */
	COLORS = 8,
};

struct arrow {
	int y;
	target_addr target;
	unsigned color;
};

struct place {
	const struct dissect_part *block;
	int y; /* of its title */
};

struct page {
	struct cpeek_session *session;
	const struct dissect_part *block; /* that is drawn */
	struct strbuf out;                /* the drawing, then the page */
	struct strbuf text;               /* of one value */
	VECTOR(struct arrow) arrows;
	VECTOR(struct place) places;
	int y, bottom;  /* of the line at hand: where it begins, and how far down it goes by now */
	int labels;     /* beside it */
	int64_t line;   /* its offset; INT64_MAX: none yet */
	unsigned color; /* of the row at hand */
	bool no_memory;
};

/* ---- Text ---- */

/* Appends at most `columns` characters of text, safe for HTML; "…" is the last one where there are more. */
static void put_clipped(struct strbuf *out, const char *text, size_t length, size_t columns)
{
	struct strbuf safe = {0};
	size_t shown = 0, characters = 0;

	(void)escape_append(&safe, text, length);
	for (const char *at = strbuf_text(&safe); *at; at++)
		characters += ((unsigned char)*at & 0xc0) != 0x80;
	if (characters > columns)
		columns--;
	for (const char *at = strbuf_text(&safe); *at; at++) {
		const bool starts = ((unsigned char)*at & 0xc0) != 0x80;
		if (starts && shown == columns) {
			strbuf_puts(out, "…");
			break;
		}
		shown += starts;
		if (*at == '&')
			strbuf_puts(out, "&amp;");
		else if (*at == '<')
			strbuf_puts(out, "&lt;");
		else if (*at == '>')
			strbuf_puts(out, "&gt;");
		else if (*at == '"')
			strbuf_puts(out, "&quot;");
		else
			strbuf_putc(out, *at);
	}
	out->failed |= strbuf_failed(&safe);
	strbuf_deinit(&safe);
}

static void put_text(struct strbuf *out, const char *text)
{
	put_clipped(out, text, strlen(text), SIZE_MAX);
}

static enum cpeek_status read_value(struct page *page, const struct dissect_value *value)
{
	strbuf_clear(&page->text);
	return dissection_put_value(page->session, value, &page->text);
}

/* ---- The drawing ---- */

static void begin_line(struct page *page, int64_t line)
{
	page->y = page->bottom + GAP;
	page->bottom = page->y + BOX_HEIGHT;
	page->labels = 0;
	page->line = line;
	strbuf_printf(&page->out, "<text class=\"offset\" x=\"%d\" y=\"%d\">%c0x%" PRIx64 "</text>\n", BOX_X - 10,
		      page->y + TEXT_HEIGHT, line < 0 ? '-' : '+', line < 0 ? -(uint64_t)line : (uint64_t)line);
}

static void draw_bytes(struct page *page, target_addr address, int x, int count)
{
	uint8_t byte;

	for (int i = 0; i < count; i++) {
		strbuf_printf(&page->out, "<text class=\"byte\" x=\"%d\" y=\"%d\">", x + i * CELL + CELL / 2,
			      page->y + TEXT_HEIGHT);
		if (target_probe(page->session->target, address + (uint64_t)i, &byte, 1))
			strbuf_printf(&page->out, "%02x</text>\n", byte);
		else
			strbuf_puts(&page->out, "??"
						"</text>\n");
	}
}

/* The box of a row's bytes in one line, with its name if it is the first one. */
static void draw_box(struct page *page, const struct dissect_row *row, int64_t offset, int count, bool first)
{
	const int x = BOX_X + (int)(offset - page->line) * CELL;

	strbuf_printf(&page->out, "<rect class=\"%s c%u\" x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" rx=\"4\"/>\n",
		      row->name ? "box" : "box unknown", page->color, x, page->y, count * CELL - 2, BOX_HEIGHT);
	draw_bytes(page, page->block->address + (uint64_t)offset, x, count);
	if (!row->name || !first)
		return;
	const size_t columns = (size_t)(count * CELL - 8) / CHARACTER;
	const char *name = row->name, *index = strchr(name, '[');
	if (strlen(name) > columns && index) /* of an array the index says more than the beginning of its name */
		name = index;
	strbuf_printf(&page->out, "<text class=\"name\" x=\"%d\" y=\"%d\">", x + 5, page->y + BOX_HEIGHT - 8);
	put_clipped(&page->out, name, strlen(name), columns);
	strbuf_puts(&page->out, "</text>\n");
}

static void begin_label(struct page *page)
{
	const int y = page->y + TEXT_HEIGHT + page->labels++ * TEXT_HEIGHT;

	if (y + 4 > page->bottom)
		page->bottom = y + 4;
	strbuf_printf(&page->out, "<text class=\"label\" x=\"%d\" y=\"%d\">", LABEL_X, y);
}

/* Name, value and meaning; what does not fit beside them goes below. */
static enum cpeek_status draw_label(struct page *page, const struct dissect_row *row)
{
	if (!row->name)
		return CPEEK_OK;
	TRY(read_value(page, &row->value));
	const size_t taken = strlen(row->name) + page->text.length + 3;
	begin_label(page);
	strbuf_puts(&page->out, "<tspan class=\"field\">");
	put_text(&page->out, row->name);
	strbuf_puts(&page->out, "</tspan> <tspan class=\"value\">");
	put_clipped(&page->out, strbuf_text(&page->text), page->text.length, LABEL_COLUMNS - NAME_COLUMNS);
	strbuf_puts(&page->out, "</tspan>");
	if (row->meaning && taken + strlen(row->meaning) > LABEL_COLUMNS) {
		strbuf_puts(&page->out, "</text>\n");
		begin_label(page);
	}
	if (row->meaning) {
		strbuf_puts(&page->out, "  ");
		put_clipped(&page->out, row->meaning, strlen(row->meaning), LABEL_COLUMNS);
	}
	strbuf_puts(&page->out, "</text>\n");
	return CPEEK_OK;
}

static void add_arrow(struct page *page, const struct dissect_row *row)
{
	if ((row->value.kind != DISSECT_POINTER && row->value.kind != DISSECT_OBJECT) || !row->value.number)
		return;
	struct arrow *arrow = VECTOR_PUSH(&page->arrows);
	if (arrow)
		*arrow = (struct arrow){page->y + BOX_HEIGHT - 10, row->value.number, page->color};
	else
		page->no_memory = true;
}

static int64_t line_of(int64_t offset)
{
	return offset - (((offset % LINE_BYTES) + LINE_BYTES) % LINE_BYTES);
}

static enum cpeek_status draw_row(struct page *page, const struct dissect_row *row)
{
	const int64_t end = row->offset + (int64_t)row->size;
	int64_t offset = row->offset;

	for (int lines = 0; offset < end && !row->repeated; lines++) { /* bits of a word have its box */
		const int64_t next = line_of(offset) + LINE_BYTES;
		const int64_t stop = next < end ? next : end;
		if (lines == ROW_LINES) {
			strbuf_printf(&page->out,
				      "<text class=\"cut\" x=\"%d\" y=\"%d\">… +%" PRId64 " bytes</text>\n", BOX_X,
				      page->bottom + TEXT_HEIGHT, end - offset);
			page->bottom += TEXT_HEIGHT;
			break;
		}
		if (page->line != line_of(offset))
			begin_line(page, line_of(offset));
		draw_box(page, row, offset, (int)(stop - offset), lines == 0);
		if (lines == 0)
			TRY(draw_label(page, row));
		if (lines == 0)
			add_arrow(page, row);
		offset = stop;
	}
	return row->repeated ? draw_label(page, row) : CPEEK_OK;
}

static void draw_title(struct page *page, const struct dissect_part *block)
{
	struct place *place = VECTOR_PUSH(&page->places);

	if (place)
		*place = (struct place){block, page->bottom + 36};
	else
		page->no_memory = true;
	page->bottom += 42;
	strbuf_printf(&page->out, "<text class=\"title\" x=\"%d\" y=\"%d\">", GUTTER, page->bottom);
	put_text(&page->out, block->title);
	strbuf_printf(&page->out, "<tspan class=\"place\">  at 0x%" PRIx64 ", %" PRIu64 " bytes", block->address,
		      block->size);
	if (block->structure)
		strbuf_printf(&page->out, ": %s", block->structure);
	if (block->header)
		strbuf_printf(&page->out, ", %s", block->header);
	strbuf_puts(&page->out, "</tspan></text>\n");
	page->bottom += TEXT_HEIGHT + 4;
	for (int i = 0; i < LINE_BYTES; i++)
		strbuf_printf(&page->out, "<text class=\"ruler\" x=\"%d\" y=\"%d\">%d</text>\n",
			      BOX_X + i * CELL + CELL / 2, page->bottom, i);
}

static enum cpeek_status draw_block(struct page *page, const struct dissect_part *block)
{
	unsigned named = 0;

	page->block = block;
	page->line = INT64_MAX;
	draw_title(page, block);
	for (size_t i = 0; i < block->rows.count; i++) {
		const struct dissect_row *row = &block->rows.items[i];
		if (session_cancelled(page->session))
			return CPEEK_CANCELLED;
		if (row->name)
			page->color = named++ % COLORS;
		TRY(draw_row(page, row));
	}
	if (block->cut)
		strbuf_printf(&page->out, "<text class=\"cut\" x=\"%d\" y=\"%d\">… +%" PRIu64 " %s</text>\n", BOX_X,
			      page->bottom += TEXT_HEIGHT, block->cut, block->cut_what);
	return CPEEK_OK;
}

/* From each pointer to the block that it leads to, if that is on the page. */
static void draw_arrows(struct page *page)
{
	unsigned lane = 0;

	for (size_t i = 0; i < page->arrows.count; i++) {
		const struct arrow *arrow = &page->arrows.items[i];
		for (size_t j = 0; j < page->places.count; j++) {
			const struct place *place = &page->places.items[j];
			if (arrow->target - place->block->address >= (place->block->size ? place->block->size : 1))
				continue;
			const int x = GUTTER - 12 - (int)(lane++ % LANES) * LANE;
			strbuf_printf(&page->out,
				      "<path class=\"arrow s%u\" d=\"M%d %dH%dV%dH%d\" marker-end=\"url(#head)\"/>\n",
				      arrow->color, BOX_X, arrow->y, x, place->y - 5, GUTTER - 5);
			break;
		}
	}
}

/* ---- The page around it ---- */

static enum cpeek_status put_facts(struct page *page, const struct dissect_part *facts)
{
	size_t start = 0;

	strbuf_puts(&page->out, "<dl>\n");
	for (size_t i = 0; i < facts->ends.count; start = facts->ends.items[i++]) {
		const struct dissect_cell *cell = &facts->cells.items[start];
		if (start >= facts->ends.items[i])
			continue;
		TRY(read_value(page, &cell->value));
		strbuf_puts(&page->out, "<dt>");
		put_text(&page->out, cell->column);
		strbuf_puts(&page->out, "</dt><dd><b>");
		put_clipped(&page->out, strbuf_text(&page->text), page->text.length, SIZE_MAX);
		strbuf_puts(&page->out, "</b> ");
		if (facts->ends.items[i] > start + 1 && cell[1].value.text)
			put_text(&page->out, cell[1].value.text);
		strbuf_puts(&page->out, "</dd>\n");
	}
	strbuf_puts(&page->out, "</dl>\n");
	return CPEEK_OK;
}

static enum cpeek_status put_table(struct page *page, const struct dissect_part *table)
{
	size_t start = 0, titles = table->ends.count ? table->ends.items[0] : 0;

	strbuf_puts(&page->out, "<h2>");
	put_text(&page->out, table->title);
	strbuf_puts(&page->out, "</h2>\n<table>\n<tr>");
	for (size_t i = 0; i < titles; i++) {
		strbuf_puts(&page->out, "<th>");
		put_text(&page->out, table->cells.items[i].column);
		strbuf_puts(&page->out, "</th>");
	}
	strbuf_puts(&page->out, "</tr>\n");
	for (size_t i = 0; i < table->ends.count; i++) {
		strbuf_puts(&page->out, "<tr>");
		for (; start < table->ends.items[i]; start++) {
			TRY(read_value(page, &table->cells.items[start].value));
			strbuf_puts(&page->out, "<td>");
			put_clipped(&page->out, strbuf_text(&page->text), page->text.length, SIZE_MAX);
			strbuf_puts(&page->out, "</td>");
		}
		strbuf_puts(&page->out, "</tr>\n");
	}
	strbuf_puts(&page->out, "</table>\n");
	if (table->cut)
		strbuf_printf(&page->out, "<p class=\"cut\">… +%" PRIu64 " %s</p>\n", table->cut, table->cut_what);
	return CPEEK_OK;
}

static const char STYLE[] =
	":root{--back:#fff;--ink:#1c2430;--faint:#7a8594;--line:#c9d1db;--mark:#b3261e}"
	"@media(prefers-color-scheme:dark){:root{--back:#14181f;--ink:#e6eaf0;--faint:#8e99a8;--line:#3a4553;"
	"--mark:#ff8a80}.box{fill-opacity:.28!important}}"
	"body{background:var(--back);color:var(--ink);font:15px/1.45 system-ui,sans-serif;margin:2em auto;"
	"max-width:1240px;padding:0 1em}h1{font:600 22px ui-monospace,monospace;overflow-wrap:anywhere}"
	"h2{font-size:16px;margin:1.6em 0 .4em}svg{max-width:100%;height:auto}"
	"svg text{font:12px ui-monospace,monospace;fill:var(--ink)}"
	"svg .title{font:600 15px system-ui,sans-serif}svg .place,svg .offset,svg .ruler{fill:var(--faint);"
	"font-weight:400;font-size:12px}svg .offset{text-anchor:end}svg .ruler,svg .byte{text-anchor:middle}"
	"svg .name{font-size:11px;font-weight:600}svg .field{font-weight:600}svg .value{fill:#1666b8}"
	"@media(prefers-color-scheme:dark){svg .value{fill:#7cb8ff}}"
	".cut,svg .cut{fill:var(--mark);color:var(--mark)}.box{stroke:var(--line);fill-opacity:.75}"
	".unknown{fill:none!important;stroke-dasharray:3 3}"
	".c0{fill:#cfe3ff}.c1{fill:#d3f2d6}.c2{fill:#ffe6b8}.c3{fill:#f6d2e0}.c4{fill:#e1d8fb}.c5{fill:#c9f0ee}"
	".c6{fill:#fbdcc9}.c7{fill:#e7ebb5}.arrow{fill:none;stroke-width:1.6}"
	".s0{stroke:#2f74d0}.s1{stroke:#2f9e44}.s2{stroke:#c98300}.s3{stroke:#c2255c}.s4{stroke:#6741d9}"
	".s5{stroke:#0c8599}.s6{stroke:#d9480f}.s7{stroke:#808a00}#head path{fill:context-stroke}"
	"dl{display:grid;grid-template-columns:max-content 1fr;gap:2px 18px;margin:1em 0}dt{color:var(--faint)}"
	"dd{margin:0;overflow-wrap:anywhere}table{border-collapse:collapse;font:13px ui-monospace,monospace}"
	"td,th{border:1px solid var(--line);padding:2px 9px;text-align:left;overflow-wrap:anywhere}"
	"th{color:var(--faint);font-weight:600}.problem{color:var(--mark);font-weight:600}"
	"footer{color:var(--faint);margin-top:2.5em;font-size:13px}";

static void put_head(struct page *page, const char *title)
{
	strbuf_puts(&page->out, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>");
	put_clipped(&page->out, title, strlen(title), LABEL_COLUMNS);
	strbuf_printf(&page->out, "</title>\n<style>%s</style>\n</head>\n<body>\n<h1>", STYLE);
	put_text(&page->out, title);
	strbuf_puts(&page->out, "</h1>\n");
}

static enum cpeek_status put_drawing(struct page *page, const struct dissection *dissection)
{
	struct strbuf head = page->out;
	enum cpeek_status status = CPEEK_OK;

	/* How high it is shows when it is drawn. */
	page->out = (struct strbuf){0};
	for (size_t i = 0; i < dissection->parts.count && status == CPEEK_OK; i++)
		if (dissection->parts.items[i].kind == DISSECT_BLOCK)
			status = draw_block(page, &dissection->parts.items[i]);
	draw_arrows(page);
	struct strbuf drawing = page->out;
	page->out = head;
	strbuf_printf(
		&page->out,
		"<svg viewBox=\"0 0 %d %d\" width=\"%d\" role=\"img\">\n<defs><marker id=\"head\" viewBox=\"0 0 8 8\" "
		"refX=\"7\" refY=\"4\" markerWidth=\"7\" markerHeight=\"7\" orient=\"auto\"><path d=\"M0 0L8 4L0 "
		"8z\"/>"
		"</marker></defs>\n",
		WIDTH, page->bottom + 20, WIDTH);
	strbuf_append(&page->out, strbuf_text(&drawing), drawing.length);
	strbuf_puts(&page->out, "</svg>\n");
	page->no_memory |= strbuf_failed(&drawing);
	strbuf_deinit(&drawing);
	return status;
}

/* In the order of the dissection, but for the blocks, which are drawn together where the first of them stands. */
static enum cpeek_status put_parts(struct page *page, const struct dissection *dissection)
{
	bool drawn = false;

	for (size_t i = 0; i < dissection->parts.count; i++) {
		const struct dissect_part *part = &dissection->parts.items[i];
		switch (part->kind) {
		case DISSECT_BLOCK:
			if (!drawn)
				TRY(put_drawing(page, dissection));
			drawn = true;
			break;
		case DISSECT_FACTS:
			TRY(put_facts(page, part));
			break;
		case DISSECT_TABLE:
			TRY(put_table(page, part));
			break;
		case DISSECT_NOTE:
		case DISSECT_PROBLEM:
			strbuf_printf(&page->out, "<p%s>", part->kind == DISSECT_PROBLEM ? " class=\"problem\"" : "");
			put_text(&page->out, part->title);
			strbuf_puts(&page->out, "</p>\n");
			break;
		}
	}
	return CPEEK_OK;
}

static enum cpeek_status write_file(struct cpeek_session *session, const struct strbuf *text, const char *path)
{
	FILE *file = fopen(path, "we");
	if (!file)
		return error_set(&session->error, CPEEK_IO, "%s: cannot write it: %s", path, strerror(errno));
	const bool written = fwrite(strbuf_text(text), 1, text->length, file) == text->length;
	if (fclose(file) != 0 || !written)
		return error_set(&session->error, CPEEK_IO, "%s: cannot write it: %s", path, strerror(errno));
	return CPEEK_OK;
}

enum cpeek_status page_write(struct cpeek_session *session, const struct dissection *dissection, const char *title,
			     const char *path)
{
	struct page page = {.session = session};

	put_head(&page, title);
	enum cpeek_status status = put_parts(&page, dissection);
	strbuf_printf(&page.out, "<footer>CPython %s, shown by cpeek</footer>\n</body>\n</html>\n",
		      session->python->version);
	if (status == CPEEK_OK && (page.no_memory || strbuf_failed(&page.out) || strbuf_failed(&page.text)))
		status = CPEEK_NO_MEMORY;
	if (status == CPEEK_OK)
		status = write_file(session, &page.out, path);
	VECTOR_DEINIT(&page.arrows);
	VECTOR_DEINIT(&page.places);
	strbuf_deinit(&page.out);
	strbuf_deinit(&page.text);
	return status;
}
