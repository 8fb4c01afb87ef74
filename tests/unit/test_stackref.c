/*
 * The words of frames: what each tag means, as Include/internal/pycore_stackref.h of 3.14 and 3.15 has it. The addresses
 * are those of objects in cores of Debian's 3.14.10 and 3.15.2.
 */
#include "check.h"
#include "object/stackref.h"

#include <elf.h>

static const struct layout *find(uint32_t version_hex)
{
	const struct layout *layout = layout_find(version_hex, EM_X86_64, false, false);

	CHECK(layout != NULL);
	return layout;
}

int main(void)
{
	const struct layout *plain = find(0x030d12f0), *first = find(0x030e0af0), *second = find(0x030f02f0);

	if (!plain || !first || !second)
		return check_report();
	/* 3.13: a pointer, and NULL is 0. */
	CHECK_EQ(stackref_get(plain, 0), 0);
	CHECK_EQ(stackref_get(plain, 0x7f1a8048a740), 0x7f1a8048a740);
	/* 3.14: NULL is 1; a reference that is owned, one that is not; ints, also a negative one. */
	CHECK_EQ(stackref_get(first, 1), 0);
	CHECK_EQ(stackref_get(first, 0x7fb793f068e0), 0x7fb793f068e0);
	CHECK_EQ(stackref_get(first, 0xb52bb1), 0xb52bb0);
	CHECK_EQ(stackref_get(first, 3), 0);
	CHECK_EQ(stackref_get(first, (2 << 2) | 3), 0);
	CHECK_EQ(stackref_get(first, UINT64_MAX), 0);
	CHECK(stackref_is_borrowed(first, 0xb52bb1));
	CHECK(!stackref_is_borrowed(first, 1) && !stackref_is_borrowed(first, 3));
	CHECK(!stackref_is_borrowed(first, 0x7fb793f068e0) && !stackref_is_borrowed(plain, 0xb52bb1));
	/* 3.15: the same, and the words that are no objects. */
	CHECK_EQ(stackref_get(second, 1), 0);
	CHECK_EQ(stackref_get(second, 0xc440f1), 0xc440f0);
	CHECK_EQ(stackref_get(second, 0x7f9adbbe57c0), 0x7f9adbbe57c0);
	CHECK_EQ(stackref_get(second, (5 << 2) | 3), 0);
	CHECK_EQ(stackref_get(second, 2), 0);
	CHECK_EQ(stackref_get(second, 0x7f9adbbe57c2), 0);
	return check_report();
}
