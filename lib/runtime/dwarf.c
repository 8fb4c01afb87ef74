/*
 * A layout out of the target's own debug information: each structure and field of fields.def, looked up by its name.
 * Knows DWARF through libdw, and of CPython only these names.
 */
#include "base/map.h"
#include "base/memory.h"
#include "runtime/internal.h"
#include "target/elf_file.h"
#include "target/module.h"

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <stdio.h>
#include <string.h>

static const char *const struct_names[LAYOUT_STRUCT_COUNT] = {
#define STRUCT(structure, c_name) [STRUCT_##structure] = (c_name),
#define FIELD(structure, field, c_path)
#include "layout/fields.def"
#undef STRUCT
#undef FIELD
};

static const struct {
	const char *path;
	enum layout_struct structure;
} field_paths[LAYOUT_FIELD_COUNT] = {
#define STRUCT(structure, c_name)
#define FIELD(structure, field, c_path) [FIELD_##structure##_##field] = {(c_path), STRUCT_##structure},
#include "layout/fields.def"
#undef STRUCT
#undef FIELD
};

enum {
	DEPTH_MAX = 16,     /* of types in types */
	MEMBERS_MAX = 4096, /* of one structure */
	TREES_MAX = 1 << 22,
	FILE_MAX = 1 << 30,
	FORMS_MAX = 4, /* definitions of one name that differ in size */
};

/* What of fields.def belongs to one structure, and what was found of it. */
struct wanted {
	enum layout_field first; /* its fields follow one another in fields.def */
	size_t count;
	uint64_t sizes[FORMS_MAX]; /* of the definitions that were measured */
	size_t size_count;
	size_t found; /* fields of the best one */
	int rank;     /* which of its names that one has: "a|b" prefers a */
};

struct dwarf {
	struct layout *layout;
	struct wanted wanted[LAYOUT_STRUCT_COUNT];
	struct map names; /* FNV-1a of a name → 1 + index of struct | rank << 16 */
};

/* ---- Names ------------------------------------------------------------------------------------------------- */

static uint64_t hash_name(const char *name, size_t length)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < length; i++)
		hash = (hash ^ (unsigned char)name[i]) * UINT64_C(0x100000001b3);
	return hash ? hash : 1;
}

static enum cpeek_status collect_names(struct dwarf *dwarf)
{
	for (uint32_t i = 0; i < LAYOUT_STRUCT_COUNT; i++) {
		uint64_t rank = 0;
		for (const char *at = struct_names[i]; *at; at += strcspn(at, "|"), at += *at == '|', rank++) {
			uint64_t *value = map_put(&dwarf->names, hash_name(at, strcspn(at, "|")));
			if (!value)
				return CPEEK_NO_MEMORY;
			*value = (uint64_t)i + 1 + (rank << 16);
		}
	}
	for (int i = 0; i < LAYOUT_FIELD_COUNT; i++) {
		struct wanted *wanted = &dwarf->wanted[field_paths[i].structure];
		if (wanted->count++ == 0)
			wanted->first = (enum layout_field)i;
	}
	return CPEEK_OK;
}

/* ---- Members ----------------------------------------------------------------------------------------------- */

static bool get_number(Dwarf_Die *die, unsigned name, uint64_t *ret)
{
	Dwarf_Attribute attribute;
	Dwarf_Word value;

	if (!dwarf_attr_integrate(die, name, &attribute) || dwarf_formudata(&attribute, &value) != 0)
		return false;
	*ret = value;
	return true;
}

/* DW_AT_data_member_location is a number or, in old producers, an expression that adds one. */
static uint64_t member_offset(Dwarf_Die *member)
{
	Dwarf_Attribute attribute;
	Dwarf_Op *operations;
	uint64_t value;
	size_t count;

	if (get_number(member, DW_AT_data_member_location, &value))
		return value;
	if (dwarf_attr(member, DW_AT_data_member_location, &attribute) &&
	    dwarf_getlocation(&attribute, &operations, &count) == 0 && count == 1 &&
	    operations[0].atom == DW_OP_plus_uconst)
		return operations[0].number;
	return 0; /* of a union */
}

static bool member_type(Dwarf_Die *member, Dwarf_Die *ret)
{
	Dwarf_Attribute attribute;
	Dwarf_Die type;

	return dwarf_attr_integrate(member, DW_AT_type, &attribute) && dwarf_formref_die(&attribute, &type) &&
	       dwarf_peel_type(&type, ret) == 0;
}

