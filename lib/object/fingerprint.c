/*
 * Recovers tp_name. Knows PyTypeObject and what can be read of its dict before any type has a name.
 */
#include "object/fingerprint.h"
#include "object/dict.h"

#include <stdlib.h>
#include <string.h>

/* Types that one fingerprint fits: "a|b|c". ordered: as siblings_next() tells them. */
static const struct fingerprint {
	uint64_t value;
	const char *names;
	bool ordered;
} fingerprints[] = {
#define FINGERPRINT(value, names) {UINT64_C(value), names, true},
#define FINGERPRINT_SET(value, names) {UINT64_C(value), names, false},
#include "object/fingerprints.def"
#undef FINGERPRINT
#undef FINGERPRINT_SET
};

/* Where types of one fingerprint stand under a name that is theirs: the value of a key in a module's dict, or that
 * value's type. Without a module: in the dict of `object`. Lib/_collections_abc.py, Lib/types.py, 3.6 to 3.15. */
static const struct place {
	const char *module, *key;
	bool type_of;
	const char *name;
	const char *unless; /* the set has this one, which is the one that stands there; may be NULL */
} places[] = {
	{NULL, "__repr__", true, "wrapper_descriptor", NULL},
	{NULL, "__reduce__", true, "method_descriptor", NULL},
	{NULL, "__init_subclass__", true, "classmethod_descriptor", NULL},
	{"_collections_abc", "bytes_iterator", false, "bytes_iterator", NULL},
	{"_collections_abc", "bytearray_iterator", false, "bytearray_iterator", NULL},
	{"_collections_abc", "dict_keyiterator", false, "dict_keyiterator", NULL},
	{"_collections_abc", "dict_valueiterator", false, "dict_valueiterator", NULL},
	{"_collections_abc", "dict_itemiterator", false, "dict_itemiterator", NULL},
	{"_collections_abc", "list_iterator", false, "list_iterator", NULL},
	{"_collections_abc", "list_reverseiterator", false, "list_reverseiterator", NULL},
	{"_collections_abc", "range_iterator", false, "range_iterator", NULL},
	{"_collections_abc", "longrange_iterator", false, "longrange_iterator", NULL},
	{"_collections_abc", "set_iterator", false, "set_iterator", NULL},
	{"_collections_abc", "str_iterator", false, "str_iterator", "str_ascii_iterator"}, /* type(iter("")) */
	{"_collections_abc", "str_iterator", false, "str_ascii_iterator", NULL},
	{"_collections_abc", "tuple_iterator", false, "tuple_iterator", NULL},
	{"_collections_abc", "dict_keys", false, "dict_keys", NULL},
	{"_collections_abc", "dict_items", false, "dict_items", NULL},
	{"_collections", "_deque_iterator", false, "_collections._deque_iterator", NULL},
	{"_collections", "_deque_reverse_iterator", false, "_collections._deque_reverse_iterator", NULL},
	{"_ctypes", "Structure", true, "_ctypes.PyCStructType", NULL},
	{"_ctypes", "Union", true, "_ctypes.UnionType", NULL},
};

/* ---- What is unlike in any two types ----------------------------------------------------------------------- */

/* FNV-1a */
static const uint64_t hash_start = UINT64_C(0xcbf29ce484222325);

static uint64_t hash_bytes(uint64_t hash, const void *bytes, size_t length)
{
	const unsigned char *at = bytes;

	for (size_t i = 0; i < length; i++)
		hash = (hash ^ at[i]) * UINT64_C(0x100000001b3);
	return hash;
}

static uint64_t hash_number(uint64_t hash, uint64_t number)
{
	unsigned char bytes[8];

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (unsigned char)(number >> 8 * i);
	return hash_bytes(hash, bytes, sizeof(bytes));
}

static enum cpeek_status hash_str(struct objects *objects, target_addr address, uint64_t *hash)
{
	strbuf_clear(&objects->scratch);
	TRY(str_read(objects, address, 0, &objects->scratch, NULL));
	if (strbuf_failed(&objects->scratch))
		return CPEEK_NO_MEMORY;
	*hash = hash_bytes(*hash, strbuf_text(&objects->scratch), objects->scratch.length);
	return CPEEK_OK;
}

