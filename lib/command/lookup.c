/*
 * lookup: how CPython finds a key in a dict or set, probe by probe.
 */
#include "object/lookup.h"
#include "command/command.h"
#include "command/dissect.h"
#include "command/literal.h"
#include "command/show.h"

#include <inttypes.h>
#include <string.h>

enum {
	ARGUMENT_FULL,
	ARGUMENT_REST,
};

enum { VALUES_MOST = 1 << 20 };

/* The line is EXPR KEY: EXPR ends at the first blank outside quotes and brackets. */
static size_t expression_length(const char *text)
{
	unsigned depth = 0;
	char quote = 0;
	size_t i;

	for (i = 0; text[i] && (quote || depth || text[i] != ' '); i++) {
		if (quote) {
			if (text[i] == '\\' && text[i + 1])
				i++;
			else if (text[i] == quote)
				quote = 0;
		} else if (text[i] == '\'' || text[i] == '"') {
			quote = text[i];
		} else if (text[i] == '[' || text[i] == '(') {
			depth++;
		} else if (depth && (text[i] == ']' || text[i] == ')')) {
			depth--;
		}
	}
	return i;
}

static enum cpeek_status search(struct cpeek_session *session, const struct limits *limits, target_addr address,
				struct plains *plains, const struct plain *key, struct sink *sink)
{
	struct dissection dissection = {.objects = session->objects, .limits = limits};
	struct object object;

	TRY(dissection_begin(session, sink, address, &object));
	enum cpeek_status status = lookup_dissect(&dissection, &object, plains, key);
	if (status == CPEEK_UNSUPPORTED)
		status = error_set(&session->error, CPEEK_USAGE,
				   "a %.80s has no table to look up keys in: lookup takes a dict, a set, or an object "
				   "with attributes",
				   object.type->name);
	return dissection_end(session, sink, status, &dissection);
}

static enum cpeek_status run(struct cpeek_session *session, const struct arguments *arguments, struct sink *sink)
{
	const struct limits limits = show_limits(session, arguments->items[ARGUMENT_FULL].given ? SHOW_FULL : 0);
	const char *text = arguments->items[ARGUMENT_REST].text;
	const size_t length = expression_length(text);
	struct plains plains;
	struct plain key;
	target_addr address;

	if (!text[length])
		return error_set(&session->error, CPEEK_USAGE,
				 "lookup needs a KEY behind EXPR: a literal (12, 'text', b'bytes', None, (1, 'a')) or "
				 "@EXPR");
	plains_init(session->objects, VALUES_MOST, &plains);
	const char *expression = arena_copy(&plains.arena, text, length);
	enum cpeek_status status = expression ? expression_evaluate(session, expression, &address) : CPEEK_NO_MEMORY;
	if (status == CPEEK_OK)
		status = literal_evaluate(session, text + length + 1, &plains, &key);
	if (status == CPEEK_OK)
		status = search(session, &limits, address, &plains, &key, sink);
	plains_deinit(&plains);
	return status;
}

static const struct cpeek_argument arguments[] = {
	[ARGUMENT_FULL] = {"--full", "every probe, not cut at the limits", CPEEK_ARGUMENT_FLAG, 0},
	[ARGUMENT_REST] =
		{"EXPR KEY",
		 "EXPR as for print; KEY a literal: 12, 1.5, 2j, 'text', b'bytes', None, (1, 'a'); or @EXPR, an "
		 "object of the target",
		 CPEEK_ARGUMENT_REST, 1},
};

const struct command command_lookup = {
	.description =
		{
			.name = "lookup",
			.usage = "lookup [--full] EXPR KEY",
			.summary = "Each probe that CPython makes to find KEY in this dict or set",
			.help = "Shows how CPython finds KEY in the dict, set or attributes of the object that EXPR "
				"names: the hash, computed with the target's own secret, and slot after slot what is "
				"there, what is compared, and where the search ends. Nothing is executed: where an "
				"__eq__ written in Python would decide, that is said. KEY is a literal (its text goes "
				"to "
				"the end of the line) or @EXPR; a name or path stands for the object that it names.",
			.arguments = arguments,
			.argument_count = sizeof(arguments) / sizeof(*arguments),
		},
	.run = run,
};
