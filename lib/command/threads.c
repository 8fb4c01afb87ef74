/*
 * threads: every thread state, a row each.
 */
#include "command/command.h"
#include "command/show.h"

static enum cpeek_status show_text(struct cpeek_session *session, struct sink *sink, const struct frame *frame,
				   const char *field,
				   enum cpeek_status (*read)(struct objects *, const struct frame *, struct strbuf *))
{
	strbuf_clear(&session->text);
	enum cpeek_status status = read(session->objects, frame, &session->text);
	if (status == CPEEK_OK)
		sink_bytes(sink, field, strbuf_text(&session->text), session->text.length);
	else
		sink_null(sink, field);
	return objects_tolerate(session->objects, status);
}

/* Where the thread is: function, file and line of its newest frame. */
static enum cpeek_status show_top(struct cpeek_session *session, struct sink *sink, const struct python_thread *thread,
				  bool *partial)
{
	struct stack stack = {0};

	enum cpeek_status status = stack_read(session->objects, thread, &stack);
	if (status == CPEEK_OK)
		*partial |= stack.partial;
	if (status == CPEEK_OK && stack.count) {
		const struct frame *frame = &stack.frames[0];
		status = show_text(session, sink, frame, "function", frame_read_qualname);
		if (status == CPEEK_OK)
			status = show_text(session, sink, frame, "file", frame_read_filename);
		if (frame->position.line >= 0)
			sink_number(sink, "line", frame->position.line);
		else
			sink_null(sink, "line");
	}
	if (status == CPEEK_OK)
		sink_unsigned(sink, "frames", stack.count);
	stack_deinit(&stack);
	return status;
}

static enum cpeek_status run(struct cpeek_session *session, const struct arguments *arguments, struct sink *sink)
{
	const struct python *python = session->python;
	enum cpeek_status status = CPEEK_OK;
	bool stacks_partial = false;

	(void)arguments;
	sink_object(sink, NULL);
	sink_table(sink, "threads");
	for (size_t i = 0; i < python->thread_count && status == CPEEK_OK; i++) {
		sink_object(sink, NULL);
		sink_bool(sink, "selected", i == session->thread);
		status = show_thread(session, sink, &python->threads[i]);
		if (status == CPEEK_OK)
			status = show_top(session, sink, &python->threads[i], &stacks_partial);
		sink_end(sink);
	}
	sink_end(sink);
	if (stacks_partial) {
		session->partial = true;
		sink_bool(sink, "stacks_partial", true);
		sink_span(sink, SINK_MARK, "<a stack cannot be read to its end: bt shows where>");
		sink_line(sink, NULL);
	}
	if (python->threads_partial) {
		session->partial = true;
		sink_bool(sink, "partial", true);
		sink_span(sink, SINK_MARK, "the chain of thread states is broken: there may be more");
		sink_line(sink, NULL);
	}
	sink_end(sink);
	return status;
}

const struct command command_threads = {
	.description =
		{
			.name = "threads",
			.usage = "threads",
			.summary = "Every thread: ids, name, interpreter, GIL, and where it is",
			.help = "Lists the thread states of every interpreter: the id of the kernel's thread (LWP), "
				"threading's ident, the name that threading knows, the interpreter, whether it holds "
				"the "
				"GIL (in a free-threaded build without one: whether it is attached), and the "
				"function, file and line of its newest frame.",
		},
	.run = run,
};
