/*
 * A command is a row: its public description and what runs it. Written once, it serves the command line, gdb and
 * lldb, in text and in JSON.
 *
 * To add a command: write command/NAME.c with `const struct command command_NAME`, and add COMMAND(NAME) to
 * commands.def. Nothing changes in plugin/.
 */
#ifndef COMMAND_COMMAND_H
#define COMMAND_COMMAND_H

#include "command/session.h"

enum { COMMAND_ARGUMENTS_MAX = 8 };

/* What was given, in the order of the command's arguments. */
struct arguments {
	struct {
		bool given;
		uint64_t number;
		const char *text; /* STRING and REST */
	} items[COMMAND_ARGUMENTS_MAX];
};

struct command {
	struct cpeek_command description;
	enum cpeek_status (*run)(struct cpeek_session *session, const struct arguments *arguments, struct sink *sink);
};

const struct command *command_at(size_t index);
/* NULL when there is none of that name. */
const struct command *command_find(const char *name, size_t length);

/* Runs a line. See cpeek_run(). */
enum cpeek_status command_run(struct cpeek_session *session, const char *line, uint32_t format, cpeek_write_fn write,
			      void *arg);
enum cpeek_status command_complete(const char *line, cpeek_completion_fn found, void *arg);

#endif
