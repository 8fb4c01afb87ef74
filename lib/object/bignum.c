/*
 * Decimal digits of large integers. GMP multiplies and divides; what is here is when it is asked to, since GMP itself
 * ends the process when memory is out, and cannot be interrupted.
 */
#include "object/bignum.h"
#include "base/memory.h"

#include <gmp.h>
#include <string.h>

enum {
	LEAF_DIGITS = 1 << 16, /* decimal digits that GMP converts in one call */
	LEVELS_MAX = 16,       /* LEAF_DIGITS << LEVELS_MAX is more than any number has */
	GUARD_BITS = 64,       /* of precision beyond the digits that are asked for */
	/* What GMP takes for its own at most, in sizes of the number. Measured with 6.2.1: 11 for 10**8 digits. */
	ROOM_FACTOR = 16,
	ROOM_UNCHECKED = 1 << 16, /* bytes */
	BITS_PER_1000_DIGITS = 3322,
};

/* GMP aborts when malloc() fails: as much as it will take is tried first. */
static bool has_room(uint64_t bytes)
{
	if (bytes <= ROOM_UNCHECKED)
		return true;
	void *room = bytes <= SIZE_MAX ? memory_alloc((size_t)bytes) : NULL;
	memory_free(room);
	return room != NULL;
}

static void import(mpz_t number, const uint32_t *digits, size_t count)
{
	mpz_import(number, count, -1, sizeof(*digits), 0, 8 * sizeof(*digits) - BIGNUM_DIGIT_BITS, digits);
}

/* Appends number, with zeros before it up to width digits. */
static bool put_leaf(struct strbuf *out, const mpz_t number, size_t width)
{
	/* One digit more than it has, perhaps, and a NUL. */
	const size_t most = mpz_sizeinbase(number, 10);
	char *room = strbuf_reserve(out, (most > width ? most : width) + 2);

	if (!room)
		return false;
	mpz_get_str(room, 10, number);
	size_t length = strlen(room);
	if (length < width) {
		memmove(room + width - length, room, length + 1);
		memset(room, '0', width - length);
		length = width;
	}
	out->length += length;
	return true;
}

/* A part of the number that is not written yet; it has (LEAF_DIGITS << level) digits at most. */
struct part {
	mpz_t number;
	unsigned level;
	bool padded; /* exactly that many: it is not the first one */
};

/* The parts wait on a stack, the next one on its top: each is divided by the power of ten that makes two of it. */
static enum cpeek_status put_parts(struct strbuf *out, struct part *parts, const mpz_t *powers,
				   struct bignum_patience patience)
{
	enum cpeek_status status = CPEEK_OK;
	size_t count = 1;

	while (count) {
		struct part *part = &parts[count - 1];
		if (status == CPEEK_OK && patience.cancelled && patience.cancelled(patience.arg))
			status = CPEEK_CANCELLED;
		if (status != CPEEK_OK || part->level == 0) {
			if (status == CPEEK_OK && !put_leaf(out, part->number, part->padded ? LEAF_DIGITS : 0))
				status = CPEEK_NO_MEMORY;
			mpz_clear(part->number);
			count--;
			continue;
		}
		part->level--;
		struct part *high = &parts[count];
		mpz_init(high->number);
		mpz_tdiv_qr(high->number, part->number, part->number, powers[part->level]);
		high->level = part->level;
		high->padded = part->padded;
		if (!high->padded && mpz_sgn(high->number) == 0) {
			mpz_clear(high->number); /* fewer digits than were thought: the rest is the first part */
			continue;
		}
		part->padded = true;
		count++;
	}
	return status;
}

enum cpeek_status bignum_put(struct strbuf *out, const uint32_t *digits, size_t count, struct bignum_patience patience)
{
	struct part parts[LEVELS_MAX + 2];
	mpz_t powers[LEVELS_MAX];
	unsigned levels = 0;

	if (count > BIGNUM_DIGITS_MAX)
		return CPEEK_LIMIT;
	if (!has_room((uint64_t)count * BIGNUM_DIGIT_BITS / 8 * ROOM_FACTOR))
		return CPEEK_NO_MEMORY;
	mpz_init(parts[0].number);
	import(parts[0].number, digits, count);
	const size_t most = mpz_sizeinbase(parts[0].number, 10);
	for (; levels < LEVELS_MAX && most > (size_t)LEAF_DIGITS << levels; levels++) {
		mpz_init(powers[levels]);
		if (levels)
			mpz_mul(powers[levels], powers[levels - 1], powers[levels - 1]);
		else
			mpz_ui_pow_ui(powers[0], 10, LEAF_DIGITS);
	}
	parts[0].level = levels;
	parts[0].padded = false;
	enum cpeek_status status = put_parts(out, parts, (const mpz_t *)powers, patience);
	while (levels)
		mpz_clear(powers[--levels]);
	return status;
}

