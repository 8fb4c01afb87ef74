/*
 * Classes explained: the memory of a type object, and what it says: flags by name, slots with the functions in them,
 * attributes with their kinds, the tables of its C code, subclasses, how its instances are laid out.
 */
#include "object/type_dissect.h"
#include "object/dict.h"
#include "object/dict_dissect.h"
#include "object/instance_dissect.h"
#include "object/lost_name.h"
#include "object/subclasses.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
	DEFINITIONS_MAX = 4096, /* of one tp_methods, tp_members, tp_getset */
	BASES_MAX = 512,
	FLAG_BITS = 64,
};

const char *type_flags_text(struct dissection *dissection, uint64_t flags)
{
	struct dissect_flag names[FLAG_BITS];
	size_t count = 0;

	for (unsigned bit = 0; bit < FLAG_BITS; bit++) {
		const char *name = layout_type_flag(dissection->objects->layout, bit);
		if (name)
			names[count++] = (struct dissect_flag){(uint64_t)1 << bit, name};
	}
	return dissect_flags(dissection, flags, names, count);
}

/* Include/methodobject.h; METH_FASTCALL is of 3.7, METH_METHOD of 3.9 */
const char *type_method_flags_text(struct dissection *dissection, uint64_t flags)
{
	static const struct dissect_flag names[] = {
		{0x1, "METH_VARARGS"},  {0x2, "METH_KEYWORDS"},  {0x4, "METH_NOARGS"},
		{0x8, "METH_O"},        {0x10, "METH_CLASS"},    {0x20, "METH_STATIC"},
		{0x40, "METH_COEXIST"}, {0x80, "METH_FASTCALL"}, {0x200, "METH_METHOD"},
	};

	return dissect_flags(dissection, flags, names, sizeof(names) / sizeof(*names));
}

static uint64_t read_field(const struct dissection *dissection, target_addr address, enum layout_field field)
{
	uint64_t value;

	return layout_has(dissection->objects->layout, field) &&
			       field_read(dissection->objects, address, field, &value) == CPEEK_OK
		       ? value
		       : 0;
}

/* A C string of the target; how its absence is told, if it cannot be read. */
static const char *cstring(struct dissection *dissection, target_addr address)
{
	char text[TYPE_NAME];

	if (!address)
		return "NULL";
	const enum cpeek_status status = target_read_cstring(dissection->objects->target, address, text, sizeof(text));
	if (status != CPEEK_OK && status != CPEEK_LIMIT)
		return dissect_text(dissection, "<unreadable 0x%" PRIx64 ">", address);
	return dissect_text(dissection, "%s%s", text, status == CPEEK_LIMIT ? "…" : "");
}

/* ---- Slots ---- */

struct slot {
	enum layout_struct structure;
	enum layout_field field, suite;
	const char *name;   /* "tp_repr" */
	const char *python; /* "__repr__|…" */
};

