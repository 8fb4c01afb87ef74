/*
 * _lsprof.Profiler, of which cProfile.Profile is a subclass.
 */
#include "object/decoder.h"

/* profiler_traverse() of Modules/_lsprof.c */
static enum cpeek_status profiler_edges(const struct object *object, struct edges *edges)
{
	if (layout_trait(object->objects->layout, TRAIT_PROFILER_VISITS_TIMER))
		edges_add_field(edges, object, FIELD_ProfilerObject_externalTimer);
	else
		edges_add_hidden(edges, object, FIELD_ProfilerObject_externalTimer);
	if (layout_trait(object->objects->layout, TRAIT_PROFILER_VISITS_MISSING))
		edges_add_field(edges, object, FIELD_ProfilerObject_missing);
	else
		edges_add_hidden(edges, object, FIELD_ProfilerObject_missing);
	return CPEEK_OK;
}

const struct object_type object_type_profiler = {
	.name = "_lsprof.Profiler",
	.structure = STRUCT_ProfilerObject,
	.edges = profiler_edges,
};
