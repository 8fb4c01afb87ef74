/*
 * Where the interpreters are when no symbol, no section and no cookie tells: a search of the writable data of the
 * mapped files for a pointer to a PyInterpreterState. One is known by what leads back to it: its first thread state
 * names it as its interpreter, that thread is one that the kernel has, sys.modules is a dict. From 3.7 on
 * the pointer was found inside _PyRuntime, as interpreters.head or .main, which tells where _PyRuntime begins.
 * Knows no symbol and no ELF.
 */
#include "base/memory.h"
#include "runtime/internal.h"

#include <elf.h>
#include <stdio.h>

enum {
	SCAN_CHUNK = 1 << 20,
	SCAN_MODULE_MAX = 64 << 20, /* bytes of one file's writable data that are searched */
	HITS_MAX = 64,
	SLOTS_MAX = 1024,
	SHAPES_MAX = 64,
	CHAIN_MAX = 64,     /* thread states of one interpreter */
	THREAD_AREA = 8192, /* struct pthread and its tail: less than this beside the thread pointer */
	DICT_SUBCLASS_BIT = 29,
};

/* The fields that tell an interpreter; layouts that agree on all of them are looked for once. */
static const enum layout_field shape_fields[] = {
	FIELD_PyInterpreterState_tstate_head, FIELD_PyInterpreterState_modules, FIELD_PyThreadState_interp,
	FIELD_PyThreadState_thread_id,        FIELD_PyThreadState_next,         FIELD_PyObject_ob_type,
	FIELD_PyTypeObject_tp_flags,
};

enum { SHAPE_FIELDS = sizeof(shape_fields) / sizeof(*shape_fields) };

struct hit {
	target_addr interpreter, tstate;
	uint64_t native_id;
};

/* A place in writable data that holds the address of an interpreter. */
struct slot {
	target_addr address;
	size_t hit;
};

struct scan {
	struct target *target;
	const struct layout *shapes[SHAPES_MAX];
	size_t shape_count;
	struct hit hits[HITS_MAX];
	size_t hit_count;
	struct slot slots[SLOTS_MAX];
	size_t slot_count;
	const struct target_mapping *near; /* where the last pointer led */
};

/* ---- Reading ----------------------------------------------------------------------------------------------- */

/* That nothing can be read at a guess is no failure. */
static bool read_word(struct target *target, target_addr address, target_addr *ret)
{
	uint8_t bytes[8];

	if (!target_probe(target, address, bytes, target->pointer_size))
		return false;
	*ret = target_get_pointer(target, bytes);
	return true;
}

static bool follow(struct target *target, target_addr address, const struct layout *layout, enum layout_field field,
		   target_addr *ret)
{
	return read_word(target, address + layout_offset(layout, field), ret) && *ret != 0 &&
	       *ret % target->pointer_size == 0;
}

/* Interpreters and thread states are written all the time, so that a core has their pages. */
static bool is_live_data(struct scan *scan, target_addr address)
{
	const struct target *target = scan->target;

	if (address == 0 || address % target->pointer_size)
		return false;
	if (!scan->near || address < scan->near->start || address >= scan->near->end) {
		const struct target_mapping *mapping = target_find_mapping(target, address);
		if (!mapping)
			return !target->mappings_known;
		scan->near = mapping;
	}
	return scan->near->writable && address < scan->near->saved_end;
}

/* ---- What makes an interpreter ----------------------------------------------------------------------------- */

/* pthread_self() is the thread pointer on x86-64; elsewhere it lies at a fixed distance from it. Of a process whose
 * registers are not at hand, the struct pthread itself tells its tid. */
static bool find_lwp(const struct scan *scan, uint64_t thread_id, uint64_t *ret_native_id)
{
	struct target *target = scan->target;
	bool known = false;

	for (size_t i = 0; i < target->thread_count; i++) {
		const target_addr pointer = target->threads[i].thread_pointer;
		known |= pointer != 0;
		const target_addr distance = pointer - thread_id;
		if (pointer &&
		    (distance == 0 || (target->machine != EM_X86_64 && distance + THREAD_AREA <= 2 * THREAD_AREA))) {
			*ret_native_id = target->threads[i].native_id;
			return true;
		}
	}
	const size_t lwp = known ? SIZE_MAX : threads_find_lwp(target, thread_id);
	if (lwp == SIZE_MAX)
		return false;
	*ret_native_id = target->threads[lwp].native_id;
	return true;
}

static bool is_dict(struct target *target, target_addr address, const struct layout *layout)
{
	const struct layout_place place = layout->fields[FIELD_PyTypeObject_tp_flags];
	target_addr type;
	uint8_t flags[8];

	return follow(target, address, layout, FIELD_PyObject_ob_type, &type) && place.size <= sizeof(flags) &&
	       target_probe(target, type + place.offset_plus_1 - 1, flags, place.size) &&
	       target_get(target, flags, place.size) >> DICT_SUBCLASS_BIT & 1;
}

