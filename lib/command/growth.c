/*
 * growth: when a list, bytearray, dict, set or deque reallocates next, to which size, and how it goes on from there.
 */
#include "object/growth.h"
#include "command/command.h"
#include "command/dissect.h"
#include "command/show.h"
#include "object/dict.h"

#include <inttypes.h>

enum {
	ARGUMENT_STEPS,
	ARGUMENT_EXPR,
};

enum {
	STEPS = 8, /* that are shown, unless --steps says otherwise */
	STEPS_MAX = 64,
	SIZE_BITS_MAX = 48, /* a size that no memory holds ends the table */
};

/* What grows, and where it stands now. */
struct growth {
	struct dissection *dissection;
	const struct object *object;
	const struct layout *layout;
	uint64_t steps;
};

/* A row: with which item it reallocates, and what there is then. bytes: of what is allocated anew; beside: what else
 * sys.getsizeof() counts, UINT64_MAX when that is not known. */
static void add_step(struct growth *growth, uint64_t at, const char *what, uint64_t capacity, uint64_t room,
		     uint64_t bytes, uint64_t beside)
{
	struct dissection *dissection = growth->dissection;

	dissect_cell(dissection, "items", DISSECT_UNSIGNED, at);
	dissect_cell(dissection, what, DISSECT_UNSIGNED, capacity);
	dissect_cell(dissection, "room for", DISSECT_UNSIGNED, room);
	dissect_cell(dissection, "bytes", DISSECT_UNSIGNED, bytes);
	if (beside != UINT64_MAX)
		dissect_cell(dissection, "getsizeof", DISSECT_UNSIGNED, beside + bytes);
	dissect_end_row(dissection);
}

static bool is_beyond(uint64_t size)
{
	return size >> SIZE_BITS_MAX != 0;
}

/* ---- list ---- */

static enum cpeek_status grow_list(struct growth *growth)
{
	const struct layout *layout = growth->layout;
	struct dissection *dissection = growth->dissection;
	const int64_t allocated = object_get_signed(growth->object, FIELD_PyListObject_allocated);
	const int64_t size = growth->object->ob_size;
	const unsigned width = layout->pointer_size;
	uint64_t beside;

	if (allocated == -1) {
		dissect_note(dissection, "list.sort() has taken the items out: it grows when they are back.");
		return CPEEK_OK;
	}
	if (size < 0 || allocated < size || is_beyond((uint64_t)allocated)) {
		dissect_problem(dissection, "ob_size %" PRId64 ", allocated %" PRId64, size, allocated);
		return CPEEK_OK;
	}
	TRY(object_read_size(growth->object, &beside));
	beside -= (uint64_t)allocated * width;
	dissect_fact_number(dissection, "items", size, NULL);
	dissect_fact_number(dissection, "allocated", allocated, "%" PRId64 " more fit, %" PRIu64 " bytes unused",
			    allocated - size, (uint64_t)(allocated - size) * width);
	dissect_fact_text(dissection, "rule", "%s",
			  layout_trait(layout, TRAIT_LIST_GROWS_BY_FOURS)
				  ? "(n + n / 8 + 6) & ~3 for n items (list_resize)"
				  : "n + n / 8 + 3 for n items, + 6 from 9 on (list_resize)");
	if (size > 0)
		dissect_fact_number(dissection, "shrinks at", (allocated >> 1) - 1,
				    "items: fewer than half of what is allocated are in use then");
	dissect_open_table(dissection, "as items are appended one by one");
	uint64_t capacity = (uint64_t)allocated;
	for (uint64_t i = 0; i < growth->steps && !is_beyond(capacity); i++) {
		const uint64_t at = capacity + 1;
		capacity = growth_list(layout, at - 1, at, capacity);
		add_step(growth, at, "allocated", capacity, capacity - at, capacity * width, beside);
	}
	return CPEEK_OK;
}

/* ---- bytearray ---- */

static enum cpeek_status grow_bytearray(struct growth *growth)
{
	const struct layout *layout = growth->layout;
	struct dissection *dissection = growth->dissection;
	const struct object *object = growth->object;
	const bool has_object = layout_has(layout, FIELD_PyByteArrayObject_ob_bytes_object);
	uint64_t alloc = object_get(object, FIELD_PyByteArrayObject_ob_alloc);
	const uint64_t start = object_get(object, FIELD_PyByteArrayObject_ob_start);
	const uint64_t block = object_get(object, FIELD_PyByteArrayObject_ob_bytes);
	uint64_t size = (uint64_t)object->ob_size, unused = start - block, beside;

