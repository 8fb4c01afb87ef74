/*
 * Instances explained: the words that stand before an object since 3.11, the pointers that tp_dictoffset and
 * tp_weaklistoffset tell of, inline values behind it, its __slots__, and its weak references drawn as the list that they
 * are.
 */
#include "object/instance_dissect.h"
#include "object/dict_dissect.h"
#include "object/dict.h"

#include <inttypes.h>
#include <string.h>

enum {
	BASES_MAX = 64,
	WEAKREFS_MAX = 1 << 16, /* of one object */
};

/* The words before an object: two in front of the gc head, or of the object in free-threaded builds.
 * Include/internal/pycore_object.h, MANAGED_DICT_OFFSET, MANAGED_WEAKREF_OFFSET (3.11+) */
static int64_t managed_offset(const struct layout *layout, unsigned index)
{
	return -(int64_t)((layout->free_threaded ? 1u : 3u) + index) * (int64_t)layout->pointer_size;
}

static enum cpeek_status add_managed_dict(const struct object *object, struct dissection *dissection)
{
	const struct layout *layout = object->objects->layout;
	struct dissect_row *row;

	if (layout_trait(layout, TRAIT_MANAGED_DICT_TWO_WORDS)) {
		row = dissect_word(dissection, DISSECT_POINTER, managed_offset(layout, 1), "values");
		dissect_mean(dissection, row,
			     row->value.number ? "attributes: values, whose names are the class's keys"
					       : "no values: attributes are in the dict, or there are none");
		row = dissect_word(dissection, DISSECT_OBJECT, managed_offset(layout, 0), "dict");
		dissect_mean(dissection, row, row->value.number ? "__dict__" : "no __dict__ object was asked for yet");
		return CPEEK_OK;
	}
	row = dissect_word(dissection, DISSECT_POINTER, managed_offset(layout, 0),
			   layout_trait(layout, TRAIT_MANAGED_DICT_TAGGED) ? "dict or values" : "managed dict");
	const uint64_t word = row->value.number;
	if (layout_trait(layout, TRAIT_MANAGED_DICT_TAGGED) && word & 1)
		dissect_mean(dissection, row, "bit 0 is set: values, at 0x%" PRIx64, word + 1);
	else if (word)
		row->value.kind = DISSECT_OBJECT;
	if (word && row->value.kind == DISSECT_OBJECT)
		dissect_mean(dissection, row, "__dict__");
	else if (!word)
		dissect_mean(dissection, row,
			     object->type->flags & TYPE_INLINE_VALUES &&
					     !layout_trait(layout, TRAIT_MANAGED_DICT_TAGGED)
				     ? "no __dict__ object was asked for yet: attributes are the inline values"
				     : "no attributes yet");
	return CPEEK_OK;
}

/* Where tp_dictoffset leads; negative offsets count from the end of a var-sized object. _PyObject_ComputedDictPointer() of
 * Objects/object.c */
static int64_t end_offset(const struct object *object, int64_t offset)
{
	const struct type *type = object->type;
	const uint64_t align = object->objects->layout->pointer_size - 1;

	if (offset > 0)
		return offset;
	const uint64_t items = object->ob_size < 0 ? -(uint64_t)object->ob_size : (uint64_t)object->ob_size;
	const uint64_t size = ((uint64_t)type->basicsize + items * (uint64_t)type->itemsize + align) & ~align;
	return (int64_t)(size + (uint64_t)offset);
}

static void add_dict_pointer(const struct object *object, struct dissection *dissection)
{
	const struct type *type = object->type;

	if (type->flags & (TYPE_MANAGED_DICT | TYPE_TYPE_SUBCLASS) || !type->dictoffset)
		return;
	/* A C type's own structure has a name for it. */
	if (!type->python_class || (type->decoder_type && type->decoder_type->dictoffset == type->dictoffset))
		return;
	struct dissect_row *row =
		dissect_word(dissection, DISSECT_OBJECT, end_offset(object, type->dictoffset), "__dict__");
	dissect_mean(dissection, row,
		     row->value.number ? "at tp_dictoffset %" PRId64 : "no attributes yet; at tp_dictoffset %" PRId64,
		     type->dictoffset);
}

static void add_slots(const struct object *object, struct dissection *dissection)
{
	const struct type *type = object->type;

	for (int i = 0; type && i < BASES_MAX; i++, type = type->base_type) {
		if (!type->python_class)
			continue;
		for (size_t j = 0; j < type->member_count; j++) {
			struct dissect_row *row = dissect_word(dissection, DISSECT_OBJECT, type->members[j].offset,
							       "%s", type->members[j].name);
			dissect_mean(dissection, row,
				     row->value.number ? "__slots__ of %s" : "__slots__ of %s: not set", type->name);
		}
	}
}

