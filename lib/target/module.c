#include "target/module.h"
#include "base/memory.h"
#include "base/vector.h"
#include "target/build.h"
#include "target/elf_file.h"

#include <elf.h>
#include <string.h>

enum {
	HEADER_BYTES = 4096,    /* of a mapped file's first page: all that a kernel core saves of it */
	LOOK_BACK = 16,         /* modules, for one of the same path that goes on behind another's mappings */
	NOTES_LIMIT = 8 * 1024, /* bytes of a note segment to look for a build id in */
};
/* No file is larger in memory; a damaged header does not stretch a module further. */
static const uint64_t EXTENT_LIMIT = (uint64_t)4 << 30;
static const uint64_t PAGE_MASK = 4095; /* the smallest page; larger ones are multiples */

struct build {
	struct target *target;
	VECTOR(struct target_module) modules;
};

static void deinit_module(struct target_module *module)
{
	memory_free(module->path);
	memory_free(module->file);
	memory_free(module->segments);
	elf_file_close(module->elf);
	elf_file_close(module->debug);
}

static void free_modules(struct target_module *modules, size_t count)
{
	for (size_t i = 0; i < count; i++)
		deinit_module(&modules[i]);
	memory_free(modules);
}

void module_free_all(struct target *target)
{
	free_modules(target->modules, target->module_count);
	memory_free(target->mappings);
	memory_free(target->module_order);
	target->modules = NULL;
	target->mappings = NULL;
	target->module_order = NULL;
	target->module_count = target->mapping_count = 0;
}

/* ---- From memory ------------------------------------------------------------------------------------------- */

bool module_find_bias(const struct elf_segment *segments, size_t count, target_addr start, uint64_t length,
		      uint64_t offset, target_addr *ret)
{
	for (size_t i = 0; i < count; i++) {
		const struct elf_segment *segment = &segments[i];
		if (segment->type != PT_LOAD || segment->filesz == 0)
			continue;
		bool inside = offset >= segment->offset && offset - segment->offset < segment->filesz;
		/* The mapping starts at a page, the segment anywhere in it. Pages have up to 64 KiB. */
		bool begins = segment->offset >= offset && segment->offset - offset < length &&
			      segment->offset - offset < 0x10000;
		if (inside || begins) {
			*ret = start + (segment->offset - offset) - segment->vaddr;
			return true;
		}
	}
	return false;
}

static void read_build_id(struct target *target, struct target_module *module, bool big_endian)
{
	unsigned char notes[NOTES_LIMIT];

	for (size_t i = 0; i < module->segment_count && module->build_id_length == 0; i++) {
		const struct elf_segment *segment = &module->segments[i];
		if (segment->type != PT_NOTE)
			continue;
		size_t size = segment->filesz < sizeof(notes) ? (size_t)segment->filesz : sizeof(notes);
		size = target_read_own(target, module->bias + segment->vaddr, notes, size);
		(void)note_find_build_id(notes, size, big_endian, segment->align, module->build_id,
					 &module->build_id_length);
	}
}

/* What the ELF header in memory tells; nothing when there is none. */
static void read_header(struct target *target, struct target_module *module, const struct target_mapping *mapping)
{
	unsigned char bytes[HEADER_BYTES];
	struct elf_header header;
	uint64_t length = mapping->end - mapping->start;
	size_t size = target_read_own(target, mapping->start, bytes,
				      length < sizeof(bytes) ? (size_t)length : sizeof(bytes));
	enum cpeek_status status = elf_header_init(&header, bytes, size);

	if (status == CPEEK_NO_MEMORY)
		target->no_memory = true;
	if (status != CPEEK_OK)
		return;
	module->has_elf_header = true;
	module->segments = header.segments;
	module->segment_count = header.segment_count;
	module->has_bias =
		module_find_bias(module->segments, module->segment_count, mapping->start, length, 0, &module->bias);
	if (module->has_bias)
		read_build_id(target, module, header.big_endian);
}

/* The end of its last segment in memory, as far as it can be believed; start when not known. */
static target_addr find_extent(const struct target_module *module)
{
	target_addr end = module->start;

	for (size_t i = 0; module->has_bias && i < module->segment_count; i++) {
		const struct elf_segment *segment = &module->segments[i];
		target_addr segment_end = module->bias + segment->vaddr + segment->memsz;
		if (segment->type == PT_LOAD && segment_end > end && segment_end - module->start <= EXTENT_LIMIT)
			end = segment_end;
	}
	return end;
}

/* The module that a mapping goes on with, or NULL: the same file loaded twice makes two. */
static struct target_module *find_open_module(struct build *build, const struct module_mapping *mapping)
{
	size_t count = build->modules.count;
	target_addr start = mapping->mapping.start;

