/*
 * Which file on this machine a module is, and whether its bytes may stand for the target's: only those of a file with
 * the same build id, or, where one side has none, with the same bytes wherever both have some.
 */
#include "base/memory.h"
#include "base/strbuf.h"
#include "target/build.h"
#include "target/build_ids.h"
#include "target/debuginfod.h"
#include "target/dynamic.h"
#include "target/module.h"

#include <elf.h>
#include <string.h>

enum { OVERLAP_LIMIT = 64 * 1024 };     /* bytes of each mapping to compare with a file that has no build id */
static const uint64_t PAGE_MASK = 4095; /* the smallest page; larger ones are multiples */

/* A PT_LOAD that the process may write, or that ld.so relocates, has these bytes of the file. */
static bool is_written(const struct elf_header *header, uint64_t offset, uint64_t length)
{
	for (size_t i = 0; i < header->segment_count; i++) {
		const struct elf_segment *segment = &header->segments[i];
		uint64_t start = segment->offset & ~PAGE_MASK;
		if (segment->type == PT_LOAD && (segment->flags & PF_W) && start < offset + length &&
		    offset < segment->offset + segment->filesz)
			return true;
	}
	return false;
}

static const struct target_mapping *first_mapping(const struct target *target, uint32_t index)
{
	for (size_t i = 0; i < target->mapping_count; i++)
		if (target->mappings[i].module == index)
			return &target->mappings[i];
	return NULL;
}

/* What the bytes say that both have, and that never change. */
enum match { MATCH_UNKNOWN, MATCH_SAME, MATCH_OTHER };

static enum match compare_dynamic(struct target *target, uint32_t index, const struct elf_file *file)
{
	const struct target_mapping *mapping = first_mapping(target, index);
	target_addr bias;

	if (!mapping || !module_find_bias(file->header.segments, file->header.segment_count, mapping->start,
					  mapping->end - mapping->start, mapping->offset, &bias))
		return MATCH_UNKNOWN;
	switch (dynamic_compare(target, bias, &file->header, file->bytes, file->size)) {
	case DYNAMIC_SAME:
		return MATCH_SAME;
	case DYNAMIC_OTHER:
		return MATCH_OTHER;
	case DYNAMIC_UNKNOWN:
		break;
	}
	return MATCH_UNKNOWN;
}

/* The page size that the module's mappings show: up to 64 KiB. More than it is makes no difference. */
static uint64_t find_page_size(const struct target *target, uint32_t index)
{
	uint64_t bits = 0x10000;

	for (size_t i = 0; i < target->mapping_count; i++)
		if (target->mappings[i].module == index)
			bits |= target->mappings[i].start | target->mappings[i].end | target->mappings[i].offset;
	return bits & -bits;
}

static bool starts_at(const struct target *target, uint32_t index, target_addr start, uint64_t offset)
{
	for (size_t i = 0; i < target->mapping_count; i++)
		if (target->mappings[i].module == index && target->mappings[i].start == start &&
		    target->mappings[i].offset == offset)
			return true;
	return false;
}

static bool ends_at(const struct target *target, uint32_t index, target_addr end)
{
	for (size_t i = 0; i < target->mapping_count; i++)
		if (target->mappings[i].module == index && target->mappings[i].end == end)
			return true;
	return false;
}

/* Whether an ELF file would have been mapped as the module was: each PT_LOAD from its first page on and, if none of it
 * was made read-only later on, up to its last. */
static bool has_same_segments(const struct target *target, uint32_t index, const struct elf_header *header)
{
	const struct target_mapping *first = first_mapping(target, index);
	const uint64_t mask = find_page_size(target, index) - 1;
	target_addr bias;

	if (!first || header->segment_count == 0)
		return true;
	if (!module_find_bias(header->segments, header->segment_count, first->start, first->end - first->start,
			      first->offset, &bias))
		return false;
	for (size_t i = 0; i < header->segment_count; i++) {
		const struct elf_segment *segment = &header->segments[i];
		target_addr start = bias + segment->vaddr, end = start + segment->filesz;
		if (segment->type != PT_LOAD || segment->filesz == 0)
			continue;
		if (!starts_at(target, index, start & ~mask, segment->offset & ~mask) ||
		    (!(segment->flags & PF_W) && !ends_at(target, index, (end + mask) & ~mask)))
			return false;
	}
	return true;
}

