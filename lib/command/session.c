/*
 * Opens, selects, closes.
 */
#include "command/session.h"
#include "base/memory.h"
#include "command/builds.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

static bool cancelled(void *arg)
{
	return session_cancelled(arg);
}

bool session_cancelled(struct cpeek_session *session)
{
	return session->host.cancelled && session->host.cancelled(session->host.arg) != 0;
}

static void forget_stack(struct cpeek_session *session)
{
	stack_deinit(&session->stack);
	session->stack_read = false;
	session->frame = 0;
}

uint64_t session_failures(const struct cpeek_session *session)
{
	return session->target->faults + session->objects->failures;
}

void session_forget(struct cpeek_session *session)
{
	const size_t frame = session->frame;

	forget_stack(session);
	session->frame = frame;
	objects_forget(session->objects);
}

bool session_find_limit(struct cpeek_session *session, const char *name, size_t length, uint64_t **ret,
			unsigned *ret_bit)
{
	const struct {
		const char *name;
		uint64_t *limit;
		unsigned bit;
	} limits[] = {
		{"elements", &session->limits.elements, SESSION_ELEMENTS},
		{"string", &session->limits.string, SESSION_STRING},
		{"depth", &session->limits.depth, SESSION_DEPTH},
		{"total", &session->limits.total, SESSION_TOTAL},
	};

	for (size_t i = 0; i < sizeof(limits) / sizeof(*limits); i++) {
		if (strlen(limits[i].name) != length || memcmp(limits[i].name, name, length) != 0)
			continue;
		*ret = limits[i].limit;
		*ret_bit = limits[i].bit;
		return true;
	}
	return false;
}

void session_close(struct cpeek_session *session)
{
	forget_stack(session);
	source_destroy(session->source);
	objects_destroy(session->objects);
	runtime_close(session->python);
	target_destroy(session->target);
	memory_free(session->sysroot);
	session->source = NULL;
	session->objects = NULL;
	session->python = NULL;
	session->target = NULL;
	session->sysroot = NULL;
	session->thread = SIZE_MAX;
	session->unknown_thread = 0;
}

/* The thread that got the signal (the kernel puts it first), else the GIL's holder, else the main thread. */
static size_t first_thread(const struct python *python)
{
	for (size_t i = 0; i < python->thread_count; i++)
		if (python->threads[i].lwp == 0)
			return i;
	for (size_t i = 0; i < python->thread_count; i++)
		if (python->threads[i].gil == THREAD_GIL_HOLDING)
			return i;
	return python->thread_count ? 0 : SIZE_MAX;
}

/* The last proof of a layout, which needs objects: True is an int of value 1 among the builtins. */
static enum cpeek_status prove_objects(struct cpeek_session *session)
{
	const struct python *python = session->python;
	target_addr true_object;
	int64_t number = 0;

	if (!python->interpreter_count)
		return CPEEK_OK;
	enum cpeek_status status =
		dict_find(session->objects, python->interpreters[0].builtins, "True", 4, &true_object);
	if (status == CPEEK_OK)
		status = int_read(session->objects, true_object, &number);
	if (status == CPEEK_NO_MEMORY)
		return error_set(&session->error, status, "out of memory");
	if (status != CPEEK_OK || number != 1)
		return error_set(&session->error, CPEEK_UNSUPPORTED,
				 "this is CPython %s (by %s), but the layout %s does not prove itself there: "
				 "builtins.True is not 1; --python X.Y tries another",
				 python->version, python->version_evidence, python->layout->name);
	return CPEEK_OK;
}

static enum cpeek_status make_objects(struct cpeek_session *session)
{
	objects_destroy(session->objects);
	session->objects = NULL;
	TRY(objects_create(session->python, &session->objects));
	session->objects->frames = &stack_hooks;
	session->objects->cancelled = cancelled;
	session->objects->cancelled_arg = session;
	return CPEEK_OK;
}

/* The layout of another flavour may have proved itself; the interpreter knows. */
static enum cpeek_status check_flavour(struct cpeek_session *session)
{
	struct strbuf flags = {0};
	target_addr address;

	if (!session->python->interpreter_count)
		return CPEEK_OK;
	enum cpeek_status status =
		dict_find(session->objects, session->python->interpreters[0].sysdict, "abiflags", 8, &address);
	if (status == CPEEK_OK)
		status = str_read(session->objects, address, TYPE_NAME, &flags, NULL);
	if (status == CPEEK_OK)
		status = runtime_take_flavour(session->python, strchr(strbuf_text(&flags), 'd'));
	strbuf_deinit(&flags);
	if (status == CPEEK_OK)
		return make_objects(session);
	return status == CPEEK_NO_MEMORY ? error_set(&session->error, status, "out of memory") : CPEEK_OK;
}

/* sys.path[0]: pymain_run_python() in Modules/main.c, before it PySys_SetArgvEx() in Python/sysmodule.c. */
static enum cpeek_status find_main_folder(struct cpeek_session *session, struct strbuf *out)
{
	struct objects *objects = session->objects;
	struct object path;
	struct items items;
	struct item item;
	target_addr address;

	if (!session->python->interpreter_count)
		return CPEEK_NOT_FOUND;
	TRY(dict_find(objects, session->python->interpreters[0].sysdict, "path", 4, &address));
	TRY(object_read(objects, address, &path));
	TRY(items_start(&path, &items));
	TRY(items_next(&items, &item));
	return str_read(objects, item.value, PATH_MAX, out, NULL);
}

static enum cpeek_status use_main_folder(struct cpeek_session *session)
{
	struct strbuf folder = {0};