/* ---- The leading digits ---- */

/* A number between low * 2**exponent and high * 2**exponent. */
struct interval {
	mpz_t low, high;
	int64_t exponent;
};

/* 5**power to about `bits` bits. */
static void power_of_five(struct interval *five, uint64_t power, size_t bits)
{
	mpz_set_ui(five->low, 1);
	mpz_set_ui(five->high, 1);
	five->exponent = 0;
	for (unsigned i = power ? 64 - (unsigned)__builtin_clzll(power) : 0; i-- > 0;) {
		mpz_mul(five->low, five->low, five->low);
		mpz_mul(five->high, five->high, five->high);
		five->exponent *= 2;
		if (power >> i & 1) {
			mpz_mul_ui(five->low, five->low, 5);
			mpz_mul_ui(five->high, five->high, 5);
		}
		const size_t has = mpz_sizeinbase(five->low, 2);
		if (has > bits) {
			mpz_fdiv_q_2exp(five->low, five->low, has - bits);
			mpz_cdiv_q_2exp(five->high, five->high, has - bits);
			five->exponent += (int64_t)(has - bits);
		}
	}
}

/* number = number * 2**shift / divisor, rounded down. */
static void scale(mpz_t number, int64_t shift, mpz_t divisor)
{
	if (shift >= 0)
		mpz_mul_2exp(number, number, (mp_bitcnt_t)shift);
	else
		mpz_mul_2exp(divisor, divisor, (mp_bitcnt_t)-shift);
	mpz_fdiv_q(number, number, divisor);
}

/* The number without its last `dropped` digits, if its upper digits, of which top is made, tell that for certain: it
 * is between top and top + 1, times 2**exponent. */
static bool drop_digits(mpz_t top, int64_t exponent, uint64_t dropped, size_t bits)
{
	struct interval five;
	mpz_t above;

	mpz_inits(five.low, five.high, above, NULL);
	mpz_add_ui(above, top, 1);
	power_of_five(&five, dropped, bits);
	const int64_t shift = exponent - (int64_t)dropped - five.exponent;
	scale(top, shift, five.high);
	scale(above, shift, five.low);
	const bool certain = mpz_cmp(top, above) == 0;
	mpz_clears(five.low, five.high, above, NULL);
	return certain;
}

enum cpeek_status bignum_put_leading(struct strbuf *out, const uint32_t *digits, size_t count, uint64_t most,
				     uint64_t *ret_rest)
{
	while (count && digits[count - 1] == 0)
		count--;
	if (count > BIGNUM_DIGITS_MAX || most > BIGNUM_DIGITS_MAX)
		return CPEEK_LIMIT;
	const size_t bits = (size_t)most * BITS_PER_1000_DIGITS / 1000 + 2 * GUARD_BITS;
	const size_t used = bits / BIGNUM_DIGIT_BITS + 2;
	if (used >= count)
		return CPEEK_NOT_FOUND;
	if (!has_room((uint64_t)bits * ROOM_FACTOR))
		return CPEEK_NO_MEMORY;

	/* log10(2) = 0.30102999566398119…, rounded down: of 2**30 bits it loses no digit. */
	const uint64_t size = (uint64_t)count * BIGNUM_DIGIT_BITS - ((unsigned)__builtin_clz(digits[count - 1]) - 2);
	const uint64_t least = (uint64_t)((unsigned __int128)(size - 1) * 30102999566398119 / 100000000000000000) + 1;
	if (least <= most + 1)
		return CPEEK_NOT_FOUND;
	const uint64_t dropped = least - most;
	mpz_t top;
	mpz_init(top);
	import(top, digits + count - used, used);
	enum cpeek_status status = CPEEK_NOT_FOUND;
	if (drop_digits(top, (int64_t)((count - used) * BIGNUM_DIGIT_BITS), dropped, bits)) {
		const size_t before = out->length;
		status = put_leaf(out, top, 0) ? CPEEK_OK : CPEEK_NO_MEMORY;
		if (status == CPEEK_OK) {
			/* Of the same number of bits some have a digit more. */
			const size_t extra = out->length - before - (size_t)most;
			out->length -= extra;
			out->data[out->length] = '\0';
			*ret_rest = dropped + extra;
		}
	}
	mpz_clear(top);
	return status;
}
