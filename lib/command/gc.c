/*
 * gc: the state of the collector, and what the next one will take. gc --simulate: what gc.collect() would do to this heap.
 */
#include "base/memory.h"
#include "command/command.h"
#include "command/show.h"
#include "heap/collect.h"
#include "heap/collector.h"

#include <inttypes.h>

enum { ARGUMENT_SIMULATE, ARGUMENT_GENERATION, ARGUMENT_LIMIT, ARGUMENT_FULL, ARGUMENT_EXPR };

enum {
	SMALL_SET = 64, /* objects of a set that is shown whole */
	SHOWN = 20,     /* rows of each table, for people */
	KEEPERS_SHOWN = 10,
	NAMED_MAX = 8, /* referrers named in one line */
	PATH_MAX_SHOWN = 32,
	PROGRESS_INTERVAL = 1 << 12,
	BRIEF_ELEMENTS = 4, /* limits of a value that is one of many */
	BRIEF_STRING = 40,
	BRIEF_DEPTH = 2,
	BRIEF_TOTAL = 100,
};

static void mark(struct cpeek_session *session, struct sink *sink, const char *text)
{
	session->partial = true;
	sink_object(sink, NULL);
	sink_string(sink, "problem", text);
	sink_end(sink);
	sink_span(sink, SINK_MARK, text);
	sink_line(sink, NULL);
}

/* A value as one of many: short also in JSON, where hundreds of thousands of them may hold each other. */
static enum cpeek_status show_repr(struct cpeek_session *session, struct sink *sink, const char *name,
				   target_addr address)
{
	const struct limits limits = {
		.elements = BRIEF_ELEMENTS, .string = BRIEF_STRING, .depth = BRIEF_DEPTH, .total = BRIEF_TOTAL};
	struct rendering rendering;

	strbuf_clear(&session->text);
	TRY(render_repr(session->objects, address, &limits, false, &session->text, &rendering));
	session->partial |= rendering.partial;
	sink_bytes(sink, name, strbuf_text(&session->text), session->text.length);
	return strbuf_failed(&session->text) ? CPEEK_NO_MEMORY : CPEEK_OK;
}

/* ---- The state ---- */

static const char *kind_text(enum collector_kind kind)
{
	static const char *const texts[] = {
		[COLLECTOR_GENERATIONAL] = "generational",
		[COLLECTOR_INCREMENTAL] = "incremental",
		[COLLECTOR_FREE_THREADED] = "free-threaded",
	};

	return texts[kind];
}

static void show_debug(struct cpeek_session *session, struct sink *sink, int64_t flags)
{
	static const struct {
		int64_t bits;
		const char *name;
	} names[] = {
		{COLLECTOR_DEBUG_STATS, "DEBUG_STATS"},
		{COLLECTOR_DEBUG_COLLECTABLE, "DEBUG_COLLECTABLE"},
		{COLLECTOR_DEBUG_UNCOLLECTABLE, "DEBUG_UNCOLLECTABLE"},
		{COLLECTOR_DEBUG_SAVEALL, "DEBUG_SAVEALL"},
	};
	struct strbuf *text = &session->text;

	strbuf_clear(text);
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		if (flags & names[i].bits)
			strbuf_printf(text, "%s%s", text->length ? " | " : "", names[i].name);
		flags &= ~names[i].bits;
	}
	if (flags || !text->length)
		strbuf_printf(text, "%s%" PRId64, text->length ? " | " : "", flags);
	sink_bytes(sink, "debug", strbuf_text(text), text->length);
}

static void show_generations(struct sink *sink, const struct collector *collector)
{
	sink_table(sink, "generations");
	for (unsigned i = 0; i < GC_LISTS; i++) {
		const struct collector_generation *generation = &collector->generations[i];
		sink_object(sink, NULL);
		sink_unsigned(sink, "generation", i);
		sink_number(sink, "threshold", generation->threshold);
		sink_number(sink, "count", generation->count);
		if (collector->kind == COLLECTOR_FREE_THREADED && i > 0)
			sink_null(sink, "objects"); /* all are in the first */
		else
			sink_unsigned(sink, "objects", generation->objects);
		if (generation->has_stats) {
			sink_number(sink, "collections", generation->collections);
			sink_number(sink, "collected", generation->collected);
			sink_number(sink, "uncollectable", generation->uncollectable);
		}
		sink_end(sink);
	}
	sink_end(sink);
}

/* How many items a list object has; -1: it cannot be read. */
static int64_t list_length(struct cpeek_session *session, target_addr list)
{
	struct object object;

	if (list && object_read(session->objects, list, &object) == CPEEK_OK &&
	    object.type->flags & TYPE_LIST_SUBCLASS)
		return object.ob_size;
	return -1;
}

