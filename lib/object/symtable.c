/*
 * The blocks of a symbol table, which symtable.symtable() leads to.
 */
#include "object/phrase.h"

#include <inttypes.h>

/* ste_repr() of Python/symtable.c */
static enum cpeek_status entry_decode(const struct object *object, struct value *value)
{
	value_text(value, "<symtable entry ");
	value_str(value, object->objects, object_get(object, FIELD_PySTEntryObject_ste_name));
	value_text(value, "(");
	value_object(value, object_get(object, FIELD_PySTEntryObject_ste_id));
	value_format(value, "), line %" PRId64 ">", object_get_signed(object, FIELD_PySTEntryObject_ste_lineno));
	return CPEEK_OK;
}

/* No collector's type: it visits nothing. */
static enum cpeek_status entry_edges(const struct object *object, struct edges *edges)
{
	static const enum layout_field fields[] = {
		FIELD_PySTEntryObject_ste_id,
		FIELD_PySTEntryObject_ste_symbols,
		FIELD_PySTEntryObject_ste_name,
		FIELD_PySTEntryObject_ste_varnames,
		FIELD_PySTEntryObject_ste_children,
		FIELD_PySTEntryObject_ste_directives,
		FIELD_PySTEntryObject_ste_mangled_names,
		FIELD_PySTEntryObject_ste_annotation_block,
	};

	for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++)
		edges_add_hidden(edges, object, fields[i]);
	return CPEEK_OK;
}

const struct object_type object_type_symtable_entry = {
	.name = "symtable entry",
	.structure = STRUCT_PySTEntryObject,
	.decode = entry_decode,
	.edges = entry_edges,
};
