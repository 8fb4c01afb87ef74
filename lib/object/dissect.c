/*
 * Builds a dissection: the part of it that is the same for every object (what stands before it, its head, the
 * members of C types and __slots__, fields that nobody explained), and the calls by which decoders add the rest.
 */
#include "object/dissect.h"
#include "object/gc_dissect.h"
#include "object/head.h"
#include "object/instance_dissect.h"
#include "object/member_dissect.h"
#include "object/render.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	TEXT_MAX = 4096,
	ROWS_MAX = 1 << 20, /* of a block or table where no limit was asked for */
	BASES_MAX = 64,     /* of an object's type, whose members are looked at */
	BRIEF_TOTAL = 60,   /* bytes of an object's repr in a meaning */
};

static const char *keep(struct dissection *dissection, const char *format, va_list args)
{
	char text[TEXT_MAX];

	if (!format)
		return NULL;
	if (vsnprintf(text, sizeof(text), format, args) < 0)
		return "";
	const char *copy = arena_copy(&dissection->arena, text, strlen(text) + 1);
	dissection->no_memory |= !copy;
	return copy ? copy : "";
}

/* The caller's own format and arguments as kept text. */
#define KEEP(dissection, format)                                                                                      \
	({                                                                                                            \
		va_list keep_args;                                                                                    \
		va_start(keep_args, format);                                                                          \
		const char *keep_text = keep((dissection), (format), keep_args);                                      \
		va_end(keep_args);                                                                                    \
		keep_text;                                                                                            \
	})

const char *dissect_text(struct dissection *dissection, const char *format, ...)
{
	return KEEP(dissection, format);
}

const char *dissect_keep(struct dissection *dissection, struct strbuf *out)
{
	const char *copy = strbuf_failed(out) ? NULL : arena_copy(&dissection->arena, strbuf_text(out), out->length);

	dissection->no_memory |= !copy;
	strbuf_deinit(out);
	return copy ? copy : "";
}

const char *dissect_flags(struct dissection *dissection, uint64_t value, const struct dissect_flag *flags,
			  size_t count)
{
	struct strbuf text = {0};

	for (size_t i = 0; i < count; i++) {
		if (!(value & flags[i].bit))
			continue;
		strbuf_printf(&text, "%s%s", text.length ? " | " : "", flags[i].name);
		value &= ~flags[i].bit;
	}
	if (value || !text.length)
		strbuf_printf(&text, "%s0x%" PRIx64, text.length ? " | " : "", value);
	const char *kept = dissect_text(dissection, "%s", strbuf_text(&text));
	dissection->no_memory |= strbuf_failed(&text);
	strbuf_deinit(&text);
	return kept;
}

const char *dissect_brief(struct dissection *dissection, target_addr address)
{
	const struct limits limits = {.elements = 4, .string = 40, .depth = 2, .total = BRIEF_TOTAL};
	struct rendering rendering;
	struct strbuf text = {0};

	if (!address)
		return "NULL";
	if (render_repr(dissection->objects, address, &limits, false, &text, &rendering) == CPEEK_NO_MEMORY)
		dissection->no_memory = true;
	const char *kept = dissect_text(dissection, "%s", strbuf_text(&text));
	strbuf_deinit(&text);
	return kept;
}

const char *dissect_function(struct dissection *dissection, target_addr address)
{
	struct target *target = dissection->objects->target;
	const char *name;
	uint64_t offset;

	if (!address)
		return "NULL";
	enum cpeek_status status = target_find_function(target, address, &name, &offset);
	dissection->no_memory |= status == CPEEK_NO_MEMORY;
	if (status == CPEEK_OK && offset)
		return dissect_text(dissection, "%s+0x%" PRIx64, name, offset);
	if (status == CPEEK_OK)
		return dissect_text(dissection, "%s", name);
	const struct target_module *module = target_find_module(target, address);
	if (!module)
		return dissect_text(dissection, "0x%" PRIx64, address);
	const char *slash = strrchr(module->path, '/');
	return dissect_text(dissection, "%s+0x%" PRIx64, slash ? slash + 1 : module->path,
			    address - (module->has_bias ? module->bias : module->start));
}

static struct dissect_part *add_part(struct dissection *dissection, enum dissect_part_kind kind, const char *title)
{
	struct dissect_part *part = VECTOR_PUSH(&dissection->parts);

	if (!part) {
		dissection->no_memory = true;
		return NULL;
	}
	*part = (struct dissect_part){.kind = kind, .title = title};
	return part;
}

