/*
 * list_sort_impl() of Objects/listobject.c. Runs are found in the items as they stand, since what is before has been
 * sorted apart from them; which runs are merged when follows from their lengths alone. So no item has to be moved.
 */
#include "object/timsort.h"
#include "base/vector.h"
#include "object/plain.h"

#include <inttypes.h>

enum {
	VALUES_MOST = 1 << 23,
	RUN_LEAST = 64,    /* MAX_MINRUN: lists that are shorter are one run */
	PENDING_MOST = 96, /* runs that wait: MAX_MERGE_PENDING is less in every version */
	POLL = 1 << 14,
};

struct run {
	uint64_t start;
	uint64_t natural; /* items that stand in order */
	uint64_t length;  /* with those that binary insertion adds */
	bool descending;
	unsigned power; /* of the boundary to the next run on the stack */
	uint64_t number;
};

struct sort {
	struct dissection *dissection;
	struct plains plains;
	struct plain *items;
	uint64_t count;
	VECTOR(struct run) runs;
	/* A comparison that cannot be made ends it. */
	uint64_t left, right; /* items compared last */
	enum plain_answer stop;
	const struct plain *culprit;
	uint64_t comparisons;
	/* Merging. */
	struct run pending[PENDING_MOST];
	size_t depth;
	uint64_t found; /* the run that was found last */
	uint64_t merges, merge_cost, cut;
};

/* items[a] < items[b]. false with sort->stop set when that cannot be known. */
static bool is_less(struct sort *sort, uint64_t a, uint64_t b)
{
	if (sort->stop != PLAIN_NO)
		return false;
	sort->comparisons++;
	const enum plain_answer answer = plain_less(&sort->plains, &sort->items[a], &sort->items[b], &sort->culprit);
	if (answer == PLAIN_YES || answer == PLAIN_NO)
		return answer == PLAIN_YES;
	sort->stop = answer;
	sort->left = a;
	sort->right = b;
	return false;
}

/* ---- The items ---- */

static enum cpeek_status read_items(struct sort *sort, const struct object *list)
{
	const struct objects *objects = list->objects;
	struct items items;
	struct item item;
	uint64_t i = 0;

	TRY(items_start(list, &items));
	sort->count = items.count;
	if (sort->count > VALUES_MOST)
		return CPEEK_LIMIT;
	sort->items = arena_alloc(&sort->plains.arena, ((size_t)sort->count + 1) * sizeof(*sort->items));
	if (!sort->items)
		return CPEEK_NO_MEMORY;
	enum cpeek_status status;
	while ((status = items_next(&items, &item)) == CPEEK_OK) {
		if (i == sort->count)
			return CPEEK_CORRUPT;
		if (i % POLL == 0 && objects->cancelled && objects->cancelled(objects->cancelled_arg))
			return CPEEK_CANCELLED;
		TRY(plain_read(&sort->plains, item.value, &sort->items[i]));
		i++;
	}
	if (status != CPEEK_END)
		return status;
	return i == sort->count ? CPEEK_OK : CPEEK_CORRUPT;
}

/* ---- The comparison ---- */

/* Of one digit, so that C integers can be compared. */
static bool is_small(const struct plain *plain, const struct layout *layout)
{
	const bool narrow = layout->fields[FIELD_PyLongObject_ob_digit].size == 2;

	return plain->count == 0 || (plain->count == 1 && (!narrow || plain->digits[0] >> 15 == 0));
}

static const char *simple_comparison(const struct plain *key, bool same_type, bool small, bool latin)
{
	if (!same_type)
		return "safe_object_compare: the keys are of several types";
	if (key->kind == PLAIN_STR && key->exact && latin)
		return "unsafe_latin_compare: all are str of one byte a character, compared as bytes";
	if (key->kind == PLAIN_INT && key->exact && small)
		return "unsafe_long_compare: all are int of at most one digit, compared as C integers";
	if (key->kind == PLAIN_FLOAT && key->exact)
		return "unsafe_float_compare: all are float, compared as C doubles";
	return "unsafe_object_compare: all are of one type, whose method is called without looking it up again";
}

