/*
 * One look at one target: what is open, what is selected, what the host lends. Every command gets it.
 */
#ifndef COMMAND_SESSION_H
#define COMMAND_SESSION_H

#include "object/member.h"
#include "object/render.h"
#include "sink/sink.h"
#include "stack/source.h"
#include "stack/stack.h"

enum session_limit { SESSION_ELEMENTS = 1, SESSION_STRING = 2, SESSION_DEPTH = 4, SESSION_TOTAL = 8 };

struct cpeek_session {
	struct error error;
	struct strbuf sentence; /* error, made safe for a terminal: what cpeek_error() answers */
	struct cpeek_host host;
	struct limits limits;  /* of those that were given */
	unsigned limits_given; /* bits of enum session_limit: the others are at their defaults (show_limits()) */
	unsigned width;

	struct target *target; /* NULL: nothing is open */
	struct python *python;
	struct objects *objects;
	struct source_cache *source;
	char *sysroot; /* NULL: none */

	/* What is selected. The stack is read when a command first needs it. */
	size_t thread;           /* index into python->threads; SIZE_MAX: none */
	uint64_t unknown_thread; /* the host's selected thread, when no Python thread is on it; 0: none */
	size_t frame;
	struct stack stack;
	bool stack_read;

	/* Of the command that runs. */
	bool partial;       /* something of its answer is missing */
	bool json;          /* limits that only people need are off */
	struct strbuf text; /* for values and names on their way to the sink */
};

/* Whether there is a limit of that name, of length bytes: where it is kept, and its bit. */
bool session_find_limit(struct cpeek_session *session, const char *name, size_t length, uint64_t **ret,
			unsigned *ret_bit);
/* Closes the target; the session may be opened again. */
void session_close(struct cpeek_session *session);
/* Takes over a target: finds its Python, selects a thread. On failure the target is destroyed. */
enum cpeek_status session_open(struct cpeek_session *session, struct target *target,
			       const struct cpeek_open_options *options);
/* How often so far something of the target could not be had: the answer of a command during which this increased lacks
 * something. */
uint64_t session_failures(const struct cpeek_session *session);
/* Forgets what was learnt of the target, as it may be wrong since something failed. The selection stays. */
void session_forget(struct cpeek_session *session);
/* The target has run. */
enum cpeek_status session_refresh(struct cpeek_session *session);
/* Selects the thread of an LWP, and its newest frame. NOT_FOUND when no Python thread is on it. */
enum cpeek_status session_select_thread(struct cpeek_session *session, uint64_t native_id);

/* The selected thread, and its stack. NOT_FOUND when there is none, with the reason in session->error. */
enum cpeek_status session_thread(struct cpeek_session *session, const struct python_thread **ret);
enum cpeek_status session_stack(struct cpeek_session *session, const struct stack **ret);
/* The selected frame. */
enum cpeek_status session_frame(struct cpeek_session *session, const struct frame **ret);
bool session_cancelled(struct cpeek_session *session);

/* The object that an expression names: an address, a debugger expression, a type or module, or a path in the
 * selected frame. NOT_FOUND, USAGE, FAULT, with the reason in session->error. */
enum cpeek_status expression_evaluate(struct cpeek_session *session, const char *text, target_addr *ret);
/* The same for what may end in a field that is no object (sock.fd): then *ret_field and field tell it (member_next()), and
 * *ret is 0. */
enum cpeek_status expression_evaluate_field(struct cpeek_session *session, const char *text, target_addr *ret,
					    struct object_member *ret_field, struct strbuf *field);

#endif
