#include "target/target.h"
#include "base/memory.h"
#include "target/build.h"
#include "target/build_ids.h"
#include "target/bytes.h"
#include "target/debuginfod.h"
#include "target/dynamic.h"
#include "target/elf_file.h"
#include "target/module.h"
#include "target/page_cache.h"

#include <elf.h>

/* Reads of at least this length go past the page cache. */
enum { LARGE_READ = 64 * 1024 };

struct target *target_alloc(enum target_kind kind, const struct target_options *options, struct error *error)
{
	struct target *target = memory_calloc(1, sizeof(*target));
	if (!target)
		return NULL;
	target->kind = kind;
	target->mappings_known = kind != TARGET_LENT;
	target->error = error;
	if (!options)
		return target;
	target->no_pause = options->no_pause;
	target->use_mismatched = options->use_mismatched;
	target->host = options->host;
	if (options->exe)
		target->exe = memory_strdup(options->exe);
	if (options->sysroot)
		target->sysroot = memory_strdup(options->sysroot);
	if (options->debug_dirs)
		target->debug_dirs = memory_strdup(options->debug_dirs);
	if ((options->exe && !target->exe) || (options->sysroot && !target->sysroot) ||
	    (options->debug_dirs && !target->debug_dirs)) {
		target_destroy(target);
		return NULL;
	}
	return target;
}

enum cpeek_status target_set_no_memory(const struct target *target)
{
	(void)error_set(target->error, CPEEK_NO_MEMORY, "out of memory");
	return CPEEK_NO_MEMORY;
}

void target_destroy(struct target *target)
{
	if (!target)
		return;
	module_free_all(target);
	if (target->ops && target->ops->destroy)
		target->ops->destroy(target->self);
	page_cache_destroy(target->cache);
	memory_free(target->threads);
	memory_free(target->command);
	memory_free(target->exe);
	memory_free(target->sysroot);
	memory_free(target->debug_dirs);
	build_ids_destroy(target->build_ids);
	debuginfod_destroy(target->debuginfod);
	memory_free(target);
}

enum cpeek_status target_refresh(struct target *target)
{
	target->window = (struct target_window){0};
	if (target->cache)
		page_cache_clear(target->cache);
	return target->ops->refresh ? target->ops->refresh(target) : CPEEK_OK;
}

enum cpeek_status target_check(const struct target *target)
{
	return target->ops->check ? target->ops->check(target) : CPEEK_OK;
}

void target_set_threads(struct target *target, struct target_thread *threads, size_t count)
{
	memory_free(target->threads);
	target->threads = threads;
	target->thread_count = count;
}

/* ---- Bytes ------------------------------------------------------------------------------------------------- */

/* On aarch64 the highest byte of a pointer may hold a tag (top-byte-ignore, MTE): the memory is that of the address with
 * bit 55 in its place. Who asks goes on with the raw one, which is what the target compares and what people see. */
static inline target_addr untag(const struct target *target, target_addr addr)
{
	return target->machine == EM_AARCH64 ? (target_addr)((int64_t)(addr << 8) >> 8) : addr;
}

static bool fill_page(void *arg, uint64_t address, void *buffer, size_t length)
{
	const struct target *target = arg;
	enum target_hole hole;

	return target->ops->read(target->self, address, buffer, length, &hole) == length;
}

static bool find_cached(struct target *target, target_addr addr, struct target_window *ret)
{
	if (!target->cache && !(target->cache = page_cache_create()))
		return false;
	target_addr start = addr - addr % PAGE_CACHE_PAGE;
	const unsigned char *page = page_cache_get(target->cache, start, fill_page, target);
	if (!page)
		return false;
	*ret = (struct target_window){start, PAGE_CACHE_PAGE, page, false};
	return true;
}

/* Makes target->window hold addr, if there is one that does. */
static bool enter_window(struct target *target, target_addr addr, bool with_files, enum target_hole *hole)
{
	struct target_window window = target->window;

	if (addr - window.start < window.size && (with_files || !window.from_file))
		return true;
	target->window.size = 0; /* what it shows may go now */
	if (!target->ops->window) {
		if (!find_cached(target, addr, &window))
			return false;
	} else if (!target->ops->window(target->self, addr, &window, hole)) {
		if (!with_files || !module_window(target, addr, &window, hole))
			return false;
	}
	target->window = window;
	return true;
}

