/*
 * Values, frames and variables as every command shows them.
 */
#include "command/show.h"

#include <inttypes.h>
#include <string.h>

/* What holds for a limit that was not given. */
static const struct limits in_text = {.elements = 200, .string = 1000, .depth = 8, .total = 16 << 10};
/* A dozen lines of a terminal for one variable. */
static const struct limits in_brief = {.elements = 20, .string = 200, .depth = 2, .total = 1000};
/* Everything. Only what a program shares over and over, so that its text has no end, is cut. */
static const struct limits in_json = {.repeats = 64 << 20};

/* A total must not be in the way of larger limits; where one is lifted, it is not. */
static void raise_total(struct limits *limits, uint64_t given, uint64_t bytes_each)
{
	uint64_t total;

	if (given == 0)
		limits->total = 0;
	else if (limits->total && !__builtin_mul_overflow(given, bytes_each, &total) && total > limits->total)
		limits->total = total;
}

struct limits show_limits(const struct cpeek_session *session, unsigned what)
{
	enum { ELEMENT_BYTES = 64, CHARACTER_BYTES = 4 };
	const struct limits *given = &session->limits;
	const unsigned bits = session->limits_given;
	struct limits limits = {0};

	if (!(what & SHOW_FULL)) {
		limits = session->json ? in_json : what & SHOW_BRIEF ? in_brief : in_text;
		if (bits & SESSION_ELEMENTS) {
			limits.elements = given->elements;
			raise_total(&limits, given->elements, ELEMENT_BYTES);
		}
		if (bits & SESSION_STRING) {
			limits.string = given->string;
			raise_total(&limits, given->string, CHARACTER_BYTES);
		}
		if (bits & SESSION_DEPTH)
			limits.depth = given->depth;
		if (bits & SESSION_TOTAL)
			limits.total = given->total;
	}
	limits.hex = what & SHOW_HEX;
	limits.members = what & SHOW_MEMBERS;
	return limits;
}

static const char *error_kind(enum cpeek_status status)
{
	return status == CPEEK_FAULT ? "unreadable" : "corrupt";
}

static bool show_piece(void *arg, const struct strbuf *text)
{
	struct sink *sink = arg;

	sink_text_add(sink, strbuf_text(text), text->length);
	sink_span_bytes(sink, SINK_VALUE, strbuf_text(text), text->length);
	return !sink_failed(sink);
}

enum cpeek_status show_value(struct cpeek_session *session, struct sink *sink, target_addr address, unsigned what)
{
	const struct limits limits = show_limits(session, what);
	struct rendering rendering;
	struct object object;

	sink_address(sink, "address", address);
	enum cpeek_status status = object_read(session->objects, address, &object);
	if (status == CPEEK_NO_MEMORY)
		return status;
	if (status == CPEEK_OK)
		sink_string(sink, "type", object.type->name);
	else
		sink_null(sink, "type");
	strbuf_clear(&session->text);
	sink_text_begin(sink, "repr");
	/* Attributes stand in the text only: JSON's repr is what CPython's repr() says. */
	status = render_stream(session->objects, address, &limits, !session->json, &session->text, show_piece, sink,
			       &rendering);
	sink_text_end(sink);
	if (status != CPEEK_OK)
		return sink_failed(sink) ? CPEEK_OK : status; /* the sink has its own say */
	if (rendering.truncated)
		sink_bool(sink, "truncated", true);
	if (rendering.partial) {
		session->partial = true;
		sink_bool(sink, "partial", true);
		sink_object(sink, "error");
		sink_string(sink, "kind", error_kind(rendering.status));
		sink_address(sink, "address", rendering.address);
		if (rendering.field)
			sink_string(sink, "field", rendering.field);
		sink_end(sink);
	}
	return CPEEK_OK;
}

