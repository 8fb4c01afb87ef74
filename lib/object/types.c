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

/* A type is looked up once a session and then kept, so a walk of the table is fast enough. */
const struct object_type *object_type_find(const char *tp_name)
{
	for (size_t i = 0; i < TYPE_COUNT; i++)
		if (strcmp(object_types[i]->name, tp_name) == 0)
			return object_types[i];
	return NULL;
}
