/*
 * The memory of bytes and bytearray explained: the hash that is kept, the bytes and the NUL behind them, and of a
 * bytearray the block that it has, how much of that is in use, and what it will be at the next append.
 */
#include "object/bytes.h"
#include "object/dissect.h"
#include "object/growth.h"

#include <inttypes.h>

enum {
	LINE = 8, /* bytes of one row */
	GROWTHS = 4,
};

/* Rows of LINE bytes each, of the open block: count bytes, the first of them `first` bytes behind its address. */
static enum cpeek_status explain_bytes(struct dissection *dissection, const char *name, target_addr base,
				       int64_t first, uint64_t count)
{
	uint64_t i = 0;

	for (; i < count && !dissect_is_full(dissection); i += LINE) {
		const uint64_t length = count - i < LINE ? count - i : LINE;
		struct strbuf out = {0};
		enum cpeek_status status = bytes_put_slice(dissection->objects, base + (uint64_t)first + i,
							   (int64_t)length, UINT64_MAX, &out);
		struct dissect_row *row =
			dissect_row(dissection, first + (int64_t)i, length, "%s[%" PRIu64 "]", name, i);
		if (status == CPEEK_OK)
			row->value = (struct dissect_value){.kind = DISSECT_TEXT};
		row->value.text = dissect_keep(dissection, &out);
		if (status != CPEEK_OK) {
			dissect_mean(dissection, row, "unreadable, as what follows may be");
			return status;
		}
	}
	if (i < count)
		dissect_cut(dissection, count - i, "bytes");
	return CPEEK_OK;
}

static void check_nul(struct dissection *dissection, target_addr address, const char *what)
{
	uint8_t nul;

	if (target_read_u8(dissection->objects->target, address, &nul) == CPEEK_OK && nul)
		dissect_problem(dissection, "behind %s there is no NUL, but 0x%02x", what, nul);
}

/* ---- bytes ---- */

/* _PyRuntime has the empty one and those of one byte: 3.11 Include/internal/pycore_global_objects.h; before they are
 * made at first use. */
static void add_single(struct dissection *dissection, const struct object *object)
{
	const struct layout *layout = object->objects->layout;
	const struct layout_place one = layout->fields[FIELD__PyRuntimeState_static_bytes_characters];
	const uint64_t offset = object->address - object->objects->python->runtime;

	if (!one.offset_plus_1 || object->ob_size > 1)
		return;
	const bool single = object->ob_size == 0
				    ? offset == layout_offset(layout, FIELD__PyRuntimeState_static_bytes_empty)
				    : offset >= one.offset_plus_1 - 1 && offset < one.offset_plus_1 - 1 + one.size;
	dissect_fact_bool(dissection, "singleton", single,
			  "the empty bytes and those of one byte exist once, in _PyRuntime");
}

enum cpeek_status bytes_dissect(const struct object *object, struct dissection *dissection)
{
	const struct layout *layout = object->objects->layout;
	const int64_t first = layout_offset(layout, FIELD_PyBytesObject_ob_sval);
	const uint64_t count = (uint64_t)object->ob_size;
	struct table table;
	int64_t hash;

	dissect_name_block(dissection, STRUCT_PyBytesObject);
	dissect_field(dissection, DISSECT_NUMBER, FIELD_PyVarObject_ob_size, "bytes");
	TRY(target_read_ssize(object->objects->target,
			      object->address + layout_offset(layout, FIELD_PyBytesObject_ob_shash), &hash));
	dissect_field(dissection, DISSECT_NUMBER, FIELD_PyBytesObject_ob_shash, "%s",
		      hash == -1 ? "not asked for yet" : "its hash, kept since it was first asked for");
	if (table_open(object->objects, object->address + (uint64_t)first, object->ob_size, 1, &table) != CPEEK_OK) {
		dissect_problem(dissection, "ob_size %" PRId64 ": there is no memory for so many bytes",
				object->ob_size);
		return CPEEK_OK;
	}
	TRY(dissect_tolerate(dissection, explain_bytes(dissection, "ob_sval", object->address, first, count),
			     "the bytes"));
	if (!dissect_is_full(dissection)) {
		struct dissect_row *row =
			dissect_row(dissection, first + (int64_t)count, 1, "ob_sval[%" PRIu64 "]", count);
		dissect_mean(dissection, row, "the NUL behind the last byte, for C code");
	}
	check_nul(dissection, object->address + (uint64_t)first + count, "the last byte");
	dissect_fact_number(dissection, "length", object->ob_size, "bytes, and one NUL");
	add_single(dissection, object);
	return CPEEK_OK;
}

/* ---- bytearray ---- */

