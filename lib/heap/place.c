/*
 * Finds out where an address lives. What keeps books is asked first (the arenas of pymalloc, segments of mimalloc, the
 * runtime's own structures, modules); where a stripped build hides them, the memory itself is looked at: a pool tells by
 * its header, a chunk of malloc's by the words around it.
 */
#include "heap/place.h"
#include "heap/pymalloc.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum {
	CHUNKS_MAX = 1 << 12, /* of one thread's data stack */
	CHUNK_STEPS = 5,      /* steps back from an address that are looked at for the start of a chunk */
	CHUNK_ALIGNMENT_WORDS = 2,
	PREV_INUSE = 1, /* glibc, malloc/malloc.c */
	IS_MMAPPED = 2,
	CHUNK_FLAGS = 7,
};

static bool is_inside(target_addr address, target_addr start, uint64_t size)
{
	return address >= start && address - start < size;
}

static bool probe_pointer(struct target *target, target_addr address, target_addr *ret)
{
	uint8_t bytes[8];

	if (!target_probe(target, address, bytes, target->pointer_size))
		return false;
	*ret = target_get_pointer(target, bytes);
	return true;
}

/* ---- The runtime's own structures ---- */

struct named_field {
	enum layout_field field;
	const char *name;
	unsigned count; /* of its items; 0: it is one object */
};

/* Include/internal/pycore_runtime_structs.h (3.14), pycore_global_objects.h (3.11) */
static const struct named_field runtime_fields[] = {
	{FIELD__PyRuntimeState_static_bytes_empty, "the empty bytes", 0},
	{FIELD__PyRuntimeState_static_bytes_characters, "bytes_characters", 256},
	{FIELD__PyRuntimeState_static_strings_ascii, "strings.ascii", 128},
	{FIELD__PyRuntimeState_static_strings_latin1, "strings.latin1", 128},
	{FIELD__PyRuntimeState_static_strings_literals, "strings.literals", 0},
	{FIELD__PyRuntimeState_static_strings_identifiers, "strings.identifiers", 0},
	{FIELD__PyRuntimeState_static_tuple_empty, "the empty tuple", 0},
	{FIELD__PyRuntimeState_static_hamt_bitmap_node_empty, "hamt_bitmap_node_empty", 0},
	{FIELD__PyRuntimeState_static_context_token_missing, "context_token_missing", 0},
};

static const struct named_field interpreter_fields[] = {
	{FIELD_PyInterpreterState_static_hamt_empty, "hamt_empty", 0},
	{FIELD_PyInterpreterState_static_last_resort_memory_error, "last_resort_memory_error", 0},
};

/* The name of what is at an offset of a structure. */
static bool name_field(const struct layout *layout, const struct named_field *row, uint64_t offset, struct place *ret)
{
	const struct layout_place place = layout->fields[row->field];

	if (!place.offset_plus_1 || !is_inside(offset, place.offset_plus_1 - 1, place.size))
		return false;
	if (row->count)
		(void)snprintf(ret->name, sizeof(ret->name), "%s[%" PRIu64 "]", row->name,
			       (offset - (place.offset_plus_1 - 1)) / (place.size / row->count));
	else
		(void)snprintf(ret->name, sizeof(ret->name), "%s", row->name);
	return true;
}

static void name_static(const struct layout *layout, uint64_t offset, struct place *ret)
{
	const struct named_field small_ints = {FIELD__PyRuntimeState_static_small_ints, "small_ints",
					       layout_trait(layout, TRAIT_SMALL_INTS_1024) ? 1030 : 262};

	if (name_field(layout, &small_ints, offset, ret))
		return;
	for (size_t i = 0; i < sizeof(runtime_fields) / sizeof(*runtime_fields); i++)
		if (name_field(layout, &runtime_fields[i], offset, ret))
			return;
}