static size_t copy(struct target *target, target_addr addr, void *buffer, size_t length, bool with_files,
		   enum target_hole *hole)
{
	char *to = buffer;
	size_t done = 0;

	addr = untag(target, addr);
	while (done < length) {
		size_t part;
		if ((target->ops->window || length < LARGE_READ) &&
		    enter_window(target, addr + done, with_files, hole)) {
			uint64_t inside = addr + done - target->window.start;
			part = length - done;
			if (part > target->window.size - inside)
				part = (size_t)(target->window.size - inside);
			memcpy(to + done, target->window.bytes + inside, part);
		} else if (target->ops->read) { /* a long read, a page that is not there as a whole, no memory */
			part = target->ops->read(target->self, addr + done, to + done, length - done, hole);
		} else {
			break;
		}
		if (part == 0)
			break;
		done += part;
	}
	return done;
}

size_t target_read_own(struct target *target, target_addr addr, void *buffer, size_t length)
{
	enum target_hole hole = TARGET_HOLE_NONE;
	return copy(target, addr, buffer, length, false, &hole);
}

static enum cpeek_status set_fault(struct target *target, target_addr addr, enum target_hole hole)
{
	if (target->no_memory) {
		target->no_memory = false;
		return target_set_no_memory(target);
	}
	target->fault_address = addr;
	target->fault_hole = hole;
	target->faults++;
	return CPEEK_FAULT;
}

/* Counts a read; false when it is the one that shall fail. */
static inline bool count_read(struct target *target)
{
	return ++target->reads != target->fail_at;
}

/* The bytes at addr, when the last read was near; else NULL. */
static inline const unsigned char *find_near(const struct target *target, target_addr addr, size_t length)
{
	uint64_t inside = untag(target, addr) - target->window.start;

	if (inside >= target->window.size || length > target->window.size - inside)
		return NULL;
	return target->window.bytes + inside;
}

enum cpeek_status target_read(struct target *target, target_addr addr, void *buffer, size_t length)
{
	const unsigned char *near = find_near(target, addr, length);
	enum target_hole hole = TARGET_HOLE_NONE;

	if (!count_read(target))
		return set_fault(target, addr, TARGET_HOLE_REFUSED);
	if (near) {
		memcpy(buffer, near, length);
		return CPEEK_OK;
	}
	size_t done = copy(target, addr, buffer, length, true, &hole);
	return done == length ? CPEEK_OK : set_fault(target, addr + done, hole);
}

bool target_probe(struct target *target, target_addr addr, void *buffer, size_t length)
{
	enum target_hole hole = TARGET_HOLE_NONE;

	if (!count_read(target)) {
		(void)set_fault(target, addr, TARGET_HOLE_REFUSED);
		return false;
	}
	size_t done = copy(target, addr, buffer, length, true, &hole);
	if (target->no_memory)
		(void)set_fault(target, addr, hole);
	return done == length;
}

enum cpeek_status target_read_some(struct target *target, target_addr addr, void *buffer, size_t length, size_t *ret)
{
	enum target_hole hole = TARGET_HOLE_NONE;

	if (!count_read(target))
		return set_fault(target, addr, TARGET_HOLE_REFUSED);
	size_t done = copy(target, addr, buffer, length, true, &hole);
	if (done == 0 && length > 0)
		return set_fault(target, addr, hole);
	target->no_memory = false;
	*ret = done;
	return CPEEK_OK;
}

const void *target_view(struct target *target, target_addr addr, size_t length)
{
	enum target_hole hole;

	if (!target->ops->window || target->fail_at)
		return NULL;
	addr = untag(target, addr);
	bool found = enter_window(target, addr, true, &hole);
	target->no_memory = false;
	if (!found || length > target->window.size - (addr - target->window.start))
		return NULL;
	return target->window.bytes + (addr - target->window.start);
}

