/*
 * What several commands show: a value, a frame, the variables of a frame.
 */
#ifndef COMMAND_SHOW_H
#define COMMAND_SHOW_H

#include "command/session.h"

enum show_what {
	SHOW_LOCALS = 1,
	SHOW_FULL = 2,  /* no limits */
	SHOW_BRIEF = 4, /* one of many values: a fraction of the limits */
};

/* The limits for values: the session's, a fraction of them with SHOW_BRIEF, none in JSON and with SHOW_FULL. */
struct limits show_limits(const struct cpeek_session *session, unsigned what);

/* The fields address, type, repr, and truncated, partial, error where they apply, into the open record; and, when
 * text is not NULL, the line that people read, appended to it. */
enum cpeek_status show_value(struct cpeek_session *session, struct sink *sink, target_addr address, unsigned what,
			     struct strbuf *text);
/* A frame: a JSON object, and its lines. index: shown as "#N" when it is not SIZE_MAX. */
enum cpeek_status show_frame(struct cpeek_session *session, struct sink *sink, const struct frame *frame, size_t index,
			     unsigned what);
/* The variables of a frame: a JSON object called `name`, and "name = value" lines. */
enum cpeek_status show_variables(struct cpeek_session *session, struct sink *sink, const struct frame *frame,
				 const char *name, const char *indent, unsigned what);
/* One such variable. */
enum cpeek_status show_variable(struct cpeek_session *session, struct sink *sink, target_addr name, target_addr value,
				const char *indent, unsigned what);

/* The fields that identify a thread, into the open record. */
enum cpeek_status show_thread(struct cpeek_session *session, struct sink *sink, const struct python_thread *thread);
/* Appends the name of a thread (threading.Thread.name); nothing when the target has none for it. */
enum cpeek_status thread_read_name(struct objects *objects, const struct python_thread *thread, struct strbuf *out);
const char *thread_gil_text(enum thread_gil gil);
/* "attached": NULL when it is not known, or a GIL says who runs. */
const char *thread_state_text(const struct python *python, const struct python_thread *thread);

#endif