enum cpeek_status show_variable(struct cpeek_session *session, struct sink *sink, target_addr name, target_addr value,
				const char *indent, unsigned what)
{
	struct strbuf key = {0};

	enum cpeek_status status = str_read(session->objects, name, 0, &key, NULL);
	if (status == CPEEK_FAULT || status == CPEEK_CORRUPT) {
		/* A namespace may have keys that are no str: globals()[1] = 2 */
		struct limits limits = show_limits(session, what);
		struct rendering rendering;
		strbuf_clear(&key);
		status = render_repr(session->objects, name, &limits, false, &key, &rendering);
		session->partial |= rendering.partial;
	}
	if (status == CPEEK_OK) {
		sink_span(sink, SINK_PLAIN, indent);
		sink_span_bytes(sink, SINK_NAME, strbuf_text(&key), key.length);
		sink_span(sink, SINK_FAINT, " = ");
		sink_object(sink, strbuf_text(&key));
		status = show_value(session, sink, value, what);
		sink_end(sink);
		sink_line(sink, NULL);
		if (strbuf_failed(&key))
			status = CPEEK_NO_MEMORY;
	}
	strbuf_deinit(&key);
	return status;
}

void show_field(struct sink *sink, const struct object_member *field, const struct strbuf *text)
{
	sink_string(sink, "type", field->type);
	sink_bytes(sink, "repr", strbuf_text(text), text->length);
	sink_span_bytes(sink, SINK_VALUE, strbuf_text(text), text->length);
}

static enum cpeek_status show_attribute(struct cpeek_session *session, struct sink *sink, const char *name,
					target_addr value)
{
	sink_object(sink, name);
	enum cpeek_status status = show_value(session, sink, value, 0);
	sink_end(sink);
	return status;
}

static enum cpeek_status show_members(struct cpeek_session *session, struct sink *sink, const struct object *object)
{
	const struct limits limits = show_limits(session, 0);
	struct strbuf text = {0};
	struct object_member member;
	uint64_t cursor = 0;
	enum cpeek_status status;

	while ((status = member_next(object, &limits, &cursor, &member, &text)) != CPEEK_END &&
	       !status_is_fatal(status)) {
		if (status != CPEEK_OK) {
			session->partial = true;
			sink_null(sink, member.name);
		} else if (member.object) {
			status = show_attribute(session, sink, member.name, member.object);
			if (status != CPEEK_OK)
				break;
		} else {
			sink_object(sink, member.name);
			show_field(sink, &member, &text);
			sink_end(sink);
		}
		strbuf_clear(&text);
	}
	strbuf_deinit(&text);
	return status == CPEEK_END ? CPEEK_OK : status;
}

static enum cpeek_status show_slots(struct cpeek_session *session, struct sink *sink, const struct object *object)
{
	for (const struct type *type = object->type; type && type->python_class; type = type->base_type) {
		for (size_t i = 0; i < type->member_count; i++) {
			target_addr slot;
			TRY(target_read_pointer(session->target, object->address + type->members[i].offset, &slot));
			if (slot)
				TRY(show_attribute(session, sink, type->members[i].name, slot));
		}
	}
	return CPEEK_OK;
}

static enum cpeek_status show_dict(struct cpeek_session *session, struct sink *sink, const struct object *object)
{
	struct strbuf key = {0};
	struct items items;
	struct item item;

	enum cpeek_status status = attributes_start(object, &items);
	while (status == CPEEK_OK && (status = items_next(&items, &item)) == CPEEK_OK) {
		strbuf_clear(&key);
		status = str_read(session->objects, item.key, 0, &key, NULL);
		if (status == CPEEK_OK && strbuf_failed(&key))
			status = CPEEK_NO_MEMORY;
		else if (status == CPEEK_OK)
			status = show_attribute(session, sink, strbuf_text(&key), item.value);
		else
			status = objects_tolerate(session->objects, status); /* a key that is no str */
	}
	strbuf_deinit(&key);
	return status == CPEEK_END || status == CPEEK_NOT_FOUND ? CPEEK_OK : status;
}

enum cpeek_status show_attributes(struct cpeek_session *session, struct sink *sink, target_addr address)
{
	struct object object;

	if (object_read(session->objects, address, &object) != CPEEK_OK || object.type->flags & TYPE_TYPE_SUBCLASS)
		return CPEEK_OK; /* its value says why */
	sink_object(sink, "attributes");
	enum cpeek_status status = show_members(session, sink, &object);
	if (status == CPEEK_OK)
		status = show_slots(session, sink, &object);
	if (status == CPEEK_OK && object.type->python_class)
		status = show_dict(session, sink, &object);
	sink_end(sink);
	if (status != CPEEK_OK && !status_is_fatal(status)) {
		session->partial = true;
		status = CPEEK_OK;
	}
	return status;
}

