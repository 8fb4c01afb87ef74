/*
 * module: its namespace, and the state that C code keeps for it. Its repr is made by Lib/importlib/_bootstrap.py in
 * the target; the same rules are followed here on what memory holds.
 */
#include "object/module_dissect.h"
#include "object/module_state.h"
#include "object/phrase.h"

#include <string.h>

static bool is_none(struct objects *objects, target_addr address)
{
	struct object object;

	return object_read(objects, address, &object) == CPEEK_OK && strcmp(object.type->tp_name, "NoneType") == 0;
}

/* object.name, or 0 when it has none, or None. */
static target_addr find(struct objects *objects, target_addr address, const char *name)
{
	struct object object;
	target_addr found;

	if (!address || object_read(objects, address, &object) != CPEEK_OK ||
	    attribute_find(&object, name, strlen(name), &found) != CPEEK_OK || is_none(objects, found))
		return 0;
	return found;
}

static void put_or(struct value *value, target_addr address, const char *otherwise)
{
	if (address)
		value_object(value, address);
	else
		value_text(value, otherwise);
}

/* Whether a loader is a class of importlib by this name, or an instance of one. */
static bool is_loader(struct objects *objects, target_addr loader, const char *name)
{
	struct object object;
	const struct type *type;

	if (!loader || object_read(objects, loader, &object) != CPEEK_OK)
		return false;
	type = object.type;
	if (type->flags & TYPE_TYPE_SUBCLASS && type_read(objects, loader, &type) != CPEEK_OK)
		return false;
	return strcmp(type->qualname, name) == 0 && strncmp(type->module, "_frozen_importlib", 17) == 0;
}

static bool is_namespace_loader(struct objects *objects, target_addr loader)
{
	return is_loader(objects, loader, "NamespaceLoader") || is_loader(objects, loader, "_NamespaceLoader");
}

/* loader.module_repr(module), which importlib's own loaders have to 3.11: false when this one has none. */
static bool put_by_loader(struct value *value, struct objects *objects, target_addr module, target_addr loader)
{
	const char *what = is_loader(objects, loader, "BuiltinImporter")  ? "built-in"
			   : is_loader(objects, loader, "FrozenImporter") ? "frozen"
			   : is_namespace_loader(objects, loader)         ? "namespace"
									  : NULL;
	target_addr name = find(objects, module, "__name__");

	if (!what || !name)
		return false;
	value_text(value, "<module ");
	value_object(value, name);
	value_format(value, " (%s)>", what);
	return true;
}

/* _module_repr_from_spec() */
static void put_by_spec(struct value *value, struct objects *objects, target_addr spec)
{
	const target_addr origin = find(objects, spec, "origin"), loader = find(objects, spec, "loader");
	int64_t has_location = 0;

	value_text(value, "<module ");
	put_or(value, find(objects, spec, "name"), "'?'");
	if (!origin && !loader) {
		value_text(value, ">");
	} else if (!origin && is_namespace_loader(objects, loader)) {
		value_text(value, " (namespace) from ");
		put_or(value, find(objects, find(objects, loader, "_path"), "_path"), "[]");
		value_text(value, ">");
	} else if (!origin) {
		value_text(value, " (");
		value_object(value, loader);
		value_text(value, ")>");
	} else if (int_read(objects, find(objects, spec, "_set_fileattr"), &has_location) == CPEEK_OK &&
		   has_location) {
		value_text(value, " from ");
		value_object(value, origin);
		value_text(value, ">");
	} else {
		value_text(value, " (");
		value_str(value, objects, origin);
		value_text(value, ")>");
	}
}

/* _module_repr() */
static enum cpeek_status module_decode(const struct object *object, struct value *value)
{
	struct objects *objects = object->objects;
	const target_addr loader = find(objects, object->address, "__loader__");
	const target_addr spec = find(objects, object->address, "__spec__");
	const target_addr file = find(objects, object->address, "__file__");

	if (layout_trait(objects->layout, TRAIT_MODULE_REPR_BY_LOADER) &&
	    put_by_loader(value, objects, object->address, loader))
		return CPEEK_OK;
	if (spec) {
		put_by_spec(value, objects, spec);
		return CPEEK_OK;
	}
	value_text(value, "<module ");
	put_or(value, find(objects, object->address, "__name__"), "'?'");
	if (file) {
		value_text(value, " from ");
		value_object(value, file);
	} else if (loader) {
		value_text(value, " (");
		value_object(value, loader);
		value_text(value, ")");
	}
	value_text(value, ">");
	return CPEEK_OK;
}

/* module_traverse() of Objects/moduleobject.c */
static enum cpeek_status module_edges(const struct object *object, struct edges *edges)
{
	enum cpeek_status status = module_state_edges(object, edges);

	edges_add_field(edges, object, FIELD_PyModuleObject_md_dict);
	return status;
}

const struct object_type object_type_module = {
	.name = "module",
	.structure = STRUCT_PyModuleObject,
	.decode = module_decode,
	.edges = module_edges,
	.dissect = module_dissect,
};