/* The member of a name, and how many bits into the structure it begins; also one of a member without a name. */
static bool find_member(Dwarf_Die *structure, const char *name, size_t length, int depth, Dwarf_Die *ret,
			uint64_t *ret_offset)
{
	Dwarf_Die member, inner;
	int count = 0;

	if (depth == DEPTH_MAX || dwarf_child(structure, &member) != 0)
		return false;
	do {
		if (dwarf_tag(&member) != DW_TAG_member)
			continue;
		const char *is = dwarf_diename(&member);
		if (is && strlen(is) == length && memcmp(is, name, length) == 0) {
			*ret = member;
			*ret_offset = member_offset(&member);
			return true;
		}
		if (!is && member_type(&member, &inner) &&
		    find_member(&inner, name, length, depth + 1, ret, ret_offset)) {
			*ret_offset += member_offset(&member);
			return true;
		}
	} while (++count < MEMBERS_MAX && dwarf_siblingof(&member, &member) == 0);
	return false;
}

/* A bit-field lies in a storage unit of its type's size. bit counts from the least significant end. */
static struct layout_place place_bits(Dwarf_Die *member, uint64_t offset, uint64_t size, uint64_t width,
				      bool big_endian)
{
	uint64_t position = offset * 8, value;

	if (get_number(member, DW_AT_data_bit_offset, &value)) {
		position += value;
	} else if (get_number(member, DW_AT_bit_offset, &value)) { /* to DWARF 3: from the most significant end */
		position += big_endian ? value : size * 8 - value - width;
	}
	const uint64_t unit = size * 8, bit = position % unit;
	return (struct layout_place){
		.offset_plus_1 = (uint32_t)(position / unit * size + 1),
		.size = (uint32_t)size,
		.bit = (uint8_t)(big_endian ? unit - bit - width : bit),
		.width = (uint8_t)width,
	};
}

/* "a.b" of a structure. */
static bool find_place(Dwarf_Die structure, const char *path, size_t length, bool big_endian, struct layout_place *ret)
{
	uint64_t offset = 0, inner, width;
	Dwarf_Die member, type = structure;
	Dwarf_Word size = 0;

	for (const char *at = path; at < path + length;) {
		const size_t name = strcspn(at, ".|");
		if (!find_member(&type, at, name, 0, &member, &inner) || !member_type(&member, &type))
			return false;
		offset += inner;
		at += name + 1;
	}
	if (dwarf_aggregate_size(&type, &size) != 0)
		size = 0; /* a flexible array */
	if (offset >= UINT32_MAX || size > UINT32_MAX)
		return false;
	if (get_number(&member, DW_AT_bit_size, &width)) {
		if (size == 0 || size > 8 || width == 0 || width > size * 8)
			return false;
		*ret = place_bits(&member, offset, size, width, big_endian);
	} else {
		*ret = (struct layout_place){.offset_plus_1 = (uint32_t)offset + 1, .size = (uint32_t)size};
	}
	return true;
}

/* ---- Structures -------------------------------------------------------------------------------------------- */

/* Takes a definition if it has more of the fields than the one before. */
static void measure(struct dwarf *dwarf, enum layout_struct structure, int rank, Dwarf_Die *type, uint64_t size)
{
	struct wanted *wanted = &dwarf->wanted[structure];
	struct layout *layout = dwarf->layout;
	struct layout_place places[256] = {0};
	size_t found = 0;

	if (wanted->count > sizeof(places) / sizeof(*places))
		return;
	for (size_t i = 0; i < wanted->count; i++) {
		const char *path = field_paths[wanted->first + i].path;
		bool is_there = false;
		for (; *path && !is_there; path += strcspn(path, "|"), path += *path == '|')
			is_there = find_place(*type, path, strcspn(path, "|"), layout->big_endian, &places[i]);
		found += is_there;
	}
	if (found == 0 || (wanted->found && (rank > wanted->rank || (rank == wanted->rank && found <= wanted->found))))
		return;
	wanted->found = found;
	wanted->rank = rank;
	layout->structs[structure] = (uint32_t)size;
	memcpy(&layout->fields[wanted->first], places, wanted->count * sizeof(*places));
}

