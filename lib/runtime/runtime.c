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

/* "Py_DEBUG" and free threading change every offset; only flavours with a layout get this far. */
static const struct layout *layout_of(const struct python *python, const struct candidate *candidate,
				      const char *forced)
{
	if (forced)
		return layout_by_name(forced, python->target->machine);
	return layout_find(candidate->version_hex, python->target->machine, false, candidate->free_threaded);
}

static enum cpeek_status refuse_version(struct python *python, const struct candidate *candidate)
{
	const struct layout *nearest = layout_nearest(candidate->version_hex);

	return error_set(
		python->error, CPEEK_UNSUPPORTED,
		"this is CPython %s%s (by %s), and no layout is known for it on this machine type; the nearest "
		"known is %s: --python %s forces it",
		candidate->version, candidate->free_threaded ? " free-threaded" : "", candidate->version_evidence,
		nearest->name, nearest->name);
}

/* Takes over a candidate if its layout proves itself. */
static enum cpeek_status try_candidate(struct python *python, const struct candidate *candidate, const char *forced,
				       char *failed_check, size_t size)
{
	const struct layout *layout = layout_of(python, candidate, forced);
	if (!layout)
		return CPEEK_UNSUPPORTED;
	python->runtime = candidate->address;
	python->version_hex = candidate->version_hex;
	(void)snprintf(python->version, sizeof(python->version), "%s", candidate->version);
	(void)snprintf(python->runtime_evidence, sizeof(python->runtime_evidence), "%s", candidate->evidence);
	(void)snprintf(python->version_evidence, sizeof(python->version_evidence), "%s", candidate->version_evidence);
	enum cpeek_status status = CPEEK_UNSUPPORTED;
	for (; layout; layout = forced ? NULL : layout_find_next(layout, candidate->version_hex)) {
		python->layout = layout;
		status = prove_layout(python, failed_check, size);
		if (status == CPEEK_OK || status == CPEEK_NO_MEMORY)
			break;
	}
	return status;
}

static enum cpeek_status try_all(struct python *python, const struct candidates *candidates, const char *forced)
{
	const struct candidate *unsupported = NULL;
	char check[RUNTIME_TEXT] = "";

	for (size_t i = 0; i < candidates->count; i++) {
		enum cpeek_status status = try_candidate(python, &candidates->items[i], forced, check, sizeof(check));
		if (status == CPEEK_OK || status == CPEEK_NO_MEMORY)
			return status;
		if (status == CPEEK_UNSUPPORTED && !unsupported)
			unsupported = &candidates->items[i];
	}
	if (unsupported && forced)
		return error_set(python->error, CPEEK_UNSUPPORTED,
				 "no layout is named %s for this machine type; known are 3.8 to 3.13 on x86_64",
				 forced);
	if (unsupported)
		return refuse_version(python, unsupported);
	if (candidates->count)
		return error_set(python->error, CPEEK_UNSUPPORTED,
				 "found CPython %s (%s), but the layout %s does not prove itself there: %s; "
				 "--python X.Y tries another",
				 candidates->items[0].version, candidates->items[0].evidence, python->layout->name,
				 check);
	return error_set(
		python->error, CPEEK_NO_PYTHON,
		"no CPython found in %s: looked for the symbol _PyRuntime and the section .PyRuntime in %zu "
		"mapped files, and for the 3.13+ cookie in saved memory%s",
		python->target->kind == TARGET_CORE ? "this core" : "this process", python->target->module_count,
		candidates->missing_files ? "; the target's ELF files are not at their paths here: --exe FILE or "
					    "--sysroot DIR names them"
					  : "");
}

enum cpeek_status runtime_open(struct target *target, const char *forced, struct python **ret)
{
	struct candidates candidates = {0};
	struct python *python = memory_calloc(1, sizeof(*python));

	if (!python)
		return error_set(target->error, CPEEK_NO_MEMORY, "out of memory");
	python->target = target;
	python->error = target->error;
	enum cpeek_status status = discover_likely(target, &candidates);
	if (status == CPEEK_OK)
		status = try_all(python, &candidates, forced);
	if (status == CPEEK_NO_PYTHON || status == CPEEK_UNSUPPORTED) {
		/* Nothing provable in the likely places: look everywhere, and keep the better message. */
		struct error first = *python->error;
		size_t likely = candidates.count;
		status = discover_everywhere(target, &candidates);
		if (status == CPEEK_OK && candidates.count > likely) {
			status = try_all(python, &candidates, forced);
		} else if (status == CPEEK_OK) {
			*python->error = first;
			status = first.status;
		}
	}
	VECTOR_DEINIT(&candidates);
	if (status == CPEEK_OK)
		status = threads_read(python);
	if (status != CPEEK_OK) {
		runtime_close(python);
		return status;
	}
	*ret = python;
	return CPEEK_OK;
}

void runtime_close(struct python *python)
{
	if (!python)
		return;
	memory_free(python->interpreters);
	memory_free(python->threads);
	memory_free(python->overlay);
	memory_free(python);
}

enum cpeek_status runtime_refresh(struct python *python)
{
	return threads_read(python);
}