static bool find_in_runtime(const struct objects *objects, target_addr address, struct place *ret)
{
	const struct python *python = objects->python;
	const struct layout *layout = objects->layout;
	const uint32_t *structs = layout->structs;

	for (size_t i = 0; i < python->thread_count; i++) {
		if (!is_inside(address, python->threads[i].tstate, structs[STRUCT_PyThreadState]))
			continue;
		ret->kind = PLACE_THREAD;
		ret->index = i;
		ret->offset = address - python->threads[i].tstate;
		return true;
	}
	for (size_t i = 0; i < python->interpreter_count; i++) {
		if (!is_inside(address, python->interpreters[i].address, structs[STRUCT_PyInterpreterState]))
			continue;
		ret->kind = PLACE_INTERPRETER;
		ret->index = i;
		ret->offset = address - python->interpreters[i].address;
		for (size_t j = 0; j < sizeof(interpreter_fields) / sizeof(*interpreter_fields); j++)
			if (name_field(layout, &interpreter_fields[j], ret->offset, ret))
				break;
		return true;
	}
	if (!is_inside(address, python->runtime, structs[STRUCT__PyRuntimeState]))
		return false;
	ret->kind = PLACE_RUNTIME;
	ret->offset = address - python->runtime;
	name_static(layout, ret->offset, ret);
	return true;
}

/* ---- Stacks ---- */

/* push_chunk() of Python/pystate.c: 3.11 and later. */
static bool find_in_chunks(struct objects *objects, target_addr address, struct place *ret)
{
	const struct python *python = objects->python;
	const struct layout *layout = objects->layout;
	uint64_t chunk, size;

	if (!layout_has(layout, FIELD_PyThreadState_datastack_chunk) || !layout->structs[STRUCT__PyStackChunk])
		return false;
	for (size_t i = 0; i < python->thread_count; i++) {
		if (field_read(objects, python->threads[i].tstate, FIELD_PyThreadState_datastack_chunk, &chunk) !=
		    CPEEK_OK)
			continue;
		for (int j = 0; chunk && j < CHUNKS_MAX; j++) {
			if (field_read(objects, chunk, FIELD__PyStackChunk_size, &size) != CPEEK_OK)
				break;
			if (is_inside(address, chunk, size)) {
				ret->kind = PLACE_CHUNK;
				ret->index = i;
				ret->start = chunk;
				ret->size = size;
				ret->offset = address - chunk;
				return true;
			}
			if (field_read(objects, chunk, FIELD__PyStackChunk_previous, &chunk) != CPEEK_OK)
				break;
		}
	}
	return false;
}

static bool find_on_stack(const struct objects *objects, target_addr address, struct place *ret)
{
	const struct target *target = objects->target;

	for (size_t i = 0; ret->mapping && i < target->thread_count; i++) {
		const target_addr top = target->threads[i].stack_pointer;
		if (!top || !is_inside(top, ret->mapping->start, ret->mapping->end - ret->mapping->start))
			continue;
		/* A thread's stack and other memory may have been mapped side by side. */
		if (address < top && target->thread_count > 1)
			continue;
		ret->kind = PLACE_STACK;
		ret->index = target->threads[i].native_id;
		ret->start = top;
		ret->below = address < top;
		ret->offset = ret->below ? top - address : address - top;
		return true;
	}
	return false;
}

/* ---- Modules ---- */

static void name_section(struct target *target, const struct target_module *module, target_addr address,
			 struct place *ret)
{
	static const char *const sections[] = {".PyRuntime", ".data", ".bss", ".data.rel.ro",
					       ".rodata",    ".tbss", ".got", ".text"};
	target_addr start;
	uint64_t size;

	for (size_t i = 0; i < sizeof(sections) / sizeof(*sections); i++)
		if (target_find_section(target, module, sections[i], &start, &size) == CPEEK_OK &&
		    is_inside(address, start, size)) {
			(void)snprintf(ret->name, sizeof(ret->name), "section %s", sections[i]);
			ret->start = start;
			ret->offset = address - start;
			return;
		}
}

static enum cpeek_status find_in_module(struct objects *objects, target_addr address, struct place *ret)
{
	struct target *target = objects->target;
	const char *symbol;
	uint64_t offset;

	ret->kind = PLACE_STATIC;
	enum cpeek_status status = target_find_function(target, address, &symbol, &offset);
	if (status == CPEEK_NO_MEMORY)
		return status;
	if (status == CPEEK_OK) {
		(void)snprintf(ret->name, sizeof(ret->name), "%s", symbol);
		ret->start = address - offset;
		ret->offset = offset;
		ret->evidence = "a symbol of the file";
		return CPEEK_OK;
	}
	ret->start = ret->module->start;
	ret->offset = address - (ret->module->has_bias ? ret->module->bias : ret->module->start);
	name_section(target, ret->module, address, ret);
	ret->evidence = "the mapping of the file; it has no symbol for this address";
	return CPEEK_OK;
}

/* ---- malloc ---- */

