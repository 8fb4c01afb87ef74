/*
 * hash() of values that no object has, against what interpreters said: 3.6.15, 3.9.18 and 3.13.0 on x86-64 and 3.13.5 on
 * i386 with PYTHONHASHSEED=0; 3.9.18 and 3.13.0 with PYTHONHASHSEED=12345.
 */
#include "check.h"
#include "object/hash.h"

#include <elf.h>
#include <math.h>

struct fixture {
	struct target target;
	struct hash_secret secret;
	struct objects objects;
	struct plains plains;
};

static void set_up(struct fixture *fixture, uint32_t version_hex, unsigned machine, enum hash_algorithm algorithm)
{
	const struct layout *layout = layout_find(version_hex, machine, false, false);

	CHECK(layout != NULL);
	memset(fixture, 0, sizeof(*fixture));
	fixture->target.pointer_size = layout->pointer_size;
	fixture->target.big_endian = layout->big_endian;
	fixture->secret = (struct hash_secret){.known = true, .algorithm = algorithm};
	fixture->objects =
		(struct objects){.target = &fixture->target, .layout = layout, .hash_secret = &fixture->secret};
	plains_init(&fixture->objects, 1 << 20, &fixture->plains);
}

static uint64_t hash_of(struct fixture *fixture, const struct plain *plain)
{
	struct hash hash = {0};

	CHECK_EQ(hash_plain(&fixture->plains, plain, &hash), CPEEK_OK);
	return (uint64_t)hash_number(&fixture->objects, hash.value);
}

static struct plain value(enum plain_kind kind)
{
	return (struct plain){.kind = kind, .exact = true, .own_hash = true, .own_compare = true};
}

static struct plain float_of(double number)
{
	struct plain plain = value(PLAIN_FLOAT);

	plain.real = number;
	return plain;
}

static struct plain int_of(const uint32_t *digits, uint64_t count, bool negative)
{
	struct plain plain = value(PLAIN_INT);

	plain.digits = digits;
	plain.count = count;
	plain.negative = negative;
	return plain;
}

static struct plain bytes_of(const char *text)
{
	struct plain plain = value(PLAIN_BYTES);

	plain.bytes = (const uint8_t *)text;
	plain.count = strlen(text);
	plain.width = 1;
	return plain;
}

static struct plain tuple_of(struct plain *items, uint64_t count)
{
	struct plain plain = value(PLAIN_TUPLE);

	plain.items = items;
	plain.count = count;
	return plain;
}

static const uint32_t ones[] = {1}, twos[] = {2}, threes[] = {3}, fours[] = {4};
static const uint32_t word_31[] = {(1u << 30) - 1, 1};                  /* 2**31 - 1 */
static const uint32_t mersenne[] = {(1u << 30) - 1, (1u << 30) - 1, 1}; /* 2**61 - 1 */
static const uint32_t power_61[] = {0, 0, 2};

/* Columns: 64-bit, 32-bit. */
static void test_numbers(void)
{
	static const struct {
		const uint32_t *digits;
		uint64_t count;
		bool negative;
		uint64_t wide, narrow;
	} ints[] = {
		{NULL, 0, false, 0, 0},
		{ones, 1, false, 1, 1},
		{ones, 1, true, 18446744073709551614u, 18446744073709551614u},
		{twos, 1, true, 18446744073709551614u, 18446744073709551614u},
		{word_31, 2, false, 2147483647, 0},
		{mersenne, 3, false, 0, 1073741823},
		{power_61, 3, false, 1, 1073741824},
		{mersenne, 3, true, 0, 18446744072635809793u},
	};
	static const struct {
		double number;
		uint64_t wide, narrow;
	} floats[] = {
		{0.5, 1152921504606846976, 1073741824},
		{-0.1, 18216159772788182208u, 18446744071776816308u},
		{1e300, 1224995262755759164, 260391960},
		{5e-324, 16777216, 2048},
		{INFINITY, 314159, 314159},
		{-1.0, 18446744073709551614u, 18446744073709551614u},
	};
	struct fixture wide, narrow;

	set_up(&wide, 0x030d00f0, EM_X86_64, HASH_SIPHASH13);
	set_up(&narrow, 0x030d05f0, EM_386, HASH_SIPHASH13);
	for (size_t i = 0; i < sizeof(ints) / sizeof(*ints); i++) {
		const struct plain plain = int_of(ints[i].digits, ints[i].count, ints[i].negative);
		CHECK_EQ(hash_of(&wide, &plain), ints[i].wide);
		CHECK_EQ(hash_of(&narrow, &plain), ints[i].narrow);
	}
	for (size_t i = 0; i < sizeof(floats) / sizeof(*floats); i++) {
		const struct plain plain = float_of(floats[i].number);
		CHECK_EQ(hash_of(&wide, &plain), floats[i].wide);
		CHECK_EQ(hash_of(&narrow, &plain), floats[i].narrow);
	}
	struct plain plain = value(PLAIN_COMPLEX);
	plain.real = 1.5;
	plain.imaginary = -2.5;
	CHECK_EQ(hash_of(&wide, &plain), 16140901064493857659u);
	CHECK_EQ(hash_of(&narrow, &plain), 2145483643);
	plains_deinit(&wide.plains);
	plains_deinit(&narrow.plains);
}

