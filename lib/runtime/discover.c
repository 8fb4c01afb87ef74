/*
 * Where _PyRuntime may be: by symbol, by section, by the cookie that 3.13 and later begin it with.
 */
#include "base/memory.h"
#include "runtime/internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum {
	SCAN_CHUNK = 1 << 20,
	CANDIDATES_MAX = 64,
};

static const char cookie[8] = {'x', 'd', 'e', 'b', 'u', 'g', 'p', 'y'}; /* _Py_Debug_Cookie, pycore_runtime.h 3.13+ */

static bool known(const struct candidates *candidates, target_addr address)
{
	for (size_t i = 0; i < candidates->count; i++)
		if (candidates->items[i].address == address)
			return true;
	return false;
}

/* A variable that a module may have; 0: it has none. */
static target_addr variable(struct target *target, const struct target_module *module, const char *name)
{
	target_addr address;
	uint64_t size;

	return target_find_symbol(target, module, name, &address, &size) == CPEEK_OK ? address : 0;
}

/* What else symbols tell. _Py_RefTotal: Py_REF_DEBUG, Objects/object.c, 3.6 to 3.15. */
static void find_variables(struct target *target, const struct target_module *module, struct candidate *candidate)
{
	struct python_statics *statics = &candidate->statics;
	uint8_t pointer[8];

	candidate->debug = variable(target, module, "_Py_RefTotal") != 0;
	if (candidate->version_hex >= 0x03070000) /* from there on it is in _PyRuntime */
		return;
	statics->interp_head = variable(target, module, "interp_head");
	statics->tstate_current = variable(target, module, "_PyThreadState_Current");
	statics->finalizing = variable(target, module, "_Py_Finalizing");
	target_addr generation0 = variable(target, module, "_PyGC_generation0"); /* a pointer to the first list */
	if (generation0 && target_probe(target, generation0, pointer, target->pointer_size))
		statics->generations = target_get_pointer(target, pointer);
}

__attribute__((format(printf, 5, 6))) static enum cpeek_status add(struct target *target,
								   const struct target_module *module,
								   target_addr address, struct candidates *candidates,
								   const char *format, ...)
{
	struct candidate candidate = {.address = address};
	va_list args;

	if (candidates->count >= CANDIDATES_MAX || known(candidates, address))
		return CPEEK_OK;
	va_start(args, format);
	(void)vsnprintf(candidate.evidence, sizeof(candidate.evidence), format, args);
	va_end(args);
	enum cpeek_status status = version_find(target, module, &candidate);
	if (status != CPEEK_OK)
		return status == CPEEK_NO_MEMORY ? status : CPEEK_OK; /* e.g. the symbol of a copy that never ran */
	if (module)
		find_variables(target, module, &candidate);
	struct candidate *new = VECTOR_PUSH(candidates);
	if (!new)
		return CPEEK_NO_MEMORY;
	*new = candidate;
	return CPEEK_OK;
}

static enum cpeek_status search_module(struct target *target, const struct target_module *module,
				       struct candidates *candidates)
{
	target_addr address;
	uint64_t size;

	enum cpeek_status status = target_find_symbol(target, module, "_PyRuntime", &address, &size);
	if (status == CPEEK_OK)
		return add(target, module, address, candidates, "symbol _PyRuntime of %s", module->path);
	if (status == CPEEK_NO_MEMORY)
		return status;
	status = target_find_section(target, module, ".PyRuntime", &address, &size);
	if (status == CPEEK_OK)
		return add(target, module, address, candidates, "section .PyRuntime of %s", module->path);
	if (status == CPEEK_NO_MEMORY)
		return status;
	/* To 3.6 there was no _PyRuntime; Python 2 is found too, so that it can be refused by its version. */
	status = target_find_symbol(target, module, "_PyThreadState_Current", &address, &size);
	if (status == CPEEK_OK)
		return add(target, module, address, candidates, "symbol _PyThreadState_Current of %s", module->path);
	if (status == CPEEK_NO_MEMORY)
		return status;
	candidates->missing_files |= !module->usable;
	return CPEEK_OK;
}

bool runtime_is_likely_in(const struct target *target, const struct target_module *module)
{
	const char *slash = strrchr(module->path, '/');

	return module == target->modules || strstr(slash ? slash : module->path, "python");
}

static enum cpeek_status search_modules(struct target *target, struct candidates *candidates, bool likely)
{
	for (size_t i = 0; i < target->module_count; i++)
		if (runtime_is_likely_in(target, &target->modules[i]) == likely)
			TRY(search_module(target, &target->modules[i], candidates));
	return CPEEK_OK;
}

static enum cpeek_status scan_bytes(struct target *target, target_addr start, const uint8_t *bytes, size_t length,
				    struct candidates *candidates)
{
	for (size_t i = 0; i + sizeof(cookie) <= length;) {
		const uint8_t *hit = memmem(bytes + i, length - i, cookie, sizeof(cookie));
		if (!hit)
			break;
		target_addr address = start + (target_addr)(hit - bytes);
		if (address % 8 == 0)
			TRY(add(target, target_find_module(target, address), address, candidates,
				"cookie xdebugpy at 0x%llx", (unsigned long long)address));
		i = (size_t)(hit - bytes) + 1;
	}
	return CPEEK_OK;
}

static enum cpeek_status scan_mapping(struct target *target, const struct target_mapping *mapping,
				      struct candidates *candidates)
{
	uint8_t *buffer = NULL;
	enum cpeek_status status = CPEEK_OK;
	target_addr start = mapping->start, end;

	while (status == CPEEK_OK && target_find_data(target, start, mapping->saved_end, &start, &end)) {
		size_t length = end - start < SCAN_CHUNK ? (size_t)(end - start) : SCAN_CHUNK;
		const uint8_t *view = target_view(target, start, length);
		if (!view) {
			if (!buffer && !(buffer = memory_alloc(SCAN_CHUNK)))
				return CPEEK_NO_MEMORY;
			size_t got = 0;
			view = target_read_some(target, start, buffer, length, &got) == CPEEK_OK ? buffer : NULL;
			length = view ? got : length;
		}
		if (view)
			status = scan_bytes(target, start, view, length, candidates);
		start += length;
	}
	memory_free(buffer);
	return status;
}

enum cpeek_status discover_likely(struct target *target, struct candidates *ret)
{
	return search_modules(target, ret, true);
}

enum cpeek_status discover_everywhere(struct target *target, struct candidates *ret)
{
	TRY(search_modules(target, ret, false));
	/* _PyRuntime lies in a file's writable data, so other memory need not be looked at: it holds only copies. */
	for (size_t i = 0; i < target->mapping_count; i++) {
		const struct target_mapping *mapping = &target->mappings[i];
		if (mapping->writable && mapping->saved && mapping->module != UINT32_MAX)
			TRY(scan_mapping(target, mapping, ret));
	}
	return CPEEK_OK;
}
