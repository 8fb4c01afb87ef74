/*
 * Whether the files that a target is read with are those that ran: a mix of two builds would give wrong values.
 */
#ifndef COMMAND_BUILDS_H
#define COMMAND_BUILDS_H

#include "command/session.h"

/* A file that was named for the executable must be the one that ran; IO. */
enum cpeek_status builds_check_executable(struct cpeek_session *session, const struct cpeek_open_options *options);
/* After the search for CPython, that answered found: the file of a core's CPython must not be of another build, unless
 * the options say what to do then. Answers found, or IO. */
enum cpeek_status builds_check_python(struct cpeek_session *session, const struct cpeek_open_options *options,
				      enum cpeek_status found);

enum { BUILDS_ID_TEXT = 2 * 64 + 1 };
/* A build id in hexadecimal digits; "none" when length is 0. */
void builds_format_id(const uint8_t *id, size_t length, char text[BUILDS_ID_TEXT]);

#endif
