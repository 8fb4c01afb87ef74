/*
 * collections.defaultdict: a dict that makes what it lacks.
 */
#include "object/class_name.h"
#include "object/dict.h"
#include "object/dict_dissect.h"

/* defdict_repr() of Modules/_collectionsmodule.c. Met inside itself it still shows its name and factory: only what the
 * dict holds is left out there. The factory is guarded twice, so that functools.partial shows as "...". */
static enum cpeek_status defaultdict_decode(const struct object *object, struct value *value)
{
	const target_addr factory = object_get(object, FIELD_defdictobject_default_factory);

	value_guard_items(value, "{...}");
	value_format(value, "%s(",
		     layout_trait(object->objects->layout, TRAIT_REPR_OF_BASE) ? "defaultdict" : class_name(object));
	if (factory)
		value_object_entered(value, factory);
	else
		value_text(value, "None");
	value_text(value, ", ");
	value_items(value, "{", "}", false);
	value_text(value, ")");
	return CPEEK_OK;
}

/* defdict_traverse() */
static enum cpeek_status defaultdict_edges(const struct object *object, struct edges *edges)
{
	edges_add_field(edges, object, FIELD_defdictobject_default_factory);
	return dict_edges(object, edges);
}

const struct object_type object_type_defaultdict = {
	.name = "collections.defaultdict",
	.structure = STRUCT_defdictobject,
	.decode = defaultdict_decode,
	.items = dict_items,
	.next = dict_next,
	.edges = defaultdict_edges,
	.size = dict_size,
	.dissect = dict_dissect,
};