static bool is_interpreter(struct scan *scan, target_addr address, const struct layout *layout, struct hit *ret)
{
	struct target *target = scan->target;
	target_addr tstate, back, modules;
	uint64_t thread_id;

	if (!follow(target, address, layout, FIELD_PyInterpreterState_tstate_head, &tstate) ||
	    !is_live_data(scan, tstate) || !follow(target, tstate, layout, FIELD_PyThreadState_interp, &back) ||
	    back != address || !follow(target, address, layout, FIELD_PyInterpreterState_modules, &modules) ||
	    !is_dict(target, modules, layout))
		return false;
	/* The newest thread may be starting or ending, so that the kernel has it no more or not yet. */
	for (int i = 0; i < CHAIN_MAX; i++) {
		if (!follow(target, tstate, layout, FIELD_PyThreadState_interp, &back) || back != address)
			return false;
		if (follow(target, tstate, layout, FIELD_PyThreadState_thread_id, &thread_id) &&
		    find_lwp(scan, thread_id, &ret->native_id)) {
			*ret = (struct hit){address, tstate, ret->native_id};
			return true;
		}
		if (!follow(target, tstate, layout, FIELD_PyThreadState_next, &tstate))
			return false;
	}
	return false;
}

static void test_word(struct scan *scan, target_addr address, target_addr word)
{
	size_t hit = 0;

	while (hit < scan->hit_count && scan->hits[hit].interpreter != word)
		hit++;
	if (hit == scan->hit_count) {
		bool found = false;
		if (hit == HITS_MAX || !is_live_data(scan, word))
			return;
		for (size_t i = 0; i < scan->shape_count && !found; i++)
			found = is_interpreter(scan, word, scan->shapes[i], &scan->hits[hit]);
		if (!found)
			return;
		scan->hit_count++;
	}
	if (scan->slot_count < SLOTS_MAX)
		scan->slots[scan->slot_count++] = (struct slot){address, hit};
}

/* ---- The search -------------------------------------------------------------------------------------------- */

static enum cpeek_status scan_range(struct scan *scan, target_addr start, target_addr end)
{
	struct target *target = scan->target;
	const size_t width = target->pointer_size;
	uint8_t *buffer = memory_alloc(SCAN_CHUNK);

	if (!buffer)
		return CPEEK_NO_MEMORY;
	for (target_addr at = start; at < end; at += SCAN_CHUNK) {
		size_t length = end - at < SCAN_CHUNK ? (size_t)(end - at) : SCAN_CHUNK;
		if (target_read_some(target, at, buffer, length, &length) != CPEEK_OK)
			continue;
		target_addr last = 0;
		for (size_t i = 0; i + width <= length; i += width) {
			target_addr word = target_get_pointer(target, buffer + i);
			if (word == 0 || word == last)
				continue;
			last = word;
			test_word(scan, at + i, word);
		}
	}
	memory_free(buffer);
	return CPEEK_OK;
}

/* A file's writable data, and the rest of its .bss, which is anonymous memory right behind: up to the end that its
 * program headers tell. */
static bool is_data(const struct target *target, size_t index, target_addr *ret_end)
{
	const struct target_mapping *mapping = &target->mappings[index];
	target_addr limit = mapping->start + SCAN_MODULE_MAX;

	*ret_end = mapping->saved_end < limit ? mapping->saved_end : limit;
	if (!mapping->writable || !mapping->saved)
		return false;
	if (mapping->module != UINT32_MAX)
		return true;
	if (index == 0 || target->mappings[index - 1].end != mapping->start ||
	    target->mappings[index - 1].module == UINT32_MAX)
		return false;
	const struct target_module *module = &target->modules[target->mappings[index - 1].module];
	if (module->has_bias && module->end <= mapping->start)
		return false; /* a stack or a heap that happens to lie there */
	if (module->has_bias && module->end < *ret_end)
		*ret_end = module->end;
	return true;
}

static void collect_shapes(struct scan *scan)
{
	const struct layout *layout;

	for (size_t i = 0; (layout = layout_at(i)) && scan->shape_count < SHAPES_MAX; i++) {
		bool usable = layout->machine == scan->target->machine;
		for (size_t field = 0; field < SHAPE_FIELDS; field++)
			usable &= layout_has(layout, shape_fields[field]);
		for (size_t known = 0; usable && known < scan->shape_count; known++) {
			bool same = true;
			for (size_t field = 0; field < SHAPE_FIELDS; field++)
				same &= layout_offset(layout, shape_fields[field]) ==
					layout_offset(scan->shapes[known], shape_fields[field]);
			usable = !same;
		}
		if (usable)
			scan->shapes[scan->shape_count++] = layout;
	}
}

/* ---- From the pointers to the runtime ---------------------------------------------------------------------- */

/* How many interpreters the chain from head has up to and with the last one; 0 when it does not lead to both others. */
static size_t chain_length(const struct scan *scan, const struct layout *layout, target_addr head, target_addr main,
			   target_addr hit)
{
	bool seen_main = false, seen_hit = false;
	size_t count = 0;

	for (target_addr at = head; at && count < INTERPRETERS_MAX; count++) {
		seen_main |= at == main;
		seen_hit |= at == hit;
		if (!read_word(scan->target, at + layout_offset(layout, FIELD_PyInterpreterState_next), &at))
			return 0;
	}
	return seen_main && seen_hit && count < INTERPRETERS_MAX ? count : 0;
}

