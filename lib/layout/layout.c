/*
 * The table of layouts and its lookup. Knows version numbers; reads nothing.
 */
#include "layout/layout.h"

#include <elf.h>

/* clang-format off */
static const struct layout layouts[] = {
#define LAYOUT(layout_name, first_hex, last_hex) { .name = (layout_name), .range = { (first_hex), (last_hex) },
#define BUILD(build, hex, e_machine, bytes, is_big_endian, is_debug, is_free_threaded)                                \
	.source = (build), .source_hex = (hex), .machine = (e_machine), .pointer_size = (bytes),                     \
	.big_endian = (is_big_endian), .debug = (is_debug), .free_threaded = (is_free_threaded),
#define SIZE(structure, bytes) .structs[STRUCT_##structure] = (bytes),
#define AT(structure, field, offset, bytes) .fields[FIELD_##structure##_##field] = { (offset) + 1, (bytes), 0, 0 },
#define BITS(structure, field, offset, unit, first_bit, bits)                                                         \
	.fields[FIELD_##structure##_##field] = { (offset) + 1, (unit), (first_bit), (bits) },
#define ALSO(trait) .also[TRAIT_##trait] = true,
#define LAYOUT_END },
#include "layout/layouts.def"
};
/* clang-format on */

const struct layout_range layout_traits[LAYOUT_TRAIT_COUNT] = {
#define TRAIT(name, first_hex, last_hex) [TRAIT_##name] = {(first_hex), (last_hex)},
#include "layout/traits.def"
#undef TRAIT
};

static const char *const field_names[LAYOUT_FIELD_COUNT] = {
#define STRUCT(structure, c_name)
#define FIELD(structure, field, c_path) [FIELD_##structure##_##field] = #structure "." #field,
#include "layout/fields.def"
#undef STRUCT
#undef FIELD
};

static const char *const struct_names[LAYOUT_STRUCT_COUNT] = {
#define STRUCT(structure, c_name) [STRUCT_##structure] = #structure,
#define FIELD(structure, field, c_path)
#include "layout/fields.def"
#undef STRUCT
#undef FIELD
};

static const enum layout_struct field_structs[LAYOUT_FIELD_COUNT] = {
#define STRUCT(structure, c_name)
#define FIELD(structure, field, c_path) [FIELD_##structure##_##field] = STRUCT_##structure,
#include "layout/fields.def"
#undef STRUCT
#undef FIELD
};

static const struct {
	enum layout_struct structure;
	struct layout_range range;
	const char *file;
} headers[] = {
#define HEADER(structure, first_hex, last_hex, file) {STRUCT_##structure, {(first_hex), (last_hex)}, (file)},
#include "layout/headers.def"
#undef HEADER
};

static const struct {
	unsigned bit;
	struct layout_range range;
	const char *name;
} type_flags[] = {
#define TYPE_FLAG(bit, first_hex, last_hex, name) {(bit), {(first_hex), (last_hex)}, #name},
#include "layout/type_flags.def"
#undef TYPE_FLAG
};

enum { LAYOUT_COUNT = sizeof(layouts) / sizeof(layouts[0]) };

const struct layout *layout_at(size_t index)
{
	return index < LAYOUT_COUNT ? &layouts[index] : NULL;
}

static bool fits(const struct layout *layout, uint32_t version_hex, unsigned machine, bool debug, bool free_threaded)
{
	return layout->range.first <= version_hex && version_hex <= layout->range.last && layout->machine == machine &&
	       layout->debug == debug && layout->free_threaded == free_threaded;
}

const struct layout *layout_find(uint32_t version_hex, unsigned machine, bool debug, bool free_threaded)
{
	for (size_t i = 0; i < LAYOUT_COUNT; i++)
		if (fits(&layouts[i], version_hex, machine, debug, free_threaded))
			return &layouts[i];
	return NULL;
}

const struct layout *layout_find_next(const struct layout *previous, uint32_t version_hex, unsigned machine,
				      bool free_threaded)
{
	for (size_t i = previous ? (size_t)(previous - layouts) + 1 : 0; i < LAYOUT_COUNT; i++)
		if (fits(&layouts[i], version_hex, machine, layouts[i].debug, free_threaded))
			return &layouts[i];
	return NULL;
}

/* Reads a number of at most 255 at *text and moves past it. */
static bool parse_number(const char **text, uint32_t *ret)
{
	uint32_t number = 0;
	const char *at = *text;
	if (*at < '0' || *at > '9')
		return false;
	for (; *at >= '0' && *at <= '9'; at++) {
		number = number * 10 + (uint32_t)(*at - '0');
		if (number > 255)
			return false;
	}
	*text = at;
	*ret = number;
	return true;
}

static bool parse_point(const char **text)
{
	if (**text != '.')
		return false;
	++*text;
	return true;
}

const struct layout *layout_by_name(const char *name, unsigned machine)
{
	uint32_t major, minor, micro = 0;
	if (!parse_number(&name, &major) || !parse_point(&name) || !parse_number(&name, &minor))
		return NULL;
	bool has_micro = parse_point(&name);
	if (has_micro && !parse_number(&name, &micro))
		return NULL;
	bool free_threaded = *name == 't';
	name += free_threaded;
	bool debug = *name == 'd';
	name += debug;
	if (*name)
		return NULL;
	uint32_t series = major << 24 | minor << 16;
	if (has_micro)
		return layout_find(series | micro << 8 | 0xf0, machine, debug, free_threaded);
	const struct layout *newest = NULL;
	for (size_t i = 0; i < LAYOUT_COUNT; i++) {
		const struct layout *layout = &layouts[i];
		if ((layout->range.first & 0xffff0000) == series &&
		    (!newest || layout->range.first > newest->range.first) &&
		    fits(layout, layout->range.first, machine, debug, free_threaded))
			newest = layout;
	}
	return newest;
}

static uint32_t distance(const struct layout_range *range, uint32_t version_hex)
{
	if (version_hex < range->first)
		return range->first - version_hex;
	return version_hex > range->last ? version_hex - range->last : 0;
}

const struct layout *layout_nearest(uint32_t version_hex)
{
	const struct layout *nearest = &layouts[0];
	for (size_t i = 1; i < LAYOUT_COUNT; i++)
		if (distance(&layouts[i].range, version_hex) < distance(&nearest->range, version_hex))
			nearest = &layouts[i];
	return nearest;
}

const char *layout_field_name(enum layout_field field)
{
	return field_names[field];
}

const char *layout_struct_name(enum layout_struct structure)
{
	return struct_names[structure];
}

enum layout_struct layout_field_struct(enum layout_field field)
{
	return field_structs[field];
}

const char *layout_header(const struct layout *layout, enum layout_struct structure)
{
	for (size_t i = 0; i < sizeof(headers) / sizeof(*headers); i++)
		if (headers[i].structure == structure && headers[i].range.first <= layout->range.first &&
		    layout->range.first <= headers[i].range.last)
			return headers[i].file;
	return NULL;
}

const char *layout_type_flag(const struct layout *layout, unsigned bit)
{
	for (size_t i = 0; i < sizeof(type_flags) / sizeof(*type_flags); i++)
		if (type_flags[i].bit == bit && type_flags[i].range.first <= layout->range.first &&
		    layout->range.first <= type_flags[i].range.last)
			return type_flags[i].name;
	return NULL;
}
