/*
 * Source files of this machine: read once, brought to UTF-8, cut into lines as CPython's linecache does. Knows files,
 * and nothing of the target: what a core says of a path is not to be trusted, so only regular files of bounded size
 * are ever opened.
 */
#include "stack/source.h"
#include "base/map.h"
#include "base/memory.h"
#include "base/vector.h"
#include "stack/encoding.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
	SOURCE_BYTES_MAX = 64 << 20,  /* of one file */
	SOURCE_CACHE_MAX = 256 << 20, /* bytes of text kept; when there are more, all are forgotten */
};

struct source_file {
	struct source_file *next; /* of the same hash */
	char *key;                /* sysroot, newline, path */
	struct strbuf text;       /* empty when the file cannot be read */
	VECTOR(size_t) starts;    /* of each line */
};

struct source_cache {
	struct map files; /* hash of the key → struct source_file * */
	size_t bytes;
	uint64_t process; /* whose files they are; 0: ours */
	char *folder;     /* of the main file; NULL: not known */
};

static void file_destroy(struct source_file *file)
{
	if (!file)
		return;
	memory_free(file->key);
	strbuf_deinit(&file->text);
	VECTOR_DEINIT(&file->starts);
	memory_free(file);
}

static void forget_all(struct source_cache *cache)
{
	for (size_t i = 0; cache->files.slots && i <= cache->files.mask; i++) {
		struct source_file *next, *file = (struct source_file *)(uintptr_t)cache->files.slots[i].value;
		for (; cache->files.slots[i].key && file; file = next) {
			next = file->next;
			file_destroy(file);
		}
	}
	map_clear(&cache->files);
	cache->bytes = 0;
}

struct source_cache *source_create(void)
{
	return memory_calloc(1, sizeof(struct source_cache));
}

void source_use_process(struct source_cache *cache, uint64_t id)
{
	forget_all(cache);
	cache->process = id;
}

enum cpeek_status source_use_folder(struct source_cache *cache, const char *folder)
{
	char *copy = memory_strdup(folder);

	if (!copy)
		return CPEEK_NO_MEMORY;
	forget_all(cache);
	memory_free(cache->folder);
	cache->folder = copy;
	return CPEEK_OK;
}

void source_destroy(struct source_cache *cache)
{
	if (!cache)
		return;
	forget_all(cache);
	map_deinit(&cache->files);
	memory_free(cache->folder);
	memory_free(cache);
}

/* Opens a regular file that is not too long; -1 when it is none. It is looked at first: opening a device can do
 * things. */
static int open_regular(const char *path, size_t *ret_size)
{
	struct stat status;

	if (stat(path, &status) != 0 || !S_ISREG(status.st_mode))
		return -1;
	int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (file < 0)
		return -1;
	if (fstat(file, &status) != 0 || !S_ISREG(status.st_mode) || status.st_size > SOURCE_BYTES_MAX) {
		(void)close(file);
		return -1;
	}
	*ret_size = (size_t)status.st_size;
	return file;
}

/* NOT_FOUND when it cannot be read. Never more than its size says: what /proc offers as empty files stays unread. */
static enum cpeek_status read_bytes(const char *path, struct strbuf *ret)
{
	size_t size;
	int file = open_regular(path, &size);

	if (file < 0)
		return CPEEK_NOT_FOUND;
	char *room = strbuf_reserve(ret, size);
	while (room && ret->length < size) {
		ssize_t count = read(file, room + ret->length, size - ret->length);
		if (count <= 0)
			break;
		ret->length += (size_t)count;
	}
	(void)close(file);
	return room ? CPEEK_OK : CPEEK_NO_MEMORY;
}

static size_t newline_length(const char *text, size_t length)
{
	if (length == 0 || (text[0] != '\n' && text[0] != '\r'))
		return 0;
	return text[0] == '\r' && length > 1 && text[1] == '\n' ? 2 : 1;
}

/* Universal newlines: \n, \r and \r\n end a line, \f and all others do not. */
static enum cpeek_status cut_into_lines(struct source_file *file)
{
	const char *text = strbuf_text(&file->text);
	const size_t length = file->text.length;
	bool at_start = true;