static void show_list(struct cpeek_session *session, struct sink *sink, const char *name, const char *address_name,
		      target_addr list)
{
	const int64_t length = list_length(session, list);

	if (!list)
		return;
	if (length < 0) {
		session->partial = true;
		sink_null(sink, name);
	} else {
		sink_number(sink, name, length);
	}
	sink_address(sink, address_name, list);
}

/* What begins a collection, and which one that will be: said as the collector decides it. */
static void put_next(struct strbuf *text, const struct collector *collector)
{
	const struct collector_generation *generations = collector->generations;
	int64_t allocations;
	const int next = collector_next(collector, &allocations);
	const int64_t quarter = collector->long_lived_total / 4;

	if (collector->collecting)
		strbuf_puts(text, "a collection is running; then: ");
	if (allocations < 0) {
		strbuf_puts(text, generations[0].threshold == 0 ? "none by itself: the threshold of generation 0 is 0"
								: "none by itself: it is disabled");
		return;
	}
	if (allocations == 0)
		strbuf_puts(text, "due now");
	else
		strbuf_printf(text, "after %" PRId64 " more containers than die", allocations);
	if (collector->kind == COLLECTOR_FREE_THREADED) {
		strbuf_printf(text, ": all objects (count must exceed %" PRId64 " and a quarter of long_lived_total)",
			      generations[0].threshold);
		return;
	}
	if (collector->kind == COLLECTOR_INCREMENTAL) {
		strbuf_puts(text, ": generation 0 and an increment of the old space that is not yet visited");
		return;
	}
	strbuf_printf(text, ": generation %d", next);
	if (next > 0)
		strbuf_printf(text, ", as its count %" PRId64 " > %" PRId64, generations[next].count,
			      generations[next].threshold);
	if (next < GC_LISTS - 1 && generations[2].count > generations[2].threshold && collector->has_long_lived)
		strbuf_printf(text,
			      "; generation 2 waits, as long_lived_pending %" PRId64
			      " < a quarter of long_lived_total, %" PRId64,
			      collector->long_lived_pending, quarter);
}

static enum cpeek_status show_state(struct cpeek_session *session, struct sink *sink, size_t interpreter)
{
	struct collector collector;

	TRY(collector_read(session->objects, interpreter, &collector));
	sink_card(sink, NULL);
	if (gc_count_owners(session->objects) == session->python->interpreter_count)
		sink_number(sink, "interpreter", session->python->interpreters[interpreter].id);
	sink_string(sink, "collector", kind_text(collector.kind));
	if (collector.address) {
		sink_address(sink, "address", collector.address);
		sink_bool(sink, "enabled", collector.enabled != 0);
		sink_bool(sink, "collecting", collector.collecting != 0);
		show_debug(session, sink, collector.debug);
	}
	show_generations(sink, &collector);
	sink_unsigned(sink, "frozen", collector.frozen);
	if (collector.has_long_lived) {
		sink_number(sink, "long_lived_total", collector.long_lived_total);
		sink_number(sink, "long_lived_pending", collector.long_lived_pending);
	}
	if (collector.kind == COLLECTOR_INCREMENTAL) {
		sink_unsigned(sink, "visited_objects", collector.spaces[collector.visited_space == 1]);
		sink_unsigned(sink, "pending_objects", collector.spaces[collector.visited_space != 1]);
		sink_number(sink, "heap_size", collector.heap_size);
		sink_number(sink, "work_to_do", collector.work_to_do);
		sink_number(sink, "visited_space", collector.visited_space);
		sink_string(sink, "phase", collector.phase ? "collect" : "mark");
	}
	show_list(session, sink, "garbage", "garbage_list", collector.garbage);
	show_list(session, sink, "callbacks", "callbacks_list", collector.callbacks);
	strbuf_clear(&session->text);
	put_next(&session->text, &collector);
	sink_bytes(sink, "next", strbuf_text(&session->text), session->text.length);
	if (!collector.address)
		sink_string(
			sink, "note",
			"3.6 keeps whether it is enabled, its debug flags and statistics in variables that nothing "
			"leads to");
	if (collector.partial) {
		session->partial = true;
		sink_bool(sink, "partial", true);
	}
	sink_end(sink);
	if (collector.partial) {
		sink_span(sink, SINK_MARK,
			  collector.kind == COLLECTOR_FREE_THREADED
				  ? "a heap of mimalloc is broken, or the state cannot be read: counts are too small"
				  : "a list of the collector is broken, or the state cannot be read: counts are too "
				    "small");
		sink_line(sink, NULL);
	}
	return CPEEK_OK;
}

/* ---- The simulation: its steps ---- */

