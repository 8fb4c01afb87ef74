/*
 * Line tables of every form. The tables and what they mean were taken by hand from CPython's own code objects, all of
 * this function (300 blank lines stand before `return`):
 *
 *     def f(a, b=2):
 *         """doc"""
 *         x = (a +
 *              b *
 *              3)
 *         for i in range(x):
 *             try:
 *                 y = [i
 *                      for i in
 *                      range(3)]; z = é[i].café(
 *                     i, *y)
 *             finally:
 *                 del i
 *         return (
 *             x, x <200 blanks>+ y,
 *             lambda: x)
 */
#include "check.h"
#include "stack/lines.h"

/* The position from this byte offset on, up to that of the next row. */
struct expected {
	int64_t byte_offset;
	struct position position;
};

/* CPython 3.8.18: co_lnotab and dis.findlinestarts() */
static const uint8_t python38_table[] = {
	0x00, 0x02, 0x02, 0x01, 0x02, 0x01, 0x02, 0xff, 0x02, 0xff, 0x04, 0x03, 0x0c, 0x01, 0x02,
	0x01, 0x06, 0x02, 0x06, 0xfe, 0x06, 0x02, 0x08, 0x01, 0x02, 0xff, 0x02, 0x01, 0x02, 0xff,
	0x0a, 0x03, 0x06, 0x7f, 0x00, 0x7f, 0x00, 0x30, 0x02, 0x00, 0x06, 0x01, 0x0a, 0xfe,
};
static const struct expected python38_positions[] = {
	{0, {3, -1, -1, -1}},    {2, {4, -1, -1, -1}},    {4, {5, -1, -1, -1}},    {6, {4, -1, -1, -1}},
	{8, {3, -1, -1, -1}},    {12, {6, -1, -1, -1}},   {24, {7, -1, -1, -1}},   {26, {8, -1, -1, -1}},
	{32, {10, -1, -1, -1}},  {38, {8, -1, -1, -1}},   {44, {10, -1, -1, -1}},  {52, {11, -1, -1, -1}},
	{54, {10, -1, -1, -1}},  {56, {11, -1, -1, -1}},  {58, {10, -1, -1, -1}},  {68, {13, -1, -1, -1}},
	{74, {315, -1, -1, -1}}, {82, {316, -1, -1, -1}}, {92, {314, -1, -1, -1}}, {96, {0}},
};

/* CPython 3.10.13: co_linetable and co_lines() */
static const uint8_t python310_table[] = {
	0x02, 0x02, 0x02, 0x01, 0x02, 0x01, 0x02, 0xff, 0x04, 0xff, 0x0c, 0x03, 0x02, 0x01,
	0x06, 0x01, 0x06, 0x02, 0x06, 0xfe, 0x08, 0x02, 0x02, 0x01, 0x02, 0xff, 0x02, 0x01,
	0x0a, 0xff, 0x08, 0x03, 0x00, 0x7f, 0x00, 0x7f, 0x08, 0x30, 0x0a, 0x01, 0x04, 0xfe,
};
static const struct expected python310_positions[] = {
	{0, {3, -1, -1, -1}},    {2, {4, -1, -1, -1}},    {4, {5, -1, -1, -1}},    {6, {4, -1, -1, -1}},
	{8, {3, -1, -1, -1}},    {12, {6, -1, -1, -1}},   {24, {7, -1, -1, -1}},   {26, {8, -1, -1, -1}},
	{32, {10, -1, -1, -1}},  {38, {8, -1, -1, -1}},   {44, {10, -1, -1, -1}},  {52, {11, -1, -1, -1}},
	{54, {10, -1, -1, -1}},  {56, {11, -1, -1, -1}},  {58, {10, -1, -1, -1}},  {68, {13, -1, -1, -1}},
	{76, {315, -1, -1, -1}}, {84, {316, -1, -1, -1}}, {94, {314, -1, -1, -1}}, {98, {0}},
};