static const struct slot slots[] = {
#define SLOT(structure, field, suite, python)                                                                         \
	{STRUCT_##structure, FIELD_##structure##_##field, FIELD_PyTypeObject_##suite, #field, python},
#include "object/type_slots.def"
#undef SLOT
};

enum { SLOT_COUNT = sizeof(slots) / sizeof(*slots) };

/* Where a type has a slot; 0: nowhere. */
static target_addr slot_address(const struct dissection *dissection, target_addr type, const struct slot *slot)
{
	const struct layout *layout = dissection->objects->layout;
	target_addr structure = type;

	if (!layout_has(layout, slot->field))
		return 0;
	if (slot->structure != STRUCT_PyTypeObject)
		structure = read_field(dissection, type, slot->suite);
	return structure ? structure + layout_offset(layout, slot->field) : 0;
}

static target_addr slot_function(const struct dissection *dissection, target_addr type, const struct slot *slot)
{
	const target_addr at = slot_address(dissection, type, slot);
	target_addr function;

	return at && target_read_pointer(dissection->objects->target, at, &function) == CPEEK_OK ? function : 0;
}

/* An attribute along the MRO, and the class that has it. */
static bool find_in_mro(struct objects *objects, const struct type_list *mro, const char *name, target_addr *ret_class,
			target_addr *ret)
{
	for (size_t i = 0; i < mro->count; i++) {
		const struct type *type;
		target_addr dict;
		if (type_read(objects, mro->items[i], &type) == CPEEK_OK &&
		    type_find_dict(objects, type, &dict) == CPEEK_OK &&
		    dict_find(objects, dict, name, strlen(name), ret) == CPEEK_OK) {
			*ret_class = mro->items[i];
			return true;
		}
	}
	return false;
}

/* What a slot stands for, in Python's words: "int.__add__", "D.__repr__ (def)". NULL: nothing tells. A wrapper of C code
 * counts only if it wraps this very function. */
static const char *slot_meaning(struct dissection *dissection, const struct type_list *mro, const struct slot *slot,
				target_addr function)
{
	struct objects *objects = dissection->objects;
	const char *meaning = NULL;

	for (const char *at = slot->python; *at;) {
		char name[64];
		const size_t length = strcspn(at, "|");
		target_addr class, value;
		struct object found;
		if (length >= sizeof(name))
			break;
		memcpy(name, at, length);
		name[length] = '\0';
		at += length + (at[length] == '|');
		if (!find_in_mro(objects, mro, name, &class, &value) ||
		    object_read(objects, value, &found) != CPEEK_OK)
			continue;
		const char *kind = found.type->tp_name;
		const char *made = strcmp(kind, "function") == 0 ? " (def)" : "";
		if (strcmp(kind, "NoneType") == 0)
			made = " = None";
		else if (strcmp(kind, "wrapper_descriptor") == 0 &&
			 object_get(&found, FIELD_PyWrapperDescrObject_d_wrapped) != function)
			continue;
		meaning = dissect_text(dissection, "%s%s%s.%s%s", meaning ? meaning : "", meaning ? ", " : "",
				       type_name_text(dissection, class), name, made);
	}
	return meaning;
}

/* The farthest base on the chain of tp_base up to which all have this function. */
static const struct type *slot_origin(const struct dissection *dissection, const struct type *type,
				      const struct slot *slot, target_addr function)
{
	for (int i = 0; i < BASES_MAX && type->base_type; i++, type = type->base_type)
		if (slot_function(dissection, type->base_type->address, slot) != function)
			break;
	return type;
}

enum cpeek_status type_explain_slots(struct dissection *dissection, const struct type *type)
{
	struct type_list mro = {0};
	enum cpeek_status status = CPEEK_OK;
	uint64_t left_out = 0;

	if (type->mro)
		status = dissect_tolerate(dissection, type_read_list(dissection->objects, type->mro, &mro), "tp_mro");
	dissect_open_table(dissection, "Slots that are set: the functions of C that operations call");
	for (size_t i = 0; i < SLOT_COUNT && status == CPEEK_OK; i++) {
		const target_addr function = slot_function(dissection, type->address, &slots[i]);
		if (!function)
			continue;
		if (dissection->objects->cancelled &&
		    dissection->objects->cancelled(dissection->objects->cancelled_arg))
			status = CPEEK_CANCELLED;
		if (dissect_is_full(dissection)) {
			left_out++;
			continue;
		}
		const struct type *origin = slot_origin(dissection, type, &slots[i], function);
		const char *meaning = slot_meaning(dissection, &mro, &slots[i], function);
		dissect_cell_text(dissection, "slot", "%s", slots[i].name);
		dissect_cell(dissection, "address", DISSECT_POINTER, function);
		dissect_cell_text(dissection, "function", "%s", dissect_function(dissection, function));
		dissect_cell_text(dissection, "stands for", "%s", meaning ? meaning : "");
		dissect_cell_text(dissection, "from", "%s", origin == type ? "" : origin->name);
		dissect_end_row(dissection);
	}
	if (left_out)
		dissect_cut(dissection, left_out, "slots");
	VECTOR_DEINIT(&mro);
	return status;
}

/* ---- Attributes ---- */

/* What a value in a class's dict is, by its type. */
static const struct {
	const char *type, *kind;
} kinds[] = {
	{"function", "method"},
	{"staticmethod", "static method"},
	{"classmethod", "class method"},
	{"property", "property"},
	{"member_descriptor", "member"},
	{"getset_descriptor", "getset"},
	{"wrapper_descriptor", "slot wrapper"},
	{"method_descriptor", "C method"},
	{"classmethod_descriptor", "C class method"},
	{"builtin_function_or_method", "C function"},
	{"type", "class"},
};

static const char *attribute_kind(const struct type *owner, const struct object *value)
{
	if (value->type->flags & TYPE_TYPE_SUBCLASS)
		return "class";
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds) && !value->type->python_class; i++)
		if (strcmp(value->type->tp_name, kinds[i].type) == 0)
			return strcmp(kinds[i].kind, "member") == 0 && owner->python_class ? "slot" : kinds[i].kind;
	return "class attribute";
}

/* Where the value of a descriptor comes from. */
static const char *attribute_detail(struct dissection *dissection, const struct object *value)
{
	const char *type = value->type->tp_name;
	struct objects *objects = dissection->objects;
	uint64_t a, b;

	if (strcmp(type, "wrapper_descriptor") == 0)
		return dissect_function(dissection, object_get(value, FIELD_PyWrapperDescrObject_d_wrapped));
	if (strcmp(type, "member_descriptor") == 0 &&
	    field_read(objects, object_get(value, FIELD_PyMemberDescrObject_d_member), FIELD_PyMemberDef_offset, &a) ==
		    CPEEK_OK)
		return dissect_text(dissection, "at offset %" PRIu64 " of the instance", a);
	if (strcmp(type, "getset_descriptor") == 0) {
		const target_addr definition = object_get(value, FIELD_PyGetSetDescrObject_d_getset);
		if (field_read(objects, definition, FIELD_PyGetSetDef_get, &a) == CPEEK_OK &&
		    field_read(objects, definition, FIELD_PyGetSetDef_set, &b) == CPEEK_OK)
			return dissect_text(dissection, "get %s%s%s", dissect_function(dissection, a),
					    b ? ", set " : "", b ? dissect_function(dissection, b) : "");
	}
	if (strcmp(type, "method_descriptor") == 0 || strcmp(type, "classmethod_descriptor") == 0) {
		const target_addr definition = object_get(value, FIELD_PyMethodDescrObject_d_method);
		if (field_read(objects, definition, FIELD_PyMethodDef_ml_meth, &a) == CPEEK_OK &&
		    field_read(objects, definition, FIELD_PyMethodDef_ml_flags, &b) == CPEEK_OK)
			return dissect_text(dissection, "%s, %s", dissect_function(dissection, a),
					    type_method_flags_text(dissection, b & UINT32_MAX));
	}
	return "";
}

