/*
 * Where a CPython keeps the state that is all interpreters': in _PyRuntime, to 3.6 in variables of its own. Knows these
 * places and how they are found, and not what they lead to.
 */
#include "runtime/internal.h"

enum {
	GENERATIONS = 3, /* NUM_GENERATIONS, Modules/gcmodule.c */
	NEAR = 4096,     /* bytes around _PyThreadState_Current in which pystate.c's other variables are looked for */
	LIST_MAX = 1 << 27, /* objects of one list of the collector */
};

/* Like runtime_read() of a pointer, where it is no damage if there is nothing. */
static bool probe(const struct python *python, target_addr addr, enum layout_field field, target_addr *ret)
{
	uint8_t bytes[8];
	const struct layout_place place = python->layout->fields[field];

	if (!place.offset_plus_1 || place.size != python->layout->pointer_size ||
	    !target_probe(python->target, addr + place.offset_plus_1 - 1, bytes, place.size))
		return false;
	*ret = target_get_pointer(python->target, bytes);
	return true;
}

/* ---- interp_head of 3.6 ---- */

/* How many interpreters follow one another from here; 0 when this is none. Each has a thread state that leads back. */
static size_t chain_length(const struct python *python, target_addr interpreter)
{
	size_t length = 0;

	while (interpreter && interpreter % python->layout->pointer_size == 0 && length < INTERPRETERS_MAX) {
		target_addr head, back;
		if (!probe(python, interpreter, FIELD_PyInterpreterState_tstate_head, &head) ||
		    !probe(python, head, FIELD_PyThreadState_interp, &back) || back != interpreter ||
		    !probe(python, interpreter, FIELD_PyInterpreterState_next, &interpreter))
			break;
		length++;
	}
	return length;
}

/* strip takes its name away; it still lies in .bss beside the variables of pystate.c that are exported. Of the words
 * there the one that begins the longest chain of interpreters is it (autoInterpreterState begins with the oldest). */
static target_addr find_head(const struct python *python)
{
	const target_addr beside = python->statics.tstate_current;
	const size_t word = python->layout->pointer_size;
	size_t longest = 0;
	target_addr found = 0;

	for (target_addr at = beside > NEAR ? beside - NEAR : beside; beside && at < beside + NEAR; at += word) {
		uint8_t bytes[8];
		if (!target_probe(python->target, at, bytes, word))
			continue;
		size_t length = chain_length(python, target_get_pointer(python->target, bytes));
		if (length > longest) {
			longest = length;
			found = at;
		}
	}
	return found;
}

/* ---- The collector's lists of 3.6 ---- */

bool state_is_linked(const struct python *python, target_addr head)
{
	target_addr next, prev, back;

	return probe(python, head, FIELD_PyGC_Head__gc_next, &next) &&
	       probe(python, next, FIELD_PyGC_Head__gc_prev, &back) && back == head &&
	       probe(python, head, FIELD_PyGC_Head__gc_prev, &prev) &&
	       probe(python, prev, FIELD_PyGC_Head__gc_next, &back) && back == head;
}

bool state_are_generations(const struct python *python, target_addr first)
{
	const uint32_t stride = python->layout->structs[STRUCT_gc_generation];

	for (unsigned i = 0; i < GENERATIONS; i++)
		if (!state_is_linked(python, first + i * stride))
			return false;
	return true;
}

/* Each list is a ring, so that of an object that is tracked, such as the dict of sys.modules, goes through the head of
 * its generation: a variable of a file, which no object with a head of the collector's lies in. */
static target_addr find_generations(const struct python *python)
{
	const uint32_t stride = python->layout->structs[STRUCT_gc_generation];
	target_addr interpreter, modules;

	if (state_find_interpreter(python, &interpreter) != CPEEK_OK ||
	    !probe(python, interpreter, FIELD_PyInterpreterState_modules, &modules))
		return 0;
	const target_addr start = modules - python->layout->structs[STRUCT_PyGC_Head];
	target_addr at = start, seen = start;
	for (size_t i = 1; i < LIST_MAX; i++) {
		if (!probe(python, at, FIELD_PyGC_Head__gc_next, &at) || at == seen)
			return 0;
		if ((i & (i - 1)) == 0)
			seen = at; /* Brent: a ring that misses its start is met again */
		for (unsigned g = 0; target_find_module(python->target, at) && g < GENERATIONS; g++)
			if (state_are_generations(python, at - g * stride))
				return at - g * stride;
	}
	return 0;
}