static enum match compare_bytes(struct target *target, uint32_t index, const struct elf_file *file)
{
	unsigned char bytes[4096];
	uint64_t compared = 0;

	if (!has_same_segments(target, index, &file->header))
		return MATCH_OTHER;
	for (size_t i = 0; i < target->mapping_count; i++) {
		const struct target_mapping *mapping = &target->mappings[i];
		uint64_t length = mapping->saved_end - mapping->start;
		if (mapping->module != index || mapping->writable || length == 0 ||
		    is_written(&file->header, mapping->offset, length))
			continue;
		for (uint64_t at = 0; at < length && at < OVERLAP_LIMIT;) {
			uint64_t offset = mapping->offset + at;
			size_t part = length - at < sizeof(bytes) ? (size_t)(length - at) : sizeof(bytes);
			if (offset >= file->size)
				break; /* zeroes, up to the end of the page */
			if (part > file->size - offset)
				part = (size_t)(file->size - offset);
			if (target_read_own(target, mapping->start + at, bytes, part) != part)
				break;
			if (memcmp(bytes, file->bytes + offset, part) != 0)
				return MATCH_OTHER;
			compared += part;
			at += part;
		}
	}
	return compared > 0 ? MATCH_SAME : compare_dynamic(target, index, file);
}

static bool has_build_id(const struct elf_file *file, const uint8_t *id, size_t length)
{
	return length > 0 && file->build_id_length == length && memcmp(file->build_id, id, length) == 0;
}

struct candidate {
	struct elf_file *elf;
	char *path;
	enum target_file_state state;
	bool usable;
};

static int rank(const struct candidate *candidate)
{
	switch (candidate->state) {
	case TARGET_FILE_VERIFIED:
		return 4;
	case TARGET_FILE_UNVERIFIED:
		return candidate->usable ? 3 : 2;
	case TARGET_FILE_MISMATCH:
		return 1;
	case TARGET_FILE_UNKNOWN:
	case TARGET_FILE_MISSING:
		break;
	}
	return 0;
}

static void judge(struct target *target, const struct target_module *module, struct candidate *candidate)
{
	uint32_t index = (uint32_t)(module - target->modules);

	if (module->build_id_length > 0 && candidate->elf->build_id_length > 0) {
		candidate->usable = has_build_id(candidate->elf, module->build_id, module->build_id_length);
		candidate->state = candidate->usable ? TARGET_FILE_VERIFIED : TARGET_FILE_MISMATCH;
		return;
	}
	enum match match = compare_bytes(target, index, candidate->elf);
	candidate->usable = match == MATCH_SAME;
	candidate->state = match == MATCH_OTHER ? TARGET_FILE_MISMATCH : TARGET_FILE_UNVERIFIED;
}

enum trust {
	TRUST_NAME, /* it has the module's name: keep it even if it is another build, for that to be told */
	TRUST_ID,   /* it may be anything: only its build id counts */
};

/* Keeps the file at path if it is a better one than best. */
static enum cpeek_status try_file(struct target *target, const struct target_module *module, const char *path,
				  enum trust trust, struct candidate *best)
{
	struct candidate new = {0};
	enum cpeek_status status;

	if (best->state == TARGET_FILE_VERIFIED)
		return CPEEK_OK;
	status = elf_file_open(path, &new.elf);
	if (status == CPEEK_NOT_FOUND)
		return CPEEK_OK;
	if (status != CPEEK_OK)
		return status;
	/* The bytes of a mapped file that is no ELF file count too, but no program's. */
	bool is_wrong = new.elf->symbols_only || (!new.elf->elf &&path == target->exe);
	if (!is_wrong)
		judge(target, module, &new);
	if (rank(&new) <= rank(best) || (trust == TRUST_ID && new.state != TARGET_FILE_VERIFIED)) {
		elf_file_close(new.elf);
		return CPEEK_OK;
	}
	new.path = memory_strdup(path);
	if (!new.path) {
		elf_file_close(new.elf);
		return CPEEK_NO_MEMORY;
	}
	elf_file_close(best->elf);
	memory_free(best->path);
	*best = new;
	return CPEEK_OK;
}

