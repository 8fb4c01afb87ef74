/*
 * pickle.Pickler and Unpickler of C code: their memos lie outside.
 */
#include "object/bytes.h"
#include "object/phrase.h"
#include "object/table.h"

/* Pickler_traverse() of Modules/_pickle.c; to 3.12 it leaves out what memo's keys are. */
static enum cpeek_status pickler_edges(const struct object *object, struct edges *edges)
{
	struct objects *objects = object->objects;
	const uint32_t stride = objects->layout->structs[STRUCT_PyMemoEntry];
	const bool visited = layout_trait(objects->layout, TRAIT_PICKLE_VISITS_MEMO);
	const target_addr memo = object_get(object, FIELD_PicklerObject_memo);
	uint64_t count, entries;
	struct table table;

	edges_add_field(edges, object, FIELD_PicklerObject_write);
	edges_add_field(edges, object, FIELD_PicklerObject_pers_func);
	edges_add_field(edges, object, FIELD_PicklerObject_persistent_id_attr);
	edges_add_field(edges, object, FIELD_PicklerObject_dispatch_table);
	edges_add_field(edges, object, FIELD_PicklerObject_fast_memo);
	edges_add_field(edges, object, FIELD_PicklerObject_reducer_override);
	edges_add_field(edges, object, FIELD_PicklerObject_buffer_callback);
	edges_add_hidden(edges, object, FIELD_PicklerObject_output_buffer);
	if (!memo)
		return CPEEK_OK;
	TRY(field_read(objects, memo, FIELD_PyMemoTable_mt_allocated, &count));
	TRY(field_read(objects, memo, FIELD_PyMemoTable_mt_table, &entries));
	TRY(table_open(objects, entries, (int64_t)count, stride, &table));
	for (uint64_t i = count; i-- > 0;) {
		target_addr key;
		TRY(table_read_pointer(&table, i * stride + layout_offset(objects->layout, FIELD_PyMemoEntry_me_key),
				       &key));
		edges_add(edges, EDGE_KEY, key, NULL, i, visited);
	}
	return CPEEK_OK;
}

/* _pickle_Pickler___sizeof___impl() */
static enum cpeek_status pickler_size(const struct object *object, uint64_t *ret)
{
	struct objects *objects = object->objects;
	const struct layout *layout = objects->layout;
	const target_addr memo = object_get(object, FIELD_PicklerObject_memo);
	const target_addr buffer = object_get(object, FIELD_PicklerObject_output_buffer);
	uint64_t size = (uint64_t)object->type->basicsize, more, refcount;

	if (memo) {
		TRY(field_read(objects, memo, FIELD_PyMemoTable_mt_allocated, &more));
		size += layout->structs[STRUCT_PyMemoTable] + more * layout->structs[STRUCT_PyMemoEntry];
	}
	if (buffer) {
		TRY(bytes_read_size(objects, buffer, &more, &refcount));
		size += more;
	}
	*ret = size;
	return CPEEK_OK;
}

const struct object_type object_type_pickler = {
	.name = "_pickle.Pickler",
	.structure = STRUCT_PicklerObject,
	.edges = pickler_edges,
	.size = pickler_size,
};

/* Unpickler_traverse() */
static enum cpeek_status unpickler_edges(const struct object *object, struct edges *edges)
{
	struct objects *objects = object->objects;
	const bool visited = layout_trait(objects->layout, TRAIT_PICKLE_VISITS_MEMO);
	const target_addr memo = object_get(object, FIELD_UnpicklerObject_memo);
	const uint64_t count = object_get(object, FIELD_UnpicklerObject_memo_size);

	edges_add_field(edges, object, FIELD_UnpicklerObject_readline);
	edges_add_field(edges, object, FIELD_UnpicklerObject_readinto);
	edges_add_field(edges, object, FIELD_UnpicklerObject_read);
	edges_add_field(edges, object, FIELD_UnpicklerObject_peek);
	edges_add_field(edges, object, FIELD_UnpicklerObject_stack);
	edges_add_field(edges, object, FIELD_UnpicklerObject_pers_func);
	edges_add_field(edges, object, FIELD_UnpicklerObject_persistent_load_attr);
	edges_add_field(edges, object, FIELD_UnpicklerObject_buffers);
	if (!memo)
		return CPEEK_OK;
	return edges_add_array(edges, objects, EDGE_INDEX, memo, (int64_t)count, true, visited);
}

/* _pickle_Unpickler___sizeof___impl() */
static enum cpeek_status unpickler_size(const struct object *object, uint64_t *ret)
{
	struct objects *objects = object->objects;
	const unsigned word = objects->layout->pointer_size;
	uint64_t size = (uint64_t)object->type->basicsize;

	if (object_get(object, FIELD_UnpicklerObject_memo))
		size += object_get(object, FIELD_UnpicklerObject_memo_size) * word;
	if (object_get(object, FIELD_UnpicklerObject_marks))
		size += object_get(object, FIELD_UnpicklerObject_marks_size) * word;
	TRY(cstring_size(objects, object_get(object, FIELD_UnpicklerObject_input_line), &size));
	TRY(cstring_size(objects, object_get(object, FIELD_UnpicklerObject_encoding), &size));
	TRY(cstring_size(objects, object_get(object, FIELD_UnpicklerObject_errors), &size));
	*ret = size;
	return CPEEK_OK;
}

const struct object_type object_type_unpickler = {
	.name = "_pickle.Unpickler",
	.structure = STRUCT_UnpicklerObject,
	.edges = unpickler_edges,
	.size = unpickler_size,
};