/* The pre-sort check. */
static void show_comparison(const struct sort *sort, const struct layout *layout)
{
	struct dissection *dissection = sort->dissection;

	if (!layout_trait(layout, TRAIT_SORT_CHECKS_KEYS)) {
		dissect_fact_text(dissection, "comparison", "%s", "PyObject_RichCompare for each pair");
		return;
	}
	bool tuples = sort->count > 0, same_type = true, small = true, latin = true;
	for (uint64_t i = 0; i < sort->count && tuples; i++)
		tuples = sort->items[i].kind == PLAIN_TUPLE && sort->items[i].exact && sort->items[i].count;
	const struct plain *first = sort->items;
	/* CPython gives up on tuples where one item is none, and finds several types then, as the first was a tuple. */
	const bool began_as_tuples = sort->count && first->kind == PLAIN_TUPLE && first->exact && first->count != 0;
	if (began_as_tuples && tuples)
		first = &sort->items[0].items[0];
	for (uint64_t i = 0; i < sort->count && same_type; i++) {
		const struct plain *key = tuples ? &sort->items[i].items[0] : &sort->items[i];
		same_type = plain_same_type(key, first) && (tuples || !began_as_tuples);
		small = small && key->kind == PLAIN_INT && is_small(key, layout);
		latin = latin && key->kind == PLAIN_STR && key->width == 1;
	}
	if (!sort->count) {
		dissect_fact_text(dissection, "comparison", "%s", "none: there are no items");
	} else if (tuples) {
		const bool nested = first->kind == PLAIN_TUPLE && first->exact;
		dissect_fact_text(dissection, "comparison",
				  "unsafe_tuple_compare: all are tuples, whose first items by %s",
				  nested ? "safe_object_compare: they are tuples too"
					 : simple_comparison(first, same_type, small, latin));
	} else {
		dissect_fact_text(dissection, "comparison", "%s", simple_comparison(first, same_type, small, latin));
	}
}

/* ---- Runs ---- */

/* count_run() to 3.12: a run descends strictly. */
static void find_run(struct sort *sort, struct run *run)
{
	const uint64_t end = sort->count;
	uint64_t i = run->start + 1;

	if (i < end) {
		run->descending = is_less(sort, i, i - 1);
		for (i++; i < end && sort->stop == PLAIN_NO; i++)
			if (is_less(sort, i, i - 1) != run->descending)
				break;
	}
	run->natural = i - run->start;
}

/* From 3.13: a descending run may have equal items, and an ascending run behind it that begins above its first item goes
 * with it, since that is where it ends once it is reversed. */
static void find_run_with_equals(struct sort *sort, struct run *run)
{
	const uint64_t start = run->start, end = sort->count;
	uint64_t i = start + 1;

	while (i < end && !is_less(sort, i, i - 1) && sort->stop == PLAIN_NO)
		i++;
	/* It descends from here on. A run that ascended before has ended; one of equal items goes on. */
	if (i < end && sort->stop == PLAIN_NO && (i == start + 1 || !is_less(sort, start, i - 1))) {
		run->descending = true;
		for (i++; i < end && sort->stop == PLAIN_NO; i++)
			if (!is_less(sort, i, i - 1) && is_less(sort, i - 1, i))
				break;
		/* Reversed, its last item is what was its first. */
		for (uint64_t last = start; i < end && sort->stop == PLAIN_NO && !is_less(sort, i, last); i++)
			last = i;
	}
	run->natural = i - start;
}

/* How long runs are made that are shorter: one length for all, merge_compute_minrun(), or from 3.15 for each its own, so
 * that they add up to the list, minrun_next(). */
struct least {
	uint64_t count;
	bool each;
	unsigned shift;
	uint64_t carried;
};

static uint64_t next_least(struct least *least)
{
	if (least->each) {
		least->carried += least->count;
		const uint64_t length = least->carried >> least->shift;
		least->carried &= ((uint64_t)1 << least->shift) - 1;
		return length;
	}
	/* Rounded up. */
	const bool rest = least->count & (((uint64_t)1 << least->shift) - 1);
	return (least->count >> least->shift) + rest;
}

static enum cpeek_status find_runs(struct sort *sort, const struct layout *layout, struct least *least)
{
	const struct objects *objects = sort->plains.objects;

