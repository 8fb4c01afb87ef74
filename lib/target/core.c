/*
 * A core file: its segments where they are mapped, and what its notes tell. Knows no Python, and no host structure:
 * all is read by the core's own width and byte order.
 */
#include "base/memory.h"
#include "base/vector.h"
#include "target/build.h"
#include "target/core_images.h"
#include "target/core_notes.h"
#include "target/elf_header.h"
#include "target/module.h"
#include "target/unpack.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

struct core_segment {
	target_addr start, end;
	uint64_t wanted; /* bytes from start that were saved */
	uint64_t saved;  /* and that the file still has */
	const unsigned char *bytes;
	uint32_t flags; /* PF_… */
};

struct core {
	int fd; /* of the file itself, or of what it was unpacked to */
	unsigned char *bytes;
	size_t size;
	bool unpacked;
	VECTOR(struct core_segment) segments; /* by start, not overlapping */
};

/* ---- Reading ----------------------------------------------------------------------------------------------- */

/* Of the first segment that ends behind addr. */
static size_t find_segment_index(const struct core *core, target_addr addr)
{
	size_t low = 0, high = core->segments.count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (addr >= core->segments.items[middle].end)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static const struct core_segment *find_segment(const struct core *core, target_addr addr)
{
	size_t index = find_segment_index(core, addr);

	if (index == core->segments.count || addr < core->segments.items[index].start)
		return NULL;
	return &core->segments.items[index];
}

static bool core_window(void *self, target_addr addr, struct target_window *ret, enum target_hole *hole)
{
	const struct core_segment *segment = find_segment(self, addr);

	if (!segment) {
		*hole = TARGET_HOLE_UNMAPPED;
		return false;
	}
	uint64_t inside = addr - segment->start;
	if (inside >= segment->saved) {
		*hole = inside < segment->wanted ? TARGET_HOLE_TRUNCATED : TARGET_HOLE_NOT_SAVED;
		return false;
	}
	*ret = (struct target_window){segment->start, segment->saved, segment->bytes, false};
	return true;
}

/* Where the file itself is not a hole; a file system that does not tell takes all for data. */
static bool find_saved(const struct core *core, const struct core_segment *segment, target_addr start, target_addr end,
		       target_addr *ret_start, target_addr *ret_end)
{
	off_t first = (off_t)(segment->bytes - core->bytes + (ptrdiff_t)(start - segment->start));
	off_t last = first + (off_t)(end - start);
	off_t data = lseek(core->fd, first, SEEK_DATA);
	if (data < 0 && errno != ENXIO)
		data = first;
	if (data < 0 || data >= last)
		return false;
	off_t hole = lseek(core->fd, data, SEEK_HOLE);
	if (hole < 0 || hole > last)
		hole = last;
	*ret_start = start + (target_addr)(data - first);
	*ret_end = start + (target_addr)(hole - first);
	return true;
}

static bool core_find_data(void *self, target_addr addr, target_addr end, target_addr *ret_start, target_addr *ret_end)
{
	const struct core *core = self;

	for (size_t i = find_segment_index(core, addr); i < core->segments.count; i++) {
		const struct core_segment *segment = &core->segments.items[i];
		target_addr start = segment->start > addr ? segment->start : addr;
		target_addr saved_end = segment->start + segment->saved;
		if (start >= end)
			return false;
		if (start < saved_end &&
		    find_saved(core, segment, start, saved_end < end ? saved_end : end, ret_start, ret_end))
			return true;
	}
	return false;
}

static void core_destroy(void *self)
{
	struct core *core = self;

	if (core->bytes)
		(void)munmap(core->bytes, core->size);
	if (core->fd >= 0)
		(void)close(core->fd);
	VECTOR_DEINIT(&core->segments);
	memory_free(core);
}

static const struct target_ops core_ops = {
	.window = core_window,
	.find_data = core_find_data,
	.destroy = core_destroy,
};

/* ---- Opening ----------------------------------------------------------------------------------------------- */

static enum cpeek_status set_io_error(const struct target *target, const char *path, const char *what)
{
	const struct core *core = target->self;

	return error_set(target->error, CPEEK_IO, "%s%s %s", path, core->unpacked ? ", once unpacked," : "", what);
}

static enum cpeek_status set_errno_error(const struct target *target, const char *path, int number)
{
	enum cpeek_status status = number == EACCES || number == EPERM ? CPEEK_PERMISSION : CPEEK_IO;
	const char *advice = status == CPEEK_PERMISSION ? "; cores belong to the user whose process it was: "
							  "run as that user, or as root"
							: "";
	return error_set(target->error, status, "cannot open %s: %s%s", path, strerror(number), advice);
}

static enum cpeek_status open_file(struct target *target, struct core *core, const char *path)
{
	struct stat status;

	core->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (core->fd < 0 || fstat(core->fd, &status) != 0)
		return set_errno_error(target, path, errno);
	if (S_ISDIR(status.st_mode))
		return set_io_error(target, path, "is a directory; give the core file in it");
	if (!S_ISREG(status.st_mode))
		return set_io_error(target, path, "is not a regular file; save the core to one first");
	if (status.st_size <= 0)
		return set_io_error(target, path,
				    "is empty; no core was written (is the disk full, or `ulimit -c` too low?)");
	return CPEEK_OK;
}

/* Puts what the file holds in its place, when it is compressed. */
static enum cpeek_status unpack_core(struct target *target, struct core *core, const char *path,
				     const struct cpeek_host *host)
{
	const struct codec *codec = unpack_find_codec(core->fd);
	struct unpacked unpacked;

	if (!codec)
		return CPEEK_OK;
	TRY(unpack_file(core->fd, path, codec, host, target->error, &unpacked));
	(void)close(core->fd);
	core->fd = unpacked.fd;
	core->unpacked = true;
	target->damaged = unpacked.damaged;
	target->truncated = unpacked.cut_off;
	if (unpack_find_codec(core->fd))
		return set_io_error(target, path, "is compressed again; unpack it by hand, once");
	return CPEEK_OK;
}

static enum cpeek_status map_core(struct target *target, struct core *core, const char *path)
{
	struct stat status;

	if (fstat(core->fd, &status) != 0)
		return set_errno_error(target, path, errno);
	void *bytes = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, core->fd, 0);
	if (bytes == MAP_FAILED)
		return set_errno_error(target, path, errno);
	core->bytes = bytes;
	core->size = (size_t)status.st_size;
	return CPEEK_OK;
}

