/*
 * What went wrong, and where. Statuses are the public ones; the detail of the last failure lives in a struct error
 * that a session owns and its target points at, so that recording one never allocates.
 * Knows no ELF and no Python.
 */
#ifndef BASE_STATUS_H
#define BASE_STATUS_H

#include "cpeek.h"

#include <stdbool.h>
#include <stddef.h>

struct error {
	enum cpeek_status status;
	char text[1024]; /* one line: what, why, what was tried, what to pass */
};

/* Records a failure. Its text may be made from error->text itself. */
__attribute__((format(printf, 3, 4))) void error_record(struct error *error, enum cpeek_status status,
							const char *format, ...);

/* The same, and its status, so that a function can end with `return error_set(…)`: a macro, for compilers to see which
 * status that is. */
#define error_set(error, status, ...) (error_record(error, status, __VA_ARGS__), (enum cpeek_status)(status))

/* Whether nothing may go on after it: it is not about one part of the target. */
static inline bool status_is_fatal(enum cpeek_status status)
{
	return status == CPEEK_NO_MEMORY || status == CPEEK_CANCELLED;
}

/* Runs an expression that answers a status, and leaves the function with it unless it is OK. */
#define TRY(expression)                                                                                               \
	do {                                                                                                          \
		enum cpeek_status try_status = (expression);                                                          \
		if (try_status != CPEEK_OK)                                                                           \
			return try_status;                                                                            \
	} while (0)

#endif