struct view {
	struct cpeek_session *session;
	struct sink *sink;
	const struct collection *collection;
	uint64_t limit;      /* of rows */
	uint32_t *order;     /* the unreachable items, in the collector's order */
	uint32_t *number;    /* of an item among them, from 1; 0: it is none of them */
	size_t *first;       /* of each of them: where its referrers begin in referrers */
	uint32_t *referrers; /* items, unreachable too */
	uint64_t bytes, freed_bytes;
};

/* A row of the table, of what the session's text says. */
static void end_step(struct view *view, const char *step, uint64_t objects)
{
	const struct strbuf *text = &view->session->text;

	sink_object(view->sink, NULL);
	sink_string(view->sink, "step", step);
	sink_unsigned(view->sink, "objects", objects);
	sink_bytes(view->sink, "what", strbuf_text(text), text->length);
	sink_end(view->sink);
}

#define SHOW_STEP(view, step, objects, ...)                                                                           \
	do {                                                                                                          \
		strbuf_clear(&(view)->session->text);                                                                 \
		strbuf_printf(&(view)->session->text, __VA_ARGS__);                                                   \
		end_step(view, step, objects);                                                                        \
	} while (0)

static void show_untracking(struct view *view)
{
	const struct collection *collection = view->collection;

	if (collection->tuples || collection->dicts)
		SHOW_STEP(view, "untrack", collection->tuples + collection->dicts,
			  "%" PRIu64 " tuples and %" PRIu64
			  " dicts hold nothing that can be part of a cycle: tracked no longer",
			  collection->tuples, collection->dicts);
}

/* In the order of each collector: collect_main() in Modules/gcmodule.c and Python/gc.c, gc_collect_internal() in
 * Python/gc_free_threading.c. */
static void show_steps(struct view *view)
{
	const struct collection *collection = view->collection;
	const enum collector_kind kind = collector_kind_get(view->session->objects->layout);
	const bool free_threaded = kind == COLLECTOR_FREE_THREADED;

	sink_table(view->sink, "steps");
	SHOW_STEP(view, "gather", collection->count,
		  free_threaded ? "every tracked object that is not frozen, from the allocator's blocks"
				: "the lists of the generations that are collected, merged");
	if (kind != COLLECTOR_GENERATIONAL)
		show_untracking(view);
	SHOW_STEP(view, "update_refs", collection->count - collection->immortal,
		  "gc_refs = reference count%s; %" PRIu64 " immortal objects leave the set",
		  free_threaded ? ", those of all threads added up, deferral taken off" : "", collection->immortal);
	SHOW_STEP(view, "subtract_refs", collection->external,
		  "%" PRIu64
		  " references inside the set taken off; so many objects keep gc_refs > 0: referred to from outside",
		  collection->references);
	if (collection->deferred)
		SHOW_STEP(view, "visit_stacks", collection->deferred,
			  "references of running frames that no count has: they count as from outside");
	SHOW_STEP(view, "move_unreachable", collection->unreachable + collection->uncollectable,
		  "%" PRIu64 " objects are reachable from those and stay; the rest is unreachable",
		  collection->reachable);
	if (kind == COLLECTOR_GENERATIONAL)
		show_untracking(view);
	SHOW_STEP(view, "move_legacy_finalizers", collection->uncollectable,
		  "have a tp_del, or are reachable from what has: uncollectable, to gc.garbage");
	SHOW_STEP(view, "handle_weakrefs", collection->callbacks.count,
		  "callbacks would be called; %" PRIu64 " weak references would be cleared", collection->weak);
	SHOW_STEP(
		view, "finalize", collection->finalizers.count,
		layout_trait(view->session->objects->layout, TRAIT_RESURRECTION_KEEPS_ALL)
			? "finalizers would run: should they resurrect anything, nothing at all is freed this time"
			: "finalizers would run: should they resurrect anything, that stays, with what it refers to");
	SHOW_STEP(view, "delete_garbage", collection->unreachable,
		  "would be cleared, %" PRIu64 " bytes; %zu more objects, %" PRIu64 " bytes, die with them",
		  view->bytes, collection->freed.count, view->freed_bytes);
	sink_end(view->sink);
}

/* ---- The simulation: its objects ---- */

static void show_more(struct view *view, uint64_t count, const char *what)
{
	if (count <= view->limit)
		return;
	sink_span_format(view->sink, SINK_MARK, "… +%" PRIu64 " %s", count - view->limit, what);
	sink_line(view->sink, NULL);
}

static void title(struct view *view, const char *text)
{
	sink_line(view->sink, NULL);
	sink_span(view->sink, SINK_TITLE, text);
	sink_line(view->sink, NULL);
}

/* address, type, size, repr */
static enum cpeek_status show_head(struct view *view, target_addr address)
{
	struct object object;
	uint64_t size;

