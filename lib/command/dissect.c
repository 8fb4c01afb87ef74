/*
 * dissect: an object's memory, byte by byte, and how the structure in it works.
 */
#include "command/dissect.h"
#include "command/command.h"
#include "command/page.h"
#include "command/show.h"
#include "heap/place_dissect.h"

#include <inttypes.h>
#include <string.h>

enum { ARGUMENT_FULL, ARGUMENT_HTML, ARGUMENT_EXPR };

enum {
	LINE_BYTES = 8,                   /* of memory in one line … */
	BYTES_WIDTH = 3 * LINE_BYTES - 1, /* … and its columns */
	JSON_BYTES = 1 << 16,             /* of one row in JSON; more are not copied */
	TEXT_LINES = 8,                   /* of one row: a long text is shown by its beginning */
	BRIEF_TOTAL = 60,                 /* bytes of the repr of an object that is pointed at */
	TITLE_TOTAL = 200,
	NAME_WIDTH = 28, /* columns, at most, before a longer name pushes its line */
	VALUE_WIDTH = 24,
};

/* ---- Values ---- */

static enum cpeek_status put_object(struct cpeek_session *session, target_addr address, struct strbuf *out)
{
	const struct limits limits = {.elements = 4, .string = 40, .depth = 2, .total = BRIEF_TOTAL};
	struct rendering rendering;

	if (!address) {
		strbuf_puts(out, "NULL");
		return CPEEK_OK;
	}
	strbuf_printf(out, "0x%" PRIx64 " ", address);
	return render_repr(session->objects, address, &limits, false, out, &rendering);
}

enum cpeek_status dissection_put_value(struct cpeek_session *session, const struct dissect_value *value,
				       struct strbuf *out)
{
	if (value->text) {
		strbuf_puts(out, value->text);
		return CPEEK_OK;
	}
	switch (value->kind) {
	case DISSECT_NONE:
	case DISSECT_TEXT:
		break;
	case DISSECT_NUMBER:
		strbuf_printf(out, "%" PRId64, (int64_t)value->number);
		break;
	case DISSECT_UNSIGNED:
		strbuf_printf(out, "%" PRIu64, value->number);
		break;
	case DISSECT_BOOL:
		strbuf_puts(out, value->number ? "yes" : "no");
		break;
	case DISSECT_POINTER:
		if (value->number)
			strbuf_printf(out, "0x%" PRIx64, value->number);
		else
			strbuf_puts(out, "NULL");
		break;
	case DISSECT_OBJECT:
		return put_object(session, value->number, out);
	}
	return CPEEK_OK;
}

/* The value as a JSON field: a pointer's address, an object with its repr. */
static enum cpeek_status show_value_field(struct cpeek_session *session, struct sink *sink, const char *name,
					  const struct dissect_value *value)
{
	switch (value->kind) {
	case DISSECT_NONE:
		sink_null(sink, name);
		break;
	case DISSECT_NUMBER:
		sink_number(sink, name, (int64_t)value->number);
		break;
	case DISSECT_UNSIGNED:
		sink_unsigned(sink, name, value->number);
		break;
	case DISSECT_BOOL:
		sink_bool(sink, name, value->number);
		break;
	case DISSECT_TEXT:
		sink_string(sink, name, value->text);
		break;
	case DISSECT_POINTER:
		sink_address(sink, name, value->number);
		break;
	case DISSECT_OBJECT:
		if (!value->number) {
			sink_null(sink, name);
			break;
		}
		strbuf_clear(&session->text);
		TRY(put_object(session, value->number, &session->text));
		sink_object(sink, name);
		sink_address(sink, "address", value->number);
		const char *repr = strchr(strbuf_text(&session->text), ' ');
		sink_string(sink, "repr", repr ? repr + 1 : "");
		sink_end(sink);
		break;
	}
	if (value->text && value->kind != DISSECT_TEXT)
		sink_string(sink, "text", value->text);
	return CPEEK_OK;
}

/* ---- Blocks ---- */

