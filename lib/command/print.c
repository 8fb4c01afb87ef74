/*
 * print: an object as repr() would show it.
 */
#include "command/command.h"
#include "command/show.h"

enum { ARGUMENT_FULL, ARGUMENT_EXPR };

static enum cpeek_status run(struct cpeek_session *session, const struct arguments *arguments, struct sink *sink)
{
	target_addr address;
	struct strbuf text = {0};

	TRY(expression_evaluate(session, arguments->items[ARGUMENT_EXPR].text, &address));
	sink_object(sink, NULL);
	enum cpeek_status status =
		show_value(session, sink, address, arguments->items[ARGUMENT_FULL].given ? SHOW_FULL : 0, &text);
	sink_end(sink);
	if (status == CPEEK_OK) {
		sink_span_bytes(sink, SINK_VALUE, strbuf_text(&text), text.length);
		sink_line(sink, NULL);
	}
	strbuf_deinit(&text);
	return status;
}

static const struct cpeek_argument arguments[] = {
	[ARGUMENT_FULL] = {"--full", "in full, not cut at the limits", CPEEK_ARGUMENT_FLAG, 0},
	[ARGUMENT_EXPR] = {"EXPR", "an address (0x7f…), a name, or a path: self.cache['k'][0].name",
			   CPEEK_ARGUMENT_REST, 1},
};

const struct command command_print = {
	.description =
		{
			.name = "print",
			.usage = "print [--full] EXPR",
			.summary = "An object as CPython's repr would show it",
			.help = "Shows the object that EXPR names: an address, a debugger expression ($rdi, in a "
				"debugger), a "
				"path in the selected Python frame (locals, then globals, then builtins; .attribute "
				"and "
				"[index or key] are looked up in memory, nothing is executed), a type or a module.",
			.arguments = arguments,
			.argument_count = sizeof(arguments) / sizeof(*arguments),
		},
	.run = run,
};