	sink_address(view->sink, "address", address);
	if (object_read(view->session->objects, address, &object) != CPEEK_OK) {
		view->session->partial = true;
		sink_null(view->sink, "type");
		return CPEEK_OK;
	}
	sink_string(view->sink, "type", object.type->name);
	if (object_read_size(&object, &size) == CPEEK_OK) {
		sink_unsigned(view->sink, "size", size);
	} else {
		view->session->partial = true;
		sink_null(view->sink, "size");
	}
	return CPEEK_OK;
}

static void show_count(struct view *view, const struct collect_item *item)
{
	sink_unsigned(view->sink, "generation", item->generation);
	sink_number(view->sink, "refcount", item->refcount);
	sink_number(view->sink, "internal", item->internal);
	sink_number(view->sink, "gc_refs", item->refcount - item->internal);
}

/* "#2 #5", and in JSON their addresses */
static void show_referrers(struct view *view, size_t index)
{
	const struct collection *collection = view->collection;
	struct strbuf *text = &view->session->text;
	const size_t start = view->first[index], end = view->first[index + 1];

	sink_array(view->sink, "referrers");
	for (size_t i = start; i < end; i++)
		sink_address(view->sink, NULL, collection->items[view->referrers[i]].address);
	sink_end(view->sink);
	strbuf_clear(text);
	for (size_t i = start; i < end && i < start + NAMED_MAX; i++)
		strbuf_printf(text, "%s#%" PRIu32, i > start ? " " : "", view->number[view->referrers[i]]);
	if (end > start + NAMED_MAX)
		strbuf_printf(text, " +%zu", end - start - NAMED_MAX);
	sink_bytes(view->sink, "referred_by", strbuf_text(text), text->length);
}

static enum cpeek_status show_items(struct view *view, const char *name, const char *text, enum collect_fate fate,
				    uint64_t count)
{
	const struct collection *collection = view->collection;
	struct cpeek_session *session = view->session;
	uint64_t shown = 0;

	if (count)
		title(view, text);
	sink_table(view->sink, name);
	for (size_t i = 0; i < collection->unreachable + collection->uncollectable && shown < view->limit; i++) {
		const struct collect_item *item = &collection->items[view->order[i]];
		if (item->fate != fate)
			continue;
		if (shown % PROGRESS_INTERVAL == 0 && session_cancelled(session))
			return CPEEK_CANCELLED;
		if (shown % PROGRESS_INTERVAL == 0 && session->host.progress)
			session->host.progress(session->host.arg, "listing objects", shown, count);
		shown++;
		sink_object(view->sink, NULL);
		sink_unsigned(view->sink, "#", i + 1);
		TRY(show_head(view, item->address));
		show_count(view, item);
		show_referrers(view, i);
		TRY(show_repr(session, view->sink, "repr", item->address));
		sink_end(view->sink);
		if (sink_failed(view->sink))
			return CPEEK_CANCELLED;
	}
	sink_end(view->sink);
	show_more(view, count, "objects");
	return CPEEK_OK;
}

static enum cpeek_status show_freed(struct view *view)
{
	const struct collection *collection = view->collection;

	if (collection->freed.count)
		title(view, "die with them: not on the collected lists, and nothing else refers to them");
	sink_table(view->sink, "freed_with");
	for (size_t i = 0; i < collection->freed.count && i < view->limit; i++) {
		if (i % PROGRESS_INTERVAL == 0 && session_cancelled(view->session))
			return CPEEK_CANCELLED;
		sink_object(view->sink, NULL);
		TRY(show_head(view, collection->freed.items[i]));
		TRY(show_repr(view->session, view->sink, "repr", collection->freed.items[i]));
		sink_end(view->sink);
	}
	sink_end(view->sink);
	show_more(view, collection->freed.count, "objects");
	return CPEEK_OK;
}

/* Whose finalizer it is: "__main__.Node.__del__", or C code's "tp_finalize of generator". */
static void put_finalizer(struct view *view, target_addr address)
{
	struct strbuf *text = &view->session->text;
	struct object object;
	target_addr method;

	strbuf_clear(text);
	if (object_read(view->session->objects, address, &object) != CPEEK_OK)
		return;
	if (object.type->python_class &&
	    type_find_attribute(view->session->objects, object.type, "__del__", 7, &method) == CPEEK_OK)
		strbuf_printf(text, "%s.__del__", object.type->name);
	else
		strbuf_printf(text, "tp_finalize of %s", object.type->name);
}

static enum cpeek_status show_calls(struct view *view)
{
	const struct collection *collection = view->collection;
	struct cpeek_session *session = view->session;
	struct sink *sink = view->sink;

