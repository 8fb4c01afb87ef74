#include "target/debuginfod.h"
#include "base/memory.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* elfutils/debuginfod.h */
typedef struct debuginfod_client library_client;

static struct library {
	library_client *(*begin)(void);
	void (*end)(library_client *client);
	int (*find_executable)(library_client *client, const unsigned char *id, int length, char **path);
	void (*set_progress)(library_client *client, int (*progress)(library_client *client, long done, long total));
	void (*set_data)(library_client *client, void *data);
	void *(*get_data)(library_client *client);
	bool complete;
} library;
static pthread_once_t once = PTHREAD_ONCE_INIT;

struct debuginfod {
	library_client *client; /* NULL: there is no library, or its servers do not answer */
	const struct cpeek_host *host;
	char text[128]; /* what is downloaded, for the progress */
};

static void load_library(void)
{
	static const struct {
		const char *name;
		size_t offset;
	} functions[] = {
		{"debuginfod_begin", offsetof(struct library, begin)},
		{"debuginfod_end", offsetof(struct library, end)},
		{"debuginfod_find_executable", offsetof(struct library, find_executable)},
		{"debuginfod_set_progressfn", offsetof(struct library, set_progress)},
		{"debuginfod_set_user_data", offsetof(struct library, set_data)},
		{"debuginfod_get_user_data", offsetof(struct library, get_data)},
	};
	/* It is never closed: libcurl below it does not bear that. */
	void *handle = dlopen("libdebuginfod.so.1", RTLD_NOW | RTLD_LOCAL);

	for (size_t i = 0; i < sizeof(functions) / sizeof(*functions); i++) {
		void *function = handle ? dlsym(handle, functions[i].name) : NULL;
		if (!function)
			return;
		memcpy((char *)&library + functions[i].offset, &function, sizeof(function));
	}
	library.complete = true;
}

bool debuginfod_is_wanted(void)
{
	const char *urls = getenv("DEBUGINFOD_URLS");

	return urls && urls[strspn(urls, " ")] != '\0';
}

/* The library calls it now and then; an answer other than 0 ends the download. */
static int show_progress(library_client *client, long done, long total)
{
	const struct debuginfod *self = library.get_data(client);
	const struct cpeek_host *host = self->host;

	if (host && host->progress)
		host->progress(host->arg, self->text, done > 0 ? (uint64_t)done : 0, total > 0 ? (uint64_t)total : 0);
	return host && host->cancelled && host->cancelled(host->arg);
}

enum cpeek_status debuginfod_create(const struct cpeek_host *host, struct debuginfod **ret)
{
	struct debuginfod *self = memory_calloc(1, sizeof(*self));

	if (!self)
		return CPEEK_NO_MEMORY;
	self->host = host;
	(void)pthread_once(&once, load_library);
	if (library.complete)
		self->client = library.begin();
	if (self->client) {
		library.set_data(self->client, self);
		library.set_progress(self->client, show_progress);
	}
	*ret = self;
	return CPEEK_OK;
}

static void end(struct debuginfod *self)
{
	if (self->client)
		library.end(self->client);
	self->client = NULL;
}

void debuginfod_destroy(struct debuginfod *self)
{
	if (!self)
		return;
	end(self);
	memory_free(self);
}

enum cpeek_status debuginfod_find(struct debuginfod *self, const uint8_t *id, size_t length, const char *name,
				  char **ret)
{
	char link[64], path[4096];

	*ret = NULL;
	if (!self->client)
		return CPEEK_OK;
	(void)snprintf(self->text, sizeof(self->text), "debuginfod: %s", name);
	int fd = library.find_executable(self->client, id, (int)length, NULL);
	if (fd < 0) {
		if (fd != -ENOENT)
			end(self); /* no server is reached: the next file would take as long to fail */
		return CPEEK_OK;
	}
	/* The library could say it too, in memory of its own. */
	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	ssize_t got = readlink(link, path, sizeof(path) - 1);
	(void)close(fd);
	if (got <= 0)
		return CPEEK_OK;
	path[got] = '\0';
	*ret = memory_strdup(path);
	return *ret ? CPEEK_OK : CPEEK_NO_MEMORY;
}