enum cpeek_status type_explain_attributes(struct dissection *dissection, const struct type *type)
{
	struct objects *objects = dissection->objects;
	target_addr dict;
	struct object holder;
	struct items items;
	struct item item;

	enum cpeek_status status = type_find_dict(objects, type, &dict);
	if (status == CPEEK_NOT_FOUND) {
		dissect_note(dissection, "The type has no __dict__: it is not ready.");
		return CPEEK_OK;
	}
	if (status == CPEEK_OK)
		status = dict_open(objects, dict, &holder, &items);
	if (status != CPEEK_OK)
		return dissect_tolerate(dissection, status, "the attributes");
	dissect_open_table(dissection, "Attributes of its own, in the order of its __dict__");
	uint64_t shown = 0;
	while ((status = dict_next(&items, &item)) == CPEEK_OK) {
		struct object value;
		if (dissect_is_full(dissection)) {
			dissect_cut(dissection, items.count > shown ? items.count - shown : 1, "attributes");
			break;
		}
		const bool known = object_read(objects, item.value, &value) == CPEEK_OK;
		strbuf_clear(&objects->scratch);
		const bool named = str_read(objects, item.key, TYPE_NAME, &objects->scratch, NULL) == CPEEK_OK;
		dissect_cell_text(dissection, "name", "%s",
				  named ? strbuf_text(&objects->scratch) : dissect_brief(dissection, item.key));
		dissect_cell_text(dissection, "kind", "%s", known ? attribute_kind(type, &value) : "unreadable");
		dissect_cell_text(dissection, "how", "%s", known ? attribute_detail(dissection, &value) : "");
		dissect_cell(dissection, "value", DISSECT_OBJECT, item.value);
		dissect_end_row(dissection);
		shown++;
	}
	return status == CPEEK_END ? CPEEK_OK : dissect_tolerate(dissection, status, "the attributes");
}

/* ---- tp_methods, tp_members, tp_getset ---- */

/* Include/structmember.h, from 3.12 Include/descrobject.h */
static const char *const member_types[] = {
	"T_SHORT", "T_INT",  "T_LONG",      "T_FLOAT",    "T_DOUBLE",    "T_STRING",   "T_OBJECT",
	"T_CHAR",  "T_BYTE", "T_UBYTE",     "T_USHORT",   "T_UINT",      "T_ULONG",    "T_STRING_INPLACE",
	"T_BOOL",  NULL,     "T_OBJECT_EX", "T_LONGLONG", "T_ULONGLONG", "T_PYSSIZET", "T_NONE",
};

static const struct dissect_flag member_flags[] = {{1, "READONLY"}, {2, "AUDIT_READ"}, {8, "RELATIVE_OFFSET"}};

static bool explain_member(struct dissection *dissection, const struct type *type, target_addr at)
{
	struct objects *objects = dissection->objects;
	const uint64_t kind = read_field(dissection, at, FIELD_PyMemberDef_type);
	const uint64_t flags = read_field(dissection, at, FIELD_PyMemberDef_flags);
	struct strbuf name = {0};

	if (!read_field(dissection, at, FIELD_PyMemberDef_name))
		return false;
	const bool named = member_name_read(objects, type, at, &name) == CPEEK_OK;
	dissect_cell_text(dissection, "name", "%s", named ? strbuf_text(&name) : "?");
	strbuf_deinit(&name);
	dissect_cell_text(dissection, "type", "%s",
			  kind < sizeof(member_types) / sizeof(*member_types) && member_types[kind]
				  ? member_types[kind]
				  : dissect_text(dissection, "%" PRIu64, kind));
	dissect_cell(dissection, "offset", DISSECT_UNSIGNED, read_field(dissection, at, FIELD_PyMemberDef_offset));
	dissect_cell_text(dissection, "flags", "%s",
			  flags ? dissect_flags(dissection, flags & UINT32_MAX, member_flags,
						sizeof(member_flags) / sizeof(*member_flags))
				: "");
	return true;
}

