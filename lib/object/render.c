/*
 * Walks a value to its text: an explicit stack of tasks, so that no nesting of the target's nests our calls.
 * A decoder hands over its parts through value_…(); they wait in `pending` and go onto the stack in reverse, so that
 * they come off in order.
 */
#include "base/memory.h"
#include "base/vector.h"
#include "object/member.h"
#include "object/phrase.h"
#include "object/render.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum {
	CANCEL_INTERVAL = 1024, /* tasks between two polls */
	FLUSH_BYTES = 64 * 1024,
	/* Behind the total, of a text that is still shown: enough to know it by. */
	EXHAUSTED_STRING = 16,
	/* Containers are told apart once a text is so long; the table of bits has a bit for each of 2**27. */
	REPEATS_FROM = 16 << 20,
	FILTER_BITS = 27,
};

enum task_kind {
	TASK_TEXT,       /* write text, which is of static duration */
	TASK_COPY,       /* write what stands in texts */
	TASK_OBJECT,     /* decode and write an object */
	TASK_EXACT,      /* the same, by its decoder even if a class overrides its repr */
	TASK_SUFFIX,     /* " {value, name=value}" behind an object, if there is any */
	TASK_ITEMS,      /* go on with a container */
	TASK_ATTRIBUTES, /* go on with " {name=value, …}" */
	TASK_ENTER,      /* an object that its owner guards comes next */
	TASK_LEAVE,      /* an object is done: it may come again */
};

struct task {
	enum task_kind kind;
	uint32_t depth;
	union {
		const char *text;
		target_addr object;
		size_t length; /* TASK_COPY */
	};
	uint64_t before; /* TASK_LEAVE: the mark that the object then has again; MARK_NONE: none */
	size_t start;    /* in texts. TASK_COPY: where it stands; TASK_LEAVE: what is behind it is done */
};

/* Where TASK_ITEMS and TASK_ATTRIBUTES are; one for each of them, in the order in which they are on the stack. */
struct position {
	struct items items;
	target_addr owner; /* TASK_ATTRIBUTES: whose; else the container */
	uint64_t slot;     /* how many __slots__ were looked at */
	uint64_t taken;    /* items that came */
	uint64_t shown;    /* … and were not left out for want of a name */
	const char *close;
	bool trailing;
	bool behind;       /* the first item gets its ", " too */
	bool started;      /* items is set */
	bool cut;          /* no attribute is shown, but their number */
	bool members;      /* what the C structure tells comes first … */
	bool listed;       /* … tp_members included */
	uint64_t member;   /* where member_next() is */
	uint64_t left_out; /* members that a limit cut */
};

/* What value->active keeps of an object: these bits, and above them how many guarded objects were being written when
 * this one began. */
enum mark {
	MARK_NONE = 0,
	MARK_ACTIVE = 1,  /* it is being written */
	MARK_GUARDED = 2, /* it has called Py_ReprEnter() for itself, or its owner has */
	MARK_BITS = 2,
};

struct value {
	struct objects *objects;
	const struct limits *limits;
	struct strbuf *out;
	struct rendering *result;
	struct strbuf texts; /* of parts that wait */
	VECTOR(struct task) stack;
	VECTOR(struct position) positions;
	VECTOR(struct task) pending;
	VECTOR(struct position) pending_positions;
	target_addr first; /* the object that was asked for */
	struct map active; /* objects being written: met again inside themselves, they are cycles. Values: enum mark */
	uint64_t guards;   /* how many of these are guarded */
	const struct object *object;
	uint32_t depth;
	bool attributes;
	bool exact;                   /* the object at hand is shown by TASK_EXACT: it is active, and no cycle */
	bool guarded;                 /* the object at hand has called value_guard() or value_guard_items() */
	bool recursive;               /* value_guard() found a cycle: the parts that follow are dropped */
	const char *instead_of_items; /* value_guard_items() found one: items are replaced by this; else NULL */
	bool exhausted;               /* the total is reached: what is open is closed, what is left is counted */
	enum cpeek_status failed;     /* ends the walk when it is not OK */
	bool (*flush)(void *arg, const struct strbuf *text); /* NULL: all stays in out */
	void *flush_arg;
	uint64_t flushed;      /* bytes that went that way */
	uint8_t *seen;         /* bits of containers that came; NULL: not yet */
	bool repeating;        /* a container that came before is being written … */
	size_t repeat_stack;   /* … until the stack is as low as this again … */
	uint64_t repeat_start; /* … since the text was so long */
	uint64_t repeated;     /* bytes of those before it */
};

/* Bytes of text so far, those included that out had before. */
static uint64_t written(const struct value *value)
{
	return value->flushed + value->out->length;
}