	for (size_t at = 0; at < length;) {
		if (at_start) {
			size_t *start = VECTOR_PUSH(&file->starts);
			if (!start)
				return CPEEK_NO_MEMORY;
			*start = at;
		}
		size_t newline = newline_length(text + at, length - at);
		at_start = newline > 0;
		at += newline ? newline : 1;
	}
	return CPEEK_OK;
}

static enum cpeek_status decode(struct source_file *file, const struct strbuf *bytes)
{
	char encoding[ENCODING_NAME];
	const char *text = strbuf_text(bytes);
	size_t skip = encoding_detect(text, bytes->length, encoding);

	encoding_decode(encoding, text + skip, bytes->length - skip, &file->text);
	if (strbuf_failed(&file->text))
		return CPEEK_NO_MEMORY;
	return cut_into_lines(file);
}

static enum cpeek_status read_joined(const char *folder, const char *path, struct strbuf *ret)
{
	struct strbuf joined = {0};

	strbuf_printf(&joined, "%s/%s", folder, path);
	enum cpeek_status status = strbuf_failed(&joined) ? CPEEK_NO_MEMORY : read_bytes(strbuf_text(&joined), ret);
	strbuf_deinit(&joined);
	return status;
}

/* Links on the way lead where they lead for the process, not to files of ours. */
static enum cpeek_status read_of_process(uint64_t process, const char *path, struct strbuf *ret)
{
	struct open_how how = {.flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT};
	char folder[64];

	(void)snprintf(folder, sizeof(folder), "/proc/%" PRIu64 "/%s", process, path[0] == '/' ? "root" : "cwd");
	if (path[0] != '/')
		return read_joined(folder, path, ret);
	int root = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return CPEEK_NOT_FOUND;
	int file = (int)syscall(SYS_openat2, root, path, &how, sizeof(how));
	int number = file < 0 ? errno : 0;
	(void)close(root);
	if (file < 0) /* before Linux 5.6, or where a filter forbids what it does not know */
		return number == ENOSYS || number == EPERM ? read_joined(folder, path, ret) : CPEEK_NOT_FOUND;
	(void)snprintf(folder, sizeof(folder), "/proc/self/fd/%d", file);
	enum cpeek_status status = read_bytes(folder, ret);
	(void)close(file);
	return status;
}

/* A relative path, in the folder of the main file if that is what its own folders end in. */
static enum cpeek_status read_of_folder(const char *sysroot, const char *folder, const char *path, struct strbuf *ret)
{
	struct strbuf joined = {0};

	while (strncmp(path, "./", 2) == 0)
		path += 2;
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;
	const size_t length = slash ? (size_t)(slash - path) : 0, folder_length = strlen(folder);
	if (slash && (length + 1 > folder_length || folder[folder_length - length - 1] != '/' ||
		      memcmp(folder + folder_length - length, path, length) != 0))
		return CPEEK_NOT_FOUND;
	strbuf_printf(&joined, "%s%s", sysroot, folder);
	enum cpeek_status status =
		strbuf_failed(&joined) ? CPEEK_NO_MEMORY : read_joined(strbuf_text(&joined), name, ret);
	strbuf_deinit(&joined);
	return status;
}

/* In the sysroot, which counts for absolute paths alone, then as the process or we see it. */
static enum cpeek_status find_bytes(const struct source_cache *cache, const char *sysroot, const char *path,
				    struct strbuf *ret)
{
	enum cpeek_status status = CPEEK_NOT_FOUND;

	if (sysroot && path[0] == '/')
		status = read_joined(sysroot, path, ret);
	if (path[0] != '/' && cache->folder && sysroot)
		status = read_of_folder(sysroot, cache->folder, path, ret);
	if (status == CPEEK_NOT_FOUND && path[0] != '/' && cache->folder)
		status = read_of_folder("", cache->folder, path, ret);
	if (status != CPEEK_NOT_FOUND)
		return status;
	return cache->process ? read_of_process(cache->process, path, ret) : read_bytes(path, ret);
}

