/*
 * lib/layout: the table against itself (ranges, traits, places inside their structures) and against facts about
 * CPython that were measured apart from tools/mklayout: live processes and the headers of each version.
 */
#include "check.h"

#include "layout/layout.h"

#include <elf.h>
#include <stdlib.h>

static const struct field {
	enum layout_struct structure;
	const char *name;
} fields[LAYOUT_FIELD_COUNT] = {
#define STRUCT(structure, c_name)
#define FIELD(structure, field, c_path) [FIELD_##structure##_##field] = {STRUCT_##structure, #structure "." #field},
#include "layout/fields.def"
#undef STRUCT
#undef FIELD
};

#define HEX(major, minor, micro) ((uint32_t)(major) << 24 | (minor) << 16 | (micro) << 8 | 0xf0)

static const struct layout *find(uint32_t version_hex)
{
	const struct layout *layout = layout_find(version_hex, EM_X86_64, false, false);
	CHECK(layout != NULL);
	if (!layout)
		exit(check_report());
	return layout;
}

/* Every field lies in a structure that is there and is big enough, every bit in its unit. */
static void test_places(void)
{
	for (size_t i = 0; layout_at(i); i++) {
		const struct layout *layout = layout_at(i);
		int count = 0, wrong = 0;

		for (int f = 0; f < LAYOUT_FIELD_COUNT; f++) {
			const struct layout_place *place = &layout->fields[f];
			if (!layout_has(layout, (enum layout_field)f))
				continue;
			count++;
			uint32_t end = layout_offset(layout, (enum layout_field)f) + place->size;
			/* A flexible or one-item array at the end may be all that follows an object's header. */
			if (end > layout->structs[fields[f].structure] ||
			    place->bit + place->width > 8 * place->size) {
				printf("%s: %s\n", layout->source, fields[f].name);
				wrong++;
			}
		}
		CHECK_EQ(wrong, 0);
		CHECK(count > 1000);
		for (int s = 0; s < LAYOUT_STRUCT_COUNT; s++)
			CHECK(layout->structs[s] < 1u << 20);
	}
}

static void test_header(void)
{
	size_t i;

	for (i = 0; layout_at(i); i++) {
		const struct layout *layout = layout_at(i);

		CHECK_EQ(layout->machine, EM_X86_64);
		CHECK_EQ(layout->pointer_size, 8);
		CHECK(!layout->big_endian && !layout->debug && !layout->free_threaded);
		CHECK_EQ(layout->structs[STRUCT_PyObject], 16);
		CHECK_EQ(layout->structs[STRUCT_PyVarObject], 24);
		CHECK_EQ(layout->structs[STRUCT_PyGC_Head], 16);
		CHECK_EQ(layout->structs[STRUCT_setentry], 16);
		CHECK_EQ(layout->structs[STRUCT_PyDictKeyEntry], 24);
		CHECK_EQ(layout_offset(layout, FIELD_PyObject_ob_refcnt), 0);
		CHECK_EQ(layout_offset(layout, FIELD_PyObject_ob_type), 8);
		CHECK_EQ(layout_offset(layout, FIELD_PyVarObject_ob_size), 16);
		CHECK_EQ(layout_offset(layout, FIELD_PyTypeObject_tp_name), 24);
		CHECK_EQ(layout_offset(layout, FIELD_PyListObject_ob_item), 24);
		CHECK_EQ(layout_offset(layout, FIELD_PyTupleObject_ob_item), 24);
		CHECK_EQ(layout_offset(layout, FIELD_PyFloatObject_ob_fval), 16);
		CHECK_EQ(layout_offset(layout, FIELD_PyLongObject_ob_digit), 24);
		CHECK_EQ(layout_offset(layout, FIELD_PyThreadState_interp), 16);
		CHECK(layout->name && layout->source && strstr(layout->source, layout->name) == layout->source);
	}
	CHECK(i >= 6);
	CHECK(layout_at(i + 1) == NULL);
	CHECK(layout_at(SIZE_MAX) == NULL);
}