static bool explain_getset(struct dissection *dissection, const struct type *type, target_addr at)
{
	const target_addr name = read_field(dissection, at, FIELD_PyGetSetDef_name);

	(void)type;
	if (!name)
		return false;
	dissect_cell_text(dissection, "name", "%s", cstring(dissection, name));
	dissect_cell_text(dissection, "get", "%s",
			  dissect_function(dissection, read_field(dissection, at, FIELD_PyGetSetDef_get)));
	dissect_cell_text(dissection, "set", "%s",
			  dissect_function(dissection, read_field(dissection, at, FIELD_PyGetSetDef_set)));
	dissect_cell(dissection, "closure", DISSECT_POINTER, read_field(dissection, at, FIELD_PyGetSetDef_closure));
	return true;
}

static bool explain_method(struct dissection *dissection, const struct type *type, target_addr at)
{
	const target_addr name = read_field(dissection, at, FIELD_PyMethodDef_ml_name);

	(void)type;
	if (!name)
		return false;
	dissect_cell_text(dissection, "name", "%s", cstring(dissection, name));
	dissect_cell_text(dissection, "function", "%s",
			  dissect_function(dissection, read_field(dissection, at, FIELD_PyMethodDef_ml_meth)));
	dissect_cell_text(dissection, "flags", "%s",
			  type_method_flags_text(dissection,
						 read_field(dissection, at, FIELD_PyMethodDef_ml_flags) & UINT32_MAX));
	return true;
}

/* The __slots__ of a class statement lie behind the heap type: _PyHeapType_GET_MEMBERS() of pycore_object.h. */
static target_addr member_list(const struct dissection *dissection, const struct type *type)
{
	if (type->python_class)
		return read_field(dissection, type->address, FIELD_PyVarObject_ob_size)
			       ? type->address +
					 read_field(dissection, type->metatype, FIELD_PyTypeObject_tp_basicsize)
			       : 0;
	return read_field(dissection, type->address, FIELD_PyTypeObject_tp_members);
}

enum cpeek_status type_explain_definitions(struct dissection *dissection, const struct type *type)
{
	const struct layout *layout = dissection->objects->layout;
	const struct {
		const char *title, *what;
		target_addr list;
		enum layout_struct structure;
		bool (*explain)(struct dissection *dissection, const struct type *type, target_addr at);
	} tables[] = {
		{type->python_class ? "__slots__: where each lies in an instance"
				    : "tp_members: where each lies in an instance",
		 "members", member_list(dissection, type), STRUCT_PyMemberDef, explain_member},
		{"tp_getset: what C code computes", "getters",
		 read_field(dissection, type->address, FIELD_PyTypeObject_tp_getset), STRUCT_PyGetSetDef,
		 explain_getset},
		{"tp_methods", "methods", read_field(dissection, type->address, FIELD_PyTypeObject_tp_methods),
		 STRUCT_PyMethodDef, explain_method},
	};
	const uint64_t slot_count = type->python_class
					    ? read_field(dissection, type->address, FIELD_PyVarObject_ob_size)
					    : DEFINITIONS_MAX;

	for (size_t i = 0; i < sizeof(tables) / sizeof(*tables); i++) {
		const uint64_t most = i == 0 && slot_count < DEFINITIONS_MAX ? slot_count : DEFINITIONS_MAX;
		const bool python_getset = type->python_class && i > 0;
		if (!tables[i].list || !layout->structs[tables[i].structure])
			continue;
		if (python_getset && tables[i].explain == explain_method)
			continue;
		dissect_open_table(dissection, tables[i].title);
		for (uint64_t j = 0; j < most; j++) {
			const target_addr at = tables[i].list + j * layout->structs[tables[i].structure];
			if (dissect_is_full(dissection)) {
				uint64_t left = 0;
				while (left < most - j &&
				       read_field(dissection, at + left * layout->structs[tables[i].structure],
						  tables[i].structure == STRUCT_PyMemberDef ? FIELD_PyMemberDef_name
						  : tables[i].structure == STRUCT_PyGetSetDef
							  ? FIELD_PyGetSetDef_name
							  : FIELD_PyMethodDef_ml_name))
					left++;
				dissect_cut(dissection, left, tables[i].what);
				break;
			}
			if (!tables[i].explain(dissection, type, at))
				break;
			dissect_end_row(dissection);
		}
	}
	return CPEEK_OK;
}

/* ---- Subclasses ---- */

enum cpeek_status type_explain_subclasses(struct dissection *dissection, const struct type *type)
{
	struct subclasses found = {0};

	enum cpeek_status status =
		dissect_tolerate(dissection, subclasses_read(dissection->objects, type, &found), "the subclasses");
	if (found.count)
		dissect_open_table(dissection, "Direct subclasses that are alive");
	for (size_t i = 0; i < found.count; i++) {
		if (dissect_is_full(dissection)) {
			dissect_cut(dissection, found.count - i, "subclasses");
			break;
		}
		dissect_cell(dissection, "address", DISSECT_POINTER, found.items[i]);
		dissect_cell_text(dissection, "class", "%s", type_name_text(dissection, found.items[i]));
		dissect_end_row(dissection);
	}
	if (status == CPEEK_OK && !found.count)
		dissect_note(dissection, "It has no subclasses.");
	VECTOR_DEINIT(&found);
	return status;
}

