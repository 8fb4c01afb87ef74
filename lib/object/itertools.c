/*
 * What of itertools shows its state in its repr, count and repeat; what holds objects outside its fields, the data
 * that tee() iterators share; and what has indices outside that count into its size, product, permutations and
 * combinations. The others are rows of visits.def.
 */
#include "object/class_name.h"
#include "object/decoder.h"
#include "object/table.h"

#include <inttypes.h>

static const char *count_name(const struct object *object, const char *fixed)
{
	return layout_trait(object->objects->layout, TRAIT_REPR_OF_BASE) ? fixed : class_name(object);
}

/* count_repr() of Modules/itertoolsmodule.c: a small count by 1 is a C integer alone, below the largest Py_ssize_t. */
static enum cpeek_status count_decode(const struct object *object, struct value *value)
{
	const int64_t largest = INT64_MAX >> (64 - 8 * object->objects->layout->pointer_size);
	const int64_t small = object_get_signed(object, FIELD_countobject_cnt);
	const target_addr count = object_get(object, FIELD_countobject_long_cnt);
	const target_addr step = object_get(object, FIELD_countobject_long_step);
	struct object stepped;
	int64_t number = 0;
	bool by_one = false;

	value_format(value, "%s(", count_name(object, "count"));
	if (small != largest || (!count && layout_trait(object->objects->layout, TRAIT_COUNT_REPR_LARGEST))) {
		value_format(value, "%" PRId64 ")", small);
		return CPEEK_OK;
	}
	if (count)
		value_object(value, count);
	else
		value_text(value, "<NULL>"); /* as CPython shows it when the count has just got there */
	if (step) {
		TRY(object_read(object->objects, step, &stepped));
		by_one = stepped.type->flags & TYPE_LONG_SUBCLASS &&
			 int_read(object->objects, step, &number) == CPEEK_OK && number == 1;
	}
	if (step && !by_one) {
		value_text(value, ", ");
		value_object(value, step);
	}
	value_text(value, ")");
	return CPEEK_OK;
}

static const enum layout_field count_fields[] = {FIELD_countobject_long_cnt, FIELD_countobject_long_step};

const struct object_type object_type_count = {
	.name = "itertools.count",
	.structure = STRUCT_countobject,
	.decode = count_decode,
	.fields = count_fields,
	.field_count = sizeof(count_fields) / sizeof(*count_fields),
};

/* repeat_repr() */
static enum cpeek_status repeat_decode(const struct object *object, struct value *value)
{
	const int64_t count = object_get_signed(object, FIELD_repeatobject_cnt);

	value_format(value, "%s(", count_name(object, "repeat"));
	value_object(value, object_get(object, FIELD_repeatobject_element));
	if (count == -1)
		value_text(value, ")");
	else
		value_format(value, ", %" PRId64 ")", count);
	return CPEEK_OK;
}

static const enum layout_field repeat_fields[] = {FIELD_repeatobject_element};

const struct object_type object_type_repeat = {
	.name = "itertools.repeat",
	.structure = STRUCT_repeatobject,
	.decode = repeat_decode,
	.fields = repeat_fields,
	.field_count = 1,
};

/* teedataobject_traverse() */
static enum cpeek_status tee_data_edges(const struct object *object, struct edges *edges)
{
	const struct layout *layout = object->objects->layout;
	const struct layout_place place = layout->fields[FIELD_teedataobject_values];
	const int64_t count = object_get_signed(object, FIELD_teedataobject_numread);

	if (count < 0 || count > (int64_t)(place.size / layout->pointer_size))
		return CPEEK_CORRUPT;
	edges_add_field(edges, object, FIELD_teedataobject_it);
	for (int64_t i = 0; i < count; i++) {
		target_addr item;
		TRY(target_read_pointer(object->objects->target,
					object_field_address(object, FIELD_teedataobject_values) +
						(uint64_t)i * layout->pointer_size,
					&item));
		edges_add(edges, EDGE_INDEX, item, NULL, (uint64_t)i, true);
	}
	edges_add_field(edges, object, FIELD_teedataobject_nextlink);
	return CPEEK_OK;
}

const struct object_type object_type_tee_data = {
	.name = "itertools._tee_dataobject",
	.structure = STRUCT_teedataobject,
	.edges = tee_data_edges,
};

/* The arrays of indices: as many as there are pools, or of permutations as the pool has items; and r more. */
static enum cpeek_status indices_size(const struct object *object, target_addr tuple, uint64_t more, uint64_t *ret)
{
	uint64_t count = 0;

	if (tuple)
		TRY(field_read(object->objects, tuple, FIELD_PyVarObject_ob_size, &count));
	*ret = (uint64_t)object->type->basicsize + (count + more) * object->objects->layout->pointer_size;
	return CPEEK_OK;
}

static enum cpeek_status product_size(const struct object *object, uint64_t *ret)
{
	return indices_size(object, object_get(object, FIELD_productobject_pools), 0, ret);
}

static enum cpeek_status permutations_size(const struct object *object, uint64_t *ret)
{
	return indices_size(object, object_get(object, FIELD_permutationsobject_pool),
			    object_get(object, FIELD_permutationsobject_r), ret);
}

static enum cpeek_status combinations_size(const struct object *object, uint64_t *ret)
{
	return indices_size(object, 0, object_get(object, FIELD_combinationsobject_r), ret);
}

static enum cpeek_status cwr_size(const struct object *object, uint64_t *ret)
{
	return indices_size(object, 0, object_get(object, FIELD_cwrobject_r), ret);
}

#define WITH_INDICES(id, tp_name, structure_, size_, pool)                                                            \
	static const enum layout_field id##_fields[] = {FIELD_##structure_##_##pool, FIELD_##structure_##_result};    \
	const struct object_type object_type_##id = {                                                                 \
		.name = tp_name,                                                                                      \
		.structure = STRUCT_##structure_,                                                                     \
		.fields = id##_fields,                                                                                \
		.field_count = sizeof(id##_fields) / sizeof(*id##_fields),                                            \
		.size = size_,                                                                                        \
	};

WITH_INDICES(product, "itertools.product", productobject, product_size, pools)
WITH_INDICES(permutations, "itertools.permutations", permutationsobject, permutations_size, pool)
WITH_INDICES(combinations, "itertools.combinations", combinationsobject, combinations_size, pool)
WITH_INDICES(combinations_with_replacement, "itertools.combinations_with_replacement", cwrobject, cwr_size, pool)
