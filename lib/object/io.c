/*
 * Streams of _io that count a buffer into their size, or visit one; the others are rows of visits.def.
 */
#include "object/bytes.h"
#include "object/stream.h"

/* _io__Buffered___sizeof___impl() of Modules/_io/bufferedio.c */
static enum cpeek_status buffered_size(const struct object *object, uint64_t *ret)
{
	uint64_t size = (uint64_t)object->type->basicsize;

	if (object_get(object, FIELD_buffered_buffer))
		size += object_get(object, FIELD_buffered_buffer_size);
	*ret = size;
	return CPEEK_OK;
}

/* buffered_traverse() */
static const enum layout_field buffered_fields[] = {FIELD_buffered_raw, FIELD_buffered_dict};

#define BUFFERED(id, tp_name)                                                                                         \
	const struct object_type object_type_##id = {                                                                 \
		.name = tp_name,                                                                                      \
		.structure = STRUCT_buffered,                                                                         \
		.decode = stream_decode_buffered,                                                                     \
		.fields = buffered_fields,                                                                            \
		.field_count = sizeof(buffered_fields) / sizeof(*buffered_fields),                                    \
		.size = buffered_size,                                                                                \
	};

BUFFERED(io_reader, "_io.BufferedReader")
BUFFERED(io_writer, "_io.BufferedWriter")
BUFFERED(io_random, "_io.BufferedRandom")

/* _io_BytesIO___sizeof___impl() of Modules/_io/bytesio.c: the buffer counts unless it is shared, as it is with others
 * that refer to it when nothing exports it. */
static enum cpeek_status bytesio_size(const struct object *object, uint64_t *ret)
{
	const target_addr address = object_get(object, FIELD_bytesio_buf);
	uint64_t size = (uint64_t)object->type->basicsize, more, refcount;

	if (address) {
		TRY(bytes_read_size(object->objects, address, &more, &refcount));
		bool shared = object_get_signed(object, FIELD_bytesio_exports) == 0 && refcount > 1;
		if (!shared)
			size += more;
	}
	*ret = size;
	return CPEEK_OK;
}

/* bytesio_traverse() */
static enum cpeek_status bytesio_edges(const struct object *object, struct edges *edges)
{
	edges_add_field(edges, object, FIELD_bytesio_dict);
	if (layout_trait(object->objects->layout, TRAIT_IO_VISITS_BUFFERS))
		edges_add_field(edges, object, FIELD_bytesio_buf);
	else
		edges_add_hidden(edges, object, FIELD_bytesio_buf);
	return CPEEK_OK;
}

const struct object_type object_type_io_bytes = {
	.name = "_io.BytesIO",
	.structure = STRUCT_bytesio,
	.edges = bytesio_edges,
	.size = bytesio_size,
};

/* stringio_traverse() of Modules/_io/stringio.c */
static enum cpeek_status stringio_edges(const struct object *object, struct edges *edges)
{
	const bool visits = layout_trait(object->objects->layout, TRAIT_IO_VISITS_BUFFERS);
	void (*add)(struct edges *, const struct object *, enum layout_field) =
		visits ? edges_add_field : edges_add_hidden;

	add(edges, object, FIELD_stringio_readnl);
	add(edges, object, FIELD_stringio_writenl);
	add(edges, object, FIELD_stringio_decoder);
	edges_add_field(edges, object, FIELD_stringio_dict);
	return CPEEK_OK;
}

const struct object_type object_type_io_string = {
	.name = "_io.StringIO",
	.structure = STRUCT_stringio,
	.edges = stringio_edges,
};

/* bufferedrwpair_traverse() of Modules/_io/bufferedio.c */
static enum cpeek_status pair_edges(const struct object *object, struct edges *edges)
{
	const bool visits = layout_trait(object->objects->layout, TRAIT_IO_VISITS_BUFFERS);
	void (*add)(struct edges *, const struct object *, enum layout_field) =
		visits ? edges_add_field : edges_add_hidden;

	edges_add_field(edges, object, FIELD_rwpair_dict);
	add(edges, object, FIELD_rwpair_reader);
	add(edges, object, FIELD_rwpair_writer);
	return CPEEK_OK;
}

const struct object_type object_type_io_pair = {
	.name = "_io.BufferedRWPair",
	.structure = STRUCT_rwpair,
	.edges = pair_edges,
};
