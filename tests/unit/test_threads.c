/*
 * Which of the kernel's threads a thread state is of. A forked child's states may still carry the ids of its parent, and
 * before 3.11 they carry none: then pthread_self() and the thread pointer tell. How far these two lie apart is glibc's
 * _thread_db_sizeof_pthread: 0x740 in 2.36 and 0x720 in 2.41 on aarch64, 0x4e0 in 2.41 on 32-bit ARM.
 */
#include "open_core.h"
#include "base/memory.h"
#include "runtime/internal.h"

#include <unistd.h>

enum {
	THREADS = 3,
	RUNTIME = 0x100000,
	RUNTIME_SIZE = 0x100000,
	INTERPRETER = RUNTIME + RUNTIME_SIZE,
	STATE = 0x300000, /* and every 0x1000 bytes one more */
	AREA = 0x400000,  /* of the struct pthreads */
	AREA_STEP = 0x10000,
	LWP = 1000, /* the first thread's */
};

static struct error error;

static void put(struct core_writer *writer, const struct layout *layout, unsigned char *memory,
		enum layout_field field, uint64_t value)
{
	struct writer_bytes bytes = {0};

	CHECK(layout_has(layout, field));
	writer_integer(writer, &bytes, value, layout->fields[field].size);
	memcpy(memory + layout_offset(layout, field), bytes.data, bytes.size);
	free(bytes.data);
}

/* The registers of a thread whose thread pointer is what it is, or the note that tells it. */
static void put_lwp(struct core_writer *writer, uint32_t lwp, uint64_t pointer)
{
	uint64_t registers[34] = {0};

	if (writer->machine == EM_X86_64)
		registers[21] = pointer;
	if (writer->machine == EM_S390)
		registers[18] = pointer;
	writer_prstatus(writer, lwp, 0, registers, 34);
	if (writer->machine == EM_AARCH64 && pointer) {
		struct writer_bytes note = {0};
		writer_word(writer, &note, pointer);
		writer_note(writer, "LINUX", NT_ARM_TLS, note.data, note.size);
		free(note.data);
	}
}

/* Three threads: the thread pointer is distance from pthread_self(), unless there are no registers; the tid stands at
 * tid_at in the struct pthread, unless that is 0; the states' own ids are the LWPs' plus stale. */
static void check_match(const char *name, unsigned machine, uint64_t distance, size_t tid_at, uint32_t stale)
{
	static unsigned char runtime[RUNTIME_SIZE], interpreter[RUNTIME_SIZE], state[0x1000], area[0x1000];
	const struct layout *layout = layout_by_name(name, machine);

	CHECK(layout != NULL);
	if (!layout)
		return;
	struct core_writer writer = writer_create(layout->pointer_size, layout->big_endian, (uint16_t)machine);
	memset(runtime, 0, sizeof(runtime));
	memset(interpreter, 0, sizeof(interpreter));
	put(&writer, layout, runtime, FIELD__PyRuntimeState_interpreters_head, INTERPRETER);
	put(&writer, layout, interpreter, FIELD_PyInterpreterState_tstate_head, STATE);
	writer_segment(&writer, RUNTIME, RUNTIME_SIZE, runtime, RUNTIME_SIZE, PF_R | PF_W);
	writer_segment(&writer, INTERPRETER, RUNTIME_SIZE, interpreter, RUNTIME_SIZE, PF_R | PF_W);
	for (uint32_t i = 0; i < THREADS; i++) {
		memset(state, 0, sizeof(state));
		memset(area, 0, sizeof(area));
		put(&writer, layout, state, FIELD_PyThreadState_interp, INTERPRETER);
		put(&writer, layout, state, FIELD_PyThreadState_next, i + 1 < THREADS ? STATE + 0x1000 * (i + 1) : 0);
		put(&writer, layout, state, FIELD_PyThreadState_thread_id, AREA + AREA_STEP * i);
		if (layout_has(layout, FIELD_PyThreadState_native_thread_id))
			put(&writer, layout, state, FIELD_PyThreadState_native_thread_id, LWP + i + stale);
		writer_segment(&writer, STATE + 0x1000 * i, 0x1000, state, sizeof(state), PF_R | PF_W);
		if (tid_at) {
			struct writer_bytes tid = {0};
			writer_integer(&writer, &tid, LWP + i, 4);
			memcpy(area + tid_at, tid.data, 4);
			free(tid.data);
		}
		writer_segment(&writer, AREA + AREA_STEP * i, 0x1000, area, sizeof(area), PF_R | PF_W);
		put_lwp(&writer, LWP + i, distance == UINT64_MAX ? 0 : AREA + AREA_STEP * i + distance);
	}
	struct target *target = open_written(&writer, NULL, &error);
	struct python python = {.target = target, .layout = layout, .error = &error, .runtime = RUNTIME};
	CHECK_EQ(threads_read(&python), CPEEK_OK);
	CHECK_EQ(python.thread_count, THREADS);
	for (size_t i = 0; i < python.thread_count; i++) {
		const size_t number = THREADS - 1 - i; /* CPython links the newest first */
		CHECK_EQ(python.threads[i].lwp, number);
		CHECK_EQ(python.threads[i].native_id, LWP + number);
	}
	memory_free(python.interpreters);
	memory_free(python.threads);
	target_destroy(target);
	writer_destroy(&writer);
}

int main(void)
{
	/* By registers, in a forked child. */
	check_match("3.13", EM_X86_64, 0, 0, 50000);
	check_match("3.13.5", EM_S390, 0, 0, 50000);
	check_match("3.13.5", EM_AARCH64, 0x720, 0, 50000);
	check_match("3.11", EM_AARCH64, 0x740, 0, 50000);
	/* By their own ids: qemu-user does not save the register. */
	check_match("3.13.5", EM_AARCH64, UINT64_MAX, 0, 0);
	check_match("3.13.5", EM_ARM, UINT64_MAX, 0, 0);
	/* By what glibc keeps. */
	check_match("3.9", EM_X86_64, UINT64_MAX, 0x2d0, 0);
	check_match("3.9", EM_386, UINT64_MAX, 0x68, 0);
	check_match("3.13.5", EM_ARM, UINT64_MAX, 0x68, 50000);
	check_match("3.13.5", EM_AARCH64, UINT64_MAX, 0xd0, 50000);
	check_match("3.13.5", EM_S390, UINT64_MAX, 0xd0, 50000);
	return check_report();
}