	for (uint64_t start = 0; start < sort->count && sort->stop == PLAIN_NO;) {
		struct run run = {.start = start, .number = sort->runs.count + 1};
		if (objects->cancelled && objects->cancelled(objects->cancelled_arg))
			return CPEEK_CANCELLED;
		if (layout_trait(layout, TRAIT_SORT_RUNS_WITH_EQUALS))
			find_run_with_equals(sort, &run);
		else
			find_run(sort, &run);
		const uint64_t wanted = next_least(least);
		run.length = run.natural < wanted ? wanted : run.natural;
		if (run.length > sort->count - start)
			run.length = sort->count - start;
		if (sort->stop != PLAIN_NO)
			break;
		struct run *push = VECTOR_PUSH(&sort->runs);
		if (!push)
			return CPEEK_NO_MEMORY;
		*push = run;
		start += run.length;
	}
	return CPEEK_OK;
}

static void show_runs(const struct sort *sort)
{
	struct dissection *dissection = sort->dissection;

	dissect_open_table(dissection, "runs");
	for (size_t i = 0; i < sort->runs.count; i++) {
		const struct run *run = &sort->runs.items[i];
		if (dissect_is_full(dissection)) {
			dissect_cut(dissection, sort->runs.count - i, "runs");
			break;
		}
		dissect_cell(dissection, "run", DISSECT_UNSIGNED, run->number);
		dissect_cell(dissection, "start", DISSECT_UNSIGNED, run->start);
		dissect_cell(dissection, "natural", DISSECT_UNSIGNED, run->natural);
		dissect_cell_text(dissection, "direction", "%s",
				  run->descending ? "descending: reversed first" : "ascending");
		dissect_cell(dissection, "length", DISSECT_UNSIGNED, run->length);
		dissect_cell(dissection, "inserted", DISSECT_UNSIGNED, run->length - run->natural);
		dissect_cell(dissection, "first", DISSECT_OBJECT, sort->items[run->start].address);
		dissect_end_row(dissection);
	}
}

/* ---- Merges ---- */

static void merge(struct sort *sort, size_t at)
{
	struct dissection *dissection = sort->dissection;
	struct run *left = &sort->pending[at], *right = left + 1;

	sort->merges++;
	sort->merge_cost += left->length + right->length;
	if (dissect_is_full(dissection)) {
		sort->cut++;
	} else {
		dissect_cell(dissection, "merge", DISSECT_UNSIGNED, sort->merges);
		dissect_cell(dissection, "start", DISSECT_UNSIGNED, left->start);
		dissect_cell(dissection, "length", DISSECT_UNSIGNED, left->length);
		dissect_cell(dissection, "with start", DISSECT_UNSIGNED, right->start);
		dissect_cell(dissection, "with length", DISSECT_UNSIGNED, right->length);
		dissect_cell(dissection, "after run", DISSECT_UNSIGNED, sort->found);
		dissect_cell(dissection, "stack", DISSECT_UNSIGNED, sort->depth);
		dissect_end_row(dissection);
	}
	left->length += right->length;
	left->power = right->power;
	for (size_t i = at + 1; i + 1 < sort->depth; i++)
		sort->pending[i] = sort->pending[i + 1];
	sort->depth--;
}

/* powerloop(): the first bit in which the middles of two neighbouring runs, as fractions of the list, differ. */
static unsigned power_of(const struct run *left, uint64_t right, uint64_t count)
{
	uint64_t a = 2 * left->start + left->length, b = a + left->length + right;
	unsigned power = 1;

	for (; power < 64; power++) {
		const bool a_bit = a >= count, b_bit = b >= count;
		if (a_bit != b_bit)
			break;
		a = (a_bit ? a - count : a) << 1;
		b = (b_bit ? b - count : b) << 1;
	}
	return power;
}

/* merge_collapse(), to 3.10: each run that waits is longer than the two behind it together. */
static void collapse(struct sort *sort)
{
	while (sort->depth > 1) {
		const struct run *p = sort->pending;
		size_t n = sort->depth - 2;
		if ((n > 0 && p[n - 1].length <= p[n].length + p[n + 1].length) ||
		    (n > 1 && p[n - 2].length <= p[n - 1].length + p[n].length)) {
			if (p[n - 1].length < p[n + 1].length)
				n--;
		} else if (p[n].length > p[n + 1].length) {
			break;
		}
		merge(sort, n);
	}
}

/* merge_force_collapse() */
static void collapse_all(struct sort *sort)
{
	while (sort->depth > 1) {
		size_t n = sort->depth - 2;
		if (n > 0 && sort->pending[n - 1].length < sort->pending[n + 1].length)
			n--;
		merge(sort, n);
	}
}