/* The kernel marks a file that is gone; another one may have its name now, and the build ids tell. */
static size_t path_length(const char *path)
{
	static const char deleted[] = " (deleted)";
	size_t length = strlen(path), suffix = sizeof(deleted) - 1;

	return length > suffix && strcmp(path + length - suffix, deleted) == 0 ? length - suffix : length;
}

/* What the kernel shows of a live process's own files. */
static enum cpeek_status try_proc(struct target *target, const struct target_module *module, struct strbuf *path,
				  struct candidate *best)
{
	const uint32_t index = (uint32_t)(module - target->modules);
	const struct target_mapping *mapping = first_mapping(target, index);
	const unsigned long long id = target->proc_id;

	/* The very file, deleted or not, in whatever namespace: needs CAP_CHECKPOINT_RESTORE. */
	if (mapping) {
		strbuf_clear(path);
		strbuf_printf(path, "/proc/%llu/map_files/%llx-%llx", id, (unsigned long long)mapping->start,
			      (unsigned long long)mapping->end);
		TRY(try_file(target, module, strbuf_text(path), TRUST_NAME, best));
	}
	if (index == 0) {
		strbuf_clear(path);
		strbuf_printf(path, "/proc/%llu/exe", id);
		TRY(try_file(target, module, strbuf_text(path), TRUST_ID, best));
	}
	strbuf_clear(path);
	strbuf_printf(path, "/proc/%llu/root%.*s", id, (int)path_length(module->path), module->path);
	return try_file(target, module, strbuf_text(path), TRUST_NAME, best);
}

enum cpeek_status module_need_build_ids(struct target *target)
{
	return target->build_ids ? CPEEK_OK : build_ids_create(target->debug_dirs, target->host, &target->build_ids);
}

static enum cpeek_status try_build_ids(struct target *target, const struct target_module *module,
				       struct candidate *best)
{
	const char *path;

	if (!target->debug_dirs || module->build_id_length == 0)
		return CPEEK_OK;
	TRY(module_need_build_ids(target));
	for (size_t at = 0; best->state != TARGET_FILE_VERIFIED;) {
		enum cpeek_status status =
			build_ids_next(target->build_ids, module->build_id, module->build_id_length, &at, &path);
		if (status == CPEEK_END)
			break;
		TRY(status);
		TRY(try_file(target, module, path, TRUST_ID, best));
	}
	return CPEEK_OK;
}

static enum cpeek_status try_files(struct target *target, const struct target_module *module, struct strbuf *path,
				   struct candidate *best)
{
	int length = (int)path_length(module->path);

	if (module == target->modules && target->exe)
		return try_file(target, module, target->exe, TRUST_NAME, best);
	if (module->path[0] == '/') {
		if (target->sysroot) {
			strbuf_printf(path, "%s%.*s", target->sysroot, length, module->path);
			TRY(try_file(target, module, strbuf_text(path), TRUST_NAME, best));
		}
		if (target->kind == TARGET_LIVE)
			TRY(try_proc(target, module, path, best));
		strbuf_clear(path);
		strbuf_append(path, module->path, (size_t)length);
		TRY(try_file(target, module, strbuf_text(path), TRUST_NAME, best));
	}
	/* A program that ld.so was told to run is not the executable of the process. */
	if (target->exe)
		TRY(try_file(target, module, target->exe, TRUST_ID, best));
	return try_build_ids(target, module, best);
}

/* The program headers of a file, when memory has not shown them. */
static enum cpeek_status take_header(struct target *target, struct target_module *module,
				     const struct elf_header *header)
{
	const struct target_mapping *mapping = first_mapping(target, (uint32_t)(module - target->modules));

	if (module->segment_count > 0 || header->segment_count == 0)
		return CPEEK_OK;
	module->segments = memory_calloc(header->segment_count, sizeof(*module->segments));
	if (!module->segments)
		return CPEEK_NO_MEMORY;
	memcpy(module->segments, header->segments, header->segment_count * sizeof(*module->segments));
	module->segment_count = header->segment_count;
	module->has_elf_header |= mapping && mapping->offset == 0;
	module->has_bias = mapping && module_find_bias(module->segments, module->segment_count, mapping->start,
						       mapping->end - mapping->start, mapping->offset, &module->bias);
	return CPEEK_OK;
}

/* Gives the module what was found, which it takes over. */
static enum cpeek_status take_candidate(struct target *target, struct target_module *module, struct candidate *best)
{
	bool usable = best->elf && (best->usable || target->use_mismatched);