static void fail(struct value *value, enum cpeek_status status)
{
	if (value->failed == CPEEK_OK)
		value->failed = status;
}

static struct task *push(struct value *value, enum task_kind kind, uint32_t depth)
{
	struct task *task = VECTOR_PUSH(&value->stack);
	if (!task) {
		fail(value, CPEEK_NO_MEMORY);
		return NULL;
	}
	task->kind = kind;
	task->depth = depth;
	return task;
}

static uint64_t mark_of(const struct value *value, target_addr address)
{
	const uint64_t *mark = map_find(&value->active, address);

	return mark ? *mark : MARK_NONE;
}

static struct task *add_part(struct value *value, enum task_kind kind)
{
	if (value->recursive)
		return NULL;
	struct task *task = VECTOR_PUSH(&value->pending);
	if (!task) {
		fail(value, CPEEK_NO_MEMORY);
		return NULL;
	}
	task->kind = kind;
	task->depth = value->depth + 1;
	return task;
}

static void note_partial(struct value *value, enum cpeek_status status, target_addr address, const char *field)
{
	if (value->result->partial)
		return;
	value->result->partial = true;
	value->result->status = status;
	value->result->address = address;
	value->result->field = field;
}

/* ---- What decoders call ---- */

struct objects *value_objects(const struct value *value)
{
	return value->objects;
}

const struct limits *value_limits(const struct value *value)
{
	return value->limits;
}

struct strbuf *value_buffer(struct value *value)
{
	return value->out;
}

void value_bytes(struct value *value, const char *text, size_t length)
{
	if (value->recursive)
		return;
	if (!value->pending.count) { /* nothing waits before it: it can be written at once */
		strbuf_append(value->out, text, length);
		return;
	}
	struct task *task = add_part(value, TASK_COPY);
	if (task) {
		task->length = length;
		task->start = value->texts.length;
		strbuf_append(&value->texts, text, length);
	}
}

void value_text(struct value *value, const char *text)
{
	value_bytes(value, text, strlen(text));
}

void value_format(struct value *value, const char *format, ...)
{
	char text[1024];
	va_list args;

	va_start(args, format);
	int length = vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (length < (int)sizeof(text)) {
		value_bytes(value, text, length > 0 ? (size_t)length : 0);
		return;
	}
	char *whole = memory_alloc((size_t)length + 1);
	if (!whole) {
		fail(value, CPEEK_NO_MEMORY);
		return;
	}
	va_start(args, format);
	(void)vsnprintf(whole, (size_t)length + 1, format, args);
	va_end(args);
	value_bytes(value, whole, (size_t)length);
	memory_free(whole);
}

void value_object(struct value *value, target_addr address)
{
	struct task *task = add_part(value, TASK_OBJECT);
	if (task)
		task->object = address;
}

bool value_enter(struct value *value, target_addr address)
{
	if (mark_of(value, address) & MARK_GUARDED)
		return false;
	struct task *task = add_part(value, TASK_ENTER);
	if (task)
		task->object = address;
	return true;
}

void value_leave(struct value *value, target_addr address)
{
	struct task *task = add_part(value, TASK_LEAVE);
	if (task) {
		task->object = address;
		task->before = mark_of(value, address);
		task->start = SIZE_MAX; /* parts of its owner's follow */
	}
}

void value_object_entered(struct value *value, target_addr address)
{
	if (!value_enter(value, address)) {
		value_text(value, "...");
		return;
	}
	value_object(value, address);
	value_leave(value, address);
}

void value_guard(struct value *value, const char *text)
{
	value->guarded = true;
	if (!value->exact && mark_of(value, value->object->address) != MARK_NONE) {
		value_text(value, text);
		value->recursive = true;
	}
}

void value_guard_named(struct value *value, const char *name, const char *text)
{
	value->guarded = true;
	if (!value->exact && mark_of(value, value->object->address) != MARK_NONE) {
		value_text(value, name);
		value_text(value, text);
		value->recursive = true;
	}
}

void value_guard_items(struct value *value, const char *text)
{
	value->guarded = true;
	if (!value->exact && mark_of(value, value->object->address) != MARK_NONE)
		value->instead_of_items = text;
}

void value_cut(struct value *value, uint64_t count, const char *what)
{
	value_format(value, "… +%" PRIu64 " %s", count, what);
	value->result->truncated = true;
}

void value_mark(struct value *value, enum cpeek_status status, target_addr address, const char *what)
{
	if (value->recursive)
		return;
	if (status == CPEEK_FAULT)
		value_format(value, "<unreadable 0x%" PRIx64 ">", address);
	else if (status == CPEEK_UNSUPPORTED)
		value_format(value, "<no layout: 0x%" PRIx64 ">", address);
	else
		value_format(value, "<corrupt 0x%" PRIx64 ": %s>", address, what);
	note_partial(value, status, address, what);
}