static void span_padded(struct sink *sink, enum sink_style style, const char *text, size_t width)
{
	size_t columns = 0;

	for (const char *at = text; *at; at++)
		columns += ((unsigned char)*at & 0xc0) != 0x80;
	sink_span(sink, style, text);
	sink_span_format(sink, SINK_PLAIN, "%*s", (int)(columns < width ? width - columns : 0) + 2, "");
}

/* The bytes of one line: up to LINE_BYTES from address on. */
static void put_bytes(struct cpeek_session *session, target_addr address, uint64_t size, struct strbuf *out)
{
	uint8_t byte;

	for (uint64_t i = 0; i < LINE_BYTES && i < size; i++)
		if (target_probe(session->target, address + i, &byte, 1))
			strbuf_printf(out, "%s%02x", i ? " " : "", byte);
		else
			strbuf_puts(out, i ? " ??" : "??");
}

static void span_offset(struct sink *sink, int64_t offset)
{
	sink_span_format(sink, SINK_FAINT, "  %c0x%03" PRIx64 "  ", offset < 0 ? '-' : '+',
			 offset < 0 ? -(uint64_t)offset : (uint64_t)offset);
}

struct block_shape {
	size_t name, value; /* widths */
};

/* The name of a row, and its value and meaning if there are any, without blanks at the end. */
static void show_label(struct sink *sink, const struct dissect_row *row, const char *value,
		       const struct block_shape *shape)
{
	if (!row->meaning && !*value) {
		sink_span(sink, SINK_NAME, row->name);
		return;
	}
	span_padded(sink, SINK_NAME, row->name, shape->name);
	if (!row->meaning) {
		sink_span(sink, SINK_VALUE, value);
		return;
	}
	span_padded(sink, SINK_VALUE, value, shape->value);
	sink_span(sink, SINK_PLAIN, row->meaning);
}

static enum cpeek_status show_row_lines(struct cpeek_session *session, struct sink *sink,
					const struct dissect_part *block, const struct dissect_row *row,
					const struct block_shape *shape)
{
	struct strbuf value = {0};

	enum cpeek_status status = dissection_put_value(session, &row->value, &value);
	for (uint64_t at = 0; status == CPEEK_OK && (at == 0 || at < row->size); at += LINE_BYTES) {
		if (at == LINE_BYTES * TEXT_LINES) {
			sink_span_format(sink, SINK_MARK, "          … +%" PRIu64 " bytes", row->size - at);
			sink_line(sink, NULL);
			break;
		}
		span_offset(sink, row->offset + (int64_t)at);
		strbuf_clear(&session->text);
		put_bytes(session, block->address + (uint64_t)row->offset + at, row->repeated ? 0 : row->size - at,
			  &session->text);
		if (at == 0 && row->name) {
			span_padded(sink, SINK_ADDRESS, strbuf_text(&session->text), BYTES_WIDTH);
			show_label(sink, row, strbuf_text(&value), shape);
		} else {
			sink_span(sink, row->name ? SINK_ADDRESS : SINK_FAINT, strbuf_text(&session->text));
		}
		sink_line(sink, NULL);
	}
	strbuf_deinit(&value);
	return status;
}

static enum cpeek_status show_row(struct cpeek_session *session, struct sink *sink, const struct dissect_part *block,
				  const struct dissect_row *row)
{
	uint8_t byte;

	sink_object(sink, NULL);
	sink_number(sink, "offset", row->offset);
	sink_unsigned(sink, "size", row->size);
	strbuf_clear(&session->text);
	for (uint64_t i = 0; i < row->size && i < JSON_BYTES; i++)
		if (target_probe(session->target, block->address + (uint64_t)row->offset + i, &byte, 1))
			strbuf_printf(&session->text, "%02x", byte);
		else
			strbuf_puts(&session->text, "??");
	sink_bytes(sink, "bytes", strbuf_text(&session->text), session->text.length);
	if (row->name)
		sink_string(sink, "name", row->name);
	else
		sink_null(sink, "name");
	TRY(show_value_field(session, sink, "value", &row->value));
	if (row->meaning)
		sink_string(sink, "meaning", row->meaning);
	sink_end(sink);
	return CPEEK_OK;
}