	if (object->ob_size < 0 || is_beyond(alloc) || size > alloc || unused > alloc) {
		dissect_problem(dissection,
				"ob_size %" PRId64 ", ob_alloc %" PRIu64 ", ob_start %" PRIu64 " bytes into its block",
				object->ob_size, alloc, unused);
		return CPEEK_OK;
	}
	TRY(object_read_size(object, &beside));
	beside -= alloc;
	if (has_object && !alloc) /* the empty bytes object that all share does not count */
		beside += layout_offset(layout, FIELD_PyBytesObject_ob_sval) + 1;
	dissect_fact_number(dissection, "items", object->ob_size, "bytes");
	dissect_fact_number(dissection, "allocated", (int64_t)alloc, "bytes, %s",
			    has_object ? "and a NUL behind them" : "of which one is for a NUL");
	if (unused)
		dissect_fact_number(dissection, "out of use", (int64_t)unused,
				    "bytes that were removed from the front");
	dissect_fact_text(dissection, "rule",
			  "n + n / 8 + 3 for n bytes, + 6 from 9 on; exactly as many when n is more than 1/8 above "
			  "what is allocated (PyByteArray_Resize)");
	dissect_open_table(dissection, "as bytes are appended one by one");
	const uint64_t nul = has_object ? 0 : 1;
	for (uint64_t i = 0; i < growth->steps && !is_beyond(alloc); i++) {
		/* The largest that fits, and one more. */
		const uint64_t fits = alloc > unused + nul ? alloc - unused - nul : 0;
		size = fits > size ? fits + 1 : size + 1;
		alloc = growth_bytearray(layout, size, unused, alloc);
		unused = 0;
		add_step(growth, size, "allocated", alloc, alloc - nul - size, alloc, beside);
	}
	return CPEEK_OK;
}

/* ---- dict ---- */

/* What sys.getsizeof() counts of a dict that has a table of its own, beside that: not known of subclasses in C that have
 * more. */
static enum cpeek_status beside_table(const struct object *object, uint64_t *ret)
{
	const struct object_type *decoder = object->type->decoder;
	uint64_t all, own;

	*ret = UINT64_MAX;
	if (decoder->size != dict_size)
		return CPEEK_OK;
	TRY(object_read_size(object, &all));
	TRY(dict_size(object, &own));
	*ret = all - own + (uint64_t)object->type->basicsize;
	return CPEEK_OK;
}

static enum cpeek_status grow_dict(struct growth *growth)
{
	const struct layout *layout = growth->layout;
	struct dissection *dissection = growth->dissection;
	const struct object *object = growth->object;
	const bool split = object_get(object, FIELD_PyDictObject_ma_values) != 0;
	uint64_t used = object_get(object, FIELD_PyDictObject_ma_used), beside;
	struct dict_keys keys;

