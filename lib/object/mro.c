/*
 * The MRO of a class, and how C3 arrives at it: mro_implementation() and pmerge() of Objects/typeobject.c, carried out on
 * the MROs of its bases as they stand in memory.
 */
#include "object/type_dissect.h"

#include <string.h>

enum { LIST_MAX = 1024 };

const char *type_name_text(struct dissection *dissection, target_addr address)
{
	const struct type *type;

	if (type_read(dissection->objects, address, &type) == CPEEK_OK)
		return type->name;
	return dissect_text(dissection, "0x%llx", (unsigned long long)address);
}

enum cpeek_status type_read_list(struct objects *objects, target_addr tuple, struct type_list *ret)
{
	struct object object;
	struct items items;
	struct item item;
	enum cpeek_status status = CPEEK_OK;

	TRY(object_read(objects, tuple, &object));
	if (!(object.type->flags & TYPE_TUPLE_SUBCLASS))
		return CPEEK_CORRUPT;
	TRY(items_start(&object, &items));
	while (ret->count < LIST_MAX && (status = items_next(&items, &item)) == CPEEK_OK) {
		target_addr *new = VECTOR_PUSH(ret);
		if (!new)
			return CPEEK_NO_MEMORY;
		*new = item.value;
	}
	return status == CPEEK_END ? CPEEK_OK : status == CPEEK_OK ? CPEEK_LIMIT : status;
}

/* The lists to be merged: the MRO of each base, and the bases. */
struct merge {
	VECTOR(struct type_list) lists;
	VECTOR(size_t) at; /* how far each is used up */
};

static void merge_deinit(struct merge *merge)
{
	for (size_t i = 0; i < merge->lists.count; i++)
		VECTOR_DEINIT(&merge->lists.items[i]);
	VECTOR_DEINIT(&merge->lists);
	VECTOR_DEINIT(&merge->at);
}

static enum cpeek_status merge_add(struct merge *merge, struct objects *objects, target_addr tuple)
{
	struct type_list *list = VECTOR_PUSH(&merge->lists);
	if (!list)
		return CPEEK_NO_MEMORY;
	*list = (struct type_list){0};
	size_t *at = VECTOR_PUSH(&merge->at);
	if (!at)
		return CPEEK_NO_MEMORY;
	*at = 0;
	return type_read_list(objects, tuple, list);
}

/* Whether a class stands behind the head of a list: then it must wait. */
static bool is_in_tail(const struct merge *merge, target_addr class, size_t *ret_list)
{
	for (size_t i = 0; i < merge->lists.count; i++)
		for (size_t j = merge->at.items[i] + 1; j < merge->lists.items[i].count; j++)
			if (merge->lists.items[i].items[j] == class) {
				*ret_list = i;
				return true;
			}
	return false;
}

static const char *short_name(struct dissection *dissection, target_addr class)
{
	const struct type *type;

	if (type_read(dissection->objects, class, &type) == CPEEK_OK && type->qualname[0])
		return type->qualname;
	return type_name_text(dissection, class);
}

static void put_lists(struct dissection *dissection, const struct merge *merge, struct strbuf *out)
{
	for (size_t i = 0; i < merge->lists.count; i++) {
		const struct type_list *list = &merge->lists.items[i];
		if (merge->at.items[i] >= list->count)
			continue;
		strbuf_puts(out, out->length ? " [" : "[");
		for (size_t j = merge->at.items[i]; j < list->count; j++)
			strbuf_printf(out, "%s%s", j > merge->at.items[i] ? ", " : "",
				      short_name(dissection, list->items[j]));
		strbuf_putc(out, ']');
	}
}

/* One step: the first head that stands in no tail. 0: there is none, and C3 fails, or all is used up. */
static target_addr take(struct dissection *dissection, const struct merge *merge, struct strbuf *rejected)
{
	for (size_t i = 0; i < merge->lists.count; i++) {
		const struct type_list *list = &merge->lists.items[i];
		size_t where;
		if (merge->at.items[i] >= list->count)
			continue;
		const target_addr head = list->items[merge->at.items[i]];
		if (!is_in_tail(merge, head, &where))
			return head;
		const struct type_list *other = &merge->lists.items[where];
		const char *name = short_name(dissection, head);
		if (strstr(strbuf_text(rejected), name))
			continue;
		strbuf_printf(rejected, "%s%s (behind %s)", rejected->length ? ", " : "", name,
			      short_name(dissection, other->items[merge->at.items[where]]));
	}
	return 0;
}

static enum cpeek_status show_merge(struct dissection *dissection, struct merge *merge, struct type_list *result)
{
	struct strbuf lists = {0}, rejected = {0};
	uint64_t left_out = 0;