/* The first weak reference; 0 when there is none. */
static target_addr add_weaklist(const struct object *object, struct dissection *dissection)
{
	const struct layout *layout = object->objects->layout;
	const struct type *type = object->type;
	int64_t offset = type->weaklistoffset;

	if (type->flags & TYPE_TYPE_SUBCLASS)
		return 0;
	if (type->flags & TYPE_MANAGED_WEAKREF)
		offset = managed_offset(layout, 1);
	else if (offset <= 0 || offset >= type->basicsize)
		return 0;
	/* A C type's own structure has a name for it. */
	if (!(type->flags & TYPE_MANAGED_WEAKREF) &&
	    (!type->python_class || (type->decoder_type && type->decoder_type->weaklistoffset == offset))) {
		target_addr first;
		return target_read_pointer(object->objects->target, object->address + (uint64_t)offset, &first) ==
				       CPEEK_OK
			       ? first
			       : 0;
	}
	struct dissect_row *row = dissect_word(dissection, DISSECT_POINTER, offset, "%s",
					       type->flags & TYPE_MANAGED_WEAKREF ? "weakrefs" : "__weakref__");
	dissect_mean(dissection, row,
		     row->value.number ? "the first of the weak references to it" : "no weak references");
	return row->value.kind == DISSECT_POINTER ? row->value.number : 0;
}

enum cpeek_status instance_dissect_weakrefs(struct dissection *dissection, target_addr first, target_addr referent)
{
	struct objects *objects = dissection->objects;
	target_addr at = first, before = 0;

	if (!first)
		return CPEEK_OK;
	dissect_open_table(dissection, "Weak references to it, a list through wr_next");
	for (int i = 0; at && i < WEAKREFS_MAX; i++) {
		uint64_t object, callback, next, previous;
		if (dissect_is_full(dissection)) {
			uint64_t left = 0;
			for (; at && left < WEAKREFS_MAX; left++)
				if (field_read(objects, at, FIELD_PyWeakReference_wr_next, &at) != CPEEK_OK)
					break;
			dissect_cut(dissection, left, "weak references");
			return CPEEK_OK;
		}
		TRY(field_read(objects, at, FIELD_PyWeakReference_wr_object, &object));
		TRY(field_read(objects, at, FIELD_PyWeakReference_wr_callback, &callback));
		TRY(field_read(objects, at, FIELD_PyWeakReference_wr_prev, &previous));
		TRY(field_read(objects, at, FIELD_PyWeakReference_wr_next, &next));
		dissect_cell(dissection, "wr_prev", DISSECT_POINTER, previous);
		dissect_cell(dissection, "reference", DISSECT_OBJECT, at);
		dissect_cell(dissection, "wr_next", DISSECT_POINTER, next);
		dissect_cell(dissection, "callback", DISSECT_OBJECT, callback);
		dissect_end_row(dissection);
		if (object != referent || previous != before) {
			dissect_problem(dissection,
					object != referent ? "weak reference 0x%" PRIx64
							     " is in the list, but refers to something else"
							   : "weak reference 0x%" PRIx64
							     " does not lead back to the one before it",
					at);
			return CPEEK_OK;
		}
		before = at;
		at = next;
	}
	if (at)
		dissect_problem(dissection, "the list of weak references does not end");
	return CPEEK_OK;
}

/* ---- What the class means ---- */

static bool find_in_type(const struct object *object, const char *name, target_addr *ret)
{
	return type_find_attribute(object->objects, object->type, name, strlen(name), ret) == CPEEK_OK;
}

/* The names of a tuple of str beside the items of a tuple. */
static void show_namedtuple(const struct object *object, struct dissection *dissection)
{
	struct objects *objects = object->objects;
	target_addr fields;
	struct object names;
	struct items name_items, value_items;
	struct item name, value;

	if (!(object->type->flags & TYPE_TUPLE_SUBCLASS) || !object->type->python_class ||
	    !find_in_type(object, "_fields", &fields) || object_read(objects, fields, &names) != CPEEK_OK ||
	    !(names.type->flags & TYPE_TUPLE_SUBCLASS) || items_start(&names, &name_items) != CPEEK_OK ||
	    items_start(object, &value_items) != CPEEK_OK)
		return;
	dissect_open_table(dissection, "A namedtuple: a tuple whose class names the items (_fields)");
	for (uint64_t i = 0;
	     items_next(&name_items, &name) == CPEEK_OK && items_next(&value_items, &value) == CPEEK_OK; i++) {
		if (dissect_is_full(dissection)) {
			dissect_cut(dissection, names.ob_size > 0 ? (uint64_t)names.ob_size - i : 0, "fields");
			break;
		}
		dissect_cell(dissection, "index", DISSECT_UNSIGNED, i);
		dissect_cell(dissection, "field", DISSECT_OBJECT, name.value);
		dissect_cell(dissection, "value", DISSECT_OBJECT, value.value);
		dissect_end_row(dissection);
	}
}