/* ---- How instances are laid out ---- */

struct part {
	int64_t offset;
	uint64_t size;
	const char *name, *owner;
	size_t order;
};

struct parts {
	VECTOR(struct part) list;
	bool failed;
};

static void add(struct parts *parts, int64_t offset, uint64_t size, const char *name, const char *owner)
{
	for (size_t i = 0; i < parts->list.count; i++)
		if (parts->list.items[i].offset == offset && parts->list.items[i].size == size)
			return; /* it is known under an earlier name */
	struct part *part = VECTOR_PUSH(&parts->list);
	if (part)
		*part = (struct part){offset, size, name, owner, parts->list.count};
	else
		parts->failed = true;
}

static int compare_parts(const void *left, const void *right)
{
	const struct part *a = left, *b = right;

	if (a->offset != b->offset)
		return a->offset < b->offset ? -1 : 1;
	return (a->order > b->order) - (a->order < b->order);
}

static void add_structure(struct parts *parts, const struct layout *layout, enum layout_struct structure,
			  const char *owner)
{
	for (size_t i = 0; i < LAYOUT_FIELD_COUNT; i++) {
		const struct layout_place place = layout->fields[i];
		if (layout_field_struct((enum layout_field)i) == structure && place.offset_plus_1 && !place.width)
			add(parts, (int64_t)place.offset_plus_1 - 1, place.size,
			    strchr(layout_field_name((enum layout_field)i), '.') + 1, owner);
	}
}

static void add_before(struct parts *parts, const struct layout *layout, const struct type *type)
{
	const int64_t word = layout->pointer_size;
	const int64_t first = (layout->free_threaded ? -1 : -3) * word;

	if (type->flags & TYPE_MANAGED_DICT)
		add(parts, first, (uint64_t)word,
		    layout_trait(layout, TRAIT_MANAGED_DICT_TAGGED)   ? "__dict__, or values with bit 0 set"
		    : layout_trait(layout, TRAIT_MANAGED_DICT_INLINE) ? "__dict__, once it was asked for"
								      : "__dict__",
		    "MANAGED_DICT");
	if (type->flags & TYPE_MANAGED_DICT && layout_trait(layout, TRAIT_MANAGED_DICT_TWO_WORDS))
		add(parts, first - word, (uint64_t)word, "values of the attributes", "MANAGED_DICT");
	if (type->flags & TYPE_MANAGED_WEAKREF)
		add(parts, first - word, (uint64_t)word, "weak references", "MANAGED_WEAKREF");
	if (type->flags & TYPE_HAVE_GC && !layout->free_threaded) {
		const int64_t head = -(int64_t)layout->structs[STRUCT_PyGC_Head];
		add(parts, head + layout_offset(layout, FIELD_PyGC_Head__gc_next), (uint64_t)word, "_gc_next",
		    "HAVE_GC");
		add(parts, head + layout_offset(layout, FIELD_PyGC_Head__gc_prev), (uint64_t)word, "_gc_prev",
		    "HAVE_GC");
		if (layout_has(layout, FIELD_PyGC_Head_gc_refs))
			add(parts, head + layout_offset(layout, FIELD_PyGC_Head_gc_refs), (uint64_t)word, "gc_refs",
			    "HAVE_GC");
	}
}

static void add_all(struct parts *parts, struct dissection *dissection, const struct type *type)
{
	const struct layout *layout = dissection->objects->layout;
	const uint64_t word = layout->pointer_size;

	add_before(parts, layout, type);
	add_structure(parts, layout, STRUCT_PyObject, "object");
	if (type->itemsize)
		add_structure(parts, layout, STRUCT_PyVarObject, "object");
	if (type->decoder && type->decoder_type && type->decoder->structure != STRUCT_PyObject)
		add_structure(parts, layout, type->decoder->structure, type->decoder_type->name);
	for (const struct type *base = type; base; base = base->base_type)
		for (size_t i = 0; i < base->member_count; i++)
			add(parts, base->members[i].offset, word, base->members[i].name, base->name);
	if (type->dictoffset > 0 && !(type->flags & TYPE_MANAGED_DICT))
		add(parts, type->dictoffset, word, "__dict__", "tp_dictoffset");
	if (type->weaklistoffset > 0 && !(type->flags & TYPE_MANAGED_WEAKREF))
		add(parts, type->weaklistoffset, word, "weak references", "tp_weaklistoffset");
	if (type->flags & TYPE_INLINE_VALUES && layout_trait(layout, TRAIT_MANAGED_DICT_INLINE))
		add(parts, type->basicsize, 0, "inline values of the attributes", "INLINE_VALUES");
	else if (type->itemsize)
		add(parts, type->basicsize, 0,
		    dissect_text(dissection, "items, %" PRId64 " bytes each", type->itemsize), "tp_itemsize");
}

