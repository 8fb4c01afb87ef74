/*
 * type: classes themselves, as objects. What type.c keeps of them for others is not repeated here.
 */
#include "object/dictkeys.h"
#include "object/phrase.h"
#include "object/type_dissect.h"
#include "object/type_object.h"

#include <string.h>

/* type_repr() of Objects/typeobject.c */
enum cpeek_status type_decode(const struct object *object, struct value *value)
{
	struct objects *objects = object->objects;
	const struct type *self;

	TRY(type_read(objects, object->address, &self));
	value_text(value, "<class '");
	if (type_is_bare(self)) {
		value_text(value, self->tp_name);
	} else {
		value_format(value, "%s.", self->module);
		if (self->flags & TYPE_HEAPTYPE && layout_has(objects->layout, FIELD_PyHeapTypeObject_ht_qualname)) {
			uint64_t qualname;
			TRY(field_read(objects, object->address, FIELD_PyHeapTypeObject_ht_qualname, &qualname));
			value_str(value, objects, qualname);
		} else {
			value_text(value, self->qualname);
		}
	}
	value_text(value, "'>");
	return CPEEK_OK;
}

/* A field of the type or, of a heap type, behind it; object->bytes covers only what tp_basicsize of its metatype
 * says, which a static type's memory does not. */
static enum cpeek_status add_heap_field(const struct object *object, enum layout_field field, bool traversed,
					struct edges *edges)
{
	uint64_t value;

	if (!layout_has(object->objects->layout, field))
		return CPEEK_OK;
	TRY(field_read(object->objects, object->address, field, &value));
	edges_add(edges, EDGE_FIELD, value, layout_field_name(field), 0, traversed);
	return CPEEK_OK;
}

/* The names in the table that its instances' dicts share. */
static enum cpeek_status add_cached_keys(const struct object *object, struct edges *edges)
{
	struct objects *objects = object->objects;
	struct dict_keys keys;
	struct dict_entry entry;
	uint64_t address;

	TRY(field_read(objects, object->address, FIELD_PyHeapTypeObject_ht_cached_keys, &address));
	if (!address)
		return CPEEK_OK;
	TRY(dict_keys_read(objects, address, &keys));
	for (uint64_t i = 0; i < keys.nentries; i++) {
		TRY(dict_entry_read(objects, &keys.entries, keys.short_entries, i, &entry));
		edges_add(edges, EDGE_KEY, entry.key, NULL, i, false);
	}
	return CPEEK_OK;
}

/* type_traverse() */
enum cpeek_status type_edges(const struct object *object, struct edges *edges)
{
	struct objects *objects = object->objects;
	const struct type *self;
	target_addr dict;

	TRY(type_read(objects, object->address, &self));
	if (type_find_dict(objects, self, &dict) == CPEEK_OK)
		edges_add(edges, EDGE_FIELD, dict, layout_field_name(FIELD_PyTypeObject_tp_dict), 0, true);
	edges_add_field(edges, object, FIELD_PyTypeObject_tp_cache);
	edges_add_field(edges, object, FIELD_PyTypeObject_tp_mro);
	edges_add_field(edges, object, FIELD_PyTypeObject_tp_bases);
	edges_add_field(edges, object, FIELD_PyTypeObject_tp_base);
	if (!(self->flags & TYPE_HEAPTYPE))
		return CPEEK_OK;
	TRY(add_heap_field(object, FIELD_PyHeapTypeObject_ht_module, true, edges));
	edges_add_hidden(edges, object, FIELD_PyTypeObject_tp_subclasses);
	TRY(add_heap_field(object, FIELD_PyHeapTypeObject_ht_name, false, edges));
	TRY(add_heap_field(object, FIELD_PyHeapTypeObject_ht_qualname, false, edges));
	TRY(add_heap_field(object, FIELD_PyHeapTypeObject_ht_slots, false, edges));
	return add_cached_keys(object, edges);
}

/* type___sizeof___impl() */
enum cpeek_status type_size(const struct object *object, uint64_t *ret)
{
	struct objects *objects = object->objects;
	const struct layout *layout = objects->layout;
	const struct type *self;
	struct dict_keys keys;
	uint64_t address;

	TRY(type_read(objects, object->address, &self));
	if (!(self->flags & TYPE_HEAPTYPE)) {
		*ret = layout->structs[STRUCT_PyTypeObject];
		return CPEEK_OK;
	}
	uint64_t size = layout->structs[STRUCT_PyHeapTypeObject];
	TRY(field_read(objects, object->address, FIELD_PyHeapTypeObject_ht_cached_keys, &address));
	if (address) {
		TRY(dict_keys_read(objects, address, &keys));
		size += keys.size;
	}
	*ret = size;
	return CPEEK_OK;
}

const struct object_type object_type_type = {
	.name = "type",
	.structure = STRUCT_PyTypeObject,
	.decode = type_decode,
	.edges = type_edges,
	.size = type_size,
	.dissect = type_dissect,
};