/* How wide the columns of a block are. */
static enum cpeek_status measure(struct cpeek_session *session, const struct dissect_part *block,
				 struct block_shape *ret)
{
	struct block_shape shape = {0};
	struct strbuf value = {0};
	enum cpeek_status status = CPEEK_OK;

	for (size_t i = 0; i < block->rows.count && status == CPEEK_OK; i++) {
		const struct dissect_row *row = &block->rows.items[i];
		const size_t name = row->name ? strlen(row->name) : 0;
		if (name > shape.name && name <= NAME_WIDTH)
			shape.name = name;
		if (!row->meaning)
			continue;
		strbuf_clear(&value);
		status = dissection_put_value(session, &row->value, &value);
		if (value.length > shape.value && value.length <= VALUE_WIDTH)
			shape.value = value.length;
	}
	strbuf_deinit(&value);
	*ret = shape;
	return status;
}

static void show_cut(struct sink *sink, const struct dissect_part *part)
{
	if (!part->cut)
		return;
	sink_unsigned(sink, "truncated", part->cut);
	sink_span_format(sink, SINK_MARK, "  … +%" PRIu64 " %s", part->cut, part->cut_what);
	sink_line(sink, NULL);
}

static enum cpeek_status show_block(struct cpeek_session *session, struct sink *sink, const struct dissect_part *block)
{
	struct block_shape shape;

	TRY(measure(session, block, &shape));
	sink_span(sink, SINK_TITLE, block->title);
	sink_span(sink, SINK_FAINT, " at ");
	sink_span_format(sink, SINK_ADDRESS, "0x%" PRIx64, block->address);
	sink_span_format(sink, SINK_FAINT, ", %" PRIu64 " bytes", block->size);
	if (block->structure)
		sink_span_format(sink, SINK_FAINT, ": %s%s%s%s", block->structure, block->header ? " (" : "",
				 block->header ? block->header : "", block->header ? ")" : "");
	sink_line(sink, NULL);
	sink_string(sink, "title", block->title);
	sink_address(sink, "address", block->address);
	sink_unsigned(sink, "size", block->size);
	if (block->structure)
		sink_string(sink, "structure", block->structure);
	if (block->header)
		sink_string(sink, "header", block->header);
	sink_array(sink, "fields");
	for (size_t i = 0; i < block->rows.count; i++) {
		if (session_cancelled(session))
			return CPEEK_CANCELLED;
		TRY(show_row(session, sink, block, &block->rows.items[i]));
		TRY(show_row_lines(session, sink, block, &block->rows.items[i], &shape));
	}
	sink_end(sink);
	show_cut(sink, block);
	return CPEEK_OK;
}

/* ---- The other parts ---- */

static enum cpeek_status show_fact(struct cpeek_session *session, struct sink *sink, const struct dissect_part *facts,
				   size_t start, size_t end, size_t width)
{
	const struct dissect_cell *cell = &facts->cells.items[start];

	TRY(show_value_field(session, sink, cell->column, &cell->value));
	strbuf_clear(&session->text);
	TRY(dissection_put_value(session, &cell->value, &session->text));
	sink_span(sink, SINK_PLAIN, "  ");
	span_padded(sink, SINK_NAME, cell->column, width);
	sink_span_bytes(sink, SINK_VALUE, strbuf_text(&session->text), session->text.length);
	if (end > start + 1 && facts->cells.items[start + 1].value.text)
		sink_span_format(sink, SINK_PLAIN, "  %s", facts->cells.items[start + 1].value.text);
	sink_line(sink, NULL);
	return CPEEK_OK;
}

static enum cpeek_status show_facts(struct cpeek_session *session, struct sink *sink, const struct dissect_part *facts)
{
	size_t start = 0, width = 0;

	for (size_t i = 0; i < facts->ends.count; start = facts->ends.items[i++])
		if (start < facts->ends.items[i] && strlen(facts->cells.items[start].column) > width)
			width = strlen(facts->cells.items[start].column);
	start = 0;
	sink_object(sink, "facts");
	for (size_t i = 0; i < facts->ends.count; start = facts->ends.items[i++])
		if (start < facts->ends.items[i])
			TRY(show_fact(session, sink, facts, start, facts->ends.items[i], width));
	sink_end(sink);
	return CPEEK_OK;
}

