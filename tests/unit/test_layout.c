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

/* What every build has alike, in words of its machine. */
static void test_header(void)
{
	size_t i;

	for (i = 0; layout_at(i); i++) {
		const struct layout *layout = layout_at(i);
		const unsigned word = layout->pointer_size;
		const bool is_32 = layout->machine == EM_386 || layout->machine == EM_ARM;
		/* Py_TRACE_REFS links all objects in debug builds, to 3.7; free-threaded ones have owners and more. */
		const bool linked = layout->debug && layout->range.last < 0x03080000;
		const unsigned header = (linked || layout->free_threaded ? 4 : 2) * word;
		const unsigned tuple_hash = layout->range.first >= 0x030e0000 ? word : 0;

		CHECK_EQ(word, is_32 ? 4 : 8);
		CHECK_EQ(layout->big_endian, layout->machine == EM_S390);
		CHECK_EQ(layout->structs[STRUCT_PyObject], header);
		CHECK_EQ(layout->structs[STRUCT_PyVarObject], header + word);
		/* To 3.7 it held gc_refs too, and ended as its aligner did: a double, or a long double later. */
		const uint32_t gc_head = layout->structs[STRUCT_PyGC_Head];
		CHECK(layout->range.last < 0x03080000 ? gc_head == 24 || gc_head == 32 : gc_head == 2 * word);
		CHECK_EQ(layout->structs[STRUCT_setentry], 2 * word);
		CHECK_EQ(layout->structs[STRUCT_PyDictKeyEntry], 3 * word);
		CHECK_EQ(layout_offset(layout, FIELD_PyObject_ob_type), header - word);
		CHECK_EQ(layout_offset(layout, FIELD_PyVarObject_ob_size), header);
		CHECK_EQ(layout_offset(layout, FIELD_PyTypeObject_tp_name), header + word);
		CHECK_EQ(layout_offset(layout, FIELD_PyListObject_ob_item), header + word);
		CHECK_EQ(layout_offset(layout, FIELD_PyTupleObject_ob_item), header + word + tuple_hash);
		CHECK_EQ(layout_offset(layout, FIELD_PyFloatObject_ob_fval), header);
		CHECK_EQ(layout_offset(layout, FIELD_PyLongObject_ob_digit), header + word);
		CHECK_EQ(layout_offset(layout, FIELD_PyThreadState_interp), 2 * word);
		CHECK_EQ(layout_has(layout, FIELD_PyObject_ob_refcnt), !layout->free_threaded);
		CHECK_EQ(layout_has(layout, FIELD_PyObject_ob_ref_shared), layout->free_threaded);
		CHECK(layout->name && layout->source && strstr(layout->source, layout->name) == layout->source);
	}
	CHECK(i >= 6);
	CHECK(layout_at(i + 1) == NULL);
	CHECK(layout_at(SIZE_MAX) == NULL);
}

/* A layout stands for versions of the series that its build is of. */
static void test_ranges(void)
{
	for (size_t i = 0; layout_at(i); i++) {
		const struct layout *layout = layout_at(i);
		CHECK(layout->range.first <= layout->range.last);
		CHECK_EQ(layout->range.first >> 16, layout->source_hex >> 16);
		CHECK_EQ(layout->range.first >> 16, layout->range.last >> 16);
	}
}

/* The layouts that one version may have come in the table's order: release first, and each once. */
static void test_find_next(void)
{
	static const struct {
		uint32_t version;
		const char *sources;
	} expected[] = {
		{HEX(3, 10, 4), "3.10.4 Ubuntu x86_64 release|3.10.4 Ubuntu x86_64 debug|"},
		{HEX(3, 13, 0), "3.13.0 x86_64 release|"},
		{HEX(3, 13, 5), "3.13.5 x86_64 release|3.13.5 Debian x86_64 release|3.13.5 Debian x86_64 debug|"},
		{HEX(3, 14, 3), "3.14.0 Ubuntu x86_64 release|3.14.0 Ubuntu x86_64 debug|"
				"3.14.4 Ubuntu x86_64 release|3.14.4 Ubuntu x86_64 debug|"},
		{HEX(4, 0, 0), ""},
	};

	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
		char sources[512] = "";
		const struct layout *layout = NULL;
		while ((layout = layout_find_next(layout, expected[i].version, EM_X86_64, false))) {
			strcat(sources, layout->source);
			strcat(sources, "|");
		}
		CHECK_TEXT(sources, expected[i].sources);
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
			CHECK(!(inside && layout_at(i)->also[t]));
			CHECK_EQ(layout_trait(layout_at(i), (enum layout_trait)t), inside || layout_at(i)->also[t]);
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
		/* 3.6 keeps them in static variables. */
		const bool runtime = layout->structs[STRUCT__PyRuntimeState] != 0;
		CHECK_EQ(T(INTERP_GC), layout_has(layout, FIELD_PyInterpreterState_gc_permanent_generation));
		CHECK_EQ(!T(INTERP_GC) && runtime, layout_has(layout, FIELD__PyRuntimeState_gc_permanent_generation));
		CHECK_EQ(T(INTERP_GIL), layout_has(layout, FIELD_PyInterpreterState_ceval_gil));
		CHECK_EQ(!T(INTERP_GIL) && runtime, layout_has(layout, FIELD__PyRuntimeState_ceval_gil));
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
	CHECK_TEXT(find(HEX(3, 6, 9))->name, "3.6");
	/* Where a micro version moved a field, or changed what it means. */
	CHECK(find(HEX(3, 10, 5)) != find(HEX(3, 10, 6)));
	CHECK(find(HEX(3, 12, 2)) != find(HEX(3, 12, 3)));
	CHECK(layout_trait(find(HEX(3, 7, 6)), TRAIT_PICKLE_FORGETS_PARTIAL));
	CHECK(!layout_trait(find(HEX(3, 7, 7)), TRAIT_PICKLE_FORGETS_PARTIAL));
	CHECK(layout_trait(find(HEX(3, 8, 2)), TRAIT_PICKLE_FORGETS_PARTIAL_3_8));
	CHECK(!layout_trait(find(HEX(3, 8, 3)), TRAIT_PICKLE_FORGETS_PARTIAL_3_8));
	CHECK_TEXT(find(HEX(3, 8, 0))->name, "3.8");
	CHECK_TEXT(find(HEX(3, 11, 2))->name, "3.11");
	CHECK_TEXT(find(HEX(3, 11, 255))->name, "3.11");
	CHECK_TEXT(find(HEX(3, 13, 0))->source, "3.13.0 x86_64 release");
	CHECK_TEXT(find(HEX(3, 13, 1))->source, "3.13.5 x86_64 release");
	CHECK_TEXT(find(HEX(3, 13, 12))->source, "3.13.5 x86_64 release");
	CHECK_TEXT(find(HEX(3, 13, 13))->source, "3.13.15 x86_64 release");

	CHECK(!layout_find(HEX(3, 5, 10), EM_X86_64, false, false));
	CHECK(!layout_find(0x030d00c3, EM_X86_64, false, false)); /* 3.13.0rc3 */
	CHECK(!layout_find(HEX(4, 0, 0), EM_X86_64, false, false));
	CHECK(!layout_find(0, EM_X86_64, false, false));
	CHECK(!layout_find(UINT32_MAX, EM_X86_64, false, false));
	CHECK(!layout_find(HEX(3, 10, 7), EM_RISCV, false, false));
	CHECK(!layout_find(HEX(3, 12, 7), EM_X86_64, false, true));
	CHECK(!layout_find(HEX(3, 13, 0), EM_X86_64, true, true));
}