struct magic {
	const char *bytes, *what;
};

/* What people pass by mistake. */
static const struct magic magics[] = {
	{"\xfd\x37zX", "begins like a file of xz, but its header is damaged or cut off; copy it again"},
	{"\x1f\x8b", "begins like a file of gzip, but its header is damaged or cut off; copy it again"},
	{"\x02\x21\x4c\x18", "is compressed by lz4 in its legacy format; unpack it first: lz4 -d"},
	{"BZh", "is compressed by bzip2; unpack it first: bzip2 -dk"},
	{"\xcf\xfa\xed\xfe", "is a Mach-O file, not an ELF core; cpeek reads cores of Linux"},
	{"MDMP", "is a minidump, not an ELF core; cpeek reads cores of Linux"},
	{"#!", "is a script, not an ELF core; give the core file, or a process id"},
};

static const char *describe_other(const struct core *core)
{
	for (size_t i = 0; i < sizeof(magics) / sizeof(*magics); i++) {
		size_t length = strlen(magics[i].bytes);
		if (core->size >= length && memcmp(core->bytes, magics[i].bytes, length) == 0)
			return magics[i].what;
	}
	if (core->size >= SELFMAG && memcmp(core->bytes, ELFMAG, SELFMAG) == 0)
		return "begins like an ELF file, but its header is damaged or cut off; copy the core again";
	return "is not an ELF file, so not a core; give a core file, or a process id";
}

static const char *describe_type(const struct elf_header *header)
{
	switch (header->type) {
	case ET_EXEC:
		return "is an ELF executable, not a core; pass it with --exe, and give a core file or a process id";
	case ET_DYN:
		for (size_t i = 0; i < header->segment_count; i++)
			if (header->segments[i].type == PT_INTERP)
				return "is an ELF executable, not a core; pass it with --exe, and give a core file "
				       "or a process id";
		return "is an ELF shared library, not a core; give a core file or a process id";
	case ET_REL:
		return "is an ELF object file, not a core; give a core file or a process id";
	}
	return "is an ELF file, but not a core; give a core file or a process id";
}

static int compare_segments(const void *left, const void *right)
{
	const struct core_segment *a = left, *b = right;
	return a->start < b->start ? -1 : a->start > b->start;
}

static int compare_ranges(const void *left, const void *right)
{
	const struct core_range *a = left, *b = right;
	return a->start < b->start ? -1 : a->start > b->start;
}

