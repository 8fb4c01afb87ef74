/*
 * Literals. Tuples are parsed with a stack of their own; everything is bounded by the length of the line.
 */
#include "command/literal.h"
#include "base/vector.h"

#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
	DEPTH_MAX = 64,  /* of tuples in tuples */
	NUMBER_MAX = 64, /* characters of a float */
	DIGIT_BITS = 30,
};

struct parser {
	struct cpeek_session *session;
	struct plains *plains;
	const char *text; /* the whole, for messages */
	const char *at;
};

static enum cpeek_status usage(const struct parser *parser, const char *why)
{
	return error_set(
		&parser->session->error, CPEEK_USAGE,
		"\"%.200s\" is not understood at column %zu: %s; KEY is a literal (12, 1.5, 'text', b'bytes', "
		"None, (1, 'a')), @EXPR, or a name or path",
		parser->text, (size_t)(parser->at - parser->text) + 1, why);
}

static void skip_blanks(struct parser *parser)
{
	parser->at += strspn(parser->at, " \t");
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_word(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || is_digit(c) || (unsigned char)c >= 0x80;
}

static struct plain simple(enum plain_kind kind)
{
	return (struct plain){.kind = kind, .exact = true, .own_hash = true, .own_compare = true};
}

/* ---- Text ---- */

static int hex_value(char c)
{
	return is_digit(c) ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static enum cpeek_status parse_hex(struct parser *parser, unsigned count, uint32_t *ret)
{
	uint32_t value = 0;

	for (unsigned i = 0; i < count; i++) {
		const int digit = hex_value(*parser->at);
		if (digit < 0)
			return usage(parser, "an escape lacks hexadecimal digits");
		value = value << 4 | (uint32_t)digit;
		parser->at++;
	}
	if (value > 0x10ffff)
		return usage(parser, "no such character");
	*ret = value;
	return CPEEK_OK;
}

/* Behind a backslash. */
static enum cpeek_status parse_escape(struct parser *parser, bool bytes, uint32_t *ret)
{
	static const char names[] = "abfnrtv", values[] = "\a\b\f\n\r\t\v";
	const char c = *parser->at++;
	const char *name = c ? strchr(names, c) : NULL;

	if (name) {
		*ret = (uint8_t)values[name - names];
		return CPEEK_OK;
	}
	if (c == 'x' || (!bytes && (c == 'u' || c == 'U')))
		return parse_hex(parser, c == 'x' ? 2 : c == 'u' ? 4 : 8, ret);
	if (c >= '0' && c <= '7') {
		uint32_t value = (uint32_t)(c - '0');
		for (int i = 0; i < 2 && *parser->at >= '0' && *parser->at <= '7'; i++)
			value = value * 8 + (uint32_t)(*parser->at++ - '0');
		*ret = bytes ? value & 0xff : value;
		return CPEEK_OK;
	}
	if (c != '\\' && c != '\'' && c != '"') {
		parser->at--;
		return usage(parser, "no such escape");
	}
	*ret = (uint8_t)c;
	return CPEEK_OK;
}

/* One character of UTF-8. */
static enum cpeek_status parse_character(struct parser *parser, uint32_t *ret)
{
	const uint8_t first = (uint8_t)*parser->at;
	const unsigned more = first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : first >= 0xc0 ? 1 : 0;
	uint32_t c = first < 0x80 ? first : first & (0x3fu >> more);

	if (first >= 0x80 && (!more || first > 0xf4))
		return usage(parser, "no UTF-8");
	for (unsigned i = 1; i <= more; i++) {
		if (((uint8_t)parser->at[i] & 0xc0) != 0x80)
			return usage(parser, "no UTF-8");
		c = c << 6 | ((uint8_t)parser->at[i] & 0x3f);
	}
	parser->at += more + 1;
	*ret = c;
	return CPEEK_OK;
}

static enum cpeek_status parse_text(struct parser *parser, bool bytes, struct plain *ret)
{
	const char quote = *parser->at++;
	/* No literal has more characters than bytes. */
	const size_t most = strlen(parser->at);
	uint32_t *characters = arena_alloc(&parser->plains->arena, (most + 1) * sizeof(*characters));
	size_t count = 0;

	if (!characters)
		return CPEEK_NO_MEMORY;
	while (*parser->at != quote) {
		uint32_t c;
		if (!*parser->at)
			return usage(parser, "the closing quote is missing");
		if (*parser->at == '\\') {
			parser->at++;
			TRY(parse_escape(parser, bytes, &c));
		} else {
			TRY(parse_character(parser, &c));
			if (bytes && c > 0x7f)
				return usage(parser, "bytes are written in ASCII");
		}
		characters[count++] = c;
	}
	parser->at++;
	if (!bytes)
		return plain_make_str(parser->plains, characters, count, ret);
	uint8_t *octets = arena_alloc(&parser->plains->arena, count + 1);
	if (!octets)
		return CPEEK_NO_MEMORY;
	for (size_t i = 0; i < count; i++)
		octets[i] = (uint8_t)characters[i];
	*ret = simple(PLAIN_BYTES);
	ret->bytes = octets;
	ret->count = count;
	ret->width = 1;
	return CPEEK_OK;
}

/* ---- Numbers ---- */

static enum cpeek_status parse_int(struct parser *parser, const char *end, struct plain *ret)
{
	unsigned base = 10;

	if (parser->at[0] == '0' && parser->at[1] && strchr("xXoObB", parser->at[1])) {
		base = strchr("xX", parser->at[1]) ? 16 : strchr("oO", parser->at[1]) ? 8 : 2;
		parser->at += 2;
	}
	/* No digit has more than four bits. */
	const size_t most = (size_t)(end - parser->at) * 4 / DIGIT_BITS + 1;
	uint32_t *digits = arena_alloc(&parser->plains->arena, most * sizeof(*digits));
	size_t count = 0;
	if (!digits)
		return CPEEK_NO_MEMORY;
	if (parser->at == end)
		return usage(parser, "a number lacks digits");
	for (; parser->at < end; parser->at++) {
		if (*parser->at == '_')
			continue;
		const int value = hex_value(*parser->at);
		if (value < 0 || (unsigned)value >= base)
			return usage(parser, "no such digit");
		uint64_t carry = (unsigned)value;
		for (size_t i = 0; i < count; i++) {
			carry += (uint64_t)digits[i] * base;
			digits[i] = (uint32_t)(carry & ((1u << DIGIT_BITS) - 1));
			carry >>= DIGIT_BITS;
		}
		if (carry)
			digits[count++] = (uint32_t)carry;
	}
	*ret = simple(PLAIN_INT);
	ret->digits = digits;
	ret->count = count;
	return CPEEK_OK;
}

/* strtod() takes the decimal point of the locale. */
static enum cpeek_status parse_double(struct parser *parser, const char *end, double *ret)
{
	char text[NUMBER_MAX + 1], *stop;
	const size_t length = (size_t)(end - parser->at);

	if (length > NUMBER_MAX)
		return usage(parser, "too long a float");
	memcpy(text, parser->at, length);
	text[length] = '\0';
	char *point = strchr(text, '.');
	if (point)
		*point = *localeconv()->decimal_point;
	*ret = strtod(text, &stop);
	if (*stop || length == 0)
		return usage(parser, "no number");
	parser->at = end;
	return CPEEK_OK;
}

/* Where a number ends: an exponent may have a sign. */
static const char *number_end(const char *at)
{
	const bool hex = at[0] == '0' && (at[1] == 'x' || at[1] == 'X');

	while (is_word(*at) || *at == '.' || (!hex && (*at == '+' || *at == '-') && (at[-1] == 'e' || at[-1] == 'E')))
		at++;
	return at;
}

/* One number without a sign. */
static enum cpeek_status parse_unsigned(struct parser *parser, struct plain *ret)
{
	const char *end = number_end(parser->at);
	const size_t length = (size_t)(end - parser->at);

	if ((end[-1] == 'j' || end[-1] == 'J') && length > 1) {
		*ret = simple(PLAIN_COMPLEX);
		TRY(parse_double(parser, end - 1, &ret->imaginary));
		parser->at = end;
		return CPEEK_OK;
	}
	const bool prefixed = parser->at[0] == '0' && parser->at[1] && strchr("xXoObB", parser->at[1]);
	if (!prefixed &&
	    (memchr(parser->at, '.', length) || memchr(parser->at, 'e', length) || memchr(parser->at, 'E', length))) {
		*ret = simple(PLAIN_FLOAT);
		return parse_double(parser, end, &ret->real);
	}
	return parse_int(parser, end, ret);
}

static bool parse_sign(struct parser *parser)
{
	const bool negative = *parser->at == '-';

	if (*parser->at == '-' || *parser->at == '+')
		parser->at++;
	skip_blanks(parser);
	return negative;
}

static void negate(struct plain *plain)
{
	if (plain->kind == PLAIN_INT) {
		plain->negative = plain->count != 0;
	} else {
		plain->real = -plain->real;
		plain->imaginary = -plain->imaginary;
	}
}

/* "1", "-2.5", and of complex numbers "1+2j". */
static enum cpeek_status parse_number(struct parser *parser, struct plain *ret)
{
	struct plain second;

	bool negative = parse_sign(parser);
	if (!is_digit(*parser->at) && *parser->at != '.')
		return usage(parser, "a number is missing");
	TRY(parse_unsigned(parser, ret));
	if (negative)
		negate(ret);
	const char *back = parser->at;
	skip_blanks(parser);
	if (ret->kind == PLAIN_COMPLEX || (*parser->at != '+' && *parser->at != '-')) {
		parser->at = back;
		return CPEEK_OK;
	}
	negative = parse_sign(parser);
	TRY(parse_unsigned(parser, &second));
	if (second.kind != PLAIN_COMPLEX)
		return usage(parser, "only a complex number has two parts");
	if (ret->kind == PLAIN_INT) { /* of any size: too large ones do not fit a float */
		double real = 0;
		for (uint64_t i = ret->count; i-- > 0;)
			real = ldexp(real, DIGIT_BITS) + ret->digits[i];
		ret->real = ret->negative ? -real : real;
	}
	second.real = ret->real;
	if (negative)
		second.imaginary = -second.imaginary;
	*ret = second;
	return CPEEK_OK;
}

/* ---- Names and objects ---- */

static enum cpeek_status evaluate(struct parser *parser, const char *start, const char *end, struct plain *ret)
{
	struct cpeek_session *session = parser->session;
	target_addr address;

	const char *text = arena_copy(&parser->plains->arena, start, (size_t)(end - start));
	if (!text)
		return CPEEK_NO_MEMORY;
	const enum cpeek_status found = expression_evaluate(session, text, &address);
	if (found == CPEEK_NOT_FOUND)
		return error_set(&session->error, found,
				 "\"%.80s\" is neither a literal nor found; a str needs its quotes: '\"%.80s\"'", text,
				 text);
	TRY(found);
	parser->at = end;
	const enum cpeek_status status = plain_read(parser->plains, address, ret);
	if (status != CPEEK_OK && !status_is_fatal(status))
		return error_set(&session->error, status, "\"%.80s\" at 0x%llx cannot be taken as a key: %s", text,
				 (unsigned long long)address, cpeek_status_text((int32_t)status));
	return status;
}

/* Up to what ends it in a tuple: blanks, commas and brackets inside brackets and quotes belong to it. */
static const char *expression_end(const char *at)
{
	unsigned depth = 0;
	char quote = 0;

	for (; *at; at++) {
		if (quote) {
			if (*at == '\\' && at[1])
				at++;
			else if (*at == quote)
				quote = 0;
		} else if (*at == '\'' || *at == '"') {
			quote = *at;
		} else if (*at == '[' || *at == '(') {
			depth++;
		} else if (depth && (*at == ']' || *at == ')')) {
			depth--;
		} else if (!depth && (*at == ',' || *at == ')' || *at == ' ')) {
			break;
		}
	}
	return at;
}

static enum cpeek_status parse_name(struct parser *parser, struct plain *ret)
{
	static const char *const singletons[] = {"None", "True", "False", "Ellipsis"};
	const char *end = expression_end(parser->at);
	const size_t length = (size_t)(end - parser->at);

	for (size_t i = 0; i < sizeof(singletons) / sizeof(*singletons); i++) {
		if (strlen(singletons[i]) != length || memcmp(singletons[i], parser->at, length) != 0)
			continue;
		const enum cpeek_status status = plain_find_singleton(parser->plains, singletons[i], ret);
		if (status != CPEEK_OK && !status_is_fatal(status))
			return error_set(&parser->session->error, status, "%s is not found in the target's builtins",
					 singletons[i]);
		parser->at = end;
		return status;
	}
	return evaluate(parser, parser->at, end, ret);
}

static enum cpeek_status parse_atom(struct parser *parser, struct plain *ret)
{
	const char *at = parser->at;

	if (*at == '\'' || *at == '"')
		return parse_text(parser, false, ret);
	if ((*at == 'b' || *at == 'B') && (at[1] == '\'' || at[1] == '"')) {
		parser->at++;
		return parse_text(parser, true, ret);
	}
	if (is_digit(*at) || *at == '-' || *at == '+' || (*at == '.' && is_digit(at[1])))
		return parse_number(parser, ret);
	if (*at == '@')
		return evaluate(parser, at + 1, expression_end(at), ret);
	if (is_word(*at) || *at == '$')
		return parse_name(parser, ret);
	return usage(parser, *at ? "no literal begins so" : "something is missing");
}

/* ---- Tuples ---- */

struct parts {
	struct plain *items;
	size_t count, capacity;
	bool comma; /* one came: "(1)" is no tuple */
};

static enum cpeek_status close_tuple(struct parser *parser, struct parts *parts, struct plain *ret)
{
	if (parts->count == 1 && !parts->comma) {
		*ret = parts->items[0];
		return CPEEK_OK;
	}
	struct plain *kept = arena_alloc(&parser->plains->arena, (parts->count + 1) * sizeof(*kept));
	if (!kept)
		return CPEEK_NO_MEMORY;
	if (parts->count)
		memcpy(kept, parts->items, parts->count * sizeof(*kept));
	*ret = simple(PLAIN_TUPLE);
	ret->items = kept;
	ret->count = parts->count;
	return CPEEK_OK;
}

static enum cpeek_status parse_all(struct parser *parser, struct parts *stack, struct plain *ret)
{
	size_t depth = 0;
	struct plain value;

	for (;;) {
		skip_blanks(parser);
		if (*parser->at == '(') {
			if (depth == DEPTH_MAX)
				return usage(parser, "too many tuples in one another");
			stack[depth].count = 0;
			stack[depth++].comma = false;
			parser->at++;
			continue;
		}
		/* "()", "(1,)" */
		bool closes = depth && *parser->at == ')' && (stack[depth - 1].comma || !stack[depth - 1].count);
		if (!closes)
			TRY(parse_atom(parser, &value));
		do {
			if (closes) {
				parser->at++;
				TRY(close_tuple(parser, &stack[--depth], &value));
			}
			skip_blanks(parser);
			if (!depth) {
				*ret = value;
				return CPEEK_OK;
			}
			struct plain *item = VECTOR_PUSH(&stack[depth - 1]);
			if (!item)
				return CPEEK_NO_MEMORY;
			*item = value;
			closes = *parser->at == ')';
		} while (closes);
		if (*parser->at != ',')
			return usage(parser, "a comma or ) is missing");
		stack[depth - 1].comma = true;
		parser->at++;
	}
}

enum cpeek_status literal_evaluate(struct cpeek_session *session, const char *text, struct plains *plains,
				   struct plain *ret)
{
	struct parser parser = {session, plains, text, text};
	struct parts stack[DEPTH_MAX] = {0};
	struct plain value;

	enum cpeek_status status = parse_all(&parser, stack, &value);
	for (size_t i = 0; i < DEPTH_MAX; i++)
		VECTOR_DEINIT(&stack[i]);
	TRY(status);
	if (*parser.at)
		return usage(&parser, "there is more behind it");
	*ret = value;
	return CPEEK_OK;
}
