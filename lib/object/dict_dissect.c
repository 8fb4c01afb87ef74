/*
 * dict explained: its table of keys slot by slot and entry by entry, the probes that lead to each, split values and
 * their order, and what contradicts itself. The table is read here without the checks of dictkeys.c, so that a broken one
 * can be shown with what is broken.
 */
#include "object/dict_dissect.h"
#include "base/memory.h"
#include "object/dict.h"
#include "object/growth.h"
#include "object/probe.h"
#include "object/str.h"
#include "object/subclasses.h"

#include <inttypes.h>

enum {
	LOG2_MAX = 48,
	SLOTS_CHECKED = 1 << 22, /* of a larger table only what is shown is checked */
	SPLIT_MAX = 30,          /* SHARED_KEYS_MAX_SIZE, Include/internal/pycore_dict.h (3.11+) */
};

enum { KIND_GENERAL, KIND_UNICODE, KIND_SPLIT };

#define NO_SLOT UINT64_MAX

/* A table as its header describes it, whether that is right or not. */
struct view {
	struct dissection *dissection;
	target_addr address, indices, entries;
	uint64_t refcount, slots, capacity, usable, nentries, kind, index_bytes;
	uint64_t shown; /* entries that exist: nentries, but no more than the table has room for */
	unsigned width, entry_size;
	bool short_entries;
	bool split; /* the values are not in the entries */
	struct table index_table, entry_table;
	uint64_t *
		slot_of; /* for each entry the slot that points at it, or NO_SLOT; NULL: not all slots were looked at */
	struct dissect_problems problems; /* they come behind the tables */
	uint64_t budget;                  /* of probes */
};

struct entry {
	uint64_t hash;
	target_addr key, value;
	bool has_hash; /* false: the key is no str that could tell */
};

/* ---- The header ---- */

static enum cpeek_status get(const struct view *view, enum layout_field field, uint64_t *ret)
{
	return field_read(view->dissection->objects, view->address, field, ret);
}

/* 3.11 and later: logarithms and a kind. */
static enum cpeek_status read_logarithms(struct view *view)
{
	uint64_t log2_slots, log2_bytes;

	TRY(get(view, FIELD_PyDictKeysObject_dk_log2_size, &log2_slots));
	TRY(get(view, FIELD_PyDictKeysObject_dk_log2_index_bytes, &log2_bytes));
	TRY(get(view, FIELD_PyDictKeysObject_dk_kind, &view->kind));
	if (log2_slots > LOG2_MAX || log2_bytes > LOG2_MAX) {
		dissect_gather(&view->problems,
			       "dk_log2_size %" PRIu64 ", dk_log2_index_bytes %" PRIu64
			       ": no memory holds such a table",
			       log2_slots, log2_bytes);
		return CPEEK_OK;
	}
	if (view->kind > KIND_SPLIT)
		dissect_gather(&view->problems, "dk_kind %" PRIu64 " is none (0 general, 1 unicode, 2 split)",
			       view->kind);
	view->slots = (uint64_t)1 << log2_slots;
	view->width = growth_dict_index_width(view->slots);
	view->index_bytes = (uint64_t)1 << log2_bytes;
	if (view->index_bytes < view->slots * view->width)
		dissect_gather(&view->problems,
			       "dk_log2_index_bytes %" PRIu64 ": %" PRIu64 " slots of %u bytes need more", log2_bytes,
			       view->slots, view->width);
	view->short_entries = view->kind != KIND_GENERAL;
	return CPEEK_OK;
}

static enum cpeek_status read_size(struct view *view)
{
	TRY(get(view, FIELD_PyDictKeysObject_dk_size, &view->slots));
	if (!view->slots || view->slots & (view->slots - 1) || view->slots > (uint64_t)1 << LOG2_MAX) {
		dissect_gather(&view->problems, "dk_size %" PRIu64 " is no power of two that memory could hold",
			       view->slots);
		view->slots = 0;
		return CPEEK_OK;
	}
	view->width = growth_dict_index_width(view->slots);
	view->index_bytes = view->slots * view->width;
	return CPEEK_OK;
}

static enum cpeek_status read_view(struct dissection *dissection, target_addr address, struct view *view)
{
	struct objects *objects = dissection->objects;
	const struct layout *layout = objects->layout;

