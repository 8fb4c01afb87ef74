/*
 * info: which CPython, where it came from, and what of the target is missing.
 */
#include "command/command.h"

#include <elf.h>

static const char *machine_name(unsigned machine)
{
	switch (machine) {
	case EM_X86_64:
		return "x86_64";
	case EM_AARCH64:
		return "aarch64";
	case EM_386:
		return "i386";
	case EM_ARM:
		return "arm";
	case EM_S390:
		return "s390x";
	default:
		return "unknown";
	}
}

static const char *kind_name(enum target_kind kind)
{
	static const char *const names[] = {
		[TARGET_CORE] = "core", [TARGET_LIVE] = "live process", [TARGET_LENT] = "memory of a debugger"};

	return names[kind];
}

static const char *const file_states[] = {
	[TARGET_FILE_UNKNOWN] = "not looked for",
	[TARGET_FILE_VERIFIED] = "verified",
	[TARGET_FILE_UNVERIFIED] = "unverified: no build id to compare",
	[TARGET_FILE_MISMATCH] = "another build",
	[TARGET_FILE_MISSING] = "missing here",
};

static enum cpeek_status show_files(struct sink *sink, struct target *target)
{
	sink_array(sink, "missing_files");
	for (size_t i = 0; i < target->module_count; i++) {
		const struct target_module *module = &target->modules[i];
		TRY(target_load_module(target, module));
		if (module->state == TARGET_FILE_VERIFIED || !module->has_elf_header)
			continue;
		sink_object(sink, NULL);
		sink_string(sink, "path", module->path);
		sink_string(sink, "state", file_states[module->state]);
		sink_end(sink);
	}
	sink_end(sink);
	return CPEEK_OK;
}

static void show_file_lines(struct sink *sink, const struct target *target)
{
	for (size_t i = 0; i < target->module_count; i++) {
		const struct target_module *module = &target->modules[i];
		if (module->state == TARGET_FILE_VERIFIED || !module->has_elf_header)
			continue;
		sink_span(sink, SINK_MARK, file_states[module->state]);
		sink_span(sink, SINK_PLAIN, "  ");
		sink_span(sink, SINK_PLACE, module->path);
		sink_line(sink, NULL);
	}
}

/* sys.version; a program may have replaced or removed it. */
static enum cpeek_status show_build(struct cpeek_session *session, struct sink *sink)
{
	target_addr version;

	if (!session->python->interpreter_count)
		return CPEEK_OK;
	strbuf_clear(&session->text);
	enum cpeek_status status =
		dict_find(session->objects, session->python->interpreters[0].sysdict, "version", 7, &version);
	TRY(objects_tolerate(session->objects, status));
	if (status == CPEEK_OK)
		status = str_read(session->objects, version, 0, &session->text, NULL);
	if (status == CPEEK_OK)
		sink_bytes(sink, "build", strbuf_text(&session->text), session->text.length);
	else if (status != CPEEK_NO_MEMORY)
		sink_null(sink, "build");
	return status == CPEEK_NO_MEMORY ? status : CPEEK_OK;
}

static enum cpeek_status run(struct cpeek_session *session, const struct arguments *arguments, struct sink *sink)
{
	struct target *target = session->target;
	const struct python *python = session->python;

	(void)arguments;
	sink_card(sink, NULL);
	sink_string(sink, "python", python->version);
	sink_object(sink, "flavour");
	sink_bool(sink, "debug", python->layout->debug);
	sink_bool(sink, "free_threaded", python->layout->free_threaded);
	sink_end(sink);
	TRY(show_build(session, sink));
	sink_string(sink, "arch", machine_name(target->machine));
	sink_unsigned(sink, "pointer_size", target->pointer_size);
	sink_string(sink, "target", kind_name(target->kind));
	if (target->pid)
		sink_unsigned(sink, "pid", target->pid);
	if (target->command)
		sink_string(sink, "command", target->command);
	if (target->signal)
		sink_number(sink, "signal", target->signal);
	if (target->module_count)
		sink_string(sink, "executable", target->modules[0].path);
	sink_unsigned(sink, "interpreters", python->interpreter_count);
	sink_unsigned(sink, "threads", python->thread_count);
	sink_bool(sink, "finalizing", python->finalizing);
	sink_address(sink, "runtime", python->runtime);
	sink_string(sink, "found_by", python->runtime_evidence);
	sink_string(sink, "version_by", python->version_evidence);
	sink_string(sink, "layout", python->layout_evidence);
	if (target->truncated) {
		sink_bool(sink, "truncated", true);
		sink_unsigned(sink, "missing_bytes", target->missing_bytes);
		session->partial = true;
	}
	if (python->threads_partial) {
		sink_bool(sink, "threads_partial", true);
		session->partial = true;
	}
	TRY(show_files(sink, target));
	sink_end(sink);
	show_file_lines(sink, target);
	return CPEEK_OK;
}

const struct command command_info = {
	.description =
		{
			.name = "info",
			.usage = "info",
			.summary = "The CPython of the target: version, build, threads, and what is missing",
			.help = "Tells the version and flavour of the CPython in the target and by which evidence "
				"they "
				"were found, how many interpreters and threads it has, what killed the process, and "
				"which "
				"of its files are missing here or are of another build.",
		},
	.run = run,
};
