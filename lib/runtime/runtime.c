/*
 * Opens the CPython of a target: candidates for _PyRuntime come from discover.c, their versions from version.c, and
 * only one that prove.c accepts is used.
 */
#include "runtime/runtime.h"
#include "base/memory.h"
#include "runtime/internal.h"

#include <stdio.h>
#include <string.h>

uint64_t runtime_get(const struct target *target, struct layout_place place, const void *bytes)
{
	uint64_t value = target_get(target, bytes, place.size);

	if (place.width)
		value = value >> place.bit & (((uint64_t)1 << place.width) - 1);
	return value;
}

enum cpeek_status runtime_read(const struct python *python, target_addr addr, enum layout_field field, uint64_t *ret)
{
	const struct layout_place place = python->layout->fields[field];
	uint8_t bytes[8];

	if (!place.offset_plus_1 || place.size > sizeof(bytes))
		return CPEEK_UNSUPPORTED;
	TRY(target_read(python->target, addr + place.offset_plus_1 - 1, bytes, place.size));
	*ret = runtime_get(python->target, place, bytes);
	return CPEEK_OK;
}

/* Whether a candidate is of the version and flavour that --python names: then nothing need be forced on it. */
static bool is_named(const struct candidate *candidate, const char *forced)
{
	const size_t length = strspn(forced, "0123456789.");
	const char *rest = candidate->version + length;

	if (!memchr(forced, '.', length) || forced[length + strspn(forced + length, "td")])
		return false; /* no name of a version */
	return strncmp(candidate->version, forced, length) == 0 && (*rest < '0' || *rest > '9') &&
	       candidate->free_threaded == (strchr(forced, 't') != NULL);
}

bool runtime_oversizes_dicts(const struct python *python)
{
	return python->version_hex >= 0x030a0000 && python->version_hex < 0x030d0400;
}

bool runtime_lacks(const struct python *python, enum layout_struct structure)
{
	return python->derived && !python->layout->structs[structure] &&
	       layout_nearest(python->version_hex)->structs[structure];
}

/* The next layout to try on a candidate; on one of another version than was asked for, only what was asked for. */
static const struct layout *next_layout(const struct python *python, const struct candidate *candidate,
					const char *forced, const struct layout *previous)
{
	const struct layout *layout = previous;

	if (forced && !is_named(candidate, forced))
		return previous ? NULL : layout_by_name(forced, python->target->machine);
	do
		layout = layout_find_next(layout, candidate->version_hex, python->target->machine,
					  candidate->free_threaded);
	while (layout && forced && layout->debug != (strchr(forced, 'd') != NULL));
	return layout;
}

/* "3.14td", as --python takes it. */
static void format_name(const struct layout *layout, char *text, size_t size)
{
	(void)snprintf(text, size, "%s%s%s", layout->name, layout->free_threaded ? "t" : "", layout->debug ? "d" : "");
}

static enum cpeek_status refuse_version(struct python *python, const struct candidate *candidate, const char *check)
{
	char name[32];

	format_name(layout_nearest(candidate->version_hex), name, sizeof(name));
	return error_set(
		python->error, CPEEK_UNSUPPORTED,
		"this is CPython %s%s (by %s), and no layout is known for it on this machine type%s%s; the nearest "
		"known is %s: --python %s forces it",
		candidate->version, candidate->free_threaded ? " free-threaded" : "", candidate->version_evidence,
		check[0] ? ", nor can one be made: " : "", check, name, name);
}

static enum cpeek_status try_layout(struct python *python, const struct candidate *candidate,
				    const struct layout *layout, const char *forced, char *failed_check, size_t size)
{
	python->layout = layout;
	python->statics = candidate->statics;
	state_locate_interpreters(python);
	return prove_layout(python, forced ? PROVE_FORCED : PROVE_SIZES, failed_check, size);
}