	*view = (struct view){.dissection = dissection, .address = address, .problems = {.dissection = dissection}};
	TRY(get(view, FIELD_PyDictKeysObject_dk_refcnt, &view->refcount));
	TRY(get(view, FIELD_PyDictKeysObject_dk_usable, &view->usable));
	TRY(get(view, FIELD_PyDictKeysObject_dk_nentries, &view->nentries));
	TRY(layout_has(layout, FIELD_PyDictKeysObject_dk_log2_size) ? read_logarithms(view) : read_size(view));
	view->indices = address + layout_offset(layout, FIELD_PyDictKeysObject_dk_indices);
	if (!view->slots)
		return CPEEK_OK;
	view->budget = dissect_probe_budget(view->slots);
	view->entries = view->indices + view->index_bytes;
	view->capacity = growth_dict_usable(view->slots);
	view->entry_size = layout->structs[view->short_entries ? STRUCT_PyDictUnicodeEntry : STRUCT_PyDictKeyEntry];
	view->shown = view->nentries;
	if (view->nentries > view->capacity) {
		dissect_gather(&view->problems,
			       "dk_nentries %" PRIu64 " > %" PRIu64 ", which is all that a table of %" PRIu64
			       " slots has "
			       "room for",
			       view->nentries, view->capacity, view->slots);
		view->shown = view->capacity;
	} else if (view->usable > view->capacity - view->nentries) {
		dissect_gather(&view->problems,
			       "dk_usable %" PRIu64 " + dk_nentries %" PRIu64 " > %" PRIu64
			       ", which is all that a table "
			       "of %" PRIu64 " slots has room for",
			       view->usable, view->nentries, view->capacity, view->slots);
	}
	if (table_open(objects, view->indices, (int64_t)view->slots, view->width, &view->index_table) != CPEEK_OK ||
	    table_open(objects, view->entries, (int64_t)view->shown, view->entry_size, &view->entry_table) !=
		    CPEEK_OK) {
		dissect_gather(&view->problems, "the table does not lie in memory of the target as a whole");
		view->slots = 0;
	}
	return CPEEK_OK;
}

/* What dk_kind, or dk_lookup to 3.10, says of the keys. */
static void explain_kind(struct view *view)
{
	static const char *const kinds[] = {
		"DICT_KEYS_GENERAL: keys of any type, entries with their hashes",
		"DICT_KEYS_UNICODE: each key is exactly a str, which has its hash itself",
		"DICT_KEYS_SPLIT: each key is exactly a str; the values are somewhere else, one set of them a dict",
	};
	struct dissection *dissection = view->dissection;
	struct objects *objects = dissection->objects;
	struct dict_keys keys;

	dissect_field(dissection, DISSECT_UNSIGNED, FIELD_PyDictKeysObject_dk_kind, "%s",
		      view->kind <= KIND_SPLIT ? kinds[view->kind] : "unknown");
	if (!layout_has(objects->layout, FIELD_PyDictKeysObject_dk_lookup))
		return;
	uint64_t lookup = 0;
	if (get(view, FIELD_PyDictKeysObject_dk_lookup, &lookup) != CPEEK_OK)
		return;
	const bool known = dict_keys_read(objects, view->address, &keys) == CPEEK_OK;
	dissect_field(dissection, DISSECT_POINTER, FIELD_PyDictKeysObject_dk_lookup, "%s: %s",
		      dissect_function(dissection, lookup),
		      !known                                  ? "how keys are looked up"
		      : dict_keys_are_unicode(objects, &keys) ? "as long as each key is exactly a str"
							      : "for keys of any type");
}

static void explain_header(struct view *view, const char *title)
{
	struct dissection *dissection = view->dissection;
	const struct layout *layout = dissection->objects->layout;

	dissect_open_block(dissection, title, STRUCT_PyDictKeysObject, view->address,
			   layout_offset(layout, FIELD_PyDictKeysObject_dk_indices));
	dissect_field(dissection, DISSECT_NUMBER, FIELD_PyDictKeysObject_dk_refcnt,
		      layout_trait(layout, TRAIT_IMMORTAL) && view->refcount >= INT32_MAX
			      ? "shared for ever: never counted"
			      : "dicts that use this table, and the class that made it");
	dissect_field(dissection, DISSECT_UNSIGNED, FIELD_PyDictKeysObject_dk_log2_size, "2**this = %" PRIu64 " slots",
		      view->slots);
	dissect_field(dissection, DISSECT_UNSIGNED, FIELD_PyDictKeysObject_dk_log2_index_bytes,
		      "2**this = %" PRIu64 " bytes of indices, %u a slot", view->index_bytes, view->width);
	dissect_field(dissection, DISSECT_UNSIGNED, FIELD_PyDictKeysObject_dk_size, "slots");
	explain_kind(view);
	dissect_field(dissection, DISSECT_UNSIGNED, FIELD_PyDictKeysObject_dk_mutex,
		      "locked while keys are added to a shared table");
	dissect_field(dissection, DISSECT_UNSIGNED, FIELD_PyDictKeysObject_dk_version,
		      "for specialised instructions; 0: none was given since the keys changed");
	dissect_field(dissection, DISSECT_NUMBER, FIELD_PyDictKeysObject_dk_usable,
		      "entries that may still be added before the table is made anew");
	dissect_field(dissection, DISSECT_NUMBER, FIELD_PyDictKeysObject_dk_nentries,
		      "entries taken, removed ones included");
}

/* ---- Slots and entries ---- */

static enum cpeek_status read_index(const struct view *view, uint64_t slot, int64_t *ret)
{
	const unsigned unused = 64 - 8 * view->width;
	uint8_t buffer[8];
	const uint8_t *bytes;

	TRY(table_read(&view->index_table, slot * view->width, view->width, buffer, &bytes));
	*ret = (int64_t)(target_get(view->dissection->objects->target, bytes, view->width) << unused) >> unused;
	return CPEEK_OK;
}

static enum cpeek_status read_entry(const struct view *view, uint64_t index, struct entry *ret)
{
	struct objects *objects = view->dissection->objects;
	const struct layout *layout = objects->layout;
	struct dict_entry entry;