enum { KEYS_MAX = 4096, SIBLINGS_MAX = 1 << 20 };

/* The order of the names does not count. */
static enum cpeek_status hash_dict(struct objects *objects, target_addr dict, uint64_t *hash)
{
	struct object object;
	struct items items;
	struct item item;
	uint64_t sum = 0, count = 0;
	enum cpeek_status status;

	TRY(dict_open(objects, dict, &object, &items));
	while ((status = dict_next(&items, &item)) == CPEEK_OK && count < KEYS_MAX) {
		uint64_t name = hash_start;
		TRY(hash_str(objects, item.key, &name));
		if (str_equals(objects, item.key, "__doc__", 7)) {
			enum cpeek_status doc = hash_str(objects, item.value, &name);
			if (doc != CPEEK_OK && doc != CPEEK_CORRUPT) /* None */
				return doc;
		}
		sum += name;
		count++;
	}
	if (status != CPEEK_END)
		return status == CPEEK_OK ? CPEEK_CORRUPT : status;
	*hash = hash_number(hash_number(*hash, sum), count);
	return CPEEK_OK;
}

static const enum layout_field slots[] = {
	FIELD_PyTypeObject_tp_dealloc,     FIELD_PyTypeObject_tp_getattr,    FIELD_PyTypeObject_tp_setattr,
	FIELD_PyTypeObject_tp_as_async,    FIELD_PyTypeObject_tp_repr,       FIELD_PyTypeObject_tp_as_number,
	FIELD_PyTypeObject_tp_as_sequence, FIELD_PyTypeObject_tp_as_mapping, FIELD_PyTypeObject_tp_hash,
	FIELD_PyTypeObject_tp_call,        FIELD_PyTypeObject_tp_str,        FIELD_PyTypeObject_tp_getattro,
	FIELD_PyTypeObject_tp_setattro,    FIELD_PyTypeObject_tp_as_buffer,  FIELD_PyTypeObject_tp_doc,
	FIELD_PyTypeObject_tp_traverse,    FIELD_PyTypeObject_tp_clear,      FIELD_PyTypeObject_tp_richcompare,
	FIELD_PyTypeObject_tp_iter,        FIELD_PyTypeObject_tp_iternext,   FIELD_PyTypeObject_tp_descr_get,
	FIELD_PyTypeObject_tp_descr_set,   FIELD_PyTypeObject_tp_init,       FIELD_PyTypeObject_tp_alloc,
	FIELD_PyTypeObject_tp_new,         FIELD_PyTypeObject_tp_free,       FIELD_PyTypeObject_tp_is_gc,
	FIELD_PyTypeObject_tp_finalize,
};

/* How many entries a table has until the one without a name, and the sum of one of their numbers. */
static enum cpeek_status hash_table(struct objects *objects, const struct type *type, enum layout_field table,
				    enum layout_field name, enum layout_field number, enum layout_struct entry,
				    uint64_t *hash)
{
	uint64_t at, text, value, count = 0, sum = 0;

	TRY(field_read(objects, type->address, table, &at));
	while (at && count < KEYS_MAX) {
		TRY(field_read(objects, at, name, &text));
		if (!text)
			break;
		TRY(field_read(objects, at, number, &value));
		/* Of a function, only whether there is one. */
		sum += number == FIELD_PyGetSetDef_set ? value != 0 : value;
		count++;
		at += objects->layout->structs[entry];
	}
	*hash = hash_number(hash_number(*hash, count), sum);
	return CPEEK_OK;
}

/* Until PyType_Ready() has run, nothing was inherited and there is no dict. */
static enum cpeek_status hash_slots(struct objects *objects, const struct type *type, uint64_t *hash)
{
	uint64_t filled = 0, value;

	for (size_t i = 0; i < sizeof(slots) / sizeof(*slots); i++) {
		TRY(field_read(objects, type->address, slots[i], &value));
		filled |= (uint64_t)(value != 0) << i;
	}
	*hash = hash_number(*hash, filled);
	TRY(hash_table(objects, type, FIELD_PyTypeObject_tp_methods, FIELD_PyMethodDef_ml_name,
		       FIELD_PyMethodDef_ml_flags, STRUCT_PyMethodDef, hash));
	TRY(hash_table(objects, type, FIELD_PyTypeObject_tp_members, FIELD_PyMemberDef_name, FIELD_PyMemberDef_offset,
		       STRUCT_PyMemberDef, hash));
	return hash_table(objects, type, FIELD_PyTypeObject_tp_getset, FIELD_PyGetSetDef_name, FIELD_PyGetSetDef_set,
			  STRUCT_PyGetSetDef, hash);
}

