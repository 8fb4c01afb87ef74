/*
 * sqlite3.Connection and, to 3.10, its cache of statements. The other types of sqlite3 are rows of visits.def.
 */
#include "object/decoder.h"

enum { NODES_MAX = 1 << 20 };

/* The callable of a callback and the module: VISIT_CALLBACK_CONTEXT() of Modules/_sqlite/connection.c, 3.11+ */
static enum cpeek_status add_callback(const struct object *object, enum layout_field field, struct edges *edges)
{
	static const enum layout_field fields[] = {FIELD_callback_context_callable, FIELD_callback_context_module};
	const target_addr context = object_get(object, field);

	for (size_t i = 0; context && i < sizeof(fields) / sizeof(*fields); i++) {
		uint64_t value;
		TRY(field_read(object->objects, context, fields[i], &value));
		edges_add(edges, EDGE_FIELD, value, layout_field_name(fields[i]), 0, true);
	}
	return CPEEK_OK;
}

/* connection_traverse() */
static enum cpeek_status connection_edges(const struct object *object, struct edges *edges)
{
	const bool contexts = layout_has(object->objects->layout, FIELD_pysqlite_Connection_trace_ctx);

	if (!contexts) /* later it is a C string */
		edges_add_field(edges, object, FIELD_pysqlite_Connection_isolation_level);
	edges_add_field(edges, object, FIELD_pysqlite_Connection_statement_cache);
	edges_add_field(edges, object, FIELD_pysqlite_Connection_statements);
	edges_add_field(edges, object, FIELD_pysqlite_Connection_cursors);
	edges_add_field(edges, object, FIELD_pysqlite_Connection_blobs);
	edges_add_field(edges, object, FIELD_pysqlite_Connection_row_factory);
	edges_add_field(edges, object, FIELD_pysqlite_Connection_text_factory);
	edges_add_field(edges, object, FIELD_pysqlite_Connection_function_pinboard_trace_callback);
	edges_add_field(edges, object, FIELD_pysqlite_Connection_function_pinboard_progress_handler);
	edges_add_field(edges, object, FIELD_pysqlite_Connection_function_pinboard_authorizer_cb);
	edges_add_field(edges, object, FIELD_pysqlite_Connection_collations);
	if (contexts) {
		TRY(add_callback(object, FIELD_pysqlite_Connection_trace_ctx, edges));
		TRY(add_callback(object, FIELD_pysqlite_Connection_progress_ctx, edges));
		TRY(add_callback(object, FIELD_pysqlite_Connection_authorizer_ctx, edges));
	}
	return CPEEK_OK;
}

const struct object_type object_type_sqlite_connection = {
	.name = "sqlite3.Connection",
	.structure = STRUCT_pysqlite_Connection,
	.edges = connection_edges,
};

/* pysqlite_cache_traverse() of Modules/_sqlite/cache.c, 3.10: a chain of nodes, and a factory that is borrowed. */
static enum cpeek_status cache_edges(const struct object *object, struct edges *edges)
{
	uint64_t node = object_get(object, FIELD_pysqlite_Cache_first);

	edges_add_field(edges, object, FIELD_pysqlite_Cache_mapping);
	for (uint64_t i = 0; node; i++) {
		if (i == NODES_MAX)
			return CPEEK_CORRUPT;
		edges_add(edges, EDGE_INDEX, node, NULL, i, true);
		TRY(field_read(object->objects, node, FIELD_pysqlite_Node_next, &node));
	}
	return CPEEK_OK;
}

const struct object_type object_type_sqlite_cache = {
	.name = "sqlite3.Cache",
	.structure = STRUCT_pysqlite_Cache,
	.edges = cache_edges,
};