	TRY(dict_entry_read(objects, &view->entry_table, view->short_entries, index, &entry));
	*ret = (struct entry){.key = entry.key, .value = entry.value};
	if (view->short_entries) {
		ret->has_hash = entry.key && str_find_hash(objects, entry.key, &ret->hash);
		return CPEEK_OK;
	}
	uint8_t buffer[8];
	const uint8_t *bytes;
	TRY(table_read(&view->entry_table,
		       index * view->entry_size + layout_offset(layout, FIELD_PyDictKeyEntry_me_hash),
		       layout->pointer_size, buffer, &bytes));
	ret->hash = target_get_pointer(objects->target, bytes);
	ret->has_hash = true;
	return CPEEK_OK;
}

static uint64_t all_ones(const struct view *view)
{
	return view->dissection->objects->layout->pointer_size == 8 ? UINT64_MAX : UINT32_MAX;
}

/* Every slot once: what it points at exists, and nothing is pointed at twice. */
static enum cpeek_status check_slots(struct view *view)
{
	if (view->slots > SLOTS_CHECKED) {
		dissect_note(view->dissection, "Of %" PRIu64 " slots only those that are shown were checked.",
			     view->slots);
		return CPEEK_OK;
	}
	view->slot_of = memory_alloc((view->shown ? view->shown : 1) * sizeof(*view->slot_of));
	if (!view->slot_of)
		return CPEEK_NO_MEMORY;
	for (uint64_t i = 0; i < view->shown; i++)
		view->slot_of[i] = NO_SLOT;
	for (uint64_t slot = 0; slot < view->slots; slot++) {
		int64_t index;
		TRY(read_index(view, slot, &index));
		if (index == INDEX_EMPTY || index == INDEX_DUMMY)
			continue;
		if (index < 0 || (uint64_t)index >= view->nentries)
			dissect_gather(&view->problems,
				       "slot %" PRIu64 " has the index %" PRId64 ", but there are %" PRIu64 " entries",
				       slot, index, view->nentries);
		else if ((uint64_t)index < view->shown && view->slot_of[index] != NO_SLOT)
			dissect_gather(&view->problems,
				       "slots %" PRIu64 " and %" PRIu64 " both point at entry %" PRId64,
				       view->slot_of[index], slot, index);
		else if ((uint64_t)index < view->shown)
			view->slot_of[index] = slot;
	}
	return CPEEK_OK;
}

static void explain_indices(struct view *view)
{
	struct dissection *dissection = view->dissection;

	dissect_open_block(dissection, "dk_indices, slot by slot", LAYOUT_STRUCT_COUNT, view->indices,
			   view->index_bytes);
	for (uint64_t slot = 0; slot < view->slots; slot++) {
		int64_t index;
		if (dissect_is_full(dissection)) {
			dissect_cut(dissection, view->slots - slot, "slots");
			return;
		}
		struct dissect_row *row = dissect_row(dissection, (int64_t)(slot * view->width), view->width,
						      "dk_indices[%" PRIu64 "]", slot);
		if (read_index(view, slot, &index) != CPEEK_OK) {
			dissect_mean(dissection, row, "unreadable");
			dissection->partial = true;
			continue;
		}
		row->value = (struct dissect_value){.kind = DISSECT_NUMBER, .number = (uint64_t)index};
		struct entry entry;
		if (index == INDEX_EMPTY)
			dissect_mean(dissection, row, "empty: a search ends here");
		else if (index == INDEX_DUMMY)
			dissect_mean(dissection, row, "dummy: an entry was removed, a search goes on");
		else if (index < 0 || (uint64_t)index >= view->shown)
			dissect_mean(dissection, row, "points at no entry");
		else if (read_entry(view, (uint64_t)index, &entry) == CPEEK_OK)
			dissect_mean(dissection, row, "-> entry %" PRId64 ": %s", index,
				     dissect_brief(dissection, entry.key));
	}
}

static void explain_entries(struct view *view)
{
	struct dissection *dissection = view->dissection;
	const struct layout *layout = dissection->objects->layout;
	const int64_t word = layout->pointer_size;
	const bool split = view->split;

	if (!view->capacity)
		return;
	dissect_open_block(dissection, "dk_entries, in the order of insertion",
			   view->short_entries ? STRUCT_PyDictUnicodeEntry : STRUCT_PyDictKeyEntry, view->entries,
			   view->capacity * view->entry_size);
	for (uint64_t i = 0; i < view->shown; i++) {
		const int64_t at = (int64_t)(i * view->entry_size);
		struct entry entry;
		if (dissect_is_full(dissection)) {
			dissect_cut(dissection, view->shown - i, "entries");
			return;
		}
		if (!view->short_entries) {
			struct dissect_row *row =
				dissect_word(dissection, DISSECT_NUMBER, at, "[%" PRIu64 "].me_hash", i);
			dissect_mean(dissection, row, "hash(key)");
		}
		const int64_t key = view->short_entries ? layout_offset(layout, FIELD_PyDictUnicodeEntry_me_key)
							: layout_offset(layout, FIELD_PyDictKeyEntry_me_key);
		const bool hole = read_entry(view, i, &entry) == CPEEK_OK && !entry.value && !split;
		struct dissect_row *row =
			dissect_word(dissection, DISSECT_OBJECT, at + key, "[%" PRIu64 "].me_key", i);
		if (hole && !entry.key)
			dissect_mean(dissection, row, "a hole: this entry was removed");
		row = dissect_word(dissection, DISSECT_OBJECT, at + key + word, "[%" PRIu64 "].me_value", i);
		if (split)
			dissect_mean(dissection, row, "not used: the values are somewhere else");
	}
	if (view->shown < view->capacity) {
		struct dissect_row *row =
			dissect_row(dissection, (int64_t)(view->shown * view->entry_size),
				    (view->capacity - view->shown) * view->entry_size,
				    "[%" PRIu64 "] to [%" PRIu64 "]", view->shown, view->capacity - 1);
		dissect_mean(dissection, row, "not used yet");
	}
}

