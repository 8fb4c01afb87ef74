/*
 * What several commands show: a value, a frame, the variables of a frame.
 */
#ifndef COMMAND_SHOW_H
#define COMMAND_SHOW_H

#include "command/session.h"

enum show_what {
	SHOW_LOCALS = 1,
	SHOW_FULL = 2,     /* no limits */
	SHOW_BRIEF = 4,    /* one of many values: where the user gave no limits, in short */
	SHOW_HEX = 8,      /* ints in hexadecimal */
	SHOW_MEMBERS = 16, /* what C structures tell beside a repr */
};

/* The limits for values: those that the user gave, and the defaults for the others. None with SHOW_FULL; by default
 * none in JSON, but for the text of containers that it had before. */
struct limits show_limits(const struct cpeek_session *session, unsigned what);

/* The fields address, type, repr, and truncated, partial, error where they apply, into the open record; and, in the line
 * that people read, the repr. */
enum cpeek_status show_value(struct cpeek_session *session, struct sink *sink, target_addr address, unsigned what);
/* A field of an object that is none itself: type and repr, and the same as people read it. */
void show_field(struct sink *sink, const struct object_member *field, const struct strbuf *text);
/* "attributes": what an object's C structure tells, its __slots__ and its __dict__, each as type and repr, and the address
 * of what is an object. For JSON: in text they stand in the value. */
enum cpeek_status show_attributes(struct cpeek_session *session, struct sink *sink, target_addr address);
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
