/*
 * Walks a value to its text: an explicit stack of tasks, so that no nesting of the target's nests our calls.
 * A decoder hands over its parts through value_…(); they wait in `pending` and go onto the stack in reverse, so that
 * they come off in order.
 */
#include "base/vector.h"
#include "object/render.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { CANCEL_INTERVAL = 1024 /* tasks between two polls */ };

enum task_kind {
	TASK_TEXT,       /* write text */
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
		struct {
			const char *text;
			size_t length;
		};
		target_addr object;
		struct {
			struct items items;
			target_addr owner; /* TASK_ATTRIBUTES: whose */
			uint64_t slot;     /* how many __slots__ were looked at */
			uint64_t shown;
			const char *close;
			bool trailing;
			bool behind;  /* the first item gets its ", " too */
			bool started; /* items is set */
		};
	};
};

enum mark {
	MARK_ACTIVE,  /* it is being written */
	MARK_ENTERED, /* it is not yet, but its owner has called Py_ReprEnter() for it */
};

struct value {
	struct objects *objects;
	const struct limits *limits;
	struct strbuf *out;
	struct rendering *result;
	struct arena arena; /* of texts of pending parts */
	VECTOR(struct task) stack;
	VECTOR(struct task) pending;
	struct map active; /* objects being written: met again inside themselves, they are cycles. Values: enum mark */
	const struct object *object;
	uint32_t depth;
	bool attributes;
	bool exact;                   /* the object at hand is shown by TASK_EXACT: it is active, and no cycle */
	bool recursive;               /* value_guard() found a cycle: the parts that follow are dropped */
	const char *instead_of_items; /* value_guard_items() found one: items are replaced by this; else NULL */
	bool no_memory;
};

static struct task *push(struct value *value, enum task_kind kind, uint32_t depth)
{
	struct task *task = VECTOR_PUSH(&value->stack);
	if (!task) {
		value->no_memory = true;
		return NULL;
	}
	task->kind = kind;
	task->depth = depth;
	return task;
}

