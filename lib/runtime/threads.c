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

/* 3.12+: each interpreter points to its GIL; to 3.11 there is one, and gilstate.tstate_current is its holder. */
static target_addr gil_holder(const struct python *python, target_addr interpreter)
{
	if (layout_has(python->layout, FIELD__PyRuntimeState_gilstate_tstate_current))
		return read_or_zero(python, python->runtime, FIELD__PyRuntimeState_gilstate_tstate_current);
	target_addr gil = read_or_zero(python, interpreter, FIELD_PyInterpreterState_ceval_gil);
	if ((int32_t)read_or_zero(python, gil, FIELD__gil_runtime_state_locked) != 1)
		return 0;
	return read_or_zero(python, gil, FIELD__gil_runtime_state_last_holder);
}

/* glibc keeps a thread's tid in the struct pthread that pthread_self() points to: on x86-64 at this offset
 * (nptl/descr.h; seen in 2.36 and 2.43). Of use only if it names a thread that the kernel has. */
enum { GLIBC_X86_64_TID = 0x2d0 };

static uint64_t pthread_tid(const struct python *python, uint64_t thread_id)
{
	uint32_t tid;

	if (!thread_id || python->target->machine != EM_X86_64 ||
	    target_read_u32(python->target, thread_id + GLIBC_X86_64_TID, &tid) != CPEEK_OK)
		return 0;
	return tid;
}

static void match_lwp(const struct python *python, struct python_thread *thread)
{
	const struct target *target = python->target;

	thread->native_id = read_or_zero(python, thread->tstate, FIELD_PyThreadState_native_thread_id);
	thread->lwp = SIZE_MAX;
	/* pthread_self() is the thread pointer on x86-64. It holds in forked children too, where native_thread_id may
	 * still be the parent's, and before 3.11, which has no native_thread_id. */
	for (size_t i = 0; i < target->thread_count && thread->lwp == SIZE_MAX; i++)
		if (thread->thread_id && target->threads[i].thread_pointer == thread->thread_id)
			thread->lwp = i;
	for (size_t i = 0; i < target->thread_count && thread->lwp == SIZE_MAX; i++)
		if (thread->native_id && target->threads[i].inner_id == thread->native_id)
			thread->lwp = i;
	/* A live process that is not stopped by us shows no registers. */
	uint64_t tid = thread->lwp == SIZE_MAX ? pthread_tid(python, thread->thread_id) : 0;
	for (size_t i = 0; i < target->thread_count && tid && thread->lwp == SIZE_MAX; i++)
		if (target->threads[i].inner_id == tid)
			thread->lwp = i;
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
	target_addr address = read_or_zero(python, python->runtime, FIELD__PyRuntimeState_interpreters_head);
	enum cpeek_status status = CPEEK_OK;

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
	python->finalizing = read_or_zero(python, python->runtime, FIELD__PyRuntimeState_finalizing) != 0;
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