static enum cpeek_status read_segments(struct target *target, struct core *core, const struct elf_header *header)
{
	for (size_t i = 0; i < header->segment_count; i++) {
		const struct elf_segment *from = &header->segments[i];
		uint64_t length = from->memsz > from->filesz ? from->memsz : from->filesz;
		if (length > UINT64_MAX - from->vaddr)
			length = UINT64_MAX - from->vaddr;
		if (from->type != PT_LOAD || length == 0)
			continue;
		struct core_segment *to = VECTOR_PUSH(&core->segments);
		if (!to)
			return target_set_no_memory(target);
		uint64_t there = from->offset < core->size ? core->size - from->offset : 0;
		*to = (struct core_segment){
			.start = from->vaddr,
			.end = from->vaddr + length,
			.wanted = from->filesz < length ? from->filesz : length,
			.bytes = core->bytes + (there ? from->offset : 0),
			.flags = from->flags,
		};
		to->saved = to->wanted < there ? to->wanted : there;
		uint64_t missing = to->wanted - to->saved;
		target->truncated |= missing > 0;
		target->missing_bytes =
			missing > UINT64_MAX - target->missing_bytes ? UINT64_MAX : target->missing_bytes + missing;
	}
	return CPEEK_OK;
}

/* Sorts the segments; where damage lets two overlap, the one that starts first keeps what both claim. */
static void order_segments(struct core *core)
{
	struct core_segment *segments = core->segments.items;
	size_t kept = 0;

	if (core->segments.count > 0)
		qsort(segments, core->segments.count, sizeof(*segments), compare_segments);
	for (size_t i = 0; i < core->segments.count; i++) {
		struct core_segment segment = segments[i];
		target_addr free_from = kept ? segments[kept - 1].end : 0;
		if (segment.end <= free_from)
			continue;
		if (segment.start < free_from) {
			uint64_t skipped = free_from - segment.start;
			segment.start = free_from;
			segment.wanted -= skipped < segment.wanted ? skipped : segment.wanted;
			segment.bytes += skipped < segment.saved ? skipped : segment.saved;
			segment.saved -= skipped < segment.saved ? skipped : segment.saved;
		}
		segments[kept++] = segment;
	}
	core->segments.count = kept;
}

static void order_ranges(struct core_notes *notes)
{
	struct core_range *ranges = notes->ranges.items;
	size_t kept = 0;

	if (notes->ranges.count > 0)
		qsort(ranges, notes->ranges.count, sizeof(*ranges), compare_ranges);
	for (size_t i = 0; i < notes->ranges.count; i++) {
		struct core_range range = ranges[i];
		target_addr free_from = kept ? ranges[kept - 1].end : 0;
		if (range.end <= free_from)
			continue;
		if (range.start < free_from) {
			range.offset += free_from - range.start;
			range.start = free_from;
		}
		ranges[kept++] = range;
	}
	notes->ranges.count = kept;
}

/* The address space is the union of the PT_LOADs, which know what was saved, and of NT_FILE, which knows the files:
 * gcore writes no PT_LOAD for what it does not save. Makes one mapping wherever either begins or ends. */
static enum cpeek_status build_mappings(struct target *target, const struct core *core, const struct core_notes *notes)
{
	VECTOR(struct module_mapping) mappings = {0};
	enum cpeek_status status = CPEEK_OK;
	size_t segment_index = 0, range_index = 0;
	target_addr position = 0;

	while (segment_index < core->segments.count || range_index < notes->ranges.count) {
		const struct core_segment *segment =
			segment_index < core->segments.count ? &core->segments.items[segment_index] : NULL;
		const struct core_range *range =
			range_index < notes->ranges.count ? &notes->ranges.items[range_index] : NULL;
		target_addr in_segment = segment ? segment->start : UINT64_MAX;
		target_addr in_range = range ? range->start : UINT64_MAX;
		if (in_segment < position)
			in_segment = position;
		if (in_range < position)
			in_range = position;
		target_addr start = in_segment < in_range ? in_segment : in_range;
		bool has_segment = segment && in_segment == start;
		bool has_range = range && in_range == start;
		target_addr end = has_segment ? segment->end : in_segment;
		target_addr range_end = has_range ? range->end : in_range;
		if (range_end < end)
			end = range_end;

		struct module_mapping *mapping = VECTOR_PUSH(&mappings);
		if (!mapping) {
			status = target_set_no_memory(target);
			break;
		}
		*mapping = (struct module_mapping){
			.mapping = {.start = start, .end = end, .saved_end = start},
			.access_unknown = !has_segment,
		};
		if (has_segment) {
			target_addr saved_end = segment->start + segment->saved;
			if (saved_end > start)
				mapping->mapping.saved_end = saved_end < end ? saved_end : end;
			mapping->mapping.readable = segment->flags & PF_R;
			mapping->mapping.writable = segment->flags & PF_W;
			mapping->mapping.executable = segment->flags & PF_X;
		}
		mapping->mapping.saved = mapping->mapping.saved_end > start;
		if (has_range) {
			mapping->path = range->path;
			mapping->mapping.offset = range->offset + (start - range->start);
		}
		position = end;
		segment_index += has_segment && segment->end == end;
		range_index += has_range && range->end == end;
	}
	if (status == CPEEK_OK)
		status = module_build(target, mappings.items, mappings.count,
				      notes->program_headers ? notes->program_headers : notes->entry);
	VECTOR_DEINIT(&mappings);
	return status;
}

