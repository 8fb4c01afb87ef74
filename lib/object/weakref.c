/*
 * weakref, weakproxy: what they point at is not owned, only their callback is.
 */
#include "object/phrase.h"

#include <inttypes.h>
#include <string.h>

/* Whether the object that a reference points at is gone; None stands in its place then, to which there are no weak
 * references. */
static bool is_dead(const struct object *referent)
{
	return strcmp(referent->type->tp_name, "NoneType") == 0;
}

static void put_type(struct value *value, const struct object *referent)
{
	if (layout_trait(referent->objects->layout, TRAIT_WEAKREF_FULL_NAME))
		value_full_type_name(value, referent->type);
	else
		value_text(value, referent->type->tp_name);
}

/* The referent's __name__, if it is a str: to 3.10 as an attribute, from 3.11 as its type gives it
 * (_PyObject_LookupSpecial()), which leaves out what the object has for itself alone. */
static enum cpeek_status read_name(const struct object *referent, struct strbuf *out)
{
	struct objects *objects = referent->objects;
	target_addr found;

	if (!layout_trait(objects->layout, TRAIT_WEAKREF_NAME_OF_TYPE))
		return name_read(objects, referent->address, "__name__", out);
	if (referent->type->flags & TYPE_TYPE_SUBCLASS)
		return name_read(objects, referent->address, "__name__", out);
	TRY(type_find_attribute(objects, referent->type, "__name__", 8, &found));
	if (str_read(objects, found, 0, out, NULL) == CPEEK_OK)
		return CPEEK_OK;
	if (referent->type->python_class)
		return CPEEK_NOT_FOUND;
	return name_read(objects, referent->address, "__name__", out);
}

/* weakref_repr() of Objects/weakrefobject.c */
static enum cpeek_status weakref_decode(const struct object *object, struct value *value)
{
	const target_addr address = object_get(object, FIELD_PyWeakReference_wr_object);
	struct object referent;
	struct strbuf name = {0};

	TRY(object_read(object->objects, address, &referent));
	value_format(value, "<weakref at 0x%" PRIx64 "; ", object->address);
	if (is_dead(&referent)) {
		value_text(value, "dead>");
		return CPEEK_OK;
	}
	value_text(value, "to '");
	put_type(value, &referent);
	value_format(value, "' at 0x%" PRIx64, address);
	enum cpeek_status status = read_name(&referent, &name);
	if (status == CPEEK_OK) {
		value_text(value, " (");
		value_bytes(value, strbuf_text(&name), name.length);
		value_text(value, ")");
	}
	value_text(value, ">");
	strbuf_deinit(&name);
	return status == CPEEK_NOT_FOUND ? CPEEK_OK : status;
}

/* proxy_repr() */
static enum cpeek_status proxy_decode(const struct object *object, struct value *value)
{
	const target_addr address = object_get(object, FIELD_PyWeakReference_wr_object);
	const bool full = layout_trait(object->objects->layout, TRAIT_WEAKREF_FULL_NAME);
	struct object referent;

	TRY(object_read(object->objects, address, &referent));
	value_format(value, "<weakproxy at 0x%" PRIx64, object->address);
	if (full && is_dead(&referent)) {
		value_text(value, "; dead>");
		return CPEEK_OK;
	}
	value_text(value, full ? "; to '" : " to ");
	put_type(value, &referent);
	value_format(value, "%s at 0x%" PRIx64 ">", full ? "'" : "", address);
	return CPEEK_OK;
}

/* gc_traverse() */
static const enum layout_field weakref_fields[] = {FIELD_PyWeakReference_wr_callback};

#define WEAK(id, tp_name, decode_)                                                                                    \
	const struct object_type object_type_##id = {                                                                 \
		.name = tp_name,                                                                                      \
		.structure = STRUCT_PyWeakReference,                                                                  \
		.decode = decode_,                                                                                    \
		.fields = weakref_fields,                                                                             \
		.field_count = 1,                                                                                     \
	};

WEAK(weakref, "weakref|weakref.ReferenceType", weakref_decode)
WEAK(weakproxy, "weakproxy|weakref.ProxyType", proxy_decode)
WEAK(weakcallableproxy, "weakcallableproxy|weakref.CallableProxyType", proxy_decode)