static bool is_measured(struct wanted *wanted, uint64_t size)
{
	for (size_t i = 0; i < wanted->size_count; i++)
		if (wanted->sizes[i] == size)
			return true;
	if (wanted->size_count == FORMS_MAX)
		return true;
	wanted->sizes[wanted->size_count++] = size;
	return false;
}

static void look_at(struct dwarf *dwarf, Dwarf_Die *die)
{
	const int tag = dwarf_tag(die);
	Dwarf_Die type = *die;
	Dwarf_Word size;

	if (tag != DW_TAG_structure_type && tag != DW_TAG_union_type && tag != DW_TAG_typedef)
		return;
	const char *name = dwarf_diename(die);
	const uint64_t *value = name ? map_find(&dwarf->names, hash_name(name, strlen(name))) : NULL;
	if (!value)
		return;
	if (tag == DW_TAG_typedef && dwarf_peel_type(die, &type) != 0)
		return;
	const int kind = dwarf_tag(&type);
	if ((kind != DW_TAG_structure_type && kind != DW_TAG_union_type) || dwarf_hasattr(&type, DW_AT_declaration) ||
	    dwarf_aggregate_size(&type, &size) != 0 || size > UINT32_MAX)
		return;
	const enum layout_struct structure = (enum layout_struct)((*value & 0xffff) - 1);
	if (!is_measured(&dwarf->wanted[structure], size))
		measure(dwarf, structure, (int)(*value >> 16), &type, size);
}

/* The definitions at the top of each unit, where C has them. */
static void walk(struct dwarf *dwarf, Dwarf *debug)
{
	Dwarf_CU *unit = NULL;
	Dwarf_Die die, child;
	uint8_t unit_type;
	size_t count = 0;

	while (dwarf_get_units(debug, unit, &unit, NULL, &unit_type, &die, NULL) == 0) {
		if (dwarf_child(&die, &child) != 0)
			continue;
		do
			look_at(dwarf, &child);
		while (++count < TREES_MAX && dwarf_siblingof(&child, &child) == 0);
	}
}

/* libdw unpacks compressed sections in place, and needs bytes that it may write to: the file's own are mapped
 * read-only. */
static enum cpeek_status read_file(struct dwarf *dwarf, const struct elf_file *file)
{
	if (!file || !file->elf || file->size > FILE_MAX)
		return CPEEK_OK;
	char *bytes = memory_alloc(file->size);
	if (!bytes)
		return CPEEK_NO_MEMORY;
	memcpy(bytes, file->bytes, file->size);
	Elf *elf = elf_memory(bytes, file->size);
	Dwarf *debug = elf ? dwarf_begin_elf(elf, DWARF_C_READ, NULL) : NULL;
	if (debug)
		walk(dwarf, debug);
	dwarf_end(debug);
	elf_end(elf);
	memory_free(bytes);
	return CPEEK_OK;
}

static enum cpeek_status read_module(struct dwarf *dwarf, struct target *target, const struct target_module *module)
{
	const struct elf_file *separate = NULL;

	TRY(target_load_module(target, module));
	if (!module->usable)
		return CPEEK_OK;
	TRY(read_file(dwarf, module->elf));
	TRY(module_load_debug(target, &target->modules[module - target->modules], &separate));
	return read_file(dwarf, separate);
}

/* An extension module's file is called NAME.cpython-313-x86_64-linux-gnu.so, NAME.abi3.so or lies in lib-dynload. */
static bool is_extension(const struct target_module *module)
{
	return strstr(module->path, ".cpython-") || strstr(module->path, "/lib-dynload/");
}

enum cpeek_status dwarf_read_layout(struct target *target, const struct target_module *module, struct layout *layout)
{
	struct dwarf *dwarf = memory_calloc(1, sizeof(*dwarf));

	if (!dwarf)
		return CPEEK_NO_MEMORY;
	dwarf->layout = layout;
	enum cpeek_status status = collect_names(dwarf);
	if (status == CPEEK_OK)
		status = read_module(dwarf, target, module);
	if (status == CPEEK_OK && !layout->structs[STRUCT_PyObject])
		status = CPEEK_NOT_FOUND;
	for (size_t i = 0; i < target->module_count && status == CPEEK_OK; i++)
		if (is_extension(&target->modules[i]))
			status = read_module(dwarf, target, &target->modules[i]);
	map_deinit(&dwarf->names);
	memory_free(dwarf);
	return status;
}
