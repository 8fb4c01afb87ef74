#include "target/core_images.h"
#include "base/strbuf.h"
#include "target/build.h"
#include "target/dynamic.h"
#include "target/elf_file.h"
#include "target/link_map.h"
#include "target/module.h"

#include <elf.h>
#include <string.h>

enum {
	IMAGES_LIMIT = 4096,
	PLACES_LIMIT = 64, /* of one image without a header */
	PATH_SIZE = 4096,
};
static const uint64_t PAGE = 4096;
static const uint64_t NO_OFFSET = (uint64_t)1 << 62; /* behind the end of any file */

struct image {
	struct target_module module; /* as far as dynamic_read() needs it */
	struct elf_header header;
	struct dynamic dynamic;
	const char *path;
	target_addr dynamic_at; /* of its PT_DYNAMIC, by ld.so's list */
};

struct search {
	struct target *target;
	const struct core_place *places;
	size_t place_count;
	struct core_notes *notes;
	struct arena *arena;
	VECTOR(struct image) images;
};

/* The first page of a file whose code is short is mapped twice: with the code, and where the data begins in it. */
static bool find_bias(const struct elf_header *header, const struct core_place *place, target_addr *ret)
{
	const struct elf_segment *found = NULL;

	for (size_t i = 0; i < header->segment_count; i++) {
		const struct elf_segment *segment = &header->segments[i];
		if (segment->type != PT_LOAD || segment->offset >= PAGE)
			continue;
		bool alike = !((segment->flags ^ place->flags) & PF_X);
		if (!found || (alike && ((found->flags ^ place->flags) & PF_X)))
			found = segment;
	}
	if (found)
		*ret = place->start + found->offset - found->vaddr;
	return found != NULL;
}

