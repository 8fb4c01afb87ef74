/*
 * pandas: what stands between a DataFrame, which is Python code, and numpy's arrays: classes of Cython, whose fields
 * no table has. Their order is that of pandas/_libs/internals.pyx, behind a pointer to Cython's methods: of pandas 2 and
 * 3. Each is believed only where an object of the type it must have stands there.
 */
#include "object/member.h"

#include <stdio.h>
#include <string.h>

/* A field of a class: the first word from one to another, behind the object's head, that holds such an object. */
struct field {
	const char *owner, *name;
	uint32_t from, to;
	const char *type;  /* NULL: of any … */
	const char *other; /* … but this */
};

#define REFS "pandas._libs.internals.BlockValuesRefs"

static const struct field all[] = {
	{"pandas._libs.internals.BlockManager", "blocks", 1, 1, "tuple", NULL},
	{"pandas._libs.internals.BlockManager", "axes", 2, 2, "list", NULL},
	{"pandas._libs.internals.Block", "mgr_locs", 1, 1, "pandas._libs.internals.BlockPlacement", NULL},
	{"pandas._libs.internals.Block", "refs", 2, 2, REFS, NULL},
	{"pandas._libs.internals.Block", "values", 2, 4, NULL, REFS},
	{"pandas._libs.internals.BlockPlacement", "slice", 1, 1, "slice", NULL},
	{"pandas._libs.internals.BlockPlacement", "array", 2, 2, "numpy.ndarray", NULL},
	{"pandas._libs.arrays.NDArrayBacked", "_ndarray", 1, 1, "numpy.ndarray", NULL},
};

enum { FIELD_COUNT = sizeof(all) / sizeof(*all) };

/* NOT_FOUND: none of that type is there. */
static enum cpeek_status field_find(const struct object *object, const struct field *field, target_addr *ret)
{
	struct objects *objects = object->objects;
	const uint32_t word = objects->layout->pointer_size, head = objects->layout->structs[STRUCT_PyObject];
	const struct type *owner = object->type->decoder_type;
	struct object found;
	target_addr address;

	for (uint32_t i = field->from; i <= field->to && head + (i + 1) * word <= owner->basicsize; i++) {
		TRY(target_read_pointer(objects->target, object->address + head + i * word, &address));
		enum cpeek_status status = object_read(objects, address, &found);
		if (status_is_fatal(status))
			return status;
		if (status == CPEEK_OK && (!field->type || strcmp(found.type->name, field->type) == 0) &&
		    (!field->other || strcmp(found.type->name, field->other) != 0)) {
			*ret = address;
			return CPEEK_OK;
		}
	}
	return CPEEK_NOT_FOUND;
}

static bool field_applies(const struct object *object, const struct field *field)
{
	return strcmp(field->owner, object->type->decoder_type->tp_name) == 0;
}

static enum cpeek_status pandas_member(const struct object *object, const struct limits *limits, uint64_t index,
				       struct object_member *ret, struct strbuf *text)
{
	(void)limits, (void)text;
	if (index >= FIELD_COUNT)
		return CPEEK_END;
	(void)snprintf(ret->name, sizeof(ret->name), "%s", all[index].name);
	return field_applies(object, &all[index]) ? field_find(object, &all[index], &ret->object) : CPEEK_NOT_FOUND;
}

static enum cpeek_status pandas_edges(const struct object *object, struct edges *edges)
{
	for (size_t i = 0; i < FIELD_COUNT; i++) {
		target_addr address;
		enum cpeek_status status =
			field_applies(object, &all[i]) ? field_find(object, &all[i], &address) : CPEEK_NOT_FOUND;
		if (status == CPEEK_OK)
			edges_add(edges, EDGE_FIELD, address, all[i].name, 0, true);
		else if (status != CPEEK_NOT_FOUND)
			return status;
	}
	return CPEEK_OK;
}

const struct object_type object_type_pandas = {
	.name = "pandas._libs.internals.BlockManager|pandas._libs.internals.Block|"
		"pandas._libs.internals.BlockPlacement|pandas._libs.arrays.NDArrayBacked",
	.structure = STRUCT_PyObject,
	.member = pandas_member,
	.edges = pandas_edges,
};
