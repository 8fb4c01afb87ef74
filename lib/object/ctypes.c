/*
 * ctypes: what its types keep of their layout, to 3.12 in a dict of their own kind (StgDict) which is their __dict__,
 * from 3.13 behind the type object (StgInfo). Its instances are rows of visits.def.
 */
#include "object/dict.h"
#include "object/phrase.h"
#include "object/type_object.h"

#include <inttypes.h>

enum { TYPE_DATA_ALIGN = 16 }; /* what PyObject_GetTypeData() rounds up to: alignof(max_align_t) */

/* A format string, an array of dimensions, and one of the fields' types for libffi, which NULL ends. */
static enum cpeek_status size_of_info(struct objects *objects, target_addr format, uint64_t dimensions,
				      target_addr elements, uint64_t length, uint64_t *ret)
{
	const unsigned word = objects->layout->pointer_size;
	uint64_t size = dimensions * word;

	TRY(cstring_size(objects, format, &size));
	if (elements)
		size += (length + 1) * word;
	*ret = size;
	return CPEEK_OK;
}

/* PyCStgDict_sizeof() of Modules/_ctypes/stgdict.c */
static enum cpeek_status stgdict_size(const struct object *object, uint64_t *ret)
{
	const struct layout *layout = object->objects->layout;
	uint64_t size, more;

	TRY(dict_size(object, &size));
	if (layout_trait(layout, TRAIT_STGDICT_SIZE_OF_DICT)) {
		*ret = size;
		return CPEEK_OK;
	}
	TRY(size_of_info(object->objects, object_get(object, FIELD_StgDictObject_format),
			 (uint64_t)(uint32_t)object_get(object, FIELD_StgDictObject_ndim),
			 object_get(object, FIELD_StgDictObject_ffi_type_pointer_elements),
			 object_get(object, FIELD_StgDictObject_length), &more));
	*ret = size - layout->structs[STRUCT_PyDictObject] + layout->structs[STRUCT_StgDictObject] + more;
	return CPEEK_OK;
}

static enum cpeek_status stgdict_edges(const struct object *object, struct edges *edges)
{
	edges_add_hidden(edges, object, FIELD_StgDictObject_proto);
	edges_add_hidden(edges, object, FIELD_StgDictObject_argtypes);
	edges_add_hidden(edges, object, FIELD_StgDictObject_converters);
	edges_add_hidden(edges, object, FIELD_StgDictObject_restype);
	edges_add_hidden(edges, object, FIELD_StgDictObject_checker);
	return dict_edges(object, edges);
}

const struct object_type object_type_stgdict = {
	.name = "StgDict",
	.structure = STRUCT_StgDictObject,
	.decode = dict_decode,
	.items = dict_items,
	.next = dict_next,
	.edges = stgdict_edges,
	.size = stgdict_size,
};

/* Where a ctypes class keeps its StgInfo: 0 when it has none (yet). */
static enum cpeek_status find_info(const struct object *object, target_addr *ret)
{
	struct objects *objects = object->objects;
	const struct layout *layout = objects->layout;
	const target_addr info = object->address + ((layout->structs[STRUCT_PyHeapTypeObject] + TYPE_DATA_ALIGN - 1) &
						    ~(target_addr)(TYPE_DATA_ALIGN - 1));
	uint64_t initialized;

	TRY(field_read(objects, info, FIELD_StgInfo_initialized, &initialized));
	*ret = initialized ? info : 0;
	return CPEEK_OK;
}

/* CType_Type_traverse() of Modules/_ctypes/_ctypes.c */
static enum cpeek_status ctype_edges(const struct object *object, struct edges *edges)
{
	static const enum layout_field fields[] = {
		FIELD_StgInfo_proto,   FIELD_StgInfo_argtypes, FIELD_StgInfo_converters,   FIELD_StgInfo_restype,
		FIELD_StgInfo_checker, FIELD_StgInfo_module,   FIELD_StgInfo_pointer_type,
	};
	struct objects *objects = object->objects;
	target_addr info;

	TRY(find_info(object, &info));
	for (size_t i = 0; info && i < sizeof(fields) / sizeof(*fields); i++) {
		uint64_t value;
		if (!layout_has(objects->layout, fields[i]))
			continue;
		TRY(field_read(objects, info, fields[i], &value));
		edges_add(edges, EDGE_FIELD, value, layout_field_name(fields[i]), 0, true);
	}
	edges_add_type(edges, object);
	return type_edges(object, edges);
}

