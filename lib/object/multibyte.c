/*
 * The stateful codecs of _multibytecodec: how they treat errors is a small number, or a str.
 */
#include "object/decoder.h"

enum { ERROR_CUSTOM = 4 }; /* ERROR_ISCUSTOM() of Modules/cjkcodecs/multibytecodec.h: below are the known ways */

static void add_errors(const struct object *object, enum layout_field field, struct edges *edges)
{
	const target_addr errors = object_get(object, field);

	if (errors >= ERROR_CUSTOM)
		edges_add(edges, EDGE_FIELD, errors, layout_field_name(field), 0, true);
}

/* mbiencoder_traverse(), mbidecoder_traverse(), mbstreamreader_traverse(), mbstreamwriter_traverse() of
 * Modules/cjkcodecs/multibytecodec.c */
static enum cpeek_status encoder_edges(const struct object *object, struct edges *edges)
{
	add_errors(object, FIELD_MultibyteIncrementalEncoderObject_errors, edges);
	return CPEEK_OK;
}

static enum cpeek_status decoder_edges(const struct object *object, struct edges *edges)
{
	add_errors(object, FIELD_MultibyteIncrementalDecoderObject_errors, edges);
	return CPEEK_OK;
}

static enum cpeek_status reader_edges(const struct object *object, struct edges *edges)
{
	add_errors(object, FIELD_MultibyteStreamReaderObject_errors, edges);
	edges_add_field(edges, object, FIELD_MultibyteStreamReaderObject_stream);
	return CPEEK_OK;
}

static enum cpeek_status writer_edges(const struct object *object, struct edges *edges)
{
	add_errors(object, FIELD_MultibyteStreamWriterObject_errors, edges);
	edges_add_field(edges, object, FIELD_MultibyteStreamWriterObject_stream);
	return CPEEK_OK;
}

const struct object_type object_type_multibyte_encoder = {
	.name = "MultibyteIncrementalEncoder|_multibytecodec.MultibyteIncrementalEncoder",
	.structure = STRUCT_MultibyteIncrementalEncoderObject,
	.edges = encoder_edges,
	.type_unvisited = true,
};

const struct object_type object_type_multibyte_decoder = {
	.name = "MultibyteIncrementalDecoder|_multibytecodec.MultibyteIncrementalDecoder",
	.structure = STRUCT_MultibyteIncrementalDecoderObject,
	.edges = decoder_edges,
	.type_unvisited = true,
};

const struct object_type object_type_multibyte_reader = {
	.name = "MultibyteStreamReader|_multibytecodec.MultibyteStreamReader",
	.structure = STRUCT_MultibyteStreamReaderObject,
	.edges = reader_edges,
	.type_unvisited = true,
};

const struct object_type object_type_multibyte_writer = {
	.name = "MultibyteStreamWriter|_multibytecodec.MultibyteStreamWriter",
	.structure = STRUCT_MultibyteStreamWriterObject,
	.edges = writer_edges,
	.type_unvisited = true,
};