/* A part that goes on with items; NULL when memory is out, or the parts are dropped. */
static struct position *add_position(struct value *value, const struct items *items, target_addr container)
{
	struct task *task = add_part(value, TASK_ITEMS);
	struct position *position = task ? VECTOR_PUSH(&value->pending_positions) : NULL;

	if (!position) {
		if (task) {
			value->pending.count--;
			fail(value, CPEEK_NO_MEMORY);
		}
		return NULL;
	}
	*position = (struct position){.items = *items, .owner = container, .close = ""};
	return position;
}

/* Whether nothing of a container's items is to be shown. */
static bool is_cut(const struct value *value, const struct items *items)
{
	const uint64_t depth = value->limits->depth;

	return items->count && (value->exhausted || (depth && value->depth >= depth));
}

static void add_items(struct value *value, const char *open, const char *close, bool trailing, bool pairs)
{
	struct items items;

	if (value->instead_of_items) {
		value_text(value, value->instead_of_items);
		return;
	}
	enum cpeek_status status = items_start(value->object, &items);
	if (status != CPEEK_OK) {
		value_text(value, open);
		value_mark(value, status,
			   status == CPEEK_FAULT ? value->objects->target->fault_address : value->object->address,
			   "items");
		value_text(value, close);
		return;
	}
	value_text(value, open);
	if (is_cut(value, &items)) {
		value_cut(value, items.count, "items");
		value_text(value, close);
		return;
	}
	struct position *position = add_position(value, &items, value->object->address);
	if (!position)
		return;
	position->items.pairs |= pairs;
	position->close = close;
	position->trailing = trailing;
}

void value_items(struct value *value, const char *open, const char *close, bool trailing)
{
	add_items(value, open, close, trailing, false);
}

void value_pairs(struct value *value, const char *open, const char *close)
{
	add_items(value, open, close, false, true);
}

void value_arguments(struct value *value, target_addr container, unsigned how)
{
	struct object object;
	struct items items;
	struct item skipped;

	if (value->recursive)
		return;
	enum cpeek_status status = object_read(value->objects, container, &object);
	if (status == CPEEK_OK)
		status = items_start(&object, &items);
	if (status == CPEEK_OK && how & ARGUMENTS_REST)
		status = items_next(&items, &skipped);
	if (status != CPEEK_OK && status != CPEEK_END) {
		value_mark(value, status, status == CPEEK_FAULT ? value->objects->target->fault_address : container,
			   "arguments");
		return;
	}
	if (is_cut(value, &items)) {
		value_text(value, how & ARGUMENTS_FIRST ? "" : ", ");
		value_cut(value, items.count, "items");
		return;
	}
	struct position *position = add_position(value, &items, container);
	if (!position)
		return;
	position->items.keywords = how & ARGUMENTS_KEYWORDS;
	position->taken = how & ARGUMENTS_REST ? 1 : 0;
	position->behind = !(how & ARGUMENTS_FIRST);
}

/* ---- The walk ---- */

/* " object at 0x…>" of object_repr() in Objects/typeobject.c; a builtin type's own name stands bare there. */
static void put_default(struct value *value, const struct object *object)
{
	const struct type *type = object->type;

	value_format(value, "<%s object at 0x%" PRIx64 ">",
		     type_is_bare(type) && type->name_known ? type->tp_name : type->name, object->address);
}

/* Whether repr() of this object is its decoder's: no class of its own overrides it. */
static bool decoder_applies(const struct objects *objects, const struct type *type)
{
	return type->decoder && type->decoder->decode && type->tp_repr == type->decoder_type->tp_repr &&
	       type->tp_repr != objects->object_repr; /* in some versions it is object's: staticmethod to 3.9 */
}

static void mark_unreadable(struct value *value, enum cpeek_status status, target_addr address)
{
	if (status == CPEEK_NO_MEMORY)
		fail(value, CPEEK_NO_MEMORY);
	else if (address == 0)
		value_text(value, "<NULL>"); /* as PyObject_Repr() */
	else if (status == CPEEK_FAULT)
		value_mark(value, status, address, "object");
	else
		value_mark(value, CPEEK_CORRUPT, address, "no object is here");
}

/* What a C structure tells beside the repr: of the object that was asked for, and of each whose repr tells nothing. */
static bool wants_members(const struct value *value, const struct type *type, uint32_t depth)
{
	return value->limits->members && !(type->flags & TYPE_TYPE_SUBCLASS) &&
	       (depth == 0 || !decoder_applies(value->objects, type));
}