/* A NaN that is a literal: 0 to 3.9; later none, as it has no address. */
static void test_nan(void)
{
	struct fixture old, new;
	const struct plain nan = float_of(NAN);
	struct hash hash;

	set_up(&old, 0x030912f0, EM_X86_64, HASH_SIPHASH24);
	set_up(&new, 0x030d00f0, EM_X86_64, HASH_SIPHASH13);
	CHECK_EQ(hash_of(&old, &nan), 0);
	CHECK_EQ(hash_plain(&new.plains, &nan, &hash), CPEEK_NOT_FOUND);
	CHECK(strstr(hash.how, "address") != NULL);
	plains_deinit(&old.plains);
	plains_deinit(&new.plains);
}

static void test_tuples(void)
{
	static const struct {
		uint32_t version;
		unsigned machine;
		uint64_t empty, one, three, negative, nested;
	} cases[] = {
		{0x03060ff0, EM_X86_64, 3527539, 3430019387558, 2528502973977326415, 3713082714462658231,
		 14470795411163161632u},
		{0x030912f0, EM_X86_64, 5740354900026072187, 11802529618835948721u, 529344067295497451,
		 960947337673586213, 2083564274323420879},
		{0x030d05f0, EM_386, 750394483, 1956216267, 18446744071686843142u, 18446744072845288951u, 1367295857},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct plain numbers[3] = {int_of(ones, 1, false), int_of(twos, 1, false), int_of(threes, 1, false)};
		struct plain negatives[2] = {int_of(ones, 1, true), int_of(twos, 1, true)};
		struct plain four = int_of(fours, 1, false);
		struct plain inner[2] = {numbers[2], tuple_of(&four, 1)};
		struct plain outer[2] = {tuple_of(numbers, 2), tuple_of(inner, 2)};
		struct fixture fixture;
		set_up(&fixture, cases[i].version, cases[i].machine, HASH_SIPHASH13);
		struct plain plain = tuple_of(NULL, 0);
		CHECK_EQ(hash_of(&fixture, &plain), cases[i].empty);
		plain = tuple_of(numbers, 1);
		CHECK_EQ(hash_of(&fixture, &plain), cases[i].one);
		plain = tuple_of(numbers, 3);
		CHECK_EQ(hash_of(&fixture, &plain), cases[i].three);
		plain = tuple_of(negatives, 2);
		CHECK_EQ(hash_of(&fixture, &plain), cases[i].negative);
		plain = tuple_of(outer, 2);
		CHECK_EQ(hash_of(&fixture, &plain), cases[i].nested);
		plains_deinit(&fixture.plains);
	}
}

