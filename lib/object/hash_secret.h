/*
 * How the target hashes text and bytes: the algorithm that its CPython was built with and the secret that it drew at its
 * start. Nothing is believed: both are taken when they reproduce hashes that str objects of the target keep.
 * Knows strings as bytes, and no other value.
 */
#ifndef OBJECT_HASH_SECRET_H
#define OBJECT_HASH_SECRET_H

#include "object/decoder.h"

enum {
	HASH_SECRET_SIZE = 24, /* _Py_HashSecret_t, Include/pyhash.h (3.6 to 3.12), Include/internal/pycore_pyhash.h */
};

enum hash_algorithm { HASH_SIPHASH13, HASH_SIPHASH24, HASH_FNV, HASH_ALGORITHM_COUNT };

struct hash_secret {
	bool known;
	enum hash_algorithm algorithm;
	uint8_t bytes[HASH_SECRET_SIZE];
	target_addr address;             /* where it stands; 0: nowhere, it is zeroes */
	char evidence[2 * RUNTIME_TEXT]; /* what told it; or why it is not known */
};

/* "siphash13": sys.hash_info.algorithm. */
const char *hash_algorithm_name(enum hash_algorithm algorithm);
/* _Py_HashBytes() of Python/pyhash.c: the hash of length bytes, as the target's word, widened. 0 for none of them. */
uint64_t hash_secret_apply(const struct objects *objects, const struct hash_secret *secret, const uint8_t *bytes,
			   size_t length);
/* The target's, looked for when it is first asked for; it lives as long as the struct objects. Never NULL when OK:
 * `known` says whether it was found. NO_MEMORY, CANCELLED. */
enum cpeek_status hash_secret_find(struct objects *objects, const struct hash_secret **ret);

#endif