	for (size_t back = 1; back <= count && back <= LOOK_BACK; back++) {
		struct target_module *module = &build->modules.items[count - back];
		if (strcmp(module->path, mapping->path) != 0)
			continue;
		target_addr extent = find_extent(module);
		if (start < extent)
			return module;
		/* No header tells how far it goes. */
		if (extent == module->start && back == 1)
			return module;
	}
	return NULL;
}

static enum cpeek_status add_mapping(struct build *build, const struct module_mapping *from,
				     struct target_mapping *ret)
{
	struct target *target = build->target;

	*ret = from->mapping;
	ret->module = MODULE_NONE;
	if (!from->path)
		return CPEEK_OK;
	struct target_module *module = find_open_module(build, from);
	if (!module) {
		char *path = memory_strdup(from->path);
		module = path ? VECTOR_PUSH(&build->modules) : NULL;
		if (!module) {
			memory_free(path);
			return target_set_no_memory(target);
		}
		*module = (struct target_module){.path = path, .start = ret->start};
	}
	module->end = ret->end;
	ret->module = (uint32_t)(module - build->modules.items);
	if (ret->offset == 0 && !module->has_elf_header) {
		read_header(target, module, ret);
		if (target->no_memory) {
			target->no_memory = false;
			return target_set_no_memory(target);
		}
	}
	return CPEEK_OK;
}

/* .bss goes on behind the last mapping of the file, but never into the next module. */
static void stretch_ends(struct target_module *modules, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		target_addr extent = find_extent(&modules[i]);
		if (i + 1 < count && extent > modules[i + 1].start)
			extent = modules[i + 1].start;
		if (extent > modules[i].end)
			modules[i].end = extent;
	}
}

/* Which mappings may be executed and written is not in an NT_FILE note, but in the program headers. */
static void set_access(const struct target_module *modules, struct target_mapping *mapping)
{
	if (mapping->module == MODULE_NONE)
		return;
	const struct target_module *module = &modules[mapping->module];
	mapping->readable = true;
	for (size_t i = 0; module->has_bias && i < module->segment_count; i++) {
		const struct elf_segment *segment = &module->segments[i];
		if (segment->type == PT_LOAD && mapping->start - module->bias - (segment->vaddr & ~PAGE_MASK) <
							segment->memsz + (segment->vaddr & PAGE_MASK))
			mapping->executable = segment->flags & PF_X;
	}
}

static void move_to_front(struct target_module *modules, struct target_mapping *mappings, size_t mapping_count,
			  uint32_t *order, size_t count, target_addr inside_executable)
{
	uint32_t first = 0;

	for (size_t i = 0; i < mapping_count; i++)
		if (inside_executable - mappings[i].start < mappings[i].end - mappings[i].start &&
		    mappings[i].module != MODULE_NONE)
			first = mappings[i].module;
	for (uint32_t i = 0; i < count; i++)
		order[i] = i == first ? 0 : i < first ? i + 1 : i;
	if (first == 0)
		return;
	struct target_module executable = modules[first];
	memmove(modules + 1, modules, first * sizeof(*modules));
	modules[0] = executable;
	for (size_t i = 0; i < mapping_count; i++)
		if (mappings[i].module != MODULE_NONE && mappings[i].module <= first)
			mappings[i].module = order[mappings[i].module];
}

enum cpeek_status module_build(struct target *target, const struct module_mapping *mappings, size_t count,
			       target_addr inside_executable)
{
	struct build build = {.target = target};
	struct target_mapping *made = memory_calloc(count, sizeof(*made));
	enum cpeek_status status = CPEEK_OK;
	uint32_t *order = NULL;

	if (!made)
		return target_set_no_memory(target);
	for (size_t i = 0; i < count && status == CPEEK_OK; i++)
		status = add_mapping(&build, &mappings[i], &made[i]);
	if (status == CPEEK_OK && !(order = memory_calloc(build.modules.count, sizeof(*order))))
		status = target_set_no_memory(target);
	if (status != CPEEK_OK) {
		free_modules(build.modules.items, build.modules.count);
		memory_free(made);
		return status;
	}
	stretch_ends(build.modules.items, build.modules.count);
	for (size_t i = 0; i < count; i++)
		if (mappings[i].access_unknown)
			set_access(build.modules.items, &made[i]);
	move_to_front(build.modules.items, made, count, order, build.modules.count, inside_executable);

	module_free_all(target);
	target->mappings = made;
	target->mapping_count = count;
	target->modules = build.modules.items;
	target->module_count = build.modules.count;
	target->module_order = order;
	return CPEEK_OK;
}
