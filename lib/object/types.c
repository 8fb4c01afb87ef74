/*
 * The table of decoders: a row a type, from types.def and visits.def, found by tp_name.
 */
#include "object/decoder.h"

#include <string.h>

#define TYPE(name) extern const struct object_type object_type_##name;
#include "object/types.def"
#undef TYPE

#define VISITS(id, tp_name, structure_, ...)                                                                          \
	static const enum layout_field fields_##id[] = {__VA_ARGS__};                                                 \
	static const struct object_type visits_##id = {                                                               \
		.name = tp_name,                                                                                      \
		.structure = STRUCT_##structure_,                                                                     \
		.fields = fields_##id,                                                                                \
		.field_count = sizeof(fields_##id) / sizeof(*fields_##id),                                            \
	};
#include "object/visits.def"
#undef VISITS

static const struct object_type *const object_types[] = {
#define TYPE(name) &object_type_##name,
#include "object/types.def"
#undef TYPE
#define VISITS(id, tp_name, structure_, ...) &visits_##id,
#include "object/visits.def"
#undef VISITS
};

enum { TYPE_COUNT = sizeof(object_types) / sizeof(*object_types) };

static enum cpeek_status untold_decode(const struct object *object, struct value *value)
{
	value_mark(value, CPEEK_UNSUPPORTED, object->address, "layout");
	return CPEEK_OK;
}

static enum cpeek_status untold_edges(const struct object *object, struct edges *edges)
{
	(void)object, (void)edges;
	return CPEEK_CORRUPT;
}

static enum cpeek_status untold_size(const struct object *object, uint64_t *ret)
{
	(void)object, (void)ret;
	return CPEEK_CORRUPT;
}

const struct object_type object_type_untold = {
	.structure = STRUCT_PyObject,
	.decode = untold_decode,
	.edges = untold_edges,
	.size = untold_size,
};

/* Whether name is one of those in "a|b|c": a type has another tp_name in another version. */
static bool is_among(const char *names, const char *name)
{
	const size_t length = strlen(name);

	for (const char *at = names; at; at++) {
		if (strncmp(at, name, length) == 0 && (at[length] == '\0' || at[length] == '|'))
			return true;
		at = strchr(at, '|');
		if (!at)
			break;
	}
	return false;
}

/* A type is looked up once a session and then kept, so a walk of the table is fast enough. */
const struct object_type *object_type_find(struct objects *objects, const struct type *type)
{
	for (size_t i = 0; i < TYPE_COUNT; i++)
		if (is_among(object_types[i]->name, type->tp_name))
			return object_types[i];
	for (size_t i = 0; i < TYPE_COUNT; i++)
		if (object_types[i]->matches && object_types[i]->matches(objects, type))
			return object_types[i];
	return NULL;
}