enum cpeek_status type_explain_instances(struct dissection *dissection, const struct type *type)
{
	struct parts parts = {0};

	add_all(&parts, dissection, type);
	if (parts.list.count)
		qsort(parts.list.items, parts.list.count, sizeof(*parts.list.items), compare_parts);
	dissect_open_table(dissection, "How an instance is laid out");
	for (size_t i = 0; i < parts.list.count; i++) {
		const struct part *part = &parts.list.items[i];
		if (dissect_is_full(dissection)) {
			dissect_cut(dissection, parts.list.count - i, "fields");
			break;
		}
		dissect_cell(dissection, "offset", DISSECT_NUMBER, (uint64_t)part->offset);
		dissect_cell(dissection, "size", DISSECT_UNSIGNED, part->size);
		dissect_cell_text(dissection, "name", "%s", part->name);
		dissect_cell_text(dissection, "from", "%s", part->owner);
		dissect_end_row(dissection);
	}
	dissection->no_memory |= parts.failed;
	VECTOR_DEINIT(&parts.list);
	return CPEEK_OK;
}

/* ---- Sizes, caches ---- */

enum cpeek_status type_explain_sizes(struct dissection *dissection, const struct type *type)
{
	dissect_fact_text(dissection, "name", "%s", type->name);
	dissect_fact_object(dissection, "metaclass", type->metatype);
	dissect_fact_object(dissection, "base", type->base);
	dissect_fact_number(dissection, "tp_basicsize", type->basicsize,
			    "bytes of an instance, what stands before it aside");
	dissect_fact_number(dissection, "tp_itemsize", type->itemsize,
			    type->itemsize ? "bytes more for each item" : "instances do not vary in size");
	dissect_fact_number(dissection, "tp_dictoffset", type->dictoffset,
			    type->flags & TYPE_MANAGED_DICT ? "managed: __dict__ stands before the instance"
			    : type->dictoffset > 0          ? "where __dict__ is in an instance"
			    : type->dictoffset < 0          ? "__dict__ is counted from the end of an instance"
							    : "instances have no __dict__");
	dissect_fact_number(dissection, "tp_weaklistoffset", type->weaklistoffset,
			    type->flags & TYPE_MANAGED_WEAKREF ? "managed: the list stands before the instance"
			    : type->weaklistoffset             ? "where the list of weak references is in an instance"
							       : "no weak references to instances");
	dissect_fact_text(dissection, "tp_flags", "0x%" PRIx64 " %s", type->flags,
			  type_flags_text(dissection, type->flags));
	return CPEEK_OK;
}

static enum cpeek_status explain_state(struct dissection *dissection, const struct type *type)
{
	struct objects *objects = dissection->objects;
	bool opened = false;
	target_addr state;

	for (size_t i = 0; i < objects->python->interpreter_count; i++) {
		if (type_find_state(objects, type, i, &state) != CPEEK_OK)
			continue;
		if (!opened)
			dissect_open_table(
				dissection,
				"A static builtin type: what is each interpreter's own (managed_static_type_state)");
		opened = true;
		if (dissect_is_full(dissection)) {
			dissect_cut(dissection, objects->python->interpreter_count - i, "interpreters");
			break;
		}
		dissect_cell(dissection, "interpreter", DISSECT_NUMBER, (uint64_t)objects->python->interpreters[i].id);
		dissect_cell(dissection, "state", DISSECT_POINTER, state);
		dissect_cell(dissection, "tp_dict", DISSECT_POINTER,
			     read_field(dissection, state, FIELD_managed_static_type_state_tp_dict));
		dissect_cell(dissection, "tp_subclasses", DISSECT_POINTER,
			     read_field(dissection, state, FIELD_managed_static_type_state_tp_subclasses));
		dissect_cell(dissection, "tp_weaklist", DISSECT_POINTER,
			     read_field(dissection, state, FIELD_managed_static_type_state_tp_weaklist));
		dissect_end_row(dissection);
	}
	return CPEEK_OK;
}

static void explain_specialisation(struct dissection *dissection, const struct type *type)
{
	const struct layout *layout = dissection->objects->layout;

	if (!layout_has(layout, FIELD_PyHeapTypeObject__spec_cache))
		return;
	const target_addr cache = type->address + layout_offset(layout, FIELD_PyHeapTypeObject__spec_cache);
	/* _specialization_cache of Include/cpython/object.h begins with getitem and its version: 3.12 (3.11 had these two as
	 * fields of their own). */
	if (layout_has(layout, FIELD__specialization_cache_getitem)) {
		const target_addr getitem = read_field(dissection, cache, FIELD__specialization_cache_getitem);
		if (getitem)
			dissect_fact_object(dissection, "_spec_cache.getitem", getitem);
		const target_addr init = read_field(dissection, cache, FIELD__specialization_cache_init);
		if (init)
			dissect_fact_object(dissection, "_spec_cache.init", init);
		if (!getitem && !init)
			dissect_fact_text(dissection, "_spec_cache",
					  "empty: no instruction was specialised for its __getitem__ or __init__");
	}
}

