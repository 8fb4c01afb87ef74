/*
 * How numbers and text look: number.c, printable.c, and str_put_repr(), against what CPython itself says. Each
 * expected value was printed by an interpreter (pyenv's 3.8.18 to 3.13.0), none by this code.
 */
#include "check.h"
#include "object/decoder.h"
#include "object/bignum.h"
#include "object/number.h"
#include "object/printable.h"

#include <elf.h>
#include <stdlib.h>

/* zlib.crc32() */
static uint32_t crc32(uint32_t crc, const char *bytes, size_t length)
{
	crc = ~crc;
	for (size_t i = 0; i < length; i++) {
		crc ^= (uint8_t)bytes[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
	}
	return ~crc;
}

static uint64_t next_random(uint64_t x)
{
	return x * 6364136223846793005 + 1442695040888963407;
}

static double to_double(uint64_t bits)
{
	double value;
	memcpy(&value, &bits, sizeof(value));
	return value;
}

static const struct {
	uint64_t bits;
	const char *repr;
} floats[] = {
	{0x0000000000000000, "0.0"},
	{0x8000000000000000, "-0.0"},
	{0x3ff0000000000000, "1.0"},
	{0xbff0000000000000, "-1.0"},
	{0x3fb999999999999a, "0.1"},
	{0x3fe0000000000000, "0.5"},
	{0x3ff8000000000000, "1.5"},
	{0x4059000000000000, "100.0"},
	{0x419d6f3454000000, "123456789.0"},
	{0x430c6bf526340000, "1000000000000000.0"},
	{0x4341c37937e08000, "1e+16"},
	{0x4341c37937e07fff, "9999999999999998.0"},
	{0x4376345785d8a000, "1e+17"},
	{0x434aa535d3d0c000, "1.5e+16"},
	{0x4345ee2a2eb5a5c4, "1.2345678901234568e+16"},
	{0x3f50624dd2f1a9fc, "0.001"},
	{0x3f1a36e2eb1c432d, "0.0001"},
	{0x3f202c9dedbc309d, "0.0001234"},
	{0x3ee4f8b588e368f1, "1e-05"},
	{0x3f18e757928e0c9e, "9.5e-05"},
	{0x4480f0cf064dd592, "1e+22"},
	{0x44b52d02c7e14af6, "1e+23"},
	{0x54b249ad2594c37d, "1e+100"},
	{0x2b2bff2ee48e0530, "1e-100"},
	{0x0000000000000001, "5e-324"},
	{0x0000000000000002, "1e-323"},
	{0x0000000000000003, "1.5e-323"},
	{0x0010000000000000, "2.2250738585072014e-308"},
	{0x000fffffffffffff, "2.225073858507201e-308"},
	{0x7fefffffffffffff, "1.7976931348623157e+308"},
	{0x3d30000000000000, "5.684341886080802e-14"},
	{0x0000000000000003, "1.5e-323"},
	{0x4340000000000000, "9007199254740992.0"},
	{0x4340000000000001, "9007199254740994.0"},
	{0x4580000000000000, "6.189700196426902e+26"},
	{0x0010000000000000, "2.2250738585072014e-308"},
	{0x4340000000000000, "9007199254740992.0"},
	{0x3fd3333333333333, "0.3"},
	{0x3fd3333333333334, "0.30000000000000004"},
	{0x3fd5555555555555, "0.3333333333333333"},
	{0x3fe5555555555555, "0.6666666666666666"},
	{0x444b1ae4d6e2ef50, "1e+21"},
	{0x3ee9cb8320b15070, "1.23e-05"},
	{0x4011666666666666, "4.35"},
	{0x3f202e85be180b5b, "0.000123456789012345"},
	{0x400921fb54442d18, "3.141592653589793"},
	{0x4005bf0a8b145769, "2.718281828459045"},
	{0x44dfe185ca57c517, "6.02214076e+23"},
	{0x39b279a9c8073d8b, "9.109e-31"},
	{0x7ff0000000000000, "inf"},
	{0xfff0000000000000, "-inf"},
	{0x7ff8000000000000, "nan"},
	{0xfff8000000000000, "nan"},
	{0x3e70000000000000, "5.960464477539063e-08"},
	{0x39b0000000000000, "7.888609052210118e-31"},
	{0x4450000000000000, "1.1805916207174113e+21"},
	{0x52b0000000000000, "2.037035976334486e+90"},
	{0x2d30000000000000, "4.909093465297727e-91"},
	{0x447c7e83209e90b2, "8.41e+21"},
	{0x0000000000004000, "8.095e-320"},
	{0x0000000000000010, "8e-323"},
	{0x03f0000000000000, "1.0261342003245941e-289"},
	{0x0ad0000000000000, "1.3319983461951343e-256"},
	{0x11b0000000000000, "1.7290327071306454e-223"},
	{0x1890000000000000, "2.2444127733846047e-190"},
	{0x1f70000000000000, "2.913414348125081e-157"},
	{0x2650000000000000, "3.7818280418450374e-124"},
	{0x2d30000000000000, "4.909093465297727e-91"},
	{0x3410000000000000, "6.372367644529809e-58"},
	{0x3af0000000000000, "8.271806125530277e-25"},
	{0x41d0000000000000, "1073741824.0"},
	{0x48b0000000000000, "1.393796574908164e+42"},
	{0x4f90000000000000, "1.8092513943330656e+75"},
	{0x5670000000000000, "2.3485425827738332e+108"},
	{0x5d50000000000000, "3.048582568667961e+141"},
	{0x6430000000000000, "3.9572864235696725e+174"},
	{0x6b10000000000000, "5.136851466355834e+207"},
	{0x71f0000000000000, "6.668014432879854e+240"},
	{0x78d0000000000000, "8.65557759812674e+273"},
	{0x2c5d6baed2eac902, "5.5095159017672674e-95"},
	{0xf3c95789ace1a954, "-5.670043077268001e+249"},
	{0x0b66402800e03d2c, "9.484088403090182e-254"},
	{0xcbf27734ac103525, "-7.244421733362765e+57"},
	{0xfc27ed12b10877a9, "-1.1658351535612136e+290"},
	{0xe0a3a91f2346cc13, "-3.374156406513168e+157"},
	{0x7714dc919b27dbdf, "4.20420360016783e+265"},
	{0xf1260ebc7d56ab56, "-1.1221325118486063e+237"},
	{0xc280ad3729a6f2e7, "-2292017607902.363"},
	{0x6caf76a5703598ae, "3.389482710346597e+215"},
	{0xd670c342c6cce996, "-2.460500202761952e+108"},
	{0x3f0c9931918c40bf, "5.4547143184648e-05"},
	{0xcc9c26a813678d7a, "-1.1309229077948092e+61"},
	{0x004498f4b987f7c1, "2.291546182560857e-307"},
	{0x8fcc69d79561a0d1, "-1.4298064954111936e-232"},
	{0x0ecaf828e2f79553, "2.0708292649155528e-237"},
	{0x24414c46f147ecf9, "4.759778729033471e-134"},
	{0x73f80e52a36958b5, "4.3058499789768537e+250"},
	{0xe1010f154a9f2968, "-1.8736963953898256e+159"},
	{0xc1af446506f102fc, "-262288003.4707259"},
	{0xff72c46dca8fbe35, "-8.236779022499217e+305"},
	{0xb459071afb8adf9e, "-1.5948605918252632e-56"},
	{0xe81696a68afe2312, "-2.5764648227519757e+193"},
	{0x5a3c1fbdf9da0bf3, "4.7594324847809176e+126"},
	{0x3fe2df8b9d00a8ba, "0.5897882524925742"},
	{0x3fb29392426bac78, "0.07256425973507585"},
	{0x3fe0eb6165042456, "0.5287329647991423"},
	{0x3fea853f8a93a8e4, "0.8287656504228633"},
	{0x3fc4f51d37331da8, "0.16373028941437195"},
	{0x3fe18fae86f7ebbd, "0.548789275751339"},
	{0x3fd4a97509d2b4f6, "0.3228428455284552"},
	{0x3fe952dfad09833a, "0.7913664226181034"},
	{0x40ecca347ae147ae, "58961.64"},
	{0x41eb1b770aeccccd, "3638278231.4"},
	{0x401428f5c28f5c29, "5.04"},
	{0x3fdc28f5c28f5c29, "0.44"},
	{0x4188a6ad9f958106, "51697075.948"},
	{0x425be21f2e9e9a77, "479031245434.4135"},
};

static void test_float(void)
{
	struct strbuf out = {0};

	for (size_t i = 0; i < sizeof(floats) / sizeof(*floats); i++) {
		strbuf_clear(&out);
		number_put_float(&out, to_double(floats[i].bits));
		CHECK_TEXT(strbuf_text(&out), floats[i].repr);
	}
	/* 200,000 random ones, each on a line, by their checksum. */
	uint64_t x = 0x9e3779b97f4a7c15;
	uint32_t crc = 0;
	for (int i = 0; i < 200000; i++) {
		x = next_random(x);
		strbuf_clear(&out);
		number_put_float(&out, to_double(x));
		strbuf_putc(&out, '\n');
		crc = crc32(crc, out.data, out.length);
	}
	CHECK_EQ(crc, 0x159c9301);
	strbuf_deinit(&out);
}

static const struct {
	uint64_t real, imag;
	const char *repr;
} complexes[] = {
	{0x0000000000000000, 0x0000000000000000, "0j"},
	{0x0000000000000000, 0x8000000000000000, "-0j"},
	{0x0000000000000000, 0x3ff0000000000000, "1j"},
	{0x0000000000000000, 0xc004000000000000, "-2.5j"},
	{0x0000000000000000, 0x7ff8000000000000, "nanj"},
	{0x0000000000000000, 0xfff0000000000000, "-infj"},
	{0x0000000000000000, 0x3ee4f8b588e368f1, "1e-05j"},
	{0x8000000000000000, 0x0000000000000000, "(-0+0j)"},
	{0x8000000000000000, 0x8000000000000000, "(-0-0j)"},
	{0x8000000000000000, 0x3ff0000000000000, "(-0+1j)"},
	{0x8000000000000000, 0xc004000000000000, "(-0-2.5j)"},
	{0x8000000000000000, 0x7ff8000000000000, "(-0+nanj)"},
	{0x8000000000000000, 0xfff0000000000000, "(-0-infj)"},
	{0x8000000000000000, 0x3ee4f8b588e368f1, "(-0+1e-05j)"},
	{0x3ff0000000000000, 0x0000000000000000, "(1+0j)"},
	{0x3ff0000000000000, 0x8000000000000000, "(1-0j)"},
	{0x3ff0000000000000, 0x3ff0000000000000, "(1+1j)"},
	{0x3ff0000000000000, 0xc004000000000000, "(1-2.5j)"},
	{0x3ff0000000000000, 0x7ff8000000000000, "(1+nanj)"},
	{0x3ff0000000000000, 0xfff0000000000000, "(1-infj)"},
	{0x3ff0000000000000, 0x3ee4f8b588e368f1, "(1+1e-05j)"},
	{0xc004000000000000, 0x0000000000000000, "(-2.5+0j)"},
	{0xc004000000000000, 0x8000000000000000, "(-2.5-0j)"},
	{0xc004000000000000, 0x3ff0000000000000, "(-2.5+1j)"},
	{0xc004000000000000, 0xc004000000000000, "(-2.5-2.5j)"},
	{0xc004000000000000, 0x7ff8000000000000, "(-2.5+nanj)"},
	{0xc004000000000000, 0xfff0000000000000, "(-2.5-infj)"},
	{0xc004000000000000, 0x3ee4f8b588e368f1, "(-2.5+1e-05j)"},
	{0x7ff8000000000000, 0x0000000000000000, "(nan+0j)"},
	{0x7ff8000000000000, 0x8000000000000000, "(nan-0j)"},
	{0x7ff8000000000000, 0x3ff0000000000000, "(nan+1j)"},
	{0x7ff8000000000000, 0xc004000000000000, "(nan-2.5j)"},
	{0x7ff8000000000000, 0x7ff8000000000000, "(nan+nanj)"},
	{0x7ff8000000000000, 0xfff0000000000000, "(nan-infj)"},
	{0x7ff8000000000000, 0x3ee4f8b588e368f1, "(nan+1e-05j)"},
	{0x7ff0000000000000, 0x0000000000000000, "(inf+0j)"},
	{0x7ff0000000000000, 0x8000000000000000, "(inf-0j)"},
	{0x7ff0000000000000, 0x3ff0000000000000, "(inf+1j)"},
	{0x7ff0000000000000, 0xc004000000000000, "(inf-2.5j)"},
	{0x7ff0000000000000, 0x7ff8000000000000, "(inf+nanj)"},
	{0x7ff0000000000000, 0xfff0000000000000, "(inf-infj)"},
	{0x7ff0000000000000, 0x3ee4f8b588e368f1, "(inf+1e-05j)"},
	{0x4341c37937e08000, 0x0000000000000000, "(1e+16+0j)"},
	{0x4341c37937e08000, 0x8000000000000000, "(1e+16-0j)"},
	{0x4341c37937e08000, 0x3ff0000000000000, "(1e+16+1j)"},
	{0x4341c37937e08000, 0xc004000000000000, "(1e+16-2.5j)"},
	{0x4341c37937e08000, 0x7ff8000000000000, "(1e+16+nanj)"},
	{0x4341c37937e08000, 0xfff0000000000000, "(1e+16-infj)"},
	{0x4341c37937e08000, 0x3ee4f8b588e368f1, "(1e+16+1e-05j)"},
};

static void test_complex(void)
{
	struct strbuf out = {0};

	for (size_t i = 0; i < sizeof(complexes) / sizeof(*complexes); i++) {
		strbuf_clear(&out);
		number_put_complex(&out, to_double(complexes[i].real), to_double(complexes[i].imag));
		CHECK_TEXT(strbuf_text(&out), complexes[i].repr);
	}
	strbuf_deinit(&out);
}

/* Integers of count random digits: how long their decimal and hexadecimal texts are, and the checksums of those. */
static const struct {
	size_t count, decimal_length;
	uint32_t decimal_crc;
	size_t hex_length;
	uint32_t hex_crc;
} integers[] = {
	{0, 1, 0xf4dbdf21, 3, 0x1a15ffd0},
	{1, 9, 0xc0f5e5ed, 10, 0x39246ca3},
	{2, 18, 0xbb6e9266, 17, 0x7bc045fa},
	{3, 27, 0xc8840221, 25, 0xe146219f},
	{4, 36, 0x52149b3a, 32, 0x9c587864},
	{5, 46, 0x5896326b, 40, 0x1f690271},
	{7, 64, 0x7497a057, 55, 0x38c86560},
	{10, 91, 0x5884b0c7, 77, 0xb5fe3d45},
	{33, 298, 0xb761a83f, 249, 0x74952e6b},
	{100, 903, 0x21d37c32, 752, 0x117ab19a},
	{999, 9022, 0xbcbd1562, 7495, 0xf04b41ab},
	{3000, 27093, 0xa8be5f65, 22502, 0x35393f87},
	{20000, 180618, 0x2e90d76d, 150002, 0x70ab490c},
};

static void test_integer(void)
{
	struct strbuf out = {0};

	for (size_t i = 0; i < sizeof(integers) / sizeof(*integers); i++) {
		const size_t count = integers[i].count;
		uint32_t *digits = malloc((count + 1) * sizeof(*digits));
		uint64_t x = count + 1;
		for (size_t j = 0; j < count; j++) {
			x = next_random(x);
			digits[j] = (uint32_t)(x >> 34);
		}
		strbuf_clear(&out);
		CHECK_EQ(bignum_put(&out, digits, count, (struct bignum_patience){0}), CPEEK_OK);
		CHECK_EQ(out.length, integers[i].decimal_length);
		CHECK_EQ(crc32(0, strbuf_text(&out), out.length), integers[i].decimal_crc);

		strbuf_clear(&out);
		CHECK_EQ(number_put_hex(&out, digits, count, 0), 0);
		CHECK_EQ(out.length, integers[i].hex_length);
		CHECK_EQ(crc32(0, strbuf_text(&out), out.length), integers[i].hex_crc);
		free(digits);
	}
	strbuf_deinit(&out);
}

/* Carries: 2**n - 1 and 2**n. */
static void test_integer_edges(void)
{
	const uint32_t ones[] = {0x3fffffff, 0x3fffffff, 0x3fffffff, 0x3fffffff};
	const uint32_t power[] = {0, 0, 0, 0, 1};
	struct strbuf out = {0};

	CHECK_EQ(bignum_put(&out, ones, 4, (struct bignum_patience){0}), CPEEK_OK);
	CHECK_TEXT(strbuf_text(&out), "1329227995784915872903807060280344575");
	strbuf_clear(&out);
	CHECK_EQ(bignum_put(&out, power, 5, (struct bignum_patience){0}), CPEEK_OK);
	CHECK_TEXT(strbuf_text(&out), "1329227995784915872903807060280344576");
	strbuf_clear(&out);
	/* A power of ten, and what is just below it. */
	const uint32_t nines[] = {0x3fffffff, 0xd2e7c3f, 0x3c90715b, 0x3025f39e};
	const uint32_t round[] = {0x0, 0xd2e7c40, 0x3c90715b, 0x3025f39e};
	CHECK_EQ(bignum_put(&out, nines, 4, (struct bignum_patience){0}), CPEEK_OK);
	CHECK_TEXT(strbuf_text(&out), "999999999999999999999999999999999999");
	strbuf_clear(&out);
	CHECK_EQ(bignum_put(&out, round, 4, (struct bignum_patience){0}), CPEEK_OK);
	CHECK_TEXT(strbuf_text(&out), "1000000000000000000000000000000000000");
	strbuf_clear(&out);
	CHECK_EQ(number_put_hex(&out, power, 5, 3), 28);
	CHECK_TEXT(strbuf_text(&out), "0x100");
	strbuf_clear(&out);
	number_put_small(&out, UINT64_MAX);
	CHECK_TEXT(strbuf_text(&out), "18446744073709551615");
	strbuf_deinit(&out);
}

/* The first digits alone are those of the whole number, and the count of the others is right: of random numbers, and of
 * those at which a digit more begins. */
static void test_leading(void)
{
	static const uint64_t most[] = {1, 2, 17, 200, 1000};
	struct strbuf whole = {0}, leading = {0};
	unsigned told = 0;

	for (size_t count = 1; count < 700; count += 1 + count / 8) {
		uint32_t *digits = malloc(count * sizeof(*digits));
		uint64_t x = count;
		for (size_t j = 0; j < count; j++) {
			x = next_random(x);
			digits[j] = count % 3 == 0 ? 0 : count % 3 == 1 ? 0x3fffffff : (uint32_t)(x >> 34);
		}
		digits[count - 1] = (uint32_t)(x >> 34 >> x % 29) | 1;
		strbuf_clear(&whole);
		CHECK_EQ(bignum_put(&whole, digits, count, (struct bignum_patience){0}), CPEEK_OK);
		for (size_t i = 0; i < sizeof(most) / sizeof(*most); i++) {
			uint64_t rest = 0;
			strbuf_clear(&leading);
			enum cpeek_status status = bignum_put_leading(&leading, digits, count, most[i], &rest);
			if (status == CPEEK_NOT_FOUND)
				continue;
			told++;
			CHECK_EQ(status, CPEEK_OK);
			CHECK_EQ(leading.length, most[i]);
			CHECK_EQ(leading.length + rest, whole.length);
			CHECK(memcmp(strbuf_text(&leading), strbuf_text(&whole), leading.length) == 0);
		}
		free(digits);
	}
	CHECK(told > 50);
	strbuf_deinit(&whole);
	strbuf_deinit(&leading);
}

static bool cancel_at_once(void *arg)
{
	(void)arg;
	return true;
}

/* Of a number of several parts: a power of ten has nothing but zeros behind its first digit, and its upper bits do not
 * tell it from what is just below. */
static void test_power_of_ten(void)
{
	enum { DIGITS = 150000 };
	struct strbuf out = {0};
	uint32_t *digits = calloc(DIGITS, sizeof(*digits));
	size_t count = 1;
	uint64_t rest = 0;

	digits[0] = 1;
	for (unsigned i = 0; i < DIGITS; i += 9) {
		uint64_t carry = 0;
		for (size_t j = 0; j < count; j++) {
			carry += (uint64_t)digits[j] * 1000000000;
			digits[j] = carry & 0x3fffffff;
			carry >>= 30;
		}
		if (carry)
			digits[count++] = (uint32_t)carry;
	}
	CHECK_EQ(bignum_put_leading(&out, digits, count, 100, &rest), CPEEK_NOT_FOUND);
	CHECK_EQ(out.length, 0);
	CHECK_EQ(bignum_put(&out, digits, count, (struct bignum_patience){.cancelled = cancel_at_once}),
		 CPEEK_CANCELLED);
	strbuf_clear(&out);
	CHECK_EQ(bignum_put(&out, digits, count, (struct bignum_patience){0}), CPEEK_OK);
	CHECK_EQ(out.length, (DIGITS + 8) / 9 * 9 + 1);
	CHECK_EQ(out.data[0], '1');
	CHECK_EQ(strspn(out.data + 1, "0"), out.length - 1);
	free(digits);
	strbuf_deinit(&out);
}

/* layout: NULL for all. */
static const struct {
	const char *layout;
	size_t count;
	uint32_t characters[12];
	const char *repr;
} texts[] = {
	{NULL, 0, {0}, "''"},
	{NULL, 3, {0x61, 0x62, 0x63}, "'abc'"},
	{NULL, 4, {0x69, 0x74, 0x27, 0x73}, "\"it's\""},
	{NULL, 1, {0x22}, "'\"'"},
	{NULL, 12, {0x62, 0x6f, 0x74, 0x68, 0x20, 0x27, 0x20, 0x61, 0x6e, 0x64, 0x20, 0x22}, "'both \\' and \"'"},
	{NULL, 1, {0x5c}, "'\\\\'"},
	{NULL, 9, {0xa, 0xd, 0x9, 0x0, 0x7f, 0x80, 0xa0, 0xad, 0xff}, "'\\n\\r\\t\\x00\\x7f\\x80\\xa0\\xadÿ'"},
	{NULL, 5, {0x378, 0x200b, 0x2028, 0xd800, 0xdfff}, "'\\u0378\\u200b\\u2028\\ud800\\udfff'"},
	{NULL, 9, {0x63, 0x61, 0x66, 0xe9, 0x20, 0x4e2d, 0x6587, 0x20, 0x1f600}, "'café 中文 😀'"},
	{NULL, 2, {0xe0001, 0x10ffff}, "'\\U000e0001\\U0010ffff'"},
	{"3.8", 1, {0x8c7}, "'\\u08c7'"},
	{"3.9", 1, {0x8c7}, "'ࣇ'"},
	{"3.10", 1, {0x8c7}, "'ࣇ'"},
	{"3.11", 1, {0x8c7}, "'ࣇ'"},
	{"3.12", 1, {0x8c7}, "'ࣇ'"},
	{"3.13", 1, {0x8c7}, "'ࣇ'"},
	{"3.8", 1, {0x870}, "'\\u0870'"},
	{"3.9", 1, {0x870}, "'\\u0870'"},
	{"3.10", 1, {0x870}, "'\\u0870'"},
	{"3.11", 1, {0x870}, "'ࡰ'"},
	{"3.12", 1, {0x870}, "'ࡰ'"},
	{"3.13", 1, {0x870}, "'ࡰ'"},
	{"3.8", 1, {0x1e4d0}, "'\\U0001e4d0'"},
	{"3.9", 1, {0x1e4d0}, "'\\U0001e4d0'"},
	{"3.10", 1, {0x1e4d0}, "'\\U0001e4d0'"},
	{"3.11", 1, {0x1e4d0}, "'\\U0001e4d0'"},
	{"3.12", 1, {0x1e4d0}, "'𞓐'"},
	{"3.13", 1, {0x1e4d0}, "'𞓐'"},
	{"3.8", 1, {0x2ffc}, "'\\u2ffc'"},
	{"3.9", 1, {0x2ffc}, "'\\u2ffc'"},
	{"3.10", 1, {0x2ffc}, "'\\u2ffc'"},
	{"3.11", 1, {0x2ffc}, "'\\u2ffc'"},
	{"3.12", 1, {0x2ffc}, "'\\u2ffc'"},
	{"3.13", 1, {0x2ffc}, "'⿼'"},
};

static const char *const layouts[] = {"3.8", "3.9", "3.10", "3.11", "3.12", "3.13"};

static void test_text(void)
{
	struct strbuf out = {0};

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		for (size_t j = 0; j < sizeof(layouts) / sizeof(*layouts); j++) {
			if (texts[i].layout && strcmp(texts[i].layout, layouts[j]) != 0)
				continue;
			strbuf_clear(&out);
			str_put_repr(&out, layout_by_name(layouts[j], EM_X86_64), texts[i].characters, texts[i].count);
			CHECK_TEXT(strbuf_text(&out), texts[i].repr);
		}
	}
	strbuf_deinit(&out);
}

/* zlib.crc32(bytes(48 + chr(c).isprintable() for c in range(0x110000))) */
static void test_printable(void)
{
	static const uint32_t expected[] = {0x603a25b4, 0x1130a1b3, 0x1130a1b3, 0x913db31a, 0xdd470fb5, 0xc560a108};

	for (size_t i = 0; i < sizeof(layouts) / sizeof(*layouts); i++) {
		const struct layout *layout = layout_by_name(layouts[i], EM_X86_64);
		uint32_t crc = 0;
		for (uint32_t c = 0; c <= 0x10ffff; c++)
			crc = crc32(crc, printable_has(layout, c) ? "1" : "0", 1);
		CHECK_EQ(crc, expected[i]);
		CHECK(!printable_has(layout, 0x110000));
		CHECK(!printable_has(layout, UINT32_MAX));
	}
}

int main(void)
{
	test_float();
	test_complex();
	test_integer();
	test_integer_edges();
	test_leading();
	test_power_of_ten();
	test_text();
	test_printable();
	return check_report();
}
