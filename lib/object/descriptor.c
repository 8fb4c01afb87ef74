/*
 * The descriptors of C types: what their dicts hold for methods, slots, members and getters; method-wrapper, such a
 * slot bound to an instance.
 */
#include "object/definition_dissect.h"
#include "object/lost_name.h"
#include "object/phrase.h"

/* Whether it is one of object's, which goes without saying from 3.15. */
static bool is_of_object(const struct object *object)
{
	const struct type *type;

	return layout_trait(object->objects->layout, TRAIT_DESCRIPTOR_OF_OBJECT_UNSAID) &&
	       type_read(object->objects, object_get(object, FIELD_PyDescrObject_d_type), &type) == CPEEK_OK &&
	       !type->base;
}

/* descr_repr() of Objects/descrobject.c */
static enum cpeek_status descriptor_decode(const struct object *object, struct value *value, const char *what)
{
	struct objects *objects = object->objects;
	const target_addr name = object_get(object, FIELD_PyDescrObject_d_name);

	value_format(value, "<%s '", what);
	if (name)
		value_str(value, objects, name);
	else
		value_text(value, "?");
	if (is_of_object(object)) {
		value_text(value, "'>");
		return CPEEK_OK;
	}
	value_text(value, "' of '");
	value_type_name(value, objects, object_get(object, FIELD_PyDescrObject_d_type));
	value_text(value, "' objects>");
	return CPEEK_OK;
}

static enum cpeek_status method_decode(const struct object *object, struct value *value)
{
	return descriptor_decode(object, value, "method");
}

static enum cpeek_status member_decode(const struct object *object, struct value *value)
{
	return descriptor_decode(object, value, "member");
}

static enum cpeek_status getset_decode(const struct object *object, struct value *value)
{
	return descriptor_decode(object, value, "attribute");
}

static enum cpeek_status slot_decode(const struct object *object, struct value *value)
{
	return descriptor_decode(object, value, "slot wrapper");
}

/* descr_traverse() visits the type alone. */
static enum cpeek_status descriptor_edges(const struct object *object, struct edges *edges)
{
	edges_add_field(edges, object, FIELD_PyDescrObject_d_type);
	edges_add_hidden(edges, object, FIELD_PyDescrObject_d_name);
	edges_add_hidden(edges, object, FIELD_PyDescrObject_d_qualname);
	return CPEEK_OK;
}

#define DESCRIPTOR(id, tp_name, structure_, decode_, dissect_)                                                        \
	const struct object_type object_type_##id = {                                                                 \
		.name = tp_name,                                                                                      \
		.structure = STRUCT_##structure_,                                                                     \
		.decode = decode_,                                                                                    \
		.edges = descriptor_edges,                                                                            \
		.dissect = dissect_,                                                                                  \
	};

DESCRIPTOR(method_descriptor, "method_descriptor", PyMethodDescrObject, method_decode, method_descriptor_dissect)
DESCRIPTOR(classmethod_descriptor, "classmethod_descriptor", PyMethodDescrObject, method_decode,
	   method_descriptor_dissect)
DESCRIPTOR(member_descriptor, "member_descriptor", PyMemberDescrObject, member_decode, member_descriptor_dissect)
DESCRIPTOR(getset_descriptor, "getset_descriptor", PyGetSetDescrObject, getset_decode, getset_descriptor_dissect)
DESCRIPTOR(wrapper_descriptor, "wrapper_descriptor", PyWrapperDescrObject, slot_decode, wrapper_descriptor_dissect)

/* wrapper_repr() */
static enum cpeek_status wrapper_decode(const struct object *object, struct value *value)
{
	struct objects *objects = object->objects;
	const target_addr self = object_get(object, FIELD_wrapperobject_self);
	struct object bound;

	TRY(object_read(objects, self, &bound));
	value_text(value, "<method-wrapper '");
	value_lost_name(value, object, slot_name_read);
	value_format(value, "' of %s object at 0x%llx>", bound.type->tp_name, (unsigned long long)self);
	return CPEEK_OK;
}

static const enum layout_field wrapper_fields[] = {FIELD_wrapperobject_descr, FIELD_wrapperobject_self};

const struct object_type object_type_method_wrapper = {
	.name = "method-wrapper",
	.structure = STRUCT_wrapperobject,
	.decode = wrapper_decode,
	.fields = wrapper_fields,
	.field_count = sizeof(wrapper_fields) / sizeof(*wrapper_fields),
};
