/*
 * list: the source around the selected frame's line.
 */
#include "command/command.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { LIST_AROUND = 5 };

/* "START", "START,END" of libpython.py's py-list; sets the range, or answers USAGE. */
static enum cpeek_status parse_range(struct cpeek_session *session, const char *text, int64_t *start, int64_t *end)
{
	char *rest;

	*start = strtoll(text, &rest, 10);
	*end = *start + 2 * LIST_AROUND;
	if (rest != text && *rest == ',') {
		text = rest + 1;
		*end = strtoll(text, &rest, 10);
	}
	if (rest == text || *rest || *start < 0 || *end < *start)
		return error_set(&session->error, CPEEK_USAGE, "usage: list [START[,END]]");
	return CPEEK_OK;
}

static enum cpeek_status show_lines(struct cpeek_session *session, struct sink *sink, const char *file, int64_t start,
				    int64_t end, int64_t current)
{
	struct strbuf *text = &session->text;

	for (int64_t line = start < 1 ? 1 : start; line <= end && !sink_failed(sink); line++) {
		strbuf_clear(text);
		enum cpeek_status status = source_read_line(session->source, session->sysroot, file, line, text);
		if (status == CPEEK_NO_MEMORY)
			return status;
		if (status != CPEEK_OK)
			break; /* behind the last line */
		sink_object(sink, NULL);
		sink_number(sink, "line", line);
		sink_bool(sink, "current", line == current);
		sink_bytes(sink, "source", strbuf_text(text), text->length);
		sink_end(sink);
		if (line == current) {
			char number[24];
			(void)snprintf(number, sizeof(number), ">%" PRId64, line);
			sink_span_format(sink, SINK_MARK, "%4s    ", number);
		} else {
			sink_span_format(sink, SINK_FAINT, "%4" PRId64 "    ", line);
		}
		sink_span_bytes(sink, SINK_PLAIN, strbuf_text(text), text->length);
		sink_line(sink, NULL);
	}
	return CPEEK_OK;
}

static enum cpeek_status run(struct cpeek_session *session, const struct arguments *arguments, struct sink *sink)
{
	const struct frame *frame;
	struct strbuf file = {0};

	TRY(session_frame(session, &frame));
	int64_t start = frame->position.line - LIST_AROUND, end = frame->position.line + LIST_AROUND;
	if (arguments->items[0].given)
		TRY(parse_range(session, arguments->items[0].text, &start, &end));
	enum cpeek_status status = frame_read_filename(session->objects, frame, &file);
	if (status == CPEEK_OK && source_line_count(session->source, session->sysroot, strbuf_text(&file)) == 0)
		status = error_set(&session->error, CPEEK_NOT_FOUND,
				   "Unable to open %.400s: --sysroot DIR says where the "
				   "target's files are",
				   strbuf_text(&file));
	if (status == CPEEK_OK) {
		sink_object(sink, NULL);
		sink_bytes(sink, "file", strbuf_text(&file), file.length);
		sink_array(sink, "lines");
		status = show_lines(session, sink, strbuf_text(&file), start, end, frame->position.line);
		sink_end(sink);
		sink_end(sink);
	}
	strbuf_deinit(&file);
	return status;
}

static const struct cpeek_argument arguments[] = {
	{"START,END", "the first line, or the first and the last", CPEEK_ARGUMENT_REST, 0},
};

const struct command command_list = {
	.description =
		{
			.name = "list",
			.usage = "list [START[,END]]",
			.summary = "The source around the selected frame's line",
			.help = "Shows the source lines around the selected frame's current line, which is marked "
				"with >, or "
				"from START on, or from START to END.",
			.arguments = arguments,
			.argument_count = 1,
		},
	.run = run,
};