struct variables {
	struct cpeek_session *session;
	struct sink *sink;
	const char *indent;
	unsigned what;
};

static enum cpeek_status each_variable(void *arg, const struct variable *variable)
{
	const struct variables *variables = arg;

	return show_variable(variables->session, variables->sink, variable->name, variable->value, variables->indent,
			     variables->what);
}

enum cpeek_status show_variables(struct cpeek_session *session, struct sink *sink, const struct frame *frame,
				 const char *name, const char *indent, unsigned what)
{
	struct variables variables = {session, sink, indent, what | SHOW_BRIEF};

	sink_object(sink, name);
	enum cpeek_status status = frame_walk_variables(session->objects, frame, each_variable, &variables);
	sink_end(sink);
	if (status != CPEEK_OK && !status_is_fatal(status)) {
		session->partial = true;
		sink_span(sink, SINK_PLAIN, indent);
		if (status == CPEEK_UNSUPPORTED)
			sink_span(sink, SINK_MARK, "<variables in a namespace that is no dict>");
		else
			sink_span_format(sink, SINK_MARK, "<variables unreadable at 0x%" PRIx64 ">",
					 session->target->fault_address);
		sink_line(sink, NULL);
		status = CPEEK_OK;
	}
	return status;
}

/* A text of the frame's code as a JSON field, left in session->text; "<unreadable>" when it cannot be had. */
static enum cpeek_status frame_text(struct cpeek_session *session, struct sink *sink, const struct frame *frame,
				    const char *field,
				    enum cpeek_status (*read)(struct objects *, const struct frame *, struct strbuf *))
{
	strbuf_clear(&session->text);
	enum cpeek_status status =
		frame->status == CPEEK_OK ? read(session->objects, frame, &session->text) : frame->status;
	if (status_is_fatal(status))
		return status;
	if (status != CPEEK_OK) {
		session->partial = true;
		strbuf_clear(&session->text);
		strbuf_printf(&session->text, "<unreadable 0x%" PRIx64 ">",
			      frame->code ? frame->code : frame->address);
		sink_null(sink, field);
	} else {
		sink_bytes(sink, field, strbuf_text(&session->text), session->text.length);
	}
	return strbuf_failed(&session->text) ? CPEEK_NO_MEMORY : CPEEK_OK;
}

static void position_field(struct sink *sink, const char *name, int64_t value)
{
	if (value < 0)
		sink_null(sink, name);
	else
		sink_number(sink, name, value);
}

/* Columns are bytes of the UTF-8 line; the line is shown without its first `skip` bytes. */
static void show_carets(struct sink *sink, const char *text, size_t skip, const struct position *position)
{
	const size_t length = strlen(text);
	size_t start = (size_t)position->column, end = (size_t)position->end_column;

	if (position->column < 0 || position->end_column < 0 || position->end_line < position->line)
		return;
	if (position->end_line > position->line)
		end = length;
	if (start >= end || start < skip || end > length || (start == skip && end == length))
		return;
	sink_span(sink, SINK_PLAIN, "    ");
	for (size_t i = skip; i < end; i++)
		if (((unsigned char)text[i] & 0xc0) != 0x80) /* one mark a character, not a byte */
			sink_span(sink, SINK_MARK, i < start ? " " : "^");
	sink_line(sink, NULL);
}

static enum cpeek_status show_source(struct cpeek_session *session, struct sink *sink, const char *file,
				     const struct position *position)
{
	struct strbuf *text = &session->text;

	strbuf_clear(text);
	if (position->line < 0)
		return CPEEK_OK;
	enum cpeek_status status = source_read_line(session->source, session->sysroot, file, position->line, text);
	if (status == CPEEK_NO_MEMORY)
		return status;
	if (status != CPEEK_OK)
		return CPEEK_OK; /* the file is not here */
	while (text->length && strchr(" \t\f\r", text->data[text->length - 1]))
		text->data[--text->length] = '\0';
	size_t skip = strspn(strbuf_text(text), " \t\f");
	if (skip == text->length)
		return CPEEK_OK;
	sink_string(sink, "source", strbuf_text(text) + skip);
	sink_span(sink, SINK_PLAIN, "    ");
	sink_span(sink, SINK_FAINT, strbuf_text(text) + skip);
	sink_line(sink, NULL);
	show_carets(sink, strbuf_text(text), skip, position);
	return CPEEK_OK;
}