	enum cpeek_status status =
		dict_keys_read(object->objects, object_get(object, FIELD_PyDictObject_ma_keys), &keys);
	if (status != CPEEK_OK)
		return dissect_tolerate(dissection, status, "the keys");
	if (used > keys.nentries) {
		dissect_problem(dissection, "ma_used %" PRIu64 " > dk_nentries %" PRIu64, used, keys.nentries);
		return CPEEK_OK;
	}
	TRY(beside_table(object, &beside));
	uint64_t slots = keys.slots, usable = keys.usable;
	const bool is_short = keys.short_entries;
	dissect_fact_number(dissection, "items", (int64_t)used, NULL);
	dissect_fact_number(dissection, "slots", (int64_t)slots, "of the index, %u bytes each", keys.index_width);
	dissect_fact_number(dissection, "entries", (int64_t)keys.nentries,
			    "%" PRIu64 " of them deleted or without a value; %" PRIu64 " more fit (dk_usable)",
			    keys.nentries - used, usable);
	dissect_fact_text(
		dissection, "rule", "%s",
		layout_trait(layout, TRAIT_DICT_GROWS_WITH_SLOTS)
			? "when no entry is usable: 2 * used + slots / 2 slots, rounded up to a power of 2, of "
			  "which 2/3 are usable (GROWTH_RATE)"
			: "when no entry is usable: 3 * used slots, rounded up to a power of 2, of which 2/3 are "
			  "usable (GROWTH_RATE)");
	if (split)
		dissect_note(
			dissection,
			"The keys are shared with other instances. The first new key that does not fit there gives "
			"this dict a table of its own.");
	else if (layout_has(layout, FIELD_PyDictKeysObject_dk_kind) && is_short && slots > 1)
		dissect_note(
			dissection,
			"All keys are str: the first key of another type makes it a table with hashes "
			"at once, of %" PRIu64 " slots and %" PRIu64 " bytes.",
			growth_dict_slots(object->objects->python, used, slots),
			growth_dict_bytes(layout, growth_dict_slots(object->objects->python, used, slots), false));
	if (slots == 1 && layout_has(layout, FIELD_PyDictKeysObject_dk_kind))
		dissect_note(dissection,
			     "It has the table that all empty dicts share; sizes are those with str keys, as "
			     "the first key decides.");
	dissect_open_table(dissection, "as new keys are added one by one");
	for (uint64_t i = 0; i < growth->steps && !is_beyond(slots); i++) {
		const uint64_t at = used + usable + 1;
		slots = growth_dict_slots(object->objects->python, at - 1, slots);
		usable = growth_dict_usable(slots) - at;
		used = at;
		add_step(growth, at, "slots", slots, usable, growth_dict_bytes(layout, slots, is_short), beside);
	}
	return CPEEK_OK;
}

/* ---- set ---- */

static enum cpeek_status grow_set(struct growth *growth)
{
	const struct layout *layout = growth->layout;
	struct dissection *dissection = growth->dissection;
	const struct object *object = growth->object;
	const uint32_t entry = layout->structs[STRUCT_setentry];
	uint64_t mask = object_get(object, FIELD_PySetObject_mask), fill = object_get(object, FIELD_PySetObject_fill);
	uint64_t used = object_get(object, FIELD_PySetObject_used), beside;

	if (mask & (mask + 1) || is_beyond(mask) || used > fill || fill > mask + 1) {
		dissect_problem(dissection, "mask 0x%" PRIx64 ", fill %" PRIu64 ", used %" PRIu64, mask, fill, used);
		return CPEEK_OK;
	}
	TRY(object_read_size(object, &beside));
	if (object_get(object, FIELD_PySetObject_table) != object_field_address(object, FIELD_PySetObject_smalltable))
		beside -= (mask + 1) * entry;
	dissect_fact_number(dissection, "items", (int64_t)used, NULL);
	dissect_fact_number(dissection, "slots", (int64_t)(mask + 1), "%s",
			    mask < GROWTH_SET_LEAST ? "in the object itself" : "in a block of their own");
	dissect_fact_number(dissection, "fill", (int64_t)fill, "slots that are taken, %" PRIu64 " of them by dummies",
			    fill - used);
	dissect_fact_text(
		dissection, "rule", "%s",
		layout_trait(layout, TRAIT_SET_TWO_THIRDS_FULL)
			? "when fill * 3 >= mask * 2: 4 * used slots (2 * used above 50000), rounded up to a power "
			  "of 2 (set_add_entry)"
			: "when fill * 5 >= mask * 3: 4 * used slots (2 * used above 50000), rounded up to a power "
			  "of 2 (set_add_entry)");
	if (fill != used)
		dissect_note(dissection, "An item that takes the place of a dummy does not count.");
	dissect_open_table(dissection, "as new items are added one by one");
	for (uint64_t i = 0; i < growth->steps && !is_beyond(mask); i++) {
		const uint64_t limit = growth_set_limit(layout, mask);
		used += limit > fill ? limit - fill : 1;
		const uint64_t slots = growth_set_slots(used);
		mask = slots - 1;
		fill = used;
		const uint64_t next = growth_set_limit(layout, mask);
		add_step(growth, used, "slots", slots, next > fill ? next - fill - 1 : 0,
			 slots > GROWTH_SET_LEAST ? slots * entry : 0, beside);
	}
	return CPEEK_OK;
}

/* ---- deque ---- */