/* CPython 3.11.7: co_linetable and co_positions() */
static const uint8_t python311_table[] = {
	0xf8, 0x80, 0x00, 0xe0, 0x09, 0x0a, 0xd8, 0x09, 0x0a, 0xd8, 0x09, 0x0a, 0xf1, 0x03, 0x01, 0x0a, 0x0b,
	0xf1, 0x03, 0x02, 0x0a, 0x0b, 0x80, 0x41, 0xf5, 0x06, 0x00, 0x0e, 0x13, 0x90, 0x31, 0x89, 0x58, 0x8c,
	0x58, 0xf0, 0x00, 0x07, 0x05, 0x12, 0xf0, 0x00, 0x07, 0x05, 0x12, 0x88, 0x01, 0xf0, 0x02, 0x06, 0x09,
	0x12, 0xf0, 0x02, 0x02, 0x11, 0x1b, 0xf0, 0x00, 0x02, 0x11, 0x1b, 0xe5, 0x11, 0x16, 0x90, 0x71, 0x91,
	0x18, 0x94, 0x18, 0xf0, 0x05, 0x02, 0x11, 0x1b, 0xf1, 0x00, 0x02, 0x11, 0x1b, 0xf4, 0x00, 0x02, 0x11,
	0x1b, 0x88, 0x41, 0xe5, 0x20, 0x22, 0xa0, 0x31, 0xa4, 0x05, 0xa4, 0x0b, 0xd8, 0x10, 0x11, 0xf0, 0x03,
	0x01, 0x21, 0x17, 0xd8, 0x14, 0x15, 0xf0, 0x03, 0x01, 0x21, 0x17, 0xf0, 0x00, 0x01, 0x21, 0x17, 0xf0,
	0x00, 0x01, 0x21, 0x17, 0x98, 0x41, 0xf0, 0x06, 0x00, 0x11, 0x12, 0x90, 0x01, 0xf8, 0x90, 0x01, 0x88,
	0x45, 0x88, 0x45, 0x88, 0x45, 0x88, 0x45, 0xf0, 0x5c, 0x09, 0x00, 0x09, 0x0a, 0x88, 0x31, 0xf0, 0x00,
	0x00, 0x58, 0x03, 0x59, 0x03, 0xf1, 0x00, 0x00, 0x0c, 0x59, 0x03, 0xd8, 0x08, 0x11, 0x88, 0x09, 0x88,
	0x09, 0x88, 0x09, 0xf0, 0x05, 0x02, 0x0c, 0x13, 0xf0, 0x00, 0x02, 0x05, 0x13,
};
static const struct expected python311_positions[] = {
	{0, {-1, -1, -1, -1}},
	{2, {1, 1, 0, 0}},
	{4, {3, 3, 9, 10}},
	{6, {4, 4, 9, 10}},
	{8, {5, 5, 9, 10}},
	{10, {4, 5, 9, 10}},
	{14, {3, 5, 9, 10}},
	{18, {3, 3, 4, 5}},
	{20, {6, 6, 13, 18}},
	{32, {6, 6, 19, 20}},
	{34, {6, 6, 13, 21}},
	{48, {6, 13, 4, 17}},
	{52, {6, 6, 8, 9}},
	{54, {7, 13, 8, 17}},
	{56, {8, 10, 16, 26}},
	{60, {10, 10, 17, 22}},
	{72, {10, 10, 23, 24}},
	{74, {10, 10, 17, 25}},
	{88, {8, 10, 16, 26}},
	{104, {8, 8, 12, 13}},
	{106, {10, 10, 32, 34}},
	{118, {10, 10, 35, 36}},
	{120, {10, 10, 32, 37}},
	{130, {10, 10, 32, 43}},
	{140, {11, 11, 16, 17}},
	{142, {10, 11, 32, 22}},
	{144, {11, 11, 20, 21}},
	{146, {10, 11, 32, 22}},
	{152, {10, 10, 28, 29}},
	{154, {13, 13, 16, 17}},
	{158, {-1, -1, -1, -1}},
	{160, {13, 13, 16, 17}},
	{162, {13, 13, 12, 17}},
	{170, {315, 315, 8, 9}},
	{172, {315, 315, 11, 12}},
	{174, {315, 315, 215, 216}},
	{176, {315, 315, 11, 216}},
	{180, {316, 316, 8, 17}},
	{188, {314, 316, 11, 18}},
	{190, {314, 316, 4, 18}},
	{192, {0}},
};

