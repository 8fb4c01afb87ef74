/*
 * info: which CPython, where it came from, and what of the target is missing.
 */
#include "base/vector.h"
#include "command/builds.h"
#include "command/command.h"

#include <elf.h>
#include <string.h>

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

static const char *file_state(const struct target_module *module)
{
	switch (module->state) {
	case TARGET_FILE_UNKNOWN:
		break;
	case TARGET_FILE_VERIFIED:
		return "verified";
	case TARGET_FILE_UNVERIFIED:
		return module->usable ? "used for its contents, as there is no build id"
				      : "not used, as there is no build id, nor anything else to compare";
	case TARGET_FILE_MISMATCH:
		return module->usable ? "another build, and used all the same" : "another build, not used";
	case TARGET_FILE_MISSING:
		return "missing here";
	}
	return "not looked for";
}

/* An ELF file, not one of the data that programs map too. */
static bool is_program(const struct target *target, const struct target_module *module)
{
	bool program = module->has_elf_header;

	for (size_t i = 0; i < target->mapping_count && !program; i++)
		program = target->mappings[i].module == (uint32_t)(module - target->modules) &&
			  target->mappings[i].executable;
	return program;
}

static void show_build_id(struct sink *sink, const char *name, const uint8_t *id, size_t length)
{
	char text[BUILDS_ID_TEXT];

	builds_format_id(id, length, text);
	if (length > 0)
		sink_string(sink, name, text);
	else
		sink_null(sink, name);
}

static enum cpeek_status show_modules(struct sink *sink, struct target *target)
{
	sink_array(sink, "modules");
	for (size_t i = 0; i < target->module_count; i++) {
		const struct target_module *module = &target->modules[i];
		TRY(target_load_module(target, module));
		if (!is_program(target, module))
			continue;
		sink_object(sink, NULL);
		sink_string(sink, "path", module->path);
		sink_string(sink, "state", file_state(module));
		show_build_id(sink, "build_id", module->build_id, module->build_id_length);
		if (module->file) {
			sink_string(sink, "file", module->file);
			show_build_id(sink, "file_build_id", module->file_build_id, module->file_build_id_length);
		}
		sink_end(sink);
	}
	sink_end(sink);
	return CPEEK_OK;
}

static void show_module_lines(struct sink *sink, const struct target *target)
{
	char ran[BUILDS_ID_TEXT], here[BUILDS_ID_TEXT];

	for (size_t i = 0; i < target->module_count; i++) {
		const struct target_module *module = &target->modules[i];
		if (module->state == TARGET_FILE_VERIFIED || !is_program(target, module))
			continue;
		sink_span(sink, SINK_MARK, file_state(module));
		sink_span(sink, SINK_PLAIN, "  ");
		sink_span(sink, SINK_PLACE, module->path);
		if (module->state == TARGET_FILE_MISMATCH) {
			builds_format_id(module->build_id, module->build_id_length, ran);
			builds_format_id(module->file_build_id, module->file_build_id_length, here);
			sink_span_format(sink, SINK_PLAIN, "  build id %s, here %s", ran, here);
		}
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

static void show_others(struct sink *sink, const struct other_pythons *others)
{
	sink_array(sink, "other_pythons");
	for (size_t i = 0; i < others->count; i++) {
		const struct other_python *other = &others->items[i];
		sink_object(sink, NULL);
		sink_string(sink, "python", other->version);
		sink_bool(sink, "debug", other->debug);
		sink_bool(sink, "free_threaded", other->free_threaded);
		sink_address(sink, "runtime", other->runtime);
		sink_string(sink, "found_by", other->evidence);
		sink_end(sink);
	}
	sink_end(sink);
}

static void show_other_lines(struct sink *sink, const struct other_pythons *others)
{
	for (size_t i = 0; i < others->count; i++) {
		const struct other_python *other = &others->items[i];
		sink_span(sink, SINK_MARK, "another CPython is in this process");
		sink_span_format(sink, SINK_PLAIN, "  %s: --python %s%s%s shows it", other->version, other->version,
				 other->free_threaded ? "t" : "", other->debug ? "d" : "");
		sink_line(sink, NULL);
	}
}

/* What the interpreter says of its own build; the layout was found without asking. */
static enum cpeek_status show_flags(struct cpeek_session *session, struct sink *sink)
{
	const struct layout *layout = session->python->layout;
	target_addr flags;

	if (!session->python->interpreter_count)
		return CPEEK_OK;
	strbuf_clear(&session->text);
	enum cpeek_status status =
		dict_find(session->objects, session->python->interpreters[0].sysdict, "abiflags", 8, &flags);
	if (status == CPEEK_OK)
		status = str_read(session->objects, flags, TYPE_NAME, &session->text, NULL);
	if (status != CPEEK_OK)
		return status == CPEEK_NOT_FOUND ? CPEEK_OK : objects_tolerate(session->objects, status);
	const char *text = strbuf_text(&session->text);
	const bool debug = strchr(text, 'd'), free_threaded = strchr(text, 't');
	sink_bytes(sink, "abiflags", text, session->text.length);
	if (debug == layout->debug && free_threaded == layout->free_threaded)
		return CPEEK_OK;
	sink_string(sink, "warning",
		    debug != layout->debug
			    ? debug ? "sys.abiflags is of a Py_DEBUG build, the layout of a release build"
				    : "sys.abiflags is of a release build, the layout of a Py_DEBUG build"
			    : "sys.abiflags and the layout differ in free threading");
	session->partial = true;
	return CPEEK_OK;
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
	if (python->layout->free_threaded && python->interpreter_count)
		sink_bool(sink, "gil_enabled", python->interpreters[0].has_gil);
	TRY(show_build(session, sink));
	TRY(show_flags(session, sink));
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
	if (python->layout_partial)
		sink_bool(sink, "layout_partial", true);
	if (target->damaged)
		sink_bool(sink, "damaged", true);
	if (target->truncated) {
		sink_bool(sink, "truncated", true);
		sink_unsigned(sink, "missing_bytes", target->missing_bytes);
		session->partial = true;
	}
	if (python->threads_partial) {
		sink_bool(sink, "threads_partial", true);
		session->partial = true;
	}
	struct other_pythons others;
	TRY(runtime_find_others(python, &others));
	show_others(sink, &others);
	enum cpeek_status status = show_modules(sink, target);
	sink_end(sink);
	show_other_lines(sink, &others);
	show_module_lines(sink, target);
	VECTOR_DEINIT(&others);
	return status;
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
