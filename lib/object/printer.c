/*
 * stderrprinter: what sys.stderr is while the interpreter starts.
 */
#include "object/decoder.h"

#include <inttypes.h>

/* stdprinter_repr() of Objects/fileobject.c */
static enum cpeek_status printer_decode(const struct object *object, struct value *value)
{
	const bool cut = layout_trait(object->objects->layout, TRAIT_PRINTER_SHORT_ADDRESS);

	value_format(value, "<stdprinter(fd=%" PRId64 ") object at 0x%" PRIx64 ">",
		     object_get_signed(object, FIELD_PyStdPrinter_Object_fd),
		     cut ? (uint32_t)object->address : object->address);
	return CPEEK_OK;
}

const struct object_type object_type_printer = {
	.name = "stderrprinter",
	.structure = STRUCT_PyStdPrinter_Object,
	.decode = printer_decode,
};
