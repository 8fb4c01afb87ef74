/*
 * Probing as in lookdict() and its kin (Objects/dictobject.c) and set_lookkey() (Objects/setobject.c).
 *
 * Once perturb is 0, probing visits every slot, so that a table without an empty slot would be probed for ever.
 */
#include "object/lookup.h"
#include "object/dict.h"
#include "object/hash.h"
#include "object/probe.h"
#include "object/set.h"
#include "object/str.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum {
	PERTURB_STEPS = 64 / PROBE_PERTURB_SHIFT + 1, /* until perturb is 0 */
	WRAPPERS_MAX = 16,                            /* mappingproxies of mappingproxies */
	POLL = 1 << 12,                               /* probes between two looks at whether to go on */
};

enum verdict { VERDICT_GO_ON, VERDICT_FOUND, VERDICT_NOT_FOUND, VERDICT_BROKEN };

struct lookup {
	struct dissection *dissection;
	struct objects *objects;
	struct plains *plains;
	const struct plain *key;
	uint64_t hash, mask;
	/* So far. */
	uint64_t probes, compared, called;
	const char *culprit; /* type whose __eq__ would be called first */
	uint64_t cut;
	const char *problem; /* to be told behind the table: what is wrong with it; or NULL */
};

/* ---- One probe ---- */

static void start_row(struct lookup *lookup, const char *by, uint64_t perturb, uint64_t slot)
{
	struct dissection *dissection = lookup->dissection;

	lookup->probes++;
	if (dissect_is_full(dissection)) {
		lookup->cut++;
		return;
	}
	dissect_cell(dissection, "probe", DISSECT_UNSIGNED, lookup->probes);
	dissect_cell_text(dissection, "by", "%s", by);
	dissect_cell_text(dissection, "perturb", "0x%" PRIx64, perturb);
	dissect_cell(dissection, "slot", DISSECT_UNSIGNED, slot);
}

/* The rest of the row. index: UINT64_MAX for none; key: 0 for none. */
__attribute__((format(printf, 6, 7))) static void end_row(struct lookup *lookup, const char *holds, uint64_t index,
							  target_addr key, const uint64_t *hash, const char *format,
							  ...)
{
	struct dissection *dissection = lookup->dissection;
	char text[256];
	va_list args;

	if (lookup->cut)
		return;
	dissect_cell_text(dissection, "holds", "%s", holds);
	if (index != UINT64_MAX)
		dissect_cell(dissection, "entry", DISSECT_UNSIGNED, index);
	if (key)
		dissect_cell(dissection, "key", DISSECT_OBJECT, key);
	if (hash)
		dissect_cell(dissection, "hash", DISSECT_NUMBER, (uint64_t)hash_number(lookup->objects, *hash));
	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	dissect_cell_text(dissection, "result", "%s", text);
	dissect_end_row(dissection);
}

/* What could not be read, or is wrong, is told behind the table. OK, or NO_MEMORY, CANCELLED. */
static enum cpeek_status fail(struct lookup *lookup, enum cpeek_status status, const char *what)
{
	const struct target *target = lookup->objects->target;

	if (status_is_fatal(status))
		return status;
	if (status == CPEEK_FAULT)
		lookup->problem = dissect_text(lookup->dissection, "%s: 0x%" PRIx64 " is unreadable (%s)", what,
					       target->fault_address, target_hole_text(target->fault_hole));
	else
		lookup->problem = dissect_text(lookup->dissection, "%s: %s", what, cpeek_status_text((int32_t)status));
	return CPEEK_OK;
}

/* An entry's key against ours. hash: that of the entry; identity: that is asked first. */
static enum cpeek_status compare(struct lookup *lookup, uint64_t index, target_addr key, uint64_t hash, bool identity,
				 enum verdict *ret)
{
	const struct plain *culprit = NULL;
	struct plain other;