/* _ctypes_CType_Type___sizeof___impl() */
static enum cpeek_status ctype_size(const struct object *object, uint64_t *ret)
{
	struct objects *objects = object->objects;
	const struct type *type = object->type;
	const uint64_t items = object->ob_size < 0 ? -(uint64_t)object->ob_size : (uint64_t)object->ob_size;
	uint64_t size = (uint64_t)type->basicsize + (uint64_t)type->itemsize * items;
	uint64_t format, dimensions, elements, length, more;
	target_addr info;

	TRY(find_info(object, &info));
	if (info) {
		TRY(field_read(objects, info, FIELD_StgInfo_format, &format));
		TRY(field_read(objects, info, FIELD_StgInfo_ndim, &dimensions));
		TRY(field_read(objects, info, FIELD_StgInfo_ffi_type_pointer_elements, &elements));
		TRY(field_read(objects, info, FIELD_StgInfo_length, &length));
		TRY(size_of_info(objects, format, dimensions, elements, length, &more));
		size += more;
	}
	*ret = size;
	return CPEEK_OK;
}

const struct object_type object_type_ctype = {
	.name = "_ctypes.CType_Type",
	.structure = STRUCT_PyTypeObject,
	.decode = type_decode,
	.type_in_edges = true,
	.edges = ctype_edges,
	.size = ctype_size,
};

/* CDataType_traverse(), to 3.12: a pointer's class visits what it points at, which its StgDict has. The dict of
 * ctypes._Pointer itself is a plain one. */
static enum cpeek_status pointer_edges(const struct object *object, struct edges *edges)
{
	struct objects *objects = object->objects;
	struct object dict;

	if (layout_has(objects->layout, FIELD_StgInfo_proto))
		return ctype_edges(object, edges);
	if (layout_trait(objects->layout, TRAIT_CTYPES_POINTER_VISITS_PROTO)) {
		TRY(object_read(objects, object_get(object, FIELD_PyTypeObject_tp_dict), &dict));
		if (dict.type->decoder == &object_type_stgdict)
			edges_add_field(edges, &dict, FIELD_StgDictObject_proto);
	}
	edges_add_type(edges, object);
	return type_edges(object, edges);
}

static enum cpeek_status pointer_size(const struct object *object, uint64_t *ret)
{
	if (layout_has(object->objects->layout, FIELD_StgInfo_proto))
		return ctype_size(object, ret);
	return type_size(object, ret);
}

const struct object_type object_type_ctype_pointer = {
	.name = "_ctypes.PyCPointerType",
	.structure = STRUCT_PyTypeObject,
	.decode = type_decode,
	.type_in_edges = true,
	.edges = pointer_edges,
	.size = pointer_size,
};

/* PyCFuncPtr_repr() of Modules/_ctypes/_ctypes.c */
static enum cpeek_status ctypes_function_decode(const struct object *object, struct value *value)
{
	value_format(value, "<%s object at 0x%" PRIx64 ">", object->type->tp_name, object->address);
	return CPEEK_OK;
}

/* PyCFuncPtr_traverse() and what PyCData_traverse() adds */
static const enum layout_field ctypes_function_fields[] = {
	FIELD_PyCFuncPtrObject_callable,   FIELD_PyCFuncPtrObject_restype,  FIELD_PyCFuncPtrObject_checker,
	FIELD_PyCFuncPtrObject_errcheck,   FIELD_PyCFuncPtrObject_argtypes, FIELD_PyCFuncPtrObject_converters,
	FIELD_PyCFuncPtrObject_paramflags, FIELD_PyCFuncPtrObject_thunk,    FIELD_CDataObject_b_objects,
	FIELD_CDataObject_b_base,          FIELD_PyObject_ob_type,
};

const struct object_type object_type_ctypes_function = {
	.name = "_ctypes.PyCFuncPtr|_ctypes.CFuncPtr",
	.structure = STRUCT_PyCFuncPtrObject,
	.decode = ctypes_function_decode,
	.fields = ctypes_function_fields,
	.field_count = sizeof(ctypes_function_fields) / sizeof(*ctypes_function_fields),
};
