/*
 * Arrays in the target. Knows mappings, and no object in particular.
 */
#include "object/table.h"

/* Whether mappings that touch one another cover length bytes at address; where mappings are not known, whether the last
 * byte can be read. */
static bool is_mapped(struct target *target, target_addr address, uint64_t length)
{
	uint8_t last;

	if (!target->mappings_known)
		return length == 0 || target_read_u8(target, address + length - 1, &last) == CPEEK_OK;
	while (length) {
		const struct target_mapping *mapping = target_find_mapping(target, address);
		if (!mapping)
			return false;
		uint64_t here = mapping->end - address;
		if (here >= length)
			return true;
		address += here;
		length -= here;
	}
	return true;
}

enum cpeek_status table_open(const struct objects *objects, target_addr address, int64_t count, uint64_t item_size,
			     struct table *ret)
{
	uint64_t length;

	if (count < 0 || __builtin_mul_overflow((uint64_t)count, item_size, &length) || address + length < address ||
	    !is_mapped(objects->target, address, length))
		return CPEEK_CORRUPT;
	*ret = (struct table){.target = objects->target, .address = address, .length = length};
	if (length && length <= SIZE_MAX)
		ret->view = target_view(objects->target, address, (size_t)length);
	return CPEEK_OK;
}

enum cpeek_status table_read(const struct table *table, uint64_t offset, size_t length, void *buffer,
			     const uint8_t **ret)
{
	if (table->view) {
		*ret = table->view + offset;
		return CPEEK_OK;
	}
	TRY(target_read(table->target, table->address + offset, buffer, length));
	*ret = buffer;
	return CPEEK_OK;
}

enum cpeek_status table_read_pointer(const struct table *table, uint64_t offset, target_addr *ret)
{
	uint8_t buffer[8];
	const uint8_t *bytes;

	TRY(table_read(table, offset, table->target->pointer_size, buffer, &bytes));
	*ret = target_get_pointer(table->target, bytes);
	return CPEEK_OK;
}
