/*
 * up, down, frame: which frame of the selected thread is the selected one.
 */
#include "command/command.h"
#include "command/show.h"

#include <stdlib.h>

static enum cpeek_status show_selected(struct cpeek_session *session, struct sink *sink)
{
	const struct frame *frame;

	TRY(session_frame(session, &frame));
	return show_frame(session, sink, frame, session->frame, 0);
}

static enum cpeek_status run_up(struct cpeek_session *session, const struct arguments *arguments, struct sink *sink)
{
	const struct stack *stack;

	(void)arguments;
	TRY(session_stack(session, &stack));
	if (session->frame + 1 >= stack->count && stack->partial)
		return error_set(&session->error, stack->status,
				 "Unable to find an older python frame: the chain of frames is broken at 0x%llx",
				 (unsigned long long)stack->address);
	if (session->frame + 1 >= stack->count)
		return error_set(&session->error, CPEEK_NOT_FOUND, "Unable to find an older python frame");
	session->frame++;
	return show_selected(session, sink);
}

static enum cpeek_status run_down(struct cpeek_session *session, const struct arguments *arguments, struct sink *sink)
{
	const struct stack *stack;

	(void)arguments;
	TRY(session_stack(session, &stack));
	if (session->frame == 0)
		return error_set(&session->error, CPEEK_NOT_FOUND, "Unable to find a newer python frame");
	session->frame--;
	return show_selected(session, sink);
}

static enum cpeek_status run_frame(struct cpeek_session *session, const struct arguments *arguments, struct sink *sink)
{
	const struct stack *stack;

	TRY(session_stack(session, &stack));
	if (arguments->items[0].given) {
		char *end;
		const char *text = arguments->items[0].text;
		unsigned long long number = strtoull(text, &end, 10);
		if (*text < '0' || *text > '9' || *end)
			return error_set(&session->error, CPEEK_USAGE,
					 "frame takes a number, 0 is the newest; usage: frame [N]");
		if (number >= stack->count)
			return error_set(&session->error, CPEEK_NOT_FOUND,
					 "there is no frame %llu: the selected thread has %zu, from 0", number,
					 stack->count);
		session->frame = (size_t)number;
	}
	return show_selected(session, sink);
}

static const struct cpeek_argument frame_arguments[] = {
	{"N", "its number in bt, from 0; without it the selected frame is shown", CPEEK_ARGUMENT_REST, 0},
};

const struct command command_up = {
	.description =
		{
			.name = "up",
			.usage = "up",
			.summary = "Select the caller of the selected Python frame",
			.help = "Selects the frame that called the selected one, and shows it.",
		},
	.run = run_up,
};

const struct command command_down = {
	.description =
		{
			.name = "down",
			.usage = "down",
			.summary = "Select the Python frame that the selected one called",
			.help = "Selects the frame that the selected one called, and shows it.",
		},
	.run = run_down,
};

const struct command command_frame = {
	.description =
		{
			.name = "frame",
			.usage = "frame [N]",
			.summary = "Select a Python frame by its number",
			.help = "Selects frame N of the selected thread, 0 being the newest, and shows it.",
			.arguments = frame_arguments,
			.argument_count = 1,
		},
	.run = run_frame,
};
