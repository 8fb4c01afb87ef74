/*
 * Where the fields of CPython's structures are, in the target's terms. Pure data and its lookup: fields.def lists
 * every field that any decoder uses, one .def file a version gives their offsets, tools/mklayout writes those files
 * from the DWARF of a real interpreter. A field that a version does not have is absent, not zero.
 * Reads no memory; compares versions, which no layer to the right of runtime/ does.
 */
#ifndef LAYOUT_LAYOUT_H
#define LAYOUT_LAYOUT_H

#include "base/status.h"

/* FIELD_PyListObject_ob_item, … and STRUCT_PyListObject, … A member of a member is joined by an underscore:
 * FIELD(_PyRuntimeState, interpreters_head, "interpreters.head"). */
enum layout_field {
#define STRUCT(structure, c_name)
#define FIELD(structure, field, c_path) FIELD_##structure##_##field,
#include "layout/fields.def"
#undef STRUCT
#undef FIELD
	LAYOUT_FIELD_COUNT
};

enum layout_struct {
#define STRUCT(structure, c_name) STRUCT_##structure,
#define FIELD(structure, field, c_path)
#include "layout/fields.def"
#undef STRUCT
#undef FIELD
	LAYOUT_STRUCT_COUNT
};

/* How a field is stored: its offset + 1 (0: absent), so that a zeroed row means "this version has none". */
struct layout_place {
	uint32_t offset_plus_1;
	uint32_t size; /* bytes; of the storage unit for a bit-field; 0 for a flexible array */
	uint8_t bit;   /* bit-fields: first bit of the unit, from its least significant end */
	uint8_t width; /* bit-fields: bits; 0 for an ordinary field */
};

/* Changes of meaning that no offset shows. Each names the CPython version that made it. */
enum layout_trait {
#define TRAIT(name, first, last) TRAIT_##name,
#include "layout/traits.def"
#undef TRAIT
	LAYOUT_TRAIT_COUNT
};

/* A range of PY_VERSION_HEX, both ends included. */
struct layout_range {
	uint32_t first, last;
};

/* Where each trait holds. */
extern const struct layout_range layout_traits[LAYOUT_TRAIT_COUNT];

struct layout {
	const char *name;          /* "3.11" */
	const char *source;        /* the build that it was made from: "3.11.7 x86_64 release" */
	struct layout_range range; /* the versions that it holds for */
	uint32_t source_hex;       /* PY_VERSION_HEX of that build */
	unsigned machine;          /* ELF e_machine */
	unsigned pointer_size;
	bool big_endian, debug, free_threaded;
	bool also[LAYOUT_TRAIT_COUNT];         /* traits that a later version or a distribution brought back to it */
	uint32_t structs[LAYOUT_STRUCT_COUNT]; /* sizeof, 0: absent */
	struct layout_place fields[LAYOUT_FIELD_COUNT];
};

/* The layout for a version, machine and flavour; NULL when there is none. */
const struct layout *layout_find(uint32_t version_hex, unsigned machine, bool debug, bool free_threaded);
/* The layouts that may hold for a version, machine and free-threading, one after another: previous is NULL at first, the
 * answer NULL when there are no more. They differ in Py_DEBUG, a distribution's patches, and where a version moved
 * fields within a range that was measured at its ends only. Whoever proves a layout on a target tries them in turn. */
const struct layout *layout_find_next(const struct layout *previous, uint32_t version_hex, unsigned machine,
				      bool free_threaded);
/* By the name that --python takes: X.Y (the newest layout of that series) or X.Y.Z, then "t" if free-threaded, "d" if
 * a debug build. NULL when there is none for this machine. */
const struct layout *layout_by_name(const char *name, unsigned machine);
/* The index-th layout, oldest first; NULL past the end. */
const struct layout *layout_at(size_t index);
/* The known layout whose version is nearest, for messages; never NULL. */
const struct layout *layout_nearest(uint32_t version_hex);

static inline bool layout_has(const struct layout *layout, enum layout_field field)
{
	return layout->fields[field].offset_plus_1 != 0;
}

/* Only for a field that the layout has. */
static inline uint32_t layout_offset(const struct layout *layout, enum layout_field field)
{
	return layout->fields[field].offset_plus_1 - 1;
}

/* Does the trait hold? A layout's range lies wholly inside or wholly outside the trait's. */
static inline bool layout_trait(const struct layout *layout, enum layout_trait trait)
{
	return (layout->range.first >= layout_traits[trait].first &&
		layout->range.first <= layout_traits[trait].last) ||
	       layout->also[trait];
}

/* "PyListObject.ob_item" and "PyListObject", for messages; static strings. */
const char *layout_field_name(enum layout_field field);
const char *layout_struct_name(enum layout_struct structure);
/* The structure that a field belongs to. */
enum layout_struct layout_field_struct(enum layout_field field);
/* The file of CPython's sources that defines a structure in this layout's version ("Include/object.h"); NULL when
 * headers.def does not say. A static string. */
const char *layout_header(const struct layout *layout, enum layout_struct structure);
/* What CPython calls a bit of tp_flags in this layout's version, without Py_TPFLAGS_ ("HEAPTYPE"); NULL when it has no
 * name. A static string. */
const char *layout_type_flag(const struct layout *layout, unsigned bit);

#endif