	*ret = VERDICT_GO_ON;
	if (identity && lookup->key->address && lookup->key->address == key) {
		*ret = VERDICT_FOUND;
		end_row(lookup, "key", index, key, &hash, "the same object: found");
		return CPEEK_OK;
	}
	if (hash != lookup->hash) {
		end_row(lookup, "key", index, key, &hash, "another hash");
		return CPEEK_OK;
	}
	lookup->compared++;
	const enum cpeek_status status = plain_read(lookup->plains, key, &other);
	if (status != CPEEK_OK) {
		end_row(lookup, "key", index, key, &hash, "the same hash; the key cannot be read");
		return fail(lookup, status, "a key of the same hash");
	}
	const bool text =
		other.kind == PLAIN_STR && lookup->key->kind == PLAIN_STR && other.exact && lookup->key->exact;
	switch (plain_equal(lookup->plains, &other, lookup->key, &culprit)) {
	case PLAIN_YES:
		*ret = VERDICT_FOUND;
		end_row(lookup, "key", index, key, &hash,
			other.address && other.address == lookup->key->address
				? "the same hash, and the same object: found"
			: text ? "the same hash and text: found"
			       : "the same hash, and == is true: found");
		break;
	case PLAIN_NO:
	case PLAIN_REFUSES:
		end_row(lookup, "key", index, key, &hash,
			text ? "the same hash, other text" : "the same hash, and == is false");
		break;
	case PLAIN_ASKS:
		if (!lookup->called++)
			lookup->culprit = plain_type_name(culprit);
		end_row(lookup, "key", index, key, &hash,
			"the same hash; would call %.120s.__eq__, and end here if that is true",
			plain_type_name(culprit));
		break;
	}
	return CPEEK_OK;
}

/* Whether to go on after so many probes: CANCELLED. */
static enum cpeek_status poll(const struct lookup *lookup)
{
	const struct objects *objects = lookup->objects;

	return lookup->probes % POLL == 0 && objects->cancelled && objects->cancelled(objects->cancelled_arg)
		       ? CPEEK_CANCELLED
		       : CPEEK_OK;
}

/* ---- dict ---- */

static enum cpeek_status entry_hash(const struct lookup *lookup, const struct dict_keys *keys, uint64_t index,
				    target_addr key, uint64_t *ret)
{
	const struct layout *layout = lookup->objects->layout;

	if (keys->short_entries) /* that of the str itself */
		return field_read(lookup->objects, key, FIELD_PyASCIIObject_hash, ret);
	return field_read(lookup->objects, keys->entries.address + index * layout->structs[STRUCT_PyDictKeyEntry],
			  FIELD_PyDictKeyEntry_me_hash, ret);
}

static enum cpeek_status probe_index(struct lookup *lookup, const struct dict_keys *keys, int64_t index, bool identity,
				     enum verdict *ret)
{
	struct dict_entry entry;
	uint64_t hash;

	*ret = VERDICT_GO_ON;
	if (index == INDEX_EMPTY) {
		end_row(lookup, "empty", UINT64_MAX, 0, NULL, "the chain ends: not found");
		*ret = VERDICT_NOT_FOUND;
		return CPEEK_OK;
	}
	if (index == INDEX_DUMMY) {
		end_row(lookup, "dummy", UINT64_MAX, 0, NULL, "a deleted entry: go on");
		return CPEEK_OK;
	}
	*ret = VERDICT_BROKEN;
	if (index < 0 || (uint64_t)index >= keys->nentries) {
		end_row(lookup, "index", (uint64_t)index, 0, NULL, "no such entry");
		lookup->problem = dissect_text(lookup->dissection,
					       "the index table names entry %" PRId64 ", and dk_nentries is %" PRIu64
					       ": CPython would read past the entries",
					       index, keys->nentries);
		return CPEEK_OK;
	}
	enum cpeek_status status =
		dict_entry_read(lookup->objects, &keys->entries, keys->short_entries, (uint64_t)index, &entry);
	if (status == CPEEK_OK && !entry.key) {
		end_row(lookup, "index", (uint64_t)index, 0, NULL, "an entry without a key");
		lookup->problem = dissect_text(lookup->dissection,
					       "the index table names entry %" PRId64 ", whose me_key is NULL", index);
		return CPEEK_OK;
	}
	if (status == CPEEK_OK)
		status = entry_hash(lookup, keys, (uint64_t)index, entry.key, &hash);
	if (status != CPEEK_OK) {
		end_row(lookup, "index", (uint64_t)index, 0, NULL, "unreadable");
		return fail(lookup, status, "an entry");
	}
	return compare(lookup, (uint64_t)index, entry.key, hash, identity, ret);
}

