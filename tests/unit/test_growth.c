/*
 * How containers grow: growth.c against sizes at which sys.getsizeof() changed in real interpreters (3.6.15, 3.8.18, 3.13.0
 * and 3.15.2; bytearray 3.14.10 and 3.15.2) while items were added one by one.
 */
#include "check.h"
#include "object/growth.h"

#include <elf.h>

static struct python python_of(uint32_t version_hex)
{
	return (struct python){.layout = layout_find(version_hex, EM_X86_64, false, false),
			       .version_hex = version_hex};
}

/* Items with which a list reallocates, as they are appended to an empty one. */
static void test_list(void)
{
	static const uint64_t old[] = {1, 5, 9, 17, 26, 36, 47, 59, 73, 89, 107};
	static const uint64_t new[] = {1, 5, 9, 17, 25, 33, 41, 53, 65, 77, 93, 109};
	const struct {
		uint32_t version;
		const uint64_t *at;
		size_t count;
	} cases[] = {{0x030608f0, old, 11}, {0x030812f0, old, 11}, {0x030912f0, new, 12}, {0x030d00f0, new, 12}};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const struct python python = python_of(cases[i].version);
		uint64_t allocated = 0, step = 0;
		for (uint64_t n = 1; n < 110 && step < cases[i].count; n++) {
			const uint64_t next = growth_list(python.layout, n - 1, n, allocated);
			if (next != allocated)
				CHECK_EQ(n, cases[i].at[step++]);
			allocated = next;
		}
		CHECK_EQ(step, cases[i].count);
	}
	const struct python python = python_of(0x030d00f0);
	CHECK_EQ(growth_list(python.layout, 0, 1000, 0), 1000); /* list(range(1000)): 8056 bytes */
	CHECK_EQ(growth_list(python.layout, 100, 60, 100), 100);
	CHECK_EQ(growth_list(python.layout, 100, 0, 100), 0);
}

static void test_bytearray(void)
{
	static const uint64_t old[] = {1, 2, 5, 8, 12, 19, 27, 36, 46, 57, 70, 84, 100, 118};
	static const uint64_t new[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 17, 26, 36, 47, 59, 73, 89, 107};
	const struct {
		uint32_t version;
		const uint64_t *at;
		size_t count;
	} cases[] = {{0x030608f0, old, 14}, {0x030e0af0, old, 14}, {0x030f02f0, new, 17}};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const struct python python = python_of(cases[i].version);
		uint64_t alloc = 0, step = 0;
		for (uint64_t n = 1; n < 120 && step < cases[i].count; n++) {
			const uint64_t next = growth_bytearray(python.layout, n, 0, alloc);
			if (next != alloc)
				CHECK_EQ(n, cases[i].at[step++]);
			alloc = next;
		}
		CHECK_EQ(step, cases[i].count);
	}
}

/* Bytes of a dict beside its table, and sizes as sys.getsizeof() says them. */
struct dict_case {
	uint32_t version;
	bool short_entries;
	uint64_t beside;
	struct {
		uint64_t at, size;
	} steps[11];
};

static void test_dict(void)
{
	static const struct dict_case cases[] = {
		{0x030608f0,
		 false,
		 80,
		 {{6, 376}, {11, 656}, {22, 1192}, {43, 2288}, {86, 4712}, {171, 9328}, {342, 18536}, {683, 36976}}},
		{0x030d00f0,
		 true,
		 64,
		 {{1, 184}, {6, 272}, {11, 464}, {22, 832}, {43, 1584}, {86, 3328}, {171, 6576}, {342, 13056}}},
		{0x030d00f0,
		 false,
		 64,
		 {{1, 224}, {6, 352}, {11, 632}, {22, 1168}, {43, 2264}, {86, 4688}, {171, 9304}, {342, 18512}}},
		{0x030f02f0,
		 true,
		 64,
		 {{1, 184}, {6, 272}, {11, 464}, {22, 832}, {43, 1584}, {86, 3328}, {171, 6576}, {342, 13056}}},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const struct python python = python_of(cases[i].version);
		/* 3.6's {} has a table of its own. */
		uint64_t slots = cases[i].steps[0].at == 1 ? 1 : 8;
		uint64_t room = slots == 1 ? 0 : growth_dict_usable(slots);
		for (size_t step = 0; step < 8; step++) {
			const uint64_t at = room + 1;
			CHECK_EQ(at, cases[i].steps[step].at);
			slots = growth_dict_slots(&python, at - 1, slots);
			room = growth_dict_usable(slots);
			CHECK_EQ(cases[i].beside + growth_dict_bytes(python.layout, slots, cases[i].short_entries),
				 cases[i].steps[step].size);
		}
	}
}

/* {i: i for i in range(10)} from which nine are deleted, and one more: the size stays (16 slots) or shrinks (8). */
static void test_emptied_dict(void)
{
	static const struct {
		uint32_t version;
		uint64_t slots;
	} cases[] = {{0x03060ff0, 16}, {0x030710f0, 8},  {0x030812f0, 8},  {0x030912f0, 8},  {0x030a0df0, 16},
		     {0x030b02f0, 16}, {0x030b07f0, 16}, {0x030c01f0, 16}, {0x030c03f0, 16}, {0x030d00f0, 16},
		     {0x030d05f0, 8},  {0x030d0ff0, 8},  {0x030d12f0, 8},  {0x030e00f0, 8},  {0x030e0af0, 8},
		     {0x030f00f0, 8},  {0x030f02f0, 8}};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const struct python python = python_of(cases[i].version);
		CHECK_EQ(growth_dict_slots(&python, 1, 16), cases[i].slots);
	}
}

static void test_set(void)
{
	static const uint64_t old[] = {5, 21, 85, 341, 1365}, new[] = {5, 19, 77, 307, 1229};
	const struct {
		uint32_t version;
		const uint64_t *at;
	} cases[] = {{0x03060ff0, old}, {0x030710f0, new}, {0x030f02f0, new}};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const struct python python = python_of(cases[i].version);
		uint64_t mask = 7;
		for (size_t step = 0; step < 5; step++) {
			const uint64_t at = cases[i].at[step];
			CHECK_EQ(growth_set_limit(python.layout, mask), at);
			CHECK(growth_set_is_full(python.layout, at, mask));
			CHECK(!growth_set_is_full(python.layout, at - 1, mask));
			mask = growth_set_slots(at) - 1;
		}
		CHECK_EQ(mask + 1, 8192); /* 131304 and 131288 bytes: 16 a slot */
	}
	CHECK_EQ(growth_set_slots(50000), 262144);
	CHECK_EQ(growth_set_slots(50001), 131072);
}

int main(void)
{
	test_list();
	test_bytearray();
	test_dict();
	test_emptied_dict();
	test_set();
	return check_report();
}
