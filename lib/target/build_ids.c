#include "target/build_ids.h"
#include "base/arena.h"
#include "base/memory.h"
#include "base/strbuf.h"
#include "base/vector.h"
#include "target/elf_header.h"
#include "target/note.h"

#include <dirent.h>
#include <elf.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

enum {
	HEAD_SIZE = 4096,        /* of a file: its ELF header, its program headers, mostly its build id too */
	NOTES_SIZE = 8 * 1024,   /* of a note segment */
	PROGRESS_INTERVAL = 256, /* folders */
};

struct entry {
	uint8_t id[NOTE_BUILD_ID_MAX];
	size_t length;
	const char *path;
};

struct build_ids {
	struct arena arena; /* paths */
	VECTOR(const char *) folders;
	const struct cpeek_host *host;
	struct strbuf path; /* that build_ids_next() made last */
	bool walked;
	VECTOR(struct entry) entries;
	VECTOR(char *) ahead; /* folders to be walked yet */
};

static bool read_notes(int fd, const struct elf_header *header, const struct elf_segment *segment, struct entry *entry)
{
	unsigned char notes[NOTES_SIZE];
	uint8_t length = 0;
	size_t size = segment->filesz < sizeof(notes) ? (size_t)segment->filesz : sizeof(notes);

	if (segment->type != PT_NOTE || segment->offset > INT64_MAX)
		return false;
	ssize_t got = pread(fd, notes, size, (off_t)segment->offset);
	if (got <= 0 ||
	    !note_find_build_id(notes, (size_t)got, header->big_endian, segment->align, entry->id, &length))
		return false;
	entry->length = length;
	return true;
}

static enum cpeek_status read_build_id(int fd, struct entry *entry)
{
	unsigned char head[HEAD_SIZE];
	struct elf_header header;
	ssize_t got = pread(fd, head, sizeof(head), 0);

	if (got < (ssize_t)sizeof(Elf32_Ehdr) || memcmp(head, ELFMAG, SELFMAG) != 0)
		return CPEEK_NOT_FOUND;
	TRY(elf_header_init(&header, head, (size_t)got));
	bool found = false;
	for (size_t i = 0; i < header.segment_count && !found; i++)
		found = read_notes(fd, &header, &header.segments[i], entry);
	elf_header_deinit(&header);
	return found ? CPEEK_OK : CPEEK_NOT_FOUND;
}

static enum cpeek_status add_file(struct build_ids *ids, int folder, const char *folder_path, const char *name)
{
	struct entry entry = {0};
	int fd = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return CPEEK_OK;
	enum cpeek_status status = read_build_id(fd, &entry);
	(void)close(fd);
	if (status == CPEEK_NO_MEMORY)
		return status;
	if (status != CPEEK_OK)
		return CPEEK_OK;
	size_t folder_length = strlen(folder_path), name_size = strlen(name) + 1;
	char *path = arena_alloc(&ids->arena, folder_length + 1 + name_size);
	struct entry *new = path ? VECTOR_PUSH(&ids->entries) : NULL;
	if (!new)
		return CPEEK_NO_MEMORY;
	memcpy(path, folder_path, folder_length);
	path[folder_length] = '/';
	memcpy(path + folder_length + 1, name, name_size);
	entry.path = path;
	*new = entry;
	return CPEEK_OK;
}

static enum cpeek_status push_folder(struct build_ids *ids, const char *path, const char *name)
{
	struct strbuf text = {0};

	strbuf_printf(&text, "%s%s%s", path, name ? "/" : "", name ? name : "");
	char *copy = strbuf_failed(&text) ? NULL : memory_strdup(strbuf_text(&text));
	strbuf_deinit(&text);
	char **new = copy ? VECTOR_PUSH(&ids->ahead) : NULL;
	if (!new) {
		memory_free(copy);
		return CPEEK_NO_MEMORY;
	}
	*new = copy;
	return CPEEK_OK;
}

/* DT_DIR or DT_REG; DT_UNKNOWN for what is neither, or a link to a folder. */
static unsigned char kind_of(int folder, const struct dirent *entry)
{
	struct stat status;

	if (entry->d_type == DT_DIR || entry->d_type == DT_REG)
		return entry->d_type;
	if (entry->d_type != DT_LNK && entry->d_type != DT_UNKNOWN)
		return DT_UNKNOWN;
	if (fstatat(folder, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(status.st_mode))
		return DT_DIR;
	if (fstatat(folder, entry->d_name, &status, 0) == 0 && S_ISREG(status.st_mode))
		return DT_REG;
	return DT_UNKNOWN;
}

static enum cpeek_status walk_folder(struct build_ids *ids, const char *path)
{
	enum cpeek_status status = CPEEK_OK;
	struct dirent *entry;
	struct statfs system;
	DIR *folder = opendir(path);

	/* To read some of what looks like a file there does something, as with /proc/kmsg. */
	bool pseudo = folder && fstatfs(dirfd(folder), &system) == 0 &&
		      (system.f_type == PROC_SUPER_MAGIC || system.f_type == SYSFS_MAGIC);
	while (folder && !pseudo && status == CPEEK_OK && (entry = readdir(folder))) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		unsigned char kind = kind_of(dirfd(folder), entry);
		if (kind == DT_DIR)
			status = push_folder(ids, path, entry->d_name);
		else if (kind == DT_REG)
			status = add_file(ids, dirfd(folder), path, entry->d_name);
	}
	if (folder)
		(void)closedir(folder);
	return status;
}