static bool has_attributes(const struct object *object)
{
	struct items items;
	struct item item;

	/* Of functions, modules and types the repr is enough. */
	if (!object->type->python_class || object->type->flags & TYPE_TYPE_SUBCLASS)
		return false;
	enum cpeek_status status = attributes_start(object, &items);
	if (status == CPEEK_OK)
		status = items_next(&items, &item);
	if (status != CPEEK_NOT_FOUND && status != CPEEK_END)
		return true; /* also what cannot be had: step_attributes() says so */
	for (const struct type *type = object->type; type && type->python_class; type = type->base_type)
		if (type->member_count)
			return true;
	return false;
}

/* The slots of an object's classes, one after the other. */
static const struct type_member *slot_at(const struct type *type, uint64_t index)
{
	for (; type && type->python_class; type = type->base_type) {
		if (index < type->member_count)
			return &type->members[index];
		index -= type->member_count;
	}
	return NULL;
}

/* The next attribute in *ret_name (a slot) or ret->key: slots first, then __dict__ in its order. END after the last. */
static enum cpeek_status next_attribute(struct value *value, struct position *position, const char **ret_name,
					struct item *ret)
{
	struct object object;
	const struct type_member *member;

	if (!position->started) {
		TRY(object_read(value->objects, position->owner, &object));
		while ((member = slot_at(object.type, position->slot)) != NULL) {
			target_addr slot;
			position->slot++;
			TRY(target_read_pointer(value->objects->target, position->owner + member->offset, &slot));
			if (slot) {
				*ret_name = member->name;
				ret->value = slot;
				return CPEEK_OK;
			}
		}
		enum cpeek_status status = attributes_start(&object, &position->items);
		if (status != CPEEK_OK)
			return status == CPEEK_NOT_FOUND ? CPEEK_END : status;
		position->started = true;
	}
	*ret_name = NULL;
	return items_next(&position->items, ret);
}

static void push_text(struct value *value, const char *text, uint32_t depth)
{
	struct task *task = push(value, TASK_TEXT, depth);
	if (task)
		task->text = text;
}

static void push_object(struct value *value, enum task_kind kind, target_addr address, uint32_t depth)
{
	struct task *task = push(value, kind, depth);
	if (task)
		task->object = address;
}

/* The top of both stacks is done. */
static void pop_position(struct value *value)
{
	value->stack.count--;
	value->positions.count--;
}

/* A str as it is, up to the limit. CORRUPT when it is no str: nothing is written then. */
static enum cpeek_status put_bare(struct value *value, target_addr key)
{
	uint64_t cut = 0;

	TRY(str_read(value->objects, key, value->limits->string, value->out, &cut));
	if (cut)
		value_cut(value, cut, "characters");
	return CPEEK_OK;
}

/* Counts the attributes from this one on, which are cut off. Answers why that ended. */
static enum cpeek_status cut_attributes(struct value *value, struct position *position, uint64_t count)
{
	enum cpeek_status status;
	const char *name;
	struct item item;

	while ((status = next_attribute(value, position, &name, &item)) == CPEEK_OK)
		count++;
	if (position->shown)
		strbuf_puts(value->out, ", ");
	value_cut(value, count, "attributes");
	return status;
}

/* Whether nothing more of attributes is to be shown. */
static bool attributes_are_cut(const struct value *value, const struct position *position)
{
	const uint64_t limit = value->limits->elements;

	return position->cut || value->exhausted || (limit && position->shown >= limit);
}

/* The next of what the C structure tells; false behind the last one. */
static bool step_member(struct value *value, struct position *position, uint32_t depth)
{
	struct strbuf text = {0};
	struct object object;
	struct object_member member;

	enum cpeek_status status = object_read(value->objects, position->owner, &object);
	if (status == CPEEK_OK)
		status = member_next(&object, value->limits, &position->member, &member, &text);
	else
		status = CPEEK_END; /* the attributes that follow say why */
	if (status == CPEEK_NO_MEMORY)
		fail(value, CPEEK_NO_MEMORY);
	if (status == CPEEK_END || status == CPEEK_NO_MEMORY || (member.listed && !position->listed)) {
		position->members = false;
	} else if (attributes_are_cut(value, position)) {
		position->left_out++;
	} else {
		if (position->shown++)
			strbuf_puts(value->out, ", ");
		strbuf_puts(value->out, member.name);
		strbuf_putc(value->out, '=');
		if (status == CPEEK_CORRUPT)
			value_mark(value, status, position->owner, "the structure contradicts itself");
		else if (status != CPEEK_OK)
			mark_unreadable(value, status, position->owner);
		else if (member.object)
			push_object(value, TASK_OBJECT, member.object, depth + 1);
		else
			strbuf_append(value->out, strbuf_text(&text), text.length);
	}
	strbuf_deinit(&text);
	return position->members;
}

