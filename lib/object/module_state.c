/*
 * The state that C code keeps for a module, and of which only that code knows the form: no layout tells of it. But a
 * state is a structure of pointers to the module's types and constants, and what it holds of objects its m_traverse
 * visits; so each word that leads to an object is an edge, but for the exceptions that are listed here.
 */
#include "object/module_state.h"

#include <stdio.h>
#include <string.h>

enum {
	STATE_MAX = 1 << 16,   /* bytes; more of one module is taken for damage */
	OUTSIDE_MAX = 1 << 16, /* items that a state keeps elsewhere */
	METATYPES_MAX = 8,     /* a metaclass of metaclasses of … */
};

/* Names and numbers that a module made beforehand and does not visit, as nothing can be reached through them. */
static const struct {
	const char *module, *type;
} unvisited[] = {
	{"_csv", "str"},
	{"_datetime", "int"},
	{"_datetime", "datetime.datetime"},
	{"decimal", "str"},
	{"_elementtree", "str"},
	{"_multibytecodec", "str"},
	{"_random", "wrapper_descriptor"},
	{"_signal", "int"},
	{"_sqlite3", "str"},
	{"_ssl", "str"},
	{"array", "str"},
};

static bool is_visited(const char *module, const struct type *type)
{
	for (size_t i = 0; i < sizeof(unvisited) / sizeof(*unvisited); i++)
		if (strcmp(unvisited[i].module, module) == 0 && strcmp(unvisited[i].type, type->tp_name) == 0)
			return false;
	return true;
}

static bool probe_pointer(struct objects *objects, target_addr address, target_addr *ret)
{
	uint8_t bytes[8];

	if (address % objects->layout->pointer_size ||
	    !target_probe(objects->target, address, bytes, objects->layout->pointer_size))
		return false;
	*ret = target_get_pointer(objects->target, bytes);
	return true;
}

/* Whether an object is at address: the type of its type is one, and of those `type` is the last, which is its own. */
static bool probe_object(struct objects *objects, target_addr address, struct object *ret)
{
	const uint32_t type_offset = layout_offset(objects->layout, FIELD_PyObject_ob_type);
	const uint32_t flags_offset = layout_offset(objects->layout, FIELD_PyTypeObject_tp_flags);
	target_addr type, meta, above, flags;

	if (!address || !probe_pointer(objects, address + type_offset, &type) ||
	    !probe_pointer(objects, type + type_offset, &above))
		return false;
	for (unsigned i = 0; i < METATYPES_MAX; i++) {
		meta = above;
		if (!probe_pointer(objects, meta + flags_offset, &flags) || !(flags & TYPE_TYPE_SUBCLASS) ||
		    !probe_pointer(objects, meta + type_offset, &above))
			return false;
		if (meta == above)
			return object_read(objects, address, ret) == CPEEK_OK;
	}
	return false;
}

static enum cpeek_status add_field(struct objects *objects, target_addr address, enum layout_field field,
				   uint64_t index, struct edges *edges)
{
	uint64_t value;

	TRY(field_read(objects, address, field, &value));
	edges_add(edges, EDGE_FIELD, value, layout_field_name(field), index, true);
	return CPEEK_OK;
}

/* atexit_m_traverse() of Modules/atexitmodule.c, to 3.9; later the interpreter has the callbacks. */
static enum cpeek_status add_callbacks(struct objects *objects, target_addr state, struct edges *edges)
{
	const unsigned word = objects->layout->pointer_size;
	uint64_t callbacks, count;
	struct table table;

	TRY(field_read(objects, state, FIELD_atexitmodule_state_atexit_callbacks, &callbacks));
	TRY(field_read(objects, state, FIELD_atexitmodule_state_ncallbacks, &count));
	if (count > OUTSIDE_MAX)
		return CPEEK_CORRUPT;
	TRY(table_open(objects, callbacks, (int64_t)count, word, &table));
	for (uint64_t i = 0; i < count; i++) {
		target_addr callback;
		TRY(table_read_pointer(&table, i * word, &callback));
		if (!callback)
			continue;
		TRY(add_field(objects, callback, FIELD_atexit_callback_func, i, edges));
		TRY(add_field(objects, callback, FIELD_atexit_callback_args, i, edges));
		TRY(add_field(objects, callback, FIELD_atexit_callback_kwargs, i, edges));
	}
	return CPEEK_OK;
}

