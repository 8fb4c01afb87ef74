/*
 * How containers grow. All arithmetic is that of size_t in the target, on numbers that its memory can hold; hostile
 * ones only wrap.
 */
#include "object/growth.h"

enum {
	SLOTS_LOG2_MAX = 62,
	SET_MANY = 50000, /* items from which on a set is doubled only, set_add_entry() */
};

uint64_t growth_list(const struct layout *layout, uint64_t old_size, uint64_t size, uint64_t allocated)
{
	if (allocated >= size && size >= allocated >> 1)
		return allocated;
	if (size == 0)
		return 0;
	if (!layout_trait(layout, TRAIT_LIST_GROWS_BY_FOURS))
		return size + (size >> 3) + (size < 9 ? 3 : 6);
	const uint64_t roomy = (size + (size >> 3) + 6) & ~(uint64_t)3;
	/* Many items came at once: no more than they need. */
	if ((int64_t)(size - old_size) > (int64_t)(roomy - size))
		return (size + 3) & ~(uint64_t)3;
	return roomy;
}

uint64_t growth_bytearray(const struct layout *layout, uint64_t size, uint64_t start, uint64_t alloc)
{
	/* From 3.15 the NUL at the end is the bytes object's and not counted. */
	const uint64_t nul = layout_has(layout, FIELD_PyByteArrayObject_ob_bytes_object) ? 0 : 1;

	if (size + start + nul <= alloc)
		return size < alloc / 2 ? size + nul : alloc;
	/* size <= alloc * 1.125 */
	if (size <= alloc || size - alloc <= alloc >> 3)
		return size + (size >> 3) + (size < 9 ? 3 : 6);
	return size + nul;
}

uint64_t growth_dict_usable(uint64_t slots)
{
	return (slots << 1) / 3;
}

/* The least power of two from least on that is not below wanted. */
static uint64_t round_up(uint64_t least, uint64_t wanted)
{
	uint64_t slots = least;

	while (slots < wanted && slots >> SLOTS_LOG2_MAX == 0)
		slots <<= 1;
	return slots;
}

uint64_t growth_dict_slots(const struct python *python, uint64_t used, uint64_t slots)
{
	if (slots < GROWTH_DICT_LEAST)
		return GROWTH_DICT_LEAST;
	uint64_t wanted =
		layout_trait(python->layout, TRAIT_DICT_GROWS_WITH_SLOTS) ? used * 2 + (slots >> 1) : used * 3;
	if (runtime_oversizes_dicts(python))
		wanted = (((wanted | GROWTH_DICT_LEAST) - 1) | (GROWTH_DICT_LEAST - 1)) + 1;
	return round_up(GROWTH_DICT_LEAST, wanted);
}

/* To 3.10 CPython compares sizes, from 3.11 logarithms; 256 slots need 2 bytes either way. */
unsigned growth_dict_index_width(uint64_t slots)
{
	return slots < 1 << 8 ? 1 : slots < 1 << 16 ? 2 : slots < (uint64_t)1 << 32 ? 4 : 8;
}

uint64_t growth_dict_bytes(const struct layout *layout, uint64_t slots, bool short_entries)
{
	const uint32_t entry = layout->structs[short_entries && layout_has(layout, FIELD_PyDictUnicodeEntry_me_key)
						       ? STRUCT_PyDictUnicodeEntry
						       : STRUCT_PyDictKeyEntry];

	return layout_offset(layout, FIELD_PyDictKeysObject_dk_indices) + slots * growth_dict_index_width(slots) +
	       growth_dict_usable(slots) * entry;
}

bool growth_set_is_full(const struct layout *layout, uint64_t fill, uint64_t mask)
{
	return layout_trait(layout, TRAIT_SET_TWO_THIRDS_FULL) ? fill * 3 >= mask * 2 : fill * 5 >= mask * 3;
}

uint64_t growth_set_limit(const struct layout *layout, uint64_t mask)
{
	return layout_trait(layout, TRAIT_SET_TWO_THIRDS_FULL) ? (mask * 2 + 2) / 3 : (mask * 3 + 4) / 5;
}

uint64_t growth_set_slots(uint64_t used)
{
	/* The least that is more than so many. */
	return round_up(GROWTH_SET_LEAST, (used > SET_MANY ? used * 2 : used * 4) + 1);
}
