/*
 * Ellipsis, the only object of its type.
 */
#include "object/dissect.h"

static enum cpeek_status ellipsis_decode(const struct object *object, struct value *value)
{
	(void)object;
	value_text(value, "Ellipsis");
	return CPEEK_OK;
}

static enum cpeek_status ellipsis_dissect(const struct object *object, struct dissection *dissection)
{
	(void)object;
	dissect_note(dissection,
		     "Ellipsis has a head and nothing else: there is one, and whoever means it compares addresses.");
	return CPEEK_OK;
}

const struct object_type object_type_ellipsis = {
	.name = "ellipsis",
	.structure = STRUCT_PyObject,
	.decode = ellipsis_decode,
	.dissect = ellipsis_dissect,
};