/* ---- Probing ---- */

struct probing {
	uint64_t home, slot, probes;
	bool found;
};

static bool same_keys(struct objects *objects, const struct entry *a, const struct entry *b)
{
	uint64_t hash;
	enum { KEY_LENGTH = 256 };

	if (a->key == b->key)
		return true;
	if (!a->has_hash || !b->has_hash || a->hash != b->hash || !str_find_hash(objects, a->key, &hash) ||
	    !str_find_hash(objects, b->key, &hash))
		return false;
	strbuf_clear(&objects->scratch);
	uint64_t cut = 0;
	if (str_read(objects, a->key, KEY_LENGTH, &objects->scratch, &cut) != CPEEK_OK || cut ||
	    strbuf_failed(&objects->scratch))
		return false;
	return str_equals(objects, b->key, strbuf_text(&objects->scratch), objects->scratch.length);
}

/* As far as to the entry, or an empty slot. */
static enum cpeek_status probe(struct view *view, uint64_t wanted, const struct entry *entry, struct probing *ret)
{
	struct probe probe = probe_start(entry->hash, view->slots - 1);
	struct probing probing = {.home = probe.slot};

	for (; view->budget; probe_next(&probe)) {
		int64_t index;
		view->budget--;
		probing.probes++;
		TRY(read_index(view, probe.slot, &index));
		if (index == INDEX_EMPTY || (index >= 0 && (uint64_t)index == wanted)) {
			probing.found = index >= 0;
			break;
		}
		if (index >= 0 && (uint64_t)index < view->shown) {
			struct entry other;
			TRY(read_entry(view, (uint64_t)index, &other));
			if (other.key && other.has_hash && other.hash == entry->hash &&
			    same_keys(view->dissection->objects, entry, &other))
				dissect_gather(&view->problems,
					       "entries %" PRId64 " and %" PRIu64 " have the same key", index, wanted);
		}
	}
	probing.slot = probe.slot;
	*ret = probing;
	return CPEEK_OK;
}

static void check_hash(struct view *view, uint64_t i, const struct entry *entry)
{
	struct objects *objects = view->dissection->objects;
	uint64_t own;

	if (view->short_entries) {
		if (!entry->has_hash)
			dissect_gather(&view->problems, "the key of entry %" PRIu64 " is no str, in a table of str",
				       i);
		else if (entry->hash == all_ones(view))
			dissect_gather(&view->problems,
				       "the key of entry %" PRIu64 " has no hash yet, though it is in a table", i);
	} else if (str_find_hash(objects, entry->key, &own) && own != entry->hash) {
		dissect_gather(&view->problems,
			       "entry %" PRIu64 " has the hash 0x%" PRIx64 ", its key the hash 0x%" PRIx64, i,
			       entry->hash, own);
	}
}

/* The entry's row of the table of entries, and all that can be wrong with it. values: of a split table. */
static enum cpeek_status explain_entry(struct view *view, uint64_t i, const struct table *values, bool shown)
{
	struct dissection *dissection = view->dissection;
	const unsigned word = dissection->objects->layout->pointer_size;
	struct entry entry;
	struct probing probing = {0};

	TRY(read_entry(view, i, &entry));
	const bool hole = !entry.value && !view->split;
	if (!hole && entry.key)
		check_hash(view, i, &entry);
	if (hole && view->slot_of && view->slot_of[i] != NO_SLOT)
		dissect_gather(&view->problems, "slot %" PRIu64 " points at entry %" PRIu64 ", which was removed",
			       view->slot_of[i], i);
	else if (!hole && view->slot_of && view->slot_of[i] == NO_SLOT)
		dissect_gather(&view->problems, "no slot points at entry %" PRIu64 ", so that nothing finds it", i);
	if (!hole && entry.has_hash) {
		TRY(probe(view, i, &entry, &probing));
		if (!probing.found && view->budget && (!view->slot_of || view->slot_of[i] != NO_SLOT))
			dissect_gather(&view->problems,
				       "a search for the key of entry %" PRIu64 " ends at slot %" PRIu64
				       ", which is empty, "
				       "before it is found",
				       i, probing.slot);
	}
	if (!shown)
		return CPEEK_OK;
	dissect_cell(dissection, "entry", DISSECT_UNSIGNED, i);
	if (hole) {
		dissect_cell_text(dissection, "key", "(removed)");
		dissect_end_row(dissection);
		return CPEEK_OK;
	}
	dissect_cell(dissection, "key", DISSECT_OBJECT, entry.key);
	if (values && (i + 1) * word <= values->length)
		TRY(table_read_pointer(values, i * word, &entry.value));
	if (values || !view->split)
		dissect_cell(dissection, "value", DISSECT_OBJECT, entry.value);
	if (entry.has_hash) {
		dissect_cell_text(dissection, "hash", "0x%" PRIx64, entry.hash);
		dissect_cell(dissection, "home", DISSECT_UNSIGNED, probing.home);
	}
	if (probing.found) {
		dissect_cell(dissection, "slot", DISSECT_UNSIGNED, probing.slot);
		dissect_cell(dissection, "probes", DISSECT_UNSIGNED, probing.probes);
	}
	dissect_end_row(dissection);
	return CPEEK_OK;
}

