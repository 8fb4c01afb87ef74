/*
 * The state that C code keeps for a module, and of which only that code knows the form: no layout tells of it. But a
 * state is a structure of pointers to the module's types and constants, and what it holds of objects its m_traverse
 * visits; so each word that leads to an object is an edge, but for the exceptions that are listed here.
 */
#include "object/module_state.h"

#include <string.h>

enum {
	STATE_MAX = 1 << 16,   /* bytes; more of one module is taken for damage */
	OUTSIDE_MAX = 1 << 16, /* items that a state keeps elsewhere */
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

/* Whether an object is at address: its type is one, and so is the type's type. */
static bool probe_object(struct objects *objects, target_addr address, struct object *ret)
{
	const uint32_t type_offset = layout_offset(objects->layout, FIELD_PyObject_ob_type);
	const uint32_t flags_offset = layout_offset(objects->layout, FIELD_PyTypeObject_tp_flags);
	target_addr type, meta, flags;

	return address && probe_pointer(objects, address + type_offset, &type) &&
	       probe_pointer(objects, type + type_offset, &meta) &&
	       probe_pointer(objects, meta + flags_offset, &flags) && flags & TYPE_TYPE_SUBCLASS &&
	       object_read(objects, address, ret) == CPEEK_OK;
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

/* The word that asyncio keeps the running loop in is borrowed. */
static bool is_borrowed(const struct layout *layout, const char *module, uint64_t offset)
{
	return strcmp(module, "_asyncio") == 0 && layout_has(layout, FIELD_asyncio_state_cached_running_loop) &&
	       offset == layout_offset(layout, FIELD_asyncio_state_cached_running_loop);
}

enum cpeek_status module_state_edges(const struct object *object, struct edges *edges)
{
	struct objects *objects = object->objects;
	const unsigned word = objects->layout->pointer_size;
	const target_addr definition = object_get(object, FIELD_PyModuleObject_md_def);
	const target_addr state = object_get(object, FIELD_PyModuleObject_md_state);
	char module[64];
	uint64_t size = 0, traverse = 0, name = 0;
	struct table table;

	if (!definition || !state)
		return CPEEK_OK;
	TRY(field_read(objects, definition, FIELD_PyModuleDef_m_size, &size));
	TRY(field_read(objects, definition, FIELD_PyModuleDef_m_traverse, &traverse));
	TRY(field_read(objects, definition, FIELD_PyModuleDef_m_name, &name));
	enum cpeek_status status = target_read_cstring(objects->target, name, module, sizeof(module));
	if (status != CPEEK_OK && status != CPEEK_LIMIT)
		return status;
	if (size > STATE_MAX)
		return CPEEK_CORRUPT;
	if (strcmp(module, "atexit") == 0 && layout_has(objects->layout, FIELD_atexitmodule_state_ncallbacks))
		return add_callbacks(objects, state, edges);
	TRY(table_open(objects, state, (int64_t)(size / word), word, &table));
	for (uint64_t i = 0; i < size / word; i++) {
		struct object found;
		target_addr value;
		TRY(table_read_pointer(&table, i * word, &value));
		if (!is_borrowed(objects->layout, module, i * word) && probe_object(objects, value, &found))
			edges_add(edges, EDGE_FIELD, value, "md_state", i, traverse && is_visited(module, found.type));
	}
	return add_outside(objects, module, state, edges);
}