static void show_dataclass(const struct object *object, struct dissection *dissection)
{
	struct objects *objects = object->objects;
	target_addr fields;
	struct object dict;
	struct items items;
	struct item item;

	if (!object->type->python_class || !find_in_type(object, "__dataclass_fields__", &fields) ||
	    dict_open(objects, fields, &dict, &items) != CPEEK_OK)
		return;
	dissect_open_table(dissection, "A dataclass: its class lists the fields (__dataclass_fields__)");
	while (items_next(&items, &item) == CPEEK_OK) {
		if (dissect_is_full(dissection)) {
			dissect_cut(dissection, items.count - dissection->limits->elements, "fields");
			break;
		}
		target_addr value = 0;
		strbuf_clear(&objects->scratch);
		if (str_read(objects, item.key, TYPE_NAME, &objects->scratch, NULL) == CPEEK_OK) {
			const char *name = dissect_text(dissection, "%s", strbuf_text(&objects->scratch));
			(void)attribute_find(object, name, strlen(name), &value);
		}
		dissect_cell(dissection, "field", DISSECT_OBJECT, item.key);
		dissect_cell(dissection, "value", DISSECT_OBJECT, value);
		dissect_end_row(dissection);
	}
}

static void show_enum(const struct object *object, struct dissection *dissection)
{
	target_addr found;

	if (!object->type->python_class || !find_in_type(object, "_member_map_", &found))
		return;
	if (attribute_find(object, "_name_", 6, &found) == CPEEK_OK)
		dissect_fact_object(dissection, "enum member", found);
	if (attribute_find(object, "_value_", 7, &found) == CPEEK_OK)
		dissect_fact_object(dissection, "enum value", found);
}

/* ---- All of it ---- */

enum cpeek_status instance_dissect(const struct object *object, struct dissection *dissection)
{
	struct objects *objects = object->objects;
	const struct layout *layout = objects->layout;
	const struct type *type = object->type;
	struct attributes attributes = {0};
	uint64_t size = 0, valid_size = 0;

	if (type->flags & TYPE_TYPE_SUBCLASS)
		return CPEEK_OK;
	if (type->flags & TYPE_MANAGED_DICT)
		TRY(add_managed_dict(object, dissection));
	add_dict_pointer(object, dissection);
	add_slots(object, dissection);
	const target_addr weakrefs = add_weaklist(object, dissection);
	if (object_read_attributes(object, &attributes) != CPEEK_OK)
		dissect_problem(dissection, "the attributes cannot be read");
	/* 3.13+: behind the object, also when a dict has taken them over. */
	if (type->flags & TYPE_INLINE_VALUES && layout_trait(layout, TRAIT_MANAGED_DICT_INLINE)) {
		uint64_t keys;
		const target_addr values = object->address + (uint64_t)type->basicsize;
		TRY(field_read(objects, type->address, FIELD_PyHeapTypeObject_ht_cached_keys, &keys));
		TRY(dict_dissect_values(dissection, values, keys, type->basicsize, &valid_size));
		dissect_resize(dissection, (uint64_t)type->basicsize + valid_size);
	} else if (attributes.values) {
		dissect_open_block(dissection, "values of the attributes",
				   layout_has(layout, FIELD_PyDictValues_values) ? STRUCT_PyDictValues
										 : LAYOUT_STRUCT_COUNT,
				   attributes.values, 0);
		const size_t block = dissection->block;
		TRY(dict_dissect_values(dissection, attributes.values, attributes.keys, 0, &size));
		dissection->parts.items[block - 1].size = size;
	}
	TRY(dissect_tolerate(dissection, instance_dissect_weakrefs(dissection, weakrefs, object->address),
			     "the weak references"));
	show_namedtuple(object, dissection);
	show_dataclass(object, dissection);
	show_enum(object, dissection);
	return CPEEK_OK;
}
