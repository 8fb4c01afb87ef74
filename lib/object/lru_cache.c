/*
 * functools.lru_cache: the function, and in a cache of limited size a ring of what was asked for most recently.
 */
#include "object/decoder.h"

enum { LINKS_MAX = 1 << 28 };

/* lru_cache_tp_traverse() of Modules/_functoolsmodule.c visits for the links what they hold; in 3.6 the links, which
 * visit it themselves. */
static enum cpeek_status lru_cache_edges(const struct object *object, struct edges *edges)
{
	struct objects *objects = object->objects;
	const bool types_visited = layout_trait(objects->layout, TRAIT_LRU_VISITS_LINK_TYPE);
	const bool links_visited = layout_trait(objects->layout, TRAIT_LRU_VISITS_LINKS);
	const target_addr root = object_field_address(object, FIELD_lru_cache_object_root);
	uint64_t link, seen = root;

	TRY(field_read(objects, root, FIELD_lru_list_elem_next, &link));
	for (uint64_t i = 1; link != root; i++) {
		uint64_t key, result, type, next;
		if (i >= LINKS_MAX || (i > 1 && link == seen))
			return CPEEK_CORRUPT;
		if ((i & (i - 1)) == 0)
			seen = link; /* to meet it again is to go round in a circle (Brent's algorithm) */
		TRY(field_read(objects, link, FIELD_lru_list_elem_key, &key));
		TRY(field_read(objects, link, FIELD_lru_list_elem_result, &result));
		TRY(field_read(objects, link, FIELD_PyObject_ob_type, &type));
		TRY(field_read(objects, link, FIELD_lru_list_elem_next, &next));
		edges_add(edges, EDGE_INDEX, link, NULL, i - 1, links_visited);
		if (!links_visited) {
			edges_add(edges, EDGE_KEY, key, NULL, i - 1, true);
			edges_add(edges, EDGE_VALUE, result, NULL, i - 1, true);
		}
		if (types_visited)
			edges_add(edges, EDGE_TYPE, type, NULL, i - 1, true);
		link = next;
	}
	edges_add_field(edges, object, FIELD_lru_cache_object_maxsize_O); /* 3.6 */
	edges_add_field(edges, object, types_visited ? FIELD_lru_cache_object_cache : FIELD_lru_cache_object_func);
	edges_add_field(edges, object, types_visited ? FIELD_lru_cache_object_func : FIELD_lru_cache_object_cache);
	edges_add_field(edges, object, FIELD_lru_cache_object_kwd_mark);
	edges_add_field(edges, object, FIELD_lru_cache_object_lru_list_elem_type);
	edges_add_field(edges, object, FIELD_lru_cache_object_cache_info_type);
	edges_add_field(edges, object, FIELD_lru_cache_object_dict);
	return CPEEK_OK;
}

const struct object_type object_type_lru_cache = {
	.name = "functools._lru_cache_wrapper",
	.structure = STRUCT_lru_cache_object,
	.edges = lru_cache_edges,
};

static enum cpeek_status link_edges(const struct object *object, struct edges *edges)
{
	if (!layout_trait(object->objects->layout, TRAIT_LRU_VISITS_LINKS))
		return CPEEK_OK; /* the cache tells of it */
	edges_add_field(edges, object, FIELD_lru_list_elem_key);
	edges_add_field(edges, object, FIELD_lru_list_elem_result);
	return CPEEK_OK;
}

const struct object_type object_type_lru_link = {
	.name = "functools._lru_list_elem",
	.structure = STRUCT_lru_list_elem,
	.edges = link_edges,
};
