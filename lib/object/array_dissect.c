/*
 * The memory of an array.array explained: its kind, the numbers over their bytes, and when it will get more room.
 */
#include "object/array.h"
#include "object/dissect.h"

#include <inttypes.h>
#include <string.h>

enum { GROWTHS = 4 };

static const char *kind_name(char typecode)
{
	static const struct {
		char typecode;
		const char *name;
	} kinds[] = {
		{'b', "signed char"}, {'B', "unsigned char"},  {'u', "wchar_t"},   {'w', "Py_UCS4"},
		{'h', "short"},       {'H', "unsigned short"}, {'i', "int"},       {'I', "unsigned int"},
		{'l', "long"},        {'L', "unsigned long"},  {'q', "long long"}, {'Q', "unsigned long long"},
		{'f', "float"},       {'d', "double"},
	};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		if (kinds[i].typecode == typecode)
			return kinds[i].name;
	return "";
}

static void put_item(struct strbuf *out, const struct layout *layout, struct array_kind kind, uint64_t bits)
{
	const uint32_t c = (uint32_t)bits;

	if (kind.typecode == 'u' || kind.typecode == 'w')
		str_put_repr(out, layout, &c, 1);
	else
		array_put_number(out, kind, bits);
}

static enum cpeek_status explain_items(struct dissection *dissection, const struct table *table,
				       struct array_kind kind, uint64_t count)
{
	const size_t itemsize = (size_t)kind.itemsize;
	uint8_t buffer[8];
	const uint8_t *bytes;
	uint64_t i = 0;

	for (; i < count && !dissect_is_full(dissection); i++) {
		struct strbuf out = {0};
		TRY(table_read(table, i * itemsize, itemsize, buffer, &bytes));
		struct dissect_row *row =
			dissect_row(dissection, (int64_t)(i * itemsize), itemsize, "ob_item[%" PRIu64 "]", i);
		put_item(&out, dissection->objects->layout, kind, target_get(table->target, bytes, itemsize));
		row->value = (struct dissect_value){.kind = DISSECT_TEXT, .text = dissect_keep(dissection, &out)};
	}
	if (i < count)
		dissect_cut(dissection, count - i, "items");
	return CPEEK_OK;
}

/* array_resize() of Modules/arraymodule.c. */
static uint64_t grown(uint64_t size, uint64_t before)
{
	return (size >> 4) + (before < 8 ? 3 : 7) + size;
}

static void add_growth(struct dissection *dissection, uint64_t allocated, uint64_t itemsize)
{
	dissect_open_table(dissection, "What the next appends allocate");
	for (int i = 0; i < GROWTHS; i++) {
		const uint64_t then = grown(allocated + 1, allocated);
		dissect_cell(dissection, "length", DISSECT_UNSIGNED, allocated + 1);
		dissect_cell(dissection, "allocated before", DISSECT_UNSIGNED, allocated);
		dissect_cell(dissection, "allocated then", DISSECT_UNSIGNED, then);
		dissect_cell(dissection, "bytes", DISSECT_UNSIGNED, then * itemsize);
		dissect_end_row(dissection);
		allocated = then;
	}
}

static enum cpeek_status explain_array(struct dissection *dissection, const struct object *object,
				       struct array_kind kind, uint64_t allocated)
{
	const target_addr array = object_get(object, FIELD_arrayobject_ob_item);
	const uint64_t used = (uint64_t)object->ob_size;
	struct table table;

	if (!allocated && !used)
		return CPEEK_OK;
	if (table_open(object->objects, array, (int64_t)allocated, kind.itemsize, &table) != CPEEK_OK) {
		dissect_problem(dissection,
				"allocated %" PRIu64 ": there is no memory for so many items at 0x%" PRIx64, allocated,
				array);
		return CPEEK_OK;
	}
	dissect_open_block(dissection, "ob_item: the items", LAYOUT_STRUCT_COUNT, array, allocated * kind.itemsize);
	TRY(dissect_tolerate(dissection, explain_items(dissection, &table, kind, used), "the items"));
	if (allocated > used && !dissect_is_full(dissection)) {
		struct dissect_row *row =
			dissect_row(dissection, (int64_t)(used * kind.itemsize), (allocated - used) * kind.itemsize,
				    "ob_item[%" PRIu64 "]", used);
		dissect_mean(dissection, row, "room for %" PRIu64 " more item%s: what stands here means nothing",
			     allocated - used, allocated - used == 1 ? "" : "s");
	}
	return CPEEK_OK;
}

enum cpeek_status array_dissect(const struct object *object, struct dissection *dissection)
{
	const uint64_t allocated = object_get(object, FIELD_arrayobject_allocated);
	const int64_t exports = object_get_signed(object, FIELD_arrayobject_ob_exports);
	struct array_kind kind;

	dissect_resize(dissection, (uint64_t)object->type->basicsize);
	dissect_field(dissection, DISSECT_NUMBER, FIELD_PyVarObject_ob_size, "items: len()");
	dissect_field(dissection, DISSECT_POINTER, FIELD_arrayobject_ob_item, "the items");
	dissect_field(dissection, DISSECT_NUMBER, FIELD_arrayobject_allocated, "items there is room for");
	enum cpeek_status status = array_read_kind(object, &kind);
	if (status == CPEEK_OK)
		dissect_field(dissection, DISSECT_POINTER, FIELD_arrayobject_ob_descr, "what kind they are: '%c', %s",
			      kind.typecode, kind_name(kind.typecode));
	dissect_field(dissection, DISSECT_OBJECT, FIELD_arrayobject_weakreflist, "weak references to it");
	dissect_field(dissection, DISSECT_NUMBER, FIELD_arrayobject_ob_exports, "%s",
		      exports ? "buffers that look at the items: it cannot be resized as long as there are any"
			      : "buffers that look at the items");
	if (status != CPEEK_OK)
		return dissect_tolerate(dissection, status, "ob_descr, what kind the items are");
	if (object->ob_size < 0 || (uint64_t)object->ob_size > allocated) {
		dissect_problem(dissection, "ob_size %" PRId64 ", but allocated %" PRId64, object->ob_size,
				(int64_t)allocated);
		return CPEEK_OK;
	}
	TRY(explain_array(dissection, object, kind, allocated));
	dissect_fact_text(dissection, "kind", "'%c': %s, %" PRIu64 " byte%s each", kind.typecode,
			  kind_name(kind.typecode), kind.itemsize, kind.itemsize == 1 ? "" : "s");
	dissect_fact_number(dissection, "used", object->ob_size, "of %" PRIu64 " allocated", allocated);
	if (!dissection->partial)
		add_growth(dissection, allocated, kind.itemsize);
	return CPEEK_OK;
}
