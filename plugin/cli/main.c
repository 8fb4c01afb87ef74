/*
 * The command line: argv becomes a target, a command line for the library, and an exit code.
 * Knows cpeek.h alone, and terminals; must not know what any command does.
 */
#include "cpeek.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

/* ---- The request: what argv asks for ------------------------------------------------------------------------- */

enum option {
	OPTION_EXE,
	OPTION_SYSROOT,
	OPTION_DEBUG_DIR,
	OPTION_MISMATCH,
	OPTION_JSON,
	OPTION_COLOR,
	OPTION_ELEMENTS,
	OPTION_STRING,
	OPTION_DEPTH,
	OPTION_TOTAL,
	OPTION_NO_PAUSE,
	OPTION_PYTHON,
	OPTION_VERSION,
	OPTION_HELP,
	OPTION_COUNT,
};

static const struct {
	const char *name;
	const char *value; /* what its value is called; NULL when it takes none */
	const char *help;
} OPTIONS[OPTION_COUNT] = {
	[OPTION_EXE] = {"--exe", "FILE", "the executable, when the path in the core is wrong here"},
	[OPTION_SYSROOT] = {"--sysroot", "DIR", "the folder that holds the target's file tree"},
	[OPTION_DEBUG_DIR] = {"--debug-dir", "DIR[:DIR...]", "folders to search for the target's files by build id"},
	[OPTION_MISMATCH] = {"--mismatch", "WHAT", "files of another build: ignore them, or use them"},
	[OPTION_JSON] = {"--json", NULL, "answer in JSON"},
	[OPTION_COLOR] = {"--color", "WHEN", "auto (the default), always or never; NO_COLOR is honoured"},
	[OPTION_ELEMENTS] = {"--elements", "N", "show N items of a container; 0 here and below: all"},
	[OPTION_STRING] = {"--string", "N", "show N characters of a text, digits of an int"},
	[OPTION_DEPTH] = {"--depth", "N", "show N levels of nesting"},
	[OPTION_TOTAL] = {"--total", "N", "show N bytes of one value in all, and count what is left"},
	[OPTION_NO_PAUSE] = {"--no-pause", NULL, "read a process without stopping it: answers may be torn"},
	[OPTION_PYTHON] = {"--python", "X.Y", "force the layout of this CPython; dwarf: one from debug information"},
	[OPTION_VERSION] = {"--version", NULL, "print the version"},
	[OPTION_HELP] = {"--help", NULL, "print this, or the help of COMMAND"},
};

struct request {
	const char *values[OPTION_COUNT]; /* "" for an option without a value that was given, NULL when absent */
	const char **words;               /* what is no option of cpeek: TARGET, COMMAND, ARGS */
	int word_count;
};

static int complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* One line on stderr; answers the exit code for a request that is not understood. */
static int complain(const char *format, ...)
{
	va_list args;
	va_start(args, format);
	(void)fputs("cpeek: ", stderr);
	(void)vfprintf(stderr, format, args);
	(void)fputc('\n', stderr);
	va_end(args);
	return cpeek_status_exit_code(CPEEK_USAGE);
}

/* The option that arg names, "--exe" or "--exe=…" (*value is set then); OPTION_COUNT for none. */
static enum option option_find(const char *arg, const char **value)
{
	for (int i = 0; i < OPTION_COUNT; i++) {
		size_t length = strlen(OPTIONS[i].name);
		if (strncmp(arg, OPTIONS[i].name, length) != 0 || (arg[length] != '\0' && arg[length] != '='))
			continue;
		*value = arg[length] == '=' ? arg + length + 1 : NULL;
		return (enum option)i;
	}
	return OPTION_COUNT;
}

static bool number_read(const char *text, uint64_t *ret)
{
	char *end;
	errno = 0;
	*ret = strtoull(text, &end, 10);
	return *text >= '0' && *text <= '9' && *end == '\0' && errno == 0;
}