static enum cpeek_status probe_dict(struct lookup *lookup, const struct dict_keys *keys, bool identity,
				    uint64_t *ret_index, enum verdict *ret)
{
	struct probe probe = probe_start(lookup->hash, lookup->mask);
	enum verdict verdict = VERDICT_GO_ON;
	int64_t index = INDEX_EMPTY;

	for (; verdict == VERDICT_GO_ON; probe_next(&probe)) {
		TRY(poll(lookup));
		if (lookup->probes > lookup->mask + PERTURB_STEPS) {
			verdict = VERDICT_BROKEN;
			break;
		}
		start_row(lookup, lookup->probes ? "perturb" : "hash", probe.perturb, probe.slot);
		const enum cpeek_status status = dict_index_read(keys, probe.slot, &index);
		if (status != CPEEK_OK) {
			end_row(lookup, "?", UINT64_MAX, 0, NULL, "unreadable");
			*ret = VERDICT_BROKEN;
			return fail(lookup, status, "the index table");
		}
		TRY(probe_index(lookup, keys, index, identity, &verdict));
	}
	*ret_index = (uint64_t)index;
	*ret = verdict;
	return CPEEK_OK;
}

/* ---- set ---- */

static enum cpeek_status probe_entry(struct lookup *lookup, const struct table *table, uint64_t slot,
				     enum verdict *ret)
{
	const uint64_t removed = UINT64_MAX >> (64 - 8 * lookup->objects->layout->pointer_size); /* the hash -1 */
	struct set_slot entry;

	const enum cpeek_status status = set_slot_read(lookup->objects, table, slot, &entry);
	*ret = VERDICT_GO_ON;
	if (status != CPEEK_OK) {
		end_row(lookup, "?", UINT64_MAX, 0, NULL, "unreadable");
		*ret = VERDICT_BROKEN;
		return fail(lookup, status, "the table");
	}
	if (!entry.key && entry.hash == 0) {
		end_row(lookup, "empty", UINT64_MAX, 0, NULL, "the chain ends: not found");
		*ret = VERDICT_NOT_FOUND;
		return CPEEK_OK;
	}
	if (entry.hash == removed) {
		end_row(lookup, "dummy", UINT64_MAX, 0, &entry.hash, "a removed item: go on");
		return CPEEK_OK;
	}
	if (!entry.key) {
		end_row(lookup, "NULL", UINT64_MAX, 0, &entry.hash, "an entry without a key");
		lookup->problem = dissect_text(lookup->dissection, "slot %" PRIu64 " has a hash and no key", slot);
		*ret = VERDICT_BROKEN;
		return CPEEK_OK;
	}
	/* It compares hashes first. */
	const bool same = entry.hash == lookup->hash;
	return compare(lookup, UINT64_MAX, entry.key, entry.hash, same, ret);
}

static enum cpeek_status probe_set(struct lookup *lookup, const struct table *table, enum verdict *ret)
{
	struct probe probe = probe_start(lookup->hash, lookup->mask);
	enum verdict verdict = VERDICT_GO_ON;

	for (uint64_t step = 0; verdict == VERDICT_GO_ON; step++, probe_next(&probe)) {
		if (step > lookup->mask + PERTURB_STEPS) {
			verdict = VERDICT_BROKEN;
			break;
		}
		const uint64_t last = probe_last_neighbour(&probe);
		for (uint64_t slot = probe.slot; slot <= last && verdict == VERDICT_GO_ON; slot++) {
			const char *by = slot > probe.slot ? "linear" : step ? "perturb" : "hash";
			TRY(poll(lookup));
			start_row(lookup, by, probe.perturb, slot);
			TRY(probe_entry(lookup, table, slot, &verdict));
		}
	}
	*ret = verdict;
	return CPEEK_OK;
}