static enum cpeek_status explain_all_entries(struct view *view, const struct table *values)
{
	struct dissection *dissection = view->dissection;
	const uint64_t limit = dissection->limits->elements;
	const uint64_t shown = limit && limit < view->shown ? limit : view->shown;

	if (!view->shown)
		return CPEEK_OK;
	dissect_open_table(dissection, "Entries in the order of insertion; a search starts at hash & (slots - 1)");
	for (uint64_t i = 0; i < shown; i++)
		TRY(explain_entry(view, i, values, true));
	if (shown < view->shown)
		dissect_cut(dissection, view->shown - shown, "entries");
	for (uint64_t i = shown; view->slot_of && view->budget && i < view->shown; i++) {
		if (dissection->objects->cancelled &&
		    dissection->objects->cancelled(dissection->objects->cancelled_arg))
			return CPEEK_CANCELLED;
		TRY(explain_entry(view, i, values, false));
	}
	return CPEEK_OK;
}

/* ---- The whole table ---- */

static uint64_t count_live(const struct view *view)
{
	uint64_t live = 0;
	struct entry entry;

	for (uint64_t i = 0; i < view->shown; i++)
		live += read_entry(view, i, &entry) == CPEEK_OK && entry.value;
	return live;
}

static void explain_load(struct view *view, uint64_t used)
{
	struct dissection *dissection = view->dissection;
	const struct python *python = dissection->objects->python;

	dissect_fact_number(dissection, "slots", (int64_t)view->slots, "a power of two; %u bytes each", view->width);
	dissect_fact_number(dissection, "capacity", (int64_t)view->capacity, "entries: two thirds of the slots");
	dissect_fact_text(dissection, "load", "%" PRIu64 " of %" PRIu64 " slots taken (%" PRIu64 " %%)", view->shown,
			  view->slots, view->shown * 100 / view->slots);
	if (view->usable > view->capacity)
		return;
	if (view->split)
		dissect_fact_text(dissection, "next",
				  "%" PRIu64 " more names fit into this shared table; a dict that needs more "
				  "gets a table of its own",
				  view->usable);
	else
		dissect_fact_text(dissection, "next",
				  "after %" PRIu64 " more new keys the one that follows makes a table of "
				  "%" PRIu64 " slots",
				  view->usable, growth_dict_slots(python, used + view->usable, view->slots));
}

static enum cpeek_status explain_sharing(struct view *view, const struct type *any)
{
	struct dissection *dissection = view->dissection;
	const struct type *owner;

	enum cpeek_status status = subclasses_find_keys(dissection->objects, any, view->address, &owner);
	if (status == CPEEK_OK)
		dissect_fact_text(dissection, "keys shared by",
				  "instances of %s (its ht_cached_keys), %" PRIu64 " references", owner->name,
				  view->refcount);
	else if (status == CPEEK_NOT_FOUND)
		dissect_fact_text(dissection, "keys shared by",
				  "%" PRIu64 " references; no class has this table any more", view->refcount);
	return status_is_fatal(status) ? status : CPEEK_OK;
}

/* used: ma_used; NULL: not a dict's own table. values: of a split dict. any: some type of the target. */
static enum cpeek_status explain_table(struct dissection *dissection, target_addr address, const uint64_t *used,
				       const struct table *values, const char *title, const struct type *any)
{
	struct view view;

	enum cpeek_status status = read_view(dissection, address, &view);
	if (status != CPEEK_OK)
		return dissect_tolerate(dissection, status, title);
	/* To 3.10 nothing in a table tells that it is shared. */
	view.split = values || !used || view.kind == KIND_SPLIT;
	explain_header(&view, title);
	if (!view.slots) {
		dissect_tell(&view.problems);
		return CPEEK_OK;
	}
	explain_indices(&view);
	explain_entries(&view);
	if (used)
		explain_load(&view, *used);
	if (view.split)
		status = explain_sharing(&view, any);
	if (used && !view.split) {
		const uint64_t live = count_live(&view);
		if (live != *used)
			dissect_gather(&view.problems, "ma_used %" PRIu64 ", but %" PRIu64 " entries have a value",
				       *used, live);
	}
	if (status == CPEEK_OK)
		status = check_slots(&view);
	if (status == CPEEK_OK)
		status = explain_all_entries(&view, values);
	if (!view.budget)
		dissect_probes_spent(&view.problems);
	dissect_tell(&view.problems);
	memory_free(view.slot_of);
	return dissect_tolerate(dissection, status, title);
}

