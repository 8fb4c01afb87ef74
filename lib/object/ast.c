/*
 * Nodes of syntax trees: ast.AST. Their repr (3.14+) names the fields of their class, three nodes deep, and of long lists
 * the first item and the last.
 */
#include "object/class_name.h"
#include "object/decoder.h"

enum { NODES_DEEP = 3, FIELDS_MAX = 64 };

struct node {
	const struct node *outer; /* NULL: none */
	target_addr address;
	unsigned depth; /* how many more nodes may nest */
};

extern const struct object_type object_type_ast;

static enum cpeek_status put_node(const struct node *node, const struct object *object, struct value *value);

static bool is_open(const struct node *node, target_addr address)
{
	for (; node; node = node->outer)
		if (node->address == address)
			return true;
	return false;
}

/* A node inside another; anything else by its own repr. Nests no deeper than NODES_DEEP. */
static enum cpeek_status put_part(const struct node *outer, target_addr address, struct value *value)
{
	struct objects *objects = value_objects(value);
	struct object object;

	if (object_read(objects, address, &object) != CPEEK_OK || object.type->decoder != &object_type_ast) {
		value_object(value, address);
		return CPEEK_OK;
	}
	const struct node node = {outer, address, outer->depth - 1};
	if (node.depth == 0 || is_open(outer, address) || !value_enter(value, address)) {
		value_format(value, "%s(...)", object.type->tp_name);
		return CPEEK_OK;
	}
	TRY(put_node(&node, &object, value));
	value_leave(value, address);
	return CPEEK_OK;
}

/* ast_repr_list() of Python/Python-ast.c, 3.14 */
static enum cpeek_status put_list(const struct node *node, const struct object *list, struct value *value)
{
	const bool is_list = list->type->flags & TYPE_LIST_SUBCLASS;
	const int64_t count = list->ob_size;
	struct items items;
	struct item first = {0}, last;

	TRY(items_start(list, &items));
	if (count <= 0) {
		value_object(value, list->address);
		return CPEEK_OK;
	}
	TRY(items_next(&items, &first));
	value_text(value, is_list ? "[" : "(");
	TRY(put_part(node, first.value, value));
	if (count > 2)
		value_text(value, ", ...");
	if (count > 1) {
		items.index = (uint64_t)count - 1;
		TRY(items_next(&items, &last));
		value_text(value, ", ");
		TRY(put_part(node, last.value, value));
	}
	value_text(value, is_list ? "]" : ")");
	return CPEEK_OK;
}

static enum cpeek_status put_field(const struct node *node, target_addr address, struct value *value)
{
	struct object object;

	if (object_read(value_objects(value), address, &object) == CPEEK_OK &&
	    object.type->flags & (TYPE_LIST_SUBCLASS | TYPE_TUPLE_SUBCLASS))
		return put_list(node, &object, value);
	return put_part(node, address, value);
}

/* ast_repr_max_depth() */
static enum cpeek_status put_node(const struct node *node, const struct object *object, struct value *value)
{
	struct objects *objects = object->objects;
	struct strbuf name = {0};
	struct object fields;
	struct items items;
	struct item item;
	target_addr address;
	enum cpeek_status status;

	value_format(value, "%s(", object->type->tp_name);
	TRY(type_find_attribute(objects, object->type, "_fields", 7, &address));
	TRY(object_read(objects, address, &fields));
	TRY(items_start(&fields, &items));
	for (int i = 0; i < FIELDS_MAX && (status = items_next(&items, &item)) == CPEEK_OK; i++) {
		target_addr found = 0;
		strbuf_clear(&name);
		status = str_read(objects, item.value, 0, &name, NULL);
		if (status != CPEEK_OK)
			break;
		value_text(value, i ? ", " : "");
		value_bytes(value, strbuf_text(&name), name.length);
		value_text(value, "=");
		status = attribute_find(object, strbuf_text(&name), name.length, &found);
		if (status == CPEEK_OK)
			status = put_field(node, found, value);
		else if (status == CPEEK_NOT_FOUND)
			value_text(value, "<NULL>"); /* CPython raises AttributeError */
		if (status != CPEEK_OK && status != CPEEK_NOT_FOUND)
			break;
	}
	strbuf_deinit(&name);
	value_text(value, ")");
	return status == CPEEK_END || status == CPEEK_NOT_FOUND ? CPEEK_OK : status;
}

static enum cpeek_status ast_decode(const struct object *object, struct value *value)
{
	const struct node node = {NULL, object->address, NODES_DEEP};

	value_guard_named(value, object->type->tp_name, "(...)");
	return put_node(&node, object, value);
}

static const enum layout_field ast_fields[] = {FIELD_AST_object_dict};

const struct object_type object_type_ast = {
	.name = "_ast.AST|ast.AST",
	.structure = STRUCT_AST_object,
	.decode = ast_decode,
	.fields = ast_fields,
	.field_count = 1,
};
