/*
 * types.GenericAlias (list[int]) and types.UnionType (int | str; typing.Union in 3.14): origins and arguments, named as
 * classes are.
 */
#include "object/phrase.h"

#include <string.h>

static enum cpeek_status read_function_module(const struct object *function, struct strbuf *out)
{
	if (strcmp(function->type->tp_name, "function") != 0)
		return CPEEK_OK;
	const target_addr found = object_get(function, FIELD_PyFunctionObject_func_module);
	const enum cpeek_status status = found ? str_read(function->objects, found, 0, out, NULL) : CPEEK_OK;
	return status == CPEEK_CORRUPT ? CPEEK_OK : status; /* None */
}

/* getattr(object, "__module__") from memory; "" when there is none, or None. */
static enum cpeek_status read_module(const struct object *object, struct strbuf *out)
{
	struct objects *objects = object->objects;
	const struct type *self;
	target_addr found;

	if (object->type->flags & TYPE_TYPE_SUBCLASS) {
		TRY(type_read(objects, object->address, &self));
		strbuf_puts(out, self->module);
		return CPEEK_OK;
	}
	if (strcmp(object->type->tp_name, "typing.TypeAliasType") == 0) {
		/* typealias_module(): that of the function that computes it, if it has none itself */
		struct object function;
		found = object_get(object, FIELD_typealiasobject_module);
		if (!found && object_read(objects, object_get(object, FIELD_typealiasobject_compute_value),
					  &function) == CPEEK_OK)
			return read_function_module(&function, out);
	} else if (strcmp(object->type->tp_name, "function") == 0)
		found = object_get(object, FIELD_PyFunctionObject_func_module);
	else if (strcmp(object->type->tp_name, "builtin_function_or_method") == 0)
		found = object_get(object, FIELD_PyCFunctionObject_m_module);
	else if (attribute_find(object, "__module__", 10, &found) != CPEEK_OK)
		return CPEEK_OK;
	if (!found)
		return CPEEK_OK;
	enum cpeek_status status = str_read(objects, found, 0, out, NULL);
	return status == CPEEK_CORRUPT ? CPEEK_OK : status; /* None */
}

/* ga_repr_item() of Objects/genericaliasobject.c, union_repr_item() of Objects/unionobject.c: what has a __qualname__
 * and a __module__ is named, unless it looks like an alias itself. */
static enum cpeek_status put_argument(struct value *value, struct objects *objects, target_addr address)
{
	struct object object;
	target_addr found;
	struct strbuf module = {0}, name = {0};

	TRY(object_read(objects, address, &object));
	if (strcmp(object.type->tp_name, "ellipsis") == 0) {
		value_text(value, "...");
		return CPEEK_OK;
	}
	bool alias = attribute_find(&object, "__origin__", 10, &found) == CPEEK_OK &&
		     attribute_find(&object, "__args__", 8, &found) == CPEEK_OK;
	enum cpeek_status status = alias ? CPEEK_NOT_FOUND : name_read(objects, address, "__qualname__", &name);
	if (status == CPEEK_OK)
		status = read_module(&object, &module);
	if (status == CPEEK_NOT_FOUND || (status == CPEEK_OK && !module.length)) {
		value_object(value, address);
		status = CPEEK_OK;
	} else if (status == CPEEK_OK) {
		if (strcmp(strbuf_text(&module), "builtins") != 0)
			value_format(value, "%s.", strbuf_text(&module));
		value_bytes(value, strbuf_text(&name), name.length);
	}
	strbuf_deinit(&module);
	strbuf_deinit(&name);
	return status;
}

/* From 3.12 a list among the arguments, as a ParamSpec takes it, names its items in the same way. */
static enum cpeek_status put_list(struct value *value, const struct object *list)
{
	struct items items;
	struct item item;
	enum cpeek_status status;

	TRY(items_start(list, &items));
	value_text(value, "[");
	for (uint64_t i = 0; (status = items_next(&items, &item)) == CPEEK_OK; i++) {
		value_text(value, i ? ", " : "");
		TRY(put_argument(value, list->objects, item.value));
	}
	value_text(value, "]");
	return status == CPEEK_END ? CPEEK_OK : status;
}

/* ga_repr() */
static enum cpeek_status alias_decode(const struct object *object, struct value *value)
{
	struct objects *objects = object->objects;
	const uint64_t limit = value_limits(value)->elements;
	struct object args, argument;
	struct items items;
	struct item item;
	enum cpeek_status status;

	TRY(object_read(objects, object_get(object, FIELD_gaobject_args), &args));
	TRY(items_start(&args, &items));
	if (object_get(object, FIELD_gaobject_starred))
		value_text(value, "*");
	TRY(put_argument(value, objects, object_get(object, FIELD_gaobject_origin)));
	value_text(value, items.count ? "[" : "[()");
	for (uint64_t i = 0; (status = items_next(&items, &item)) == CPEEK_OK; i++) {
		value_text(value, i ? ", " : "");
		if (limit && i >= limit) {
			value_cut(value, items.count - i, "items");
			status = CPEEK_END;
			break;
		}
		TRY(object_read(objects, item.value, &argument));
		if (layout_trait(objects->layout, TRAIT_ALIAS_NAMES_IN_LISTS) &&
		    strcmp(argument.type->tp_name, "list") == 0)
			TRY(put_list(value, &argument));
		else
			TRY(put_argument(value, objects, item.value));
	}
	value_text(value, "]");
	return status == CPEEK_END ? CPEEK_OK : status;
}

/* ga_traverse() */
static const enum layout_field alias_fields[] = {
	FIELD_gaobject_origin,
	FIELD_gaobject_args,
	FIELD_gaobject_parameters,
};

const struct object_type object_type_alias = {
	.name = "types.GenericAlias",
	.structure = STRUCT_gaobject,
	.decode = alias_decode,
	.fields = alias_fields,
	.field_count = sizeof(alias_fields) / sizeof(*alias_fields),
};

/* union_repr() */
static enum cpeek_status union_decode(const struct object *object, struct value *value)
{
	struct objects *objects = object->objects;
	struct object args;
	struct items items;
	struct item item;
	const struct type *type;
	enum cpeek_status status;

	TRY(object_read(objects, object_get(object, FIELD_unionobject_args), &args));
	TRY(items_start(&args, &items));
	for (uint64_t i = 0; (status = items_next(&items, &item)) == CPEEK_OK; i++) {
		value_text(value, i ? " | " : "");
		if (type_read(objects, item.value, &type) == CPEEK_OK && strcmp(type->tp_name, "NoneType") == 0)
			value_text(value, "None");
		else
			TRY(put_argument(value, objects, item.value));
	}
	return status == CPEEK_END ? CPEEK_OK : status;
}

/* union_traverse() */
static const enum layout_field union_fields[] = {
	FIELD_unionobject_args,
	FIELD_unionobject_hashable_args,
	FIELD_unionobject_unhashable_args,
	FIELD_unionobject_parameters,
};

const struct object_type object_type_union = {
	.name = "types.UnionType|typing.Union",
	.structure = STRUCT_unionobject,
	.decode = union_decode,
	.fields = union_fields,
	.field_count = sizeof(union_fields) / sizeof(*union_fields),
};
