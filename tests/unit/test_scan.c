/*
 * _PyRuntime found by structures alone, in cores of one module without a file: its writable data hold _PyRuntime and the
 * text of sys.version, the interpreter stands elsewhere. What leads to one answer, and what must lead to none.
 */
#include "open_core.h"
#include "base/memory.h"
#include "runtime/internal.h"

#include <unistd.h>

enum {
	DATA = 0x200000, /* of the module */
	DATA_SIZE = 0x100000,
	RUNTIME_AT = 0x1000,
	TEXT_AT = 0x80000,
	SLOT_AT = 0x90000, /* another pointer to the interpreter */
	HEAP = 0x600000,
	HEAP_SIZE = 0x200000,
	INTERPRETER = HEAP,
	STATE = HEAP + 0x100000,
	MODULES = HEAP + 0x110000,
	DICT_TYPE = HEAP + 0x111000,
	THREAD = 0x7000, /* pthread_self() */
	DICT_SUBCLASS = 1 << 29,
};

static struct error error;

struct scene {
	const char *layout, *text;
	bool lost_thread;  /* the kernel has another thread */
	bool no_dict;      /* sys.modules is something else */
	bool wrong_back;   /* the thread state is another interpreter's */
	bool second_slot;  /* something else in the data points at the interpreter */
	bool second_state; /* the kernel knows the second thread state's thread only */
};

static void put(const struct core_writer *writer, const struct layout *layout, unsigned char *memory, uint64_t address,
		enum layout_field field, uint64_t value)
{
	struct writer_bytes bytes = {0};

	CHECK(layout_has(layout, field));
	writer_integer(writer, &bytes, value, layout->fields[field].size);
	memcpy(memory + address + layout_offset(layout, field), bytes.data, bytes.size);
	free(bytes.data);
}

/* How many candidates the search finds. */
static size_t search(const struct scene *scene, target_addr *ret)
{
	static unsigned char data[DATA_SIZE], heap[HEAP_SIZE];
	const struct layout *layout = layout_by_name(scene->layout, EM_X86_64);
	const struct writer_range range = {DATA, DATA + DATA_SIZE, 0, "/nowhere/python"};
	const uint64_t interpreter = INTERPRETER;
	uint64_t registers[34] = {0};
	struct candidates found = {0};

	CHECK(layout != NULL);
	struct core_writer writer = writer_create(8, false, EM_X86_64);
	memset(data, 0, sizeof(data));
	memset(heap, 0, sizeof(heap));
	put(&writer, layout, data, RUNTIME_AT, FIELD__PyRuntimeState_interpreters_head, INTERPRETER);
	put(&writer, layout, data, RUNTIME_AT, FIELD__PyRuntimeState_interpreters_main, INTERPRETER);
	memcpy(data + TEXT_AT, scene->text, strlen(scene->text));
	if (scene->second_slot)
		memcpy(data + SLOT_AT, &interpreter, sizeof(interpreter));
	put(&writer, layout, heap, INTERPRETER - HEAP, FIELD_PyInterpreterState_tstate_head, STATE);
	put(&writer, layout, heap, INTERPRETER - HEAP, FIELD_PyInterpreterState_modules, MODULES);
	put(&writer, layout, heap, STATE - HEAP, FIELD_PyThreadState_interp,
	    scene->wrong_back ? INTERPRETER + 8 : INTERPRETER);
	put(&writer, layout, heap, STATE - HEAP, FIELD_PyThreadState_thread_id, scene->second_state ? 1 : THREAD);
	put(&writer, layout, heap, STATE - HEAP, FIELD_PyThreadState_next, scene->second_state ? STATE + 0x1000 : 0);
	put(&writer, layout, heap, STATE - HEAP + 0x1000, FIELD_PyThreadState_interp, INTERPRETER);
	put(&writer, layout, heap, STATE - HEAP + 0x1000, FIELD_PyThreadState_thread_id, THREAD);
	put(&writer, layout, heap, MODULES - HEAP, FIELD_PyObject_ob_type, DICT_TYPE);
	put(&writer, layout, heap, DICT_TYPE - HEAP, FIELD_PyTypeObject_tp_flags, scene->no_dict ? 0 : DICT_SUBCLASS);
	registers[21] = scene->lost_thread ? THREAD + 64 : THREAD; /* fs_base */
	writer_prstatus(&writer, 4711, 6, registers, 34);
	writer_files(&writer, &range, 1);
	writer_segment(&writer, DATA, DATA_SIZE, data, DATA_SIZE, PF_R | PF_W);
	writer_segment(&writer, HEAP, HEAP_SIZE, heap, HEAP_SIZE, PF_R | PF_W);
	struct target *target = open_written(&writer, NULL, &error);
	CHECK_EQ(discover_structures(target, &found), CPEEK_OK);
	*ret = found.count ? found.items[0].address : 0;
	CHECK_EQ(target->faults, 0);
	const size_t count = found.count;
	VECTOR_DEINIT(&found);
	target_destroy(target);
	writer_destroy(&writer);
	return count;
}

static void check_scene(struct scene scene, size_t expected)
{
	target_addr address;

	CHECK_EQ(search(&scene, &address), expected);
	if (expected)
		CHECK_EQ(address, DATA + RUNTIME_AT);
}

static const char text_310[] = "3.10.13 (main, Nov 24 2026, 10:00:00) [GCC 12.2.0]";
static const char text_38[] = "3.8.18 (default, Nov 24 2026, 10:00:00) \n[GCC 12.2.0]";

int main(void)
{
	check_scene((struct scene){.layout = "3.10", .text = text_310}, 1);
	check_scene((struct scene){.layout = "3.8", .text = text_38}, 1);
	check_scene((struct scene){.layout = "3.10", .text = text_310, .second_slot = true}, 1);
	check_scene((struct scene){.layout = "3.10", .text = text_310, .second_state = true}, 1);
	check_scene((struct scene){.layout = "3.10", .text = text_310, .lost_thread = true}, 0);
	check_scene((struct scene){.layout = "3.10", .text = text_310, .no_dict = true}, 0);
	check_scene((struct scene){.layout = "3.10", .text = text_310, .wrong_back = true}, 0);
	/* Structures of one version and the text of another. */
	check_scene((struct scene){.layout = "3.10", .text = text_38}, 0);
	check_scene((struct scene){.layout = "3.10", .text = "no version"}, 0);
	return check_report();
}