static void step_attributes(struct value *value, uint32_t depth)
{
	struct position *position = &value->positions.items[value->positions.count - 1];
	const char *name = NULL;
	struct item item = {0};

	if (position->members && step_member(value, position, depth))
		return;
	enum cpeek_status status = next_attribute(value, position, &name, &item);
	if (position->left_out || (status == CPEEK_OK && attributes_are_cut(value, position)))
		status = cut_attributes(value, position, position->left_out + (status == CPEEK_OK));
	if (status != CPEEK_OK) {
		if (status != CPEEK_END)
			mark_unreadable(value, status, position->owner);
		strbuf_putc(value->out, '}');
		pop_position(value);
		return;
	}
	if (position->shown++)
		strbuf_puts(value->out, ", ");
	push_object(value, TASK_OBJECT, item.value, depth + 1);
	if (name) {
		strbuf_puts(value->out, name);
	} else if (put_bare(value, item.key) != CPEEK_OK) {
		/* A key that is no str: vars(self)[1] = 2 */
		push_text(value, "=", depth);
		push_object(value, TASK_OBJECT, item.key, depth + 1);
		return;
	}
	strbuf_putc(value->out, '=');
}

/* The parts of the object at hand go onto the stack, the last one first. */
static void push_parts(struct value *value)
{
	while (value->pending.count) {
		const struct task *part = &value->pending.items[--value->pending.count];
		struct task *task = push(value, part->kind, part->depth);
		if (task && part->kind == TASK_ITEMS) {
			struct position *position = VECTOR_PUSH(&value->positions);
			if (position)
				*position = value->pending_positions.items[--value->pending_positions.count];
			else
				fail(value, CPEEK_NO_MEMORY);
		}
		if (value->failed != CPEEK_OK)
			return;
		*task = *part;
	}
}

/* ---- The frame of a generator ---- */

struct variables {
	struct value *value;
	bool cut;
	uint64_t shown, more;
};

static enum cpeek_status each_variable(void *arg, target_addr name, target_addr address)
{
	struct variables *variables = arg;
	struct value *value = variables->value;
	const uint64_t limit = value->limits->elements;

	if (variables->cut || (limit && variables->shown >= limit)) {
		variables->more++;
		return CPEEK_OK;
	}
	variables->shown++;
	value_text(value, ", ");
	value_str(value, value->objects, name);
	value_text(value, "=");
	value_object(value, address);
	return value->failed;
}

static enum cpeek_status put_place(struct value *value, const struct object *generator)
{
	uint64_t file;
	target_addr code;
	int64_t line;

	TRY(value->objects->frames->where(generator, &code, &line));
	TRY(field_read(value->objects, code, FIELD_PyCodeObject_co_filename, &file));
	value_text(value, " at ");
	value_str(value, value->objects, file);
	if (line >= 0)
		value_format(value, ":%" PRId64, line);
	return CPEEK_OK;
}

/* " {suspended at FILE:LINE, name=value, …}" */
static void put_frame(struct value *value, const struct object *generator, uint32_t depth)
{
	const uint64_t limit = value->limits->depth;
	struct variables variables = {.value = value, .cut = value->exhausted || (limit && depth >= limit)};
	const char *state;

	value->depth = depth;
	value_text(value, " {");
	enum cpeek_status status = value->objects->frames->state(generator, &state);
	if (status == CPEEK_OK) {
		value_text(value, state);
		status = put_place(value, generator);
	}
	if (status == CPEEK_OK)
		status = value->objects->frames->variables(generator, each_variable, &variables);
	if (variables.more) {
		value_text(value, ", ");
		value_cut(value, variables.more, "variables");
	}
	if (status_is_fatal(status))
		fail(value, status);
	else if (status != CPEEK_OK && status != CPEEK_NOT_FOUND)
		value_mark(value, status,
			   status == CPEEK_FAULT ? value->objects->target->fault_address : generator->address,
			   "frame");
	value_text(value, "}");
	push_parts(value);
}

