/*
 * frozendict, 3.15: a dict's table in an object of another type.
 */
#include "object/class_name.h"
#include "object/dict.h"
#include "object/dict_dissect.h"

extern const struct object_type object_type_frozendict;

/* frozendict_repr() of Objects/dictobject.c */
static enum cpeek_status frozendict_decode(const struct object *object, struct value *value)
{
	const char *name = class_name(object);

	value_guard_named(value, name, "({...})");
	value_format(value, "%s(", name);
	if (object_get(object, FIELD_PyDictObject_ma_used))
		value_items(value, "{", "}", false);
	value_text(value, ")");
	return CPEEK_OK;
}

bool type_is_mapping(const struct type *type)
{
	return type->flags & TYPE_DICT_SUBCLASS || type->decoder == &object_type_frozendict;
}

const struct object_type object_type_frozendict = {
	.name = "frozendict",
	.structure = STRUCT_PyFrozenDictObject,
	.decode = frozendict_decode,
	.items = dict_items,
	.next = dict_next,
	.edges = dict_edges,
	.size = dict_size,
	.dissect = dict_dissect,
};