/* Of the flags, those that a class is made with and keeps. */
static const uint64_t kept_flags = TYPE_HAVE_GC | UINT64_C(0xff) << 24;

enum cpeek_status fingerprint_read(struct objects *objects, const struct type *type, uint64_t *ret)
{
	const struct type *base = type->base_type;
	uint64_t hash = hash_start;
	target_addr dict;

	if (base ? !base->name_known : type->base != 0)
		return CPEEK_UNSUPPORTED;
	hash = hash_bytes(hash, objects->layout->name, strlen(objects->layout->name));
	hash = hash_number(hash, (uint64_t)type->basicsize);
	hash = hash_number(hash, (uint64_t)type->itemsize);
	hash = hash_number(hash, (uint64_t)type->weaklistoffset);
	hash = hash_number(hash, (uint64_t)type->dictoffset);
	hash = hash_number(hash, type->flags & kept_flags);
	hash = hash_bytes(hash, base ? base->tp_name : "", base ? strlen(base->tp_name) : 0);
	if (type->flags & TYPE_READY) {
		TRY(type_find_dict(objects, type, &dict));
		TRY(hash_dict(objects, dict, &hash));
	} else {
		TRY(hash_slots(objects, type, &hash));
	}
	/* Their objects are of other sizes: two classes must not be taken for one another because each has the other's. */
	if (objects->layout->free_threaded)
		hash = hash_bytes(hash, "t", 1);
	*ret = hash;
	return CPEEK_OK;
}

uint64_t fingerprint_of_version(const struct objects *objects, uint64_t fingerprint)
{
	return hash_bytes(fingerprint, objects->python->version, strlen(objects->python->version));
}

/* ---- Those that one fingerprint fits ----------------------------------------------------------------------- */

static const struct type *root_of(const struct type *type)
{
	while (type->base_type)
		type = type->base_type;
	return type;
}

static enum cpeek_status find_place(struct objects *objects, const struct place *place, const struct type *type,
				    target_addr *ret)
{
	target_addr dict, value;

	if (place->module) {
		if (!objects->python->interpreter_count)
			return CPEEK_NOT_FOUND;
		TRY(dict_find(objects, objects->python->interpreters[0].modules, place->module, strlen(place->module),
			      &value));
		TRY(field_read(objects, value, FIELD_PyModuleObject_md_dict, &dict));
	} else {
		TRY(type_find_dict(objects, root_of(type), &dict));
	}
	TRY(dict_find(objects, dict, place->key, strlen(place->key), &value));
	if (place->type_of)
		TRY(field_read(objects, value, FIELD_PyObject_ob_type, &value));
	*ret = value;
	return CPEEK_OK;
}

/* The type that has a name of a set, if a place shows it. */
static enum cpeek_status find_named(struct objects *objects, const struct type *type, const char *names,
				    const char *name, size_t length, target_addr *ret)
{
	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++)
		if (strlen(places[i].name) == length && memcmp(places[i].name, name, length) == 0 &&
		    !(places[i].unless && strstr(names, places[i].unless)))
			return find_place(objects, &places[i], type, ret);
	return CPEEK_NOT_FOUND;
}

static enum cpeek_status take_name(struct objects *objects, const char *name, size_t length, const char **ret)
{
	*ret = arena_copy(&objects->arena, name, length);
	return *ret ? CPEEK_OK : CPEEK_NO_MEMORY;
}