/* What the repr of an object does not show: the value of a builtin whose repr a class overrides, and attributes. */
static void step_suffix(struct value *value, target_addr address, uint32_t depth)
{
	struct object object;

	if (object_read(value->objects, address, &object) != CPEEK_OK)
		return; /* was marked when it was met first */
	const struct type *type = object.type;
	if (type->decoder && type->decoder->generator) {
		put_frame(value, &object, depth);
		return;
	}
	bool hidden_value = type->decoder && type->decoder->decode && !decoder_applies(value->objects, type);
	const bool listed = !decoder_applies(value->objects, type);
	const bool members = wants_members(value, type, depth) && member_any(&object, listed);
	const bool attributes = members || has_attributes(&object);
	if (!hidden_value && !attributes)
		return;
	strbuf_puts(value->out, attributes ? " {" : " ");
	if (attributes) {
		struct position *position = VECTOR_PUSH(&value->positions);
		if (!position || !push(value, TASK_ATTRIBUTES, depth)) {
			fail(value, CPEEK_NO_MEMORY);
			return;
		}
		*position = (struct position){
			.owner = address,
			.shown = hidden_value,
			.cut = value->limits->depth && depth >= value->limits->depth,
			.members = members,
			.listed = listed,
		};
	}
	if (hidden_value)
		push_object(value, TASK_EXACT, address, depth + 1);
}

static bool is_active(const struct value *value, target_addr address)
{
	return mark_of(value, address) & MARK_ACTIVE;
}

/* Whether an object that is being written, and that CPython does not guard, may be written inside itself: as CPython
 * does until a guarded one between the two comes again. */
static bool comes_again(const struct value *value, target_addr address)
{
	return mark_of(value, address) >> MARK_BITS < value->guards;
}

static void enter(struct value *value, target_addr address, unsigned bits)
{
	uint64_t *slot = address ? map_put(&value->active, address) : NULL;

	if (slot)
		*slot = value->guards << MARK_BITS | bits;
	else if (address)
		fail(value, CPEEK_NO_MEMORY);
	if (slot && bits & MARK_GUARDED)
		value->guards++;
}

static void leave(struct value *value, target_addr address, uint64_t before)
{
	uint64_t *mark = map_find(&value->active, address);

	if (!mark)
		return;
	if (*mark & MARK_GUARDED)
		value->guards--;
	*mark = before;
	if (before == MARK_NONE)
		map_remove(&value->active, address);
}

/* Whether the parts of an object hold others. */
static bool is_nested(const struct value *value)
{
	for (size_t i = 0; i < value->pending.count; i++)
		if (value->pending.items[i].kind != TASK_COPY)
			return true;
	return false;
}

/* Something else stands in place of the object that begins there. */
static void drop_parts(struct value *value, size_t start)
{
	value->pending.count = 0;
	value->pending_positions.count = 0;
	if (value->out->length > start) {
		value->out->length = start;
		value->out->data[start] = '\0';
	}
}

static void decode_object(struct value *value, const struct object *object, uint32_t depth, bool exact)
{
	const bool active = is_active(value, object->address);
	const bool deep = value->exhausted || (value->limits->depth && depth > value->limits->depth + 1);
	const size_t start = value->out->length;

	if (!exact && !decoder_applies(value->objects, object->type)) {
		put_default(value, object);
		return;
	}
	enum cpeek_status status = object->type->decoder->decode(object, value);
	if (active && !exact && !value->recursive && !value->instead_of_items && value->pending.count &&
	    !comes_again(value, object->address)) {
		/* A cycle through a type that CPython does not guard (it would overflow its stack there). */
		drop_parts(value, start);
		put_default(value, object);
	} else if (deep && is_nested(value)) {
		drop_parts(value, start);
		value_cut(value, 1, "objects");
	} else if (status == CPEEK_NO_MEMORY || status == CPEEK_CANCELLED) {
		fail(value, status);
	} else if (status != CPEEK_OK) {
		value_mark(value, status,
			   status == CPEEK_FAULT ? value->objects->target->fault_address : object->address, "value");
	}
}

/* Notes that a container comes, and whether it came before. */
static void note_repeat(struct value *value, target_addr address)
{
	if (!value->limits->repeats || value->repeating || written(value) < REPEATS_FROM)
		return;
	if (!value->seen && !(value->seen = memory_calloc((size_t)1 << FILTER_BITS >> 3, 1))) {
		fail(value, CPEEK_NO_MEMORY);
		return;
	}
	const uint64_t bit = address * 0x9e3779b97f4a7c15 >> (64 - FILTER_BITS);
	const uint8_t mask = (uint8_t)(1u << (bit & 7));
	if (value->seen[bit >> 3] & mask) {
		value->repeating = true;
		value->repeat_stack = value->stack.count;
		value->repeat_start = written(value);
	}
	value->seen[bit >> 3] |= mask;
}

