/*
 * The scanner of json's C code; its encoder is a row of visits.def.
 */
#include "object/decoder.h"

/* scanner_traverse() of Modules/_json.c */
static const enum layout_field scanner_fields[] = {
	FIELD_PyScannerObject_object_hook, FIELD_PyScannerObject_object_pairs_hook,
	FIELD_PyScannerObject_array_hook,  FIELD_PyScannerObject_parse_float,
	FIELD_PyScannerObject_parse_int,   FIELD_PyScannerObject_parse_constant,
};

static enum cpeek_status scanner_edges(const struct object *object, struct edges *edges)
{
	if (layout_trait(object->objects->layout, TRAIT_JSON_VISITS_STRICT))
		edges_add_field(edges, object, FIELD_PyScannerObject_strict);
	if (layout_trait(object->objects->layout, TRAIT_JSON_VISITS_MEMO))
		edges_add_field(edges, object, FIELD_PyScannerObject_memo);
	else
		edges_add_hidden(edges, object, FIELD_PyScannerObject_memo);
	return CPEEK_OK;
}

const struct object_type object_type_json_scanner = {
	.name = "_json.Scanner",
	.structure = STRUCT_PyScannerObject,
	.fields = scanner_fields,
	.field_count = sizeof(scanner_fields) / sizeof(*scanner_fields),
	.edges = scanner_edges,
};
