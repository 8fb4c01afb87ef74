/*
 * The names of threads: sys.modules["threading"]._active maps thread ids to Thread objects (Lib/threading.py, all
 * versions), whose _name attribute is the name.
 */
#include "command/show.h"

static enum cpeek_status find_thread_object(struct objects *objects, const struct python_thread *thread,
					    target_addr *ret)
{
	const struct interpreter *interpreter = &objects->python->interpreters[thread->interpreter];
	struct object object;
	struct items items;
	struct item item;
	target_addr module, active;
	int64_t id;

	TRY(dict_find(objects, interpreter->modules, "threading", 9, &module));
	TRY(object_read(objects, module, &object));
	TRY(attribute_find(&object, "_active", 7, &active));
	TRY(object_read(objects, active, &object));
	TRY(items_start(&object, &items));
	for (;;) {
		enum cpeek_status status = items_next(&items, &item);
		if (status != CPEEK_OK)
			return status;
		if (int_read(objects, item.key, &id) == CPEEK_OK && (uint64_t)id == thread->thread_id) {
			*ret = item.value;
			return CPEEK_OK;
		}
	}
}

enum cpeek_status thread_read_name(struct objects *objects, const struct python_thread *thread, struct strbuf *out)
{
	struct object object;
	target_addr address, name;

	enum cpeek_status status = find_thread_object(objects, thread, &address);
	if (status == CPEEK_OK)
		status = object_read(objects, address, &object);
	if (status == CPEEK_OK)
		status = attribute_find(&object, "_name", 5, &name);
	if (status != CPEEK_OK) /* a thread that C code made has no Thread object */
		return objects_tolerate(objects, status);
	status = str_read(objects, name, 0, out, NULL);
	return status == CPEEK_NO_MEMORY ? status : CPEEK_OK; /* a program may make it anything */
}
