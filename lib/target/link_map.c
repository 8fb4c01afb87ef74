#include "target/link_map.h"

enum { LD_SO_MAX = 16 << 20 }; /* bytes behind its start that its data is looked for in */

/* struct r_debug: int r_version, r_map, r_brk, int r_state, r_ldbase; each int padded to a pointer in 64 bits, and
 * aligned alike in 32. r_version is 1, and 2 since glibc 2.35; r_state is 0, 1 or 2. */
static bool is_debug(struct target *target, target_addr debug, target_addr ld_so)
{
	size_t word = target->pointer_size;
	uint32_t version, state;
	target_addr map, base;

	return target_read_u32(target, debug, &version) == CPEEK_OK && version >= 1 && version <= 2 &&
	       target_read_pointer(target, debug + word, &map) == CPEEK_OK && map != 0 && map % word == 0 &&
	       target_read_u32(target, debug + 3 * word, &state) == CPEEK_OK && state <= 2 &&
	       target_read_pointer(target, debug + 4 * word, &base) == CPEEK_OK && base == ld_so;
}

enum cpeek_status link_map_find_debug(struct target *target, target_addr ld_so, target_addr *ret)
{
	size_t word = target->pointer_size;
	target_addr limit = ld_so < UINT64_MAX - LD_SO_MAX ? ld_so + LD_SO_MAX : UINT64_MAX;
	target_addr start = ld_so, end;

	while (ld_so && target_find_data(target, start, limit, &start, &end)) {
		for (target_addr at = (start + word - 1) / word * word; at < end && end - at >= word; at += word) {
			target_addr value;
			if (target_read_pointer(target, at, &value) != CPEEK_OK)
				break;
			if (value == ld_so && is_debug(target, at - 4 * word, ld_so)) {
				*ret = at - 4 * word;
				return CPEEK_OK;
			}
		}
		start = end;
	}
	return CPEEK_NOT_FOUND;
}

enum cpeek_status link_map_read_first(struct target *target, target_addr debug, target_addr *ret)
{
	return target_read_pointer(target, debug + target->pointer_size, ret);
}

enum cpeek_status link_map_read(struct target *target, target_addr link, struct link_map_entry *ret)
{
	size_t word = target->pointer_size;
	struct link_map_entry entry;

	TRY(target_read_pointer(target, link, &entry.bias));
	TRY(target_read_pointer(target, link + word, &entry.name));
	TRY(target_read_pointer(target, link + 2 * word, &entry.dynamic));
	TRY(target_read_pointer(target, link + 3 * word, &entry.next));
	*ret = entry;
	return CPEEK_OK;
}