static void test_by_name(void)
{
	static const char *const wrong[] = {"",      "3",        "3.",    ".11",     "3.5",   "3.11t",  "3.11td",
					    "3.11.", "3.11.7.1", "3.11x", "3.11.7 ", " 3.11", "3.999",  "3.4294967307",
					    "-3.11", "3.11.256", "v3.11", "2.7",     "3.-11", "3.12td", "3.13dt"};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		CHECK(!layout_by_name(wrong[i], EM_X86_64));
	CHECK(layout_by_name("3.11", EM_X86_64) == find(HEX(3, 11, 7)));
	CHECK(layout_by_name("3.11.2", EM_X86_64) == find(HEX(3, 11, 2)));
	CHECK(layout_by_name("3.8", EM_X86_64) == find(HEX(3, 8, 18)));
	CHECK(layout_by_name("3.13", EM_X86_64) == find(HEX(3, 13, 99)));
	CHECK(layout_by_name("3.13.0", EM_X86_64) == find(HEX(3, 13, 0)));
	CHECK(layout_by_name("3.13t", EM_X86_64)->free_threaded);
	CHECK(layout_by_name("3.11d", EM_X86_64)->debug);
	CHECK_TEXT(layout_by_name("3.13.5", EM_AARCH64)->source, "3.13.5 Debian aarch64 release");
	CHECK(!layout_by_name("3.10", EM_RISCV));
}

static void test_nearest(void)
{
	CHECK_TEXT(layout_nearest(0)->name, "3.6");
	CHECK_TEXT(layout_nearest(HEX(3, 5, 1))->name, "3.6");
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

/* interned:2 kind:3 compact:1 ascii:1, of a 32-bit word, from its least significant end; from its most significant on
 * big-endian machines. Free-threaded 3.14 gave interned a byte of its own. Include/cpython/unicodeobject.h, 3.6 to 3.15 */
static void test_bits(void)
{
	static const struct {
		enum layout_field field;
		uint8_t bit, width, late_bit;
	} bits[] = {
		{FIELD_PyASCIIObject_kind, 2, 3, 8},
		{FIELD_PyASCIIObject_compact, 5, 1, 11},
		{FIELD_PyASCIIObject_ascii, 6, 1, 12},
	};

	for (size_t i = 0; layout_at(i); i++) {
		const struct layout *layout = layout_at(i);
		const bool late = layout->free_threaded && layout->range.first >= 0x030e0000;
		for (size_t b = 0; b < sizeof(bits) / sizeof(bits[0]); b++) {
			const struct layout_place *place = &layout->fields[bits[b].field];
			const unsigned bit = late ? bits[b].late_bit : bits[b].bit;
			/* A unit may be a byte of the word: what counts is the bit in the word. */
			const unsigned at =
				place->offset_plus_1 - layout->fields[FIELD_PyASCIIObject_state].offset_plus_1;
			if (layout->big_endian)
				CHECK_EQ(8 * at + 8 * place->size - place->bit - place->width, bit);
			else
				CHECK_EQ(8 * at + place->bit, bit);
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
	const struct layout *debian = layout_find_next(third, HEX(3, 13, 18), EM_X86_64, false);

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
		/* The incremental and the free-threaded collectors have no array of them. */
		if (layout_has(layout, FIELD_PyInterpreterState_gc) &&
		    layout_has(layout, FIELD__gc_runtime_state_generations))
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
	test_find_next();
	test_by_name();
	test_nearest();
	test_facts();
	test_bits();
	test_3_13();
	test_names();
	return check_report();
}