/* ---- Split values ---- */

/* The name that a value has. */
static const char *name_of(struct dissection *dissection, const struct dict_keys *keys, uint64_t index)
{
	struct dict_entry entry;

	if (!keys || index >= keys->nentries ||
	    dict_entry_read(dissection->objects, &keys->entries, keys->short_entries, index, &entry) != CPEEK_OK)
		return NULL;
	return dissect_brief(dissection, entry.key);
}

static void explain_value(struct dissection *dissection, const struct dict_keys *keys, int64_t offset, uint64_t index)
{
	struct dissect_row *row = dissect_word(dissection, DISSECT_OBJECT, offset, "values[%" PRIu64 "]", index);
	const char *name = name_of(dissection, keys, index);

	if (name)
		dissect_mean(dissection, row, row->value.number ? "of %s" : "of %s: not set", name);
	else
		dissect_mean(dissection, row, "no name has this place yet");
}

/* Those from the open block's offset on; the last ones that no name has yet in one row. */
static void explain_values(struct dissection *dissection, const struct dict_keys *keys, int64_t offset,
			   target_addr values, uint64_t capacity)
{
	const unsigned word = dissection->objects->layout->pointer_size;
	uint64_t used = capacity;
	target_addr value;

	while (used > 0 && (!keys || used > keys->nentries) &&
	       target_read_pointer(dissection->objects->target, values + (used - 1) * word, &value) == CPEEK_OK &&
	       !value)
		used--;
	for (uint64_t i = 0; i < used; i++)
		explain_value(dissection, keys, offset + (int64_t)(i * word), i);
	if (used < capacity)
		dissect_mean(dissection,
			     dissect_row(dissection, offset + (int64_t)(used * word), (capacity - used) * word,
					 "values[%" PRIu64 "] to [%" PRIu64 "]", used, capacity - 1),
			     "no name has these places yet");
}

/* What stands in the order that says which value was set first. */
static void explain_order(struct dissection *dissection, const struct dict_keys *keys, int64_t offset, uint64_t number,
			  uint64_t index)
{
	const char *name = name_of(dissection, keys, index);
	struct dissect_row *row = dissect_row(dissection, offset, 1, "order[%" PRIu64 "]", number);

	row->value = (struct dissect_value){.kind = DISSECT_UNSIGNED, .number = index};
	dissect_mean(dissection, row, "values[%" PRIu64 "]%s%s", index, name ? ", " : "", name ? name : "");
}

static void show_order(struct dissection *dissection, const struct dict_keys *keys, const uint8_t *order,
		       uint64_t used, target_addr values)
{
	struct objects *objects = dissection->objects;
	const unsigned word = objects->layout->pointer_size;

	if (!used)
		return;
	dissect_open_table(dissection, "Attributes in the order in which they were set");
	for (uint64_t i = 0; i < used; i++) {
		struct dict_entry entry = {0};
		target_addr value = 0;
		if (keys && order[i] < keys->nentries)
			(void)dict_entry_read(objects, &keys->entries, keys->short_entries, order[i], &entry);
		(void)target_read_pointer(objects->target, values + (uint64_t)order[i] * word, &value);
		dissect_cell(dissection, "order", DISSECT_UNSIGNED, i);
		dissect_cell(dissection, "name", DISSECT_OBJECT, entry.key);
		dissect_cell(dissection, "values", DISSECT_UNSIGNED, order[i]);
		dissect_cell(dissection, "value", DISSECT_OBJECT, value);
		dissect_end_row(dissection);
	}
}

/* How many values are set, against what the structure says; each place at most once. */
static void check_order(struct dissection *dissection, const uint8_t *order, uint64_t used, uint64_t capacity,
			target_addr values)
{
	const unsigned word = dissection->objects->layout->pointer_size;
	uint64_t seen = 0, set = 0;

	for (uint64_t i = 0; i < used; i++) {
		if (order[i] >= capacity || order[i] >= 64)
			dissect_problem(dissection, "order[%" PRIu64 "] is %u, but there are %" PRIu64 " values", i,
					order[i], capacity);
		else if (seen & (uint64_t)1 << order[i])
			dissect_problem(dissection, "order[%" PRIu64 "]: values[%u] is listed twice", i, order[i]);
		else
			seen |= (uint64_t)1 << order[i];
	}
	for (uint64_t i = 0; i < capacity && i < 64; i++) {
		target_addr value;
		if (target_read_pointer(dissection->objects->target, values + i * word, &value) != CPEEK_OK)
			return;
		set |= value ? (uint64_t)1 << i : 0;
	}
	if (set & ~seen)
		dissect_problem(dissection, "values[%d] is set, but not listed in the order",
				__builtin_ctzll(set & ~seen));
}