static bool fits(const struct candidate *candidate, const struct layout *layout)
{
	return candidate->version_hex >= layout->range.first && candidate->version_hex <= layout->range.last &&
	       candidate->free_threaded == layout->free_threaded;
}

static enum cpeek_status add(struct scan *scan, const struct slot *slot, const struct layout *layout,
			     target_addr address, struct candidates *candidates)
{
	const struct hit *hit = &scan->hits[slot->hit];
	struct candidate candidate = {.address = address};
	struct hit again;

	for (size_t i = 0; i < candidates->count; i++)
		if (candidates->items[i].address == address)
			return CPEEK_OK;
	enum cpeek_status status = version_find(scan->target, target_find_module(scan->target, address), &candidate);
	if (status != CPEEK_OK)
		return status == CPEEK_NO_MEMORY ? status : CPEEK_OK;
	if (!fits(&candidate, layout) || !is_interpreter(scan, hit->interpreter, layout, &again))
		return CPEEK_OK; /* it is one by the layout of another version */
	if (!layout_has(layout, FIELD__PyRuntimeState_interpreters_head))
		candidate.statics.interp_head = address;
	if (!layout_has(layout, FIELD__PyRuntimeState_interpreters_head))
		candidate.statics.interp_head = address;
	(void)snprintf(candidate.evidence, sizeof(candidate.evidence),
		       "structures alone: 0x%llx points at the interpreter 0x%llx, whose thread state 0x%llx is of "
		       "thread %llu",
		       (unsigned long long)slot->address, (unsigned long long)hit->interpreter,
		       (unsigned long long)hit->tstate, (unsigned long long)hit->native_id);
	struct candidate *new = VECTOR_PUSH(candidates);
	if (!new)
		return CPEEK_NO_MEMORY;
	*new = candidate;
	return CPEEK_OK;
}

/* slot is interpreters.head or interpreters.main of a _PyRuntime. */
static enum cpeek_status add_runtime(struct scan *scan, const struct slot *slot, const struct layout *layout,
				     enum layout_field field, struct candidates *candidates)
{
	const target_addr runtime = slot->address - layout_offset(layout, field);
	target_addr head, main;

	if (!follow(scan->target, runtime, layout, FIELD__PyRuntimeState_interpreters_head, &head) ||
	    !follow(scan->target, runtime, layout, FIELD__PyRuntimeState_interpreters_main, &main) ||
	    !chain_length(scan, layout, head, main, scan->hits[slot->hit].interpreter))
		return CPEEK_OK;
	return add(scan, slot, layout, runtime, candidates);
}

/* Before 3.7: interp_head, a static variable of pystate.c. Others point at an interpreter too (autoInterpreterState),
 * but none at the newest of several: the one from which the chain is longest. */
static enum cpeek_status add_head(struct scan *scan, const struct layout *layout, struct candidates *candidates)
{
	const size_t before = candidates->count;
	size_t longest = 0;

	for (int pass = 0; pass < 2; pass++)
		for (size_t i = 0; i < scan->slot_count && candidates->count == before; i++) {
			const target_addr interpreter = scan->hits[scan->slots[i].hit].interpreter;
			const size_t length = chain_length(scan, layout, interpreter, interpreter, interpreter);
			if (pass == 0 && length > longest)
				longest = length;
			else if (pass == 1 && length && length == longest)
				TRY(add(scan, &scan->slots[i], layout, scan->slots[i].address, candidates));
		}
	return CPEEK_OK;
}

static enum cpeek_status add_candidates(struct scan *scan, struct candidates *candidates)
{
	const struct layout *layout;

	for (size_t i = 0; (layout = layout_at(i)); i++) {
		if (layout->machine != scan->target->machine)
			continue;
		if (!layout_has(layout, FIELD__PyRuntimeState_interpreters_head)) {
			TRY(add_head(scan, layout, candidates));
			continue;
		}
		for (size_t at = 0; at < scan->slot_count; at++) {
			const struct slot *slot = &scan->slots[at];
			TRY(add_runtime(scan, slot, layout, FIELD__PyRuntimeState_interpreters_head, candidates));
			TRY(add_runtime(scan, slot, layout, FIELD__PyRuntimeState_interpreters_main, candidates));
		}
	}
	return CPEEK_OK;
}

enum cpeek_status discover_structures(struct target *target, struct candidates *ret)
{
	struct scan *scan = memory_calloc(1, sizeof(*scan));
	enum cpeek_status status = CPEEK_OK;
	const uint64_t faults = target->faults;
	target_addr end;

	if (!scan)
		return CPEEK_NO_MEMORY;
	scan->target = target;
	collect_shapes(scan);
	for (size_t i = 0; i < target->mapping_count && status == CPEEK_OK; i++)
		if (is_data(target, i, &end))
			status = scan_range(scan, target->mappings[i].start, end);
	if (status == CPEEK_OK)
		status = add_candidates(scan, ret);
	target->faults = faults; /* what could not be searched is nobody's answer */
	memory_free(scan);
	return status;
}
