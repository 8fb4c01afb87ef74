/*
 * A private file that holds an unpacked core: sparse, without a name, gone with the last that holds it, whatever ends
 * the program. Knows no format.
 *
 * It is an O_TMPFILE in $TMPDIR, /var/tmp or /tmp (which comes last, as it often is memory): the kernel itself frees
 * that, even after SIGKILL, and a large core costs disk and page cache that the system can take back. Only where no
 * such folder takes one is it a memfd, which costs memory (or swap), and is freed by the kernel too. A file that is made
 * with a name and unlinked would stay behind if the program were killed in between.
 */
#ifndef TARGET_SCRATCH_H
#define TARGET_SCRATCH_H

#include "base/status.h"

struct scratch {
	int fd;
	const char *folder; /* where it is; valid as long as the environment */
	uint64_t size;      /* appended so far */
	uint64_t stored;    /* of that: not in holes */
	uint64_t room;      /* how much may be stored: some is left for others */
	uint64_t size_max;  /* RLIMIT_FSIZE: past it the kernel would send a signal */
};

/* IO. */
enum cpeek_status scratch_open(struct scratch *scratch, struct error *error);
/* Appends bytes; whole blocks of zeros become holes. All but the last length are multiples of SCRATCH_BLOCK. IO when
 * there is no room for them, and the sentence says where and what to try. */
enum { SCRATCH_BLOCK = 4096 };
enum cpeek_status scratch_append(struct scratch *scratch, const unsigned char *bytes, size_t length,
				 struct error *error);
/* Gives the file its size, when the last blocks are holes. */
enum cpeek_status scratch_finish(struct scratch *scratch, struct error *error);
void scratch_close(struct scratch *scratch);

#endif