/* Takes over a candidate if its layout proves itself. */
static enum cpeek_status try_candidate(struct python *python, const struct candidate *candidate, const char *forced,
				       char *failed_check, size_t size)
{
	const bool dwarf = forced && strcmp(forced, "dwarf") == 0;
	const struct layout *layout = dwarf ? NULL : next_layout(python, candidate, forced, NULL);
	if (!layout && forced && !dwarf)
		return CPEEK_UNSUPPORTED;
	python->runtime = candidate->address;
	python->version_hex = candidate->version_hex;
	(void)snprintf(python->version, sizeof(python->version), "%s", candidate->version);
	(void)snprintf(python->runtime_evidence, sizeof(python->runtime_evidence), "%s", candidate->evidence);
	(void)snprintf(python->version_evidence, sizeof(python->version_evidence), "%s", candidate->version_evidence);
	enum cpeek_status status = CPEEK_UNSUPPORTED;
	/* Passes, but for the collector's lists, since it may be running; or is of a release build, and symbols tell of
	 * a debug build. */
	const struct layout *loose = NULL;
	for (; layout; layout = next_layout(python, candidate, forced, layout)) {
		status = try_layout(python, candidate, layout, forced, failed_check, size);
		if (status == CPEEK_NO_MEMORY ||
		    (status == CPEEK_OK && prove_lists(python) && (layout->debug || !candidate->debug)))
			return status;
		if (status == CPEEK_OK && !loose)
			loose = layout;
	}
	if (loose)
		return try_layout(python, candidate, loose, forced, failed_check, size);
	if (dwarf) {
		status = derive_from_dwarf(python, candidate, failed_check, size);
		return status == CPEEK_NOT_FOUND ? CPEEK_CORRUPT : status;
	}
	if (forced)
		return status;
	enum cpeek_status derived = derive_layout(python, candidate, failed_check, size);
	return derived == CPEEK_NOT_FOUND ? status : derived;
}

static enum cpeek_status try_all(struct python *python, const struct candidates *candidates, const char *forced)
{
	const struct candidate *unsupported = NULL;
	char check[RUNTIME_TEXT] = "";

	/* Several CPythons may be in one process: the one that was asked for comes first. */
	for (size_t i = 0; i < (forced ? 2 : 1) * candidates->count; i++) {
		const struct candidate *candidate = &candidates->items[i % candidates->count];
		if (forced && is_named(candidate, forced) != (i < candidates->count))
			continue;
		enum cpeek_status status = try_candidate(python, candidate, forced, check, sizeof(check));
		if (status == CPEEK_OK || status == CPEEK_NO_MEMORY)
			return status;
		if (status == CPEEK_UNSUPPORTED && !unsupported)
			unsupported = candidate;
	}
	if (unsupported && forced)
		return error_set(python->error, CPEEK_UNSUPPORTED,
				 "no layout is named %s for this machine type; known are 3.6 to 3.15, with t if "
				 "free-threaded and d if Py_DEBUG (3.13t, 3.14d)",
				 forced);
	if (unsupported)
		return refuse_version(python, unsupported, check);
	if (candidates->count)
		return error_set(python->error, CPEEK_UNSUPPORTED,
				 "found CPython %s (%s), but the layout of %s does not prove itself there: %s; "
				 "--python X.Y tries another",
				 candidates->items[0].version, candidates->items[0].evidence, python->layout->source,
				 check);
	return error_set(
		python->error, CPEEK_NO_PYTHON,
		"no CPython found in %s: looked for the symbol _PyRuntime and the section .PyRuntime in %zu "
		"mapped files, for the 3.13+ cookie and for interpreters by their structure in saved memory%s",
		python->target->kind == TARGET_CORE ? "this core" : "this process", python->target->module_count,
		candidates->missing_files ? "; the target's ELF files are not at their paths here: --exe FILE or "
					    "--sysroot DIR or --debug-dir DIR names them"
					  : "");
}

/* Nothing told those apart that structures alone led to but the proof itself: more than one that passes it is one too
 * many. */
static enum cpeek_status refuse_ambiguous(struct python *python, const struct candidates *candidates, size_t first,
					  const char *forced)
{
	const struct candidate *proved = NULL;
	char check[RUNTIME_TEXT];

	for (size_t i = first; i < candidates->count; i++) {
		const struct candidate *candidate = &candidates->items[i];
		enum cpeek_status status = try_candidate(python, candidate, forced, check, sizeof(check));
		if (status == CPEEK_NO_MEMORY)
			return status;
		if (status != CPEEK_OK)
			continue;
		if (proved)
			return error_set(
				python->error, CPEEK_UNSUPPORTED,
				"two places look like the state of a CPython, 0x%llx (%s) and 0x%llx (%s), and "
				"no symbol tells which: --exe FILE or --sysroot DIR names the target's files",
				(unsigned long long)proved->address, proved->version,
				(unsigned long long)candidate->address, candidate->version);
		proved = candidate;
	}
	return CPEEK_OK;
}

/* The likely places first; then everywhere; then by structures alone. Keeps the first message that says more than that
 * there is nothing. */