/* Two ranges of one machine and flavour are the same or apart; a build lies in the range that it stands for. */
static void test_ranges(void)
{
	for (size_t i = 0; layout_at(i); i++) {
		const struct layout *a = layout_at(i);
		CHECK(a->range.first <= a->range.last);
		CHECK(a->range.first <= a->source_hex && a->source_hex <= a->range.last);
		CHECK_EQ(a->range.first >> 16, a->range.last >> 16);
		for (size_t j = 0; j < i; j++) {
			const struct layout *b = layout_at(j);
			if (a->machine != b->machine || a->debug != b->debug || a->free_threaded != b->free_threaded)
				continue;
			bool same = a->range.first == b->range.first && a->range.last == b->range.last;
			CHECK(same || b->range.last < a->range.first);
		}
	}
}

static void test_traits(void)
{
	for (int t = 0; t < LAYOUT_TRAIT_COUNT; t++) {
		const struct layout_range *trait = &layout_traits[t];
		CHECK(trait->first <= trait->last);
		for (size_t i = 0; layout_at(i); i++) {
			const struct layout_range *range = &layout_at(i)->range;
			bool inside = trait->first <= range->first && range->last <= trait->last;
			bool outside = range->last < trait->first || trait->last < range->first;
			CHECK(inside || outside);
			CHECK_EQ(layout_trait(layout_at(i), (enum layout_trait)t), inside);
		}
	}
	CHECK(layout_trait(find(HEX(3, 9, 18)), TRAIT_LNOTAB));
	CHECK(!layout_trait(find(HEX(3, 10, 0)), TRAIT_LNOTAB));
	CHECK(layout_trait(find(HEX(3, 10, 13)), TRAIT_PEP626));
	CHECK(!layout_trait(find(HEX(3, 11, 0)), TRAIT_PEP626));
	CHECK(layout_trait(find(HEX(3, 11, 2)), TRAIT_LOCATIONS));
	CHECK(layout_trait(find(HEX(3, 12, 1)), TRAIT_CFRAME));
	CHECK(!layout_trait(find(HEX(3, 13, 0)), TRAIT_CFRAME));
}

/* Each way of storing attributes, lines, frames' start and generators' states is one of several. */
static void test_exclusive_traits(void)
{
	for (size_t i = 0; layout_at(i); i++) {
		const struct layout *layout = layout_at(i);
#define T(name) layout_trait(layout, TRAIT_##name)
		CHECK_EQ(T(LNOTAB) + T(PEP626) + T(LOCATIONS), 1);
		CHECK_EQ(T(DICT_SPLIT_BARE_VALUES) + T(DICT_VALUES_PREFIX) + T(DICT_VALUES_HEADER), 1);
		CHECK_EQ(T(MANAGED_DICT_TWO_WORDS) + T(MANAGED_DICT_TAGGED) + T(MANAGED_DICT_INLINE), T(KEYS_LOG2));
		CHECK_EQ(T(GEN_STATE_V1) + T(GEN_STATE_V2) + T(GEN_STATE_V3),
			 layout_has(layout, FIELD_PyGenObject_gi_iframe));
		CHECK_EQ(T(LASTI_BYTES) + T(LASTI_UNITS), layout_has(layout, FIELD_PyFrameObject_f_lasti));
		CHECK_EQ(T(LONG_TAG), layout_has(layout, FIELD_PyLongObject_lv_tag));
		CHECK_EQ(T(STR_WSTR), layout_has(layout, FIELD_PyASCIIObject_wstr));
		CHECK_EQ(T(KEYS_LOG2), layout_has(layout, FIELD_PyDictKeysObject_dk_log2_size));
		CHECK_EQ(T(CFRAME), layout_has(layout, FIELD__PyCFrame_current_frame));
		CHECK_EQ(T(INTERP_GC), layout_has(layout, FIELD_PyInterpreterState_gc_generations));
		CHECK_EQ(!T(INTERP_GC), layout_has(layout, FIELD__PyRuntimeState_gc_generations));
		CHECK_EQ(T(INTERP_GIL), layout_has(layout, FIELD_PyInterpreterState_ceval_gil));
		CHECK_EQ(!T(INTERP_GIL), layout_has(layout, FIELD__PyRuntimeState_ceval_gil));
		CHECK_EQ(T(STATIC_TYPE_STATE), layout_has(layout, FIELD_managed_static_type_state_tp_dict));
#undef T
	}
}

