/*
 * Callables that C code makes of others: functools.partial, and operator's itemgetter, attrgetter, methodcaller.
 */
#include "object/phrase.h"

/* What of a callable's type its repr shows: tp_name, and from 3.13 partial's module and qualified name. */
static void put_class(struct value *value, const struct type *type, bool full)
{
	if (full)
		value_format(value, "%s.%s", type->module, type->qualname);
	else
		value_text(value, type->tp_name);
}

/* partial_repr() of Modules/_functoolsmodule.c */
static enum cpeek_status partial_decode(const struct object *object, struct value *value)
{
	value_guard(value, "...");
	put_class(value, object->type, layout_trait(object->objects->layout, TRAIT_PARTIAL_FULL_NAME));
	value_text(value, "(");
	value_object(value, object_get(object, FIELD_partialobject_fn));
	value_arguments(value, object_get(object, FIELD_partialobject_args), 0);
	value_arguments(value, object_get(object, FIELD_partialobject_kw), ARGUMENTS_KEYWORDS);
	value_text(value, ")");
	return CPEEK_OK;
}

/* partial_traverse() */
static const enum layout_field partial_fields[] = {
	FIELD_partialobject_fn,
	FIELD_partialobject_args,
	FIELD_partialobject_kw,
	FIELD_partialobject_dict,
};

const struct object_type object_type_partial = {
	.name = "functools.partial",
	.structure = STRUCT_partialobject,
	.decode = partial_decode,
	.fields = partial_fields,
	.field_count = sizeof(partial_fields) / sizeof(*partial_fields),
};

/* itemgetter_repr() of Modules/_operator.c: a single item stands bare, more are a tuple. */
static enum cpeek_status itemgetter_decode(const struct object *object, struct value *value)
{
	const target_addr item = object_get(object, FIELD_itemgetterobject_item);

	value_guard(value, "operator.itemgetter(...)");
	value_format(value, "%s(", object->type->tp_name);
	if (object_get_signed(object, FIELD_itemgetterobject_nitems) == 1)
		value_object(value, item);
	else
		value_arguments(value, item, ARGUMENTS_FIRST);
	value_text(value, ")");
	return CPEEK_OK;
}

static const enum layout_field itemgetter_fields[] = {FIELD_itemgetterobject_item};

const struct object_type object_type_itemgetter = {
	.name = "operator.itemgetter",
	.structure = STRUCT_itemgetterobject,
	.decode = itemgetter_decode,
	.fields = itemgetter_fields,
	.field_count = 1,
};

/* The dotted name that a tuple holds in parts. */
static enum cpeek_status join_name(const struct object *tuple, struct strbuf *out)
{
	struct items items;
	struct item item;
	enum cpeek_status status;

	TRY(items_start(tuple, &items));
	while ((status = items_next(&items, &item)) == CPEEK_OK) {
		if (out->length)
			strbuf_putc(out, '.');
		TRY(str_read(tuple->objects, item.value, 0, out, NULL));
	}
	return status == CPEEK_END ? CPEEK_OK : status;
}

static enum cpeek_status put_attribute(struct value *value, struct objects *objects, target_addr address)
{
	struct object attribute;
	struct strbuf name = {0};

	TRY(object_read(objects, address, &attribute));
	if (!(attribute.type->flags & TYPE_TUPLE_SUBCLASS)) {
		value_object(value, address);
		return CPEEK_OK;
	}
	enum cpeek_status status = join_name(&attribute, &name);
	if (status == CPEEK_OK)
		value_quoted(value, objects->layout, strbuf_text(&name), name.length);
	strbuf_deinit(&name);
	return status;
}

/* attrgetter_repr(): of each attribute a str, or for "a.b" a tuple of its parts. */
static enum cpeek_status attrgetter_decode(const struct object *object, struct value *value)
{
	const uint64_t limit = value_limits(value)->elements;
	struct object attributes;
	struct items items;
	struct item item;
	enum cpeek_status status;

	TRY(object_read(object->objects, object_get(object, FIELD_attrgetterobject_attr), &attributes));
	TRY(items_start(&attributes, &items));
	value_format(value, "%s(", object->type->tp_name);
	for (uint64_t i = 0; (status = items_next(&items, &item)) == CPEEK_OK; i++) {
		if (i)
			value_text(value, ", ");
		if (limit && i >= limit) {
			value_cut(value, items.count - i, "items");
			status = CPEEK_END;
			break;
		}
		TRY(put_attribute(value, object->objects, item.value));
	}
	value_text(value, ")");
	return status == CPEEK_END ? CPEEK_OK : status;
}

static const enum layout_field attrgetter_fields[] = {FIELD_attrgetterobject_attr, FIELD_PyObject_ob_type};

const struct object_type object_type_attrgetter = {
	.name = "operator.attrgetter",
	.structure = STRUCT_attrgetterobject,
	.decode = attrgetter_decode,
	.fields = attrgetter_fields,
	.field_count = sizeof(attrgetter_fields) / sizeof(*attrgetter_fields),
};

/* methodcaller_repr(): to 3.12 the arguments are a tuple, from 3.13 the method's name stands before them in it. */
static enum cpeek_status methodcaller_decode(const struct object *object, struct value *value)
{
	const bool with_name = layout_has(object->objects->layout, FIELD_methodcallerobject_xargs);
	const target_addr keywords = object_get(object, FIELD_methodcallerobject_kwds);

	value_guard(value, "operator.methodcaller(...)");
	value_format(value, "%s(", object->type->tp_name);
	value_object(value, object_get(object, FIELD_methodcallerobject_name));
	if (with_name)
		value_arguments(value, object_get(object, FIELD_methodcallerobject_xargs), ARGUMENTS_REST);
	else
		value_arguments(value, object_get(object, FIELD_methodcallerobject_args), 0);
	if (keywords)
		value_arguments(value, keywords, ARGUMENTS_KEYWORDS);
	value_text(value, ")");
	return CPEEK_OK;
}

/* methodcaller_traverse() */
static enum cpeek_status methodcaller_edges(const struct object *object, struct edges *edges)
{
	if (layout_trait(object->objects->layout, TRAIT_METHODCALLER_VISITS_NAME))
		edges_add_field(edges, object, FIELD_methodcallerobject_name);
	else
		edges_add_hidden(edges, object, FIELD_methodcallerobject_name);
	edges_add_field(edges, object, FIELD_methodcallerobject_args);
	edges_add_field(edges, object, FIELD_methodcallerobject_xargs);
	edges_add_field(edges, object, FIELD_methodcallerobject_kwds);
	if (!layout_has(object->objects->layout, FIELD_methodcallerobject_xargs)) {
		edges_add_field(edges, object, FIELD_methodcallerobject_vectorcall_args);
		edges_add_field(edges, object, FIELD_methodcallerobject_vectorcall_kwnames);
	} else if (object_get(object, FIELD_methodcallerobject_vectorcall_args)) {
		/* 3.13: a bare array, and names that nothing has set before there is one */
		edges_add_hidden(edges, object, FIELD_methodcallerobject_vectorcall_kwnames);
	}
	edges_add_type(edges, object);
	return CPEEK_OK;
}

const struct object_type object_type_methodcaller = {
	.name = "operator.methodcaller",
	.structure = STRUCT_methodcallerobject,
	.decode = methodcaller_decode,
	.type_in_edges = true,
	.edges = methodcaller_edges,
};
