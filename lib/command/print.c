/*
 * print: an object as repr() would show it.
 */
#include "command/command.h"
#include "command/show.h"

enum { ARGUMENT_FULL, ARGUMENT_HEX, ARGUMENT_EXPR };

static enum cpeek_status run(struct cpeek_session *session, const struct arguments *arguments, struct sink *sink)
{
	const unsigned what = (arguments->items[ARGUMENT_FULL].given ? SHOW_FULL : 0u) |
			      (arguments->items[ARGUMENT_HEX].given ? SHOW_HEX : 0u) | SHOW_MEMBERS;
	struct strbuf text = {0};
	struct object_member field;
	target_addr address;

	enum cpeek_status status =
		expression_evaluate_field(session, arguments->items[ARGUMENT_EXPR].text, &address, &field, &text);
	if (status == CPEEK_OK) {
		sink_object(sink, NULL);
		if (address)
			status = show_value(session, sink, address, what);
		else
			show_field(sink, &field, &text);
		if (status == CPEEK_OK && address && session->json)
			status = show_attributes(session, sink, address);
		sink_end(sink);
	}
	if (status == CPEEK_OK && strbuf_failed(&text))
		status = CPEEK_NO_MEMORY;
	strbuf_deinit(&text);
	if (status == CPEEK_OK)
		sink_line(sink, NULL);
	return status;
}

static const struct cpeek_argument arguments[] = {
	[ARGUMENT_FULL] = {"--full", "in full, not cut at the limits", CPEEK_ARGUMENT_FLAG, 0},
	[ARGUMENT_HEX] = {"--hex", "ints in hexadecimal", CPEEK_ARGUMENT_FLAG, 0},
	[ARGUMENT_EXPR] = {"EXPR", "an address (0x7f…), a name, or a path: self.cache['k'][0].name",
			   CPEEK_ARGUMENT_REST, 1},
};

const struct command command_print = {
	.description =
		{
			.name = "print",
			.usage = "print [--full] [--hex] EXPR",
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
