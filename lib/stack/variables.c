/*
 * The variables of a frame, as its f_locals shows them: slots with their names, cells opened, then a namespace. Knows
 * what PyFrame_FastToLocals() (to 3.12) and the proxy of PEP 667 (3.13) take in and leave out.
 */
#include "base/map.h"
#include "object/stackref.h"
#include "stack/frame.h"

#include <stddef.h>

enum { POLL_ITEMS = 1024 };

struct walk {
	struct objects *objects;
	const struct frame_memory *memory;
	const struct code *code;
	variable_fn found;
	void *arg;
	struct map *names;        /* of the slots: entries of the namespace that they stand for; NULL: not needed */
	enum cpeek_status damage; /* the first: the walk goes on */
	uint64_t steps;
};

/* A run of slots and the names that go with them. */
struct run {
	uint64_t first_slot, count;
	target_addr names; /* tuple */
	uint8_t kind;      /* of all; 0: co_localspluskinds tells */
};

/* Keeps the first damage and goes on: OK, or what nothing goes on after. */
static enum cpeek_status note(struct walk *walk, enum cpeek_status status)
{
	if (status_is_fatal(status))
		return status;
	if (walk->damage == CPEEK_OK)
		walk->damage = status;
	return CPEEK_OK;
}

static bool is_cancelled(struct walk *walk)
{
	struct objects *objects = walk->objects;

	return walk->steps++ % POLL_ITEMS == 0 && objects->cancelled && objects->cancelled(objects->cancelled_arg);
}

/* What a slot holds, or the cell in it; 0: unbound. What cannot be opened stays as it is: its own marker then says
 * why. From 3.12 a slot of a cell may hold a plain value: a variable of an inlined comprehension of the same name
 * (gh-128396). */
static enum cpeek_status slot_content(struct objects *objects, target_addr value, uint8_t kind, target_addr *ret)
{
	struct object object;

	*ret = value;
	if (value == 0 || !(kind & (KIND_CELL | KIND_FREE)))
		return CPEEK_OK;
	enum cpeek_status status = object_read(objects, value, &object);
	if (status == CPEEK_OK && type_is_builtin(object.type, "cell") &&
	    object.length >= objects->layout->structs[STRUCT_PyCellObject])
		*ret = object_get(&object, FIELD_PyCellObject_ob_ref);
	return objects_tolerate(objects, status);
}

/* To 3.10 a cell may hold an argument, whose own slot is empty then. */
static enum variable_kind variable_kind(struct walk *walk, uint64_t index, uint8_t kind)
{
	const struct code *code = walk->code;
	uint64_t argument;

	if (code->kinds ? index < code->arguments : kind == KIND_LOCAL && index < code->arguments)
		return VARIABLE_ARGUMENT;
	if (kind & KIND_FREE)
		return VARIABLE_FREE;
	if (!(kind & KIND_CELL))
		return VARIABLE_LOCAL;
	if (code->cell_arguments) {
		const size_t size = walk->objects->layout->pointer_size;
		if (target_read_pointer(walk->objects->target, code->cell_arguments + (index - code->locals) * size,
					&argument) == CPEEK_OK &&
		    argument < code->arguments) /* CO_CELL_NOT_AN_ARG is -1 */
			return VARIABLE_ARGUMENT;
	}
	return VARIABLE_CELL;
}

static bool is_proxy(const struct layout *layout)
{
	return layout_has(layout, FIELD_PyFrameObject_f_extra_locals); /* 3.13+ */
}

/* Free variables of a class body are none of its namespace. To 3.12: frame_get_var() in Objects/frameobject.c. */
static bool is_left_out(struct walk *walk, uint8_t kind)
{
	return kind & KIND_FREE && !(walk->code->flags & CODE_OPTIMIZED) && !is_proxy(walk->objects->layout);
}

static enum cpeek_status visit_slot(struct walk *walk, uint64_t index, target_addr name, target_addr value,
				    uint8_t kind)
{
	if (is_left_out(walk, kind))
		return CPEEK_OK;
	TRY(slot_content(walk->objects, value, kind, &value));
	/* Hidden variables show while they are bound, and hide nothing when they are not. */
	if (walk->names && name && (value || !(kind & KIND_HIDDEN)) && !map_put(walk->names, name))
		return CPEEK_NO_MEMORY;
	if (value == 0)
		return CPEEK_OK;
	struct variable variable = {.name = name, .value = value, .kind = variable_kind(walk, index, kind)};
	return walk->found(walk->arg, &variable);
}

static enum cpeek_status walk_run(struct walk *walk, const struct run *run)
{
	struct objects *objects = walk->objects;
	const size_t size = objects->layout->pointer_size;
	struct span names, kinds = {0};
	struct words values_at, names_at;
	uint64_t count = run->count;

	if (count == 0)
		return CPEEK_OK;
	enum cpeek_status status = span_of_tuple(objects, run->names, &names);
	if (status == CPEEK_OK && run->kind == 0)
		status = span_of_bytes(objects, walk->code->kinds, &kinds);
	if (status != CPEEK_OK)
		return note(walk, status);
	const uint64_t slots_max = walk->memory->slots_max;
	uint64_t possible = run->first_slot < slots_max ? slots_max - run->first_slot : 0;
	if (possible > names.size)
		possible = names.size;
	if (run->kind == 0 && possible > kinds.size)
		possible = kinds.size;
	if (count > possible) {
		(void)note(walk, CPEEK_CORRUPT);
		count = possible;
	}
	words_init(&values_at, objects->target, walk->memory->slots + run->first_slot * size);
	words_init(&names_at, objects->target, names.data);
	for (uint64_t i = 0; i < count; i++) {
		uint64_t value, name;
		uint8_t kind = run->kind;
		if (is_cancelled(walk))
			return CPEEK_CANCELLED;
		if ((status = words_read(&values_at, i, count, &value)) != CPEEK_OK ||
		    (status = words_read(&names_at, i, count, &name)) != CPEEK_OK ||
		    (kind == 0 && (status = target_read_u8(objects->target, kinds.data + i, &kind)) != CPEEK_OK))
			return note(walk, status);
		TRY(visit_slot(walk, run->first_slot + i, name, stackref_get(objects->layout, value), kind));
	}
	return CPEEK_OK;
}

