/*
 * Interpreters and thread states: the chains from _PyRuntime, each thread matched to the kernel's.
 */
#include "base/map.h"
#include "base/memory.h"
#include "runtime/internal.h"

#include <elf.h>

struct threads {
	struct python_thread *items;
	size_t count, capacity;
};

enum { THREADS_MAX = 1 << 20 };

static uint64_t read_or_zero(const struct python *python, target_addr addr, enum layout_field field)
{
	uint64_t value;

	return addr && runtime_read(python, addr, field, &value) == CPEEK_OK ? value : 0;
}

/* Free-threaded builds make a GIL when they are told to (PYTHON_GIL=1) or an extension module needs one. Else last_holder
 * and locked are left over from the start, or from before it was disabled: Python/ceval_gil.c, 3.13. */
static bool has_gil(const struct python *python, target_addr interpreter)
{
	if (!layout_has(python->layout, FIELD__gil_runtime_state_enabled))
		return true;
	return read_or_zero(python, read_or_zero(python, interpreter, FIELD_PyInterpreterState_ceval_gil),
			    FIELD__gil_runtime_state_enabled) != 0;
}

static enum thread_state thread_state(const struct python *python, target_addr tstate)
{
	uint64_t state;

	if (!python->layout->free_threaded ||
	    runtime_read(python, tstate, FIELD_PyThreadState_state, &state) != CPEEK_OK || state >= THREAD_STATE_COUNT)
		return THREAD_STATE_COUNT;
	return (enum thread_state)state;
}

/* 3.12+: each interpreter points to its GIL; to 3.11 there is one, and gilstate.tstate_current is its holder. */
static target_addr gil_holder(const struct python *python, target_addr interpreter)
{
	target_addr holder;
	if (!has_gil(python, interpreter))
		return 0;
	if (state_find_gil_holder(python, &holder) == CPEEK_OK)
		return holder;
	target_addr gil = read_or_zero(python, interpreter, FIELD_PyInterpreterState_ceval_gil);
	if ((int32_t)read_or_zero(python, gil, FIELD__gil_runtime_state_locked) != 1)
		return 0;
	return read_or_zero(python, gil, FIELD__gil_runtime_state_last_holder);
}

enum {
	/* glibc keeps a thread's tid in the struct pthread that pthread_self() points to (nptl/descr.h): behind a header,
	 * on x86-64 of its own size and elsewhere of 24 pointers, and two links of a list. Seen in 2.31, 2.36, 2.41 and
	 * 2.43. Of use only if it names a thread that the kernel has. */
	GLIBC_X86_64_TID = 0x2d0,
	GLIBC_TID_WORDS = 24 + 2,
	/* No struct pthread is bigger: 0x740 bytes in glibc 2.36 on aarch64, 0x4e0 in 2.41 on 32-bit ARM. */
	PTHREAD_SIZE_MAX = 0x2000,
};

size_t threads_find_lwp(struct target *target, uint64_t thread_id)
{
	const unsigned offset =
		target->machine == EM_X86_64 ? (unsigned)GLIBC_X86_64_TID : GLIBC_TID_WORDS * target->pointer_size;
	uint8_t bytes[4];

	if (!thread_id || !target_probe(target, thread_id + offset, bytes, sizeof(bytes)))
		return SIZE_MAX;
	const uint64_t tid = target_get(target, bytes, sizeof(bytes));
	for (size_t i = 0; i < target->thread_count && tid; i++)
		if (target->threads[i].inner_id == tid)
			return i;
	return SIZE_MAX;
}

/* pthread_self() is the thread pointer, except where the ABI wants what the thread pointer points to in front of the
 * static TLS (its "variant 1"): there the struct pthread ends at it, in glibc and musl, and the nearest one is the
 * thread's own. */
static size_t find_by_pointer(const struct target *target, uint64_t thread_id)
{
	uint64_t nearest = target->machine == EM_AARCH64 || target->machine == EM_ARM ? PTHREAD_SIZE_MAX : 0;
	size_t found = SIZE_MAX;

	for (size_t i = 0; thread_id && i < target->thread_count; i++) {
		const target_addr pointer = target->threads[i].thread_pointer;
		const uint64_t distance = pointer - thread_id;
		if (pointer == 0 || distance > nearest || (distance == nearest && found != SIZE_MAX))
			continue;
		nearest = distance;
		found = i;
	}
	return found;
}

