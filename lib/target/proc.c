#include "target/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int proc_read(uint64_t pid, const char *name, struct strbuf *buffer)
{
	enum { PART = 16 * 1024 };
	char path[128];
	int number = 0;

	strbuf_clear(buffer);
	(void)snprintf(path, sizeof(path), "/proc/%llu/%s", (unsigned long long)pid, name);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno;
	for (;;) {
		char *room = strbuf_reserve(buffer, PART);
		if (!room) {
			number = ENOMEM;
			break;
		}
		ssize_t got = read(fd, room, PART);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			number = errno;
		if (got <= 0)
			break;
		buffer->length += (size_t)got;
		buffer->data[buffer->length] = '\0';
	}
	(void)close(fd);
	return number;
}

const char *proc_find(const char *status, const char *key)
{
	size_t length = strlen(key);

	for (const char *line = status; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, key, length) == 0 && line[length] == ':')
			return line + length + 1 + strspn(line + length + 1, " \t");
	}
	return NULL;
}

uint64_t proc_find_number(const char *status, const char *key)
{
	const char *text = proc_find(status, key);
	return text ? strtoull(text, NULL, 10) : 0;
}