static enum cpeek_status search(struct python *python, struct candidates *candidates, const char *forced)
{
	static enum cpeek_status (*const stages[])(struct target *, struct candidates *) = {
		discover_likely, discover_everywhere, discover_structures};
	enum { STAGE_COUNT = sizeof(stages) / sizeof(*stages) };
	struct error first = {0};
	enum cpeek_status status = CPEEK_NO_PYTHON;

	for (size_t i = 0; i < STAGE_COUNT; i++) {
		const size_t before = candidates->count;
		TRY(stages[i](python->target, candidates));
		if (i > 0 && candidates->count == before)
			continue;
		if (stages[i] == discover_structures)
			TRY(refuse_ambiguous(python, candidates, before, forced));
		status = try_all(python, candidates, forced);
		if (status != CPEEK_NO_PYTHON && status != CPEEK_UNSUPPORTED)
			return status;
		if (first.status != CPEEK_UNSUPPORTED)
			first = *python->error;
	}
	*python->error = first;
	return first.status;
}

enum cpeek_status runtime_open(struct target *target, const char *forced, struct python **ret)
{
	struct candidates candidates = {0};
	struct python *python = memory_calloc(1, sizeof(*python));

	if (!python)
		return error_set(target->error, CPEEK_NO_MEMORY, "out of memory");
	python->target = target;
	python->error = target->error;
	enum cpeek_status status = search(python, &candidates, forced);
	VECTOR_DEINIT(&candidates);
	if (status == CPEEK_OK) {
		state_locate_generations(python);
		status = threads_read(python);
	}
	if (status != CPEEK_OK) {
		runtime_close(python);
		return status;
	}
	*ret = python;
	return CPEEK_OK;
}

static enum cpeek_status add_other(const struct python *python, const struct candidate *candidate,
				   struct other_pythons *others)
{
	struct python scratch = {.target = python->target, .error = python->error};
	char check[RUNTIME_TEXT];

	if (candidate->address == python->runtime)
		return CPEEK_OK;
	enum cpeek_status status = try_candidate(&scratch, candidate, NULL, check, sizeof(check));
	const bool debug = status == CPEEK_OK && scratch.layout->debug;
	memory_free(scratch.overlay);
	memory_free(scratch.derived);
	if (status != CPEEK_OK)
		return status == CPEEK_NO_MEMORY ? status
						 : CPEEK_OK; /* one that never ran, or that no layout is for */
	struct other_python *new = VECTOR_PUSH(others);
	if (!new)
		return CPEEK_NO_MEMORY;
	*new = (struct other_python){.runtime = candidate->address, .debug = debug};
	new->free_threaded = candidate->free_threaded;
	memcpy(new->version, candidate->version, sizeof(new->version));
	memcpy(new->evidence, candidate->evidence, sizeof(new->evidence));
	return CPEEK_OK;
}

enum cpeek_status runtime_find_others(const struct python *python, struct other_pythons *ret)
{
	struct other_pythons others = {0};
	struct candidates candidates = {0};
	const uint64_t faults = python->target->faults;

	enum cpeek_status status = discover_likely(python->target, &candidates);
	if (status == CPEEK_OK)
		status = discover_everywhere(python->target, &candidates);
	for (size_t i = 0; status == CPEEK_OK && i < candidates.count; i++)
		status = add_other(python, &candidates.items[i], &others);
	VECTOR_DEINIT(&candidates);
	python->target->faults =
		faults; /* a place that cannot be read and need not hold anything is no hole in an answer */
	if (status == CPEEK_OK)
		*ret = others;
	else
		VECTOR_DEINIT(&others);
	return status;
}

enum cpeek_status runtime_take_flavour(struct python *python, bool debug)
{
	const struct layout *const before = python->layout, *layout = NULL;
	const struct layout *const table = python->overlay ? NULL : before;
	char check[RUNTIME_TEXT];

	if (!table || before == python->derived || before->debug == debug)
		return CPEEK_NOT_FOUND;
	while ((layout = layout_find_next(layout, python->version_hex, before->machine, before->free_threaded))) {
		if (layout->debug != debug)
			continue;
		python->layout = layout;
		enum cpeek_status status = prove_layout(python, PROVE_SIZES, check, sizeof(check));
		if (status == CPEEK_OK)
			return threads_read(python);
		if (status == CPEEK_NO_MEMORY)
			return status;
	}
	python->layout = before;
	return CPEEK_NOT_FOUND;
}

void runtime_close(struct python *python)
{
	if (!python)
		return;
	memory_free(python->interpreters);
	memory_free(python->threads);
	memory_free(python->overlay);
	memory_free(python->derived);
	memory_free(python);
}

enum cpeek_status runtime_refresh(struct python *python)
{
	return threads_read(python);
}