/* 3.13+ */
static enum cpeek_status header_values(struct dissection *dissection, target_addr values, const struct dict_keys *keys,
				       int64_t offset, uint64_t *ret_size)
{
	struct objects *objects = dissection->objects;
	const struct layout *layout = objects->layout;
	const unsigned word = layout->pointer_size;
	const int64_t array = layout_offset(layout, FIELD_PyDictValues_values);
	uint64_t capacity, used, embedded, valid;
	uint8_t order[256] = {0};

	TRY(field_read(objects, values, FIELD_PyDictValues_capacity, &capacity));
	TRY(field_read(objects, values, FIELD_PyDictValues_size, &used));
	TRY(field_read(objects, values, FIELD_PyDictValues_embedded, &embedded));
	TRY(field_read(objects, values, FIELD_PyDictValues_valid, &valid));
	const struct {
		enum layout_field field;
		const char *name;
		uint64_t value;
		const char *meaning;
	} bytes[] = {
		{FIELD_PyDictValues_capacity, "capacity", capacity, "values that there is room for"},
		{FIELD_PyDictValues_size, "size", used, "that were set, in an order of their own"},
		{FIELD_PyDictValues_embedded, "embedded", embedded,
		 embedded ? "in the instance itself" : "in memory of their own"},
		{FIELD_PyDictValues_valid, "valid", valid,
		 valid ? "they count" : "a dict has taken the values over: these are void"},
	};
	for (size_t i = 0; i < sizeof(bytes) / sizeof(*bytes); i++) {
		struct dissect_row *row = dissect_row(dissection, offset + layout_offset(layout, bytes[i].field), 1,
						      "%s", bytes[i].name);
		row->value = (struct dissect_value){.kind = DISSECT_UNSIGNED, .number = bytes[i].value};
		dissect_mean(dissection, row, "%s", bytes[i].meaning);
	}
	explain_values(dissection, keys, offset + array, values + (uint64_t)array, capacity);
	const uint64_t listed = used <= capacity ? used : capacity;
	const target_addr at = values + (uint64_t)array + capacity * word;
	*ret_size = ((uint64_t)array + capacity * word + capacity + word - 1) / word * word;
	TRY(target_read(objects->target, at, order, (size_t)listed));
	for (uint64_t i = 0; i < listed; i++)
		explain_order(dissection, keys, offset + array + (int64_t)(capacity * word + i), i, order[i]);
	if (listed < capacity)
		dissect_mean(dissection,
			     dissect_row(dissection, offset + array + (int64_t)(capacity * word + listed),
					 capacity - listed, "order[%" PRIu64 "] …", listed),
			     "not used yet");
	if (used > capacity)
		dissect_problem(dissection, "PyDictValues.size %" PRIu64 " > capacity %" PRIu64, used, capacity);
	if (valid) {
		check_order(dissection, order, listed, capacity, values + (uint64_t)array);
		show_order(dissection, keys, order, listed, values + (uint64_t)array);
	}
	return CPEEK_OK;
}

/* 3.11, 3.12: the order stands before the values, backwards. */
static enum cpeek_status prefix_values(struct dissection *dissection, target_addr values, const struct dict_keys *keys,
				       int64_t offset, uint64_t *ret_size)
{
	struct objects *objects = dissection->objects;
	const unsigned word = objects->layout->pointer_size;
	uint8_t prefix[256] = {0}, order[256] = {0};

	TRY(target_read(objects->target, values - 2, prefix, 2));
	const unsigned used = prefix[0], size = prefix[1];
	struct dissect_row *row = dissect_row(dissection, offset - 1, 1, "prefix size");
	row->value = (struct dissect_value){.kind = DISSECT_UNSIGNED, .number = size};
	dissect_mean(dissection, row, "bytes before the values");
	row = dissect_row(dissection, offset - 2, 1, "size");
	row->value = (struct dissect_value){.kind = DISSECT_UNSIGNED, .number = used};
	dissect_mean(dissection, row, "values that were set, in the order that stands before this, backwards");
	const uint64_t capacity = keys ? keys->nentries + keys->usable : 0;
	explain_values(dissection, keys, offset, values, capacity);
	*ret_size = capacity * word;
	if (used > SPLIT_MAX || used + 2 > size) {
		dissect_problem(dissection, "the prefix of the values has %u bytes, but lists %u values", size, used);
		return CPEEK_OK;
	}
	TRY(target_read(objects->target, values - 2 - used, prefix, used));
	for (unsigned i = 0; i < used; i++) {
		order[i] = prefix[used - 1 - i];
		explain_order(dissection, keys, offset - 3 - (int64_t)i, i, order[i]);
	}
	check_order(dissection, order, used, capacity, values);
	show_order(dissection, keys, order, used, values);
	return CPEEK_OK;
}

static enum cpeek_status bare_values(struct dissection *dissection, target_addr values, const struct dict_keys *keys,
				     int64_t offset, uint64_t *ret_size)
{
	const unsigned word = dissection->objects->layout->pointer_size;
	const uint64_t capacity = keys ? growth_dict_usable(keys->slots) : 0;

	explain_values(dissection, keys, offset, values, capacity);
	*ret_size = capacity * word;
	return CPEEK_OK;
}

