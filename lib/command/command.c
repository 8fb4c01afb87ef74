/*
 * The table, and a line of text on its way to a row of it. A line is words split at blanks; blanks inside quotes and
 * brackets do not split. Words that start with "--" are options; the first other word starts EXPR, which goes to the
 * end of the line, options of the command that stand in it as words of their own left out.
 */
#include "command/command.h"
#include "base/memory.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define COMMAND(name) extern const struct command command_##name;
#include "command/commands.def"
#undef COMMAND

static const struct command *const commands[] = {
#define COMMAND(name) &command_##name,
#include "command/commands.def"
#undef COMMAND
};

enum { COMMAND_COUNT = sizeof(commands) / sizeof(*commands) };

const struct command *command_at(size_t index)
{
	return index < COMMAND_COUNT ? commands[index] : NULL;
}

const struct command *command_find(const char *name, size_t length)
{
	for (size_t i = 0; i < COMMAND_COUNT; i++)
		if (strlen(commands[i]->description.name) == length &&
		    memcmp(commands[i]->description.name, name, length) == 0)
			return commands[i];
	return NULL;
}

struct word {
	char *text;
	size_t length;
};

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* The next word at *at, which moves behind it; length 0 at the end. */
static struct word next_word(char **at)
{
	char *p = *at, quote = 0;
	unsigned depth = 0;

	while (is_blank(*p))
		p++;
	struct word word = {p, 0};
	for (; *p && (quote || depth || !is_blank(*p)); p++) {
		if (quote) {
			if (*p == '\\' && p[1])
				p++;
			else if (*p == quote)
				quote = 0;
		} else if (*p == '"' || *p == '\'') {
			quote = *p;
		} else if (*p == '[' || *p == '(' || *p == '{') {
			depth++;
		} else if ((*p == ']' || *p == ')' || *p == '}') && depth) {
			depth--;
		}
	}
	word.length = (size_t)(p - word.text);
	*at = p;
	return word;
}

static bool word_is(struct word word, const char *text)
{
	return strlen(text) == word.length && memcmp(word.text, text, word.length) == 0;
}

static enum cpeek_status set_argument(struct error *error, const struct command *command, size_t index, char *text,
				      struct arguments *arguments)
{
	const struct cpeek_argument *argument = &command->description.arguments[index];
	char *end;

	arguments->items[index].given = true;
	arguments->items[index].text = text;
	if (argument->kind != CPEEK_ARGUMENT_NUMBER)
		return CPEEK_OK;
	arguments->items[index].number = strtoull(text, &end, 0);
	if (*text < '0' || *text > '9' || *end)
		return error_set(error, CPEEK_USAGE, "%s takes a number, not \"%.80s\"; usage: %s", argument->name,
				 text, command->description.usage);
	return CPEEK_OK;
}

/* The option of that name; its index, or SIZE_MAX. "--type=T" names --type. */
static size_t option_index(const struct command *command, struct word word)
{
	const char *equals = memchr(word.text, '=', word.length);
	const size_t length = equals ? (size_t)(equals - word.text) : word.length;

	for (size_t i = 0; i < command->description.argument_count; i++) {
		const char *name = command->description.arguments[i].name;
		if (name[0] == '-' && strlen(name) == length && memcmp(name, word.text, length) == 0)
			return i;
	}
	return SIZE_MAX;
}

/* The value of an option: behind its "=", or the next word, without its quotes. */
static enum cpeek_status take_value(struct error *error, const struct command *command, const char *name,
				    struct word word, char **at, char **ret)
{
	char *equals = memchr(word.text, '=', word.length);
	struct word value =
		equals ? (struct word){equals + 1, (size_t)(word.text + word.length - equals - 1)} : next_word(at);

	if (value.length == 0)
		return error_set(error, CPEEK_USAGE, "%s needs a value; usage: %s", name, command->description.usage);
	if (*at == value.text + value.length && **at)
		(*at)++;
	if (value.length >= 2 && (*value.text == '"' || *value.text == '\'') &&
	    value.text[value.length - 1] == *value.text) {
		value.text++;
		value.length -= 2;
	}
	value.text[value.length] = '\0';
	*ret = value.text;
	return CPEEK_OK;
}

