/*
 * The table of a dict. Knows PyDictKeysObject, and not what owns one.
 */
#include "object/dictkeys.h"
#include "object/probe.h"

enum {
	KEYS_LOG2_MAX = 48, /* what an address space can hold at most, so that shifts are defined */
};

/* dk_kind of 3.11 and later, Include/internal/pycore_dict.h */
enum { KIND_GENERAL, KIND_UNICODE, KIND_SPLIT };

static uint64_t usable_fraction(uint64_t slots)
{
	return (slots << 1) / 3;
}

/* DK_IXSIZE(): to 3.10 it compares sizes, from 3.11 logarithms; 256 slots need 2 bytes either way. */
static unsigned index_width(unsigned log2_slots)
{
	return log2_slots < 8 ? 1 : log2_slots < 16 ? 2 : log2_slots < 32 ? 4 : 8;
}

/* The type str itself is the only static type with this flag. */
static bool is_exact_str(const struct objects *objects, target_addr address)
{
	uint64_t type, flags;

	return field_read(objects, address, FIELD_PyObject_ob_type, &type) == CPEEK_OK &&
	       field_read(objects, type, FIELD_PyTypeObject_tp_flags, &flags) == CPEEK_OK &&
	       (flags & (TYPE_UNICODE_SUBCLASS | TYPE_HEAPTYPE)) == TYPE_UNICODE_SUBCLASS;
}

static bool has_other_keys(const struct objects *objects, const struct dict_keys *keys)
{
	struct dict_entry entry;

	for (uint64_t i = 0; i < keys->nentries; i++)
		if (dict_entry_read(objects, &keys->entries, keys->short_entries, i, &entry) == CPEEK_OK &&
		    entry.key && !is_exact_str(objects, entry.key))
			return true;
	return false;
}

/* dk_lookup of a table that surely is general: importlib enters each thread that imports in _blocking_on, by its
 * number, and removes it again. The table keeps its function. 0 when it cannot be found. */
static target_addr find_lookdict(struct objects *objects)
{
	const struct python *python = objects->python;
	target_addr module, dict, keys;
	uint64_t slots, lookup;

	if (!python->interpreter_count || !layout_has(objects->layout, FIELD_PyModuleObject_md_dict) ||
	    dict_find(objects, python->interpreters[0].modules, "_frozen_importlib", 17, &module) != CPEEK_OK ||
	    field_read(objects, module, FIELD_PyModuleObject_md_dict, &dict) != CPEEK_OK ||
	    dict_find(objects, dict, "_blocking_on", 12, &dict) != CPEEK_OK ||
	    field_read(objects, dict, FIELD_PyDictObject_ma_keys, &keys) != CPEEK_OK ||
	    field_read(objects, keys, FIELD_PyDictKeysObject_dk_size, &slots) != CPEEK_OK ||
	    field_read(objects, keys, FIELD_PyDictKeysObject_dk_lookup, &lookup) != CPEEK_OK)
		return 0;
	return slots > 1 ? lookup : 0; /* one slot: the empty table that all new dicts share */
}

bool dict_keys_are_unicode(struct objects *objects, const struct dict_keys *keys)
{
	if (!keys->lookup)
		return keys->short_entries;
	if (!objects->lookdict && !objects->lookdict_sought) {
		objects->lookdict_sought = true;
		objects->lookdict = find_lookdict(objects);
	}
	if (objects->lookdict)
		return keys->lookup != objects->lookdict;
	if (!has_other_keys(objects, keys))
		return true;
	objects->lookdict = keys->lookup;
	return false;
}

static uint64_t get(const struct objects *objects, const uint8_t *header, enum layout_field field)
{
	return target_get(objects->target, header + layout_offset(objects->layout, field),
			  objects->layout->fields[field].size);
}

/* Size of the index and form of the entries. */
static enum cpeek_status read_form(const struct objects *objects, const uint8_t *header, struct dict_keys *keys,
				   uint64_t *ret_index_bytes)
{
	unsigned log2_slots;

	if (layout_has(objects->layout, FIELD_PyDictKeysObject_dk_log2_size)) {
		uint64_t log2_bytes = get(objects, header, FIELD_PyDictKeysObject_dk_log2_index_bytes);
		uint64_t kind = get(objects, header, FIELD_PyDictKeysObject_dk_kind);
		log2_slots = (unsigned)get(objects, header, FIELD_PyDictKeysObject_dk_log2_size);
		if (log2_slots > KEYS_LOG2_MAX || log2_bytes > KEYS_LOG2_MAX || kind > KIND_SPLIT ||
		    (uint64_t)index_width(log2_slots) << log2_slots > (uint64_t)1 << log2_bytes)
			return CPEEK_CORRUPT;
		*ret_index_bytes = (uint64_t)1 << log2_bytes;
		keys->short_entries = kind != KIND_GENERAL;
	} else {
		uint64_t slots = get(objects, header, FIELD_PyDictKeysObject_dk_size);
		if (slots == 0 || slots & (slots - 1) || slots > (uint64_t)1 << KEYS_LOG2_MAX)
			return CPEEK_CORRUPT;
		log2_slots = (unsigned)__builtin_ctzll(slots);
		*ret_index_bytes = slots * index_width(log2_slots);
	}
	keys->slots = (uint64_t)1 << log2_slots;
	keys->index_width = index_width(log2_slots);
	return CPEEK_OK;
}