/* CPython 3.13.0: the same */
static const uint8_t python313_table[] = {
	0xf8, 0x80, 0x00, 0xe0, 0x09, 0x0a, 0xd8, 0x09, 0x0a, 0xd8, 0x09, 0x0a, 0xf1, 0x03, 0x01, 0x0a, 0x0b,
	0xf1, 0x03, 0x02, 0x0a, 0x0b, 0x80, 0x41, 0xf4, 0x06, 0x00, 0x0e, 0x13, 0x90, 0x31, 0x8e, 0x58, 0x88,
	0x01, 0xf0, 0x02, 0x06, 0x09, 0x12, 0xf4, 0x06, 0x00, 0x12, 0x17, 0x90, 0x71, 0x94, 0x18, 0xf3, 0x05,
	0x02, 0x11, 0x1b, 0xe1, 0x11, 0x19, 0xf0, 0x03, 0x00, 0x16, 0x17, 0xf3, 0x03, 0x00, 0x12, 0x13, 0xe1,
	0x11, 0x19, 0xf0, 0x05, 0x00, 0x0d, 0x0e, 0xf0, 0x00, 0x02, 0x11, 0x1b, 0xe4, 0x20, 0x22, 0xa0, 0x31,
	0xa1, 0x05, 0xa7, 0x0b, 0xa2, 0x0b, 0xd8, 0x10, 0x11, 0xf0, 0x03, 0x01, 0x21, 0x17, 0xd8, 0x14, 0x15,
	0xf2, 0x03, 0x01, 0x21, 0x17, 0x98, 0x41, 0xf2, 0x06, 0x00, 0x11, 0x12, 0xf1, 0x0f, 0x00, 0x0e, 0x16,
	0xf0, 0x6a, 0x09, 0x00, 0x09, 0x0a, 0x88, 0x31, 0xf0, 0x00, 0x00, 0x58, 0x03, 0x59, 0x03, 0xf1, 0x00,
	0x00, 0x0c, 0x59, 0x03, 0xdc, 0x08, 0x11, 0xf0, 0x05, 0x02, 0x0c, 0x13, 0xf0, 0x00, 0x02, 0x05, 0x13,
	0xf9, 0xf2, 0x65, 0x09, 0x02, 0x11, 0x1b, 0xf8, 0xf1, 0x0a, 0x00, 0x11, 0x12, 0xfa,
};
static const struct expected python313_positions[] = {
	{0, {-1, -1, -1, -1}},
	{2, {1, 1, 0, 0}},
	{4, {3, 3, 9, 10}},
	{6, {4, 4, 9, 10}},
	{8, {5, 5, 9, 10}},
	{10, {4, 5, 9, 10}},
	{14, {3, 5, 9, 10}},
	{18, {3, 3, 4, 5}},
	{20, {6, 6, 13, 18}},
	{30, {6, 6, 19, 20}},
	{32, {6, 6, 13, 21}},
	{46, {6, 6, 8, 9}},
	{48, {7, 13, 8, 17}},
	{50, {10, 10, 17, 22}},
	{60, {10, 10, 23, 24}},
	{62, {10, 10, 17, 25}},
	{72, {8, 10, 16, 26}},
	{80, {10, 10, 17, 25}},
	{84, {9, 9, 21, 22}},
	{86, {8, 8, 17, 18}},
	{94, {10, 10, 17, 25}},
	{98, {8, 8, 12, 13}},
	{100, {8, 10, 16, 26}},
	{102, {10, 10, 32, 34}},
	{112, {10, 10, 35, 36}},
	{114, {10, 10, 32, 37}},
	{118, {10, 10, 32, 43}},
	{140, {11, 11, 16, 17}},
	{142, {10, 11, 32, 22}},
	{144, {11, 11, 20, 21}},
	{146, {10, 11, 32, 22}},
	{152, {10, 10, 28, 29}},
	{154, {13, 13, 16, 17}},
	{160, {6, 6, 13, 21}},
	{164, {315, 315, 8, 9}},
	{166, {315, 315, 11, 12}},
	{168, {315, 315, 215, 216}},
	{170, {315, 315, 11, 216}},
	{174, {316, 316, 8, 17}},
	{184, {314, 316, 11, 18}},
	{186, {314, 316, 4, 18}},
	{188, {-1, -1, -1, -1}},
	{192, {8, 10, 16, 26}},
	{198, {-1, -1, -1, -1}},
	{200, {13, 13, 16, 17}},
	{204, {-1, -1, -1, -1}},
	{210, {0}},
};

