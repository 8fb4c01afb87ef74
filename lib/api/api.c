/*
 * The public functions: checks of what a caller passes, and nothing else.
 */
#include "base/memory.h"
#include "command/command.h"
#include "sink/escape.h"

#include <string.h>

#ifndef CPEEK_VERSION
#error "the build passes CPEEK_VERSION"
#endif

static const struct {
	const char *name, *text;
	int32_t exit_code;
} statuses[] = {
#define X(name, value, exit_code, sentence) [value] = {#name, sentence, exit_code},
	CPEEK_STATUS_LIST(X)
#undef X
};

static size_t status_index(int32_t status)
{
	const size_t count = sizeof(statuses) / sizeof(*statuses);

	return status >= 0 && (size_t)status < count ? (size_t)status : CPEEK_USAGE;
}

const char *cpeek_status_name(int32_t status)
{
	return statuses[status_index(status)].name;
}

const char *cpeek_status_text(int32_t status)
{
	return statuses[status_index(status)].text;
}

int32_t cpeek_status_exit_code(int32_t status)
{
	return statuses[status_index(status)].exit_code;
}

uint32_t cpeek_abi_version(void)
{
	return CPEEK_ABI_VERSION;
}

const char *cpeek_version(void)
{
	return CPEEK_VERSION;
}

struct cpeek_session *cpeek_create(void)
{
	struct cpeek_session *session = memory_calloc(1, sizeof(*session));

	if (session)
		session->thread = SIZE_MAX;
	return session;
}

void cpeek_destroy(struct cpeek_session *session)
{
	if (!session)
		return;
	session_close(session);
	strbuf_deinit(&session->text);
	strbuf_deinit(&session->sentence);
	memory_free(session);
}

/* A sentence may quote the target or a path: it is made safe for a terminal on its way out. */
const char *cpeek_error(struct cpeek_session *session)
{
	struct strbuf *sentence = &session->sentence;

	strbuf_clear(sentence);
	(void)escape_append(sentence, session->error.text, strlen(session->error.text));
	return strbuf_failed(sentence) ? "out of memory" : strbuf_text(sentence);
}

/* What a caller's structure holds of ours: it may be older, and shorter. */
static void copy_struct(void *ours, size_t size, const void *theirs)
{
	uint32_t given;

	memset(ours, 0, size);
	if (!theirs)
		return;
	memcpy(&given, theirs, sizeof(given));
	memcpy(ours, theirs, given < size ? given : size);
}

static struct target_options target_options(const struct cpeek_open_options *options)
{
	return (struct target_options){
		.exe = options->exe,
		.sysroot = options->sysroot,
		.debug_dirs = options->debug_dirs,
		.no_pause = options->flags & CPEEK_OPEN_NO_PAUSE,
		.use_mismatched = options->flags & CPEEK_OPEN_MISMATCH,
	};
}

int32_t cpeek_open_core(struct cpeek_session *session, const char *path, const struct cpeek_open_options *options)
{
	struct cpeek_open_options ours;
	struct target *target;

	copy_struct(&ours, sizeof(ours), options);
	session_close(session);
	struct target_options how = target_options(&ours);
	how.host = &session->host;
	enum cpeek_status status = target_open_core(path, &how, &session->error, &target);
	return (int32_t)(status == CPEEK_OK ? session_open(session, target, &ours) : status);
}

int32_t cpeek_open_pid(struct cpeek_session *session, int64_t pid, const struct cpeek_open_options *options)
{
	struct cpeek_open_options ours;
	struct target *target;

	copy_struct(&ours, sizeof(ours), options);
	session_close(session);
	struct target_options how = target_options(&ours);
	how.host = &session->host;
	enum cpeek_status status = target_open_live(pid, &how, &session->error, &target);
	return (int32_t)(status == CPEEK_OK ? session_open(session, target, &ours) : status);
}

int32_t cpeek_open_memory(struct cpeek_session *session, const struct cpeek_memory *memory,
			  const struct cpeek_open_options *options)
{
	struct cpeek_open_options ours;
	struct cpeek_memory lent;
	struct target *target;

	copy_struct(&ours, sizeof(ours), options);
	copy_struct(&lent, sizeof(lent), memory);
	session_close(session);
	if (!lent.read || (lent.pointer_size != 4 && lent.pointer_size != 8))
		return error_set(&session->error, CPEEK_USAGE,
				 "cpeek_memory needs read, and a pointer_size of 4 or 8");
	struct target_options how = target_options(&ours);
	how.host = &session->host;
	enum cpeek_status status = target_open_lent(&lent, &how, &session->error, &target);
	return (int32_t)(status == CPEEK_OK ? session_open(session, target, &ours) : status);
}

static enum cpeek_status needs_target(struct cpeek_session *session)
{
	return session->target ? CPEEK_OK : error_set(&session->error, CPEEK_USAGE, "no target is open");
}

int32_t cpeek_refresh(struct cpeek_session *session)
{
	enum cpeek_status status = needs_target(session);
	return (int32_t)(status == CPEEK_OK ? session_refresh(session) : status);
}

void cpeek_set_host(struct cpeek_session *session, const struct cpeek_host *host)
{
	copy_struct(&session->host, sizeof(session->host), host);
}

int32_t cpeek_select_thread(struct cpeek_session *session, uint64_t native_id)
{
	enum cpeek_status status = needs_target(session);
	return (int32_t)(status == CPEEK_OK ? session_select_thread(session, native_id) : status);
}

int32_t cpeek_set(struct cpeek_session *session, const char *name, uint64_t value)
{
	uint64_t *limit;
	unsigned bit;

	if (strcmp(name, "width") == 0) {
		session->width = value > UINT16_MAX ? UINT16_MAX : (unsigned)value;
	} else if (session_find_limit(session, name, strlen(name), &limit, &bit)) {
		*limit = value;
		session->limits_given |= bit;
	} else {
		return error_set(&session->error, CPEEK_USAGE,
				 "there is no setting \"%.80s\"; there are elements, string, depth, total and width",
				 name);
	}
	return CPEEK_OK;
}

const struct cpeek_command *cpeek_command_at(uint32_t index)
{
	const struct command *command = command_at(index);

	return command ? &command->description : NULL;
}

int32_t cpeek_run(struct cpeek_session *session, const char *line, uint32_t format, cpeek_write_fn write, void *arg)
{
	return (int32_t)command_run(session, line, format, write, arg);
}

int32_t cpeek_complete(struct cpeek_session *session, const char *line, cpeek_completion_fn found, void *arg)
{
	(void)session; /* attributes and names of the target will need it */
	return (int32_t)command_complete(line, found, arg);
}
