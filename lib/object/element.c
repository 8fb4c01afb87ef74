/*
 * xml.etree.ElementTree.Element: its attributes and children lie in a block of their own, which few elements need.
 * And its iterator, which keeps the way from the root to where it is.
 */
#include "object/table.h"
#include "object/decoder.h"

#include <inttypes.h>

/* element_repr() of Modules/_elementtree.c */
static enum cpeek_status element_decode(const struct object *object, struct value *value)
{
	const target_addr tag = object_get(object, FIELD_ElementObject_tag);

	value_text(value, "<Element ");
	if (tag) {
		value_object(value, tag);
		value_text(value, " ");
	}
	value_format(value, "at 0x%" PRIx64 ">", object->address);
	return CPEEK_OK;
}

/* JOIN_OBJ(): bit 0 marks a list whose parts are still to be joined. */
static void add_text(const struct object *object, enum layout_field field, struct edges *edges)
{
	edges_add(edges, EDGE_FIELD, object_get(object, field) & ~(target_addr)1, layout_field_name(field), 0, true);
}

/* element_gc_traverse() */
static enum cpeek_status element_edges(const struct object *object, struct edges *edges)
{
	struct objects *objects = object->objects;
	const target_addr extra = object_get(object, FIELD_ElementObject_extra);
	uint64_t attributes, children, count;

	edges_add_field(edges, object, FIELD_ElementObject_tag);
	add_text(object, FIELD_ElementObject_text, edges);
	add_text(object, FIELD_ElementObject_tail, edges);
	if (!extra)
		return CPEEK_OK;
	TRY(field_read(objects, extra, FIELD_ElementObjectExtra_attrib, &attributes));
	TRY(field_read(objects, extra, FIELD_ElementObjectExtra_children, &children));
	TRY(field_read(objects, extra, FIELD_ElementObjectExtra_length, &count));
	edges_add(edges, EDGE_FIELD, attributes, layout_field_name(FIELD_ElementObjectExtra_attrib), 0, true);
	return edges_add_array(edges, objects, EDGE_INDEX, children, (int64_t)count, false, true);
}

/* _elementtree_Element___sizeof___impl() */
static enum cpeek_status element_size(const struct object *object, uint64_t *ret)
{
	struct objects *objects = object->objects;
	const struct layout *layout = objects->layout;
	const target_addr extra = object_get(object, FIELD_ElementObject_extra);
	uint64_t size = (uint64_t)object->type->basicsize, children, allocated;

	if (extra) {
		TRY(field_read(objects, extra, FIELD_ElementObjectExtra_children, &children));
		TRY(field_read(objects, extra, FIELD_ElementObjectExtra_allocated, &allocated));
		size += layout->structs[STRUCT_ElementObjectExtra];
		if (children != extra + layout_offset(layout, FIELD_ElementObjectExtra__children))
			size += allocated * layout->pointer_size;
	}
	*ret = size;
	return CPEEK_OK;
}

const struct object_type object_type_element = {
	.name = "xml.etree.ElementTree.Element",
	.structure = STRUCT_ElementObject,
	.decode = element_decode,
	.edges = element_edges,
	.size = element_size,
};

/* elementiter_traverse() */
static enum cpeek_status iterator_edges(const struct object *object, struct edges *edges)
{
	struct objects *objects = object->objects;
	const uint32_t stride = objects->layout->structs[STRUCT_ParentLocator];
	const uint64_t count = object_get(object, FIELD_ElementIterObject_parent_stack_used);
	struct table table;

	TRY(table_open(objects, object_get(object, FIELD_ElementIterObject_parent_stack), (int64_t)count, stride,
		       &table));
	for (uint64_t i = count; i-- > 0;) {
		target_addr parent;
		TRY(table_read_pointer(&table, i * stride + layout_offset(objects->layout, FIELD_ParentLocator_parent),
				       &parent));
		edges_add(edges, EDGE_INDEX, parent, NULL, i, true);
	}
	edges_add_field(edges, object, FIELD_ElementIterObject_root_element);
	edges_add_field(edges, object, FIELD_ElementIterObject_sought_tag);
	edges_add_type(edges, object);
	return CPEEK_OK;
}

const struct object_type object_type_element_iterator = {
	.name = "_elementtree._element_iterator",
	.structure = STRUCT_ElementIterObject,
	.type_in_edges = true,
	.edges = iterator_edges,
};

enum { EXPAT_HANDLERS = 22 }; /* handler_info of Modules/pyexpat.c, 3.8 to 3.13 */

/* xmlparse_traverse() */
static enum cpeek_status parser_edges(const struct object *object, struct edges *edges)
{
	const target_addr handlers = object_get(object, FIELD_xmlparseobject_handlers);

	edges_add_hidden(edges, object, FIELD_xmlparseobject_intern);
	if (handlers)
		TRY(edges_add_array(edges, object->objects, EDGE_INDEX, handlers, EXPAT_HANDLERS, false, true));
	edges_add_field(edges, object, FIELD_xmlparseobject_parent);
	edges_add_type(edges, object);
	return CPEEK_OK;
}

const struct object_type object_type_xml_handlers = {
	.name = "pyexpat.xmlparser",
	.structure = STRUCT_xmlparseobject,
	.type_in_edges = true,
	.edges = parser_edges,
};
