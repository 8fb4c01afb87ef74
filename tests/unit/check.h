/*
 * The harness of the C unit tests: each check is counted, a failed one is shown with its place, none stops the rest.
 */
#ifndef CHECK_H
#define CHECK_H

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static int check_passed, check_failed;

static inline void check_that(int ok, const char *what, const char *file, int line)
{
	if (ok) {
		check_passed++;
		return;
	}
	check_failed++;
	printf("%s:%d: not so: %s\n", file, line, what);
}

static inline void check_equal(uint64_t got, uint64_t wanted, const char *what, const char *file, int line)
{
	check_that(got == wanted, what, file, line);
	if (got != wanted)
		printf("    %" PRIu64 " (0x%" PRIx64 ") where %" PRIu64 " (0x%" PRIx64 ") is right\n", got, got,
		       wanted, wanted);
}

static inline void check_same_text(const char *got, const char *wanted, const char *what, const char *file, int line)
{
	check_that(strcmp(got, wanted) == 0, what, file, line);
	if (strcmp(got, wanted) != 0)
		printf("    got:    %s\n    wanted: %s\n", got, wanted);
}

#define CHECK(condition) check_that(!!(condition), #condition, __FILE__, __LINE__)
#define CHECK_EQ(got, wanted) check_equal((uint64_t)(got), (uint64_t)(wanted), #got " == " #wanted, __FILE__, __LINE__)
#define CHECK_TEXT(got, wanted) check_same_text(got, wanted, #got, __FILE__, __LINE__)

static inline int check_report(void)
{
	printf("%d passed, %d failed\n", check_passed, check_failed);
	return check_failed != 0;
}

#endif