static struct dissect_part *last_part(const struct dissection *dissection)
{
	return dissection->parts.count ? &dissection->parts.items[dissection->parts.count - 1] : NULL;
}

static struct dissect_part *open_block(const struct dissection *dissection)
{
	return dissection->block ? &dissection->parts.items[dissection->block - 1] : NULL;
}

/* ---- Blocks ---- */

void dissect_open_block(struct dissection *dissection, const char *title, enum layout_struct structure,
			target_addr address, uint64_t size)
{
	struct dissect_part *part = add_part(dissection, DISSECT_BLOCK, dissect_text(dissection, "%s", title));

	if (!part)
		return;
	part->address = address;
	part->size = size;
	if (structure < LAYOUT_STRUCT_COUNT) {
		part->structure = layout_struct_name(structure);
		part->header = layout_header(dissection->objects->layout, structure);
	}
	dissection->block = dissection->parts.count;
}

void dissect_name_block(struct dissection *dissection, enum layout_struct structure)
{
	struct dissect_part *block = open_block(dissection);

	if (!block)
		return;
	block->structure = layout_struct_name(structure);
	block->header = layout_header(dissection->objects->layout, structure);
}

void dissect_resize(struct dissection *dissection, uint64_t size)
{
	if (dissection->block)
		open_block(dissection)->size = size;
}

static struct dissect_row *add_row(struct dissection *dissection, int64_t offset, uint64_t size, const char *name)
{
	struct dissect_part *block = open_block(dissection);
	struct dissect_row *row = block ? VECTOR_PUSH(&block->rows) : NULL;

	if (!row) {
		dissection->no_memory = true;
		row = &dissection->lost;
	}
	*row = (struct dissect_row){
		.offset = offset, .size = size, .name = name, .order = block ? block->rows.count : 0};
	return row;
}

struct dissect_row *dissect_row(struct dissection *dissection, int64_t offset, uint64_t size, const char *name, ...)
{
	return add_row(dissection, offset, size, KEEP(dissection, name));
}

void dissect_mean(struct dissection *dissection, struct dissect_row *row, const char *meaning, ...)
{
	row->meaning = KEEP(dissection, meaning);
}

static void mark_unreadable(struct dissection *dissection, struct dissect_row *row)
{
	row->value = (struct dissect_value){.kind = DISSECT_NONE};
	row->meaning = "unreadable";
	dissection->partial = true;
}

struct dissect_row *dissect_word(struct dissection *dissection, enum dissect_kind kind, int64_t offset,
				 const char *name, ...)
{
	struct target *target = dissection->objects->target;
	const struct dissect_part *block = open_block(dissection);
	struct dissect_row *row = add_row(dissection, offset, target->pointer_size, KEEP(dissection, name));
	const target_addr address = (block ? block->address : 0) + (uint64_t)offset;
	enum cpeek_status status;

	row->value.kind = kind;
	if (kind == DISSECT_NUMBER) {
		int64_t number = 0;
		status = target_read_ssize(target, address, &number);
		row->value.number = (uint64_t)number;
	} else {
		status = target_read_pointer(target, address, &row->value.number);
	}
	if (status != CPEEK_OK)
		mark_unreadable(dissection, row);
	return row;
}

/* The field's name without the structure's. */
static const char *short_name(enum layout_field field)
{
	return strchr(layout_field_name(field), '.') + 1;
}

static struct dissect_row *add_field(struct dissection *dissection, enum dissect_kind kind, enum layout_field field)
{
	const struct objects *objects = dissection->objects;
	const struct layout_place place = objects->layout->fields[field];
	const int64_t offset = (int64_t)place.offset_plus_1 - 1;
	const struct dissect_part *block = open_block(dissection);
	struct dissect_row *row = add_row(dissection, offset, place.size, short_name(field));

	if (place.size == 0 || place.size > 8) { /* an array: its items are rows of their own */
		row->value.kind = DISSECT_NONE;
		return row;
	}
	row->value.kind = kind;
	if (field_read(objects, block ? block->address : 0, field, &row->value.number) != CPEEK_OK) {
		mark_unreadable(dissection, row);
	} else if (kind == DISSECT_NUMBER && !place.width) {
		const unsigned unused = 64 - 8u * place.size;
		row->value.number = (uint64_t)((int64_t)(row->value.number << unused) >> unused);
	}
	return row;
}