static enum cpeek_status grow_deque(struct growth *growth)
{
	struct dissection *dissection = growth->dissection;
	const struct object *object = growth->object;
	const uint64_t left = object_get(object, FIELD_dequeobject_leftindex);
	const uint64_t right = object_get(object, FIELD_dequeobject_rightindex);
	const int64_t most = object_get_signed(object, FIELD_dequeobject_maxlen);

	if (left >= GROWTH_DEQUE_BLOCK || right >= GROWTH_DEQUE_BLOCK) {
		dissect_problem(dissection, "leftindex %" PRIu64 ", rightindex %" PRIu64 ", in blocks of %d", left,
				right, GROWTH_DEQUE_BLOCK);
		return CPEEK_OK;
	}
	dissect_fact_number(dissection, "items", object->ob_size, NULL);
	dissect_fact_number(dissection, "items in a block", GROWTH_DEQUE_BLOCK,
			    "a doubly linked list of blocks: what is in them never moves");
	dissect_fact_number(dissection, "room on the right", (int64_t)(GROWTH_DEQUE_BLOCK - 1 - right),
			    "then append() takes another block");
	dissect_fact_number(dissection, "room on the left", (int64_t)left, "then appendleft() takes another block");
	if (most >= 0)
		dissect_fact_number(dissection, "maxlen", most,
				    "items at most: then each new one drops the other end's");
	return CPEEK_OK;
}

/* ---- The command ---- */

extern const struct object_type object_type_list, object_type_bytearray, object_type_set, object_type_frozenset,
	object_type_frozendict, object_type_deque;

static enum cpeek_status grow(struct growth *growth)
{
	const struct type *type = growth->object->type;
	const struct object_type *decoder = type->decoder;

	if (decoder == &object_type_list)
		return grow_list(growth);
	if (decoder == &object_type_bytearray)
		return grow_bytearray(growth);
	if (decoder == &object_type_set)
		return grow_set(growth);
	if (decoder == &object_type_deque)
		return grow_deque(growth);
	if (decoder && type->flags & TYPE_DICT_SUBCLASS)
		return grow_dict(growth);
	if (decoder == &object_type_frozenset || decoder == &object_type_frozendict) {
		dissect_note(growth->dissection, "A %s never changes, so that it never grows.", type->name);
		return CPEEK_OK;
	}
	return CPEEK_UNSUPPORTED;
}

static enum cpeek_status run(struct cpeek_session *session, const struct arguments *arguments, struct sink *sink)
{
	const struct limits limits = show_limits(session, SHOW_FULL);
	struct dissection dissection = {.objects = session->objects, .limits = &limits};
	struct object object;
	struct growth growth = {&dissection, &object, session->objects->layout, STEPS};
	target_addr address;

	if (arguments->items[ARGUMENT_STEPS].given)
		growth.steps = arguments->items[ARGUMENT_STEPS].number;
	if (growth.steps > STEPS_MAX)
		growth.steps = STEPS_MAX;
	TRY(expression_evaluate(session, arguments->items[ARGUMENT_EXPR].text, &address));
	TRY(dissection_begin(session, sink, address, &object));
	enum cpeek_status status = grow(&growth);
	if (status == CPEEK_UNSUPPORTED)
		status = error_set(&session->error, CPEEK_USAGE,
				   "a %.80s does not grow: growth takes a list, bytearray, dict, set or deque",
				   object.type->name);
	else
		status = dissect_tolerate(&dissection, status, "the object");
	return dissection_end(session, sink, status, &dissection);
}

static const struct cpeek_argument arguments[] = {
	[ARGUMENT_STEPS] = {"--steps", "how many reallocations ahead: 8, at most 64", CPEEK_ARGUMENT_NUMBER, 0},
	[ARGUMENT_EXPR] = {"EXPR", "as for print", CPEEK_ARGUMENT_REST, 1},
};

const struct command command_growth = {
	.description =
		{
			.name = "growth",
			.usage = "growth [--steps N] EXPR",
			.summary = "When a list, dict or set will reallocate, and to which size",
			.help = "Shows what the list, bytearray, dict, set or deque that EXPR names has room for, the "
				"rule by "
				"which this version of CPython chooses its next size, and the sizes at which it "
				"reallocates "
				"as it grows one by one.",
			.arguments = arguments,
			.argument_count = sizeof(arguments) / sizeof(*arguments),
		},
	.run = run,
};