/* Whether a chunk of glibc's malloc begins at `chunk`: its size is in its second word, and the chunk behind it says that
 * this one is in use. */
static bool is_chunk(struct target *target, const struct target_mapping *mapping, target_addr chunk, uint64_t *ret,
		     bool *ret_mapped)
{
	const unsigned word = target->pointer_size, alignment = CHUNK_ALIGNMENT_WORDS * word;
	target_addr size, next;

	if (chunk < mapping->start || !probe_pointer(target, chunk + word, &size))
		return false;
	const uint64_t bytes = size & ~(uint64_t)CHUNK_FLAGS;
	if (bytes < 2 * alignment || bytes > mapping->end - chunk)
		return false;
	if (size & IS_MMAPPED) {
		*ret = bytes;
		*ret_mapped = true;
		return bytes % 4096 == 0 && chunk % 4096 == 0 && !(size & PREV_INUSE);
	}
	if (bytes % alignment || !probe_pointer(target, chunk + bytes + word, &next))
		return false;
	const uint64_t next_bytes = next & ~(uint64_t)CHUNK_FLAGS;
	*ret = bytes;
	*ret_mapped = false;
	return next & PREV_INUSE && !(next & IS_MMAPPED) && next_bytes >= alignment &&
	       next_bytes <= mapping->end - chunk - bytes && next_bytes % alignment == 0;
}

static bool find_chunk(const struct objects *objects, target_addr address, struct place *ret)
{
	struct target *target = objects->target;
	const unsigned alignment = CHUNK_ALIGNMENT_WORDS * target->pointer_size;
	const target_addr aligned = address & ~(target_addr)(alignment - 1);

	if (!ret->mapping || !ret->mapping->writable)
		return false;
	for (unsigned i = 0; i < CHUNK_STEPS; i++) {
		const target_addr chunk = aligned - (i + 1) * alignment;
		if (chunk > aligned || !is_chunk(target, ret->mapping, chunk, &ret->size, &ret->mapped_alone))
			continue;
		ret->kind = PLACE_MALLOC;
		ret->start = chunk + alignment;
		ret->offset = address - ret->start;
		ret->evidence = ret->mapped_alone ? "the word before it, which is malloc's for a mapping of its own"
						  : "the words before and behind it, which are malloc's";
		return true;
	}
	return false;
}

/* ---- All of it ---- */

static enum cpeek_status find_block(struct objects *objects, target_addr address, struct place *ret)
{
	enum cpeek_status status = pymalloc_find(objects, address, &ret->pool, &ret->evidence);

	if (status == CPEEK_OK) {
		ret->kind = PLACE_POOL;
		if (ret->pool.block)
			pymalloc_find_debug(objects, ret->pool.block, ret->pool.block_size, &ret->debug);
	}
	if (status != CPEEK_NOT_FOUND)
		return status;
	status = mimalloc_find(objects, address, &ret->mimalloc);
	if (status == CPEEK_OK) {
		ret->kind = PLACE_MIMALLOC;
		ret->evidence = "mimalloc's segment and page";
		pymalloc_find_debug(objects, ret->mimalloc.block, ret->mimalloc.block_size, &ret->debug);
	}
	return status;
}

static enum cpeek_status find_anywhere(struct objects *objects, target_addr address, struct place *ret)
{
	if (find_in_runtime(objects, address, ret) || find_in_chunks(objects, address, ret))
		return CPEEK_OK;
	if (ret->module && ret->mapping && ret->mapping->module != UINT32_MAX)
		return find_in_module(objects, address, ret);
	enum cpeek_status status = find_block(objects, address, ret);
	if (status != CPEEK_NOT_FOUND)
		return status;
	if (ret->module) /* .bss */
		return find_in_module(objects, address, ret);
	if (find_on_stack(objects, address, ret))
		return CPEEK_OK;
	if (find_chunk(objects, address, ret)) {
		/* A chunk in use has the next one's first word. */
		pymalloc_find_debug(objects, ret->start, ret->size - objects->target->pointer_size, &ret->debug);
		return CPEEK_OK;
	}
	ret->kind = ret->mapping ? PLACE_MAPPING : PLACE_UNKNOWN;
	return ret->mapping ? CPEEK_OK : CPEEK_NOT_FOUND;
}

enum cpeek_status place_find(struct objects *objects, target_addr address, struct place *ret)
{
	struct target *target = objects->target;
	struct place place = {.mapping = target_find_mapping(target, address),
			      .module = target_find_module(target, address)};

