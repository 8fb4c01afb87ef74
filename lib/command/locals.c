/*
 * locals, globals: the variables that the selected frame sees.
 */
#include "command/command.h"
#include "command/show.h"

#include <inttypes.h>

static unsigned what_of(const struct arguments *arguments)
{
	return arguments->items[0].given ? SHOW_FULL : SHOW_BRIEF;
}

static enum cpeek_status run_locals(struct cpeek_session *session, const struct arguments *arguments,
				    struct sink *sink)
{
	const struct frame *frame;

	TRY(session_frame(session, &frame));
	sink_object(sink, NULL);
	enum cpeek_status status = show_variables(session, sink, frame, "locals", "", what_of(arguments));
	sink_end(sink);
	return status;
}

static enum cpeek_status walk_globals(struct cpeek_session *session, target_addr globals, unsigned what,
				      struct sink *sink)
{
	struct object object;
	struct items items;
	struct item item;

	TRY(object_read(session->objects, globals, &object));
	TRY(items_start(&object, &items));
	for (;;) {
		enum cpeek_status status = items_next(&items, &item);
		if (status == CPEEK_OK)
			status = show_variable(session, sink, item.key, item.value, "", what);
		if (status != CPEEK_OK)
			return status == CPEEK_END ? CPEEK_OK : status;
	}
}

static enum cpeek_status run_globals(struct cpeek_session *session, const struct arguments *arguments,
				     struct sink *sink)
{
	const struct frame *frame;

	TRY(session_frame(session, &frame));
	sink_object(sink, NULL);
	sink_object(sink, "globals");
	enum cpeek_status status = walk_globals(session, frame->globals, what_of(arguments), sink);
	sink_end(sink);
	sink_end(sink);
	if (status == CPEEK_FAULT || status == CPEEK_CORRUPT) {
		session->partial = true;
		sink_span_format(sink, SINK_MARK, "<globals unreadable at 0x%" PRIx64 ">", frame->globals);
		sink_line(sink, NULL);
		status = CPEEK_OK;
	}
	return status;
}

static const struct cpeek_argument arguments[] = {
	{"--full", "values in full, not cut at the limits", CPEEK_ARGUMENT_FLAG, 0},
};

const struct command command_locals = {
	.description =
		{
			.name = "locals",
			.usage = "locals [--full]",
			.summary = "The local variables of the selected frame",
			.help = "Shows arguments, locals, cell and free variables of the selected frame, in the order "
				"of "
				"locals(); in a module or a class body, its namespace.",
			.arguments = arguments,
			.argument_count = 1,
		},
	.run = run_locals,
};

const struct command command_globals = {
	.description =
		{
			.name = "globals",
			.usage = "globals [--full]",
			.summary = "The global variables that the selected frame sees",
			.help = "Shows the namespace of the module that the selected frame's function belongs to.",
			.arguments = arguments,
			.argument_count = 1,
		},
	.run = run_globals,
};
