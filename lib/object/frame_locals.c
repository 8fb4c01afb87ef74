/*
 * FrameLocalsProxy: what f_locals of a function's frame is, since 3.13. Which variables it shows the layer of frames says.
 */
#include "object/decoder.h"

struct shown {
	struct value *value;
	uint64_t count;
};

static enum cpeek_status put_variable(void *arg, target_addr name, target_addr content)
{
	struct shown *shown = arg;
	const uint64_t limit = value_limits(shown->value)->elements;

	if (shown->count++ && (!limit || shown->count <= limit))
		value_text(shown->value, ", ");
	if (limit && shown->count > limit)
		return CPEEK_OK;
	value_object(shown->value, name);
	value_text(shown->value, ": ");
	value_object(shown->value, content);
	return CPEEK_OK;
}

/* framelocalsproxy_repr() of Objects/frameobject.c */
static enum cpeek_status proxy_decode(const struct object *object, struct value *value)
{
	const uint64_t limit = value_limits(value)->elements;
	struct shown shown = {value, 0};
	struct object frame;

	value_guard(value, "{...}");
	value_text(value, "{");
	TRY(object_read(object->objects, object_get(object, FIELD_PyFrameLocalsProxyObject_frame), &frame));
	TRY(object->objects->frames->variables(&frame, put_variable, &shown));
	if (limit && shown.count > limit) {
		value_text(value, ", ");
		value_cut(value, shown.count - limit, "items");
	}
	value_text(value, "}");
	return CPEEK_OK;
}

static const enum layout_field proxy_fields[] = {FIELD_PyFrameLocalsProxyObject_frame};

const struct object_type object_type_frame_locals = {
	.name = "FrameLocalsProxy",
	.structure = STRUCT_PyFrameLocalsProxyObject,
	.decode = proxy_decode,
	.fields = proxy_fields,
	.field_count = 1,
};
