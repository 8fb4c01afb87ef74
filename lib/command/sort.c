/*
 * sort: what list.sort() would find in a list, and do with it.
 */
#include "command/command.h"
#include "command/dissect.h"
#include "command/show.h"
#include "object/timsort.h"

#include <inttypes.h>

enum {
	ARGUMENT_FULL,
	ARGUMENT_EXPR,
};

extern const struct object_type object_type_list;

static enum cpeek_status run(struct cpeek_session *session, const struct arguments *arguments, struct sink *sink)
{
	const struct limits limits = show_limits(session, arguments->items[ARGUMENT_FULL].given ? SHOW_FULL : 0);
	struct dissection dissection = {.objects = session->objects, .limits = &limits};
	struct object object;
	target_addr address;

	TRY(expression_evaluate(session, arguments->items[ARGUMENT_EXPR].text, &address));
	TRY(dissection_begin(session, sink, address, &object));
	enum cpeek_status status;
	if (object.type->decoder != &object_type_list)
		status = error_set(&session->error, CPEEK_USAGE, "a %.80s has no sort(): sort takes a list",
				   object.type->name);
	else
		status = timsort_dissect(&dissection, &object);
	if (status == CPEEK_LIMIT)
		status = error_set(&session->error, status,
				   "the list at 0x%" PRIx64 " holds too much to be sorted here", address);
	return dissection_end(session, sink, status, &dissection);
}

static const struct cpeek_argument arguments[] = {
	[ARGUMENT_FULL] = {"--full", "every run and merge, not cut at the limits", CPEEK_ARGUMENT_FLAG, 0},
	[ARGUMENT_EXPR] = {"EXPR", "as for print", CPEEK_ARGUMENT_REST, 1},
};

const struct command command_sort = {
	.description =
		{
			.name = "sort",
			.usage = "sort [--full] EXPR",
			.summary = "The runs that timsort would see in a list, and how it would merge them",
			.help = "Shows what sort() of the list that EXPR names would do: which comparison it would "
				"choose "
				"after looking at all keys, the natural runs, ascending or descending, how far short "
				"ones "
				"are extended, and which are merged when. Items of builtin types are compared as "
				"CPython "
				"does; where a method written in Python would have to run, that is said.",
			.arguments = arguments,
			.argument_count = sizeof(arguments) / sizeof(*arguments),
		},
	.run = run,
};