enum cpeek_status dict_dissect_values(struct dissection *dissection, target_addr values, target_addr keys_address,
				      int64_t offset, uint64_t *ret_size)
{
	const struct layout *layout = dissection->objects->layout;
	struct dict_keys keys;
	const bool known = dict_keys_read(dissection->objects, keys_address, &keys) == CPEEK_OK;
	uint64_t size = 0;

	if (!known)
		dissect_problem(dissection, "the keys of the values cannot be read: their names are not known");
	enum cpeek_status status = layout_trait(layout, TRAIT_DICT_VALUES_HEADER)
					   ? header_values(dissection, values, known ? &keys : NULL, offset, &size)
				   : layout_trait(layout, TRAIT_DICT_VALUES_PREFIX)
					   ? prefix_values(dissection, values, known ? &keys : NULL, offset, &size)
					   : bare_values(dissection, values, known ? &keys : NULL, offset, &size);
	*ret_size = size;
	return dissect_tolerate(dissection, status, "the values");
}

enum cpeek_status dict_dissect_keys(struct dissection *dissection, target_addr keys, const struct type *owner)
{
	return explain_table(dissection, keys, NULL, NULL, "ht_cached_keys", owner);
}

/* ---- The dict ---- */

static void explain_version(struct dissection *dissection, const struct object *object)
{
	const struct layout *layout = object->objects->layout;
	/* DICT_MAX_WATCHERS, DICT_WATCHED_MUTATION_BITS: Include/cpython/dictobject.h, internal/pycore_dict.h (3.12, 3.13) */
	enum { WATCHERS = 0xff, MUTATIONS_SHIFT = 8, MUTATIONS = 0xf };

	if (layout_has(layout, FIELD_PyDictObject__ma_watcher_tag)) {
		const uint64_t tag = object_get(object, FIELD_PyDictObject__ma_watcher_tag);
		dissect_field(dissection, DISSECT_UNSIGNED, FIELD_PyDictObject__ma_watcher_tag,
			      "watchers 0x%02" PRIx64
			      " (a bit each: who is called when it changes), changes seen while watched "
			      "%" PRIu64,
			      tag & WATCHERS, tag >> MUTATIONS_SHIFT & MUTATIONS);
	} else if (layout_trait(layout, TRAIT_IMMORTAL)) {
		const uint64_t tag = object_get(object, FIELD_PyDictObject_ma_version_tag);
		dissect_field(dissection, DISSECT_UNSIGNED, FIELD_PyDictObject_ma_version_tag,
			      "changes with each modification; its low 8 bits are watchers: 0x%02" PRIx64,
			      tag & WATCHERS);
	} else {
		dissect_field(dissection, DISSECT_UNSIGNED, FIELD_PyDictObject_ma_version_tag,
			      "another number after each modification of any dict");
	}
}

/* How many values of a split dict are set. */
static void check_values(struct dissection *dissection, const struct table *values, uint64_t used)
{
	const unsigned word = dissection->objects->layout->pointer_size;
	uint64_t set = 0;
	target_addr value;

	for (uint64_t at = 0; at < values->length; at += word)
		set += table_read_pointer(values, at, &value) == CPEEK_OK && value;
	if (set != used)
		dissect_problem(dissection, "ma_used %" PRIu64 ", but %" PRIu64 " values are set", used, set);
}

enum cpeek_status dict_dissect(const struct object *object, struct dissection *dissection)
{
	struct objects *objects = object->objects;
	const struct layout *layout = objects->layout;
	const uint64_t used = object_get(object, FIELD_PyDictObject_ma_used);
	const target_addr keys = object_get(object, FIELD_PyDictObject_ma_keys);
	const target_addr values = object_get(object, FIELD_PyDictObject_ma_values);
	struct table table = {0};
	uint64_t size = 0, capacity = 0;
	struct dict_keys header;

	dissect_field(dissection, DISSECT_NUMBER, FIELD_PyDictObject_ma_used, "items");
	explain_version(dissection, object);
	dissect_field(dissection, DISSECT_POINTER, FIELD_PyDictObject_ma_keys, "the table: PyDictKeysObject");
	dissect_field(dissection, DISSECT_POINTER, FIELD_PyDictObject_ma_values, "%s",
		      values ? "split: the keys are shared with other dicts, the values are this one's own"
			     : "combined: the values are in the table, beside their keys");
	if (values && dict_keys_read(objects, keys, &header) == CPEEK_OK) {
		const uint64_t array = layout_trait(layout, TRAIT_DICT_VALUES_HEADER)
					       ? layout_offset(layout, FIELD_PyDictValues_values)
					       : 0;
		if (table_open(objects, values + array, (int64_t)header.nentries, layout->pointer_size, &table) !=
		    CPEEK_OK)
			dissect_problem(dissection, "ma_values 0x%" PRIx64 " is no memory of the target", values);
		capacity = growth_dict_usable(header.slots) * layout->pointer_size;
	}
	dissect_fact_text(dissection, "form", values ? "split" : "combined");
	if (table.length)
		check_values(dissection, &table, used);
	TRY(explain_table(dissection, keys, &used, values ? &table : NULL, "ma_keys", object->type));
	if (!values)
		return CPEEK_OK;
	dissect_open_block(dissection, "ma_values",
			   layout_has(layout, FIELD_PyDictValues_values) ? STRUCT_PyDictValues : LAYOUT_STRUCT_COUNT,
			   values, capacity);
	const size_t block = dissection->block;
	TRY(dict_dissect_values(dissection, values, keys, 0, &size));
	dissection->parts.items[block - 1].size = size;
	return CPEEK_OK;
}