static void test_text(void)
{
	static const uint8_t seeded[HASH_SECRET_SIZE] = {0xa0, 0xdc, 0xc3, 0x6d, 0xc4, 0x6d, 0x55, 0x25,
							 0x90, 0x6c, 0x6f, 0xd0, 0xdb, 0xe4, 0x3e, 0xfc,
							 0xce, 0xe8, 0xdb, 0x6d, 0xea, 0x85, 0x6e, 0xb4};
	static const struct {
		const char *text;
		uint64_t siphash24, siphash13, narrow;
	} cases[] = {
		{"", 0, 0, 0},
		{"a", 10863254463029944905u, 4644417185603328019, 18446744072511756307u},
		{"abcdefg", 11795375929858261112u, 7904145750247929094, 18446744071837906182u},
		{"abcdefgh", 16599038366039810451u, 4574395652268504554, 193869290},
		{"longer than two words of eight", 16682915417377282250u, 6741168658301182001, 18446744072384798769u},
	};
	const uint32_t euro[] = {0x20ac};
	struct fixture old, new, narrow;
	struct plain plain;

	set_up(&old, 0x030912f0, EM_X86_64, HASH_SIPHASH24);
	set_up(&new, 0x030d00f0, EM_X86_64, HASH_SIPHASH13);
	set_up(&narrow, 0x030d05f0, EM_386, HASH_SIPHASH13);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		plain = bytes_of(cases[i].text);
		CHECK_EQ(hash_of(&old, &plain), cases[i].siphash24);
		CHECK_EQ(hash_of(&new, &plain), cases[i].siphash13);
		CHECK_EQ(hash_of(&narrow, &plain), cases[i].narrow);
	}
	CHECK_EQ(plain_make_str(&new.plains, euro, 1, &plain), CPEEK_OK);
	CHECK_EQ(plain.width, 2);
	CHECK_EQ(hash_of(&new, &plain), 12916762915946535607u);
	CHECK_EQ(hash_of(&old, &plain), 10608166946544658576u);
	memcpy(old.secret.bytes, seeded, sizeof(seeded));
	memcpy(new.secret.bytes, seeded, sizeof(seeded));
	plain = bytes_of("abc");
	CHECK_EQ(hash_of(&old, &plain), 388598407153298160);
	CHECK_EQ(hash_of(&new, &plain), 2962436275791859092);
	plain = bytes_of("0123456789");
	CHECK_EQ(hash_of(&old, &plain), 11747065055356661049u);
	CHECK_EQ(hash_of(&new, &plain), 15774819944931044491u);
	plains_deinit(&old.plains);
	plains_deinit(&new.plains);
	plains_deinit(&narrow.plains);
}

/* Of a str in the byte order of s390x, as its CPython said with PYTHONHASHSEED=0. */
static void test_big_endian(void)
{
	const uint32_t euro[] = {0x20ac, 'u', 'r', 'o'}, smile[] = {0x1f600};
	struct fixture fixture;
	struct plain plain;

	set_up(&fixture, 0x030d05f0, EM_S390, HASH_SIPHASH13);
	plain = bytes_of("abc");
	CHECK_EQ(hash_of(&fixture, &plain), 13851880170939887858u);
	CHECK_EQ(plain_make_str(&fixture.plains, euro, 4, &plain), CPEEK_OK);
	CHECK_EQ(hash_of(&fixture, &plain), 10327971008570249390u);
	CHECK_EQ(plain_make_str(&fixture.plains, smile, 1, &plain), CPEEK_OK);
	CHECK_EQ(hash_of(&fixture, &plain), 6751990977287161202);
	plains_deinit(&fixture.plains);
}

/* A secret that nothing proves is none. */
static void test_unknown(void)
{
	struct fixture fixture;
	const struct plain plain = bytes_of("abc");
	struct hash hash;

	set_up(&fixture, 0x030d00f0, EM_X86_64, HASH_SIPHASH13);
	fixture.secret = (struct hash_secret){.evidence = "nowhere to be found"};
	CHECK_EQ(hash_plain(&fixture.plains, &plain, &hash), CPEEK_NOT_FOUND);
	CHECK_TEXT(hash.how, "nowhere to be found");
	plains_deinit(&fixture.plains);
}

int main(void)
{
	test_numbers();
	test_nan();
	test_tuples();
	test_text();
	test_big_endian();
	test_unknown();
	return check_report();
}
