/*
 * Struct sequences (sys.flags, os.stat_result, time.struct_time …): tuples of C code whose items have names, and of
 * which some can be hidden behind those that count.
 */
#include "object/lost_name.h"
#include "object/sequence.h"

#include <string.h>

enum { FIELDS_MAX = 4096 };

/* How many items there are, hidden ones included: the class attribute n_fields. */
static enum cpeek_status count_fields(struct objects *objects, const struct type *type, int64_t *ret)
{
	target_addr dict, value;
	int64_t count;

	TRY(type_find_dict(objects, type, &dict));
	TRY(dict_find(objects, dict, "n_fields", 8, &value));
	TRY(int_read(objects, value, &count));
	if (count < 0 || count > FIELDS_MAX)
		return CPEEK_CORRUPT;
	*ret = count;
	return CPEEK_OK;
}

static bool structseq_matches(struct objects *objects, const struct type *type)
{
	int64_t count;

	return type->base_type && strcmp(type->base_type->tp_name, "tuple") == 0 &&
	       count_fields(objects, type, &count) == CPEEK_OK;
}

/* structseq_repr() of Objects/structseq.c takes the names from tp_members in order, unnamed items notwithstanding. */
static enum cpeek_status structseq_decode(const struct object *object, struct value *value)
{
	struct objects *objects = object->objects;
	const uint32_t stride = objects->layout->structs[STRUCT_PyMemberDef];
	const uint64_t limit = value_limits(value)->elements;
	struct items items;
	struct item item;
	uint64_t members;
	enum cpeek_status status;

	TRY(field_read(objects, object->type->address, FIELD_PyTypeObject_tp_members, &members));
	TRY(items_start(object, &items));
	value_format(value, "%s(", object->type->tp_name);
	for (uint64_t i = 0; (status = items_next(&items, &item)) == CPEEK_OK; i++) {
		struct strbuf name = {0};
		value_text(value, i ? ", " : "");
		if (limit && i >= limit) {
			value_cut(value, items.count - i, "items");
			status = CPEEK_END;
			break;
		}
		status = member_name_read(objects, object->type, members + i * stride, &name);
		if (status == CPEEK_OK)
			value_bytes(value, strbuf_text(&name), name.length);
		else
			value_mark(value, status, objects->target->fault_address, "name");
		strbuf_deinit(&name);
		TRY(status == CPEEK_NO_MEMORY ? status : CPEEK_OK);
		value_text(value, "=");
		value_object(value, item.value);
	}
	value_text(value, ")");
	return status == CPEEK_END ? CPEEK_OK : status;
}

static enum cpeek_status structseq_items(const struct object *object, struct items *ret)
{
	return sequence_items(object, object_field_address(object, FIELD_PyStructSequence_ob_item), object->ob_size,
			      ret);
}

/* structseq_traverse(); to 3.8 there is none, and tuple's is inherited, which knows nothing of hidden items. */
static enum cpeek_status structseq_edges(const struct object *object, struct edges *edges)
{
	struct objects *objects = object->objects;
	const struct type *type = object->type;
	const unsigned size = objects->layout->pointer_size;
	const bool hides = type->base_type && type->tp_traverse == type->base_type->tp_traverse;
	struct table table;
	int64_t count;

	TRY(count_fields(objects, type, &count));
	TRY(table_open(objects, object_field_address(object, FIELD_PyStructSequence_ob_item), count, size, &table));
	for (int64_t i = 0; i < count; i++) {
		target_addr item;
		TRY(table_read_pointer(&table, (uint64_t)i * size, &item));
		edges_add(edges, EDGE_INDEX, item, NULL, (uint64_t)i, !hides || i < object->ob_size);
	}
	return CPEEK_OK;
}

const struct object_type object_type_structseq = {
	.name = "PyStructSequence", /* which no type is called */
	.matches = structseq_matches,
	.structure = STRUCT_PyVarObject,
	.decode = structseq_decode,
	.items = structseq_items,
	.next = sequence_next,
	.edges = structseq_edges,
};
