/*
 * What a word of a frame refers to. Include/internal/pycore_stackref.h, 3.14 and 3.15.
 */
#include "object/stackref.h"

/* Of 3.14 TAG_INVALID is no tag: an object never stands at an address with that bit. */
enum { TAG_BITS = 3, TAG_OWNED = 0, TAG_BORROWED = 1 /* Py_TAG_REFCNT; a NULL is this alone */ };

target_addr stackref_get(const struct layout *layout, uint64_t word)
{
	const uint64_t tag = word & TAG_BITS;

	if (!layout_trait(layout, TRAIT_STACKREF))
		return word;
	return tag == TAG_OWNED || tag == TAG_BORROWED ? word - tag : 0; /* else 3: an int, 2 (3.15): no object */
}

bool stackref_is_borrowed(const struct layout *layout, uint64_t word)
{
	return layout_trait(layout, TRAIT_STACKREF) && (word & TAG_BITS) == TAG_BORROWED && word != TAG_BORROWED;
}
