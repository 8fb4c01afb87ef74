/*
 * Memory that a debugger lends, a read at a time. Its mappings are not known, but for those of the modules that the
 * debugger names.
 */
#include "base/memory.h"
#include "base/vector.h"
#include "target/build.h"
#include "target/elf_file.h"
#include "target/module.h"

#include <elf.h>
#include <stdlib.h>

struct lent {
	int32_t (*read)(void *arg, uint64_t address, void *buffer, uint64_t length);
	void *arg;
};

static size_t lent_read(void *self, target_addr addr, void *buffer, size_t length, enum target_hole *hole)
{
	const struct lent *lent = self;

	if (lent->read(lent->arg, addr, buffer, length) == 0)
		return length;
	*hole = TARGET_HOLE_REFUSED;
	return 0;
}

static const struct target_ops lent_ops = {
	.read = lent_read,
	.destroy = memory_free,
};

typedef VECTOR(struct module_mapping) mapping_vector;

static struct module_mapping *push_mapping(mapping_vector *mappings, const char *path, target_addr start,
					   target_addr end)
{
	struct module_mapping *mapping = start < end ? VECTOR_PUSH(mappings) : NULL;
	if (mapping)
		*mapping = (struct module_mapping){
			.mapping = {.start = start, .end = end, .saved_end = end, .readable = true, .saved = true},
			.path = path,
		};
	return mapping;
}

/* The program headers, from memory or else from the file that has the module's path here. */
static enum cpeek_status read_header(struct target *target, const struct cpeek_module *module, struct elf_header *ret)
{
	unsigned char bytes[4096];
	struct elf_file *file;
	size_t size = target_read_own(target, module->load_address, bytes, sizeof(bytes));
	enum cpeek_status status = elf_header_init(ret, bytes, size);

	if (status == CPEEK_CORRUPT && module->path && elf_file_open(module->path, &file) == CPEEK_OK) {
		status = elf_header_init(ret, file->bytes, file->size);
		elf_file_close(file);
	}
	return status;
}

static enum cpeek_status add_module(struct target *target, const struct cpeek_module *module, mapping_vector *mappings)
{
	static const uint64_t page = 4096;
	const char *path = module->path ? module->path : "";
	struct elf_header header;
	const struct elf_segment *first = NULL;
	enum cpeek_status status = read_header(target, module, &header);

	if (status == CPEEK_NO_MEMORY)
		return target_set_no_memory(target);
	for (size_t i = 0; status == CPEEK_OK && i < header.segment_count && !first; i++)
		if (header.segments[i].type == PT_LOAD)
			first = &header.segments[i];
	if (!first) { /* only where it begins is known */
		elf_header_deinit(&header);
		return push_mapping(mappings, path, module->load_address, module->load_address + page)
			       ? CPEEK_OK
			       : target_set_no_memory(target);
	}
	target_addr bias = module->load_address + first->offset - first->vaddr;
	target_addr position = module->load_address;
	for (size_t i = 0; i < header.segment_count && status == CPEEK_OK; i++) {
		const struct elf_segment *segment = &header.segments[i];
		target_addr start = (bias + segment->vaddr) & ~(page - 1);
		target_addr end = (bias + segment->vaddr + segment->memsz + page - 1) & ~(page - 1);
		if (segment->type != PT_LOAD || segment->memsz == 0 || start < position || end <= start)
			continue; /* damaged: they are in order, and do not overlap */
		struct module_mapping *mapping = push_mapping(mappings, path, start, end);
		if (!mapping) {
			status = target_set_no_memory(target);
			break;
		}
		mapping->mapping.offset = segment->offset & ~(page - 1);
		mapping->mapping.readable = segment->flags & PF_R;
		mapping->mapping.writable = segment->flags & PF_W;
		mapping->mapping.executable = segment->flags & PF_X;
		position = end;
	}
	elf_header_deinit(&header);
	return status;
}

static int compare_mappings(const void *left, const void *right)
{
	const struct module_mapping *a = left, *b = right;
	return a->mapping.start < b->mapping.start ? -1 : a->mapping.start > b->mapping.start;
}

static enum cpeek_status add_modules(struct target *target, const struct cpeek_memory *memory)
{
	mapping_vector mappings = {0};
	enum cpeek_status status = CPEEK_OK;
	target_addr executable = memory->module_count > 0 ? memory->modules[0].load_address : 0;
	size_t kept = 0;

	for (uint64_t i = 0; i < memory->module_count && status == CPEEK_OK; i++)
		status = add_module(target, &memory->modules[i], &mappings);
	if (mappings.count > 0)
		qsort(mappings.items, mappings.count, sizeof(*mappings.items), compare_mappings);
	for (size_t i = 0; i < mappings.count; i++)
		if (kept == 0 || mappings.items[i].mapping.start >= mappings.items[kept - 1].mapping.end)
			mappings.items[kept++] = mappings.items[i];
	if (status == CPEEK_OK)
		status = module_build(target, mappings.items, kept, executable);
	VECTOR_DEINIT(&mappings);
	return status;
}

static enum cpeek_status add_threads(struct target *target, const struct cpeek_memory *memory)
{
	struct target_thread *threads = memory_calloc((size_t)memory->thread_count, sizeof(*threads));
	if (!threads)
		return target_set_no_memory(target);
	for (uint64_t i = 0; i < memory->thread_count; i++)
		threads[i] = (struct target_thread){
			.native_id = memory->threads[i].native_id,
			.inner_id = memory->threads[i].native_id,
			.thread_pointer = memory->threads[i].thread_pointer,
		};
	target_set_threads(target, threads, (size_t)memory->thread_count);
	return CPEEK_OK;
}

enum cpeek_status target_open_lent(const struct cpeek_memory *memory, const struct target_options *options,
				   struct error *error, struct target **ret)
{
	if (!memory->read || (memory->pointer_size != 4 && memory->pointer_size != 8))
		return error_set(error, CPEEK_USAGE, "lent memory needs a read function and a pointer_size of 4 or 8");

	struct target *target = target_alloc(TARGET_LENT, options, error);
	struct lent *lent = target ? memory_calloc(1, sizeof(*lent)) : NULL;
	if (!lent) {
		target_destroy(target);
		return error_set(error, CPEEK_NO_MEMORY, "out of memory");
	}
	*lent = (struct lent){memory->read, memory->arg};
	target->ops = &lent_ops;
	target->self = lent;
	target->pointer_size = memory->pointer_size;
	target->big_endian = memory->big_endian != 0;
	target->machine = memory->machine;
	enum cpeek_status status = add_threads(target, memory);
	if (status == CPEEK_OK)
		status = add_modules(target, memory);
	if (status != CPEEK_OK) {
		target_destroy(target);
		return status;
	}
	*ret = target;
	return CPEEK_OK;
}
