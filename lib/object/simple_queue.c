/*
 * queue.SimpleQueue: to 3.12 a list, from 3.13 a ring of its own. And _sre's template, another array of its own.
 */
#include "object/decoder.h"

/* The ring's items, oldest first: simplequeue_traverse() of Modules/_queuemodule.c, 3.13+. It may have been grown, but
 * is never empty of room. */
static enum cpeek_status add_ring(const struct object *object, struct edges *edges)
{
	const unsigned word = object->objects->layout->pointer_size;
	const uint64_t room = object_get(object, FIELD_simplequeueobject_buf_items_cap);
	const uint64_t count = object_get(object, FIELD_simplequeueobject_buf_num_items);
	const uint64_t first = object_get(object, FIELD_simplequeueobject_buf_get_idx);
	struct table table;

	if (count == 0)
		return CPEEK_OK;
	if (count > room || first >= room)
		return CPEEK_CORRUPT;
	TRY(table_open(object->objects, object_get(object, FIELD_simplequeueobject_buf_items), (int64_t)room, word,
		       &table));
	for (uint64_t i = 0; i < count; i++) {
		target_addr item;
		TRY(table_read_pointer(&table, (first + i) % room * word, &item));
		edges_add(edges, EDGE_INDEX, item, NULL, i, true);
	}
	return CPEEK_OK;
}

static enum cpeek_status queue_edges(const struct object *object, struct edges *edges)
{
	edges_add_field(edges, object, FIELD_simplequeueobject_lst);
	enum cpeek_status status = add_ring(object, edges);
	edges_add_type(edges, object);
	return status;
}

static enum cpeek_status queue_size(const struct object *object, uint64_t *ret)
{
	const struct layout *layout = object->objects->layout;

	*ret = (uint64_t)object->type->basicsize;
	if (layout_trait(layout, TRAIT_SIMPLE_QUEUE_COUNTS_RING))
		*ret += object_get(object, FIELD_simplequeueobject_buf_items_cap) * layout->pointer_size;
	return CPEEK_OK;
}

const struct object_type object_type_simple_queue = {
	.name = "_queue.SimpleQueue",
	.structure = STRUCT_simplequeueobject,
	.size = queue_size,
	.type_in_edges = true,
	.edges = queue_edges,
};

/* template_traverse() of Modules/_sre/sre.c: pairs of a group's index and the text behind it, 3.12+ */
static enum cpeek_status template_edges(const struct object *object, struct edges *edges)
{
	const unsigned word = object->objects->layout->pointer_size;
	struct table table;

	edges_add_field(edges, object, FIELD_TemplateObject_literal);
	TRY(table_open(object->objects, object_field_address(object, FIELD_TemplateObject_items), object->ob_size,
		       2u * word, &table));
	for (int64_t i = object->ob_size; i-- > 0;) {
		target_addr literal;
		TRY(table_read_pointer(&table, ((uint64_t)i * 2 + 1) * word, &literal));
		edges_add(edges, EDGE_INDEX, literal, NULL, (uint64_t)i, true);
	}
	return CPEEK_OK;
}

const struct object_type object_type_re_template = {
	.name = "_sre.SRE_Template",
	.structure = STRUCT_TemplateObject,
	.edges = template_edges,
};