	if (collection->callbacks.count)
		title(view, "callbacks of weak references that would be called");
	sink_table(sink, "weakref_callbacks");
	for (size_t i = 0; i < collection->callbacks.count && i < view->limit; i++) {
		const struct collect_call *call = &collection->callbacks.items[i];
		sink_object(sink, NULL);
		sink_address(sink, "reference", call->address);
		sink_address(sink, "object", collection->items[call->item].address);
		sink_address(sink, "callback", call->other);
		TRY(show_repr(session, sink, "repr", call->other));
		sink_end(sink);
	}
	sink_end(sink);
	show_more(view, collection->callbacks.count, "callbacks");
	if (collection->finalizers.count)
		title(view, "finalizers that would run");
	sink_table(sink, "finalizers");
	for (size_t i = 0; i < collection->finalizers.count && i < view->limit; i++) {
		const struct collect_call *call = &collection->finalizers.items[i];
		struct object object;
		sink_object(sink, NULL);
		sink_unsigned(sink, "#", view->number[call->item]);
		sink_address(sink, "address", call->address);
		if (object_read(session->objects, call->address, &object) == CPEEK_OK)
			sink_string(sink, "type", object.type->name);
		put_finalizer(view, call->address);
		sink_bytes(sink, "runs", strbuf_text(&session->text), session->text.length);
		sink_end(sink);
	}
	sink_end(sink);
	show_more(view, collection->finalizers.count, "finalizers");
	return CPEEK_OK;
}

/* ---- The simulation: what keeps the rest ---- */

/* Why the collector leaves an item where it is, or moves it. */
static void put_move(struct view *view, uint32_t index)
{
	const struct collect_item *items = view->collection->items, *item = &items[index];
	struct strbuf *text = &view->session->text;

	strbuf_clear(text);
	if (item->fate == COLLECT_UNCOLLECTABLE)
		strbuf_puts(text, "unreachable, then to gc.garbage");
	else if (item->fate == COLLECT_UNREACHABLE)
		strbuf_puts(text, "unreachable: nothing that stays refers to it");
	else if (item->parent == COLLECT_NONE)
		strbuf_puts(text, "left out");
	else if (item->parent == index)
		strbuf_puts(text, "stays: referred to from outside");
	else
		strbuf_printf(text, "stays: 0x%" PRIx64 " refers to it", items[item->parent].address);
}

/* A small set object by object: its count, what is taken off, what is left of it, and where that puts it. */
static enum cpeek_status show_set(struct view *view)
{
	const struct collection *collection = view->collection;

	if (collection->count == 0 || collection->count > SMALL_SET)
		return CPEEK_OK;
	title(view, "the set: reference count - references inside it = gc_refs");
	sink_table(view->sink, "set");
	for (uint32_t i = 0; i < collection->count; i++) {
		sink_object(view->sink, NULL);
		TRY(show_head(view, collection->items[i].address));
		show_count(view, &collection->items[i]);
		put_move(view, i);
		sink_bytes(view->sink, "move", strbuf_text(&view->session->text), view->session->text.length);
		TRY(show_repr(view->session, view->sink, "repr", collection->items[i].address));
		sink_end(view->sink);
	}
	sink_end(view->sink);
	return CPEEK_OK;
}

/* The items that keep most, most first, in ret; how many they are. */
static size_t find_keepers(const struct collection *collection, uint32_t ret[KEEPERS_SHOWN])
{
	size_t count = 0;

	for (uint32_t i = 0; i < collection->count; i++) {
		const uint32_t keeps = collection->items[i].keeps;
		size_t at = count < KEEPERS_SHOWN ? count++ : KEEPERS_SHOWN;
		if (keeps == 0) {
			count -= at < KEEPERS_SHOWN;
			continue;
		}
		for (; at > 0 && collection->items[ret[at - 1]].keeps < keeps; at--)
			if (at < KEEPERS_SHOWN)
				ret[at] = ret[at - 1];
		if (at < KEEPERS_SHOWN)
			ret[at] = i;
	}
	return count;
}

static enum cpeek_status show_keepers(struct view *view)
{
	const struct collection *collection = view->collection;
	uint32_t keepers[KEEPERS_SHOWN];
	const size_t count = find_keepers(collection, keepers);

	if (count)
		title(view, "what keeps the rest: objects that something outside refers to, by what is first reached "
			    "from them");
	sink_table(view->sink, "keepers");
	for (size_t i = 0; i < count; i++) {
		const struct collect_item *item = &collection->items[keepers[i]];
		sink_object(view->sink, NULL);
		sink_unsigned(view->sink, "keeps", item->keeps);
		TRY(show_head(view, item->address));
		show_count(view, item);
		TRY(show_repr(view->session, view->sink, "repr", item->address));
		sink_end(view->sink);
	}
	sink_end(view->sink);
	return CPEEK_OK;
}