/* Sorts argv into options of cpeek, which may stand anywhere before a "--", and words. Answers 0 or an exit code. */
static int request_parse(struct request *request, int argc, char **argv)
{
	int i = 1;
	for (; i < argc && strcmp(argv[i], "--") != 0; i++) {
		const char *value = NULL;
		enum option option = option_find(argv[i], &value);
		if (option == OPTION_COUNT) {
			/* After COMMAND it may be an option of the command's; the library judges that. */
			if (argv[i][0] == '-' && request->word_count < 2)
				return complain("there is no option %s; see cpeek --help", argv[i]);
			request->words[request->word_count++] = argv[i];
			continue;
		}
		if (OPTIONS[option].value == NULL) {
			if (value != NULL)
				return complain("%s takes no value", OPTIONS[option].name);
			value = "";
		} else if (value == NULL) {
			if (i + 1 == argc)
				return complain("%s needs a value: %s %s", argv[i], argv[i], OPTIONS[option].value);
			value = argv[++i];
		}
		request->values[option] = value;
	}
	for (i++; i < argc; i++)
		request->words[request->word_count++] = argv[i];

	for (int limit = OPTION_ELEMENTS; limit <= OPTION_TOTAL; limit++) {
		uint64_t number;
		if (request->values[limit] != NULL && !number_read(request->values[limit], &number))
			return complain("%s takes a number, 0 for no limit, not %s", OPTIONS[limit].name,
					request->values[limit]);
	}
	const char *color = request->values[OPTION_COLOR];
	if (color != NULL && strcmp(color, "auto") != 0 && strcmp(color, "always") != 0 && strcmp(color, "never") != 0)
		return complain("--color takes auto, always or never, not %s", color);
	const char *mismatch = request->values[OPTION_MISMATCH];
	if (mismatch != NULL && strcmp(mismatch, "ignore") != 0 && strcmp(mismatch, "use") != 0)
		return complain("--mismatch takes ignore or use, not %s", mismatch);
	return 0;
}

/* ---- Help ---------------------------------------------------------------------------------------------------- */

static const struct cpeek_command *command_find(const char *name)
{
	const struct cpeek_command *command;
	for (uint32_t i = 0; (command = cpeek_command_at(i)) != NULL; i++) {
		if (strcmp(command->name, name) == 0)
			return command;
	}
	return NULL;
}

static void print_row(const char *left, const char *right)
{
	/* A left column that is too wide puts the right one on a line of its own. */
	printf("  %-20s %s", left, strlen(left) > 20 ? "\n                       " : "");
	printf("%s\n", right);
}

static void print_help(void)
{
	const struct cpeek_command *command;
	printf("usage: cpeek [OPTIONS] TARGET COMMAND [ARGS...]\n\n"
	       "TARGET is a core file, or the id of a process (write ./1234 for a core with such a name).\n"
	       "Options may stand anywhere; what follows a -- is left to COMMAND.\n\noptions:\n");
	for (int i = 0; i < OPTION_COUNT; i++) {
		char left[32];
		const char *value = OPTIONS[i].value;
		(void)snprintf(left, sizeof(left), "%s%s%s", OPTIONS[i].name, value != NULL ? " " : "",
			       value != NULL ? value : "");
		print_row(left, OPTIONS[i].help);
	}
	printf("\ncommands (cpeek help COMMAND tells more):\n");
	for (uint32_t i = 0; (command = cpeek_command_at(i)) != NULL; i++)
		print_row(command->name, command->summary);
	printf("\nexit codes: 0 the answer is complete; 1 it is partial, and what is missing is marked in it;\n"
	       "2 usage; 3 the target cannot be read; 4 no CPython in it; 5 a version without a layout; 6 "
	       "permission\n");
}

static void print_command_help(const struct cpeek_command *command)
{
	printf("usage: cpeek TARGET %s\n\n%s\n", command->usage, command->summary);
	if (command->argument_count > 0)
		printf("\n");
	for (uint64_t i = 0; i < command->argument_count; i++)
		print_row(command->arguments[i].name, command->arguments[i].help);
	if (command->help[0] != '\0')
		printf("\n%s\n", command->help);
}