void dissect_field(struct dissection *dissection, enum dissect_kind kind, enum layout_field field, const char *meaning,
		   ...)
{
	if (!layout_has(dissection->objects->layout, field))
		return;
	struct dissect_row *row = add_field(dissection, kind, field);
	const char *text = KEEP(dissection, meaning);
	if (!row->meaning)
		row->meaning = text;
}

/* ---- Facts and tables ---- */

static struct dissect_cell *add_cell(struct dissection *dissection, const char *column, enum dissect_kind kind)
{
	struct dissect_part *part = last_part(dissection);
	struct dissect_cell *cell = part ? VECTOR_PUSH(&part->cells) : NULL;

	if (!cell) {
		dissection->no_memory = true;
		return NULL;
	}
	*cell = (struct dissect_cell){.column = column, .value.kind = kind};
	return cell;
}

void dissect_end_row(struct dissection *dissection)
{
	struct dissect_part *part = last_part(dissection);
	size_t *end = part ? VECTOR_PUSH(&part->ends) : NULL;

	if (end)
		*end = part->cells.count;
	else
		dissection->no_memory = true;
}

/* A fact is a row of the last part: of a new one, if that is none of facts. */
static void add_fact(struct dissection *dissection, const char *name, struct dissect_value value, const char *meaning)
{
	const struct dissect_part *last = last_part(dissection);

	if (!last || last->kind != DISSECT_FACTS)
		if (!add_part(dissection, DISSECT_FACTS, NULL))
			return;
	struct dissect_cell *cell = add_cell(dissection, name, value.kind);
	if (cell)
		cell->value = value;
	cell = meaning ? add_cell(dissection, "meaning", DISSECT_TEXT) : NULL;
	if (cell)
		cell->value.text = meaning;
	dissect_end_row(dissection);
}

void dissect_fact_number(struct dissection *dissection, const char *name, int64_t value, const char *meaning, ...)
{
	add_fact(dissection, name, (struct dissect_value){.kind = DISSECT_NUMBER, .number = (uint64_t)value},
		 KEEP(dissection, meaning));
}

void dissect_fact_bool(struct dissection *dissection, const char *name, bool value, const char *meaning, ...)
{
	add_fact(dissection, name, (struct dissect_value){.kind = DISSECT_BOOL, .number = value},
		 KEEP(dissection, meaning));
}

void dissect_fact_text(struct dissection *dissection, const char *name, const char *value, ...)
{
	add_fact(dissection, name, (struct dissect_value){.kind = DISSECT_TEXT, .text = KEEP(dissection, value)},
		 NULL);
}

void dissect_fact_buffer(struct dissection *dissection, const char *name, struct strbuf *out, const char *meaning, ...)
{
	const char *kept = KEEP(dissection, meaning);

	add_fact(dissection, name, (struct dissect_value){.kind = DISSECT_TEXT, .text = dissect_keep(dissection, out)},
		 kept);
}

void dissect_fact_object(struct dissection *dissection, const char *name, target_addr value)
{
	add_fact(dissection, name, (struct dissect_value){.kind = DISSECT_OBJECT, .number = value}, NULL);
}

void dissect_open_facts(struct dissection *dissection)
{
	(void)add_part(dissection, DISSECT_FACTS, NULL);
}

void dissect_lift(struct dissection *dissection)
{
	struct dissect_part *parts = dissection->parts.items;
	const size_t count = dissection->parts.count;

	if (count < 3)
		return;
	const struct dissect_part last = parts[count - 1];
	memmove(parts + 2, parts + 1, (count - 2) * sizeof(*parts));
	parts[1] = last;
	dissection->block = 0;
}

void dissect_open_table(struct dissection *dissection, const char *title)
{
	(void)add_part(dissection, DISSECT_TABLE, dissect_text(dissection, "%s", title));
}

void dissect_cell(struct dissection *dissection, const char *column, enum dissect_kind kind, uint64_t number)
{
	struct dissect_cell *cell = add_cell(dissection, column, kind);

	if (cell)
		cell->value.number = number;
}

void dissect_cell_text(struct dissection *dissection, const char *column, const char *format, ...)
{
	struct dissect_cell *cell = add_cell(dissection, column, DISSECT_TEXT);
	const char *text = KEEP(dissection, format);

	if (cell)
		cell->value.text = text;
}

bool dissect_is_full(const struct dissection *dissection)
{
	const struct dissect_part *part = last_part(dissection);
	const uint64_t limit = dissection->limits->elements ? dissection->limits->elements : ROWS_MAX;

	return part && (part->kind == DISSECT_BLOCK ? part->rows.count : part->ends.count) >= limit;
}

