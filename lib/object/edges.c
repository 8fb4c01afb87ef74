/*
 * Every edge of one object: what its decoder tells, and what CPython adds for the instances of classes
 * (subtype_traverse() in Objects/typeobject.c): slots, __dict__, the type.
 */
#include "object/dictkeys.h"

struct edges {
	edge_fn found;
	void *arg;
	bool gc;                  /* gc.get_referents() asks this object at all */
	bool type_awaited;        /* the type is yet to be reported, by the decoder */
	enum cpeek_status status; /* of found: not OK ends the walk */
};

static void report(struct edges *edges, const struct edge *edge)
{
	if (edge->target != 0 && edges->status == CPEEK_OK)
		edges->status = edges->found(edges->arg, edge);
}

void edges_add(struct edges *edges, enum edge_kind kind, target_addr target, const char *name, uint64_t index,
	       bool traversed)
{
	report(edges, &(struct edge){target, kind, name, index, traversed && edges->gc, true});
}

void edges_add_borrowed(struct edges *edges, enum edge_kind kind, target_addr target, const char *name, uint64_t index,
			bool traversed)
{
	report(edges, &(struct edge){target, kind, name, index, traversed && edges->gc, false});
}

static void add_field(struct edges *edges, const struct object *object, enum layout_field field, bool traversed)
{
	const struct layout *layout = object->objects->layout;

	/* In some versions it is a number: PyEncoderObject.sort_keys. */
	if (layout_has(layout, field) && layout->fields[field].size == layout->pointer_size)
		edges_add(edges, EDGE_FIELD, object_get(object, field), layout_field_name(field), 0, traversed);
}

void edges_add_type(struct edges *edges, const struct object *object)
{
	if (edges->type_awaited)
		edges_add(edges, EDGE_TYPE, object->type->address, NULL, 0, true);
	edges->type_awaited = false;
}

void edges_add_field(struct edges *edges, const struct object *object, enum layout_field field)
{
	add_field(edges, object, field, true);
}

void edges_add_hidden(struct edges *edges, const struct object *object, enum layout_field field)
{
	add_field(edges, object, field, false);
}

enum cpeek_status edges_add_array(struct edges *edges, struct objects *objects, enum edge_kind kind, target_addr array,
				  int64_t count, bool backwards, bool traversed)
{
	const unsigned size = objects->layout->pointer_size;
	struct table table;

	TRY(table_open(objects, array, count, size, &table));
	for (int64_t i = 0; i < count; i++) {
		const uint64_t index = (uint64_t)(backwards ? count - 1 - i : i);
		target_addr target;
		TRY(table_read_pointer(&table, index * size, &target));
		edges_add(edges, kind, target, NULL, index, traversed);
	}
	return CPEEK_OK;
}

/* Keeps the first failure and goes on: one broken part must not hide the others. */
static void note(enum cpeek_status *first, enum cpeek_status status)
{
	if (*first == CPEEK_OK && status != CPEEK_NOT_FOUND)
		*first = status;
}

static enum cpeek_status add_members(const struct object *object, const struct type *type, struct edges *edges)
{
	enum cpeek_status status = CPEEK_OK;

	for (size_t i = 0; i < type->member_count; i++) {
		target_addr value;
		enum cpeek_status read = target_read_pointer(object->objects->target,
							     object->address + type->members[i].offset, &value);
		note(&status, read);
		if (read == CPEEK_OK)
			edges_add(edges, EDGE_SLOT, value, type->members[i].name, i, true);
	}
	return status;
}

/* Split values, in the order of the table of keys, which is their type's: _PyObject_VisitInstanceAttributes() of
 * Objects/dictobject.c (3.11, 3.12), PyObject_VisitManagedDict() (3.13+). */
static enum cpeek_status add_values(const struct object *object, const struct attributes *attributes,
				    struct edges *edges)
{
	struct objects *objects = object->objects;
	const struct layout *layout = objects->layout;
	target_addr array = attributes->values;
	struct dict_keys keys;

	if (layout_trait(layout, TRAIT_DICT_VALUES_HEADER))
		array += layout_offset(layout, FIELD_PyDictValues_values);
	TRY(dict_keys_read(objects, attributes->keys, &keys));
	return edges_add_array(edges, objects, EDGE_ATTRIBUTE, array, (int64_t)keys.nentries, false, true);
}