static enum cpeek_status show_table(struct cpeek_session *session, struct sink *sink, const struct dissect_part *table)
{
	size_t start = 0;

	sink_span(sink, SINK_TITLE, table->title);
	sink_line(sink, NULL);
	sink_string(sink, "title", table->title);
	sink_table(sink, "rows");
	for (size_t i = 0; i < table->ends.count; i++) {
		sink_object(sink, NULL);
		for (; start < table->ends.items[i]; start++) {
			const struct dissect_cell *cell = &table->cells.items[start];
			if (cell->value.kind == DISSECT_OBJECT) {
				strbuf_clear(&session->text);
				TRY(dissection_put_value(session, &cell->value, &session->text));
				sink_bytes(sink, cell->column, strbuf_text(&session->text), session->text.length);
			} else {
				TRY(show_value_field(session, sink, cell->column, &cell->value));
			}
		}
		sink_end(sink);
	}
	sink_end(sink);
	show_cut(sink, table);
	return CPEEK_OK;
}

/* Each kind of part: what JSON calls it, and what shows it, inside an object that is open. */
static enum cpeek_status show_line(struct cpeek_session *session, struct sink *sink, const struct dissect_part *part)
{
	(void)session;
	sink_string(sink, "text", part->title);
	sink_span(sink, part->kind == DISSECT_PROBLEM ? SINK_MARK : SINK_PLAIN, part->title);
	sink_line(sink, NULL);
	return CPEEK_OK;
}

static const struct {
	const char *name;
	enum cpeek_status (*show)(struct cpeek_session *session, struct sink *sink, const struct dissect_part *part);
} kinds[] = {
	[DISSECT_BLOCK] = {"block", show_block},    [DISSECT_FACTS] = {"facts", show_facts},
	[DISSECT_TABLE] = {"table", show_table},    [DISSECT_NOTE] = {"note", show_line},
	[DISSECT_PROBLEM] = {"problem", show_line},
};

enum cpeek_status dissection_show(struct cpeek_session *session, struct sink *sink,
				  const struct dissection *dissection)
{
	enum cpeek_status status = CPEEK_OK;

	session->partial |= dissection->partial;
	sink_array(sink, "parts");
	for (size_t i = 0; i < dissection->parts.count && status == CPEEK_OK; i++) {
		const struct dissect_part *part = &dissection->parts.items[i];
		/* Lines and facts stand apart from what is before them, not from each other. */
		if (i > 0 && (part->kind != dissection->parts.items[i - 1].kind || part->kind == DISSECT_BLOCK ||
			      part->kind == DISSECT_TABLE))
			sink_line(sink, NULL);
		sink_object(sink, NULL);
		sink_string(sink, "kind", kinds[part->kind].name);
		status = kinds[part->kind].show(session, sink, part);
		sink_end(sink);
	}
	sink_end(sink);
	return status;
}

/* ---- The command ---- */

static enum cpeek_status write_page(struct cpeek_session *session, struct sink *sink,
				    const struct dissection *dissection, const struct object *object, const char *path)
{
	const struct limits limits = {.elements = 20, .string = 100, .depth = 3, .total = TITLE_TOTAL};
	struct rendering rendering;
	struct strbuf title = {0};

	strbuf_printf(&title, "%s at 0x%" PRIx64 ": ", object->type->name, object->address);
	enum cpeek_status status = render_repr(session->objects, object->address, &limits, false, &title, &rendering);
	if (status == CPEEK_OK)
		status = page_write(session, dissection, strbuf_text(&title), path);
	strbuf_deinit(&title);
	if (status == CPEEK_OK) {
		sink_string(sink, "html", path);
		sink_span(sink, SINK_FAINT, "drawn in ");
		sink_span(sink, SINK_PLACE, path);
		sink_line(sink, NULL);
	}
	return status;
}