void dissect_cut(struct dissection *dissection, uint64_t count, const char *what)
{
	struct dissect_part *part = last_part(dissection);

	if (part) {
		part->cut = count;
		part->cut_what = what;
	}
}

/* ---- Notes and problems ---- */

void dissect_note(struct dissection *dissection, const char *format, ...)
{
	(void)add_part(dissection, DISSECT_NOTE, KEEP(dissection, format));
}

void dissect_problem(struct dissection *dissection, const char *format, ...)
{
	(void)add_part(dissection, DISSECT_PROBLEM, KEEP(dissection, format));
	dissection->partial = true;
}

void dissect_gather(struct dissect_problems *problems, const char *format, ...)
{
	if (problems->count++ < DISSECT_TOLD)
		problems->told[problems->count - 1] = KEEP(problems->dissection, format);
}

uint64_t dissect_probe_budget(uint64_t slots)
{
	enum { PROBES_A_SLOT = 16, PROBES_OF_ANY = 1 << 16 };

	return PROBES_OF_ANY + PROBES_A_SLOT * slots;
}

void dissect_probes_spent(struct dissect_problems *problems)
{
	dissect_gather(problems, "the searches for the keys take so many probes that not all of them were followed");
}

void dissect_tell(const struct dissect_problems *problems)
{
	for (unsigned i = 0; i < problems->count && i < DISSECT_TOLD; i++)
		dissect_problem(problems->dissection, "%s", problems->told[i]);
	if (problems->count > DISSECT_TOLD)
		dissect_problem(problems->dissection, "… and %u more problems of this table",
				problems->count - DISSECT_TOLD);
}

enum cpeek_status dissect_tolerate(struct dissection *dissection, enum cpeek_status status, const char *what)
{
	if (status == CPEEK_OK || status_is_fatal(status))
		return status;
	if (status == CPEEK_FAULT)
		dissect_problem(dissection, "%s: 0x%" PRIx64 " is unreadable (%s)", what,
				dissection->objects->target->fault_address,
				target_hole_text(dissection->objects->target->fault_hole));
	else
		dissect_problem(dissection, "%s: %s", what, cpeek_status_text((int32_t)status));
	return CPEEK_OK;
}

/* ---- Every object ---- */

static void dissect_head(struct dissection *dissection, const struct object *object)
{
	gc_dissect(dissection, object);
	head_dissect(dissection, object);
}

static bool is_explained(const struct dissect_part *block, int64_t offset, uint64_t size)
{
	for (size_t i = 0; i < block->rows.count; i++) {
		const struct dissect_row *row = &block->rows.items[i];
		if (row->offset < offset + (int64_t)size && offset < row->offset + (int64_t)row->size)
			return true;
	}
	return false;
}

/* Whether a field is among those that tp_traverse visits. */
static bool holds_object(const struct object_type *decoder, enum layout_field field)
{
	for (size_t i = 0; i < decoder->field_count; i++)
		if (decoder->fields[i] == field)
			return true;
	return false;
}

/* The fields of the decoder's structure, and members of C types and __slots__, that no row covers yet. They go to the
 * object's own block, whatever the decoder opened behind it. */
static void dissect_rest(struct dissection *dissection, const struct object *object)
{
	const struct layout *layout = object->objects->layout;
	const struct object_type *decoder = object->type->decoder;

	dissection->block = 1;
	const int64_t ob_size = layout_offset(layout, FIELD_PyVarObject_ob_size);
	if (object->type->itemsize && !is_explained(open_block(dissection), ob_size, layout->pointer_size))
		dissect_field(dissection, DISSECT_NUMBER, FIELD_PyVarObject_ob_size, NULL);
	for (size_t i = 0; decoder && i < LAYOUT_FIELD_COUNT; i++) {
		const struct layout_place place = layout->fields[i];
		if (layout_field_struct((enum layout_field)i) == decoder->structure && place.offset_plus_1 &&
		    place.size && place.offset_plus_1 - 1 + (uint64_t)place.size <= open_block(dissection)->size &&
		    !is_explained(open_block(dissection), (int64_t)place.offset_plus_1 - 1, place.size))
			dissect_field(dissection,
				      holds_object(decoder, (enum layout_field)i) ? DISSECT_OBJECT : DISSECT_UNSIGNED,
				      (enum layout_field)i, NULL);
	}
	const struct type *type = object->type;
	for (int i = 0; type && i < BASES_MAX; i++, type = type->base_type)
		for (size_t j = 0; j < type->member_count; j++)
			if (!is_explained(open_block(dissection), type->members[j].offset, layout->pointer_size))
				(void)dissect_word(dissection, DISSECT_OBJECT, type->members[j].offset, "%s",
						   type->members[j].name);
}

