/*
 * The collector's lists. Knows PyGC_Head and gc_generation, and nothing of the objects behind them.
 */
#include "heap/heap.h"

/* Low bits of _gc_next are flags in some versions and during a collection; none of them belongs to the address. */
static const target_addr next_mask = ~(target_addr)3;

/* Objects whose next does not point back are still walked: during a collection _gc_prev holds counts. A loop that
 * misses its head is met again where the walk was after as many steps as the last power of two (Brent's algorithm). */
static enum cpeek_status walk_list(struct objects *objects, target_addr head, address_fn found, void *arg,
				   bool *ret_partial)
{
	const uint32_t head_size = objects->layout->structs[STRUCT_PyGC_Head];
	target_addr seen = 0;
	uint64_t next, steps = 0;

	if (field_read(objects, head, FIELD_PyGC_Head__gc_next, &next) != CPEEK_OK) {
		*ret_partial = true;
		return CPEEK_OK;
	}
	for (target_addr at = next & next_mask; at != head; at = next & next_mask) {
		if (at == seen || field_read(objects, at, FIELD_PyGC_Head__gc_next, &next) != CPEEK_OK) {
			*ret_partial = true;
			return CPEEK_OK;
		}
		steps++;
		if ((steps & (steps - 1)) == 0)
			seen = at;
		TRY(found(arg, at + head_size));
	}
	return CPEEK_OK;
}

size_t gc_count_owners(const struct objects *objects)
{
	return layout_has(objects->layout, FIELD_PyInterpreterState_gc_generations) /* 3.9+ */
		       ? objects->python->interpreter_count
		       : 1;
}

enum cpeek_status gc_walk_list(struct objects *objects, size_t interpreter, unsigned list, address_fn found, void *arg,
			       bool *ret_partial)
{
	target_addr first, permanent;

	enum cpeek_status status = runtime_find_generations(objects->python, interpreter, &first, &permanent);
	if (status == CPEEK_NOT_FOUND) {
		*ret_partial = true;
		return CPEEK_OK;
	}
	TRY(status);
	const target_addr head =
		list == GC_PERMANENT ? permanent : first + list * objects->layout->structs[STRUCT_gc_generation];
	return head ? walk_list(objects, head, found, arg, ret_partial) : CPEEK_OK;
}

enum cpeek_status gc_walk(struct objects *objects, address_fn found, void *arg, bool *ret_partial)
{
	for (size_t i = 0; i < gc_count_owners(objects); i++)
		for (unsigned list = 0; list <= GC_PERMANENT; list++)
			TRY(gc_walk_list(objects, i, list, found, arg, ret_partial));
	return CPEEK_OK;
}