	enum cpeek_status status = find_main_folder(session, &folder);
	if (status == CPEEK_OK && strbuf_text(&folder)[0] == '/')
		status = source_use_folder(session->source, strbuf_text(&folder));
	strbuf_deinit(&folder);
	return status == CPEEK_NO_MEMORY ? error_set(&session->error, status, "out of memory") : CPEEK_OK;
}

static enum cpeek_status open_objects(struct cpeek_session *session, const struct cpeek_open_options *options)
{
	TRY(builds_check_executable(session, options));
	enum cpeek_status found = runtime_open(session->target, options->python, &session->python);
	TRY(builds_check_python(session, options, found));
	TRY(make_objects(session));
	if (!options->python)
		TRY(check_flavour(session));
	TRY(prove_objects(session));
	session->source = source_create();
	session->sysroot = options->sysroot ? memory_strdup(options->sysroot) : NULL;
	if (!session->source || (options->sysroot && !session->sysroot))
		return error_set(&session->error, CPEEK_NO_MEMORY, "out of memory");
	if (session->target->kind == TARGET_LIVE)
		source_use_process(session->source, session->target->proc_id);
	else if (session->target->kind == TARGET_CORE)
		TRY(use_main_folder(session));
	session->thread = first_thread(session->python);
	return CPEEK_OK;
}

static bool has_saved_data(const struct target *target)
{
	for (size_t i = 0; i < target->mapping_count; i++)
		if (target->mappings[i].writable && target->mappings[i].saved)
			return true;
	return false;
}

/* What is wrong with the core itself is the likely reason why nothing was found in it. */
static void explain_core(struct cpeek_session *session)
{
	const struct target *target = session->target;
	struct error *error = &session->error;

	if (target->truncated)
		(void)error_set(error, error->status, "%s (the core is truncated: %llu bytes of it are missing)",
				error->text, (unsigned long long)target->missing_bytes);
	if (target->damaged)
		(void)error_set(error, error->status, "%s (the compressed core failed its check: copy it again)",
				error->text);
	if (target->kind == TARGET_CORE && !target->truncated && !has_saved_data(target))
		(void)error_set(
			error, error->status,
			"%s (the core has none of the memory that the process wrote: its "
			"/proc/PID/coredump_filter left that out; bit 0, as in the kernel's default 0x33, puts "
			"it in)",
			error->text);
}

enum cpeek_status session_open(struct cpeek_session *session, struct target *target,
			       const struct cpeek_open_options *options)
{
	const uint64_t failures = memory_failures();

	session->target = target;
	enum cpeek_status status = open_objects(session, options);
	if (memory_failures() != failures)
		status = error_set(&session->error, CPEEK_NO_MEMORY, "out of memory");
	enum cpeek_status alive = target_check(target);
	if (alive != CPEEK_OK)
		status = alive;
	if (status != CPEEK_OK)
		explain_core(session);
	if (status != CPEEK_OK)
		session_close(session);
	return status;
}

/* SIZE_MAX when no Python thread is on that LWP. */
static size_t find_thread(const struct python *python, uint64_t native_id)
{
	for (size_t i = 0; i < python->thread_count; i++)
		if (python->threads[i].native_id == native_id)
			return i;
	return SIZE_MAX;
}

enum cpeek_status session_refresh(struct cpeek_session *session)
{
	const uint64_t selected =
		session->thread != SIZE_MAX ? session->python->threads[session->thread].native_id : 0;

	forget_stack(session);
	objects_forget(session->objects); /* types may have come and gone */
	session->thread = SIZE_MAX;
	TRY(target_refresh(session->target));
	TRY(runtime_refresh(session->python));
	TRY(target_check(session->target));
	if (selected)
		session->thread = find_thread(session->python, selected);
	if (session->thread == SIZE_MAX) /* it may have ended */
		session->thread = first_thread(session->python);
	return CPEEK_OK;
}

enum cpeek_status session_select_thread(struct cpeek_session *session, uint64_t native_id)
{
	const size_t found = find_thread(session->python, native_id);

	if (session->thread != found)
		forget_stack(session);
	session->thread = found;
	session->unknown_thread = found == SIZE_MAX ? native_id : 0;
	if (found != SIZE_MAX)
		return CPEEK_OK;
	return error_set(&session->error, CPEEK_NOT_FOUND, "no Python thread runs on LWP %llu",
			 (unsigned long long)native_id);
}

enum cpeek_status session_thread(struct cpeek_session *session, const struct python_thread **ret)
{
	if (session->thread == SIZE_MAX && session->unknown_thread)
		return error_set(&session->error, CPEEK_NOT_FOUND,
				 "no Python thread runs on LWP %llu: select another thread, or use bt --all",
				 (unsigned long long)session->unknown_thread);
	if (session->thread == SIZE_MAX)
		return error_set(&session->error, CPEEK_NOT_FOUND, "the interpreter has no thread");
	*ret = &session->python->threads[session->thread];
	return CPEEK_OK;
}

enum cpeek_status session_stack(struct cpeek_session *session, const struct stack **ret)
{
	const struct python_thread *thread = NULL;

	TRY(session_thread(session, &thread));
	if (!session->stack_read) {
		TRY(stack_read(session->objects, thread, &session->stack));
		session->stack_read = true;
	}
	*ret = &session->stack;
	return CPEEK_OK;
}

enum cpeek_status session_frame(struct cpeek_session *session, const struct frame **ret)
{
	const struct stack *stack;

	TRY(session_stack(session, &stack));
	if (session->frame >= stack->count)
		return error_set(&session->error, CPEEK_NOT_FOUND, "the selected thread runs no Python code");
	*ret = &stack->frames[session->frame];
	return CPEEK_OK;
}
