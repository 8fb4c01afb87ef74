/*
 * A Python literal in the text of a command, as a value that can be hashed and compared: None, True, 12, -0x1f, 1.5, 2j,
 * 'text', b'bytes', (1, 'a'), and objects of the target by @EXPR.
 */
#ifndef COMMAND_LITERAL_H
#define COMMAND_LITERAL_H

#include "command/session.h"
#include "object/plain.h"

/* The whole text must be one literal, or @EXPR, or an EXPR that no literal looks like (a name, a path). The value lives
 * as long as plains. USAGE, NOT_FOUND, FAULT, LIMIT, with the reason in session->error. */
enum cpeek_status literal_evaluate(struct cpeek_session *session, const char *text, struct plains *plains,
				   struct plain *ret);

#endif