/* One of the set by the place that shows it; or the only one that no place shows. */
static enum cpeek_status choose_by_place(struct objects *objects, const struct type *type, const char *names,
					 const char **ret)
{
	const char *hidden = NULL;
	size_t hidden_count = 0;
	target_addr address = 0;

	for (const char *at = names; *at; at += strcspn(at, "|"), at += *at == '|') {
		enum cpeek_status status = find_named(objects, type, names, at, strcspn(at, "|"), &address);
		if (status == CPEEK_NO_MEMORY)
			return status;
		if (status != CPEEK_OK) {
			hidden = at;
			hidden_count++;
		} else if (address == type->address) {
			return take_name(objects, at, strcspn(at, "|"), ret);
		}
	}
	return hidden_count == 1 ? take_name(objects, hidden, strcspn(hidden, "|"), ret) : CPEEK_NOT_FOUND;
}

static bool has_table(const struct objects *objects)
{
	return layout_has(objects->layout, FIELD_PyInterpreterState_types_builtins);
}

enum cpeek_status siblings_start(struct objects *objects, const struct type *type, struct siblings *ret)
{
	target_addr subclasses;

	ret->objects = objects;
	ret->type = type;
	ret->index = 0;
	if (!objects->python->interpreter_count)
		return CPEEK_NOT_FOUND;
	if (has_table(objects))
		return CPEEK_OK;
	TRY(field_read(objects, type->base, FIELD_PyTypeObject_tp_subclasses, &subclasses));
	return dict_open(objects, subclasses, &ret->dict, &ret->items);
}

enum cpeek_status siblings_next(struct siblings *siblings, target_addr *ret)
{
	const struct objects *objects = siblings->objects;
	const struct layout *layout = objects->layout;
	const uint32_t stride = layout->structs[STRUCT_managed_static_type_state];
	const struct layout_place place = layout->fields[FIELD_PyInterpreterState_types_builtins];
	struct item item;

	if (siblings->index++ == SIBLINGS_MAX)
		return CPEEK_CORRUPT;
	if (!has_table(objects)) {
		TRY(dict_next(&siblings->items, &item));
		return field_read(objects, item.value, FIELD_PyWeakReference_wr_object, ret);
	}
	if (siblings->index * stride > place.size)
		return CPEEK_END;
	return field_read(objects,
			  objects->python->interpreters[0].address + place.offset_plus_1 - 1 +
				  (siblings->index - 1) * stride,
			  FIELD_managed_static_type_state_type, ret);
}

/* How many siblings have the fingerprint, and how many of them come before this one. */
static enum cpeek_status count_alike(struct objects *objects, const struct type *type, uint64_t value,
				     size_t *ret_count, size_t *ret_before)
{
	size_t count = 0, before = SIZE_MAX;
	struct siblings siblings;
	struct type other;
	target_addr address;
	uint64_t found;
	enum cpeek_status status;

	TRY(siblings_start(objects, type, &siblings));
	while ((status = siblings_next(&siblings, &address)) == CPEEK_OK) {
		if (address == type->address)
			before = count;
		if (!address || type_read_bare(objects, address, &other) != CPEEK_OK || other.base != type->base ||
		    other.flags & TYPE_HEAPTYPE)
			continue;
		other.base_type = type->base_type;
		status = fingerprint_read(objects, &other, &found);
		if (status == CPEEK_NO_MEMORY)
			return status;
		count += status == CPEEK_OK && found == value;
	}
	if (status != CPEEK_END)
		return status;
	if (before == SIZE_MAX)
		return CPEEK_NOT_FOUND;
	*ret_count = count;
	*ret_before = before;
	return CPEEK_OK;
}

static enum cpeek_status choose_by_order(struct objects *objects, const struct type *type, uint64_t value,
					 const struct fingerprint *found, const char **ret)
{
	size_t count, before, names = 1;

	TRY(count_alike(objects, type, value, &count, &before));
	for (const char *at = found->names; (at = strchr(at, '|')); at++)
		names++;
	if (count != names)
		return CPEEK_NOT_FOUND;
	const char *name = found->names;
	while (before--)
		name += strcspn(name, "|") + 1;
	return take_name(objects, name, strcspn(name, "|"), ret);
}

static enum cpeek_status choose(struct objects *objects, const struct type *type, uint64_t value,
				const struct fingerprint *found, const char **ret)
{
	if (!strchr(found->names, '|')) {
		*ret = found->names;
		return CPEEK_OK;
	}
	enum cpeek_status status =
		found->ordered ? choose_by_order(objects, type, value, found, ret) : CPEEK_NOT_FOUND;
	if (status == CPEEK_OK || status == CPEEK_NO_MEMORY)
		return status;
	return choose_by_place(objects, type, found->names, ret);
}