/* ---- The hash ---- */

/* A key whose hash cannot be computed may be in the table itself, which keeps it: the search is for this very object. */
static enum cpeek_status kept_by_dict(const struct lookup *lookup, const struct dict_keys *keys, uint64_t *ret)
{
	for (uint64_t i = 0; !keys->short_entries && i < keys->nentries; i++) {
		struct dict_entry entry;
		TRY(dict_entry_read(lookup->objects, &keys->entries, false, i, &entry));
		if (entry.key == lookup->key->address)
			return entry_hash(lookup, keys, i, entry.key, ret);
	}
	return CPEEK_NOT_FOUND;
}

static enum cpeek_status kept_by_set(const struct lookup *lookup, const struct table *table, uint64_t *ret)
{
	for (uint64_t i = 0; i <= lookup->mask; i++) {
		struct set_slot slot;
		TRY(set_slot_read(lookup->objects, table, i, &slot));
		if (slot.key == lookup->key->address) {
			*ret = slot.hash;
			return CPEEK_OK;
		}
	}
	return CPEEK_NOT_FOUND;
}

/* Whether the secret may have had a part in the key's hash. */
static bool takes_secret(const struct plain *key)
{
	return !key->has_hash && (key->kind == PLAIN_STR || key->kind == PLAIN_BYTES || key->kind == PLAIN_TUPLE);
}

/* Facts on the key and its hash. NOT_FOUND: without a hash there is no search, and that was said. keys or table: what is
 * searched. */
static enum cpeek_status find_hash(struct lookup *lookup, const struct dict_keys *keys, const struct table *table)
{
	struct dissection *dissection = lookup->dissection;
	struct hash hash;

	if (lookup->key->address)
		dissect_fact_object(dissection, "key", lookup->key->address);
	dissect_fact_text(dissection, "key type", "%s", plain_type_name(lookup->key));
	enum cpeek_status status = hash_plain(lookup->plains, lookup->key, &hash);
	if (status == CPEEK_OK) {
		lookup->hash = hash.value;
		dissect_fact_number(dissection, "hash", hash_number(lookup->objects, hash.value), "0x%" PRIx64 ": %s",
				    hash.value, hash.how);
		if (takes_secret(lookup->key) && lookup->objects->hash_secret)
			dissect_fact_text(dissection, "secret", "%s", lookup->objects->hash_secret->evidence);
		return CPEEK_OK;
	}
	if (status != CPEEK_NOT_FOUND)
		return status;
	if (lookup->key->address && strncmp(hash.how, "TypeError", 9) != 0) {
		status = keys ? kept_by_dict(lookup, keys, &lookup->hash) : kept_by_set(lookup, table, &lookup->hash);
		if (status == CPEEK_OK) {
			dissect_fact_number(dissection, "hash", hash_number(lookup->objects, lookup->hash),
					    "0x%" PRIx64 ": kept in the table, since this very object is in it; %s",
					    lookup->hash, hash.how);
			return CPEEK_OK;
		}
		if (status_is_fatal(status))
			return status;
	}
	if (strncmp(hash.how, "TypeError", 9) == 0)
		dissect_note(dissection, "There is no search: %s.", hash.how);
	else
		dissect_problem(dissection, "the hash of the key cannot be computed: %s", hash.how);
	return CPEEK_NOT_FOUND;
}

/* ---- How it ends ---- */

static void show_outcome(struct lookup *lookup, enum verdict verdict, target_addr value)
{
	struct dissection *dissection = lookup->dissection;

	if (lookup->problem)
		dissect_problem(dissection, "%s", lookup->problem);
	else if (verdict == VERDICT_BROKEN)
		dissect_problem(dissection, "no slot is empty: after %" PRIu64 " probes CPython would go on for ever",
				lookup->probes);
	if (lookup->called && verdict != VERDICT_BROKEN)
		dissect_fact_text(dissection, "found", "%s unless %s.__eq__ says otherwise before",
				  verdict == VERDICT_FOUND ? "yes" : "no", lookup->culprit);
	else if (verdict != VERDICT_BROKEN)
		dissect_fact_bool(dissection, "found", verdict == VERDICT_FOUND, NULL);
	if (value)
		dissect_fact_object(dissection, "value", value);
	dissect_fact_number(dissection, "probes", (int64_t)lookup->probes, NULL);
	dissect_fact_number(dissection, "comparisons", (int64_t)lookup->compared,
			    "of keys whose hash is the same and that are not the same object");
}

