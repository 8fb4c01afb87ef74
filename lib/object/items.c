/*
 * Iteration over whatever a container holds, by its decoder.
 */
#include "object/decoder.h"

enum cpeek_status items_start(const struct object *object, struct items *ret)
{
	const struct object_type *decoder = object->type->decoder;
	struct items items = {.type = decoder, .objects = object->objects};

	if (!decoder || !decoder->items)
		return CPEEK_NOT_FOUND;
	TRY(decoder->items(object, &items));
	*ret = items;
	return CPEEK_OK;
}

enum cpeek_status items_next(struct items *items, struct item *ret)
{
	return items->type->next(items, ret);
}