static void test_find(void)
{
	static const uint32_t measured[] = {HEX(3, 8, 18), HEX(3, 9, 2),   HEX(3, 9, 18), HEX(3, 10, 13),
					    HEX(3, 11, 2), HEX(3, 11, 7),  HEX(3, 12, 1), HEX(3, 13, 0),
					    HEX(3, 13, 5), HEX(3, 13, 15), HEX(3, 13, 18)};

	for (size_t i = 0; i < sizeof(measured) / sizeof(measured[0]); i++) {
		const struct layout *layout = find(measured[i]);
		CHECK(layout->range.first <= measured[i] && measured[i] <= layout->range.last);
	}
	CHECK_TEXT(find(HEX(3, 8, 0))->name, "3.8");
	CHECK_TEXT(find(HEX(3, 11, 2))->name, "3.11");
	CHECK_TEXT(find(HEX(3, 11, 255))->name, "3.11");
	CHECK_TEXT(find(HEX(3, 13, 0))->source, "3.13.0 x86_64 release");
	CHECK_TEXT(find(HEX(3, 13, 1))->source, "3.13.5 x86_64 release");
	CHECK_TEXT(find(HEX(3, 13, 12))->source, "3.13.5 x86_64 release");
	CHECK_TEXT(find(HEX(3, 13, 13))->source, "3.13.15 x86_64 release");

	CHECK(!layout_find(HEX(3, 7, 16), EM_X86_64, false, false));
	CHECK(!layout_find(0x030d00c3, EM_X86_64, false, false)); /* 3.13.0rc3 */
	CHECK(!layout_find(HEX(4, 0, 0), EM_X86_64, false, false));
	CHECK(!layout_find(0, EM_X86_64, false, false));
	CHECK(!layout_find(UINT32_MAX, EM_X86_64, false, false));
	CHECK(!layout_find(HEX(3, 11, 7), EM_AARCH64, false, false));
	CHECK(!layout_find(HEX(3, 11, 7), EM_X86_64, true, false));
	CHECK(!layout_find(HEX(3, 13, 0), EM_X86_64, false, true));

	CHECK(!layout_find_next(find(HEX(3, 11, 2)), HEX(3, 11, 2)));
	CHECK(!layout_find_next(find(HEX(3, 13, 0)), HEX(3, 13, 0)));
	const struct layout *debian = layout_find_next(find(HEX(3, 13, 5)), HEX(3, 13, 5));
	CHECK(debian && strstr(debian->source, "Debian"));
	CHECK(debian && !layout_find_next(debian, HEX(3, 13, 5)));
}

static void test_by_name(void)
{
	static const char *const wrong[] = {"",      "3",        "3.",    ".11",     "3.7",   "3.11t",  "3.11d",
					    "3.11.", "3.11.7.1", "3.11x", "3.11.7 ", " 3.11", "3.999",  "3.4294967307",
					    "-3.11", "3.11.256", "v3.11", "2.7",     "3.-11", "3.13td", "3.13dt"};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		CHECK(!layout_by_name(wrong[i], EM_X86_64));
	CHECK(layout_by_name("3.11", EM_X86_64) == find(HEX(3, 11, 7)));
	CHECK(layout_by_name("3.11.2", EM_X86_64) == find(HEX(3, 11, 2)));
	CHECK(layout_by_name("3.8", EM_X86_64) == find(HEX(3, 8, 18)));
	CHECK(layout_by_name("3.13", EM_X86_64) == find(HEX(3, 13, 99)));
	CHECK(layout_by_name("3.13.0", EM_X86_64) == find(HEX(3, 13, 0)));
	CHECK(!layout_by_name("3.11", EM_AARCH64));
}

static void test_nearest(void)
{
	CHECK_TEXT(layout_nearest(0)->name, "3.8");
	CHECK_TEXT(layout_nearest(HEX(3, 7, 16))->name, "3.8");
	CHECK_TEXT(layout_nearest(HEX(3, 10, 3))->name, "3.10");
	CHECK_TEXT(layout_nearest(0x030d00c3)->source, "3.13.0 x86_64 release");
	CHECK(layout_nearest(UINT32_MAX) == layout_nearest(HEX(4, 0, 0)));
}