enum cpeek_status type_explain_caches(struct dissection *dissection, const struct type *type)
{
	struct objects *objects = dissection->objects;
	const uint64_t tag = read_field(dissection, type->address, FIELD_PyTypeObject_tp_version_tag);
	struct dict_keys keys;

	dissect_fact_number(dissection, "tp_version_tag", (int64_t)tag,
			    tag ? "the method cache and specialised instructions know the type by this number"
				: "no lookup on it is cached: it was changed, or not used yet");
	if (type->flags & TYPE_HEAPTYPE) {
		const target_addr cached =
			read_field(dissection, type->address, FIELD_PyHeapTypeObject_ht_cached_keys);
		if (cached && dict_keys_read(objects, cached, &keys) == CPEEK_OK)
			dissect_fact_text(dissection, "ht_cached_keys",
					  "0x%" PRIx64 ": %" PRIu64
					  " names of attributes that instances share, room for %" PRIu64
					  " more, %" PRIu64 " references",
					  cached, keys.nentries, keys.usable, keys.refcount);
		else
			dissect_fact_text(dissection, "ht_cached_keys",
					  cached ? "0x%" PRIx64 ": not readable" : "none: instances share no names",
					  cached);
		explain_specialisation(dissection, type);
	}
	return explain_state(dissection, type);
}

/* ---- The object's memory ---- */

static void explain_heap_fields(struct dissection *dissection)
{
	static const struct {
		enum layout_field field;
		enum dissect_kind kind;
		const char *meaning;
	} fields[] = {
		{FIELD_PyHeapTypeObject_as_async, DISSECT_NONE, "PyAsyncMethods: see the slots"},
		{FIELD_PyHeapTypeObject_as_number, DISSECT_NONE, "PyNumberMethods: see the slots"},
		{FIELD_PyHeapTypeObject_as_mapping, DISSECT_NONE, "PyMappingMethods: see the slots"},
		{FIELD_PyHeapTypeObject_as_sequence, DISSECT_NONE, "PySequenceMethods: see the slots"},
		{FIELD_PyHeapTypeObject_as_buffer, DISSECT_NONE, "PyBufferProcs: see the slots"},
		{FIELD_PyHeapTypeObject_ht_name, DISSECT_OBJECT, "__name__"},
		{FIELD_PyHeapTypeObject_ht_slots, DISSECT_OBJECT, "names of __slots__, sorted"},
		{FIELD_PyHeapTypeObject_ht_qualname, DISSECT_OBJECT, "__qualname__"},
		{FIELD_PyHeapTypeObject_ht_cached_keys, DISSECT_POINTER, "names of attributes that instances share"},
		{FIELD_PyHeapTypeObject_ht_module, DISSECT_OBJECT, "the module of a type made by C code"},
		{FIELD_PyHeapTypeObject__ht_tpname, DISSECT_POINTER, "memory of tp_name, of a type made by C code"},
		{FIELD_PyHeapTypeObject_ht_token, DISSECT_POINTER, "by which C code knows its types again"},
		{FIELD_PyHeapTypeObject__spec_cache, DISSECT_NONE, "for specialised instructions"},
		{FIELD_PyHeapTypeObject_unique_id, DISSECT_NUMBER,
		 "index into each thread's own reference counts (free-threaded); -1: none"},
	};

	for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++)
		dissect_field(dissection, fields[i].kind, fields[i].field, "%s", fields[i].meaning);
}