static void step_object(struct value *value, target_addr address, uint32_t depth, bool exact)
{
	struct object object;

	value->depth = depth;
	value->guarded = false;
	value->recursive = false;
	value->instead_of_items = NULL;
	value->exact = exact;
	enum cpeek_status status = object_read(value->objects, address, &object);
	if (status != CPEEK_OK) {
		/* Its own bytes were read, but what they call its type is nowhere: this is no object. */
		if (status == CPEEK_FAULT && value->objects->target->fault_address - address >= OBJECT_BYTES)
			status = CPEEK_CORRUPT;
		mark_unreadable(value, status, address);
		return;
	}
	value->object = &object;
	const size_t texts = value->texts.length;
	bool active = is_active(value, address);
	if (object.type->decoder && object.type->decoder->items)
		note_repeat(value, address);
	decode_object(value, &object, depth, exact);
	bool suffix = value->attributes && !active &&
		      (object.type->python_class || (object.type->decoder && object.type->decoder->generator) ||
		       wants_members(value, object.type, depth));
	if (!exact && (suffix || value->pending.count) && (!active || !value->guarded)) {
		struct task *last = push(value, TASK_LEAVE, depth);
		if (last) {
			last->object = address;
			last->before = mark_of(value, address);
			last->start = texts;
		}
		if (suffix)
			push_object(value, TASK_SUFFIX, address, depth);
		enter(value, address, value->guarded ? MARK_ACTIVE | MARK_GUARDED : MARK_ACTIVE);
	}
	push_parts(value);
	value->object = NULL;
	value->recursive = false;
}

/* Whether a key can stand before "=": namespace_repr() of Objects/namespaceobject.c */
static bool is_name(struct objects *objects, target_addr key)
{
	struct object object;

	return object_read(objects, key, &object) != CPEEK_OK ||
	       (object.type->flags & TYPE_UNICODE_SUBCLASS && object_get(&object, FIELD_PyASCIIObject_length) != 0);
}

static void put_name(struct value *value, target_addr key)
{
	if (put_bare(value, key) != CPEEK_OK)
		mark_unreadable(value, CPEEK_CORRUPT, key);
	strbuf_putc(value->out, '=');
}

static void put_separator(struct value *value, const struct position *position)
{
	if (position->shown || position->behind)
		strbuf_puts(value->out, ", ");
}

/* The last item came, and the container said that there are more, or fewer: it is damaged, or was being changed. */
static void mark_count(struct value *value, const struct position *position)
{
	char text[80];

	(void)snprintf(text, sizeof(text), "it counts %" PRIu64 " items, and has %" PRIu64, position->items.count,
		       position->taken);
	put_separator(value, position);
	value_format(value, "<corrupt 0x%" PRIx64 ": %s>", position->owner, text);
	note_partial(value, CPEEK_CORRUPT, position->owner, "items");
}

static void end_items(struct value *value, const struct position *position, enum cpeek_status status)
{
	if (status == CPEEK_OK) { /* a limit */
		put_separator(value, position);
		/* The one that was just taken, and those behind it. */
		value_cut(value,
			  position->items.count > position->taken ? position->items.count - position->taken + 1 : 1,
			  "items");
	} else if (status == CPEEK_END && position->taken != position->items.count) {
		mark_count(value, position);
	} else if (status != CPEEK_END) {
		put_separator(value, position);
		mark_unreadable(value, status, value->objects->target->fault_address);
	}
	if (position->trailing && position->shown == 1)
		strbuf_putc(value->out, ',');
	strbuf_puts(value->out, position->close);
	pop_position(value);
}

static void step_items(struct value *value, uint32_t depth)
{
	struct position *position = &value->positions.items[value->positions.count - 1];
	const uint64_t limit = value->limits->elements;
	struct item item;

	enum cpeek_status status = items_next(&position->items, &item);
	if (status == CPEEK_OK) {
		position->taken++;
		if (item.key && position->items.keywords && !is_name(value->objects, item.key))
			return;
	}
	if (status != CPEEK_OK || value->exhausted || (limit && position->shown >= limit)) {
		end_items(value, position, status);
		return;
	}
	put_separator(value, position);
	position->shown++;
	if (item.key && position->items.keywords) {
		put_name(value, item.key);
		item.key = 0;
	}
	const bool pair = position->items.pairs && item.key;
	if (pair)
		push_text(value, ")", depth);
	push_object(value, TASK_OBJECT, item.value, depth);
	if (!item.key)
		return;
	push_text(value, pair ? ", " : ": ", depth);
	push_object(value, TASK_OBJECT, item.key, depth);
	if (pair)
		strbuf_putc(value->out, '(');
}