	dissect_open_table(dissection,
			   "How C3 merges the MROs of the bases: the first head that no list has further behind");
	for (size_t step = 1; step <= LIST_MAX; step++) {
		strbuf_clear(&lists);
		strbuf_clear(&rejected);
		put_lists(dissection, merge, &lists);
		if (!lists.length)
			break;
		const target_addr head = take(dissection, merge, &rejected);
		if (dissect_is_full(dissection)) {
			left_out++;
		} else {
			dissect_cell(dissection, "step", DISSECT_UNSIGNED, step);
			dissect_cell_text(dissection, "taken", "%s",
					  head ? short_name(dissection, head) : "none: no MRO");
			dissect_cell_text(dissection, "must wait", "%s", strbuf_text(&rejected));
			dissect_cell_text(dissection, "lists", "%s", strbuf_text(&lists));
			dissect_end_row(dissection);
		}
		target_addr *new = head ? VECTOR_PUSH(result) : NULL;
		if (!new)
			break;
		*new = head;
		for (size_t i = 0; i < merge->lists.count; i++)
			if (merge->at.items[i] < merge->lists.items[i].count &&
			    merge->lists.items[i].items[merge->at.items[i]] == head)
				merge->at.items[i]++;
	}
	if (left_out)
		dissect_cut(dissection, left_out, "steps");
	const bool failed = strbuf_failed(&lists) || strbuf_failed(&rejected);
	strbuf_deinit(&lists);
	strbuf_deinit(&rejected);
	return failed ? CPEEK_NO_MEMORY : CPEEK_OK;
}

/* Whether the metaclass has an mro() of its own, which may answer anything. */
static bool has_own_mro(struct objects *objects, const struct type *type)
{
	const struct type *metatype, *root;
	target_addr found, plain;

	if (type_read(objects, type->metatype, &metatype) != CPEEK_OK)
		return false;
	for (root = metatype; root->python_class && root->base_type;)
		root = root->base_type;
	return type_find_attribute(objects, metatype, "mro", 3, &found) == CPEEK_OK &&
	       type_find_attribute(objects, root, "mro", 3, &plain) == CPEEK_OK && found != plain;
}

static void compare(struct dissection *dissection, const struct type *type, const struct type_list *mro,
		    const struct type_list *result)
{
	bool same = mro->count == result->count + 1 && mro->items[0] == type->address;

	for (size_t i = 0; same && i < result->count; i++)
		same = mro->items[i + 1] == result->items[i];
	if (same)
		dissect_note(dissection, "tp_mro is the class itself, then what C3 took.");
	else if (has_own_mro(dissection->objects, type))
		dissect_note(dissection, "tp_mro differs from what C3 gives: the metaclass has an mro() of its own.");
	else
		dissect_problem(dissection, "tp_mro differs from what C3 makes of the MROs of the bases");
}

static void show_mro(struct dissection *dissection, const struct type_list *mro)
{
	dissect_open_table(dissection, "MRO: the order in which attributes are looked up");
	for (size_t i = 0; i < mro->count; i++) {
		const struct type *type;
		if (dissect_is_full(dissection)) {
			dissect_cut(dissection, mro->count - i, "classes");
			break;
		}
		const bool known = type_read(dissection->objects, mro->items[i], &type) == CPEEK_OK;
		dissect_cell(dissection, "#", DISSECT_UNSIGNED, i);
		dissect_cell(dissection, "address", DISSECT_POINTER, mro->items[i]);
		dissect_cell_text(dissection, "class", "%s", type_name_text(dissection, mro->items[i]));
		dissect_cell_text(dissection, "made by", "%s",
				  !known                        ? "not a type"
				  : type->python_class          ? "a class statement"
				  : type->flags & TYPE_HEAPTYPE ? "C code, on the heap"
								: "C code, static");
		dissect_end_row(dissection);
	}
}

enum cpeek_status type_explain_mro(struct dissection *dissection, const struct type *type)
{
	struct objects *objects = dissection->objects;
	struct type_list mro = {0}, bases = {0}, result = {0};
	struct merge merge = {0};
	uint64_t tp_bases;
	enum cpeek_status status;

	if (!type->mro) {
		dissect_note(dissection, "tp_mro is NULL: PyType_Ready() was not called for this type.");
		return CPEEK_OK;
	}
	status = dissect_tolerate(dissection, type_read_list(objects, type->mro, &mro), "tp_mro");
	if (status == CPEEK_OK)
		show_mro(dissection, &mro);
	if (status == CPEEK_OK)
		status = dissect_tolerate(dissection,
					  field_read(objects, type->address, FIELD_PyTypeObject_tp_bases, &tp_bases),
					  "tp_bases");
	if (status == CPEEK_OK && tp_bases)
		status = dissect_tolerate(dissection, type_read_list(objects, tp_bases, &bases), "tp_bases");
	if (status == CPEEK_OK && bases.count == 1) {
		dissect_note(dissection,
			     "One base: the class itself, then the base's own MRO; there is nothing to merge.");
	} else if (status == CPEEK_OK && bases.count > 1) {
		for (size_t i = 0; i < bases.count && status == CPEEK_OK; i++) {
			uint64_t base_mro = 0;
			status = field_read(objects, bases.items[i], FIELD_PyTypeObject_tp_mro, &base_mro);
			if (status == CPEEK_OK)
				status = merge_add(&merge, objects, base_mro);
		}
		if (status == CPEEK_OK)
			status = merge_add(&merge, objects, tp_bases);
		if (status == CPEEK_OK)
			status = show_merge(dissection, &merge, &result);
		if (status == CPEEK_OK)
			compare(dissection, type, &mro, &result);
		status = dissect_tolerate(dissection, status, "the MROs of the bases");
	}
	merge_deinit(&merge);
	VECTOR_DEINIT(&mro);
	VECTOR_DEINIT(&bases);
	VECTOR_DEINIT(&result);
	return status;
}