static int complain_command(const char *what, const char *name)
{
	const struct cpeek_command *command;
	(void)fprintf(stderr, "cpeek: %s%s; commands:", what, name);
	for (uint32_t i = 0; (command = cpeek_command_at(i)) != NULL; i++)
		(void)fprintf(stderr, " %s", command->name);
	(void)fputc('\n', stderr);
	return cpeek_status_exit_code(CPEEK_USAGE);
}

/* ---- The command line for the library ------------------------------------------------------------------------- */

/* The option of the command that word names and that takes a value: "--type", or "--type=…", where *value is set. */
static const struct cpeek_argument *argument_find(const struct cpeek_command *command, const char *word,
						  const char **value)
{
	for (uint64_t i = 0; i < command->argument_count; i++) {
		const struct cpeek_argument *argument = &command->arguments[i];
		size_t length = strlen(argument->name);
		if ((argument->kind != CPEEK_ARGUMENT_NUMBER && argument->kind != CPEEK_ARGUMENT_STRING) ||
		    strncmp(word, argument->name, length) != 0 || (word[length] != '\0' && word[length] != '='))
			continue;
		*value = word[length] == '=' ? word + length + 1 : NULL;
		return argument;
	}
	return NULL;
}

/* Appends an option's value, which the shell handed over as one word, so that the library sees one word too: in
 * quotes, where it needs them. NULL when no quote is left for it. */
static char *append_value(char *end, const char *value)
{
	size_t length = strlen(value);
	const char *quote = "";
	if (length == 0 || strpbrk(value, " \t\n\r'\"[](){}") != NULL) {
		quote = strchr(value, '\'') == NULL ? "'" : "\"";
		if (strchr(value, *quote) != NULL || (length > 0 && value[length - 1] == '\\'))
			return NULL;
	}
	return stpcpy(stpcpy(stpcpy(end, quote), value), quote);
}

/* COMMAND and ARGS as one line: joined with blanks, as EXPR is taken as it stands, but values of options are quoted.
 * Answers 0 with *ret to free, or an exit code. */
static int line_create(const struct cpeek_command *command, const char **words, int count, char **ret)
{
	size_t size = 1;
	for (int i = 0; i < count; i++)
		size += strlen(words[i]) + 3; /* a blank and two quotes */
	char *line = malloc(size);
	if (line == NULL) {
		(void)complain("%s", cpeek_status_text(CPEEK_NO_MEMORY));
		return cpeek_status_exit_code(CPEEK_NO_MEMORY);
	}

	char *end = stpcpy(line, words[0]);
	for (int i = 1; i < count; i++) {
		const char *value = NULL;
		const struct cpeek_argument *option = argument_find(command, words[i], &value);
		end = stpcpy(end, " ");
		if (option == NULL) {
			end = stpcpy(end, words[i]);
			continue;
		}
		if (value == NULL && i + 1 < count)
			value = words[++i];
		end = stpcpy(end, option->name);
		if (value == NULL)
			continue; /* the library says what is missing */
		end = append_value(stpcpy(end, " "), value);
		if (end == NULL) {
			free(line);
			return complain("the value of %s cannot be quoted: %s", option->name, value);
		}
	}
	*ret = line;
	return 0;
}

/* ---- The host ------------------------------------------------------------------------------------------------- */

static volatile sig_atomic_t interrupted;

static void note_interrupt(int signal)
{
	(void)signal;
	interrupted = 1;
}

static int32_t is_cancelled(void *arg)
{
	(void)arg;
	return interrupted;
}

/* A line on a terminal's stderr that says how far a long command is. */
struct progress {
	int64_t due;  /* no sooner than this is it written, milliseconds */
	bool visible; /* it stands on the terminal now */
};

enum { PROGRESS_DELAY = 500, PROGRESS_INTERVAL = 100 }; /* milliseconds */