/* The values of attributes that no dict object holds, or the dict object. */
static enum cpeek_status add_attributes(const struct object *object, struct edges *edges)
{
	struct attributes attributes;
	enum cpeek_status status = CPEEK_OK;

	TRY(object_read_attributes(object, &attributes));
	if (attributes.values)
		status = add_values(object, &attributes, edges);
	edges_add(edges, EDGE_FIELD, attributes.dict, "__dict__", 0, !attributes.shared);
	return status;
}

/* What the tp_traverse of C code visits. A type without a decoder of its own gives what its tp_members tell. */
static enum cpeek_status add_own(const struct object *object, const struct type *base, struct edges *edges)
{
	const struct object_type *decoder = base->decoder;
	enum cpeek_status status = CPEEK_OK;

	if (decoder) {
		for (size_t i = 0; i < decoder->field_count; i++)
			if (decoder->fields[i] == FIELD_PyObject_ob_type)
				edges_add_type(edges, object);
			else
				edges_add_field(edges, object, decoder->fields[i]);
		if (decoder->edges)
			note(&status, decoder->edges(object, edges));
	}
	/* Without its name no decoder was found. */
	if (!base->name_known && base->tp_traverse)
		note(&status, CPEEK_FAULT);
	for (const struct type *type = base; type && type != base->decoder_type; type = type->base_type)
		if (type->tp_traverse != (base->decoder_type ? base->decoder_type->tp_traverse : 0))
			note(&status, add_members(object, type, edges));
	return status;
}

/* Whether the decoder of a C type says when the type is visited. */
static bool places_type(const struct object_type *decoder)
{
	if (!decoder || decoder->type_in_edges)
		return decoder != NULL;
	for (size_t i = 0; i < decoder->field_count; i++)
		if (decoder->fields[i] == FIELD_PyObject_ob_type)
			return true;
	return false;
}

/* A heap type of C code visits the type of its instances itself, since 3.9 (bpo-40217). What has no tp_traverse of its
 * own inherits one, maybe of a static type, which does not. */
static bool visits_type(const struct layout *layout, const struct type *type)
{
	if (!(type->flags & TYPE_HAVE_GC) || !layout_trait(layout, TRAIT_SUBTYPE_TRAVERSE_VISITS_TYPE) ||
	    (type->decoder && type->decoder->type_unvisited))
		return false;
	while (type->base_type && type->base_type->tp_traverse == type->tp_traverse)
		type = type->base_type;
	return type->flags & TYPE_HEAPTYPE;
}

/* Whether subtype_traverse() of a class made in Python trusts a C base to visit the type. */
static bool leaves_type_to_base(const struct layout *layout, const struct type *base)
{
	return layout_trait(layout, TRAIT_SUBTYPE_TRAVERSE_VISITS_TYPE) && base && base->flags & TYPE_HEAPTYPE &&
	       base->tp_traverse;
}

enum cpeek_status object_walk_edges(const struct object *object, edge_fn found, void *arg)
{
	const struct layout *layout = object->objects->layout;
	const struct type *const type = object->type, *base = type;
	enum cpeek_status status = CPEEK_OK;
	struct edges edges = {.found = found, .arg = arg, .gc = object_is_gc(object), .status = CPEEK_OK};

	for (; base && base->python_class; base = base->base_type)
		note(&status, add_members(object, base, &edges));

	bool own_dict = type->flags & TYPE_MANAGED_DICT || type->dictoffset != (base ? base->dictoffset : 0);
	bool unknown_dict = base && base->dictoffset && !base->decoder;
	/* A C type with a managed __dict__ visits it itself, last. */
	bool dict_last = base && base->flags & TYPE_MANAGED_DICT;
	if ((own_dict || unknown_dict) && !dict_last)
		note(&status, add_attributes(object, &edges));

	bool base_visits = base && visits_type(layout, base);
	edges.type_awaited = base_visits && places_type(base->decoder);
	if (!edges.type_awaited)
		edges_add(&edges, EDGE_TYPE, type->address, NULL, 0,
			  base_visits || (base != type && !leaves_type_to_base(layout, base)));

	edges.gc = edges.gc && (!base || base->tp_traverse); /* a C type that is not visited hides what it has */
	if (base)
		note(&status, add_own(object, base, &edges));
	if (dict_last)
		note(&status, add_attributes(object, &edges));
	return edges.status != CPEEK_OK ? edges.status : status;
}
