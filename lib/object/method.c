/*
 * method: a function bound to an instance; instancemethod, its kin of C code.
 */
#include "object/phrase.h"

#include <inttypes.h>

/* method_repr() of Objects/classobject.c */
static enum cpeek_status method_decode(const struct object *object, struct value *value)
{
	const target_addr function = object_get(object, FIELD_PyMethodObject_im_func);
	struct strbuf name = {0};

	enum cpeek_status status = name_read(object->objects, function, "__qualname__", &name);
	if (status == CPEEK_NOT_FOUND)
		status = name_read(object->objects, function, "__name__", &name);
	if (status == CPEEK_NOT_FOUND) {
		strbuf_puts(&name, "?");
		status = CPEEK_OK;
	}
	value_text(value, "<bound method ");
	value_bytes(value, strbuf_text(&name), name.length);
	value_text(value, " of ");
	value_object(value, object_get(object, FIELD_PyMethodObject_im_self));
	value_text(value, ">");
	strbuf_deinit(&name);
	return status;
}

/* instancemethod_repr() */
static enum cpeek_status instancemethod_decode(const struct object *object, struct value *value)
{
	struct strbuf name = {0};

	enum cpeek_status status =
		name_read(object->objects, object_get(object, FIELD_PyInstanceMethodObject_func), "__name__", &name);
	if (status == CPEEK_NOT_FOUND) {
		strbuf_puts(&name, "?");
		status = CPEEK_OK;
	}
	value_text(value, "<instancemethod ");
	value_bytes(value, strbuf_text(&name), name.length);
	value_format(value, " at 0x%" PRIx64 ">", object->address);
	strbuf_deinit(&name);
	return status;
}

static const enum layout_field instancemethod_fields[] = {FIELD_PyInstanceMethodObject_func};

const struct object_type object_type_instancemethod = {
	.name = "instancemethod",
	.structure = STRUCT_PyInstanceMethodObject,
	.decode = instancemethod_decode,
	.fields = instancemethod_fields,
	.field_count = 1,
};

/* method_traverse() */
static const enum layout_field method_fields[] = {FIELD_PyMethodObject_im_func, FIELD_PyMethodObject_im_self};

const struct object_type object_type_method = {
	.name = "method",
	.structure = STRUCT_PyMethodObject,
	.decode = method_decode,
	.fields = method_fields,
	.field_count = sizeof(method_fields) / sizeof(*method_fields),
};
