/*
 * Opens, selects, closes.
 */
#include "command/session.h"
#include "base/memory.h"

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

static void format_build_id(const uint8_t *id, size_t length, char *text)
{
	for (size_t i = 0; i < length; i++)
		(void)snprintf(text + 2 * i, 3, "%02x", id[i]);
	text[2 * length] = '\0';
}

/* A file that was named for the executable must be the one that ran. */
static enum cpeek_status check_executable(struct cpeek_session *session, const struct cpeek_open_options *options)
{
	struct target *target = session->target;
	const struct target_module *module = target->modules;
	char wanted[2 * sizeof(module->build_id) + 1], given[2 * sizeof(module->file_build_id) + 1];

	if (!options->exe || !target->module_count)
		return CPEEK_OK;
	TRY(target_load_module(target, module));
	if (module->state == TARGET_FILE_MISSING)
		return error_set(&session->error, CPEEK_IO, "cannot use %.400s as the executable: no such ELF file",
				 options->exe);
	if (module->state != TARGET_FILE_MISMATCH || options->flags & CPEEK_OPEN_MISMATCH)
		return CPEEK_OK;
	format_build_id(module->build_id, module->build_id_length, wanted);
	format_build_id(module->file_build_id, module->file_build_id_length, given);
	return error_set(&session->error, CPEEK_IO,
			 "%.300s is another build than the executable that ran, %.300s: its build id is %s, and the "
			 "target's %s; pass the file that ran with --exe, or leave --exe out",
			 options->exe, module->path, given, wanted);
}

static enum cpeek_status open_objects(struct cpeek_session *session, const struct cpeek_open_options *options)
{
	TRY(check_executable(session, options));
	TRY(runtime_open(session->target, options->python, &session->python));
	TRY(objects_create(session->python, &session->objects));
	session->objects->frames = &stack_hooks;
	session->objects->cancelled = cancelled;
	session->objects->cancelled_arg = session;
	TRY(prove_objects(session));
	session->source = source_create();
	session->sysroot = options->sysroot ? memory_strdup(options->sysroot) : NULL;
	if (!session->source || (options->sysroot && !session->sysroot))
		return error_set(&session->error, CPEEK_NO_MEMORY, "out of memory");
	session->thread = first_thread(session->python);
	return CPEEK_OK;
}

enum cpeek_status session_open(struct cpeek_session *session, struct target *target,
			       const struct cpeek_open_options *options)
{
	const uint64_t failures = memory_failures();

	session->target = target;
	enum cpeek_status status = open_objects(session, options);
	if (memory_failures() != failures)
		status = error_set(&session->error, CPEEK_NO_MEMORY, "out of memory");
	if (status != CPEEK_OK && target->truncated)
		(void)error_set(&session->error, status, "%s (the core is truncated: %llu bytes of it are missing)",
				session->error.text, (unsigned long long)target->missing_bytes);
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