/* Facts by version: where a field is, or -1 where the version does not have it. */
static void test_facts(void)
{
	static const struct {
		enum layout_field field;
		int offsets[6]; /* 3.8.18 3.9.18 3.10.13 3.11.7 3.12.1 3.13.0 */
	} facts[] = {
		{FIELD_PyLongObject_lv_tag, {-1, -1, -1, -1, 16, 16}},
		{FIELD_PyFunctionObject_func_code, {16, 16, 48, 48, 48, 48}},
		{FIELD_PyFunctionObject_func_builtins, {-1, -1, 24, 24, 24, 24}},
		{FIELD_PyFunctionObject_func_typeparams, {-1, -1, -1, -1, 120, 120}},
		{FIELD_PyDictKeysObject_dk_size, {8, 8, 8, -1, -1, -1}},
		{FIELD_PyDictKeysObject_dk_kind, {-1, -1, -1, 10, 10, 10}},
		{FIELD_PyDictKeysObject_dk_indices, {40, 40, 40, 32, 32, 32}},
		{FIELD_PyDictKeysObject_dk_nentries, {32, 32, 32, 24, 24, 24}},
		{FIELD_PyDictValues_values, {-1, -1, -1, 0, 0, 8}},
		{FIELD_PyDictValues_valid, {-1, -1, -1, -1, -1, 3}},
		{FIELD_PyCodeObject_co_lnotab, {120, 120, -1, -1, -1, -1}},
		{FIELD_PyCodeObject_co_code_adaptive, {-1, -1, -1, 184, 192, 200}},
		{FIELD__PyInterpreterFrame_f_code, {-1, -1, -1, 32, 0, -1}},
		{FIELD__PyInterpreterFrame_f_executable, {-1, -1, -1, -1, -1, 0}},
		{FIELD__PyInterpreterFrame_localsplus, {-1, -1, -1, 72, 72, 72}},
		{FIELD__PyInterpreterFrame_owner, {-1, -1, -1, 69, 70, 70}},
		{FIELD_PyGenObject_gi_frame_state, {-1, -1, -1, 75, 67, 67}},
		{FIELD_PyGenObject_gi_iframe, {-1, -1, -1, 80, 72, 72}},
		{FIELD_PyGenObject_gi_frame, {16, 16, 16, -1, -1, -1}},
		{FIELD_PyFrameObject_f_localsplus, {360, 360, 352, -1, -1, -1}},
		{FIELD_PyBaseExceptionObject_notes, {-1, -1, -1, 32, 32, 32}},
		{FIELD_PyBaseExceptionObject_traceback, {32, 32, 32, 40, 40, 40}},
		{FIELD_PyHeapTypeObject_ht_cached_keys, {872, 864, 872, 872, 880, 880}},
		{FIELD_PyHeapTypeObject_ht_module, {-1, 872, 880, 880, 888, 888}},
		{FIELD_PyThreadState_frame, {24, 24, 24, -1, -1, -1}},
		{FIELD_PyThreadState_current_frame, {-1, -1, -1, -1, -1, 72}},
		{FIELD_PyASCIIObject_state, {32, 32, 32, 32, 32, 32}},
		{FIELD_PyASCIIObject_wstr, {40, 40, 40, 40, -1, -1}},
		{FIELD_PyUnicodeObject_data, {72, 72, 72, 72, 56, 56}},
		{FIELD_PyByteArrayObject_ob_start, {40, 40, 40, 40, 40, 40}},
		{FIELD__gil_runtime_state_last_holder, {8, 8, 8, 8, 8, 8}},
		{FIELD__gil_runtime_state_locked, {16, 16, 16, 16, 16, 16}},
		{FIELD__PyRuntimeState_debug_offsets, {-1, -1, -1, -1, -1, 0}},
	};
	static const uint32_t versions[] = {HEX(3, 8, 18), HEX(3, 9, 18), HEX(3, 10, 13),
					    HEX(3, 11, 7), HEX(3, 12, 1), HEX(3, 13, 0)};

	for (size_t i = 0; i < sizeof(facts) / sizeof(facts[0]); i++)
		for (size_t v = 0; v < 6; v++) {
			const struct layout *layout = find(versions[v]);
			bool has = layout_has(layout, facts[i].field);
			int64_t offset = has ? (int64_t)layout_offset(layout, facts[i].field) : -1;
			if (offset != facts[i].offsets[v])
				printf("%s %s\n", layout->name, layout_field_name(facts[i].field));
			CHECK_EQ(offset, facts[i].offsets[v]);
		}
}

