/*
 * weakref, weakproxy: what they point at is not owned, only their callback is.
 */
#include "object/instance_dissect.h"
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

/* The referent's __name__, if it is a str: at first as an attribute, later (3.11.7) as its type gives it
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
	if (referent->type->python_class) { /* it may be a slot: what stands there, unlike what is in a __dict__ */
		const uint64_t before = out->length;
		TRY(object_find_slot(referent, "__name__", 8, &found));
		enum cpeek_status status = str_read(objects, found, 0, out, NULL);
		return status == CPEEK_CORRUPT && out->length == before ? CPEEK_NOT_FOUND : status;
	}
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

/* The list that it is in begins where wr_prev is NULL. */
static enum cpeek_status find_first(const struct object *object, target_addr *ret)
{
	enum { REFERENCES_MAX = 1 << 16 };
	target_addr at = object->address;

	for (int i = 0; i < REFERENCES_MAX; i++) {
		uint64_t before;
		TRY(field_read(object->objects, at, FIELD_PyWeakReference_wr_prev, &before));
		if (!before) {
			*ret = at;
			return CPEEK_OK;
		}
		at = before;
	}
	return CPEEK_CORRUPT;
}

static enum cpeek_status weakref_dissect(const struct object *object, struct dissection *dissection)
{
	const target_addr address = object_get(object, FIELD_PyWeakReference_wr_object);
	const target_addr call = object_get(object, FIELD_PyWeakReference_vectorcall);
	const int64_t hash = object_get_signed(object, FIELD_PyWeakReference_hash);
	target_addr first = 0;
	struct object referent;

	const bool known = object_read(object->objects, address, &referent) == CPEEK_OK;
	const bool dead = known && is_dead(&referent);
	dissect_field(dissection, DISSECT_OBJECT, FIELD_PyWeakReference_wr_object, "%s",
		      dead ? "the referent is gone" : "the referent: not counted in its ob_refcnt");
	dissect_field(dissection, DISSECT_OBJECT, FIELD_PyWeakReference_wr_callback,
		      "called with the reference when the referent goes");
	dissect_field(dissection, DISSECT_NUMBER, FIELD_PyWeakReference_hash, "%s",
		      hash == -1 ? "not asked for yet" : "hash(referent), kept when the referent goes");
	dissect_field(dissection, DISSECT_POINTER, FIELD_PyWeakReference_wr_prev,
		      "the reference before it to the same referent");
	dissect_field(dissection, DISSECT_POINTER, FIELD_PyWeakReference_wr_next, "the one behind it");
	if (call)
		dissect_field(dissection, DISSECT_POINTER, FIELD_PyWeakReference_vectorcall, "%s",
			      dissect_function(dissection, call));
	dissect_field(dissection, DISSECT_POINTER, FIELD_PyWeakReference_weakrefs_lock,
		      "the lock of the referent's list (free-threaded)");
	if (dead || !known)
		return CPEEK_OK;
	enum cpeek_status status = find_first(object, &first);
	if (status == CPEEK_OK)
		status = instance_dissect_weakrefs(dissection, first, address);
	return dissect_tolerate(dissection, status, "the list of weak references");
}

/* gc_traverse() */
static const enum layout_field weakref_fields[] = {FIELD_PyWeakReference_wr_callback};

#define WEAK(id, tp_name, decode_)                                                                                    \
	const struct object_type object_type_##id = {                                                                 \
		.name = tp_name,                                                                                      \
		.structure = STRUCT_PyWeakReference,                                                                  \
		.decode = decode_,                                                                                    \
		.fields = weakref_fields,                                                                             \
		.dissect = weakref_dissect,                                                                           \
		.field_count = 1,                                                                                     \
	};

WEAK(weakref, "weakref|weakref.ReferenceType", weakref_decode)
WEAK(weakproxy, "weakproxy|weakref.ProxyType", proxy_decode)
WEAK(weakcallableproxy, "weakcallableproxy|weakref.CallableProxyType", proxy_decode)
