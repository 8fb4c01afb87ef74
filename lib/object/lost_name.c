/*
 * Finds names again. Knows PyMethodDef, PyMemberDef, and the descriptors that type_ready() made of them, which have their
 * names as str objects: Objects/descrobject.c, 3.6 to 3.15.
 */
#include "object/lost_name.h"
#include "object/dict.h"
#include "object/phrase.h"

enum { NAME_MAX_LENGTH = 4096, KEYS_MAX = 1 << 20 };

/* What of .rodata is there; false when its first byte is not, which is no failure: there are other ways. */
static bool read_text(struct objects *objects, target_addr address, struct strbuf *out, enum cpeek_status *ret)
{
	char first;

	if (!target_probe(objects->target, address, &first, 1))
		return false;
	*ret = cstring_read(objects, address, NAME_MAX_LENGTH, out);
	return true;
}

struct search {
	struct objects *objects;
	target_addr definition, object; /* either is what to find */
	target_addr type;               /* whose dict it is; 0 for a module's */
	enum layout_field field;        /* of a descriptor, that points at the definition */
};

static bool is_it(const struct search *search, target_addr value, bool *ret_descriptor)
{
	const struct objects *objects = search->objects;
	uint64_t found;

	*ret_descriptor = false;
	if (value == search->object)
		return true;
	if (!search->type)
		return false;
	/* A static method is one of two words: the function is held by an object of its own. */
	if (search->object && field_read(objects, value, FIELD_staticmethod_sm_callable, &found) == CPEEK_OK &&
	    found == search->object)
		return true;
	*ret_descriptor = field_read(objects, value, FIELD_PyDescrObject_d_type, &found) == CPEEK_OK &&
			  found == search->type && field_read(objects, value, search->field, &found) == CPEEK_OK &&
			  found == search->definition;
	return *ret_descriptor;
}

static enum cpeek_status search_dict(const struct search *search, target_addr dict, struct strbuf *out)
{
	struct objects *objects = search->objects;
	struct object object;
	struct items items;
	struct item item;
	enum cpeek_status status;
	bool descriptor;

	TRY(dict_open(objects, dict, &object, &items));
	for (int i = 0; i < KEYS_MAX && (status = dict_next(&items, &item)) == CPEEK_OK; i++) {
		if (!is_it(search, item.value, &descriptor))
			continue;
		if (!descriptor)
			return str_read(objects, item.key, NAME_MAX_LENGTH, out, NULL);
		uint64_t name;
		TRY(field_read(objects, item.value, FIELD_PyDescrObject_d_name, &name));
		return str_read(objects, name, NAME_MAX_LENGTH, out, NULL);
	}
	return CPEEK_NOT_FOUND;
}

/* The dict of a type and of those that it derives from. */
static enum cpeek_status search_type(struct search *search, const struct type *type, struct strbuf *out)
{
	target_addr dict;

	for (; type; type = type->base_type) {
		if (type_find_dict(search->objects, type, &dict) != CPEEK_OK)
			continue;
		search->type = type->address;
		enum cpeek_status status = search_dict(search, dict, out);
		if (status == CPEEK_OK || status == CPEEK_NO_MEMORY)
			return status;
	}
	return CPEEK_NOT_FOUND;
}

static enum cpeek_status search_self(struct search *search, target_addr self, struct strbuf *out)
{
	struct objects *objects = search->objects;
	const struct layout *layout = objects->layout;
	const struct type *type;
	struct object bound;
	uint64_t dict;

	if (!self)
		return CPEEK_NOT_FOUND;
	TRY(object_read(objects, self, &bound));
	enum cpeek_status status = search_type(search, bound.type, out);
	if (status != CPEEK_NOT_FOUND)
		return status;
	if (bound.type->flags & TYPE_TYPE_SUBCLASS) {
		TRY(type_read(objects, self, &type));
		return search_type(search, type, out);
	}
	/* What is no module has something else there, in which the function is not found. */
	search->type = 0;
	if (bound.type->basicsize < (int64_t)layout->structs[STRUCT_PyModuleObject] ||
	    field_read(objects, self, FIELD_PyModuleObject_md_dict, &dict) != CPEEK_OK)
		return CPEEK_NOT_FOUND;
	return search_dict(search, dict, out);
}

/* The name is nowhere: the failure is that of the read of the name itself. */
static enum cpeek_status lost(struct objects *objects, target_addr address, enum cpeek_status status)
{
	char byte;

	return status == CPEEK_OK || status == CPEEK_NO_MEMORY ? status
							       : target_read(objects->target, address, &byte, 1);
}

enum cpeek_status builtin_name_read(const struct object *function, struct strbuf *out)
{
	struct search search = {
		.objects = function->objects,
		.definition = object_get(function, FIELD_PyCFunctionObject_m_ml),
		.object = function->address,
		.field = FIELD_PyMethodDescrObject_d_method,
	};
	enum cpeek_status status;
	uint64_t name;

	TRY(field_read(search.objects, search.definition, FIELD_PyMethodDef_ml_name, &name));
	if (read_text(search.objects, name, out, &status))
		return status;
	status = search_self(&search, object_get(function, FIELD_PyCFunctionObject_m_self), out);
	return lost(search.objects, name, status);
}

enum cpeek_status member_name_read(struct objects *objects, const struct type *type, target_addr member,
				   struct strbuf *out)
{
	struct search search = {
		.objects = objects,
		.definition = member,
		.type = type->address,
		.field = FIELD_PyMemberDescrObject_d_member,
	};
	enum cpeek_status status;
	target_addr dict;
	uint64_t name;

	TRY(field_read(objects, member, FIELD_PyMemberDef_name, &name));
	if (read_text(objects, name, out, &status))
		return status;
	status = type_find_dict(objects, type, &dict);
	if (status == CPEEK_OK)
		status = search_dict(&search, dict, out);
	return lost(objects, name, status);
}

enum cpeek_status slot_name_read(const struct object *wrapper, struct strbuf *out)
{
	struct objects *objects = wrapper->objects;
	const target_addr descriptor = object_get(wrapper, FIELD_wrapperobject_descr);
	uint64_t base, name;
	enum cpeek_status status;

	TRY(field_read(objects, descriptor, FIELD_PyWrapperDescrObject_d_base, &base));
	if (field_read(objects, base, FIELD_wrapperbase_name, &name) == CPEEK_OK &&
	    read_text(objects, name, out, &status))
		return status;
	TRY(field_read(objects, descriptor, FIELD_PyDescrObject_d_name, &name));
	return str_read(objects, name, NAME_MAX_LENGTH, out, NULL);
}
