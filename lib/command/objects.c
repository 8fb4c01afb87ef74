/*
 * objects: every object that can be found, one a line.
 */
#include "command/command.h"
#include "command/show.h"
#include "heap/heap.h"

#include <inttypes.h>
#include <string.h>

enum { ARGUMENT_TYPE, ARGUMENT_REFERENTS, ARGUMENT_REPR, ARGUMENT_LIMIT };

enum {
	PROGRESS_INTERVAL = 1 << 14,
	TEXT_REPR_TOTAL = 200,
	/* repr() itself gives up at sys.getrecursionlimit(), 1000 by default. Without a limit the texts of a chain of
	 * objects grow with the square of its length. */
	REPR_DEPTH = 1000,
};

struct listing {
	struct cpeek_session *session;
	struct sink *sink;
	const struct arguments *arguments;
};

static enum cpeek_status each_referent(void *arg, const struct edge *edge)
{
	if (edge->traversed)
		sink_address(arg, NULL, edge->target);
	return CPEEK_OK;
}

static enum cpeek_status show_referents(const struct listing *listing, const struct object *object)
{
	sink_array(listing->sink, "referents");
	enum cpeek_status status = object_walk_edges(object, each_referent, listing->sink);
	sink_end(listing->sink);
	if (status == CPEEK_FAULT || status == CPEEK_CORRUPT) {
		listing->session->partial = true;
		sink_bool(listing->sink, "partial", true);
		status = CPEEK_OK;
	}
	return status;
}

static enum cpeek_status show_repr(const struct listing *listing, target_addr address)
{
	struct cpeek_session *session = listing->session;
	struct limits limits = show_limits(session, 0);
	struct rendering rendering;

	if (session->json)
		limits.depth = REPR_DEPTH;
	else
		limits.total = TEXT_REPR_TOTAL; /* one object a line */
	strbuf_clear(&session->text);
	TRY(render_repr(session->objects, address, &limits, false, &session->text, &rendering));
	sink_bytes(listing->sink, "repr", strbuf_text(&session->text), session->text.length);
	if (rendering.truncated)
		sink_bool(listing->sink, "truncated", true);
	if (rendering.partial) {
		session->partial = true;
		sink_bool(listing->sink, "partial", true);
	}
	return CPEEK_OK;
}

static enum cpeek_status show_object(const struct listing *listing, const struct object *object)
{
	struct sink *sink = listing->sink;
	uint64_t size;
	bool tracked;

	sink_address(sink, "address", object->address);
	sink_string(sink, "type", object->type->name);
	if (object_read_size(object, &size) == CPEEK_OK) {
		sink_unsigned(sink, "size", size);
	} else {
		listing->session->partial = true;
		sink_null(sink, "size");
	}
	sink_unsigned(sink, "refcount", object->refcount);
	if (object_read_tracked(object, &tracked) == CPEEK_OK) {
		sink_bool(sink, "tracked", tracked);
	} else {
		listing->session->partial = true;
		sink_null(sink, "tracked");
	}
	if (listing->arguments->items[ARGUMENT_REFERENTS].given)
		TRY(show_referents(listing, object));
	if (listing->arguments->items[ARGUMENT_REPR].given)
		TRY(show_repr(listing, object->address));
	return CPEEK_OK;
}

static bool wanted(const struct arguments *arguments, const struct object *object)
{
	return !arguments->items[ARGUMENT_TYPE].given ||
	       strcmp(object->type->name, arguments->items[ARGUMENT_TYPE].text) == 0;
}

static enum cpeek_status show_all(const struct listing *listing, const struct heap *heap)
{
	struct cpeek_session *session = listing->session;
	const uint64_t limit = listing->arguments->items[ARGUMENT_LIMIT].given
				       ? listing->arguments->items[ARGUMENT_LIMIT].number
				       : UINT64_MAX;
	struct object object;
	uint64_t shown = 0, more = 0;

	sink_records(listing->sink);
	for (size_t i = 0; i < heap->count && !sink_failed(listing->sink); i++) {
		if (i % PROGRESS_INTERVAL == 0 && session_cancelled(session))
			return CPEEK_CANCELLED;
		if (i % PROGRESS_INTERVAL == 0 && session->host.progress)
			session->host.progress(session->host.arg, "listing objects", i, heap->count);
		if (object_read(session->objects, heap->items[i], &object) != CPEEK_OK ||
		    !wanted(listing->arguments, &object))
			continue;
		if (shown == limit) {
			more++;
			continue;
		}
		shown++;
		sink_object(listing->sink, NULL);
		enum cpeek_status status = show_object(listing, &object);
		sink_end(listing->sink);
		if (status != CPEEK_OK)
			return status;
	}
	sink_end(listing->sink);
	if (more) {
		sink_span_format(listing->sink, SINK_MARK, "… +%" PRIu64 " objects", more);
		sink_line(listing->sink, NULL);
	}
	return CPEEK_OK;
}

static enum cpeek_status run(struct cpeek_session *session, const struct arguments *arguments, struct sink *sink)
{
	const struct listing listing = {session, sink, arguments};
	struct heap heap;

	TRY(heap_read(session->objects, &heap));
	enum cpeek_status status = show_all(&listing, &heap);
	if (heap.cut) {
		session->partial = true;
		sink_span(sink, SINK_MARK,
			  "there are more references than memory has room for: objects were left out");
		sink_line(sink, NULL);
	}
	if (heap.unreadable || heap.lists_partial) {
		session->partial = true;
		sink_span_format(sink, SINK_MARK,
				 "%" PRIu64 " references lead to no readable object, the first to 0x%" PRIx64 "%s",
				 heap.unreadable, heap.first_unreadable,
				 !heap.lists_partial                       ? ""
				 : session->objects->layout->free_threaded ? "; a heap of mimalloc is broken"
									   : "; a list of the collector is broken");
		sink_line(sink, NULL);
	}
	if (session->python->layout_partial) {
		session->partial = true;
		sink_span_format(sink, SINK_MARK, "the layout is partial: %s", session->python->layout_evidence);
		sink_line(sink, NULL);
	}
	heap_deinit(&heap);
	return status;
}

static const struct cpeek_argument arguments[] = {
	[ARGUMENT_TYPE] = {"--type", "only objects of exactly this type: module.QualName, builtins bare",
			   CPEEK_ARGUMENT_STRING, 0},
	[ARGUMENT_REFERENTS] = {"--referents", "what gc.get_referents() would list (in JSON)", CPEEK_ARGUMENT_FLAG, 0},
	[ARGUMENT_REPR] = {"--repr", "what repr() would say", CPEEK_ARGUMENT_FLAG, 0},
	[ARGUMENT_LIMIT] = {"--limit", "at most this many", CPEEK_ARGUMENT_NUMBER, 0},
};

const struct command command_objects = {
	.description =
		{
			.name = "objects",
			.usage = "objects [--type T] [--referents] [--repr] [--limit N]",
			.summary = "Every object, one a line",
			.help = "Lists the objects on the collector's lists, and all that is reachable from them, "
				"from frames and "
				"from interpreters: address, type, size (sys.getsizeof), reference count, and whether "
				"the "
				"collector tracks it. With --json one JSON document a line.",
			.arguments = arguments,
			.argument_count = sizeof(arguments) / sizeof(*arguments),
		},
	.run = run,
};
