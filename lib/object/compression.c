/*
 * zlib's and zstd's compressors and decompressors: what they visit and what they keep. Knows nothing of their streams.
 */
#include "object/decoder.h"

#include <inttypes.h>

/* compobject_traverse() of Modules/zlibmodule.c, since these are GC types (3.13.6, 3.14): the dictionary alone. */
static enum cpeek_status zlib_edges(const struct object *object, struct edges *edges)
{
	edges_add_field(edges, object, FIELD_compobject_zdict);
	edges_add_hidden(edges, object, FIELD_compobject_unused_data);
	edges_add_hidden(edges, object, FIELD_compobject_unconsumed_tail);
	return CPEEK_OK;
}

const struct object_type object_type_zlib_stream = {
	.name = "zlib.Compress|zlib.Decompress",
	.structure = STRUCT_compobject,
	.edges = zlib_edges,
};

static enum cpeek_status zlib_decompressor_edges(const struct object *object, struct edges *edges)
{
	edges_add_field(edges, object, FIELD_ZlibDecompressor_zdict);
	edges_add_hidden(edges, object, FIELD_ZlibDecompressor_unused_data);
	return CPEEK_OK;
}

const struct object_type object_type_zlib_decompressor = {
	.name = "zlib._ZlibDecompressor|zlib.ZlibDecompressor",
	.structure = STRUCT_ZlibDecompressor,
	.edges = zlib_decompressor_edges,
};

/* Early ones leave their type out. */
static void add_zstd_type(const struct object *object, struct edges *edges)
{
	if (layout_trait(object->objects->layout, TRAIT_ZSTD_VISITS_TYPE))
		edges_add_type(edges, object);
	else
		edges_add(edges, EDGE_TYPE, object->type->address, NULL, 0, false);
}

/* ZstdDict_repr() of Modules/_zstd/zstddict.c; the content is a bytes object in early ones. */
static enum cpeek_status zstd_dictionary_decode(const struct object *object, struct value *value)
{
	const struct objects *objects = object->objects;
	uint64_t size;

	if (!layout_has(objects->layout, FIELD_ZstdDict_dict_id))
		return CPEEK_UNSUPPORTED;
	if (layout_has(objects->layout, FIELD_ZstdDict_dict_len))
		size = object_get(object, FIELD_ZstdDict_dict_len);
	else
		TRY(field_read(objects, object_get(object, FIELD_ZstdDict_dict_content), FIELD_PyVarObject_ob_size,
			       &size));
	value_format(value, "<ZstdDict dict_id=%" PRIu64 " dict_size=%" PRIu64 ">",
		     object_get(object, FIELD_ZstdDict_dict_id), size);
	return CPEEK_OK;
}

static enum cpeek_status zstd_dictionary_edges(const struct object *object, struct edges *edges)
{
	add_zstd_type(object, edges);
	if (layout_trait(object->objects->layout, TRAIT_ZSTD_VISITS_TYPE)) /* which came with it */
		edges_add_hidden(edges, object, FIELD_ZstdDict_c_dicts);
	else
		edges_add_field(edges, object, FIELD_ZstdDict_c_dicts);
	edges_add_hidden(edges, object, FIELD_ZstdDict_dict_content);
	return CPEEK_OK;
}

const struct object_type object_type_zstd_dictionary = {
	.name = "compression.zstd.ZstdDict|_zstd.ZstdDict",
	.structure = STRUCT_ZstdDict,
	.decode = zstd_dictionary_decode,
	.type_in_edges = true,
	.edges = zstd_dictionary_edges,
};

static enum cpeek_status zstd_compressor_edges(const struct object *object, struct edges *edges)
{
	add_zstd_type(object, edges);
	edges_add_field(edges, object, FIELD_ZstdCompressor_dict);
	return CPEEK_OK;
}

const struct object_type object_type_zstd_compressor = {
	.name = "compression.zstd.ZstdCompressor|_zstd.ZstdCompressor",
	.structure = STRUCT_ZstdCompressor,
	.type_in_edges = true,
	.edges = zstd_compressor_edges,
};

static enum cpeek_status zstd_decompressor_edges(const struct object *object, struct edges *edges)
{
	add_zstd_type(object, edges);
	edges_add_field(edges, object, FIELD_ZstdDecompressor_dict);
	edges_add_hidden(edges, object, FIELD_ZstdDecompressor_unused_data);
	return CPEEK_OK;
}

const struct object_type object_type_zstd_decompressor = {
	.name = "compression.zstd.ZstdDecompressor|_zstd.ZstdDecompressor",
	.structure = STRUCT_ZstdDecompressor,
	.type_in_edges = true,
	.edges = zstd_decompressor_edges,
};