static void end_table(struct lookup *lookup)
{
	if (lookup->cut)
		dissect_cut(lookup->dissection, lookup->cut, "probes");
}

static void show_start(struct lookup *lookup, const char *title)
{
	dissect_fact_number(lookup->dissection, "slots", (int64_t)(lookup->mask + 1), "the first is hash & 0x%" PRIx64,
			    lookup->mask);
	dissect_open_table(lookup->dissection, title);
}

/* ---- Which table ---- */

/* The value of a key that was found. */
static enum cpeek_status find_value(struct items *items, target_addr key, target_addr *ret)
{
	struct item item;
	enum cpeek_status status;

	while ((status = items_next(items, &item)) == CPEEK_OK) {
		if (item.key == key) {
			*ret = item.value;
			return CPEEK_OK;
		}
	}
	return status == CPEEK_END ? CPEEK_NOT_FOUND : status;
}

static const char *method_of(struct objects *objects, const struct dict_keys *keys, bool split)
{
	if (split)
		return "the keys are shared by the instances of a class, the values stand apart; str keys: identity, "
		       "or "
		       "the same hash and text";
	if (dict_keys_are_unicode(objects, keys))
		return "all keys are exactly str: identity, or the same hash and text";
	return "general: identity, or the same hash and then ==";
}

/* values: of a split table; items: of the dict or instance. */
static enum cpeek_status in_dict(struct lookup *lookup, target_addr keys_address, bool split, struct items *items)
{
	struct dissection *dissection = lookup->dissection;
	struct objects *objects = lookup->objects;
	struct dict_keys keys;
	struct dict_entry entry;
	enum verdict verdict = VERDICT_BROKEN;
	uint64_t index;
	target_addr value = 0;

	enum cpeek_status status = dict_keys_read(objects, keys_address, &keys);
	if (status != CPEEK_OK)
		return dissect_tolerate(dissection, status, "the keys");
	lookup->mask = keys.slots - 1;
	status = find_hash(lookup, &keys, NULL);
	if (status != CPEEK_OK)
		return status == CPEEK_NOT_FOUND ? CPEEK_OK : dissect_tolerate(dissection, status, "the key");
	const bool all_str = split || dict_keys_are_unicode(objects, &keys);
	const bool str_key = lookup->key->kind == PLAIN_STR && lookup->key->exact;
	dissect_fact_text(dissection, "table", "%s", method_of(objects, &keys, split));
	if (all_str && !str_key)
		dissect_note(dissection,
			     keys.lookup && !split
				     ? "The key is not exactly a str: this search makes the table a general "
				       "one, and compares with ==."
				     : "The key is not exactly a str: those of the same hash are compared "
				       "with ==.");
	show_start(lookup, "probes of the index table");
	TRY(probe_dict(lookup, &keys, !keys.short_entries || str_key, &index, &verdict));
	end_table(lookup);
	if (verdict == VERDICT_FOUND) {
		status = dict_entry_read(objects, &keys.entries, keys.short_entries, index, &entry);
		if (status != CPEEK_OK)
			return dissect_tolerate(dissection, status, "the entry");
		status = find_value(items, entry.key, &value);
		if (status == CPEEK_NOT_FOUND && split) {
			show_outcome(lookup, VERDICT_NOT_FOUND, 0);
			dissect_note(dissection,
				     "The shared keys have it as entry %" PRIu64
				     ", where this instance has no value: not found.",
				     index);
			return CPEEK_OK;
		}
		if (status != CPEEK_NOT_FOUND)
			TRY(dissect_tolerate(dissection, status, "the value"));
		else
			dissect_problem(dissection,
					"entry %" PRIu64 " has a key that the index table names, and no "
					"value",
					index);
	}
	show_outcome(lookup, verdict, value);
	return CPEEK_OK;
}

