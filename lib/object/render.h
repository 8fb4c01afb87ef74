/*
 * The whole text of a value: repr() of an object and all that it holds, walked without recursion, with limits, cycle
 * guards and markers. One text for print, locals, objects and JSON alike.
 */
#ifndef OBJECT_RENDER_H
#define OBJECT_RENDER_H

#include "object/decoder.h"

struct rendering {
	bool truncated; /* a limit cut something; the text says how much */
	bool partial;   /* something could not be read or contradicts itself; the text has a marker there */
	/* The first of what could not be had. status is OK when not partial. */
	enum cpeek_status status;
	target_addr address;
	const char *field; /* "PyListObject.ob_item"; NULL when not known. Static text */
};

/* Appends repr(object at address) to out. With attributes, an object whose repr does not show them (a default repr,
 * a subclass of a builtin) is followed by " {name=value, …}". Never fails for what the target holds: see ret.
 * NO_MEMORY, CANCELLED. */
enum cpeek_status render_repr(struct objects *objects, target_addr address, const struct limits *limits,
			      bool attributes, struct strbuf *out, struct rendering *ret);
/* The same for a text of any length: flush takes what out holds, whole characters, now and then and at the end, and out
 * is emptied after it. It answers whether to go on: CANCELLED if not. */
enum cpeek_status render_stream(struct objects *objects, target_addr address, const struct limits *limits,
				bool attributes, struct strbuf *out,
				bool (*flush)(void *arg, const struct strbuf *text), void *arg, struct rendering *ret);

#endif