static enum cpeek_status take_option(struct error *error, const struct command *command, size_t index,
				     struct word word, char **at, struct arguments *arguments)
{
	const struct cpeek_argument *argument = &command->description.arguments[index];
	char *value;

	if (argument->kind == CPEEK_ARGUMENT_FLAG) {
		if (memchr(word.text, '=', word.length))
			return error_set(error, CPEEK_USAGE, "%s takes no value; usage: %s", argument->name,
					 command->description.usage);
		arguments->items[index].given = true;
		return CPEEK_OK;
	}
	TRY(take_value(error, command, argument->name, word, at, &value));
	return set_argument(error, command, index, value, arguments);
}

/* "--elements N" and the other limits, which every command takes. NOT_FOUND when it is none of them. */
static enum cpeek_status take_limit(struct cpeek_session *session, const struct command *command, struct word word,
				    char **at)
{
	const char *equals = memchr(word.text, '=', word.length);
	const size_t length = equals ? (size_t)(equals - word.text) : word.length;
	char *value, *end;
	uint64_t *limit;
	unsigned bit;

	if (length < 2 || memcmp(word.text, "--", 2) != 0 ||
	    !session_find_limit(session, word.text + 2, length - 2, &limit, &bit))
		return CPEEK_NOT_FOUND;
	TRY(take_value(&session->error, command, "a limit", word, at, &value));
	*limit = strtoull(value, &end, 0);
	session->limits_given |= bit;
	if (*value < '0' || *value > '9' || *end)
		return error_set(&session->error, CPEEK_USAGE, "%.*s takes a number, 0 for no limit, not \"%.80s\"",
				 (int)length, word.text, value);
	return CPEEK_OK;
}

/* Cuts line up. Options may stand anywhere; rest is compacted in place. */
static enum cpeek_status parse(struct cpeek_session *session, const struct command *command, char *at,
			       struct arguments *ret)
{
	struct arguments arguments = {0};
	size_t rest = SIZE_MAX;
	char *rest_start = NULL, *rest_end = NULL;

	for (size_t i = 0; i < command->description.argument_count; i++)
		if (command->description.arguments[i].kind == CPEEK_ARGUMENT_REST)
			rest = i;
	for (;;) {
		struct word word = next_word(&at);
		if (word.length == 0)
			break;
		size_t option = option_index(command, word);
		if (word_is(word, "--json")) {
			session->json = true;
			continue;
		}
		if (option != SIZE_MAX) {
			TRY(take_option(&session->error, command, option, word, &at, &arguments));
			continue;
		}
		enum cpeek_status status = take_limit(session, command, word, &at);
		if (status == CPEEK_OK)
			continue;
		if (status != CPEEK_NOT_FOUND)
			return status;
		if (rest == SIZE_MAX || (word.length > 2 && memcmp(word.text, "--", 2) == 0)) {
			return error_set(&session->error, CPEEK_USAGE, "%s does not take \"%.*s\"; usage: %s",
					 command->description.name, word.length > 80 ? 80 : (int)word.length,
					 word.text, command->description.usage);
		}
		if (!rest_start) {
			rest_start = word.text;
			rest_end = word.text + word.length;
		} else {
			*rest_end++ = ' ';
			memmove(rest_end, word.text, word.length);
			rest_end += word.length;
		}
	}
	if (rest_start) {
		*rest_end = '\0';
		TRY(set_argument(&session->error, command, rest, rest_start, &arguments));
	}
	for (size_t i = 0; i < command->description.argument_count; i++)
		if (command->description.arguments[i].required && !arguments.items[i].given)
			return error_set(&session->error, CPEEK_USAGE, "%s needs %s; usage: %s",
					 command->description.name, command->description.arguments[i].name,
					 command->description.usage);
	*ret = arguments;
	return CPEEK_OK;
}

/* Something was left out, and nothing in the answer shows it. */
static void show_left_out(const struct cpeek_session *session, bool unreadable, struct sink *sink)
{
	const struct target *target = session->target;

	if (unreadable)
		sink_span_format(sink, SINK_MARK, "<something was left out: 0x%" PRIx64 " is unreadable (%s)>",
				 target->fault_address, target_hole_text(target->fault_hole));
	else
		sink_span(sink, SINK_MARK, "<something was left out: a structure of the target contradicts itself>");
	sink_line(sink, NULL);
}