/* ---- From there to the name -------------------------------------------------------------------------------- */

static int compare_values(const void *key, const void *row)
{
	const uint64_t a = *(const uint64_t *)key, b = ((const struct fingerprint *)row)->value;

	return a < b ? -1 : a > b;
}

static const struct fingerprint *find_row(uint64_t value)
{
	return bsearch(&value, fingerprints, sizeof(fingerprints) / sizeof(*fingerprints), sizeof(*fingerprints),
		       compare_values);
}

/* The flag is inherited, so that the class it is named after is the only one whose base does not have it. */
static const char *name_by_flag(const struct type *type)
{
	static const struct {
		uint64_t flag;
		const char *name;
	} flags[] = {
		{TYPE_LONG_SUBCLASS, "int"},    {TYPE_LIST_SUBCLASS, "list"},
		{TYPE_TUPLE_SUBCLASS, "tuple"}, {TYPE_BYTES_SUBCLASS, "bytes"},
		{TYPE_UNICODE_SUBCLASS, "str"}, {TYPE_DICT_SUBCLASS, "dict"},
		{TYPE_TYPE_SUBCLASS, "type"},   {TYPE_BASE_EXC_SUBCLASS, "BaseException"},
	};

	if (!type->base)
		return type->flags & TYPE_READY ? "object" : NULL;
	for (size_t i = 0; type->base_type && i < sizeof(flags) / sizeof(*flags); i++)
		if (type->flags & flags[i].flag && !(type->base_type->flags & flags[i].flag))
			return flags[i].name;
	return NULL;
}

/* CPython's own static types: those in the file that the root of all classes lies in. */
static bool is_of_cpython(const struct objects *objects, const struct type *type)
{
	const struct type *root = root_of(type);
	const struct target_module *module = target_find_module(objects->target, type->address);
	return module && !root->base && module == target_find_module(objects->target, root->address);
}

/* Aliases (IOError) come behind the names that they stand for; what a program adds, behind all of them. */
static enum cpeek_status name_in_builtins(struct objects *objects, const struct type *type, const char **ret)
{
	const struct python *python = objects->python;
	struct object object;
	struct items items;
	struct item item;
	enum cpeek_status status;

	if (!python->interpreter_count || !is_of_cpython(objects, type))
		return CPEEK_NOT_FOUND;
	TRY(dict_open(objects, python->interpreters[0].builtins, &object, &items));
	while ((status = dict_next(&items, &item)) == CPEEK_OK) {
		if (item.value != type->address)
			continue;
		strbuf_clear(&objects->scratch);
		TRY(str_read(objects, item.key, TYPE_NAME, &objects->scratch, NULL));
		if (strbuf_failed(&objects->scratch))
			return CPEEK_NO_MEMORY;
		*ret = arena_copy(&objects->arena, strbuf_text(&objects->scratch), objects->scratch.length);
		return *ret ? CPEEK_OK : CPEEK_NO_MEMORY;
	}
	return status == CPEEK_END ? CPEEK_NOT_FOUND : status;
}

enum cpeek_status type_name_recover(struct objects *objects, const struct type *type, const char **ret)
{
	uint64_t value;

	if (type->flags & TYPE_HEAPTYPE)
		return CPEEK_NOT_FOUND;
	const char *name = name_by_flag(type);
	if (name) {
		*ret = name;
		return CPEEK_OK;
	}
	enum cpeek_status status = fingerprint_read(objects, type, &value);
	if (status == CPEEK_NO_MEMORY)
		return status;
	if (status == CPEEK_OK) {
		const struct fingerprint *found = find_row(fingerprint_of_version(objects, value));
		if (!found)
			found = find_row(value);
		status = found ? choose(objects, type, value, found, ret) : CPEEK_NOT_FOUND;
		if (status == CPEEK_OK || status == CPEEK_NO_MEMORY)
			return status;
	}
	status = name_in_builtins(objects, type, ret);
	return status == CPEEK_OK || status == CPEEK_NO_MEMORY ? status : CPEEK_NOT_FOUND;
}