static void step(struct value *value)
{
	const struct task task = value->stack.items[value->stack.count - 1];

	/* These two stay until they are done. */
	if (task.kind == TASK_ITEMS) {
		step_items(value, task.depth);
		return;
	}
	if (task.kind == TASK_ATTRIBUTES) {
		step_attributes(value, task.depth);
		return;
	}
	value->stack.count--;
	switch (task.kind) {
	case TASK_TEXT:
		strbuf_puts(value->out, task.text);
		break;
	case TASK_COPY:
		strbuf_append(value->out, strbuf_text(&value->texts) + task.start, task.length);
		break;
	case TASK_OBJECT:
	case TASK_EXACT:
		step_object(value, task.object, task.depth, task.kind == TASK_EXACT);
		break;
	case TASK_SUFFIX:
		step_suffix(value, task.object, task.depth);
		break;
	case TASK_ENTER:
		enter(value, task.object, MARK_GUARDED);
		break;
	case TASK_LEAVE:
		leave(value, task.object, task.before);
		if (task.start < value->texts.length)
			value->texts.length = task.start;
		break;
	case TASK_ITEMS:
	case TASK_ATTRIBUTES:
		break;
	}
}

/* A decoder may write the whole of a text or an array before the total is looked at again: what cannot fit into the
 * total is cut there already, so that a damaged length does not fill our memory. An item takes two bytes at least. */
static struct limits limits_within_total(struct limits limits)
{
	const uint64_t string = limits.total, elements = limits.total / 2;

	if (string && (!limits.string || limits.string > string))
		limits.string = string;
	if (elements && (!limits.elements || limits.elements > elements))
		limits.elements = elements;
	return limits;
}

/* Names come into a text by many ways. */
static void note_unnamed(struct value *value, size_t before)
{
	struct strbuf *out = value->out;

	if (value->objects->has_unnamed &&
	    memmem(strbuf_text(out) + before, out->length - before, TYPE_UNNAMED, sizeof(TYPE_UNNAMED) - 1))
		note_partial(value, CPEEK_FAULT, value->first, "type");
}

static void hand_over(struct value *value)
{
	note_unnamed(value, 0);
	value->flushed += value->out->length;
	if (!value->flush(value->flush_arg, value->out))
		fail(value, CPEEK_CANCELLED);
	strbuf_clear(value->out);
}

/* Between two tasks: whether the text is too long. */
static bool is_exhausted(struct value *value, uint64_t before)
{
	const struct limits *limits = value->limits;
	const uint64_t length = written(value);

	if (limits->total && length - before > limits->total)
		return true;
	if (!value->repeating)
		return false;
	const uint64_t here = length - value->repeat_start;
	if (value->stack.count <= value->repeat_stack) {
		value->repeating = false;
		value->repeated += here;
		return false;
	}
	return value->repeated + here > limits->repeats;
}

enum cpeek_status render_stream(struct objects *objects, target_addr address, const struct limits *limits,
				bool attributes, struct strbuf *out,
				bool (*flush)(void *arg, const struct strbuf *text), void *arg, struct rendering *ret)
{
	struct limits within = limits_within_total(*limits);
	struct value value = {
		.objects = objects,
		.limits = &within,
		.out = out,
		.result = ret,
		.first = address,
		.attributes = attributes,
		.flush = flush,
		.flush_arg = arg,
	};
	const size_t before = out->length;

	*ret = (struct rendering){.status = CPEEK_OK};
	push_object(&value, TASK_OBJECT, address, 0);
	for (uint64_t steps = 1;
	     value.stack.count && value.failed == CPEEK_OK && !strbuf_failed(out) && !strbuf_failed(&value.texts);
	     steps++) {
		step(&value);
		if (!value.exhausted && value.stack.count && is_exhausted(&value, before)) {
			value.exhausted = true;
			if (!within.string || within.string > EXHAUSTED_STRING)
				within.string = EXHAUSTED_STRING;
		}
		if (flush && out->length >= FLUSH_BYTES)
			hand_over(&value);
		if (steps % CANCEL_INTERVAL == 0 && objects->cancelled && objects->cancelled(objects->cancelled_arg))
			fail(&value, CPEEK_CANCELLED);
	}
	if (strbuf_failed(out) || strbuf_failed(&value.texts))
		fail(&value, CPEEK_NO_MEMORY);
	if (value.failed == CPEEK_OK && flush)
		hand_over(&value);
	else if (value.failed == CPEEK_OK)
		note_unnamed(&value, before);
	VECTOR_DEINIT(&value.stack);
	VECTOR_DEINIT(&value.positions);
	VECTOR_DEINIT(&value.pending);
	VECTOR_DEINIT(&value.pending_positions);
	map_deinit(&value.active);
	strbuf_deinit(&value.texts);
	memory_free(value.seen);
	return value.failed;
}

enum cpeek_status render_repr(struct objects *objects, target_addr address, const struct limits *limits,
			      bool attributes, struct strbuf *out, struct rendering *ret)
{
	return render_stream(objects, address, limits, attributes, out, NULL, NULL, ret);
}