static void read_image(struct target *target, const struct core_place *place, struct image *ret)
{
	unsigned char bytes[4096];
	struct elf_header header;
	size_t size = target_read_own(target, place->start, bytes, sizeof(bytes));
	enum cpeek_status status = elf_header_init(&header, bytes, size);

	*ret = (struct image){0};
	if (status == CPEEK_NO_MEMORY)
		target->no_memory = true;
	if (status != CPEEK_OK)
		return;
	ret->header = header;
	ret->module = (struct target_module){
		.start = place->start,
		.end = place->start,
		.segments = header.segments,
		.segment_count = header.segment_count,
	};
	ret->module.has_bias = find_bias(&header, place, &ret->module.bias);
	for (size_t i = 0; i < header.segment_count; i++) {
		const struct elf_segment *segment = &header.segments[i];
		if (segment->type != PT_LOAD)
			continue;
		target_addr start = (ret->module.bias + segment->vaddr) & ~(PAGE - 1);
		target_addr end = ret->module.bias + segment->vaddr + segment->memsz;
		if (start < ret->module.start)
			ret->module.start = start;
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

/* ---- ld.so's list ------------------------------------------------------------------------------------------ */

static struct image *find_executable(const struct search *search)
{
	for (size_t i = 0; i < search->images.count; i++)
		if (search->images.items[i].dynamic.debug)
			return &search->images.items[i];
	return NULL;
}

static struct image *find_image(const struct search *search, const struct link_map_entry *link)
{
	for (size_t i = 0; i < search->images.count; i++)
		if (search->images.items[i].module.bias == link->bias &&
		    (search->images.items[i].header.segment_count > 0 ||
		     search->images.items[i].dynamic_at == link->dynamic))
			return &search->images.items[i];
	return NULL;
}

static enum cpeek_status add_image(struct search *search, const struct image *image)
{
	struct image *new = VECTOR_PUSH(&search->images);

	if (!new)
		return target_set_no_memory(search->target);
	*new = *image;
	return CPEEK_OK;
}

/* Names the images, and adds those whose headers were not saved. The first link is the executable's. */
static enum cpeek_status follow_links(struct search *search, target_addr debug)
{
	struct target *target = search->target;
	struct link_map_entry link;
	target_addr at;

	if (link_map_read_first(target, debug, &at) != CPEEK_OK)
		return CPEEK_OK;
	for (size_t links = 0; at && links < LINK_MAP_LIMIT; links++, at = link.next) {
		if (link_map_read(target, at, &link) != CPEEK_OK)
			break;
		struct image *image = find_image(search, &link);
		if (!image) {
			const struct image new = {
				.module = {.bias = link.bias, .has_bias = true},
				.dynamic_at = link.dynamic,
			};
			TRY(add_image(search, &new));
			image = &search->images.items[search->images.count - 1];
		}
		if (links == 0 && !image->path && search->notes->executable_name)
			image->path = read_path(target, search->notes->executable_name, search->arena);
		if (!image->path)
			image->path = read_path(target, link.name, search->arena);
	}
	return CPEEK_OK;
}

/* No ld.so, and no list of it. */
static enum cpeek_status add_static_executable(struct search *search)
{
	const struct core_notes *notes = search->notes;
	struct image image = {.module.has_bias = true};

	for (size_t i = 0; i < search->images.count; i++) {
		const struct target_module *module = &search->images.items[i].module;
		if (notes->program_headers >= module->start && notes->program_headers < module->end)
			return CPEEK_OK;
	}
	if (notes->executable_name)
		image.path = read_path(search->target, notes->executable_name, search->arena);
	return add_image(search, &image);
}

/* ---- Headers from files ------------------------------------------------------------------------------------ */

static const struct core_place *find_place(const struct search *search, target_addr addr)
{
	for (size_t i = 0; i < search->place_count; i++)
		if (addr >= search->places[i].start && addr < search->places[i].end)
			return &search->places[i];
	return NULL;
}

/* Where the image begins: at its bias, but for an executable that is linked to an address of its own. */
static const struct core_place *find_first_place(const struct search *search, const struct image *image)
{
	target_addr begin = image->module.bias ? image->module.bias : search->notes->program_headers;
	const struct core_place *place = begin ? find_place(search, begin) : NULL;

	return place && (place->start == begin || !image->module.bias) ? place : NULL;
}

/* Whether a file can be the image's: its PT_DYNAMIC is where ld.so found it. */
static bool fits(const struct target *target, const struct image *image, const struct elf_header *header)
{
	if (header->machine != target->machine || header->pointer_size != target->pointer_size ||
	    header->big_endian != target->big_endian)
		return false;
	for (size_t i = 0; i < header->segment_count; i++)
		if (header->segments[i].type == PT_DYNAMIC)
			return image->module.bias + header->segments[i].vaddr == image->dynamic_at;
	return false;
}

/* The text of PT_INTERP, NULL when there is none. */
static const char *find_interpreter(struct search *search, const struct elf_file *file)
{
	for (size_t i = 0; i < file->header.segment_count; i++) {
		const struct elf_segment *segment = &file->header.segments[i];
		if (segment->type != PT_INTERP || segment->offset >= file->size)
			continue;
		size_t room = file->size - (size_t)segment->offset;
		size_t length =
			strnlen((const char *)file->bytes + segment->offset, room < PATH_SIZE ? room : PATH_SIZE);
		const char *copy = arena_copy(search->arena, (const char *)file->bytes + segment->offset, length);
		if (!copy)
			search->target->no_memory = true;
		return copy;
	}
	return NULL;
}

static bool take_file(struct search *search, struct image *image, const char *path)
{
	struct elf_file *file;
	enum cpeek_status status = elf_file_open(path, &file);

	if (status == CPEEK_NO_MEMORY)
		search->target->no_memory = true;
	if (status != CPEEK_OK)
		return false;
	bool fitting = fits(search->target, image, &file->header);
	if (fitting) {
		const char *interpreter = find_interpreter(search, file);
		for (size_t i = 0; interpreter && i < search->images.count; i++) {
			struct image *other = &search->images.items[i];
			if (other->module.bias == search->notes->ld_so && (!other->path || !*other->path))
				other->path = interpreter;
		}
		image->header = file->header;
		file->header = (struct elf_header){0};
	}
	elf_file_close(file);
	return fitting;
}

static void read_file_header(struct search *search, struct image *image, bool is_executable)
{
	const struct target *target = search->target;
	struct strbuf path = {0};

	if (is_executable && target->exe && take_file(search, image, target->exe))
		return;
	if (!image->path || image->path[0] != '/')
		return;
	if (target->sysroot)
		strbuf_printf(&path, "%s%s", target->sysroot, image->path);
	if (strbuf_failed(&path))
		search->target->no_memory = true;
	else if (!target->sysroot || !take_file(search, image, strbuf_text(&path)))
		(void)take_file(search, image, image->path);
	strbuf_deinit(&path);
}

/* ---- Ranges ------------------------------------------------------------------------------------------------ */

static enum cpeek_status add_range(struct search *search, target_addr start, target_addr end, uint64_t offset,
				   const char *path)
{
	struct core_range *range = VECTOR_PUSH(&search->notes->ranges);

	if (!range)
		return target_set_no_memory(search->target);
	*range = (struct core_range){start, end, offset, path};
	return CPEEK_OK;
}

static enum cpeek_status add_ranges(struct search *search, const struct image *image, const char *path)
{
	for (size_t i = 0; i < image->header.segment_count; i++) {
		const struct elf_segment *segment = &image->header.segments[i];
		target_addr start = image->module.bias + segment->vaddr;
		target_addr end = (start + segment->filesz + PAGE - 1) & ~(PAGE - 1);
		start &= ~(PAGE - 1);
		if (segment->type == PT_LOAD && segment->filesz != 0 && start < end)
			TRY(add_range(search, start, end, segment->offset & ~(PAGE - 1), path));
	}
	return CPEEK_OK;
}

/* Without any header: from its first place on, as far as the next ones go on without a gap, and begin no other image,
 * whose first is executable. Where in the file that is, is known of the first alone. */
static enum cpeek_status add_guessed_ranges(struct search *search, const struct image *image, const char *path)
{
	const struct core_place *first = find_first_place(search, image);
	const struct core_place *end = search->places + search->place_count;

	for (const struct core_place *place = first; place && place < end && place - first < PLACES_LIMIT; place++) {
		if (place > first && (place->start != place[-1].end || (place->flags & PF_X)))
			break;
		TRY(add_range(search, place->start, place->end,
			      place == first ? 0 : NO_OFFSET + (place->start - first->start), path));
	}
	return CPEEK_OK;
}

static enum cpeek_status name_and_add(struct search *search)
{
	struct target *target = search->target;
	struct core_notes *notes = search->notes;
	struct image *executable = find_executable(search);
	target_addr debug = executable ? executable->dynamic.debug : 0;

	if (executable && !notes->program_headers && !notes->entry)
		notes->entry = executable->module.start;
	if (executable && notes->executable_name)
		executable->path = read_path(target, notes->executable_name, search->arena);
	if (debug || link_map_find_debug(target, notes->ld_so, &debug) == CPEEK_OK)
		TRY(follow_links(search, debug));
	else if (notes->program_headers && !notes->ld_so)
		TRY(add_static_executable(search));
	for (size_t i = 0; i < search->images.count; i++) {
		struct image *image = &search->images.items[i];
		if (!image->path && image->dynamic.has_soname)
			image->path = read_path(target, image->dynamic.strings + image->dynamic.soname, search->arena);
		if (image->header.segment_count == 0)
			read_file_header(search, image,
					 find_first_place(search, image) ==
						 find_place(search, notes->program_headers));
		const char *path = image->path ? image->path : "";
		TRY(image->header.segment_count ? add_ranges(search, image, path)
						: add_guessed_ranges(search, image, path));
	}
	return CPEEK_OK;
}

enum cpeek_status core_images_find(struct target *target, const struct core_place *places, size_t count,
				   struct core_notes *notes, struct arena *arena)
{
	struct search search = {target, places, count, notes, arena, {0}};
	enum cpeek_status status = CPEEK_OK;

	for (size_t i = 0; i < count && search.images.count < IMAGES_LIMIT && status == CPEEK_OK; i++) {
		struct image image;
		read_image(target, &places[i], &image);
		status = image.module.has_bias ? add_image(&search, &image) : CPEEK_OK;
		if (!image.module.has_bias || status != CPEEK_OK)
			elf_header_deinit(&image.header);
	}
	if (status == CPEEK_OK)
		status = name_and_add(&search);
	if (status == CPEEK_OK && target->no_memory)
		status = target_set_no_memory(target);
	for (size_t i = 0; i < search.images.count; i++)
		elf_header_deinit(&search.images.items[i].header);
	VECTOR_DEINIT(&search.images);
	return status;
}