	TRY(find_anywhere(objects, address, &place));
	place.on_freelist = freelist_find(objects, address, &place.freelist) == CPEEK_OK;
	*ret = place;
	return CPEEK_OK;
}

/* ---- In words ---- */

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static void put_pool(const struct place_pool *pool, struct strbuf *out)
{
	if (pool->unused) {
		strbuf_puts(out, "an unused pool of an arena of pymalloc");
		return;
	}
	if (pool->damaged) {
		strbuf_puts(out, "a pool of pymalloc whose header contradicts itself");
		return;
	}
	if (!pool->block) {
		strbuf_printf(out,
			      "the header or the end of a pool of pymalloc, size class %" PRIu32 " (%" PRIu64
			      " bytes a block)",
			      pool->size_class, pool->block_size);
		return;
	}
	strbuf_printf(out,
		      "pymalloc: block %" PRIu64 " of %" PRIu64 " in a pool of size class %" PRIu32 " (%" PRIu64
		      " bytes), %s",
		      pool->index, pool->capacity, pool->size_class, pool->block_size,
		      pool->free ? "free" : "allocated");
}

static void put_mimalloc(const struct objects *objects, const struct mimalloc_block *block, struct strbuf *out)
{
	static const char *const heaps[] = {"raw memory", "objects", "objects of the collector",
					    "objects of the collector with words before them"};
	const struct python *python = objects->python;
	uint64_t native_id = 0;

	for (size_t i = 0; i < python->thread_count; i++)
		if (python->threads[i].thread_id == block->thread)
			native_id = python->threads[i].native_id;
	strbuf_printf(out, "mimalloc: block %" PRIu64 " of %" PRIu64 " in a page of %" PRIu64 " bytes a block, %s",
		      block->index, block->capacity, block->block_size, block->free ? "free" : "allocated");
	if (block->tag < sizeof(heaps) / sizeof(*heaps))
		strbuf_printf(out, "; heap of %s", heaps[block->tag]);
	if (native_id)
		strbuf_printf(out, " of thread %" PRIu64, native_id);
	else if (!block->thread)
		strbuf_puts(out, ", left behind by a thread that has ended");
}

static void put_named(const struct place *place, const char *structure, struct strbuf *out)
{
	if (place->name[0])
		strbuf_printf(out, "%s in %s, static", place->name, structure);
	else
		strbuf_printf(out, "%s+0x%" PRIx64, structure, place->offset);
}

static void put_static(const struct place *place, struct strbuf *out)
{
	if (place->name[0])
		strbuf_printf(out, "static data of %s: %s+0x%" PRIx64, base_name(place->module->path), place->name,
			      place->offset);
	else
		strbuf_printf(out, "static data of %s+0x%" PRIx64, base_name(place->module->path), place->offset);
}

void place_put(const struct objects *objects, const struct place *place, struct strbuf *out)
{
	const struct python *python = objects->python;

	switch (place->kind) {
	case PLACE_UNKNOWN:
		strbuf_puts(out, "not known: nothing is mapped there");
		break;
	case PLACE_POOL:
		put_pool(&place->pool, out);
		break;
	case PLACE_MIMALLOC:
		put_mimalloc(objects, &place->mimalloc, out);
		break;
	case PLACE_RUNTIME:
		put_named(place, "_PyRuntime", out);
		break;
	case PLACE_INTERPRETER:
		put_named(place, "the interpreter's state", out);
		break;
	case PLACE_THREAD:
		strbuf_printf(out, "the state of thread %" PRIu64 "+0x%" PRIx64,
			      python->threads[place->index].native_id, place->offset);
		break;
	case PLACE_CHUNK:
		strbuf_printf(out, "the data stack of thread %" PRIu64 ", where frames of Python code are",
			      python->threads[place->index].native_id);
		break;
	case PLACE_STACK:
		strbuf_printf(out, "the C stack of thread %" PRIu64 ", 0x%" PRIx64 " %s its top", place->index,
			      place->offset, place->below ? "beyond" : "from");
		break;
	case PLACE_STATIC:
		put_static(place, out);
		break;
	case PLACE_MALLOC:
		strbuf_printf(out, "malloc: a chunk of %" PRIu64 " bytes%s", place->size,
			      place->mapped_alone ? " with a mapping of its own" : "");
		break;
	case PLACE_MAPPING:
		strbuf_puts(out, "anonymous memory; whose it is, is not known");
		break;
	}
}