static int compare_ids(const struct entry *entry, const uint8_t *id, size_t length)
{
	size_t shorter = entry->length < length ? entry->length : length;
	int order = memcmp(entry->id, id, shorter);

	return order != 0 ? order : (entry->length > length) - (entry->length < length);
}

static int compare_entries(const void *left, const void *right)
{
	const struct entry *a = left, *b = right;
	int order = compare_ids(a, b->id, b->length);

	return order != 0 ? order : strcmp(a->path, b->path);
}

static enum cpeek_status walk(struct build_ids *ids)
{
	const struct cpeek_host *host = ids->host;

	for (size_t i = 0; i < ids->folders.count; i++)
		TRY(push_folder(ids, ids->folders.items[i], NULL));
	for (uint64_t walked = 0; ids->ahead.count > 0; walked++) {
		char *path = ids->ahead.items[--ids->ahead.count];
		enum cpeek_status status = walk_folder(ids, path);
		memory_free(path);
		TRY(status);
		if (!host || walked % PROGRESS_INTERVAL != PROGRESS_INTERVAL - 1)
			continue;
		if (host->progress)
			host->progress(host->arg, "looking at the build ids of ELF files, folders:", walked, 0);
		if (host->cancelled && host->cancelled(host->arg))
			break;
	}
	if (ids->entries.count > 0)
		qsort(ids->entries.items, ids->entries.count, sizeof(*ids->entries.items), compare_entries);
	ids->walked = true;
	return CPEEK_OK;
}

enum cpeek_status build_ids_create(const char *folders, const struct cpeek_host *host, struct build_ids **ret)
{
	struct build_ids *ids = memory_calloc(1, sizeof(*ids));

	if (!ids)
		return CPEEK_NO_MEMORY;
	ids->host = host;
	for (const char *at = folders, *end; at; at = *end ? end + 1 : NULL) {
		end = at + strcspn(at, ":");
		if (end == at)
			continue;
		const char *copy = arena_copy(&ids->arena, at, (size_t)(end - at));
		const char **new = copy ? VECTOR_PUSH(&ids->folders) : NULL;
		if (!new) {
			build_ids_destroy(ids);
			return CPEEK_NO_MEMORY;
		}
		*new = copy;
	}
	*ret = ids;
	return CPEEK_OK;
}

void build_ids_destroy(struct build_ids *ids)
{
	if (!ids)
		return;
	for (size_t i = 0; i < ids->ahead.count; i++)
		memory_free(ids->ahead.items[i]);
	VECTOR_DEINIT(&ids->ahead);
	VECTOR_DEINIT(&ids->folders);
	VECTOR_DEINIT(&ids->entries);
	strbuf_deinit(&ids->path);
	arena_deinit(&ids->arena);
	memory_free(ids);
}

/* The name of that number among those that debuggers use. */
static enum cpeek_status make_path(struct build_ids *ids, const uint8_t *id, size_t length, size_t number)
{
	strbuf_clear(&ids->path);
	strbuf_printf(&ids->path, "%s/.build-id/%02x/", ids->folders.items[number / 2], id[0]);
	for (size_t i = 1; i < length; i++)
		strbuf_printf(&ids->path, "%02x", id[i]);
	if (number % 2 == 1)
		strbuf_puts(&ids->path, ".debug");
	return strbuf_failed(&ids->path) ? CPEEK_NO_MEMORY : CPEEK_OK;
}

static size_t find_first(const struct build_ids *ids, const uint8_t *id, size_t length)
{
	size_t low = 0, high = ids->entries.count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (compare_ids(&ids->entries.items[middle], id, length) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

enum cpeek_status build_ids_next(struct build_ids *ids, const uint8_t *id, size_t length, size_t *at, const char **ret)
{
	const size_t named = 2 * ids->folders.count;

	while (length > 0 && *at < named) {
		TRY(make_path(ids, id, length, (*at)++));
		if (access(strbuf_text(&ids->path), R_OK) == 0) {
			*ret = strbuf_text(&ids->path);
			return CPEEK_OK;
		}
	}
	if (!ids->walked)
		TRY(walk(ids));
	size_t index = find_first(ids, id, length) + (*at - named);
	if (length == 0 || index >= ids->entries.count || compare_ids(&ids->entries.items[index], id, length) != 0)
		return CPEEK_END;
	++*at;
	*ret = ids->entries.items[index].path;
	return CPEEK_OK;
}