static enum cpeek_status in_set(struct lookup *lookup, const struct object *set)
{
	struct objects *objects = lookup->objects;
	struct dissection *dissection = lookup->dissection;
	struct table table;
	enum verdict verdict = VERDICT_BROKEN;

	lookup->mask = object_get(set, FIELD_PySetObject_mask);
	enum cpeek_status status = CPEEK_CORRUPT;
	if (!(lookup->mask & (lookup->mask + 1)) && lookup->mask < INT64_MAX)
		status = table_open(objects, object_get(set, FIELD_PySetObject_table), (int64_t)lookup->mask + 1,
				    objects->layout->structs[STRUCT_setentry], &table);
	if (status != CPEEK_OK) {
		dissect_problem(dissection,
				"mask is 0x%" PRIx64 ", one less than a number of slots, and memory cannot hold that "
				"many or it is no power of two",
				lookup->mask);
		return CPEEK_OK;
	}
	status = find_hash(lookup, NULL, &table);
	if (status != CPEEK_OK)
		return status == CPEEK_NOT_FOUND ? CPEEK_OK : dissect_tolerate(dissection, status, "the key");
	show_start(lookup, "probes of the table");
	TRY(probe_set(lookup, &table, &verdict));
	end_table(lookup);
	show_outcome(lookup, verdict, 0);
	return CPEEK_OK;
}

static enum cpeek_status in_attributes(struct lookup *lookup, const struct object *object)
{
	struct attributes attributes;
	struct items items;

	TRY(object_read_attributes(object, &attributes));
	if (attributes.dict || !attributes.values)
		return CPEEK_NOT_FOUND;
	TRY(attributes_start(object, &items));
	dissect_note(lookup->dissection,
		     "The attributes of this %s stand in it without a dict: the keys are its type's.",
		     object->type->name);
	return in_dict(lookup, attributes.keys, true, &items);
}

extern const struct object_type object_type_mappingproxy;

/* What the container stands for: 0 when it is a table itself. */
static enum cpeek_status unwrap(const struct object *container, target_addr *ret)
{
	const struct object_type *decoder = container->type->decoder;
	struct attributes attributes;

	*ret = 0;
	if (decoder && (type_is_mapping(container->type) || decoder->structure == STRUCT_PySetObject))
		return CPEEK_OK;
	if (decoder == &object_type_mappingproxy)
		*ret = object_get(container, FIELD_mappingproxyobject_mapping);
	else if (decoder && decoder->structure == STRUCT__PyDictViewObject)
		*ret = object_get(container, FIELD__PyDictViewObject_dv_dict);
	else if (object_read_attributes(container, &attributes) == CPEEK_OK)
		*ret = attributes.dict;
	return CPEEK_OK;
}

enum cpeek_status lookup_dissect(struct dissection *dissection, const struct object *container, struct plains *plains,
				 const struct plain *key)
{
	struct objects *objects = container->objects;
	struct lookup lookup = {.dissection = dissection, .objects = objects, .plains = plains, .key = key};
	struct object inner;
	struct items items;
	target_addr next;

	TRY(unwrap(container, &next));
	for (int i = 0; next && i < WRAPPERS_MAX; i++) {
		TRY(object_read(objects, next, &inner));
		container = &inner;
		dissect_fact_object(dissection, "searched", next);
		TRY(unwrap(container, &next));
	}
	const struct object_type *decoder = container->type->decoder;
	if (decoder && decoder->structure == STRUCT_PySetObject)
		return in_set(&lookup, container);
	if (decoder && type_is_mapping(container->type)) {
		enum cpeek_status status = items_start(container, &items);
		if (status != CPEEK_OK)
			return dissect_tolerate(dissection, status, "the dict");
		return in_dict(&lookup, object_get(container, FIELD_PyDictObject_ma_keys),
			       object_get(container, FIELD_PyDictObject_ma_values) != 0, &items);
	}
	const enum cpeek_status status = in_attributes(&lookup, container);
	return status == CPEEK_NOT_FOUND ? CPEEK_UNSUPPORTED : status;
}
