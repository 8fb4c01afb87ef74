/*
 * set and frozenset explained: the table slot by slot, where a search for each key starts and the runs of neighbours that
 * it looks at, and what contradicts itself.
 */
#include "base/memory.h"
#include "object/dissect.h"
#include "object/growth.h"
#include "object/probe.h"
#include "object/set.h"
#include "object/str.h"

#include <inttypes.h>

enum {
	SLOTS_CHECKED = 1 << 22, /* of a larger table only what is shown is checked */
};

struct view {
	const struct object *object;
	struct dissection *dissection;
	struct table table;
	uint64_t slots, fill, used;
	uint64_t taken, dummies;          /* as the slots say */
	uint64_t budget;                  /* of probes */
	struct dissect_problems problems; /* they come behind the tables */
};

struct probing {
	uint64_t home, probes, jumps;
	bool found;
};

static enum cpeek_status probe(struct view *view, uint64_t wanted, const struct set_slot *self, struct probing *ret)
{
	struct probe probe = probe_start(self->hash, view->slots - 1);
	struct probing probing = {.home = probe.slot};

	for (; view->budget; probe_next(&probe), probing.jumps++) {
		const uint64_t last = probe_last_neighbour(&probe);
		for (uint64_t slot = probe.slot; slot <= last && view->budget; slot++) {
			struct set_slot other;
			view->budget--;
			probing.probes++;
			TRY(set_slot_read(view->object->objects, &view->table, slot, &other));
			if (slot == wanted || (!other.key && !other.hash)) {
				probing.found = slot == wanted;
				*ret = probing;
				return CPEEK_OK;
			}
			if (other.key && other.key == self->key && !other.dummy)
				dissect_gather(&view->problems, "slots %" PRIu64 " and %" PRIu64 " have the same key",
					       slot, wanted);
		}
	}
	*ret = probing;
	return CPEEK_OK;
}

/* What a slot's key says of itself, and whether a search finds it. */
static enum cpeek_status check_slot(struct view *view, uint64_t index, const struct set_slot *slot,
				    struct probing *ret)
{
	uint64_t own;

	TRY(probe(view, index, slot, ret));
	if (!ret->found && view->budget)
		dissect_gather(&view->problems,
			       "a search for the key in slot %" PRIu64 " ends at an empty slot before it is found",
			       index);
	if (str_find_hash(view->object->objects, slot->key, &own) && own != slot->hash)
		dissect_gather(&view->problems,
			       "slot %" PRIu64 " has the hash 0x%" PRIx64 ", its key the hash 0x%" PRIx64, index,
			       slot->hash, own);
	return CPEEK_OK;
}

static enum cpeek_status count_slots(struct view *view)
{
	if (view->slots > SLOTS_CHECKED) {
		dissect_note(view->dissection, "Of %" PRIu64 " slots only those that are shown were checked.",
			     view->slots);
		return CPEEK_OK;
	}
	for (uint64_t i = 0; i < view->slots; i++) {
		struct set_slot slot;
		TRY(set_slot_read(view->object->objects, &view->table, i, &slot));
		view->taken += slot.key && !slot.dummy;
		view->dummies += slot.dummy;
	}
	if (view->taken != view->used)
		dissect_gather(&view->problems, "used %" PRIu64 ", but %" PRIu64 " slots have a key", view->used,
			       view->taken);
	if (view->taken + view->dummies != view->fill)
		dissect_gather(&view->problems, "fill %" PRIu64 ", but %" PRIu64 " slots have a key or a dummy",
			       view->fill, view->taken + view->dummies);
	return CPEEK_OK;
}

static enum cpeek_status explain_slots(struct view *view)
{
	struct dissection *dissection = view->dissection;
	const struct layout *layout = view->object->objects->layout;
	const uint32_t size = layout->structs[STRUCT_setentry];
	const uint64_t key_at = layout_offset(layout, FIELD_setentry_key);
	const uint64_t hash_at = layout_offset(layout, FIELD_setentry_hash);

	dissect_open_block(dissection, "the table, slot by slot", STRUCT_setentry, view->table.address,
			   view->slots * size);
	for (uint64_t i = 0; i < view->slots; i++) {
		struct set_slot slot;
		if (dissect_is_full(dissection)) {
			dissect_cut(dissection, view->slots - i, "slots");
			break;
		}
		TRY(set_slot_read(view->object->objects, &view->table, i, &slot));
		struct dissect_row *row = dissect_word(dissection, slot.dummy ? DISSECT_POINTER : DISSECT_OBJECT,
						       (int64_t)(i * size + key_at), "[%" PRIu64 "].key", i);
		if (slot.dummy)
			dissect_mean(dissection, row, "dummy: a key was removed, a search goes on");
		else if (!slot.key)
			dissect_mean(dissection, row, "empty: a search ends here");
		row = dissect_word(dissection, DISSECT_NUMBER, (int64_t)(i * size + hash_at), "[%" PRIu64 "].hash", i);
		if (slot.key && !slot.dummy)
			dissect_mean(dissection, row, "hash(key) & %" PRIu64 " = slot %" PRIu64, view->slots - 1,
				     slot.hash & (view->slots - 1));
	}
	return CPEEK_OK;
}

static enum cpeek_status explain_probes(struct view *view)
{
	struct dissection *dissection = view->dissection;
	const uint64_t mask = view->slots - 1;
	uint64_t rows = 0, left_out = 0;
	const uint64_t limit = dissection->limits->elements;
	const bool check_all = view->slots <= SLOTS_CHECKED;