static enum cpeek_status file_load(const struct source_cache *cache, const char *sysroot, const char *path, char *key,
				   struct source_file **ret)
{
	struct source_file *file = memory_calloc(1, sizeof(*file));
	struct strbuf bytes = {0};

	if (!file)
		return CPEEK_NO_MEMORY;
	enum cpeek_status status = find_bytes(cache, sysroot, path, &bytes);
	if (status == CPEEK_OK)
		status = decode(file, &bytes);
	strbuf_deinit(&bytes);
	if (status != CPEEK_OK && status != CPEEK_NOT_FOUND) {
		file_destroy(file);
		return status;
	}
	file->key = key;
	*ret = file;
	return CPEEK_OK;
}

/* FNV-1a; never 0, which the map cannot hold. */
static uint64_t hash(const char *text)
{
	uint64_t value = 0xcbf29ce484222325u;

	for (; *text; text++)
		value = (value ^ (unsigned char)*text) * 0x100000001b3u;
	return value | 1;
}

static enum cpeek_status file_add(struct source_cache *cache, const char *sysroot, const char *path, const char *key,
				  const struct source_file **ret)
{
	struct source_file *file = NULL;
	char *copy = memory_strdup(key);

	enum cpeek_status status = copy ? file_load(cache, sysroot, path, copy, &file) : CPEEK_NO_MEMORY;
	if (status != CPEEK_OK) {
		memory_free(copy);
		return status;
	}
	if (cache->bytes > SOURCE_CACHE_MAX)
		forget_all(cache);
	uint64_t *slot = map_put(&cache->files, hash(key));
	if (!slot) {
		file_destroy(file);
		return CPEEK_NO_MEMORY;
	}
	file->next = (struct source_file *)(uintptr_t)*slot;
	*slot = (uintptr_t)file;
	cache->bytes += file->text.length;
	*ret = file;
	return CPEEK_OK;
}

/* Names like <stdin> are no files: updatecache() in Lib/linecache.py. */
static bool is_made_up(const char *path)
{
	size_t length = strlen(path);

	return length == 0 || (path[0] == '<' && path[length - 1] == '>');
}

static enum cpeek_status find_file(struct source_cache *cache, const char *sysroot, const char *path,
				   const struct source_file **ret)
{
	struct strbuf key = {0};

	if (is_made_up(path))
		return CPEEK_NOT_FOUND;
	strbuf_printf(&key, "%s\n%s", sysroot ? sysroot : "", path);
	if (strbuf_failed(&key)) {
		strbuf_deinit(&key);
		return CPEEK_NO_MEMORY;
	}
	const uint64_t *slot = map_find(&cache->files, hash(strbuf_text(&key)));
	const struct source_file *file = slot ? (const struct source_file *)(uintptr_t)*slot : NULL;
	while (file && strcmp(file->key, strbuf_text(&key)) != 0)
		file = file->next;
	enum cpeek_status status = CPEEK_OK;
	if (!file)
		status = file_add(cache, sysroot, path, strbuf_text(&key), &file);
	strbuf_deinit(&key);
	if (status == CPEEK_OK)
		*ret = file;
	return status;
}

enum cpeek_status source_read_line(struct source_cache *cache, const char *sysroot, const char *file, int64_t line,
				   struct strbuf *out)
{
	const struct source_file *found;

	TRY(find_file(cache, sysroot, file, &found));
	if (line < 1 || (uint64_t)line > found->starts.count)
		return CPEEK_NOT_FOUND;
	const char *text = strbuf_text(&found->text);
	size_t start = found->starts.items[line - 1], end = start;
	while (end < found->text.length && newline_length(text + end, 1) == 0)
		end++;
	strbuf_append(out, text + start, end - start);
	return strbuf_failed(out) ? CPEEK_NO_MEMORY : CPEEK_OK;
}

int64_t source_line_count(struct source_cache *cache, const char *sysroot, const char *file)
{
	const struct source_file *found;

	if (find_file(cache, sysroot, file, &found) != CPEEK_OK)
		return 0;
	return (int64_t)found->starts.count;
}