/* Of the first mapping that ends behind addr. */
static size_t find_mapping_index(const struct target *target, target_addr addr)
{
	size_t low = 0, high = target->mapping_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (addr >= target->mappings[middle].end)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

uint64_t target_count_writable(const struct target *target, uint64_t size)
{
	uint64_t bytes = 0;

	if (!target->mappings_known)
		return UINT64_MAX;
	for (size_t i = 0; i < target->mapping_count; i++)
		if (target->mappings[i].writable)
			bytes += target->mappings[i].end - target->mappings[i].start;
	return bytes / size;
}

bool target_find_data(struct target *target, target_addr addr, target_addr end, target_addr *ret_start,
		      target_addr *ret_end)
{
	if (target->ops->find_data)
		return target->ops->find_data(target->self, addr, end, ret_start, ret_end);
	for (size_t i = find_mapping_index(target, addr); i < target->mapping_count; i++) {
		const struct target_mapping *mapping = &target->mappings[i];
		target_addr start = mapping->start > addr ? mapping->start : addr;
		if (start >= end)
			return false;
		if (start >= mapping->saved_end)
			continue;
		*ret_start = start;
		*ret_end = mapping->saved_end < end ? mapping->saved_end : end;
		return true;
	}
	return false;
}

/* ---- Typed reads ------------------------------------------------------------------------------------------- */

uint64_t target_get(const struct target *target, const void *bytes, size_t size)
{
	return bytes_get(bytes, size, target->big_endian);
}

static inline enum cpeek_status read_integer(struct target *target, target_addr addr, size_t size, uint64_t *ret)
{
	const unsigned char *near = find_near(target, addr, size);
	unsigned char bytes[8];

	if (near && target->fail_at == 0) {
		target->reads++;
		*ret = bytes_get(near, size, target->big_endian);
		return CPEEK_OK;
	}
	TRY(target_read(target, addr, bytes, size));
	*ret = target_get(target, bytes, size);
	return CPEEK_OK;
}

enum cpeek_status target_read_u8(struct target *target, target_addr addr, uint8_t *ret)
{
	return target_read(target, addr, ret, 1);
}

enum cpeek_status target_read_u16(struct target *target, target_addr addr, uint16_t *ret)
{
	uint64_t value;
	TRY(read_integer(target, addr, 2, &value));
	*ret = (uint16_t)value;
	return CPEEK_OK;
}

enum cpeek_status target_read_u32(struct target *target, target_addr addr, uint32_t *ret)
{
	uint64_t value;
	TRY(read_integer(target, addr, 4, &value));
	*ret = (uint32_t)value;
	return CPEEK_OK;
}

enum cpeek_status target_read_u64(struct target *target, target_addr addr, uint64_t *ret)
{
	return read_integer(target, addr, 8, ret);
}

enum cpeek_status target_read_pointer(struct target *target, target_addr addr, target_addr *ret)
{
	return read_integer(target, addr, target->pointer_size, ret);
}

enum cpeek_status target_read_ssize(struct target *target, target_addr addr, int64_t *ret)
{
	uint64_t value;
	TRY(read_integer(target, addr, target->pointer_size, &value));
	*ret = target->pointer_size == 4 ? (int32_t)(uint32_t)value : (int64_t)value;
	return CPEEK_OK;
}

enum cpeek_status target_read_cstring(struct target *target, target_addr addr, char *buffer, size_t size)
{
	enum target_hole hole = TARGET_HOLE_NONE;
	size_t done = 0;

	if (!count_read(target))
		return set_fault(target, addr, TARGET_HOLE_REFUSED);
	const target_addr start = untag(target, addr);
	while (done < size) {
		size_t part = 1;
		if (enter_window(target, start + done, true, &hole)) {
			uint64_t inside = start + done - target->window.start;
			part = size - done;
			if (part > target->window.size - inside)
				part = (size_t)(target->window.size - inside);
			memcpy(buffer + done, target->window.bytes + inside, part);
		} else if (copy(target, addr + done, buffer + done, 1, true, &hole) != 1) {
			return set_fault(target, addr + done, hole);
		}
		if (memchr(buffer + done, '\0', part))
			return CPEEK_OK;
		done += part;
	}
	if (size > 0)
		buffer[size - 1] = '\0';
	return CPEEK_LIMIT;
}

/* ---- Mappings and modules ---------------------------------------------------------------------------------- */

const struct target_mapping *target_find_mapping(const struct target *target, target_addr addr)
{
	addr = untag(target, addr);
	size_t index = find_mapping_index(target, addr);

	if (index == target->mapping_count || addr < target->mappings[index].start)
		return NULL;
	return &target->mappings[index];
}

const struct target_module *target_find_module(const struct target *target, target_addr addr)
{
	const struct target_mapping *mapping = target_find_mapping(target, addr);
	size_t low = 0, high = target->module_count;

	addr = untag(target, addr);
	if (mapping && mapping->module != MODULE_NONE)
		return &target->modules[mapping->module];
	while (low < high) { /* the first that starts behind addr */
		size_t middle = low + (high - low) / 2;
		if (target->modules[target->module_order[middle]].start <= addr)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == 0)
		return NULL;
	const struct target_module *module = &target->modules[target->module_order[low - 1]];
	return addr < module->end ? module : NULL;
}

enum cpeek_status target_load_module(struct target *target, const struct target_module *module)
{
	return module_load(target, &target->modules[module - target->modules]);
}

const char *target_hole_text(enum target_hole hole)
{
	switch (hole) {
	case TARGET_HOLE_NONE:
		return "readable";
	case TARGET_HOLE_UNMAPPED:
		return "not mapped";
	case TARGET_HOLE_NOT_SAVED:
		return "not saved in the core";
	case TARGET_HOLE_TRUNCATED:
		return "cut off: the core ends before it";
	case TARGET_HOLE_MISMATCH:
		return "not saved in the core, and the file here is of another build";
	case TARGET_HOLE_REFUSED:
		return "the read was refused";
	case TARGET_HOLE_GONE:
		return "the process is gone";
	}
	return "not readable";
}

static enum cpeek_status find_in_file(const struct target_module *module, const struct elf_file *file,
				      const char *name, target_addr *ret, uint64_t *ret_size)
{
	struct elf_file_symbol symbol;

	TRY(elf_file_find_symbol(file, name, &symbol));
	*ret = symbol.absolute ? symbol.value : symbol.value + module->bias;
	*ret_size = symbol.size;
	return CPEEK_OK;
}

enum cpeek_status target_find_symbol(struct target *target, const struct target_module *module, const char *name,
				     target_addr *ret, uint64_t *ret_size)
{
	const struct elf_file *debug;

	TRY(target_load_module(target, module));
	enum cpeek_status status = !module->usable || !module->has_bias || !module->elf->has_symbol_table
					   ? dynamic_find_symbol(target, module, name, ret, ret_size)
					   : find_in_file(module, module->elf, name, ret, ret_size);
	if (status != CPEEK_NOT_FOUND || !module->has_bias)
		return status;
	TRY(module_load_debug(target, &target->modules[module - target->modules], &debug));
	return debug ? find_in_file(module, debug, name, ret, ret_size) : CPEEK_NOT_FOUND;
}

enum cpeek_status target_find_function(struct target *target, target_addr addr, const char **ret, uint64_t *ret_offset)
{
	const struct target_module *module = target_find_module(target, addr);
	enum cpeek_status status = CPEEK_NOT_FOUND;
	const struct elf_file *debug;

	if (!module)
		return CPEEK_NOT_FOUND;
	TRY(target_load_module(target, module));
	if (!module->has_bias)
		return CPEEK_NOT_FOUND;
	const uint64_t value = untag(target, addr) - module->bias;
	if (module->usable && module->elf->has_symbol_table)
		status = elf_file_find_function(module->elf, value, ret, ret_offset);
	if (status != CPEEK_NOT_FOUND)
		return status;
	TRY(module_load_debug(target, &target->modules[module - target->modules], &debug));
	return debug ? elf_file_find_function(module->debug, value, ret, ret_offset) : CPEEK_NOT_FOUND;
}

enum cpeek_status target_find_section(struct target *target, const struct target_module *module, const char *name,
				      target_addr *ret, uint64_t *ret_size)
{
	uint64_t address, size;

	TRY(target_load_module(target, module));
	if (!module->usable || !module->has_bias)
		return CPEEK_NOT_FOUND;
	TRY(elf_file_find_section(module->elf, name, &address, &size));
	*ret = address + module->bias;
	*ret_size = size;
	return CPEEK_OK;
}