/* interned:2 kind:3 compact:1 ascii:1, of the 32-bit word. CPython 3.8 to 3.13, Include/cpython/unicodeobject.h */
static void test_bits(void)
{
	static const struct {
		enum layout_field field;
		uint8_t bit, width;
	} bits[] = {
		{FIELD_PyASCIIObject_interned, 0, 2},
		{FIELD_PyASCIIObject_kind, 2, 3},
		{FIELD_PyASCIIObject_compact, 5, 1},
		{FIELD_PyASCIIObject_ascii, 6, 1},
	};

	for (size_t i = 0; layout_at(i); i++) {
		const struct layout *layout = layout_at(i);
		for (size_t b = 0; b < sizeof(bits) / sizeof(bits[0]); b++) {
			const struct layout_place *place = &layout->fields[bits[b].field];
			CHECK_EQ(place->offset_plus_1, 32 + 1);
			CHECK_EQ(place->bit, bits[b].bit);
			CHECK_EQ(place->width, bits[b].width);
		}
		CHECK_EQ(layout_has(layout, FIELD_PyASCIIObject_ready), layout_trait(layout, TRAIT_STR_WSTR));
		CHECK_EQ(layout_has(layout, FIELD_PyASCIIObject_statically_allocated),
			 !layout_trait(layout, TRAIT_STR_WSTR));
		CHECK_EQ(layout->fields[FIELD_PyASCIIObject_state].width, 0);
	}
}

/* What micro versions and Debian's patch of 3.13 move. */
static void test_3_13(void)
{
	const struct layout *first = find(HEX(3, 13, 0)), *second = find(HEX(3, 13, 5)), *third = find(HEX(3, 13, 18));
	const struct layout *debian = layout_find_next(third, HEX(3, 13, 18));

	CHECK(layout_has(first, FIELD_lockobject_locked) && !layout_has(first, FIELD_lockobject_lock));
	CHECK(!layout_has(second, FIELD_lockobject_locked) && layout_has(second, FIELD_lockobject_lock));
	CHECK(!layout_has(second, FIELD_PyThreadState_datastack_cached_chunk));
	CHECK_EQ(second->structs[STRUCT_PyThreadState], 304);
	CHECK_EQ(third->structs[STRUCT_PyThreadState], 312);
	CHECK(layout_has(third, FIELD_PyBaseExceptionGroupObject_excs_str));
	CHECK_EQ(layout_offset(third, FIELD__gc_runtime_state_generations), 24);
	CHECK(debian && layout_offset(debian, FIELD__gc_runtime_state_generations) == 20);
	for (size_t i = 0; layout_at(i); i++) {
		const struct layout *layout = layout_at(i);
		if (layout_has(layout, FIELD_PyInterpreterState_gc))
			CHECK_EQ(layout_offset(layout, FIELD_PyInterpreterState_gc) +
					 layout_offset(layout, FIELD__gc_runtime_state_generations),
				 layout_offset(layout, FIELD_PyInterpreterState_gc_generations));
	}
}

static void test_names(void)
{
	CHECK_TEXT(layout_field_name(FIELD_PyListObject_ob_item), "PyListObject.ob_item");
	CHECK_TEXT(layout_field_name(FIELD__PyRuntimeState_interpreters_head), "_PyRuntimeState.interpreters_head");
	CHECK_TEXT(layout_struct_name(STRUCT_PyDictKeysObject), "PyDictKeysObject");
	for (int f = 0; f < LAYOUT_FIELD_COUNT; f++)
		CHECK(layout_field_name((enum layout_field)f) != NULL);
	for (int s = 0; s < LAYOUT_STRUCT_COUNT; s++)
		CHECK(layout_struct_name((enum layout_struct)s) != NULL);
}

int main(void)
{
	test_places();
	test_header();
	test_ranges();
	test_traits();
	test_exclusive_traits();
	test_find();
	test_by_name();
	test_nearest();
	test_facts();
	test_bits();
	test_3_13();
	test_names();
	return check_report();
}