static int compare_rows(const void *left, const void *right)
{
	const struct dissect_row *a = left, *b = right;

	if (a->offset != b->offset)
		return a->offset < b->offset ? -1 : 1;
	return (a->order > b->order) - (a->order < b->order);
}

static void add_gap(struct dissection *dissection, struct dissect_part *block, int64_t offset, int64_t end)
{
	struct dissect_row *row = end > offset ? VECTOR_PUSH(&block->rows) : NULL;

	if (row)
		*row = (struct dissect_row){.offset = offset, .size = (uint64_t)(end - offset), .order = SIZE_MAX};
	dissection->no_memory |= end > offset && !row;
}

/* By offset, each byte of the block in a row but for those that a limit left out. */
static void arrange_rows(struct dissection *dissection, struct dissect_part *block)
{
	const size_t count = block->rows.count;
	int64_t end = 0;

	if (count)
		qsort(block->rows.items, count, sizeof(*block->rows.items), compare_rows);
	if (count && block->rows.items[0].offset < 0)
		end = block->rows.items[0].offset;
	for (size_t i = 0; i < count; i++) {
		const struct dissect_row row = block->rows.items[i];
		if (i > 0) {
			const struct dissect_row *before = &block->rows.items[i - 1];
			block->rows.items[i].repeated = before->offset == row.offset && before->size == row.size;
		}
		add_gap(dissection, block, end, row.offset);
		if (row.offset + (int64_t)row.size > end)
			end = row.offset + (int64_t)row.size;
	}
	if (!block->cut)
		add_gap(dissection, block, end, (int64_t)block->size);
	if (block->rows.count > count)
		qsort(block->rows.items, block->rows.count, sizeof(*block->rows.items), compare_rows);
}

static void arrange_blocks(struct dissection *dissection)
{
	for (size_t i = 0; i < dissection->parts.count; i++)
		if (dissection->parts.items[i].kind == DISSECT_BLOCK)
			arrange_rows(dissection, &dissection->parts.items[i]);
}

/* Bytes of the object's own block; a decoder that knows better says so with dissect_resize(). */
static uint64_t own_size(const struct object *object)
{
	const struct object_type *decoder = object->type->decoder;
	uint64_t size;

	if (object->type->itemsize && decoder && decoder->size && decoder->size(object, &size) == CPEEK_OK)
		return size;
	const uint64_t items = object->ob_size < 0 ? -(uint64_t)object->ob_size : (uint64_t)object->ob_size;
	return (uint64_t)object->type->basicsize + (uint64_t)object->type->itemsize * items;
}

enum cpeek_status object_dissect(const struct object *object, const struct limits *limits, struct dissection *ret)
{
	const struct object_type *decoder = object->type->decoder;
	enum cpeek_status status = CPEEK_OK;

	*ret = (struct dissection){.objects = object->objects, .limits = limits};
	dissect_open_block(ret, object->type->name, decoder ? decoder->structure : STRUCT_PyObject, object->address,
			   own_size(object));
	dissect_head(ret, object);
	if (decoder && decoder->dissect)
		status = dissect_tolerate(ret, decoder->dissect(object, ret), "the structure");
	ret->block = 1;
	if (status == CPEEK_OK)
		status = dissect_tolerate(ret, instance_dissect(object, ret), "the instance");
	if (status == CPEEK_OK)
		dissect_rest(ret, object);
	if (status == CPEEK_OK && !(decoder && decoder->dissect)) /* else that has told what there is */
		status = member_dissect(ret, object);
	arrange_blocks(ret);
	return ret->no_memory ? CPEEK_NO_MEMORY : status;
}

void dissection_deinit(struct dissection *dissection)
{
	for (size_t i = 0; i < dissection->parts.count; i++) {
		VECTOR_DEINIT(&dissection->parts.items[i].rows);
		VECTOR_DEINIT(&dissection->parts.items[i].cells);
		VECTOR_DEINIT(&dissection->parts.items[i].ends);
	}
	VECTOR_DEINIT(&dissection->parts);
	arena_deinit(&dissection->arena);
}