static const char *fate_text(uint8_t fate)
{
	static const char *const texts[] = {
		[COLLECT_REACHABLE] = "reachable: it stays",
		[COLLECT_UNREACHABLE] = "unreachable: it would be collected",
		[COLLECT_UNCOLLECTABLE] = "uncollectable: unreachable, with or under a tp_del",
		[COLLECT_UNTRACKED] = "left out: immortal, or tracked no longer before the collector counts",
		[COLLECT_UNREADABLE] = "unreadable: taken for reachable",
	};

	return texts[fate];
}

/* Who of the set refers to an item: what subtract_refs() took off, one by one. */
static enum cpeek_status show_subtracted(struct view *view, uint32_t item)
{
	const struct collection *collection = view->collection;
	uint64_t found = 0;

	title(view, "references inside the set, which subtract_refs takes off");
	sink_table(view->sink, "subtracted");
	for (uint32_t i = 0; i < collection->count; i++) {
		if (i % PROGRESS_INTERVAL == 0 && session_cancelled(view->session))
			return CPEEK_CANCELLED;
		for (size_t j = 0; j < collection_edge_count(collection, i); j++) {
			if (collection_edge(collection, i, j) != item || found++ >= view->limit)
				continue;
			sink_object(view->sink, NULL);
			TRY(show_head(view, collection->items[i].address));
			TRY(show_repr(view->session, view->sink, "repr", collection->items[i].address));
			sink_end(view->sink);
		}
	}
	sink_end(view->sink);
	show_more(view, found, "references");
	return CPEEK_OK;
}

/* From the keeper to the item. */
static enum cpeek_status show_path(struct view *view, uint32_t item)
{
	const struct collection *collection = view->collection;
	uint32_t path[PATH_MAX_SHOWN];
	size_t length = 0;
	uint64_t left_out = 0;

	if (collection->items[item].parent == COLLECT_NONE)
		return CPEEK_OK;
	for (uint32_t at = item;; at = collection->items[at].parent) {
		if (length < PATH_MAX_SHOWN)
			path[length++] = at;
		else
			left_out++;
		if (collection->items[at].parent == at)
			break;
	}
	title(view, "what keeps it: from it to what something outside refers to");
	sink_table(view->sink, "path");
	for (size_t i = 0; i < length; i++) {
		const struct collect_item *at = &collection->items[path[i]];
		sink_object(view->sink, NULL);
		TRY(show_head(view, at->address));
		sink_number(view->sink, "gc_refs", at->refcount - at->internal);
		TRY(show_repr(view->session, view->sink, "repr", at->address));
		sink_end(view->sink);
	}
	sink_end(view->sink);
	if (left_out) {
		sink_span_format(view->sink, SINK_MARK, "… +%" PRIu64 " objects", left_out);
		sink_line(view->sink, NULL);
	}
	return CPEEK_OK;
}

static enum cpeek_status show_one(struct view *view, target_addr address)
{
	const uint32_t item = collection_find(view->collection, address);

	sink_card(view->sink, "object");
	TRY(show_head(view, address));
	if (item == COLLECT_NONE) {
		sink_string(view->sink, "fate",
			    "not in the set: untracked, frozen, of an older generation or of another interpreter");
		sink_end(view->sink);
		return CPEEK_OK;
	}
	show_count(view, &view->collection->items[item]);
	sink_string(view->sink, "fate", fate_text(view->collection->items[item].fate));
	sink_end(view->sink);
	TRY(show_subtracted(view, item));
	return show_path(view, item);
}

/* ---- The simulation ---- */

static void show_problems(struct view *view)
{
	const struct collection *collection = view->collection;
	struct cpeek_session *session = view->session;
	struct strbuf *text = &session->text;

	if (collection->lists_partial)
		mark(session, view->sink,
		     session->objects->layout->free_threaded ? "a heap of mimalloc is broken: objects are missing, "
							       "and what they refer to counts as held "
							       "from outside"
							     : "a list of the collector is broken: objects are "
							       "missing, and what they refer to counts as "
							       "held from outside");
	if (collection->cut)
		mark(session, view->sink, "there are more references than memory has room for: some were left out");
	if (collection->unreadable) {
		strbuf_clear(text);
		strbuf_printf(text,
			      "%" PRIu64 " objects or parts of them cannot be read, the first at 0x%" PRIx64
			      ": what they refer to counts as held from outside",
			      collection->unreadable, collection->first_unreadable);
		mark(session, view->sink, strbuf_text(text));
	}
	if (collection->negative) {
		strbuf_clear(text);
		strbuf_printf(
			text,
			"%" PRIu64 " objects have more references inside the set than their reference count, the "
			"first at 0x%" PRIx64 ": a reference too many was given away; they are taken for reachable",
			collection->negative, collection->first_negative);
		mark(session, view->sink, strbuf_text(text));
	}
}

static bool is_garbage(const struct collect_item *item)
{
	return item->fate == COLLECT_UNREACHABLE || item->fate == COLLECT_UNCOLLECTABLE;
}

