/*
 * The tables of bytecode, and their lookup.
 */
#include "layout/opcodes.h"

#define NONE NULL
#define TEXTS(...)                                                                                                    \
	(const char *const[])                                                                                         \
	{                                                                                                             \
		__VA_ARGS__, NULL                                                                                     \
	}
#define CACHES(...)                                                                                                   \
	(const struct opcode_cache[])                                                                                 \
	{                                                                                                             \
		__VA_ARGS__,                                                                                          \
		{                                                                                                     \
			0                                                                                             \
		}                                                                                                     \
	}

static const struct opcodes all[] = {
#define SERIES(major, minor)                                                                                          \
	{                                                                                                             \
		.series = (major) << 8 | (minor),
#define SERIES_END                                                                                                    \
	}                                                                                                             \
	,
#define STYLE(field, value) .style.field = (value),
#define OPCODE(number, its_name, plain_number, kind, its_shift, its_texts, its_values, its_caches)                    \
	.table[number] = {.name = (its_name),                                                                         \
			  .base = (number),                                                                           \
			  .plain = (plain_number),                                                                    \
			  .argument = ARGUMENT_##kind,                                                                \
			  .shift = (its_shift),                                                                       \
			  .texts = its_texts,                                                                         \
			  .values = its_values,                                                                       \
			  .caches = its_caches},
#define SPECIALIZED(number, its_name, base_number)                                                                    \
	.table[number] = {.name = (its_name), .specialized = true, .base = (base_number), .plain = (base_number)},
#include "layout/opcodes.def"
#undef SERIES
#undef SERIES_END
#undef STYLE
#undef OPCODE
#undef SPECIALIZED
};

const struct opcodes *opcodes_find(const struct layout *layout)
{
	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
		if (all[i].series == layout->source_hex >> 16)
			return &all[i];
	return NULL;
}

const struct opcode *opcode_base(const struct opcodes *opcodes, uint8_t number)
{
	const struct opcode *opcode = &opcodes->table[number];

	return opcode->name ? &opcodes->table[opcode->base] : opcode;
}

bool opcode_has_argument(const struct opcodes *opcodes, uint8_t number)
{
	const struct opcode *base = opcode_base(opcodes, number);

	return base->name ? base->argument != ARGUMENT_NOTHING : number >= opcodes->style.have_argument;
}

unsigned opcode_cache_units(const struct opcode *base)
{
	unsigned units = 0;

	for (const struct opcode_cache *cache = base->caches; cache && cache->name; cache++)
		units += cache->units;
	return units;
}

size_t opcode_text_count(const struct opcode *base)
{
	size_t count = 0;

	while (base->texts && base->texts[count])
		count++;
	return count;
}
