#include "command/builds.h"

#include <stdio.h>
#include <string.h>

void builds_format_id(const uint8_t *id, size_t length, char text[BUILDS_ID_TEXT])
{
	(void)snprintf(text, BUILDS_ID_TEXT, "none");
	for (size_t i = 0; i < length && i < BUILDS_ID_TEXT / 2; i++)
		(void)snprintf(text + 2 * i, 3, "%02x", id[i]);
}

/* "FILE is another build than the FILE that ran: …": the beginning of a sentence. */
static void describe(const struct target_module *module, char *text, size_t size)
{
	char ran[BUILDS_ID_TEXT], here[BUILDS_ID_TEXT];

	builds_format_id(module->build_id, module->build_id_length, ran);
	builds_format_id(module->file_build_id, module->file_build_id_length, here);
	(void)snprintf(text, size,
		       "%.200s here is another build than the %.200s that ran: its build id is %s, the target's %s%s",
		       module->file, module->path, here, ran,
		       module->build_id_length && module->file_build_id_length ? "" : ", and their contents differ");
}

/* ld.so may have been the executable, and the program its argument: then the file is another module's. */
static bool is_used(const struct target *target, const char *file)
{
	for (size_t i = 1; i < target->module_count; i++)
		if (target->modules[i].usable && strcmp(target->modules[i].file, file) == 0)
			return true;
	return false;
}

enum cpeek_status builds_check_executable(struct cpeek_session *session, const struct cpeek_open_options *options)
{
	struct target *target = session->target;
	const struct target_module *module = target->modules;
	char text[800];

	if (!options->exe || !target->module_count)
		return CPEEK_OK;
	TRY(target_load_module(target, module));
	if (module->state == TARGET_FILE_MISSING)
		return error_set(
			&session->error, CPEEK_IO,
			"cannot use %.400s as the executable: it is not there, or no ELF file with code in it; "
			"of a script, the interpreter that its first line names is the executable",
			options->exe);
	if (module->state == TARGET_FILE_UNVERIFIED && !module->usable &&
	    !(options->flags & CPEEK_OPEN_IGNORE_MISMATCH))
		return error_set(
			&session->error, CPEEK_IO,
			"nothing tells whether %.400s is the %.400s that ran: a build id is missing, and they have "
			"no bytes in common to compare; --mismatch use takes it all the same",
			options->exe, module->path);
	if (module->state != TARGET_FILE_MISMATCH ||
	    options->flags & (CPEEK_OPEN_MISMATCH | CPEEK_OPEN_IGNORE_MISMATCH))
		return CPEEK_OK;
	for (size_t i = 1; i < target->module_count; i++)
		TRY(target_load_module(target, &target->modules[i]));
	if (is_used(target, options->exe))
		return CPEEK_OK;
	describe(module, text, sizeof(text));
	return error_set(
		&session->error, CPEEK_IO,
		"%s; pass the file that ran with --exe, or leave --exe out (--mismatch use takes it all the same)",
		text);
}

static bool is_of_other_build(const struct target *target, const struct target_module *module)
{
	return module && target->kind == TARGET_CORE && module->state == TARGET_FILE_MISMATCH;
}

/* Where it would have been. */
static const struct target_module *find_suspect(const struct target *target)
{
	for (size_t i = 0; i < target->module_count; i++) {
		const struct target_module *module = &target->modules[i];
		if (is_of_other_build(target, module) && runtime_is_likely_in(target, module))
			return module;
	}
	return NULL;
}

enum cpeek_status builds_check_python(struct cpeek_session *session, const struct cpeek_open_options *options,
				      enum cpeek_status found)
{
	const struct target *target = session->target;
	const struct target_module *module = NULL;
	char text[800];

	if (options->flags & (CPEEK_OPEN_MISMATCH | CPEEK_OPEN_IGNORE_MISMATCH))
		return found;
	if (found == CPEEK_OK)
		module = target_find_module(target, session->python->runtime);
	else if (found == CPEEK_NO_PYTHON || found == CPEEK_UNSUPPORTED)
		module = find_suspect(target);
	if (!is_of_other_build(target, module))
		return found;
	describe(module, text, sizeof(text));
	return error_set(
		&session->error, CPEEK_IO,
		"%s; name the files that ran with --exe, --sysroot or --debug-dir, or pass --mismatch ignore to go "
		"on without this one, --mismatch use to take it all the same",
		text);
}
