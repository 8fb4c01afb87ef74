/*
 * struct.Struct: a format, and the codes that it was compiled to.
 */
#include "object/bytes.h"
#include "object/class_name.h"

enum { CODES_MAX = 1 << 24 };

static const enum layout_field struct_fields[] = {FIELD_PyStructObject_s_format};

/* s_sizeof() of Modules/_struct.c: the codes end with one that has no fmtdef, which counts. */
static enum cpeek_status struct_size(const struct object *object, uint64_t *ret)
{
	struct objects *objects = object->objects;
	const uint32_t stride = objects->layout->structs[STRUCT_formatcode];
	const target_addr codes = object_get(object, FIELD_PyStructObject_s_codes);
	uint64_t count = 1, definition = 1;

	while (codes && count < CODES_MAX) {
		TRY(field_read(objects, codes + (count - 1) * stride, FIELD_formatcode_fmtdef, &definition));
		if (!definition)
			break;
		count++;
	}
	*ret = (uint64_t)object->type->basicsize + count * stride;
	return CPEEK_OK;
}

/* s_repr(), 3.13+: the format as text, which in bytes it looks the same as. From 3.15 it is kept as text. */
static enum cpeek_status struct_decode(const struct object *object, struct value *value)
{
	struct objects *objects = object->objects;
	struct strbuf text = {0};
	struct object format;

	TRY(object_read(objects, object_get(object, FIELD_PyStructObject_s_format), &format));
	if (format.type->flags & TYPE_UNICODE_SUBCLASS) {
		value_format(value, "%s(", class_name(object));
		value_object(value, format.address);
		value_text(value, ")");
		return CPEEK_OK;
	}
	if (!(format.type->flags & TYPE_BYTES_SUBCLASS))
		return CPEEK_CORRUPT;
	enum cpeek_status status = bytes_put_slice(objects, object_field_address(&format, FIELD_PyBytesObject_ob_sval),
						   format.ob_size, UINT64_MAX, &text);
	if (status == CPEEK_OK && strbuf_failed(&text))
		status = CPEEK_NO_MEMORY;
	if (status == CPEEK_OK) {
		value_format(value, "%s(", class_name(object));
		value_bytes(value, strbuf_text(&text) + 1, text.length - 1);
		value_text(value, ")");
	}
	strbuf_deinit(&text);
	return status;
}

const struct object_type object_type_struct = {
	.name = "Struct|_struct.Struct",
	.structure = STRUCT_PyStructObject,
	.decode = struct_decode,
	.fields = struct_fields,
	.field_count = 1,
	.size = struct_size,
};