static void add_growth(struct dissection *dissection, const struct object *object, uint64_t start)
{
	const struct layout *layout = object->objects->layout;
	uint64_t size = (uint64_t)object->ob_size, alloc = object_get(object, FIELD_PyByteArrayObject_ob_alloc);

	dissect_open_table(dissection, "What the next appends allocate");
	for (int i = 0; i < GROWTHS; i++) {
		/* The next one, unless the block has room: then the first that has none, with its NUL or without. */
		const uint64_t room = alloc > start ? alloc - start : 0;
		const uint64_t candidates[] = {size + 1, room, room + 1};
		uint64_t next = size, grown = alloc;
		for (size_t j = 0; j < sizeof(candidates) / sizeof(*candidates) && grown == alloc; j++) {
			next = candidates[j];
			grown = next > size ? growth_bytearray(layout, next, start, alloc) : alloc;
		}
		if (grown == alloc || grown < next)
			break;
		dissect_cell(dissection, "length", DISSECT_UNSIGNED, next);
		dissect_cell(dissection, "ob_alloc before", DISSECT_UNSIGNED, alloc);
		dissect_cell(dissection, "ob_alloc then", DISSECT_UNSIGNED, grown);
		dissect_end_row(dissection);
		size = next;
		alloc = grown;
		start = 0;
	}
}

static enum cpeek_status explain_block(struct dissection *dissection, const struct object *object, target_addr bytes,
				       uint64_t alloc, target_addr start)
{
	const uint64_t used = (uint64_t)object->ob_size, before = start - bytes;
	struct table table;

	if (start < bytes || before > alloc || used > alloc - before) {
		dissect_problem(dissection,
				"ob_start 0x%" PRIx64 " and ob_size %" PRId64 " are not within the %" PRIu64
				" bytes from ob_bytes 0x%" PRIx64 " on",
				start, object->ob_size, alloc, bytes);
		return CPEEK_OK;
	}
	if (table_open(object->objects, bytes, (int64_t)alloc, 1, &table) != CPEEK_OK) {
		dissect_problem(dissection, "ob_alloc %" PRIu64 ": there is no memory for so many bytes at 0x%" PRIx64,
				alloc, bytes);
		return CPEEK_OK;
	}
	dissect_open_block(dissection, "ob_bytes: the block of bytes", LAYOUT_STRUCT_COUNT, bytes, alloc);
	struct dissect_row *row;
	if (before) {
		row = dissect_row(dissection, 0, before, "before ob_start");
		dissect_mean(dissection, row, "bytes that were deleted from the front: room that is not used");
	}
	TRY(dissect_tolerate(dissection, explain_bytes(dissection, "ob_start", bytes, (int64_t)before, used),
			     "the bytes"));
	if (alloc > before + used && !dissect_is_full(dissection)) {
		row = dissect_row(dissection, (int64_t)(before + used), alloc - before - used, "ob_start[%" PRIu64 "]",
				  used);
		dissect_mean(dissection, row, "a NUL, and room for %" PRIu64 " more bytes",
			     alloc - before - used ? alloc - before - used - 1 : 0);
	}
	check_nul(dissection, start + used, "the last byte");
	return CPEEK_OK;
}

enum cpeek_status bytearray_dissect(const struct object *object, struct dissection *dissection)
{
	const target_addr bytes = object_get(object, FIELD_PyByteArrayObject_ob_bytes);
	const target_addr start = object_get(object, FIELD_PyByteArrayObject_ob_start);
	const uint64_t alloc = object_get(object, FIELD_PyByteArrayObject_ob_alloc);
	const int64_t exports = object_get_signed(object, FIELD_PyByteArrayObject_ob_exports);

	dissect_resize(dissection, (uint64_t)object->type->basicsize);
	dissect_field(dissection, DISSECT_NUMBER, FIELD_PyVarObject_ob_size, "bytes in use");
	dissect_field(dissection, DISSECT_NUMBER, FIELD_PyByteArrayObject_ob_alloc, "bytes of the block");
	dissect_field(dissection, DISSECT_POINTER, FIELD_PyByteArrayObject_ob_bytes, "the block");
	dissect_field(dissection, DISSECT_POINTER, FIELD_PyByteArrayObject_ob_start,
		      "the first byte in use, %" PRIu64 " into the block", start - bytes);
	dissect_field(dissection, DISSECT_NUMBER, FIELD_PyByteArrayObject_ob_exports, "%s",
		      exports ? "buffers that look at the bytes: it cannot be resized as long as there are any"
			      : "buffers that look at the bytes");
	dissect_field(dissection, DISSECT_OBJECT, FIELD_PyByteArrayObject_ob_bytes_object,
		      "the bytes object whose memory the block is");
	if (object->ob_size < 0) {
		dissect_problem(dissection, "ob_size %" PRId64 " is below 0", object->ob_size);
		return CPEEK_OK;
	}
	if (!bytes && !alloc && !object->ob_size) {
		dissect_note(dissection, "An empty bytearray has no block.");
		return CPEEK_OK;
	}
	TRY(explain_block(dissection, object, bytes, alloc, start));
	dissect_fact_number(dissection, "used", object->ob_size, "of %" PRIu64 " bytes allocated", alloc);
	dissect_fact_number(dissection, "exports", exports, NULL);
	if (!dissection->partial)
		add_growth(dissection, object, start - bytes);
	return CPEEK_OK;
}