/* A table of signals and their exceptions, which a NULL name ends: decimal_traverse() of Modules/_decimal/_decimal.c */
static enum cpeek_status add_signals(struct objects *objects, target_addr map, uint64_t first, struct edges *edges)
{
	const uint32_t stride = objects->layout->structs[STRUCT_DecCondMap];

	for (uint64_t i = first; map && i < OUTSIDE_MAX; i++) {
		uint64_t name;
		TRY(field_read(objects, map + i * stride, FIELD_DecCondMap_name, &name));
		if (!name)
			return CPEEK_OK;
		TRY(add_field(objects, map + i * stride, FIELD_DecCondMap_ex, i, edges));
	}
	return map ? CPEEK_CORRUPT : CPEEK_OK;
}

/* The zones that were used most recently: module_traverse() of Modules/_zoneinfo.c */
static enum cpeek_status add_zones(struct objects *objects, target_addr node, struct edges *edges)
{
	for (uint64_t i = 0; node; i++) {
		if (i == OUTSIDE_MAX)
			return CPEEK_CORRUPT;
		TRY(add_field(objects, node, FIELD_StrongCacheNode_key, i, edges));
		TRY(add_field(objects, node, FIELD_StrongCacheNode_zone, i, edges));
		TRY(field_read(objects, node, FIELD_StrongCacheNode_next, &node));
	}
	return CPEEK_OK;
}

/* What a state keeps outside of itself. */
static enum cpeek_status add_outside(struct objects *objects, const char *module, target_addr state,
				     struct edges *edges)
{
	const struct layout *layout = objects->layout;
	uint64_t outside;

	if (strcmp(module, "decimal") == 0 && layout_has(layout, FIELD_decimal_state_signal_map)) {
		TRY(field_read(objects, state, FIELD_decimal_state_signal_map, &outside));
		TRY(add_signals(objects, outside, 0, edges));
		TRY(field_read(objects, state, FIELD_decimal_state_cond_map, &outside));
		return add_signals(objects, outside, 1, edges); /* its first one is in both */
	}
	if (strcmp(module, "_zoneinfo") == 0 && layout_has(layout, FIELD_zoneinfo_state_ZONEINFO_STRONG_CACHE)) {
		TRY(field_read(objects, state, FIELD_zoneinfo_state_ZONEINFO_STRONG_CACHE, &outside));
		return add_zones(objects, outside, edges);
	}
	return CPEEK_OK;
}

static bool is_field(const struct layout *layout, enum layout_field field, uint64_t offset)
{
	return layout_has(layout, field) && offset == layout_offset(layout, field);
}

/* The word that asyncio keeps the running loop in is borrowed. Those of decimal's tables lead to no objects, even though
 * the first exception of a table stands where a free-threaded build's object has its type. */
static bool is_borrowed(const struct layout *layout, const char *module, uint64_t offset)
{
	if (strcmp(module, "decimal") == 0)
		return is_field(layout, FIELD_decimal_state_signal_map, offset) ||
		       is_field(layout, FIELD_decimal_state_cond_map, offset);
	return strcmp(module, "_asyncio") == 0 && is_field(layout, FIELD_asyncio_state_cached_running_loop, offset);
}

/* What has a heap type for a reason that the others do not have visits it: PyInit__curses_panel's definition from 3.9 on,
 * of _hmac from its beginning. */
static bool visits_own_type(const struct layout *layout, const char *module)
{
	return strcmp(module, "_hmac") == 0 ||
	       (strcmp(module, "_curses_panel") == 0 && layout_trait(layout, TRAIT_SUBTYPE_TRAVERSE_VISITS_TYPE));
}

/* To 3.9 _curses_panel leaves its type out: _curses_panel_traverse() of Modules/_curses_panel.c */
static bool is_panel_type(const struct layout *layout, const char *module, uint64_t offset)
{
	return layout_trait(layout, TRAIT_CURSES_FORGETS_PANEL) && strcmp(module, "_curses_panel") == 0 &&
	       is_field(layout, FIELD__curses_panelstate_PyCurses_Panel_Type, offset);
}

