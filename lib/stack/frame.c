/*
 * One frame and its code: whether it is shown, where it is, what its namespace is. Knows no chain.
 */
#include "stack/frame.h"

enum cpeek_status frame_read(struct objects *objects, target_addr address, struct frame_memory *ret,
			     target_addr *ret_previous)
{
	bool interpreter = frame_is_interpreter(objects->layout);
	enum cpeek_status status =
		interpreter ? frame_interpreter_read(objects, address, ret) : frame_object_read(objects, address, ret);

	if (status == CPEEK_OK)
		*ret_previous = ret->previous;
	else if (address == 0 || address % objects->layout->pointer_size ||
		 field_read(objects, address,
			    interpreter ? FIELD__PyInterpreterFrame_previous : FIELD_PyFrameObject_f_back,
			    ret_previous) != CPEEK_OK)
		*ret_previous = 0;
	return status;
}

void code_cache_deinit(struct code_cache *cache)
{
	map_deinit(&cache->index);
	VECTOR_DEINIT(&cache->entries);
}

/* NULL when memory is out. Valid until the next call. */
static struct code_entry *code_cache_get(struct objects *objects, struct code_cache *cache, target_addr address)
{
	uint64_t *index = map_find(&cache->index, address);

	if (!index) {
		index = map_put(&cache->index, address);
		if (!index)
			return NULL;
		struct code_entry *entry = VECTOR_PUSH(&cache->entries);
		if (!entry) {
			map_remove(&cache->index, address);
			return NULL;
		}
		*entry = (struct code_entry){.status = CPEEK_OK};
		entry->status = code_read(objects, address, &entry->code);
		*index = cache->entries.count;
	}
	return &cache->entries.items[*index - 1];
}

/* How far the frame is in its code. */
static enum cpeek_status find_offset(struct objects *objects, const struct code *code,
				     const struct frame_memory *memory, int64_t *ret)
{
	target_addr bytecode;

	if (!frame_is_interpreter(objects->layout)) {
		*ret = memory->last;
		return CPEEK_OK;
	}
	TRY(code_find_bytecode(objects, code, memory->bytecode, &bytecode));
	*ret = (int64_t)(memory->instruction - bytecode);
	return CPEEK_OK;
}

enum cpeek_status frame_read_instruction(struct objects *objects, const struct frame *frame, int64_t *ret_offset,
					 int64_t *ret_copy)
{
	struct frame_memory memory;
	struct code code;
	target_addr previous;
	int64_t offset;

	TRY(frame_read(objects, frame->address, &memory, &previous));
	TRY(code_read(objects, memory.code, &code));
	TRY(find_offset(objects, &code, &memory, &offset));
	*ret_offset = offset < 0 ? -1 : offset;
	*ret_copy = memory.bytecode;
	return CPEEK_OK;
}

/* *ret stays as it is when there is none. */
static enum cpeek_status find_position(struct objects *objects, struct code_entry *entry,
				       const struct frame_memory *memory, int64_t byte_offset, struct position *ret)
{
	if (!entry->position_sought || entry->byte_offset != byte_offset) {
		entry->position = *ret;
		entry->position_status = code_find_position(objects, &entry->code, byte_offset, &entry->position);
		entry->byte_offset = byte_offset;
		entry->position_sought = true;
	}
	*ret = entry->position;
	if (memory->line && memory->line != ret->line)
		*ret = (struct position){memory->line, -1, -1, -1};
	return entry->position_status;
}

static bool is_complete(struct objects *objects, const struct code *code, const struct frame_memory *memory,
			int64_t byte_offset)
{
	if (!frame_is_interpreter(objects->layout) || memory->owner == OWNER_GENERATOR)
		return true;
	return byte_offset >= code->first_traceable;
}

enum cpeek_status frame_finish(struct objects *objects, struct code_cache *cache, const struct frame_memory *memory,
			       struct frame *ret, bool *ret_complete)
{
	struct frame frame = {
		.address = memory->address,
		.frame_object = memory->frame_object,
		.code = memory->code,
		.globals = memory->globals,
		.builtins = memory->builtins,
		.function = memory->function,
		.generator = memory->generator,
		.is_entry = memory->is_entry,
		.position = {-1, -1, -1, -1},
		.status = CPEEK_CORRUPT,
	};
	bool complete = true;

	if (memory->code) {
		struct code_entry *entry = code_cache_get(objects, cache, memory->code);
		if (!entry)
			return CPEEK_NO_MEMORY;
		frame.status = entry->status;
		int64_t offset = 0;
		enum cpeek_status located = entry->status;
		if (entry->status == CPEEK_OK) {
			located = find_offset(objects, &entry->code, memory, &offset);
			complete = located != CPEEK_OK || is_complete(objects, &entry->code, memory, offset);
			if (!(entry->code.flags & CODE_OPTIMIZED))
				frame.f_locals = memory->locals;
		}
		/* Lines that cannot be had leave the frame without a line, no more. */
		if (located == CPEEK_OK && complete)
			located = find_position(objects, entry, memory, offset, &frame.position);
		if (entry->status == CPEEK_OK)
			TRY(objects_tolerate(objects, located));
	}
	if (frame.status == CPEEK_NO_MEMORY)
		return CPEEK_NO_MEMORY;
	*ret = frame;
	*ret_complete = complete;
	return CPEEK_OK;
}
