/*
 * Numbers as repr() writes them. Knows binary floating point and positional notation, and no object.
 */
#include "object/number.h"
#include "object/bignum.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FLOAT_DIGITS = 17 /* always enough to tell a double from its neighbours */ };

/* value > 0 is 0.d1d2d3… * 10^point. */
struct decimal {
	char digits[FLOAT_DIGITS + 1];
	int count;
	int point;
};

/* The nearest decimal of count digits. What snprintf() puts between digits depends on the locale, so skip it. */
static struct decimal decimal_round(double value, int count)
{
	struct decimal decimal = {.count = 0};
	char text[FLOAT_DIGITS + 16];

	(void)snprintf(text, sizeof(text), "%.*e", count - 1, value);
	const char *at = text;
	for (; *at && *at != 'e'; at++)
		if (*at >= '0' && *at <= '9' && decimal.count < FLOAT_DIGITS)
			decimal.digits[decimal.count++] = *at;
	decimal.point = (*at ? (int)strtol(at + 1, NULL, 10) : 0) + 1;
	return decimal;
}

static bool decimal_is(const struct decimal *decimal, double value)
{
	char text[FLOAT_DIGITS + 16];

	/* Without a point, which strtod() too wants as the locale has it. */
	(void)snprintf(text, sizeof(text), "%.*se%d", decimal->count, decimal->digits,
		       decimal->point - decimal->count);
	return strtod(text, NULL) == value;
}

/* The next larger decimal of as many digits. */
static void decimal_increment(struct decimal *decimal)
{
	int i = decimal->count - 1;

	while (i >= 0 && decimal->digits[i] == '9')
		decimal->digits[i--] = '0';
	if (i >= 0) {
		decimal->digits[i]++;
	} else {
		decimal->digits[0] = '1';
		decimal->point++;
	}
}

/* The shortest decimal that reads back as value. Of a normal number any 15 digits survive, so that a shorter one is
 * the nearest one of 15 with its zeros dropped; a subnormal one has less precision. Of a power of two the lower
 * neighbour is closer than the upper one: a decimal above may read back where the nearest, below, does not. */
static struct decimal decimal_shortest(double value)
{
	struct decimal decimal;
	int exponent;

	for (int count = value < DBL_MIN ? 1 : DBL_DIG; count < FLOAT_DIGITS; count++) {
		decimal = decimal_round(value, count);
		if (decimal_is(&decimal, value))
			break;
		if (frexp(value, &exponent) == 0.5) {
			decimal_increment(&decimal);
			if (decimal_is(&decimal, value))
				break;
		}
		decimal.count = 0;
	}
	if (!decimal.count)
		decimal = decimal_round(value, FLOAT_DIGITS);
	while (decimal.count > 1 && decimal.digits[decimal.count - 1] == '0')
		decimal.count--;
	return decimal;
}

/* format_float_short() of Python/pystrtod.c for the code 'r'. */
static void put_positive(struct strbuf *out, double value, bool point_zero)
{
	if (value == 0) {
		strbuf_puts(out, point_zero ? "0.0" : "0");
		return;
	}
	struct decimal decimal = decimal_shortest(value);
	const int count = decimal.count, point = decimal.point;
	const char *digits = decimal.digits;

	if (point <= -4 || point > 16) {
		strbuf_append(out, digits, 1);
		if (count > 1) {
			strbuf_putc(out, '.');
			strbuf_append(out, digits + 1, (size_t)count - 1);
		}
		strbuf_printf(out, "e%+03d", point - 1);
	} else if (point <= 0) {
		strbuf_puts(out, "0.");
		for (int i = point; i < 0; i++)
			strbuf_putc(out, '0');
		strbuf_append(out, digits, (size_t)count);
	} else if (point < count) {
		strbuf_append(out, digits, (size_t)point);
		strbuf_putc(out, '.');
		strbuf_append(out, digits + point, (size_t)(count - point));
	} else {
		strbuf_append(out, digits, (size_t)count);
		for (int i = count; i < point; i++)
			strbuf_putc(out, '0');
		if (point_zero)
			strbuf_puts(out, ".0");
	}
}

static void put_float(struct strbuf *out, double value, bool plus, bool point_zero)
{
	bool negative = signbit(value) && !isnan(value);

	if (negative || plus)
		strbuf_putc(out, negative ? '-' : '+');
	if (isnan(value))
		strbuf_puts(out, "nan");
	else if (isinf(value))
		strbuf_puts(out, "inf");
	else
		put_positive(out, negative ? -value : value, point_zero);
}

void number_put_float(struct strbuf *out, double value)
{
	put_float(out, value, false, true);
}

/* A real part of +0, and only that, is left out. */
void number_put_complex(struct strbuf *out, double real, double imaginary)
{
	const bool both = real != 0 || signbit(real);

	if (both) {
		strbuf_putc(out, '(');
		put_float(out, real, false, false);
	}
	put_float(out, imaginary, both, false);
	strbuf_puts(out, both ? "j)" : "j");
}

/* ---- Integers ---- */

void number_put_small(struct strbuf *out, uint64_t value)
{
	char text[20];
	char *start = text + sizeof(text);

	do
		*--start = (char)('0' + value % 10);
	while (value /= 10);
	strbuf_append(out, start, (size_t)(text + sizeof(text) - start));
}

static unsigned nibble(const uint32_t *digits, size_t count, uint64_t index)
{
	uint64_t bit = 4 * index;
	size_t at = (size_t)(bit / BIGNUM_DIGIT_BITS);
	uint64_t pair = digits[at];

	if (at + 1 < count)
		pair |= (uint64_t)digits[at + 1] << BIGNUM_DIGIT_BITS;
	return (unsigned)(pair >> bit % BIGNUM_DIGIT_BITS & 15);
}

uint64_t number_put_hex(struct strbuf *out, const uint32_t *digits, size_t count, uint64_t limit)
{
	uint64_t left = ((uint64_t)count * BIGNUM_DIGIT_BITS + 3) / 4, shown = 0;

	while (left > 1 && nibble(digits, count, left - 1) == 0)
		left--;
	strbuf_puts(out, "0x");
	if (!count) {
		strbuf_putc(out, '0');
		return 0;
	}
	for (; left && (!limit || shown < limit); shown++)
		strbuf_putc(out, "0123456789abcdef"[nibble(digits, count, --left)]);
	return left;
}