enum cpeek_status dict_keys_read(struct objects *objects, target_addr address, struct dict_keys *ret)
{
	const struct layout *layout = objects->layout;
	struct dict_keys keys = {.address = address};
	const uint8_t *header;
	uint8_t buffer[64];
	struct table table;
	uint64_t index_bytes;

	/* Not the structure's own size: early micro versions of 3.6 have the first indices in it. */
	const uint32_t size = layout_offset(layout, FIELD_PyDictKeysObject_dk_indices);
	if (address == 0 || size > sizeof(buffer))
		return CPEEK_CORRUPT;
	TRY(table_open(objects, address, 1, size, &table));
	TRY(table_read(&table, 0, size, buffer, &header));
	keys.refcount = get(objects, header, FIELD_PyDictKeysObject_dk_refcnt);
	keys.usable = get(objects, header, FIELD_PyDictKeysObject_dk_usable);
	keys.nentries = get(objects, header, FIELD_PyDictKeysObject_dk_nentries);
	TRY(read_form(objects, header, &keys, &index_bytes));
	uint64_t most = usable_fraction(keys.slots);
	if (keys.nentries > most || keys.usable > most)
		return CPEEK_CORRUPT;
	keys.indices = address + layout_offset(layout, FIELD_PyDictKeysObject_dk_indices);
	const uint32_t entry_size =
		layout->structs[keys.short_entries ? STRUCT_PyDictUnicodeEntry : STRUCT_PyDictKeyEntry];
	keys.size = size + index_bytes + most * entry_size;
	TRY(table_open(objects, keys.indices + index_bytes, (int64_t)keys.nentries, entry_size, &keys.entries));
	if (layout_has(layout, FIELD_PyDictKeysObject_dk_lookup))
		keys.lookup = get(objects, header, FIELD_PyDictKeysObject_dk_lookup);
	*ret = keys;
	return CPEEK_OK;
}

enum cpeek_status dict_entry_read(const struct objects *objects, const struct table *entries, bool short_entries,
				  uint64_t index, struct dict_entry *ret)
{
	const struct layout *layout = objects->layout;
	const uint32_t size = layout->structs[short_entries ? STRUCT_PyDictUnicodeEntry : STRUCT_PyDictKeyEntry];
	uint8_t buffer[32];
	const uint8_t *entry;

	if (size > sizeof(buffer))
		return CPEEK_CORRUPT;
	TRY(table_read(entries, index * size, size, buffer, &entry));
	ret->key = target_get_pointer(objects->target,
				      entry + layout_offset(layout, short_entries ? FIELD_PyDictUnicodeEntry_me_key
										  : FIELD_PyDictKeyEntry_me_key));
	ret->value = target_get_pointer(objects->target,
					entry + layout_offset(layout, short_entries ? FIELD_PyDictUnicodeEntry_me_value
										    : FIELD_PyDictKeyEntry_me_value));
	return CPEEK_OK;
}

enum cpeek_status dict_index_read(const struct dict_keys *keys, uint64_t slot, int64_t *ret)
{
	uint8_t buffer[8] = {0};
	const unsigned unused = 64 - 8 * keys->index_width;

	TRY(target_read(keys->entries.target, keys->indices + slot * keys->index_width, buffer, keys->index_width));
	*ret = (int64_t)(target_get(keys->entries.target, buffer, keys->index_width) << unused) >> unused;
	return CPEEK_OK;
}

enum cpeek_status dict_keys_find(const struct objects *objects, const struct dict_keys *keys, uint64_t hash,
				 target_addr key, uint64_t *budget, uint64_t *ret)
{
	struct probe probe = probe_start(hash, keys->slots - 1);

	for (; (*budget)-- > 0; probe_next(&probe)) {
		struct dict_entry entry;
		int64_t index;
		TRY(dict_index_read(keys, probe.slot, &index));
		if (index == INDEX_EMPTY)
			return CPEEK_NOT_FOUND;
		if (index >= 0) {
			if ((uint64_t)index >= keys->nentries)
				return CPEEK_CORRUPT;
			TRY(dict_entry_read(objects, &keys->entries, keys->short_entries, (uint64_t)index, &entry));
			if (entry.key == key) {
				*ret = (uint64_t)index;
				return CPEEK_OK;
			}
		}
	}
	*budget = 0;
	return CPEEK_LIMIT;
}