static void match_lwp(const struct python *python, struct python_thread *thread)
{
	const struct target *target = python->target;

	thread->native_id = read_or_zero(python, thread->tstate, FIELD_PyThreadState_native_thread_id);
	/* It holds in forked children too, where native_thread_id may still be the parent's, and before 3.11, which has
	 * no native_thread_id. */
	thread->lwp = find_by_pointer(target, thread->thread_id);
	for (size_t i = 0; i < target->thread_count && thread->lwp == SIZE_MAX; i++)
		if (thread->native_id && target->threads[i].inner_id == thread->native_id)
			thread->lwp = i;
	/* A live process that is not stopped by us shows no registers. */
	if (thread->lwp == SIZE_MAX)
		thread->lwp = threads_find_lwp(python->target, thread->thread_id);
	if (thread->lwp != SIZE_MAX)
		thread->native_id = target->threads[thread->lwp].native_id;
}

static enum cpeek_status read_chain(struct python *python, size_t interpreter, struct map *seen,
				    struct threads *threads)
{
	const struct interpreter *owner = &python->interpreters[interpreter];
	const size_t first = threads->count;
	target_addr tstate = read_or_zero(python, owner->address, FIELD_PyInterpreterState_tstate_head);

	while (tstate) {
		uint64_t interp, next;
		if (threads->count >= THREADS_MAX || map_find(seen, tstate) ||
		    runtime_read(python, tstate, FIELD_PyThreadState_interp, &interp) != CPEEK_OK ||
		    interp != owner->address ||
		    runtime_read(python, tstate, FIELD_PyThreadState_next, &next) != CPEEK_OK) {
			python->threads_partial = true;
			break;
		}
		struct python_thread *thread = VECTOR_PUSH(threads);
		if (!thread || !map_put(seen, tstate))
			return CPEEK_NO_MEMORY;
		*thread = (struct python_thread){
			.tstate = tstate,
			.interpreter = interpreter,
			.thread_id = read_or_zero(python, tstate, FIELD_PyThreadState_thread_id),
			.gil = owner->gil_holder == tstate ? THREAD_GIL_HOLDING : THREAD_GIL_NONE,
			.state = thread_state(python, tstate),
		};
		match_lwp(python, thread);
		tstate = next;
	}
	/* CPython links the newest first. */
	for (size_t i = first, j = threads->count; i + 1 < j; i++) {
		struct python_thread swapped = threads->items[i];
		threads->items[i] = threads->items[--j];
		threads->items[j] = swapped;
	}
	return CPEEK_OK;
}

static enum cpeek_status read_interpreters(struct python *python, struct map *seen)
{
	VECTOR(struct interpreter) interpreters = {0};
	target_addr address = 0;
	enum cpeek_status status = CPEEK_OK;

	if (state_find_interpreter(python, &address) != CPEEK_OK)
		python->threads_partial = true;
	while (address && status == CPEEK_OK) {
		uint64_t next;
		if (interpreters.count >= INTERPRETERS_MAX || map_find(seen, address) ||
		    runtime_read(python, address, FIELD_PyInterpreterState_next, &next) != CPEEK_OK) {
			python->threads_partial = true;
			break;
		}
		struct interpreter *interpreter = VECTOR_PUSH(&interpreters);
		if (!interpreter || !map_put(seen, address)) {
			status = CPEEK_NO_MEMORY;
			break;
		}
		*interpreter = (struct interpreter){
			.address = address,
			.id = (int64_t)read_or_zero(python, address, FIELD_PyInterpreterState_id),
			.modules = read_or_zero(python, address, FIELD_PyInterpreterState_modules),
			.sysdict = read_or_zero(python, address, FIELD_PyInterpreterState_sysdict),
			.builtins = read_or_zero(python, address, FIELD_PyInterpreterState_builtins),
			.gil_holder = gil_holder(python, address),
			.has_gil = has_gil(python, address),
		};
		address = next;
	}
	/* The newest is linked first here too; the main interpreter, id 0, is the oldest. */
	for (size_t i = 0, j = interpreters.count; i + 1 < j; i++) {
		struct interpreter swapped = interpreters.items[i];
		interpreters.items[i] = interpreters.items[--j];
		interpreters.items[j] = swapped;
	}
	python->interpreters = interpreters.items;
	python->interpreter_count = interpreters.count;
	return status;
}

enum cpeek_status threads_read(struct python *python)
{
	struct threads threads = {0};
	struct map seen = {0};
	const uint64_t faults = python->target->faults;

	memory_free(python->interpreters);
	memory_free(python->threads);
	python->interpreters = NULL;
	python->threads = NULL;
	python->interpreter_count = python->thread_count = 0;
	python->threads_partial = false;
	python->finalizing = state_is_finalizing(python);
	enum cpeek_status status = read_interpreters(python, &seen);
	for (size_t i = 0; status == CPEEK_OK && i < python->interpreter_count; i++)
		status = read_chain(python, i, &seen, &threads);
	python->threads = threads.items;
	python->thread_count = threads.count;
	map_deinit(&seen);
	python->threads_partial |= python->target->faults != faults;
	if (status == CPEEK_NO_MEMORY) {
		python->threads_partial = true;
		return error_set(python->error, status, "out of memory");
	}
	return CPEEK_OK;
}