/* CPython 3.12.1 with -X no_debug_ranges: the same */
static const uint8_t no_columns_table[] = {
	0xf8, 0xe8, 0x00, 0xe8, 0x04, 0xe8, 0x02, 0xe8, 0x02, 0xe9, 0x03, 0xe9, 0x03, 0xe8, 0x00, 0xec,
	0x06, 0xe8, 0x00, 0xeb, 0x00, 0xea, 0x00, 0xe8, 0x00, 0xe8, 0x02, 0xec, 0x06, 0xe8, 0x00, 0xeb,
	0x00, 0xee, 0x05, 0xe8, 0x02, 0xea, 0x03, 0xe8, 0x00, 0xe8, 0x00, 0xe8, 0x00, 0xec, 0x04, 0xe8,
	0x00, 0xe9, 0x00, 0xef, 0x00, 0xe9, 0x00, 0xe8, 0x02, 0xe8, 0x03, 0xe8, 0x02, 0xea, 0x03, 0xe8,
	0x00, 0xe9, 0x06, 0xe8, 0x0f, 0xe8, 0x6a, 0x09, 0xe8, 0x00, 0xe8, 0x00, 0xe9, 0x00, 0xeb, 0x02,
	0xe8, 0x05, 0xe8, 0x00, 0xf9, 0xea, 0x65, 0x09, 0xf8, 0xe9, 0x0a, 0xfa,
};
static const struct expected no_columns_positions[] = {
	{0, {-1, -1, -1, -1}},
	{2, {1, 1, -1, -1}},
	{4, {3, 3, -1, -1}},
	{6, {4, 4, -1, -1}},
	{8, {5, 5, -1, -1}},
	{10, {4, 4, -1, -1}},
	{14, {3, 3, -1, -1}},
	{20, {6, 6, -1, -1}},
	{48, {7, 7, -1, -1}},
	{50, {10, 10, -1, -1}},
	{70, {8, 8, -1, -1}},
	{84, {9, 9, -1, -1}},
	{86, {8, 8, -1, -1}},
	{98, {10, 10, -1, -1}},
	{134, {11, 11, -1, -1}},
	{136, {10, 10, -1, -1}},
	{138, {11, 11, -1, -1}},
	{140, {10, 10, -1, -1}},
	{148, {13, 13, -1, -1}},
	{152, {6, 6, -1, -1}},
	{154, {315, 315, -1, -1}},
	{164, {316, 316, -1, -1}},
	{172, {314, 314, -1, -1}},
	{176, {-1, -1, -1, -1}},
	{180, {8, 8, -1, -1}},
	{186, {-1, -1, -1, -1}},
	{188, {13, 13, -1, -1}},
	{192, {-1, -1, -1, -1}},
	{198, {0}},
};

struct bytes {
	const uint8_t *data;
	uint64_t fail_at; /* reads that reach this offset fail; 0: none */
	uint64_t reads, longest;
};

static enum cpeek_status read_bytes(void *arg, uint64_t offset, void *buffer, size_t length)
{
	struct bytes *bytes = arg;

	bytes->reads++;
	if (length > bytes->longest)
		bytes->longest = length;
	if (bytes->fail_at && offset + length > bytes->fail_at)
		return CPEEK_FAULT;
	memcpy(buffer, bytes->data + offset, length);
	return CPEEK_OK;
}

static enum cpeek_status find(enum lines_form form, const uint8_t *table, size_t size, int64_t byte_offset,
			      struct position *ret)
{
	struct bytes bytes = {.data = table};
	struct lines lines = {form, 1, size, read_bytes, &bytes};

	return lines_find(&lines, byte_offset, ret);
}

static bool same(const struct position *a, const struct position *b)
{
	return a->line == b->line && a->end_line == b->end_line && a->column == b->column &&
	       a->end_column == b->end_column;
}