	if (usable && take_header(target, module, &best->elf->header) != CPEEK_OK)
		return CPEEK_NO_MEMORY;
	elf_file_close(module->elf);
	memory_free(module->file);
	module->usable = usable;
	module->elf = best->elf;
	module->file = best->path;
	module->state = best->state;
	module->file_build_id_length = best->elf ? best->elf->build_id_length : 0;
	if (best->elf)
		memcpy(module->file_build_id, best->elf->build_id, best->elf->build_id_length);
	return CPEEK_OK;
}

static enum cpeek_status finish(struct target *target, struct target_module *module, enum cpeek_status status,
				struct candidate *best)
{
	if (status == CPEEK_OK)
		status = take_candidate(target, module, best);
	if (status == CPEEK_OK)
		return CPEEK_OK;
	elf_file_close(best->elf);
	memory_free(best->path);
	return target_set_no_memory(target);
}

enum cpeek_status module_load(struct target *target, struct target_module *module)
{
	struct candidate best = {.state = TARGET_FILE_MISSING};
	struct strbuf path = {0};

	if (module->state != TARGET_FILE_UNKNOWN)
		return CPEEK_OK;
	enum cpeek_status status = try_files(target, module, &path, &best);
	if (strbuf_failed(&path))
		status = CPEEK_NO_MEMORY;
	strbuf_deinit(&path);
	return finish(target, module, status, &best);
}

/* From a debuginfod server, if the user's environment names one: only for bytes that are needed and not here. */
static enum cpeek_status download(struct target *target, struct target_module *module)
{
	struct candidate best = {.state = TARGET_FILE_MISSING};
	char *path = NULL;

	if (module->usable || module->downloaded || module->build_id_length == 0 || !debuginfod_is_wanted())
		return CPEEK_OK;
	module->downloaded = true;
	if (!target->debuginfod)
		TRY(debuginfod_create(target->host, &target->debuginfod));
	TRY(debuginfod_find(target->debuginfod, module->build_id, module->build_id_length, module->path, &path));
	enum cpeek_status status = path ? try_file(target, module, path, TRUST_ID, &best) : CPEEK_OK;
	memory_free(path);
	if (status == CPEEK_OK && !best.elf)
		return CPEEK_OK;
	return finish(target, module, status, &best);
}

/* ---- Its bytes ----------------------------------------------------------------------------------------------- */

bool module_window(struct target *target, target_addr addr, struct target_window *ret, enum target_hole *hole)
{
	const struct target_mapping *mapping = target_find_mapping(target, addr);

	if (!mapping)
		return false;
	if (*hole == TARGET_HOLE_UNMAPPED)
		*hole = TARGET_HOLE_NOT_SAVED;
	if (mapping->module == MODULE_NONE || mapping->writable)
		return false;
	struct target_module *module = &target->modules[mapping->module];
	if (module_load(target, module) != CPEEK_OK || download(target, module) != CPEEK_OK) {
		target->no_memory = true;
		return false;
	}
	if (!module->usable) {
		if (module->state == TARGET_FILE_MISMATCH)
			*hole = TARGET_HOLE_MISMATCH;
		return false;
	}
	target_addr start = mapping->saved_end, end = mapping->end;
	for (size_t i = 0; module->has_bias && i < module->segment_count; i++) {
		const struct elf_segment *segment = &module->segments[i];
		if (segment->type != PT_LOAD || !(segment->flags & PF_W))
			continue;
		/* What the process could change, or ld.so relocated: the file does not know it. */
		target_addr low = (module->bias + segment->vaddr) & ~PAGE_MASK;
		target_addr high = (module->bias + segment->vaddr + segment->memsz + PAGE_MASK) & ~PAGE_MASK;
		if (addr >= low && addr < high)
			return false;
		if (high <= addr && high > start)
			start = high;
		if (low > addr && low < end)
			end = low;
	}
	uint64_t offset = mapping->offset + (start - mapping->start);
	if (addr < start || offset < mapping->offset || offset >= module->elf->size)
		return false;
	if (end - start > module->elf->size - offset)
		end = start + (module->elf->size - offset);
	if (addr >= end)
		return false;
	*ret = (struct target_window){start, end - start, module->elf->bytes + offset, true};
	return true;
}