static void show_damage(struct sink *sink)
{
	sink_span(sink, SINK_MARK, "<the compressed core failed its check: any byte of it may be wrong>");
	sink_line(sink, NULL);
}

static enum cpeek_status run_parsed(struct cpeek_session *session, const struct command *command,
				    const struct arguments *arguments, uint32_t format, cpeek_write_fn write,
				    void *arg)
{
	struct sink *sink = session->json ? sink_create_json(write, arg)
					  : sink_create_text(write, arg, format & CPEEK_COLOR, session->width);
	if (!sink)
		return error_set(&session->error, CPEEK_NO_MEMORY, "out of memory");
	const uint64_t failures = session_failures(session), faults = session->target->faults;
	const uint64_t no_memory = memory_failures();
	enum cpeek_status status = command->run(session, arguments, sink);
	const bool failed = session_failures(session) != failures;
	if (status == CPEEK_OK && failed && !session->partial)
		show_left_out(session, session->target->faults != faults, sink);
	if (session->target->damaged)
		show_damage(sink);
	session->partial |= failed || session->target->damaged;
	enum cpeek_status finished = sink_finish(sink);
	if (status == CPEEK_OK)
		status = finished;
	if (status == CPEEK_OK && memory_failures() != no_memory)
		status = error_set(&session->error, CPEEK_NO_MEMORY, "out of memory: the answer is not complete");
	enum cpeek_status alive = target_check(session->target);
	if (alive != CPEEK_OK)
		status = alive;
	if (failed || status == CPEEK_NO_MEMORY)
		session_forget(session);
	return status == CPEEK_OK && session->partial ? CPEEK_PARTIAL : status;
}

enum cpeek_status command_run(struct cpeek_session *session, const char *line, uint32_t format, cpeek_write_fn write,
			      void *arg)
{
	struct arguments arguments;
	char *copy = memory_strdup(line), *at = copy;

	if (!copy)
		return error_set(&session->error, CPEEK_NO_MEMORY, "out of memory");
	struct word name = next_word(&at);
	const struct command *command = command_find(name.text, name.length);
	session->partial = false;
	session->json = format & CPEEK_JSON;
	session->error.text[0] = '\0';
	/* The limits of this line end with it. */
	const struct limits limits = session->limits;
	const unsigned limits_given = session->limits_given;
	enum cpeek_status status;
	if (!command)
		status = error_set(&session->error, CPEEK_USAGE, "there is no command \"%.*s\"",
				   name.length > 80 ? 80 : (int)name.length, name.text);
	else if (!session->target)
		status = error_set(&session->error, CPEEK_USAGE, "no target is open");
	else
		status = parse(session, command, at, &arguments);
	if (status == CPEEK_OK)
		status = run_parsed(session, command, &arguments, format, write, arg);
	session->limits = limits;
	session->limits_given = limits_given;
	memory_free(copy);
	/* A failure whose author left no sentence still gets one. */
	if (status != CPEEK_OK && status != CPEEK_PARTIAL && !session->error.text[0])
		(void)error_set(&session->error, status, "%s", cpeek_status_text((int32_t)status));
	return status;
}

enum cpeek_status command_complete(const char *line, cpeek_completion_fn found, void *arg)
{
	const char *end = line + strspn(line, " \t");
	const size_t length = strcspn(end, " \t");

	if (!end[length]) { /* still in the first word */
		for (size_t i = 0; i < COMMAND_COUNT; i++)
			if (strncmp(commands[i]->description.name, end, length) == 0)
				found(arg, commands[i]->description.name);
		return CPEEK_OK;
	}
	const struct command *command = command_find(end, length);
	const char *blank = strrchr(line, ' ');
	const char *last = blank ? blank + 1 : end + length;
	for (size_t i = 0; command && i < command->description.argument_count; i++) {
		const char *name = command->description.arguments[i].name;
		if (name[0] == '-' && strncmp(name, last, strlen(last)) == 0)
			found(arg, name);
	}
	return CPEEK_OK;
}