/* Numbers of the unreachable items, and who of them refers to whom. */
static enum cpeek_status prepare(struct view *view)
{
	const struct collection *collection = view->collection;
	const size_t count = collection->unreachable + collection->uncollectable;
	size_t next = 0;

	view->order = memory_alloc((count + 1) * sizeof(*view->order));
	view->number = memory_calloc(collection->count + 1, sizeof(*view->number));
	view->first = memory_calloc(count + 2, sizeof(*view->first));
	if (!view->order || !view->number || !view->first)
		return CPEEK_NO_MEMORY;
	for (uint32_t i = 0; i < collection->count; i++)
		if (is_garbage(&collection->items[i])) {
			view->order[next++] = i;
			view->number[i] = (uint32_t)next;
		}
	/* first[n + 1] counts the referrers of the n-th, then becomes where they end, and by filling where they begin. */
	for (size_t i = 0; i < count; i++)
		for (size_t j = 0; j < collection_edge_count(collection, view->order[i]); j++) {
			const uint32_t to = collection_edge(collection, view->order[i], j);
			if (view->number[to])
				view->first[view->number[to] + 1]++;
		}
	for (size_t i = 1; i < count + 2; i++)
		view->first[i] += view->first[i - 1];
	view->referrers = memory_alloc((view->first[count + 1] + 1) * sizeof(*view->referrers));
	if (!view->referrers)
		return CPEEK_NO_MEMORY;
	for (size_t i = 0; i < count; i++)
		for (size_t j = 0; j < collection_edge_count(collection, view->order[i]); j++) {
			const uint32_t to = collection_edge(collection, view->order[i], j);
			if (view->number[to])
				view->referrers[view->first[view->number[to]]++] = view->order[i];
		}
	return CPEEK_OK;
}

static uint64_t size_of(struct view *view, target_addr address)
{
	struct object object;
	uint64_t size;

	if (object_read(view->session->objects, address, &object) != CPEEK_OK ||
	    object_read_size(&object, &size) != CPEEK_OK)
		return 0;
	return size;
}

static enum cpeek_status show_simulation(struct view *view, size_t interpreter, unsigned generation,
					 target_addr object)
{
	const struct collection *collection = view->collection;
	struct cpeek_session *session = view->session;

	TRY(prepare(view));
	for (size_t i = 0; i < collection->count; i++)
		if (collection->items[i].fate == COLLECT_UNREACHABLE)
			view->bytes += size_of(view, collection->items[i].address);
	for (size_t i = 0; i < collection->freed.count; i++)
		view->freed_bytes += size_of(view, collection->freed.items[i]);
	const enum collector_kind kind = collector_kind_get(session->objects->layout);
	sink_number(view->sink, "interpreter", session->python->interpreters[interpreter].id);
	sink_string(view->sink, "collector", kind_text(kind));
	sink_unsigned(view->sink, "generation", kind == COLLECTOR_FREE_THREADED ? GC_LISTS - 1 : generation);
	sink_object(view->sink, "totals");
	sink_unsigned(view->sink, "objects", collection->count);
	sink_unsigned(view->sink, "immortal", collection->immortal);
	sink_unsigned(view->sink, "references", collection->references);
	sink_unsigned(view->sink, "external", collection->external);
	sink_unsigned(view->sink, "deferred", collection->deferred);
	sink_unsigned(view->sink, "reachable", collection->reachable);
	sink_unsigned(view->sink, "unreachable", collection->unreachable);
	sink_unsigned(view->sink, "uncollectable", collection->uncollectable);
	sink_unsigned(view->sink, "untracked_tuples", collection->tuples);
	sink_unsigned(view->sink, "untracked_dicts", collection->dicts);
	sink_unsigned(view->sink, "bytes", view->bytes);
	sink_unsigned(view->sink, "freed_with", collection->freed.count);
	sink_unsigned(view->sink, "freed_with_bytes", view->freed_bytes);
	sink_end(view->sink);
	sink_span_format(view->sink, SINK_TITLE, "interpreter %" PRId64,
			 session->python->interpreters[interpreter].id);
	if (kind != COLLECTOR_FREE_THREADED)
		sink_line(view->sink, ": gc.collect(%u) would free %" PRIu64 " objects", generation,
			  collection->unreachable);
	else
		sink_line(view->sink, ": gc.collect() would free %" PRIu64 " objects", collection->unreachable);
	sink_array(view->sink, "problems");
	show_problems(view);
	sink_end(view->sink);
	show_steps(view);
	if (object)
		return show_one(view, object);
	TRY(show_set(view));
	TRY(show_items(view, "unreachable", "unreachable: they refer to each other only", COLLECT_UNREACHABLE,
		       collection->unreachable));
	TRY(show_items(view, "uncollectable", "uncollectable", COLLECT_UNCOLLECTABLE, collection->uncollectable));
	TRY(show_calls(view));
	TRY(show_freed(view));
	return show_keepers(view);
}

