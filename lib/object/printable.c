/*
 * Which characters repr() shows as they are: printable.def, which tools/mkunicode makes, and its lookup.
 */
#include "object/printable.h"

struct range {
	uint32_t first, last;
	enum layout_trait since; /* of changes */
};

static const struct range refused[] = {
#define RANGE(first, last) {first, last, LAYOUT_TRAIT_COUNT},
#define CHANGE(trait, first, last)
#include "object/printable.def"
#undef RANGE
#undef CHANGE
};

static const struct range changes[] = {
#define RANGE(first, last)
#define CHANGE(trait, first, last) {first, last, TRAIT_##trait},
#include "object/printable.def"
#undef RANGE
#undef CHANGE
};

static const struct range *find(const struct range *ranges, size_t count, uint32_t character)
{
	size_t low = 0, high = count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (character > ranges[middle].last)
			low = middle + 1;
		else if (character < ranges[middle].first)
			high = middle;
		else
			return &ranges[middle];
	}
	return NULL;
}

bool printable_has(const struct layout *layout, uint32_t character)
{
	if (character < 0x7f)
		return character >= 0x20;
	if (character > 0x10ffff)
		return false;
	bool printable = !find(refused, sizeof(refused) / sizeof(*refused), character);
	const struct range *change = find(changes, sizeof(changes) / sizeof(*changes), character);
	return change && layout_trait(layout, change->since) ? !printable : printable;
}
