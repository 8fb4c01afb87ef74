/*
 * bt: the Python stacks, most recent call first, in the form of CPython's tracebacks.
 */
#include "command/command.h"
#include "command/show.h"

#include <inttypes.h>

enum { ARGUMENT_ALL, ARGUMENT_LOCALS, ARGUMENT_FULL };

static void show_heading(struct cpeek_session *session, struct sink *sink, const struct python_thread *thread)
{
	if (thread->native_id)
		sink_span_format(sink, SINK_TITLE, "Thread %" PRIu64, thread->native_id);
	else
		sink_span_format(sink, SINK_TITLE, "Thread 0x%" PRIx64, thread->thread_id);
	strbuf_clear(&session->text);
	if (thread_read_name(session->objects, thread, &session->text) == CPEEK_OK && session->text.length) {
		sink_span(sink, SINK_PLAIN, " (");
		sink_span_bytes(sink, SINK_NAME, strbuf_text(&session->text), session->text.length);
		sink_span(sink, SINK_PLAIN, ")");
	}
	if (session->python->interpreter_count > 1)
		sink_span_format(sink, SINK_PLAIN, ", interpreter %" PRId64,
				 session->python->interpreters[thread->interpreter].id);
	if (thread->gil == THREAD_GIL_HOLDING)
		sink_span(sink, SINK_PLAIN, ", holding the GIL");
	const char *state = thread_state_text(session->python, thread);
	if (state)
		sink_span_format(sink, SINK_PLAIN, ", %s", state);
	sink_line(sink, NULL);
}

static enum cpeek_status show_stack(struct cpeek_session *session, struct sink *sink, const struct stack *stack,
				    unsigned what)
{
	enum cpeek_status status = CPEEK_OK;

	sink_line(sink, "Traceback (most recent call first):");
	sink_array(sink, "frames");
	for (size_t i = 0; i < stack->count && status == CPEEK_OK; i++) {
		status = session_cancelled(session) ? CPEEK_CANCELLED
						    : show_frame(session, sink, &stack->frames[i], SIZE_MAX, what);
		if (sink_failed(sink))
			break;
	}
	sink_end(sink);
	if (!stack->count && !stack->partial)
		sink_line(sink, "  (no Python frames)");
	if (stack->partial) {
		session->partial = true;
		sink_bool(sink, "partial", true);
		sink_span_format(sink, SINK_MARK, "  <the chain of frames is broken at 0x%" PRIx64 ": %s>",
				 stack->address, cpeek_status_text((int32_t)stack->status));
		sink_line(sink, NULL);
	}
	return status;
}

static enum cpeek_status show_one(struct cpeek_session *session, struct sink *sink, const struct python_thread *thread,
				  const struct stack *stack, unsigned what)
{
	sink_object(sink, NULL);
	enum cpeek_status status = show_thread(session, sink, thread);
	if (status == CPEEK_OK)
		status = show_stack(session, sink, stack, what);
	sink_end(sink);
	return status;
}

static enum cpeek_status show_all(struct cpeek_session *session, struct sink *sink, unsigned what)
{
	const struct python *python = session->python;

	for (size_t i = 0; i < python->thread_count; i++) {
		struct stack stack = {0};
		if (i)
			sink_line(sink, NULL);
		show_heading(session, sink, &python->threads[i]);
		enum cpeek_status status = stack_read(session->objects, &python->threads[i], &stack);
		if (status == CPEEK_OK)
			status = show_one(session, sink, &python->threads[i], &stack, what);
		stack_deinit(&stack);
		if (status != CPEEK_OK)
			return status;
	}
	return CPEEK_OK;
}

static enum cpeek_status run(struct cpeek_session *session, const struct arguments *arguments, struct sink *sink)
{
	const unsigned what = (arguments->items[ARGUMENT_LOCALS].given ? SHOW_LOCALS : 0u) |
			      (arguments->items[ARGUMENT_FULL].given ? SHOW_FULL : 0u);
	const struct python_thread *thread = NULL;
	const struct stack *stack = NULL;
	enum cpeek_status status = CPEEK_OK;

	if (!arguments->items[ARGUMENT_ALL].given) {
		TRY(session_thread(session, &thread));
		TRY(session_stack(session, &stack));
	}
	sink_object(sink, NULL);
	sink_array(sink, "threads");
	if (thread)
		status = show_one(session, sink, thread, stack, what);
	else
		status = show_all(session, sink, what);
	sink_end(sink);
	if (session->python->threads_partial) {
		session->partial = true;
		sink_bool(sink, "partial", true);
	}
	sink_end(sink);
	return status;
}

static const struct cpeek_argument arguments[] = {
	[ARGUMENT_ALL] = {"--all", "every thread, not only the selected one", CPEEK_ARGUMENT_FLAG, 0},
	[ARGUMENT_LOCALS] = {"--locals", "the variables of each frame", CPEEK_ARGUMENT_FLAG, 0},
	[ARGUMENT_FULL] = {"--full", "values in full, not cut at the limits", CPEEK_ARGUMENT_FLAG, 0},
};

const struct command command_bt = {
	.description =
		{
			.name = "bt",
			.usage = "bt [--all] [--locals] [--full]",
			.summary = "Python call stacks, most recent call first",
			.help = "Shows the Python frames of the selected thread (the one that crashed, or that the "
				"debugger selected), most recent call first, with the source line where its file can "
				"be read. With --locals each frame's arguments, locals, cell and free variables "
				"follow.",
			.arguments = arguments,
			.argument_count = sizeof(arguments) / sizeof(*arguments),
		},
	.run = run,
};