/* Where the object's memory comes from, behind the block that shows it. */
static enum cpeek_status add_place(struct cpeek_session *session, struct dissection *dissection, target_addr address)
{
	struct place place;

	enum cpeek_status status = place_find(session->objects, address, &place);
	if (status == CPEEK_NO_MEMORY || status == CPEEK_CANCELLED)
		return status;
	dissect_open_facts(dissection);
	if (status == CPEEK_OK)
		place_dissect(session->objects, &place, address, dissection);
	else
		dissect_fact_text(dissection, "lives in", "not known: nothing is mapped there");
	dissect_lift(dissection);
	return dissection->no_memory ? CPEEK_NO_MEMORY : CPEEK_OK;
}

static enum cpeek_status refuse(struct cpeek_session *session, enum cpeek_status status, target_addr address)
{
	struct place place;

	strbuf_clear(&session->text);
	if (place_find(session->objects, address, &place) == CPEEK_OK) {
		place_put(session->objects, &place, &session->text);
		if (place.on_freelist)
			strbuf_printf(&session->text, "; on the free list of %s objects", place.freelist.name);
		return error_set(&session->error, status, "0x%" PRIx64 ": no object that can be read is there, but %s",
				 address, strbuf_text(&session->text));
	}
	return error_set(&session->error, status, "0x%" PRIx64 ": no object that can be read is there", address);
}

enum cpeek_status dissection_begin(struct cpeek_session *session, struct sink *sink, target_addr address,
				   struct object *ret)
{
	enum cpeek_status status = object_read(session->objects, address, ret);
	if (status != CPEEK_OK)
		return refuse(session, status, address);
	sink_object(sink, NULL);
	sink_address(sink, "address", address);
	sink_string(sink, "type", ret->type->name);
	return CPEEK_OK;
}

enum cpeek_status dissection_end(struct cpeek_session *session, struct sink *sink, enum cpeek_status status,
				 struct dissection *dissection)
{
	if (status == CPEEK_OK)
		status = dissection->no_memory ? CPEEK_NO_MEMORY : dissection_show(session, sink, dissection);
	sink_end(sink);
	dissection_deinit(dissection);
	return status;
}

static enum cpeek_status run(struct cpeek_session *session, const struct arguments *arguments, struct sink *sink)
{
	const struct limits limits = show_limits(session, arguments->items[ARGUMENT_FULL].given ? SHOW_FULL : 0);
	target_addr address;
	struct object object;
	struct dissection dissection;

	TRY(expression_evaluate(session, arguments->items[ARGUMENT_EXPR].text, &address));
	TRY(dissection_begin(session, sink, address, &object));
	enum cpeek_status status = object_dissect(&object, &limits, &dissection);
	if (status == CPEEK_OK)
		status = add_place(session, &dissection, address);
	if (status == CPEEK_OK && arguments->items[ARGUMENT_HTML].given)
		status = write_page(session, sink, &dissection, &object, arguments->items[ARGUMENT_HTML].text);
	return dissection_end(session, sink, status, &dissection);
}

static const struct cpeek_argument arguments[] = {
	[ARGUMENT_FULL] = {"--full", "in full, not cut at the limits", CPEEK_ARGUMENT_FLAG, 0},
	[ARGUMENT_HTML] = {"--html", "a file that gets the drawing as one self-contained page", CPEEK_ARGUMENT_STRING,
			   0},
	[ARGUMENT_EXPR] = {"EXPR", "as for print", CPEEK_ARGUMENT_REST, 1},
};

const struct command command_dissect = {
	.description =
		{
			.name = "dissect",
			.usage = "dissect [--full] [--html FILE] EXPR",
			.summary = "An object's memory, byte by byte, and how the structure works",
			.help = "Shows the memory of the object that EXPR names: for each field its offset, its "
				"bytes, what "
				"CPython calls it, its value and its meaning; then the structure itself: digits, "
				"tables slot "
				"by slot, what will happen next. Structures name the CPython header that defines "
				"them.",
			.arguments = arguments,
			.argument_count = sizeof(arguments) / sizeof(*arguments),
		},
	.run = run,
};
