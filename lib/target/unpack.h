/*
 * Compressed cores, as systemd-coredump and people store them: unpacked once, into a private file. What a file is
 * compressed with, its first bytes tell, never its name.
 */
#ifndef TARGET_UNPACK_H
#define TARGET_UNPACK_H

#include "base/status.h"

struct codec;

struct unpacked {
	int fd;       /* of a private file; the caller closes it */
	bool cut_off; /* the compressed bytes ended too early: so does the file */
	bool damaged; /* they failed a check: the file may end too early, and any byte of it may be wrong */
};

/* The codec that a file begins with, or NULL. */
const struct codec *unpack_find_codec(int fd);
/* Unpacks a file, which path names in errors. Stops where the core that it holds ends by its own headers, and after the
 * first piece when it holds no core: then it cannot cost more than the core itself. host is told how far it is, and
 * asked whether to go on; may be NULL. CANCELLED; IO, with what to try; NO_MEMORY: then nothing is left behind. */
enum cpeek_status unpack_file(int fd, const char *path, const struct codec *codec, const struct cpeek_host *host,
			      struct error *error, struct unpacked *ret);

#endif