static struct task *add_part(struct value *value, enum task_kind kind)
{
	if (value->recursive)
		return NULL;
	struct task *task = VECTOR_PUSH(&value->pending);
	if (!task) {
		value->no_memory = true;
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
	const char *copy = arena_copy(&value->arena, text, length);
	struct task *task = copy ? add_part(value, TASK_TEXT) : NULL;
	if (!copy)
		value->no_memory = true;
	if (task) {
		task->text = copy;
		task->length = length;
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
	if (length > 0)
		value_bytes(value, text, (size_t)length < sizeof(text) ? (size_t)length : sizeof(text) - 1);
}

void value_object(struct value *value, target_addr address)
{
	struct task *task = add_part(value, TASK_OBJECT);
	if (task)
		task->object = address;
}

void value_object_entered(struct value *value, target_addr address)
{
	if (map_find(&value->active, address)) {
		value_text(value, "...");
		return;
	}
	struct task *task = add_part(value, TASK_ENTER);
	if (task)
		task->object = address;
	value_object(value, address);
	task = add_part(value, TASK_LEAVE);
	if (task)
		task->object = address;
}

void value_guard(struct value *value, const char *text)
{
	if (!value->exact && map_find(&value->active, value->object->address)) {
		value_text(value, text);
		value->recursive = true;
	}
}

void value_guard_items(struct value *value, const char *text)
{
	if (!value->exact && map_find(&value->active, value->object->address))
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
	if (value->limits->depth && value->depth >= value->limits->depth && items.count) {
		value_cut(value, items.count, "items");
		value_text(value, close);
		return;
	}
	struct task *task = add_part(value, TASK_ITEMS);
	if (!task)
		return;
	task->items = items;
	task->items.pairs |= pairs;
	task->close = close;
	task->shown = 0;
	task->behind = false;
	task->trailing = trailing;
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
	if (value->limits->depth && value->depth >= value->limits->depth && items.count) {
		value_text(value, how & ARGUMENTS_FIRST ? "" : ", ");
		value_cut(value, items.count, "items");
		return;
	}
	struct task *task = add_part(value, TASK_ITEMS);
	if (!task)
		return;
	task->items = items;
	task->items.keywords = how & ARGUMENTS_KEYWORDS;
	task->close = "";
	task->shown = 0;
	task->behind = !(how & ARGUMENTS_FIRST);
	task->trailing = false;
}

/* ---- The walk ---- */

/* " object at 0x…>" of object_repr() in Objects/typeobject.c; a builtin type's own name stands bare there. */
static void put_default(struct value *value, const struct object *object)
{
	const struct type *type = object->type;
	bool bare = !type->module[0] || strcmp(type->module, "builtins") == 0;

	value_format(value, "<%s object at 0x%" PRIx64 ">", bare && type->name_known ? type->tp_name : type->name,
		     object->address);
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
		value->no_memory = true;
	else if (address == 0)
		value_text(value, "<NULL>"); /* as PyObject_Repr() */
	else if (status == CPEEK_FAULT)
		value_mark(value, status, address, "object");
	else
		value_mark(value, CPEEK_CORRUPT, address, "no object is here");
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
static enum cpeek_status next_attribute(struct value *value, struct task *task, const char **ret_name,
					struct item *ret)
{
	struct object object;
	const struct type_member *member;

	if (!task->started) {
		TRY(object_read(value->objects, task->owner, &object));
		while ((member = slot_at(object.type, task->slot)) != NULL) {
			target_addr slot;
			task->slot++;
			TRY(target_read_pointer(value->objects->target, task->owner + member->offset, &slot));
			if (slot) {
				*ret_name = member->name;
				ret->value = slot;
				return CPEEK_OK;
			}
		}
		enum cpeek_status status = attributes_start(&object, &task->items);
		if (status != CPEEK_OK)
			return status == CPEEK_NOT_FOUND ? CPEEK_END : status;
		task->started = true;
	}
	*ret_name = NULL;
	return items_next(&task->items, ret);
}

static void push_text(struct value *value, const char *text, uint32_t depth)
{
	struct task *task = push(value, TASK_TEXT, depth);
	if (task) {
		task->text = text;
		task->length = strlen(text);
	}
}

static void step_attributes(struct value *value, struct task task)
{
	const char *name = NULL;
	struct item item = {0};

	enum cpeek_status status = next_attribute(value, &task, &name, &item);
	if (status == CPEEK_OK && value->limits->elements && task.shown >= value->limits->elements) {
		strbuf_puts(value->out, ", …");
		value->result->truncated = true;
		status = CPEEK_END;
	}
	if (status != CPEEK_OK) {
		if (status != CPEEK_END)
			mark_unreadable(value, status, task.owner);
		strbuf_putc(value->out, '}');
		return;
	}
	if (task.shown++)
		strbuf_puts(value->out, ", ");
	struct task *next = push(value, TASK_ATTRIBUTES, task.depth);
	if (next)
		*next = task;
	next = push(value, TASK_OBJECT, task.depth + 1);
	if (next)
		next->object = item.value;
	if (name) {
		strbuf_puts(value->out, name);
	} else if (str_read(value->objects, item.key, value->limits->string, value->out, NULL) != CPEEK_OK) {
		/* A key that is no str: vars(self)[1] = 2 */
		push_text(value, "=", task.depth);
		next = push(value, TASK_OBJECT, task.depth + 1);
		if (next)
			next->object = item.key;
		return;
	}
	strbuf_putc(value->out, '=');
}

/* What the repr of an object does not show: the value of a builtin whose repr a class overrides, and attributes. */
static void step_suffix(struct value *value, target_addr address, uint32_t depth)
{
	struct object object;

	if (object_read(value->objects, address, &object) != CPEEK_OK)
		return; /* was marked when it was met first */
	const struct type *type = object.type;
	bool hidden_value = type->decoder && type->decoder->decode && !decoder_applies(value->objects, type);
	bool attributes = has_attributes(&object);
	if (!hidden_value && !attributes)
		return;
	if (value->limits->depth && depth >= value->limits->depth) {
		strbuf_puts(value->out, " {…}");
		value->result->truncated = true;
		return;
	}
	strbuf_puts(value->out, attributes ? " {" : " ");
	struct task *task = NULL;
	if (attributes && (task = push(value, TASK_ATTRIBUTES, depth)) != NULL)
		*task = (struct task){
			.kind = TASK_ATTRIBUTES, .depth = depth, .owner = address, .shown = hidden_value};
	if (hidden_value && (task = push(value, TASK_EXACT, depth + 1)) != NULL)
		task->object = address;
}

static bool is_active(const struct value *value, target_addr address)
{
	const uint64_t *mark = map_find(&value->active, address);

	return mark && *mark == MARK_ACTIVE;
}

static void enter(struct value *value, target_addr address, enum mark mark)
{
	uint64_t *slot = address ? map_put(&value->active, address) : NULL;

	if (slot)
		*slot = mark;
	else if (address)
		value->no_memory = true;
}

static void decode_object(struct value *value, const struct object *object, uint32_t depth, bool exact)
{
	bool active = is_active(value, object->address);

	if (!exact && !decoder_applies(value->objects, object->type)) {
		put_default(value, object);
		return;
	}
	if (value->limits->depth && depth > value->limits->depth + 1) {
		strbuf_puts(value->out, "…");
		value->result->truncated = true;
		return;
	}
	enum cpeek_status status = object->type->decoder->decode(object, value);
	if (active && !exact && !value->recursive && !value->instead_of_items && value->pending.count) {
		/* A cycle through a type that CPython does not guard (it would overflow its stack there). */
		value->pending.count = 0;
		put_default(value, object);
	} else if (status == CPEEK_NO_MEMORY) {
		value->no_memory = true;
	} else if (status != CPEEK_OK) {
		value_mark(value, status,
			   status == CPEEK_FAULT ? value->objects->target->fault_address : object->address, "value");
	}
}

static void step_object(struct value *value, target_addr address, uint32_t depth, bool exact)
{
	struct object object;

	value->depth = depth;
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
	bool active = is_active(value, address);
	decode_object(value, &object, depth, exact);
	bool suffix = value->attributes && !active && object.type->python_class;
	if (!exact && !active && (suffix || value->pending.count)) {
		struct task *task = push(value, TASK_LEAVE, depth);
		if (task)
			task->object = address;
		if (suffix && (task = push(value, TASK_SUFFIX, depth)) != NULL)
			task->object = address;
		enter(value, address, MARK_ACTIVE);
	}
	while (value->pending.count) {
		struct task *task = push(value, TASK_TEXT, depth);
		if (!task)
			break;
		*task = value->pending.items[--value->pending.count];
	}
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
	uint64_t cut = 0;

	if (str_read(value->objects, key, value->limits->string, value->out, &cut) != CPEEK_OK)
		mark_unreadable(value, CPEEK_CORRUPT, key);
	if (cut)
		value_cut(value, cut, "characters");
	strbuf_putc(value->out, '=');
}

static void step_items(struct value *value, struct task task)
{
	struct item item;

	enum cpeek_status status = items_next(&task.items, &item);
	if (status == CPEEK_OK && value->limits->elements && task.shown >= value->limits->elements) {
		strbuf_puts(value->out, ", ");
		value_cut(value, task.items.count > task.shown ? task.items.count - task.shown : 1, "items");
		status = CPEEK_END;
	}
	if (status != CPEEK_OK) {
		if (status != CPEEK_END) {
			if (task.shown)
				strbuf_puts(value->out, ", ");
			mark_unreadable(value, status, value->objects->target->fault_address);
		}
		if (task.trailing && task.shown == 1)
			strbuf_putc(value->out, ',');
		strbuf_puts(value->out, task.close);
		return;
	}
	if (item.key && task.items.keywords && !is_name(value->objects, item.key)) {
		struct task *again = push(value, TASK_ITEMS, task.depth);
		if (again)
			*again = task;
		return;
	}
	if (task.shown++ || task.behind)
		strbuf_puts(value->out, ", ");
	if (item.key && task.items.keywords) {
		put_name(value, item.key);
		item.key = 0;
	}
	const bool pair = task.items.pairs && item.key;
	struct task *next = push(value, TASK_ITEMS, task.depth);
	if (next)
		*next = task;
	if (pair)
		push_text(value, ")", task.depth);
	next = push(value, TASK_OBJECT, task.depth);
	if (next)
		next->object = item.value;
	if (!item.key)
		return;
	push_text(value, pair ? ", " : ": ", task.depth);
	if ((next = push(value, TASK_OBJECT, task.depth)) != NULL)
		next->object = item.key;
	if (pair)
		strbuf_putc(value->out, '(');
}

static void step(struct value *value)
{
	struct task task = value->stack.items[--value->stack.count];

	switch (task.kind) {
	case TASK_TEXT:
		strbuf_append(value->out, task.text, task.length);
		break;
	case TASK_OBJECT:
	case TASK_EXACT:
		step_object(value, task.object, task.depth, task.kind == TASK_EXACT);
		break;
	case TASK_SUFFIX:
		step_suffix(value, task.object, task.depth);
		break;
	case TASK_ITEMS:
		step_items(value, task);
		break;
	case TASK_ATTRIBUTES:
		step_attributes(value, task);
		break;
	case TASK_ENTER:
		enter(value, task.object, MARK_ENTERED);
		break;
	case TASK_LEAVE:
		map_remove(&value->active, task.object);
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

enum cpeek_status render_repr(struct objects *objects, target_addr address, const struct limits *limits,
			      bool attributes, struct strbuf *out, struct rendering *ret)
{
	const struct limits within = limits_within_total(*limits);
	struct value value = {
		.objects = objects, .limits = &within, .out = out, .result = ret, .attributes = attributes};
	const size_t before = out->length;
	enum cpeek_status status = CPEEK_OK;

	*ret = (struct rendering){.status = CPEEK_OK};
	struct task *first = push(&value, TASK_OBJECT, 0);
	if (first)
		first->object = address;
	for (uint64_t steps = 1; value.stack.count && !value.no_memory && !strbuf_failed(out); steps++) {
		step(&value);
		if (limits->total && out->length - before > limits->total && value.stack.count) {
			strbuf_puts(out, "…");
			ret->truncated = true;
			break;
		}
		if (steps % CANCEL_INTERVAL == 0 && objects->cancelled && objects->cancelled(objects->cancelled_arg)) {
			status = CPEEK_CANCELLED;
			break;
		}
	}
	if (value.no_memory || strbuf_failed(out))
		status = CPEEK_NO_MEMORY;
	/* Names come into a text by many ways. */
	else if (objects->has_unnamed &&
		 memmem(strbuf_text(out) + before, out->length - before, TYPE_UNNAMED, sizeof(TYPE_UNNAMED) - 1))
		note_partial(&value, CPEEK_FAULT, address, "type");
	VECTOR_DEINIT(&value.stack);
	VECTOR_DEINIT(&value.pending);
	map_deinit(&value.active);
	arena_deinit(&value.arena);
	return status;
}