/* Early micro versions leave pickle's functools.partial out: pickle_traverse() of Modules/_pickle.c */
static bool is_forgotten(const struct layout *layout, const char *module, uint64_t offset)
{
	return (layout_trait(layout, TRAIT_PICKLE_FORGETS_PARTIAL) ||
		layout_trait(layout, TRAIT_PICKLE_FORGETS_PARTIAL_3_8)) &&
	       strcmp(module, "_pickle") == 0 && is_field(layout, FIELD_PickleState_partial, offset);
}

/* __name__ as the module was made with: that of its definition, but for decimal's, which lacks the underscore to 3.12. */
static enum cpeek_status read_module_name(const struct object *object, char *name, size_t name_size)
{
	struct strbuf text = {0};

	enum cpeek_status status = str_read(object->objects, object_get(object, FIELD_PyModuleObject_md_name),
					    name_size - 1, &text, NULL);
	if (status == CPEEK_OK) {
		const char *read = strbuf_text(&text);
		(void)snprintf(name, name_size, "%s", strcmp(read, "_decimal") == 0 ? "decimal" : read);
	}
	strbuf_deinit(&text);
	return status;
}

/* To 3.14 a PyModuleDef tells of the state; a module made without one has none. */
static enum cpeek_status read_definition(const struct object *object, uint64_t *ret_size, bool *ret_traverse,
					 char *name, size_t name_size)
{
	struct objects *objects = object->objects;
	const target_addr definition = object_get(object, FIELD_PyModuleObject_md_def);
	uint64_t traverse, text;

	*ret_size = 0;
	*name = '\0';
	if (!definition)
		return CPEEK_OK;
	TRY(field_read(objects, definition, FIELD_PyModuleDef_m_size, ret_size));
	TRY(field_read(objects, definition, FIELD_PyModuleDef_m_traverse, &traverse));
	TRY(field_read(objects, definition, FIELD_PyModuleDef_m_name, &text));
	*ret_traverse = traverse != 0;
	if (!target_probe(objects->target, text, name, 1)) /* in .rodata, which may be gone */
		return read_module_name(object, name, name_size);
	enum cpeek_status status = target_read_cstring(objects->target, text, name, name_size);
	return status == CPEEK_LIMIT ? CPEEK_OK : status;
}

/* From 3.15 the module itself does: Include/internal/pycore_moduleobject.h. */
static enum cpeek_status read_own(const struct object *object, uint64_t *ret_size, bool *ret_traverse, char *name,
				  size_t name_size)
{
	*ret_size = object_get(object, FIELD_PyModuleObject_md_state_size);
	*ret_traverse = object_get(object, FIELD_PyModuleObject_md_state_traverse) != 0;
	return read_module_name(object, name, name_size);
}

enum cpeek_status module_state_edges(const struct object *object, struct edges *edges)
{
	struct objects *objects = object->objects;
	const unsigned word = objects->layout->pointer_size;
	const target_addr state = object_get(object, FIELD_PyModuleObject_md_state);
	char module[64];
	uint64_t size = 0;
	bool traverse = false;
	struct table table;

	if (!state)
		return CPEEK_OK;
	if (layout_has(objects->layout, FIELD_PyModuleObject_md_state_size))
		TRY(read_own(object, &size, &traverse, module, sizeof(module)));
	else
		TRY(read_definition(object, &size, &traverse, module, sizeof(module)));
	if (size > STATE_MAX)
		return CPEEK_CORRUPT;
	if (strcmp(module, "atexit") == 0 && layout_has(objects->layout, FIELD_atexitmodule_state_ncallbacks))
		return add_callbacks(objects, state, edges);
	if (visits_own_type(objects->layout, module))
		edges_add(edges, EDGE_TYPE, object->type->address, NULL, 0, true);
	TRY(table_open(objects, state, (int64_t)(size / word), word, &table));
	for (uint64_t i = 0; i < size / word; i++) {
		struct object found;
		target_addr value;
		TRY(table_read_pointer(&table, i * word, &value));
		if (!is_borrowed(objects->layout, module, i * word) && probe_object(objects, value, &found))
			edges_add(edges, EDGE_FIELD, value, "md_state", i,
				  traverse && is_visited(module, found.type) &&
					  !is_forgotten(objects->layout, module, i * word) &&
					  !is_panel_type(objects->layout, module, i * word));
	}
	return add_outside(objects, module, state, edges);
}