void state_locate_interpreters(struct python *python)
{
	if (!layout_has(python->layout, FIELD__PyRuntimeState_interpreters_head) && !python->statics.interp_head)
		python->statics.interp_head = find_head(python);
}

void state_locate_generations(struct python *python)
{
	if (!layout_has(python->layout, FIELD__PyRuntimeState_interpreters_head) && !python->statics.generations)
		python->statics.generations = find_generations(python);
}

/* ---- What others ask for ---- */

enum cpeek_status state_find_interpreter(const struct python *python, target_addr *ret)
{
	target_addr tstate;

	if (layout_has(python->layout, FIELD__PyRuntimeState_interpreters_head))
		return runtime_read(python, python->runtime, FIELD__PyRuntimeState_interpreters_head, ret);
	if (python->statics.interp_head)
		return target_read_pointer(python->target, python->statics.interp_head, ret);
	TRY(state_find_gil_holder(python, &tstate));
	return tstate ? runtime_read(python, tstate, FIELD_PyThreadState_interp, ret) : CPEEK_NOT_FOUND;
}

enum cpeek_status state_find_gil_holder(const struct python *python, target_addr *ret)
{
	if (layout_has(python->layout, FIELD__PyRuntimeState_gilstate_tstate_current))
		return runtime_read(python, python->runtime, FIELD__PyRuntimeState_gilstate_tstate_current, ret);
	if (!python->statics.tstate_current)
		return CPEEK_NOT_FOUND;
	return target_read_pointer(python->target, python->statics.tstate_current, ret);
}

bool state_is_finalizing(const struct python *python)
{
	uint64_t value = 0;

	if (layout_has(python->layout, FIELD__PyRuntimeState_finalizing))
		(void)runtime_read(python, python->runtime, FIELD__PyRuntimeState_finalizing, &value);
	else if (python->statics.finalizing)
		(void)target_read_pointer(python->target, python->statics.finalizing, &value);
	return value != 0;
}

enum cpeek_status runtime_find_generations(const struct python *python, size_t interpreter, target_addr *ret,
					   target_addr *ret_permanent)
{
	const struct layout *layout = python->layout;
	target_addr first, permanent = 0;

	if (layout_has(layout, FIELD_PyInterpreterState_gc_generations)) {
		const target_addr owner = python->interpreters[interpreter].address;
		first = owner + layout_offset(layout, FIELD_PyInterpreterState_gc_generations);
		if (layout_has(layout, FIELD_PyInterpreterState_gc_permanent_generation))
			permanent = owner + layout_offset(layout, FIELD_PyInterpreterState_gc_permanent_generation);
	} else if (layout_has(layout, FIELD__PyRuntimeState_gc_generations)) {
		first = python->runtime + layout_offset(layout, FIELD__PyRuntimeState_gc_generations);
		if (layout_has(layout, FIELD__PyRuntimeState_gc_permanent_generation))
			permanent =
				python->runtime + layout_offset(layout, FIELD__PyRuntimeState_gc_permanent_generation);
	} else if (layout_has(layout, FIELD_PyGC_Head__gc_next)) {
		if (!python->statics.generations)
			return CPEEK_NOT_FOUND;
		first = python->statics.generations;
	} else {
		return CPEEK_UNSUPPORTED;
	}
	*ret = first;
	*ret_permanent = permanent;
	return CPEEK_OK;
}

enum cpeek_status runtime_find_collector(const struct python *python, size_t interpreter, target_addr *ret)
{
	const struct layout *layout = python->layout;

	if (layout_has(layout, FIELD_PyInterpreterState_gc))
		*ret = python->interpreters[interpreter].address + layout_offset(layout, FIELD_PyInterpreterState_gc);
	else if (layout_has(layout, FIELD__PyRuntimeState_gc))
		*ret = python->runtime + layout_offset(layout, FIELD__PyRuntimeState_gc);
	else
		return CPEEK_NOT_FOUND;
	return CPEEK_OK;
}