static int64_t milliseconds(void)
{
	struct timespec now = {0};
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void progress_show(void *arg, const char *what, uint64_t done, uint64_t total)
{
	struct progress *progress = arg;
	int64_t now = milliseconds();
	if (now < progress->due)
		return;
	progress->due = now + PROGRESS_INTERVAL;
	progress->visible = true;
	if (total != 0)
		(void)fprintf(stderr, "\r\033[K%s %" PRIu64 " of %" PRIu64, what, done, total);
	else
		(void)fprintf(stderr, "\r\033[K%s %" PRIu64, what, done);
}

static void progress_erase(struct progress *progress)
{
	if (progress->visible)
		(void)fputs("\r\033[K", stderr);
	progress->visible = false;
}

/* Where an answer goes. */
struct output {
	bool terminal;
	int error; /* errno of the first write that failed, or 0 */
	struct progress progress;
};

static int32_t output_write(void *arg, const char *data, uint64_t length)
{
	struct output *output = arg;
	progress_erase(&output->progress);
	if (fwrite(data, 1, length, stdout) != length || (output->terminal && fflush(stdout) != 0))
		output->error = errno;
	return output->error;
}

/* What stdout still held is written now: a full disk must not go unnoticed. Answers the exit code. */
static int output_close(struct output *output, int exit_code)
{
	if (fflush(stdout) != 0 && output->error == 0)
		output->error = errno;
	if (output->error == 0)
		return exit_code;
	/* A reader that has seen enough, as head does, is no news. */
	if (output->error != EPIPE)
		(void)complain("cannot write the answer: %s", strerror(output->error));
	return exit_code != 0 ? exit_code : cpeek_status_exit_code(CPEEK_PARTIAL);
}

/* ---- Running -------------------------------------------------------------------------------------------------- */

enum { PID_DIGITS = 18 };

static uint32_t open_flags(const struct request *request)
{
	const char *mismatch = request->values[OPTION_MISMATCH];
	uint32_t flags = request->values[OPTION_NO_PAUSE] != NULL ? CPEEK_OPEN_NO_PAUSE : 0;
	if (mismatch != NULL)
		flags |= strcmp(mismatch, "use") == 0 ? CPEEK_OPEN_MISMATCH : CPEEK_OPEN_IGNORE_MISMATCH;
	return flags;
}

static int32_t target_open(struct cpeek_session *session, const struct request *request)
{
	struct cpeek_open_options options = {
		.struct_size = sizeof(options),
		.flags = open_flags(request),
		.exe = request->values[OPTION_EXE],
		.sysroot = request->values[OPTION_SYSROOT],
		.python = request->values[OPTION_PYTHON],
		.debug_dirs = request->values[OPTION_DEBUG_DIR],
	};
	const char *target = request->words[0];
	/* Digits beyond INT64_MAX are no process's: a file may still be called so. */
	if (target[0] == '\0' || target[strspn(target, "0123456789")] != '\0' || strlen(target) > PID_DIGITS)
		return cpeek_open_core(session, target, &options);
	return cpeek_open_pid(session, strtoll(target, NULL, 10), &options);
}

static bool wants_color(const struct request *request, bool terminal)
{
	const char *when = request->values[OPTION_COLOR];
	if (when != NULL && strcmp(when, "auto") != 0)
		return strcmp(when, "always") == 0;
	const char *none = getenv("NO_COLOR"), *term = getenv("TERM");
	return terminal && (none == NULL || none[0] == '\0') && term != NULL && strcmp(term, "dumb") != 0;
}

static int request_run(const struct request *request, const char *line)
{
	struct output output = {
		.terminal = isatty(STDOUT_FILENO) == 1,
		.progress.due = milliseconds() + PROGRESS_DELAY,
	};
	struct cpeek_session *session = cpeek_create();
	if (session == NULL) {
		(void)complain("%s", cpeek_status_text(CPEEK_NO_MEMORY));
		return cpeek_status_exit_code(CPEEK_NO_MEMORY);
	}

	struct cpeek_host host = {
		.struct_size = sizeof(host),
		.arg = &output.progress,
		.cancelled = is_cancelled,
		.progress = isatty(STDERR_FILENO) == 1 ? progress_show : NULL,
	};
	cpeek_set_host(session, &host);

	struct winsize size = {0};
	uint32_t format = CPEEK_TEXT;
	if (request->values[OPTION_JSON] != NULL)
		format = CPEEK_JSON;
	else if (wants_color(request, output.terminal))
		format |= CPEEK_COLOR;

	int32_t status = target_open(session, request);
	if (status == CPEEK_OK && output.terminal && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0)
		status = cpeek_set(session, "width", size.ws_col);
	for (int limit = OPTION_ELEMENTS; limit <= OPTION_TOTAL && status == CPEEK_OK; limit++) {
		uint64_t number;
		/* The settings are called as the options are. */
		if (request->values[limit] != NULL && number_read(request->values[limit], &number))
			status = cpeek_set(session, OPTIONS[limit].name + 2, number);
	}
	if (status == CPEEK_OK)
		status = cpeek_run(session, line, format, output_write, &output);
	progress_erase(&output.progress);

	/* When the write failed, that is the news, not that the command was stopped for it. */
	if (status != CPEEK_OK && status != CPEEK_PARTIAL && output.error == 0)
		(void)complain("%s", cpeek_error(session));
	cpeek_destroy(session);
	return output_close(&output, cpeek_status_exit_code(status));
}

static int request_help(const struct request *request)
{
	/* "--help COMMAND", "TARGET COMMAND --help" and "help COMMAND" ask for the same. */
	for (int i = 0; i < request->word_count; i++) {
		const struct cpeek_command *command = command_find(request->words[i]);
		if (command == NULL)
			continue;
		print_command_help(command);
		return 0;
	}
	print_help();
	return 0;
}

static int request_answer(const struct request *request)
{
	struct output output = {0};
	if (request->values[OPTION_VERSION] != NULL) {
		printf("cpeek %s\n", cpeek_version());
		return output_close(&output, 0);
	}
	if (request->values[OPTION_HELP] != NULL)
		return output_close(&output, request_help(request));
	if (request->word_count == 0)
		return complain("usage: cpeek [OPTIONS] TARGET COMMAND [ARGS...]; see cpeek --help");
	if (strcmp(request->words[0], "help") == 0) {
		if (request->word_count > 1 && command_find(request->words[1]) == NULL)
			return complain_command("there is no command ", request->words[1]);
		return output_close(&output, request_help(request));
	}
	if (request->word_count == 1)
		return complain_command("which COMMAND? usage: cpeek [OPTIONS] TARGET COMMAND [ARGS...]", "");

	/* Before the target is opened: a slip of the finger shall not stop a process. */
	const struct cpeek_command *command = command_find(request->words[1]);
	if (command == NULL)
		return complain_command("there is no command ", request->words[1]);

	char *line = NULL;
	int exit_code = line_create(command, request->words + 1, request->word_count - 1, &line);
	if (exit_code != 0)
		return exit_code;
	exit_code = request_run(request, line);
	free(line);
	return exit_code;
}

int main(int argc, char **argv)
{
	/* Ctrl-C ends the command in order; a second one, if the first gets no answer, ends the program. */
	struct sigaction action = {.sa_handler = note_interrupt, .sa_flags = SA_RESTART | (int)SA_RESETHAND};
	(void)sigaction(SIGINT, &action, NULL);
	action = (struct sigaction){.sa_handler = SIG_IGN};
	(void)sigaction(SIGPIPE, &action, NULL);
	(void)setvbuf(stdout, NULL, _IOFBF, 1 << 16);

	struct request request = {.words = calloc((size_t)argc + 1, sizeof(*request.words))};
	if (request.words == NULL) {
		(void)complain("%s", cpeek_status_text(CPEEK_NO_MEMORY));
		return cpeek_status_exit_code(CPEEK_NO_MEMORY);
	}
	int exit_code = request_parse(&request, argc, argv);
	if (exit_code == 0)
		exit_code = request_answer(&request);
	free(request.words);
	return exit_code;
}