static enum cpeek_status walk_slots(struct walk *walk)
{
	const struct code *code = walk->code;

	if (code->kinds)
		return walk_run(walk, &(struct run){0, code->slots, code->names, 0});

	struct span cells = {0}, frees = {0};
	enum cpeek_status status = span_of_tuple(walk->objects, code->cells, &cells);
	if (status == CPEEK_OK)
		status = span_of_tuple(walk->objects, code->frees, &frees);
	TRY(note(walk, status));
	TRY(walk_run(walk, &(struct run){0, code->locals, code->names, KIND_LOCAL}));
	TRY(walk_run(walk, &(struct run){code->locals, cells.size, code->cells, KIND_CELL}));
	return walk_run(walk, &(struct run){code->locals + cells.size, frees.size, code->frees, KIND_FREE});
}

/* The entries of a namespace but those whose names are slots: the slots' values are the newer ones. */
static enum cpeek_status walk_namespace(struct walk *walk, target_addr address)
{
	struct object object;
	struct items items;
	struct item item;

	enum cpeek_status status = object_read(walk->objects, address, &object);
	if (status == CPEEK_OK)
		status = items_start(&object, &items);
	if (status == CPEEK_NOT_FOUND)
		status = CPEEK_UNSUPPORTED;
	while (status == CPEEK_OK && (status = items_next(&items, &item)) == CPEEK_OK) {
		if (is_cancelled(walk))
			return CPEEK_CANCELLED;
		if (item.value == 0 || item.key == 0 || (walk->names && map_find(walk->names, item.key)))
			continue;
		struct variable variable = {.name = item.key, .value = item.value, .kind = VARIABLE_NAME};
		TRY(walk->found(walk->arg, &variable));
	}
	return status == CPEEK_END ? CPEEK_OK : note(walk, status);
}

/* _PyFrame_HasHiddenLocals() in Objects/frameobject.c, 3.13. */
static enum cpeek_status find_hidden(struct walk *walk, bool *ret)
{
	struct objects *objects = walk->objects;
	const struct code *code = walk->code;
	struct span kinds;

	*ret = false;
	TRY(span_of_bytes(objects, code->kinds, &kinds));
	uint64_t count = kinds.size < code->slots ? kinds.size : code->slots;
	for (uint64_t i = 0; i < count && i < walk->memory->slots_max; i++) {
		uint8_t kind;
		target_addr value;
		target_addr slot = walk->memory->slots + i * objects->layout->pointer_size;
		TRY(target_read_u8(objects->target, kinds.data + i, &kind));
		if (!(kind & KIND_HIDDEN))
			continue;
		TRY(target_read_pointer(objects->target, slot, &value));
		TRY(slot_content(objects, stackref_get(objects->layout, value), kind, &value));
		if (value) {
			*ret = true;
			break;
		}
	}
	return CPEEK_OK;
}

/* frame.f_locals of 3.13: the namespace itself, or a proxy of the slots and of names that were added through it. In a
 * module or class body a bound variable of an inlined comprehension makes it the proxy, so that nothing else shows. */
static enum cpeek_status walk_as_proxy(struct walk *walk)
{
	uint64_t extra;
	bool hidden = false;

	if (!(walk->code->flags & CODE_OPTIMIZED)) {
		TRY(objects_tolerate(walk->objects, find_hidden(walk, &hidden)));
		if (!hidden)
			return walk->memory->locals ? walk_namespace(walk, walk->memory->locals) : CPEEK_OK;
	}
	TRY(walk_slots(walk));
	if (!walk->memory->frame_object)
		return CPEEK_OK;
	enum cpeek_status status =
		field_read(walk->objects, walk->memory->frame_object, FIELD_PyFrameObject_f_extra_locals, &extra);
	if (status != CPEEK_OK)
		return note(walk, status);
	return extra ? walk_namespace(walk, extra) : CPEEK_OK;
}

/* frame.f_locals to 3.12: a dict, kept in the frame, into which the slots are merged when it is asked for. */
static enum cpeek_status walk_as_dict(struct walk *walk)
{
	struct map names = {0};

	if (walk->memory->locals)
		walk->names = &names;
	enum cpeek_status status = walk_slots(walk);
	if (status == CPEEK_OK && walk->memory->locals)
		status = walk_namespace(walk, walk->memory->locals);
	walk->names = NULL;
	map_deinit(&names);
	return status;
}

enum cpeek_status frame_walk_variables(struct objects *objects, const struct frame *frame, variable_fn found,
				       void *arg)
{
	struct frame_memory memory;
	target_addr previous;
	struct code code;
	struct walk walk = {
		.objects = objects,
		.memory = &memory,
		.code = &code,
		.found = found,
		.arg = arg,
	};

	TRY(frame_read(objects, frame->address, &memory, &previous));
	if (memory.frame_object == 0)
		memory.frame_object = frame->frame_object;
	TRY(code_read(objects, memory.code, &code));
	TRY(is_proxy(objects->layout) ? walk_as_proxy(&walk) : walk_as_dict(&walk));
	return walk.damage;
}