static void merge_runs(struct sort *sort, const struct layout *layout)
{
	const bool powers = layout_trait(layout, TRAIT_SORT_BY_POWER);

	for (size_t i = 0; i < sort->runs.count && sort->depth < PENDING_MOST; i++) {
		const struct run *run = &sort->runs.items[i];
		sort->found = run->number;
		if (powers && sort->depth) {
			const unsigned power = power_of(&sort->pending[sort->depth - 1], run->length, sort->count);
			while (sort->depth > 1 && sort->pending[sort->depth - 2].power > power)
				merge(sort, sort->depth - 2);
			sort->pending[sort->depth - 1].power = power;
		}
		sort->pending[sort->depth++] = *run;
		if (!powers)
			collapse(sort);
	}
	collapse_all(sort);
}

/* ---- All ---- */

static void show_stop(const struct sort *sort)
{
	struct dissection *dissection = sort->dissection;
	const struct plain *left = &sort->items[sort->left], *right = &sort->items[sort->right];

	if (sort->stop == PLAIN_REFUSES)
		dissect_note(dissection,
			     "The sort ends with a TypeError: [%" PRIu64 "] < [%" PRIu64
			     "], where %.80s stands before %.80s, is not supported.",
			     sort->left, sort->right, plain_type_name(left), plain_type_name(right));
	else
		dissect_problem(dissection,
				"how [%" PRIu64 "] and [%" PRIu64
				"] compare is not known: %.80s has methods of its own for it, which would have to run",
				sort->left, sort->right, plain_type_name(sort->culprit));
}

static enum cpeek_status explain(struct sort *sort, const struct object *list)
{
	const struct layout *layout = list->objects->layout;
	struct dissection *dissection = sort->dissection;
	struct least least = {.count = sort->count, .each = layout_trait(layout, TRAIT_SORT_MINRUN_EACH)};

	dissect_fact_number(dissection, "items", (int64_t)sort->count, NULL);
	while (sort->count >> least.shift >= RUN_LEAST)
		least.shift++;
	show_comparison(sort, layout);
	if (sort->count < 2)
		return CPEEK_OK;
	const struct least first = least;
	TRY(find_runs(sort, layout, &least));
	if (sort->stop != PLAIN_NO) {
		show_stop(sort);
		return CPEEK_OK;
	}
	struct least all = first;
	dissect_fact_number(
		dissection, "minrun", (int64_t)next_least(&all),
		first.each && first.shift
			? "or one more: a shorter run is extended by binary insertion; all of them would add up "
			  "to the list"
			: "a shorter run is extended to it by binary insertion");
	dissect_fact_number(dissection, "runs", (int64_t)sort->runs.count, NULL);
	dissect_fact_number(dissection, "comparisons for runs", (int64_t)sort->comparisons,
			    "to find where runs end; insertion and merging come on top");
	dissect_fact_text(dissection, "merge rule", "%s",
			  layout_trait(layout, TRAIT_SORT_BY_POWER)
				  ? "powersort: a boundary of lower power waits for those above it"
				  : "merge_collapse: a run that waits is longer than the two behind it together");
	show_runs(sort);
	if (sort->runs.count < 2)
		return CPEEK_OK;
	dissect_open_table(dissection, "merges");
	merge_runs(sort, layout);
	if (sort->cut)
		dissect_cut(dissection, sort->cut, "merges");
	dissect_fact_number(dissection, "merges", (int64_t)sort->merges, NULL);
	dissect_fact_number(dissection, "items merged", (int64_t)sort->merge_cost, "in all merges together");
	return CPEEK_OK;
}

enum cpeek_status timsort_dissect(struct dissection *dissection, const struct object *list)
{
	struct sort sort = {.dissection = dissection, .stop = PLAIN_NO};

	plains_init(list->objects, VALUES_MOST, &sort.plains);
	enum cpeek_status status = read_items(&sort, list);
	if (status == CPEEK_OK)
		status = explain(&sort, list);
	else if (!status_is_fatal(status) && status != CPEEK_LIMIT)
		status = dissect_tolerate(dissection, status, "the items");
	VECTOR_DEINIT(&sort.runs);
	plains_deinit(&sort.plains);
	return status;
}