static void explain_fields(struct dissection *dissection, const struct type *type)
{
	static const struct {
		enum layout_field field;
		enum dissect_kind kind;
		const char *meaning;
	} fields[] = {
		{FIELD_PyTypeObject_tp_basicsize, DISSECT_NUMBER, "bytes of an instance"},
		{FIELD_PyTypeObject_tp_itemsize, DISSECT_NUMBER, "bytes more for each item"},
		{FIELD_PyTypeObject_tp_vectorcall_offset, DISSECT_NUMBER,
		 "where an instance has its vectorcall function; 0: nowhere"},
		{FIELD_PyTypeObject_tp_as_async, DISSECT_POINTER, "PyAsyncMethods"},
		{FIELD_PyTypeObject_tp_as_number, DISSECT_POINTER, "PyNumberMethods"},
		{FIELD_PyTypeObject_tp_as_sequence, DISSECT_POINTER, "PySequenceMethods"},
		{FIELD_PyTypeObject_tp_as_mapping, DISSECT_POINTER, "PyMappingMethods"},
		{FIELD_PyTypeObject_tp_as_buffer, DISSECT_POINTER, "PyBufferProcs"},
		{FIELD_PyTypeObject_tp_weaklistoffset, DISSECT_NUMBER,
		 "where an instance has its list of weak references"},
		{FIELD_PyTypeObject_tp_methods, DISSECT_POINTER, "PyMethodDef[]"},
		{FIELD_PyTypeObject_tp_members, DISSECT_POINTER, "PyMemberDef[]"},
		{FIELD_PyTypeObject_tp_getset, DISSECT_POINTER, "PyGetSetDef[]"},
		{FIELD_PyTypeObject_tp_base, DISSECT_OBJECT, "the base that its instances' layout follows"},
		{FIELD_PyTypeObject_tp_dictoffset, DISSECT_NUMBER, "where an instance has its __dict__"},
		{FIELD_PyTypeObject_tp_bases, DISSECT_OBJECT, "__bases__"},
		{FIELD_PyTypeObject_tp_mro, DISSECT_OBJECT, "__mro__"},
		{FIELD_PyTypeObject_tp_cache, DISSECT_POINTER, "not used"},
		{FIELD_PyTypeObject_tp_weaklist, DISSECT_POINTER, "weak references to the type"},
		{FIELD_PyTypeObject_tp_version_tag, DISSECT_UNSIGNED, "its number in the method cache; 0: none"},
		{FIELD_PyTypeObject_tp_watched, DISSECT_UNSIGNED,
		 "a bit for each watcher that is told when it changes"},
		{FIELD_PyTypeObject_tp_versions_used, DISSECT_UNSIGNED, "numbers that it has had so far"},
		{FIELD_PyTypeObject_tp_print, DISSECT_UNSIGNED, "not used"},
	};
	const target_addr doc = read_field(dissection, type->address, FIELD_PyTypeObject_tp_doc);
	target_addr state;

	dissect_field(dissection, DISSECT_POINTER, FIELD_PyTypeObject_tp_name, "\"%s\"", type->tp_name);
	dissect_field(dissection, DISSECT_POINTER, FIELD_PyTypeObject_tp_doc, "%s",
		      doc ? dissect_text(dissection, "\"%.60s\"", cstring(dissection, doc)) : "no __doc__ of C code");
	struct dissect_row *row =
		dissect_row(dissection, layout_offset(dissection->objects->layout, FIELD_PyTypeObject_tp_flags),
			    dissection->objects->layout->fields[FIELD_PyTypeObject_tp_flags].size, "tp_flags");
	row->value = (struct dissect_value){.kind = DISSECT_UNSIGNED,
					    .number = type->flags,
					    .text = dissect_text(dissection, "0x%" PRIx64, type->flags)};
	dissect_mean(dissection, row, "%s", type_flags_text(dissection, type->flags));
	for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++)
		dissect_field(dissection, fields[i].kind, fields[i].field, "%s", fields[i].meaning);
	for (size_t i = 0; i < SLOT_COUNT; i++)
		if (slots[i].structure == STRUCT_PyTypeObject) {
			const target_addr function = read_field(dissection, type->address, slots[i].field);
			dissect_field(dissection, DISSECT_POINTER, slots[i].field, "%s",
				      function ? dissect_function(dissection, function) : "");
		}
	const bool managed = type_find_state(dissection->objects, type, 0, &state) == CPEEK_OK;
	dissect_field(dissection, DISSECT_OBJECT, FIELD_PyTypeObject_tp_dict, "%s",
		      managed ? "each interpreter has one of its own" : "__dict__");
	dissect_field(dissection, managed ? DISSECT_UNSIGNED : DISSECT_OBJECT, FIELD_PyTypeObject_tp_subclasses, "%s",
		      managed ? "no dict: its index + 1 among the static types of an interpreter"
			      : "weak references to the subclasses by their addresses");
}

enum cpeek_status type_dissect(const struct object *object, struct dissection *dissection)
{
	const struct layout *layout = object->objects->layout;
	const struct type *type;
	uint64_t count = 0;

	TRY(type_read(object->objects, object->address, &type));
	if (type->python_class)
		count = read_field(dissection, type->address, FIELD_PyVarObject_ob_size);
	if (type->flags & TYPE_HEAPTYPE && count <= DEFINITIONS_MAX) {
		const uint64_t basic = (uint64_t)object->type->basicsize;
		dissect_resize(dissection, basic + count * layout->structs[STRUCT_PyMemberDef]);
		if (count)
			dissect_mean(dissection,
				     dissect_row(dissection, (int64_t)basic,
						 count * layout->structs[STRUCT_PyMemberDef],
						 "PyMemberDef[%" PRIu64 "]", count),
				     "__slots__: see below");
	} else {
		dissect_resize(dissection, layout->structs[STRUCT_PyTypeObject]);
	}
	explain_fields(dissection, type);
	if (type->flags & TYPE_HEAPTYPE)
		explain_heap_fields(dissection);
	TRY(type_explain_caches(dissection, type));
	TRY(type_explain_mro(dissection, type));
	TRY(type_explain_slots(dissection, type));
	TRY(type_explain_definitions(dissection, type));
	TRY(type_explain_subclasses(dissection, type));
	target_addr keys = 0;
	if (type->flags & TYPE_HEAPTYPE)
		keys = read_field(dissection, type->address, FIELD_PyHeapTypeObject_ht_cached_keys);
	return keys ? dict_dissect_keys(dissection, keys, type) : CPEEK_OK;
}
