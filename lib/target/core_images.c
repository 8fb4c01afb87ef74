#include "target/core_images.h"
#include "target/build.h"
#include "target/dynamic.h"
#include "target/elf_header.h"
#include "target/module.h"

#include <elf.h>
#include <string.h>

enum {
	IMAGES_LIMIT = 4096,
	LINKS_LIMIT = 4096, /* of ld.so's list */
	PATH_SIZE = 4096,
};

struct image {
	struct target_module module; /* as far as dynamic_read() needs it */
	struct elf_header header;
	struct dynamic dynamic;
	const char *path;
};

typedef VECTOR(struct image) image_vector;

static void read_image(struct target *target, target_addr start, struct image *ret)
{
	unsigned char bytes[4096];
	struct elf_header header;
	size_t size = target_read_own(target, start, bytes, sizeof(bytes));
	enum cpeek_status status = elf_header_init(&header, bytes, size);

	*ret = (struct image){0};
	if (status == CPEEK_NO_MEMORY)
		target->no_memory = true;
	if (status != CPEEK_OK)
		return;
	ret->header = header;
	ret->module = (struct target_module){
		.start = start,
		.end = start,
		.segments = header.segments,
		.segment_count = header.segment_count,
	};
	for (size_t i = 0; i < header.segment_count; i++) {
		const struct elf_segment *segment = &header.segments[i];
		if (segment->type != PT_LOAD)
			continue;
		if (!ret->module.has_bias)
			ret->module.bias = start + segment->offset - segment->vaddr;
		ret->module.has_bias = true;
		target_addr end = ret->module.bias + segment->vaddr + segment->memsz;
		if (end > ret->module.end)
			ret->module.end = end;
	}
	if (ret->module.has_bias)
		(void)dynamic_read(target, &ret->module, &ret->dynamic);
}

static const char *read_path(struct target *target, target_addr addr, struct arena *arena)
{
	char path[PATH_SIZE];

	if (target_read_cstring(target, addr, path, sizeof(path)) != CPEEK_OK)
		return NULL;
	char *copy = arena_copy(arena, path, strlen(path));
	if (!copy)
		target->no_memory = true;
	return copy;
}

/* struct r_debug: r_version, r_map. struct link_map: l_addr (the bias), l_name, l_ld, l_next. */
static void name_by_links(struct target *target, image_vector *images, target_addr debug, struct arena *arena)
{
	size_t word = target->pointer_size;
	target_addr link, bias, name;

	if (target_read_pointer(target, debug + word, &link) != CPEEK_OK)
		return;
	for (size_t links = 0; link && links < LINKS_LIMIT; links++) {
		if (target_read_pointer(target, link, &bias) != CPEEK_OK ||
		    target_read_pointer(target, link + word, &name) != CPEEK_OK)
			return;
		for (size_t i = 0; i < images->count; i++)
			if (images->items[i].module.bias == bias && !images->items[i].path)
				images->items[i].path = read_path(target, name, arena);
		if (target_read_pointer(target, link + 3 * word, &link) != CPEEK_OK)
			return;
	}
}

static enum cpeek_status add_ranges(const struct target *target, const struct image *image, const char *path,
				    struct core_notes *notes)
{
	static const uint64_t page = 4096;

	for (size_t i = 0; i < image->header.segment_count; i++) {
		const struct elf_segment *segment = &image->header.segments[i];
		target_addr start = image->module.bias + segment->vaddr;
		target_addr end = (start + segment->filesz + page - 1) & ~(page - 1);
		start &= ~(page - 1);
		if (segment->type != PT_LOAD || segment->filesz == 0 || start >= end)
			continue;
		struct core_range *range = VECTOR_PUSH(&notes->ranges);
		if (!range)
			return target_set_no_memory(target);
		*range = (struct core_range){start, end, segment->offset & ~(page - 1), path};
	}
	return CPEEK_OK;
}

static struct image *find_executable(const image_vector *images)
{
	for (size_t i = 0; i < images->count; i++)
		if (images->items[i].dynamic.debug)
			return &images->items[i];
	return NULL;
}

static enum cpeek_status name_and_add(struct target *target, image_vector *images, struct core_notes *notes,
				      struct arena *arena)
{
	struct image *executable = find_executable(images);

	if (executable) {
		if (!notes->program_headers && !notes->entry)
			notes->entry = executable->module.start;
		if (notes->executable_name)
			executable->path = read_path(target, notes->executable_name, arena);
		name_by_links(target, images, executable->dynamic.debug, arena);
	}
	for (size_t i = 0; i < images->count; i++) {
		struct image *image = &images->items[i];
		if (!image->path && image->dynamic.has_soname)
			image->path = read_path(target, image->dynamic.strings + image->dynamic.soname, arena);
		TRY(add_ranges(target, image, image->path ? image->path : "", notes));
	}
	return CPEEK_OK;
}

enum cpeek_status core_images_find(struct target *target, const target_addr *starts, size_t count,
				   struct core_notes *notes, struct arena *arena)
{
	image_vector images = {0};
	enum cpeek_status status = CPEEK_OK;

	for (size_t i = 0; i < count && images.count < IMAGES_LIMIT; i++) {
		struct image image;
		read_image(target, starts[i], &image);
		if (!image.module.has_bias) {
			elf_header_deinit(&image.header);
			continue;
		}
		struct image *new = VECTOR_PUSH(&images);
		if (!new) {
			elf_header_deinit(&image.header);
			status = target_set_no_memory(target);
			break;
		}
		*new = image;
	}
	if (status == CPEEK_OK)
		status = name_and_add(target, &images, notes, arena);
	if (status == CPEEK_OK && target->no_memory)
		status = target_set_no_memory(target);
	for (size_t i = 0; i < images.count; i++)
		elf_header_deinit(&images.items[i].header);
	VECTOR_DEINIT(&images);
	return status;
}