	dissect_open_table(dissection, "Keys by slot, and the search that finds each");
	for (uint64_t i = 0; i < view->slots; i++) {
		struct set_slot slot;
		struct probing probing = {0};
		const bool shown = !limit || rows < limit;
		if (!shown && !check_all)
			break;
		TRY(set_slot_read(view->object->objects, &view->table, i, &slot));
		if (!slot.key || slot.dummy)
			continue;
		if (!shown && view->object->objects->cancelled &&
		    view->object->objects->cancelled(view->object->objects->cancelled_arg))
			return CPEEK_CANCELLED;
		TRY(check_slot(view, i, &slot, &probing));
		if (!shown) {
			left_out++;
			continue;
		}
		rows++;
		const uint64_t home = probing.home;
		dissect_cell(dissection, "slot", DISSECT_UNSIGNED, i);
		dissect_cell(dissection, "key", DISSECT_OBJECT, slot.key);
		dissect_cell_text(dissection, "hash", "0x%" PRIx64, slot.hash);
		dissect_cell(dissection, "home", DISSECT_UNSIGNED, home);
		dissect_cell_text(dissection, "first run",
				  home + PROBE_NEIGHBOURS <= mask ? "%" PRIu64 " to %" PRIu64 : "%" PRIu64 " alone",
				  home, home + PROBE_NEIGHBOURS);
		if (probing.found) {
			dissect_cell(dissection, "probes", DISSECT_UNSIGNED, probing.probes);
			dissect_cell(dissection, "jumps", DISSECT_UNSIGNED, probing.jumps);
		}
		dissect_end_row(dissection);
	}
	if (!check_all && view->used > rows)
		left_out = view->used - rows;
	if (left_out)
		dissect_cut(dissection, left_out, "keys");
	return CPEEK_OK;
}

static void explain_load(struct view *view)
{
	struct dissection *dissection = view->dissection;
	const struct layout *layout = view->object->objects->layout;
	const uint64_t mask = view->slots - 1;
	const uint64_t limit = growth_set_limit(layout, mask);

	dissect_fact_number(dissection, "slots", (int64_t)view->slots, "a power of two");
	dissect_fact_number(dissection, "keys", (int64_t)view->taken, NULL);
	dissect_fact_number(dissection, "dummies", (int64_t)view->dummies,
			    "left by removed keys until the table is made anew");
	dissect_fact_text(dissection, "load", "%" PRIu64 " of %" PRIu64 " slots (%" PRIu64 " %%)", view->fill,
			  view->slots, view->fill * 100 / view->slots);
	if (view->fill < limit)
		dissect_fact_text(dissection, "next",
				  "when fill reaches %" PRIu64 ", a table of %" PRIu64 " slots is made", limit,
				  growth_set_slots(view->used + (limit - view->fill)));
}

/* 0 and -1 are the same empty table's words: smalltable is zeroed. */
enum cpeek_status set_dissect(const struct object *object, struct dissection *dissection)
{
	struct objects *objects = object->objects;
	const struct layout *layout = objects->layout;
	const uint64_t mask = object_get(object, FIELD_PySetObject_mask);
	const target_addr address = object_get(object, FIELD_PySetObject_table);
	const bool small = address == object_field_address(object, FIELD_PySetObject_smalltable);
	struct view view = {.object = object, .dissection = dissection, .problems = {.dissection = dissection}};

	view.fill = object_get(object, FIELD_PySetObject_fill);
	view.used = object_get(object, FIELD_PySetObject_used);
	dissect_field(dissection, DISSECT_NUMBER, FIELD_PySetObject_fill, "slots taken, dummies included");
	dissect_field(dissection, DISSECT_NUMBER, FIELD_PySetObject_used, "keys");
	dissect_field(dissection, DISSECT_NUMBER, FIELD_PySetObject_mask,
		      "slots - 1: hash & mask is where a search starts");
	dissect_field(dissection, DISSECT_POINTER, FIELD_PySetObject_table, "%s",
		      small ? "smalltable, in the set itself" : "a table of its own; smalltable is not used");
	dissect_field(dissection, DISSECT_NUMBER, FIELD_PySetObject_hash, "%s",
		      object_get_signed(object, FIELD_PySetObject_hash) == -1 ? "not computed (a set never has one)"
									      : "of the frozenset, once computed");
	dissect_field(dissection, DISSECT_NUMBER, FIELD_PySetObject_finger,
		      "slot where the next pop() starts to search");
	dissect_field(dissection, DISSECT_NONE, FIELD_PySetObject_smalltable, "%s",
		      small ? "the table: see below" : "not used");
	dissect_field(dissection, DISSECT_POINTER, FIELD_PySetObject_weakreflist, "weak references to this set");
	dissect_resize(dissection, (uint64_t)object->type->basicsize);
	if (mask & (mask + 1) || mask >= INT64_MAX) {
		dissect_problem(dissection, "mask %" PRIu64 " is not a power of two less 1", mask);
		return CPEEK_OK;
	}
	view.slots = mask + 1;
	view.budget = dissect_probe_budget(view.slots);
	if (table_open(objects, address, (int64_t)view.slots, layout->structs[STRUCT_setentry], &view.table) !=
	    CPEEK_OK) {
		dissect_problem(dissection,
				"the table at 0x%" PRIx64 " of %" PRIu64 " slots does not lie in memory of the target",
				address, view.slots);
		return CPEEK_OK;
	}
	enum cpeek_status status = count_slots(&view);
	if (status == CPEEK_OK)
		explain_load(&view);
	if (status == CPEEK_OK)
		status = explain_slots(&view);
	if (status == CPEEK_OK)
		status = explain_probes(&view);
	if (!view.budget)
		dissect_probes_spent(&view.problems);
	dissect_tell(&view.problems);
	return status;
}
