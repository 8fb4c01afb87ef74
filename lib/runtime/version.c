/*
 * Which version a _PyRuntime is of: _Py_DebugOffsets (3.13+), Py_Version (3.11+), or the text of sys.version, which
 * getversion.c keeps in a static buffer of the same file since before 3.6.
 */
#include "base/memory.h"
#include "runtime/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	SCAN_MAX = 16 << 20,   /* bytes of a module's writable data that are searched for the text */
	VERSION_TEXT_MIN = 12, /* "3.8.0 (x) \n[" */
};

/* PY_VERSION_HEX: major, minor, micro, level (a, b, c, f) and serial; Include/patchlevel.h. */
static bool plausible(uint64_t hex)
{
	unsigned level = hex >> 4 & 0xf;

	return hex >> 24 == 3 && (hex >> 16 & 0xff) < 64 &&
	       (level == 0xa || level == 0xb || level == 0xc || level == 0xf);
}

static void format_version(uint32_t hex, char *version, size_t size)
{
	static const char *const levels[] = {[0xa] = "a", [0xb] = "b", [0xc] = "rc", [0xf] = NULL};
	const char *level = levels[hex >> 4 & 0xf];

	if (level)
		(void)snprintf(version, size, "%u.%u.%u%s%u", hex >> 24, hex >> 16 & 0xff, hex >> 8 & 0xff, level,
			       hex & 0xf);
	else
		(void)snprintf(version, size, "%u.%u.%u", hex >> 24, hex >> 16 & 0xff, hex >> 8 & 0xff);
}

bool version_parse(const char *text, uint32_t *ret_hex, char *version, size_t size)
{
	char *end;

	if ((text[0] != '2' && text[0] != '3') || text[1] != '.' || text[2] < '0' || text[2] > '9')
		return false;
	unsigned long minor = strtoul(text + 2, &end, 10), micro = 0, serial = 0;
	uint32_t level = 0xf;
	if (*end != '.' || minor > 63 || end[1] < '0' || end[1] > '9')
		return false;
	micro = strtoul(end + 1, &end, 10);
	if (*end == 'a' || *end == 'b') {
		level = *end == 'a' ? 0xa : 0xb;
		serial = strtoul(end + 1, &end, 10);
	} else if (strncmp(end, "rc", 2) == 0) {
		level = 0xc;
		serial = strtoul(end + 2, &end, 10);
	}
	if (*end == '+')
		end++;
	if (micro > 255 || serial > 15 || *end != ' ')
		return false;
	*ret_hex = (uint32_t)(text[0] - '0') << 24 | (uint32_t)minor << 16 | (uint32_t)micro << 8 | level << 4 |
		   (uint32_t)serial;
	format_version(*ret_hex, version, size);
	return true;
}

static bool from_debug_offsets(struct target *target, struct candidate *candidate)
{
	char cookie[8];
	uint64_t hex, free_threaded;

	if (target_read(target, candidate->address, cookie, sizeof(cookie)) != CPEEK_OK ||
	    memcmp(cookie, "xdebugpy", sizeof(cookie)) != 0 ||
	    target_read_u64(target, candidate->address + 8, &hex) != CPEEK_OK ||
	    target_read_u64(target, candidate->address + 16, &free_threaded) != CPEEK_OK || !plausible(hex) ||
	    free_threaded > 1)
		return false;
	candidate->version_hex = (uint32_t)hex;
	candidate->free_threaded = free_threaded;
	format_version(candidate->version_hex, candidate->version, sizeof(candidate->version));
	(void)snprintf(candidate->version_evidence, sizeof(candidate->version_evidence), "_Py_DebugOffsets");
	return true;
}

static bool from_symbol(struct target *target, const struct target_module *module, struct candidate *candidate)
{
	target_addr address;
	uint64_t size, hex;

	/* const unsigned long Py_Version; Python/getversion.c, 3.11+ */
	if (target_find_symbol(target, module, "Py_Version", &address, &size) != CPEEK_OK ||
	    target_read_pointer(target, address, &hex) != CPEEK_OK || !plausible(hex))
		return false;
	candidate->version_hex = (uint32_t)hex;
	format_version(candidate->version_hex, candidate->version, sizeof(candidate->version));
	(void)snprintf(candidate->version_evidence, sizeof(candidate->version_evidence), "Py_Version of %s",
		       module->path);
	return true;
}

/* "3.11.7 (main, Nov 24 2026, 10:00:00) [GCC 12.2.0]" after a NUL: a digit, dots, " (", and a "[" later. */
static bool text_at(const char *text, size_t length, struct candidate *candidate)
{
	uint32_t hex;
	char version[sizeof(candidate->version)], build[256];

	size_t n = strnlen(text, length);
	if (n == length || n < VERSION_TEXT_MIN || n >= sizeof(build))
		return false;
	memcpy(build, text, n + 1);
	if (!version_parse(build, &hex, version, sizeof(version)) || !strstr(build, " (") || !strchr(build, '['))
		return false;
	candidate->version_hex = hex;
	candidate->free_threaded = strstr(build, "free-threading build") != NULL;
	memcpy(candidate->version, version, sizeof(version));
	return true;
}

static bool text_in(const char *bytes, size_t length, const char *major, struct candidate *candidate)
{
	for (const char *at = bytes; at + VERSION_TEXT_MIN < bytes + length; at++) {
		at = memmem(at, (size_t)(bytes + length - at), major, 2);
		if (!at)
			return false;
		if ((at == bytes || at[-1] == '\0') && text_at(at, (size_t)(bytes + length - at), candidate))
			return true;
	}
	return false;
}

static bool text_in_range(struct target *target, target_addr start, target_addr end, const char *major,
			  struct candidate *candidate)
{
	size_t length = end - start < SCAN_MAX ? (size_t)(end - start) : SCAN_MAX;
	char *bytes = memory_alloc(length);

	if (!bytes)
		return false;
	bool found = target_read_some(target, start, bytes, length, &length) == CPEEK_OK &&
		     text_in(bytes, length, major, candidate);
	memory_free(bytes);
	return found;
}

/* In the writable data of the file, and the anonymous rest of its .bss right behind it. */
static bool from_text(struct target *target, const struct target_module *module, const char *major,
		      struct candidate *candidate)
{
	const size_t index = (size_t)(module - target->modules);

	for (size_t i = 0; i < target->mapping_count; i++) {
		const struct target_mapping *mapping = &target->mappings[i];
		bool own = mapping->module == index;
		bool rest = mapping->module == UINT32_MAX && i > 0 && target->mappings[i - 1].end == mapping->start &&
			    target->mappings[i - 1].module == index;
		if (!(own || rest) || !mapping->writable ||
		    !text_in_range(target, mapping->start, mapping->end, major, candidate))
			continue;
		(void)snprintf(candidate->version_evidence, sizeof(candidate->version_evidence),
			       "the text of sys.version in the data of %s", module->path);
		return true;
	}
	return false;
}

enum cpeek_status version_find(struct target *target, const struct target_module *module, struct candidate *candidate)
{
	if (from_debug_offsets(target, candidate))
		return CPEEK_OK;
	if (module && (from_symbol(target, module, candidate) || from_text(target, module, "3.", candidate) ||
		       from_text(target, module, "2.", candidate)))
		return CPEEK_OK;
	return CPEEK_NOT_FOUND;
}