static enum cpeek_status simulate(struct cpeek_session *session, const struct arguments *arguments, struct sink *sink,
				  size_t interpreter)
{
	const bool full = arguments->items[ARGUMENT_FULL].given || session->json;
	const unsigned generation = arguments->items[ARGUMENT_GENERATION].given
					    ? (unsigned)arguments->items[ARGUMENT_GENERATION].number
					    : GC_LISTS - 1;
	struct collection collection;
	struct view view = {
		.session = session, .sink = sink, .collection = &collection, .limit = full ? UINT64_MAX : SHOWN};
	target_addr object = 0;

	if (arguments->items[ARGUMENT_LIMIT].given)
		view.limit = arguments->items[ARGUMENT_LIMIT].number;
	if (arguments->items[ARGUMENT_EXPR].given)
		TRY(expression_evaluate(session, arguments->items[ARGUMENT_EXPR].text, &object));
	if (session->host.progress)
		session->host.progress(session->host.arg, "simulating a collection", interpreter,
				       session->python->interpreter_count);
	TRY(collect_simulate(session->objects, interpreter, generation, &collection));
	sink_object(sink, NULL);
	enum cpeek_status status = show_simulation(&view, interpreter, generation, object);
	sink_end(sink);
	memory_free(view.order);
	memory_free(view.number);
	memory_free(view.first);
	memory_free(view.referrers);
	collection_deinit(&collection);
	return status;
}

static enum cpeek_status run(struct cpeek_session *session, const struct arguments *arguments, struct sink *sink)
{
	const bool simulated = arguments->items[ARGUMENT_SIMULATE].given;
	enum cpeek_status status = CPEEK_OK;

	if (!simulated && (arguments->items[ARGUMENT_EXPR].given || arguments->items[ARGUMENT_GENERATION].given))
		return error_set(&session->error, CPEEK_USAGE, "gc: --generation and an object are for gc --simulate");
	if (arguments->items[ARGUMENT_GENERATION].given && arguments->items[ARGUMENT_GENERATION].number >= GC_LISTS)
		return error_set(&session->error, CPEEK_USAGE, "gc: generations are 0, 1 and 2");
	if (arguments->items[ARGUMENT_GENERATION].given && arguments->items[ARGUMENT_GENERATION].number == 1 &&
	    collector_kind_get(session->objects->layout) == COLLECTOR_INCREMENTAL)
		return error_set(&session->error, CPEEK_USAGE,
				 "gc: generation 1 of an incremental collector is an increment, of as many objects as "
				 "its heuristics choose then: simulate 0 (the young) or 2 (all)");
	sink_object(sink, NULL);
	sink_array(sink, "interpreters");
	for (size_t i = 0; i < gc_count_owners(session->objects) && status == CPEEK_OK; i++) {
		if (i > 0)
			sink_line(sink, NULL);
		status = simulated ? simulate(session, arguments, sink, i) : show_state(session, sink, i);
	}
	sink_end(sink);
	sink_end(sink);
	return status;
}

static const struct cpeek_argument arguments[] = {
	[ARGUMENT_SIMULATE] = {"--simulate", "what gc.collect() would do, carried out on this snapshot",
			       CPEEK_ARGUMENT_FLAG, 0},
	[ARGUMENT_GENERATION] = {"--generation",
				 "with --simulate: collect this generation and the younger ones (2: all)",
				 CPEEK_ARGUMENT_NUMBER, 0},
	[ARGUMENT_LIMIT] = {"--limit", "at most this many rows in each table", CPEEK_ARGUMENT_NUMBER, 0},
	[ARGUMENT_FULL] = {"--full", "all rows", CPEEK_ARGUMENT_FLAG, 0},
	[ARGUMENT_EXPR] = {"EXPR", "with --simulate: what the collector makes of this object, and what keeps it",
			   CPEEK_ARGUMENT_REST, 0},
};

const struct command command_gc = {
	.description =
		{
			.name = "gc",
			.usage = "gc [--simulate [--generation N] [--limit N] [--full] [EXPR]]",
			.summary = "The cyclic garbage collector: its state, and what it would collect",
			.help = "Shows generations, thresholds, counts, statistics, frozen objects and debug flags of "
				"each interpreter's collector, and what its next collection will take. --simulate "
				"carries out the collector's own arithmetic on the snapshot (reference counts, minus "
				"the references inside, what is reachable from the rest) and names the objects that "
				"gc.collect() would free, the finalizers and callbacks that would run, and what keeps "
				"the rest; with EXPR for one object.",
			.arguments = arguments,
			.argument_count = sizeof(arguments) / sizeof(*arguments),
		},
	.run = run,
};