static enum cpeek_status read_notes(struct target *target, const struct core *core, const struct elf_header *header,
				    struct core_notes *notes)
{
	for (size_t i = 0; i < header->segment_count; i++) {
		const struct elf_segment *segment = &header->segments[i];
		if (segment->type != PT_NOTE)
			continue;
		uint64_t there = segment->offset < core->size ? core->size - segment->offset : 0;
		if (segment->filesz > there)
			target->truncated = true;
		size_t size = (size_t)(segment->filesz < there ? segment->filesz : there);
		if (size > 0)
			TRY(core_notes_read(notes, target, core->bytes + segment->offset, size, segment->align));
	}
	target_set_threads(target, notes->threads.items, notes->threads.count);
	notes->threads.items = NULL;
	notes->threads.count = notes->threads.capacity = 0;
	return CPEEK_OK;
}

static enum cpeek_status find_images(struct target *target, const struct core *core, struct core_notes *notes,
				     struct arena *paths)
{
	struct core_place *places = memory_calloc(core->segments.count, sizeof(*places));
	if (!places)
		return target_set_no_memory(target);
	for (size_t i = 0; i < core->segments.count; i++) {
		const struct core_segment *segment = &core->segments.items[i];
		places[i] = (struct core_place){segment->start, segment->end, segment->flags};
	}
	enum cpeek_status status = core_images_find(target, places, core->segments.count, notes, paths);
	memory_free(places);
	return status;
}

static enum cpeek_status read_core(struct target *target, struct core *core, const struct elf_header *header,
				   const char *path)
{
	struct core_notes notes = {0};
	struct arena paths = {0};

	if (header->type != ET_CORE)
		return set_io_error(target, path, describe_type(header));
	target->pointer_size = header->pointer_size;
	target->big_endian = header->big_endian;
	target->machine = header->machine;
	target->truncated |= header->cut;
	if (header->segment_count == 0)
		return set_io_error(target, path,
				    header->cut ? "is a core that was cut off inside its headers, so "
						  "nothing of it can be read; copy it again"
						: "is a core without any segment; nothing was saved");
	enum cpeek_status status = read_segments(target, core, header);
	order_segments(core);
	if (status == CPEEK_OK)
		status = read_notes(target, core, header, &notes);
	if (status == CPEEK_OK && notes.ranges.count == 0)
		status = find_images(target, core, &notes, &paths);
	order_ranges(&notes);
	if (status == CPEEK_OK)
		status = build_mappings(target, core, &notes);
	core_notes_deinit(&notes);
	arena_deinit(&paths);
	return status;
}

static enum cpeek_status open_core(struct target *target, struct core *core, const char *path,
				   const struct cpeek_host *host)
{
	struct elf_header header;

	TRY(open_file(target, core, path));
	TRY(unpack_core(target, core, path, host));
	TRY(map_core(target, core, path));
	enum cpeek_status status = elf_header_init(&header, core->bytes, core->size);
	if (status == CPEEK_NO_MEMORY)
		return target_set_no_memory(target);
	if (status != CPEEK_OK)
		return set_io_error(target, path, describe_other(core));
	status = read_core(target, core, &header, path);
	elf_header_deinit(&header);
	return status;
}

enum cpeek_status target_open_core(const char *path, const struct target_options *options, struct error *error,
				   struct target **ret)
{
	struct target *target = target_alloc(TARGET_CORE, options, error);
	struct core *core = target ? memory_calloc(1, sizeof(*core)) : NULL;

	if (!core) {
		target_destroy(target);
		return error_set(error, CPEEK_NO_MEMORY, "out of memory");
	}
	target->ops = &core_ops;
	target->self = core;
	core->fd = -1;
	enum cpeek_status status = open_core(target, core, path, options ? options->host : NULL);
	if (status != CPEEK_OK) {
		target_destroy(target);
		return status;
	}
	*ret = target;
	return CPEEK_OK;
}