/* Every instruction of a table, up to the last row, which is the code's length. */
static void check_table(enum lines_form form, const uint8_t *table, size_t size, const struct expected *rows,
			size_t row_count)
{
	size_t row = 0;

	for (int64_t at = rows[0].byte_offset; at < rows[row_count - 1].byte_offset; at += 2) {
		struct position position;
		while (at >= rows[row + 1].byte_offset)
			row++;
		CHECK_EQ(find(form, table, size, at, &position), CPEEK_OK);
		CHECK(same(&position, &rows[row].position));
		if (!same(&position, &rows[row].position))
			printf("    at %" PRId64 ": %" PRId64 "-%" PRId64 " %" PRId64 "-%" PRId64 "\n", at,
			       position.line, position.end_line, position.column, position.end_column);
	}
}

#define CHECK_TABLE(form, name)                                                                                       \
	check_table(form, name##_table, sizeof(name##_table), name##_positions,                                       \
		    sizeof(name##_positions) / sizeof(*name##_positions))

static void test_tables_of_cpython(void)
{
	CHECK_TABLE(LINES_LNOTAB, python38);
	CHECK_TABLE(LINES_PEP626, python310);
	CHECK_TABLE(LINES_LOCATIONS, python311);
	CHECK_TABLE(LINES_LOCATIONS, python313);
	CHECK_TABLE(LINES_LOCATIONS, no_columns);
}

static void check_line(enum lines_form form, const uint8_t *table, size_t size, int64_t byte_offset, int64_t line)
{
	struct position position = {7, 7, 7, 7};

	CHECK_EQ(find(form, table, size, byte_offset, &position), CPEEK_OK);
	CHECK_EQ(position.line, line);
	CHECK_EQ(position.column, -1);
}

/* A frame that has not begun is on co_firstlineno: PyCode_Addr2Line(co, -1). */
static void test_before_the_first_instruction(void)
{
	check_line(LINES_LNOTAB, python38_table, sizeof(python38_table), -1, 1);
	check_line(LINES_PEP626, python310_table, sizeof(python310_table), -2, 1);
	check_line(LINES_LOCATIONS, python311_table, sizeof(python311_table), -2, 1);
}

static void test_behind_the_end(void)
{
	check_line(LINES_LNOTAB, python38_table, sizeof(python38_table), 10000, 314);
	check_line(LINES_PEP626, python310_table, sizeof(python310_table), 10000, -1);
	check_line(LINES_LOCATIONS, python311_table, sizeof(python311_table), 10000, -1);
	check_line(LINES_LNOTAB, NULL, 0, 0, 1);
	check_line(LINES_PEP626, NULL, 0, 0, -1);
	check_line(LINES_LOCATIONS, NULL, 0, 0, -1);
}

/* 3.10: code without a line in between (-128), which leaves the running line as it was. Checked with
 * code.replace(co_linetable=…).co_lines() of 3.10.13: (0, 2, 2), (2, 6, None), (6, 8, 3), (8, 10, 1). */
static void test_pep626_without_line(void)
{
	static const uint8_t table[] = {2, 1, 4, 0x80, 2, 1, 0, 0x7f, 0, 0x82, 2, 0xfd};

	check_line(LINES_PEP626, table, sizeof(table), 0, 2);
	check_line(LINES_PEP626, table, sizeof(table), 2, -1);
	check_line(LINES_PEP626, table, sizeof(table), 4, -1);
	check_line(LINES_PEP626, table, sizeof(table), 6, 3);
	check_line(LINES_PEP626, table, sizeof(table), 8, 1);
}

/* Tables much longer than one read: each instruction one line further than the last. */
static void test_long_tables(void)
{
	enum { COUNT = 100000 };
	static uint8_t pairs[2 * COUNT], locations[3 * COUNT];
	struct bytes bytes = {.data = locations};
	struct lines lines = {LINES_LOCATIONS, 1, sizeof(locations), read_bytes, &bytes};
	struct position position;

	for (size_t i = 0; i < COUNT; i++) {
		pairs[2 * i] = 2;
		pairs[2 * i + 1] = 1;
		locations[3 * i] = 0x80 | 11 << 3; /* one line further, columns 5 to 6 */
		locations[3 * i + 1] = 5;
		locations[3 * i + 2] = 6;
	}
	check_line(LINES_LNOTAB, pairs, sizeof(pairs), 2 * 99999, 100000);
	check_line(LINES_PEP626, pairs, sizeof(pairs), 2 * 99999, 100001);
	CHECK_EQ(lines_find(&lines, 2 * 99999, &position), CPEEK_OK);
	CHECK(same(&position, &(struct position){100001, 100001, 5, 6}));
	CHECK(bytes.longest <= 4096);

	bytes.reads = 0; /* no more is read than needed */
	CHECK_EQ(lines_find(&lines, 0, &position), CPEEK_OK);
	CHECK_EQ(position.line, 2);
	CHECK_EQ(bytes.reads, 1);

	bytes.fail_at = 150000;
	CHECK_EQ(lines_find(&lines, 0, &position), CPEEK_OK);
	CHECK_EQ(lines_find(&lines, 2 * 99999, &position), CPEEK_FAULT);
	CHECK_EQ(position.line, 2); /* untouched */

	lines.size = (uint64_t)LINES_SIZE_MAX + 1;
	CHECK_EQ(lines_find(&lines, 0, &position), CPEEK_CORRUPT);
}

static void check_corrupt(const uint8_t *table, size_t size)
{
	struct position position;

	CHECK_EQ(find(LINES_LOCATIONS, table, size, 0, &position), CPEEK_CORRUPT);
}

static void test_corrupt_locations(void)
{
	static const uint8_t no_start[] = {0x00, 0x05};
	static const uint8_t short_cut[] = {0x80};
	static const uint8_t short_then_next[] = {0x80, 0x80, 0x00};
	static const uint8_t long_cut[] = {0xf0, 0x01, 0x01};
	static const uint8_t varint_cut[] = {0xe8, 0x41};
	static const uint8_t varint_wide[] = {0xe8, 0x7f, 0x7f, 0x7f, 0x7f, 0x7f, 0x7f, 0x7f, 0x7f, 0x01};
	uint8_t endless[200] = {0xf8};

	check_corrupt(no_start, sizeof(no_start));
	check_corrupt(short_cut, sizeof(short_cut));
	check_corrupt(short_then_next, sizeof(short_then_next));
	check_corrupt(long_cut, sizeof(long_cut));
	check_corrupt(varint_cut, sizeof(varint_cut));
	check_corrupt(varint_wide, sizeof(varint_wide));
	check_corrupt(endless, sizeof(endless));
}

/* Deltas below the first line of any file give no line, and no negative one. */
static void test_line_below_zero(void)
{
	static const uint8_t pairs[] = {0, 0x81, 0, 0x81, 4, 0};
	static const uint8_t locations[] = {0xe8, 0x0f};

	check_line(LINES_LNOTAB, pairs, sizeof(pairs), 0, -1);
	check_line(LINES_PEP626, pairs, sizeof(pairs), 0, -1);
	check_line(LINES_LOCATIONS, locations, sizeof(locations), 0, -1);
}

/* Every table cut at every length, and with every byte changed: an answer, and no crash (the sanitizers look on). */
static void test_damage_anywhere(void)
{
	uint8_t table[sizeof(python313_table)];
	struct position position;
	unsigned answers = 0, tries = 0;

	for (size_t cut = 0; cut < sizeof(table); cut++) {
		enum cpeek_status status = find(LINES_LOCATIONS, python313_table, cut, 300, &position);
		answers += status == CPEEK_OK || status == CPEEK_CORRUPT;
		tries++;
	}
	for (size_t at = 0; at < sizeof(table); at++) {
		for (unsigned value = 0; value < 256; value += 5) {
			memcpy(table, python313_table, sizeof(table));
			table[at] = (uint8_t)value;
			for (enum lines_form form = LINES_LNOTAB; form <= LINES_LOCATIONS; form++) {
				enum cpeek_status status = find(form, table, sizeof(table), 150, &position);
				answers += status == CPEEK_OK || status == CPEEK_CORRUPT;
				tries++;
				if (status == CPEEK_OK)
					CHECK(position.line >= -1 && position.column >= -1);
			}
		}
	}
	CHECK_EQ(answers, tries);
}

int main(void)
{
	test_tables_of_cpython();
	test_before_the_first_instruction();
	test_behind_the_end();
	test_pep626_without_line();
	test_long_tables();
	test_corrupt_locations();
	test_line_below_zero();
	test_damage_anywhere();
	return check_report();
}