static enum cpeek_status show_place(struct cpeek_session *session, struct sink *sink, const struct frame *frame,
				    size_t index)
{
	const struct position *position = &frame->position;
	struct strbuf function = {0}, file = {0};

	enum cpeek_status status = frame_text(session, sink, frame, "function", frame_read_function);
	if (status == CPEEK_OK) {
		strbuf_append(&function, strbuf_text(&session->text), session->text.length);
		status = frame_text(session, sink, frame, "qualname", frame_read_qualname);
	}
	if (status == CPEEK_OK)
		status = frame_text(session, sink, frame, "file", frame_read_filename);
	if (status == CPEEK_OK) {
		strbuf_append(&file, strbuf_text(&session->text), session->text.length);
		position_field(sink, "line", position->line);
		position_field(sink, "end_line", position->end_line);
		position_field(sink, "column", position->column);
		position_field(sink, "end_column", position->end_column);
		sink_address(sink, "address", frame->address);
		if (index != SIZE_MAX)
			sink_span_format(sink, SINK_FAINT, "#%zu", index);
		sink_span(sink, SINK_PLAIN, "  File ");
		sink_span(sink, SINK_PLAIN, "\"");
		sink_span_bytes(sink, SINK_PLACE, strbuf_text(&file), file.length);
		sink_span(sink, SINK_PLAIN, "\", line ");
		if (position->line < 0)
			sink_span(sink, SINK_MARK, "?");
		else
			sink_span_format(sink, SINK_PLACE, "%" PRId64, position->line);
		sink_span(sink, SINK_PLAIN, ", in ");
		sink_span_bytes(sink, SINK_NAME, strbuf_text(&function), function.length);
		sink_line(sink, NULL);
		if (frame->status == CPEEK_OK)
			status = show_source(session, sink, strbuf_text(&file), position);
	}
	if (strbuf_failed(&function) || strbuf_failed(&file))
		status = CPEEK_NO_MEMORY;
	strbuf_deinit(&function);
	strbuf_deinit(&file);
	return status;
}

enum cpeek_status show_frame(struct cpeek_session *session, struct sink *sink, const struct frame *frame, size_t index,
			     unsigned what)
{
	sink_object(sink, NULL);
	enum cpeek_status status = show_place(session, sink, frame, index);
	if (status == CPEEK_OK && what & SHOW_LOCALS)
		status = show_variables(session, sink, frame, "locals", "      ", what);
	sink_end(sink);
	return status;
}

const char *thread_gil_text(enum thread_gil gil)
{
	static const char *const texts[] = {
		[THREAD_GIL_NONE] = "none", [THREAD_GIL_HOLDING] = "holding", [THREAD_GIL_WAITING] = "waiting"};

	return texts[gil];
}

const char *thread_state_text(const struct python *python, const struct python_thread *thread)
{
	static const char *const texts[THREAD_STATE_COUNT] = {
		[THREAD_DETACHED] = "detached",
		[THREAD_ATTACHED] = "attached",
		[THREAD_SUSPENDED] = "suspended",
		[THREAD_SHUTTING_DOWN] = "shutting down",
		[THREAD_SUSPENDED_WAITING] = "suspended, waiting",
		[THREAD_DETACHED_WAITING] = "detached, waiting",
	};

	if (python->interpreters[thread->interpreter].has_gil || thread->state >= THREAD_STATE_COUNT)
		return NULL;
	return texts[thread->state];
}

enum cpeek_status show_thread(struct cpeek_session *session, struct sink *sink, const struct python_thread *thread)
{
	if (thread->native_id)
		sink_unsigned(sink, "native_id", thread->native_id);
	else
		sink_null(sink, "native_id");
	sink_unsigned(sink, "thread_id", thread->thread_id);
	strbuf_clear(&session->text);
	TRY(thread_read_name(session->objects, thread, &session->text));
	if (session->text.length)
		sink_bytes(sink, "name", strbuf_text(&session->text), session->text.length);
	else
		sink_null(sink, "name");
	sink_number(sink, "interpreter", session->python->interpreters[thread->interpreter].id);
	sink_string(sink, "gil", thread_gil_text(thread->gil));
	const char *state = thread_state_text(session->python, thread);
	if (state)
		sink_string(sink, "state", state);
	return CPEEK_OK;
}
