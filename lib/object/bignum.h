/*
 * Integers of any length in decimal, by GMP. Knows numbers, and no object.
 */
#ifndef OBJECT_BIGNUM_H
#define OBJECT_BIGNUM_H

#include "base/status.h"
#include "base/strbuf.h"

enum {
	BIGNUM_DIGIT_BITS = 30, /* of one digit that these take */
	/* They make 300 million decimal ones, which take minutes. More had better come out in hexadecimal. */
	BIGNUM_DIGITS_MAX = 1 << 25,
};

/* Asked now and then whether to go on; NULL: always. */
struct bignum_patience {
	bool (*cancelled)(void *arg);
	void *arg;
};

/* Appends a number: count digits, each below 2**BIGNUM_DIGIT_BITS, the least significant first. NO_MEMORY, LIMIT (more
 * than BIGNUM_DIGITS_MAX), CANCELLED. */
enum cpeek_status bignum_put(struct strbuf *out, const uint32_t *digits, size_t count,
			     struct bignum_patience patience);
/* The first `most` decimal digits alone, in a time that depends on them; *ret_rest gets how many more there are.
 * NOT_FOUND when it takes the whole number to tell them (so of a power of ten), NO_MEMORY, LIMIT. */
enum cpeek_status bignum_put_leading(struct strbuf *out, const uint32_t *digits, size_t count, uint64_t most,
				     uint64_t *ret_rest);

#endif
