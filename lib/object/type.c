/*
 * Types of the target: read once, checked, kept. Knows PyTypeObject and PyHeapTypeObject; of other types only str
 * and dict, for names.
 */
#include "base/memory.h"
#include "base/vector.h"
#include "object/decoder.h"
#include "object/fingerprint.h"
#include "object/lost_name.h"
#include "object/phrase.h"

#include <stdio.h>
#include <string.h>

enum {
	TYPE_BASES_MAX = 512, /* longer chains of tp_base are taken for damage */
	TYPE_BASICSIZE_MAX = 1 << 24,
	TYPE_MEMBERS_MAX = 4096,
};

/* PyMemberDef.type: T_OBJECT and T_OBJECT_EX of Include/structmember.h, Py_T_OBJECT_EX of descrobject.h (3.12+). */
enum { MEMBER_OBJECT = 6, MEMBER_OBJECT_EX = 16 };

/* The name in scratch. A very long one is cut once such names have taken too much. */
static enum cpeek_status keep_name(struct objects *objects, char **ret)
{
	struct strbuf *name = &objects->scratch;

	if (name->length > TYPE_NAME && !strbuf_failed(name)) {
		if (name->length > LONG_NAMES_MAX - objects->long_names) {
			name->length = TYPE_NAME;
			strbuf_puts(name, "…");
		} else {
			objects->long_names += name->length;
		}
	}
	if (strbuf_failed(name))
		return CPEEK_NO_MEMORY;
	*ret = arena_copy(&objects->arena, strbuf_text(name), name->length);
	return *ret ? CPEEK_OK : CPEEK_NO_MEMORY;
}

static enum cpeek_status read_cstring(struct objects *objects, target_addr address, char **ret)
{
	strbuf_clear(&objects->scratch);
	TRY(cstring_read(objects, address, LONG_NAME_MAX, &objects->scratch));
	return keep_name(objects, ret);
}

static enum cpeek_status read_str(struct objects *objects, target_addr address, char **ret)
{
	strbuf_clear(&objects->scratch);
	TRY(str_read(objects, address, LONG_NAME_MAX, &objects->scratch, NULL));
	return keep_name(objects, ret);
}

bool type_is_bare(const struct type *type)
{
	return !type->module_known || strcmp(type->module, "builtins") == 0;
}

static enum cpeek_status format_name(struct objects *objects, struct type *type)
{
	struct strbuf *text = &objects->scratch;
	char *name;

	strbuf_clear(text);
	if (!type->name_known)
		strbuf_printf(text, TYPE_UNNAMED "0x%llx>", (unsigned long long)type->address);
	else if (type_is_bare(type))
		strbuf_puts(text, type->qualname);
	else
		strbuf_printf(text, "%s.%s", type->module, type->qualname);
	TRY(keep_name(objects, &name));
	type->name = name;
	return CPEEK_OK;
}

/* What stands for a name that cannot be had, in the reprs that show it. */
static enum cpeek_status mark_name(struct objects *objects, target_addr address, char **ret)
{
	char text[sizeof(TYPE_UNNAMED) + 32];
	const int length = snprintf(text, sizeof(text), TYPE_UNNAMED "0x%llx>", (unsigned long long)address);

	*ret = arena_copy(&objects->arena, text, (size_t)length);
	return *ret ? CPEEK_OK : CPEEK_NO_MEMORY;
}

/* tp_name lies in .rodata, which a kernel core leaves out: without the ELF file it must be told by something else. Of a
 * heap type made by C code it was split into the names that PyType_FromSpec() gave it. */
static enum cpeek_status find_tp_name(struct objects *objects, struct type *type)
{
	char text[2 * TYPE_NAME + 2];
	const char *name = text;

	if (!(type->flags & TYPE_HEAPTYPE)) {
		enum cpeek_status status = type_name_recover(objects, type, &name);
		if (status != CPEEK_OK)
			return status;
	} else if (type->python_class || !type->qualname[0]) {
		return CPEEK_NOT_FOUND;
	} else {
		(void)snprintf(text, sizeof(text), "%s%s%s", type->module, type->module[0] ? "." : "", type->qualname);
	}
	type->tp_name = arena_copy(&objects->arena, name, strlen(name));
	type->name_known = type->tp_name != NULL;
	return type->tp_name ? CPEEK_OK : CPEEK_NO_MEMORY;
}

static enum cpeek_status recover_tp_name(struct objects *objects, struct type *type)
{
	enum cpeek_status status = find_tp_name(objects, type);
	if (status != CPEEK_NOT_FOUND)
		return status;
	(void)objects_tolerate(objects, CPEEK_FAULT);
	objects->has_unnamed = true;
	return mark_name(objects, type->address, &type->tp_name);
}

/* A name of C code splits at its last dot; type_name() and type_module() in Objects/typeobject.c. */
static enum cpeek_status read_static_names(struct objects *objects, struct type *type)
{
	char *dot = strrchr(type->tp_name, '.');

	if (!type->name_known)
		return CPEEK_OK;
	type->qualname = dot ? dot + 1 : type->tp_name;
	type->module = dot ? arena_copy(&objects->arena, type->tp_name, (size_t)(dot - type->tp_name)) : "builtins";
	type->module_known = type->module != NULL;
	return type->module ? CPEEK_OK : CPEEK_NO_MEMORY;
}

/* A name that cannot be had leaves its field as it is. */
static enum cpeek_status read_heap_names(struct objects *objects, struct type *type)
{
	uint64_t qualname;
	target_addr module;

	if (field_read(objects, type->address, FIELD_PyHeapTypeObject_ht_qualname, &qualname) == CPEEK_OK) {
		TRY(objects_tolerate(objects, read_str(objects, qualname, &type->qualname)));
		type->name_known |= type->qualname[0] != '\0';
	}
	if (!type->dict)
		return CPEEK_OK;
	enum cpeek_status status = dict_find(objects, type->dict, "__module__", 10, &module);
	if (status != CPEEK_OK)
		return objects_tolerate(objects, status);
	status = read_str(objects, module, &type->module);
	type->module_known = status == CPEEK_OK;
	return status == CPEEK_NO_MEMORY ? status : CPEEK_OK; /* a program may make it anything */
}

static enum cpeek_status read_members(struct objects *objects, struct type *type, target_addr list, uint64_t count,
				      bool slots)
{
	const struct layout *layout = objects->layout;
	const uint32_t stride = layout->structs[STRUCT_PyMemberDef];
	VECTOR(struct type_member) members = {0};
	enum cpeek_status status = CPEEK_OK;

	for (uint64_t i = 0; i < count && status == CPEEK_OK; i++) {
		target_addr at = list + i * stride;
		uint64_t name, kind, offset;
		if (field_read(objects, at, FIELD_PyMemberDef_name, &name) != CPEEK_OK || name == 0 ||
		    field_read(objects, at, FIELD_PyMemberDef_type, &kind) != CPEEK_OK ||
		    field_read(objects, at, FIELD_PyMemberDef_offset, &offset) != CPEEK_OK)
			break;
		if ((kind != MEMBER_OBJECT && kind != MEMBER_OBJECT_EX) || offset >= (uint64_t)type->basicsize)
			continue;
		struct type_member member = {.offset = (uint32_t)offset, .slot = slots && kind == MEMBER_OBJECT_EX};
		strbuf_clear(&objects->scratch);
		if (member_name_read(objects, type, at, &objects->scratch) == CPEEK_OK)
			member.name =
				arena_copy(&objects->arena, strbuf_text(&objects->scratch), objects->scratch.length);
		else
			member.name = "?";
		if (!member.name)
			status = CPEEK_NO_MEMORY;
		struct type_member *new = VECTOR_PUSH(&members);
		if (new)
			*new = member;
		else
			status = CPEEK_NO_MEMORY;
	}
	if (status == CPEEK_OK && members.count) {
		type->members = arena_alloc(&objects->arena, members.count * sizeof(*members.items));
		if (type->members) {
			memcpy(type->members, members.items, members.count * sizeof(*members.items));
			type->member_count = members.count;
		} else {
			status = CPEEK_NO_MEMORY;
		}
	}
	VECTOR_DEINIT(&members);
	return status;
}

/* Of a class statement, the __slots__ lie behind the heap type: _PyHeapType_GET_MEMBERS() in pycore_object.h, their
 * number is the type's ob_size. Of C code, tp_members, which a NULL name ends. */
static enum cpeek_status read_own_members(struct objects *objects, struct type *type)
{
	uint64_t list, count = TYPE_MEMBERS_MAX;

	if (type->python_class) {
		uint64_t meta_basicsize;
		if (field_read(objects, type->metatype, FIELD_PyTypeObject_tp_basicsize, &meta_basicsize) ||
		    field_read(objects, type->address, FIELD_PyVarObject_ob_size, &count))
			return CPEEK_OK;
		list = type->address + meta_basicsize;
		if (count > TYPE_MEMBERS_MAX)
			return objects_tolerate(objects, CPEEK_CORRUPT);
	} else if (field_read(objects, type->address, FIELD_PyTypeObject_tp_members, &list) != CPEEK_OK || !list) {
		return CPEEK_OK;
	}
	return read_members(objects, type, list, count, type->python_class);
}

/* Whether a class statement named this heap type: then tp_name is the text of ht_name. That of C code is a text of its
 * own. type_new() and type_set_name(), PyType_FromMetaclass() in Objects/typeobject.c. */
static bool is_python_class(struct objects *objects, target_addr address, target_addr tp_name)
{
	uint64_t name, utf8;

	if (field_read(objects, address, FIELD_PyHeapTypeObject_ht_name, &name) != CPEEK_OK)
		return false;
	return tp_name == name + objects->layout->structs[STRUCT_PyASCIIObject] ||
	       (field_read(objects, name, FIELD_PyCompactUnicodeObject_utf8, &utf8) == CPEEK_OK && utf8 == tp_name);
}

/* The type itself, without its base. */
static enum cpeek_status type_fill(struct objects *objects, target_addr address, struct type *type)
{
	uint64_t meta_flags, name, value;

	*type = (struct type){.address = address, .tp_name = "", .module = "", .qualname = ""};
	if (address == 0 || address % objects->layout->pointer_size)
		return CPEEK_CORRUPT;
	TRY(field_read(objects, address, FIELD_PyObject_ob_type, &type->metatype));
	TRY(field_read(objects, type->metatype, FIELD_PyTypeObject_tp_flags, &meta_flags));
	TRY(field_read(objects, address, FIELD_PyTypeObject_tp_flags, &type->flags));
	/* Not every type is READY: of a static one, PyType_Ready() may never be called (tuple_iterator in 3.8). */
	if (!(meta_flags & TYPE_TYPE_SUBCLASS))
		return CPEEK_CORRUPT;

	static const struct {
		enum layout_field field;
		size_t offset;
	} words[] = {
		{FIELD_PyTypeObject_tp_basicsize, offsetof(struct type, basicsize)},
		{FIELD_PyTypeObject_tp_itemsize, offsetof(struct type, itemsize)},
		{FIELD_PyTypeObject_tp_dictoffset, offsetof(struct type, dictoffset)},
		{FIELD_PyTypeObject_tp_weaklistoffset, offsetof(struct type, weaklistoffset)},
		{FIELD_PyTypeObject_tp_base, offsetof(struct type, base)},
		{FIELD_PyTypeObject_tp_dict, offsetof(struct type, dict)},
		{FIELD_PyTypeObject_tp_mro, offsetof(struct type, mro)},
		{FIELD_PyTypeObject_tp_repr, offsetof(struct type, tp_repr)},
		{FIELD_PyTypeObject_tp_dealloc, offsetof(struct type, tp_dealloc)},
		{FIELD_PyTypeObject_tp_traverse, offsetof(struct type, tp_traverse)},
	};
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
		TRY(field_read(objects, address, words[i].field, &value));
		memcpy((char *)type + words[i].offset, &value, sizeof(value));
	}
	if (objects->layout->pointer_size == 4) {
		type->dictoffset = (int32_t)type->dictoffset;
		type->weaklistoffset = (int32_t)type->weaklistoffset;
	}
	if (type->basicsize < (int64_t)objects->layout->structs[STRUCT_PyObject] ||
	    type->basicsize > TYPE_BASICSIZE_MAX || type->itemsize < 0 || type->itemsize > TYPE_BASICSIZE_MAX)
		return CPEEK_CORRUPT;

	if (field_read(objects, address, FIELD_PyTypeObject_tp_name, &name) == CPEEK_OK) {
		char first;
		enum cpeek_status status = target_probe(objects->target, name, &first, 1)
						   ? read_cstring(objects, name, &type->tp_name)
						   : CPEEK_NOT_FOUND; /* type_complete() looks elsewhere */
		TRY(objects_tolerate(objects, status == CPEEK_NOT_FOUND ? CPEEK_OK : status));
		type->name_known = status == CPEEK_OK;
		type->python_class = type->flags & TYPE_HEAPTYPE && is_python_class(objects, address, name);
	}
	return CPEEK_OK;
}

enum cpeek_status type_read_bare(struct objects *objects, target_addr address, struct type *ret)
{
	return type_fill(objects, address, ret);
}

/* Takes memory only for what turned out to be a type: damage must not fill the arena. */
static enum cpeek_status type_load(struct objects *objects, target_addr address, struct type **ret)
{
	struct type filled;

	TRY(type_fill(objects, address, &filled));
	struct type *type = arena_alloc(&objects->arena, sizeof(*type));
	if (!type)
		return CPEEK_NO_MEMORY;
	*type = filled;
	*ret = type;
	return CPEEK_OK;
}

/* Whether a type of C code is longer than the structure that its decoder reads: then a later micro version than the one
 * that the layout was made from may have moved its fields (pyexpat's parsers in 3.12.3). Types of variable size and types
 * of types are longer in any case. */
static bool has_grown(const struct objects *objects, const struct type *type, enum layout_struct structure)
{
	const struct layout *layout = objects->layout;
	const uint32_t size = layout->structs[structure];

	return size > layout->structs[STRUCT_PyVarObject] && type->basicsize > (int64_t)size && type->itemsize == 0 &&
	       structure != STRUCT_PyTypeObject;
}

/* The nearest type on the chain of bases that a decoder knows by name, and whose size covers its structure. */
static void find_decoder(struct objects *objects, struct type *type)
{
	const struct object_type *own =
		type->python_class || !type->name_known ? NULL : object_type_find(objects, type);

	if (own && (runtime_lacks(objects->python, own->structure) || has_grown(objects, type, own->structure)))
		own = &object_type_untold;
	if (own && type->basicsize >= (int64_t)objects->layout->structs[own->structure]) {
		type->decoder = own;
		type->decoder_type = type;
	} else if (type->base_type) {
		type->decoder = type->base_type->decoder;
		type->decoder_type = type->base_type->decoder_type;
	}
	if (!type->base && strcmp(type->tp_name, "object") == 0)
		type->decoder = NULL;
}

static enum cpeek_status type_complete(struct objects *objects, struct type *type)
{
	if (type->flags & TYPE_HEAPTYPE)
		TRY(read_heap_names(objects, type));
	if (!type->tp_name[0] && !type->python_class) /* a class may be called "" */
		TRY(recover_tp_name(objects, type));
	if ((!type->qualname[0] && type->tp_name[0]) || !(type->flags & TYPE_HEAPTYPE))
		TRY(read_static_names(objects, type));
	TRY(format_name(objects, type));
	TRY(read_own_members(objects, type));
	find_decoder(objects, type);
	if (!type->base && !objects->object_repr && strcmp(type->tp_name, "object") == 0)
		objects->object_repr = type->tp_repr;
	return CPEEK_OK;
}

enum cpeek_status type_read(struct objects *objects, target_addr address, const struct type **ret)
{
	struct type *chain[TYPE_BASES_MAX];
	const struct type *base = NULL;
	size_t count = 0;
	target_addr at = address;

	/* Neighbours are often of one type. */
	if (objects->last_type && objects->last_type->address == address) {
		*ret = objects->last_type;
		return CPEEK_OK;
	}
	uint64_t *known = map_find(&objects->types, address);
	if (known) {
		*ret = objects->last_type = (const struct type *)(uintptr_t)*known;
		return CPEEK_OK;
	}
	do {
		enum cpeek_status status =
			count < TYPE_BASES_MAX ? type_load(objects, at, &chain[count]) : CPEEK_CORRUPT;
		if (status != CPEEK_OK) {
			if (count == 0)
				return status;
			TRY(objects_tolerate(objects, status));
			break; /* a broken base costs its subclasses what they inherit, no more */
		}
		at = chain[count++]->base;
		known = at ? map_find(&objects->types, at) : NULL;
	} while (at && !known);
	if (known)
		base = (const struct type *)(uintptr_t)*known;

	while (count-- > 0) {
		struct type *type = chain[count];
		type->base_type = base;
		/* Into the map first: reading its names may ask for it again. */
		uint64_t *value = map_put(&objects->types, type->address);
		if (!value)
			return CPEEK_NO_MEMORY;
		*value = (uint64_t)(uintptr_t)type;
		type->name = type->tp_name;
		enum cpeek_status status = type_complete(objects, type);
		if (status != CPEEK_OK) {
			map_remove(&objects->types, type->address);
			objects->last_type = NULL;
			return status;
		}
		base = type;
	}
	*ret = base;
	return CPEEK_OK;
}

bool type_is_subtype(const struct type *type, const struct type *base)
{
	for (int i = 0; type && i < TYPE_BASES_MAX; i++, type = type->base_type)
		if (type == base)
			return true;
	return false;
}

/* 3.12+: tp_subclasses of a static builtin type holds its index + 1 into the interpreter's table of type states
 * (managed_static_type_state_get() in Objects/typeobject.c), where its tp_dict is. */
enum cpeek_status type_find_state(struct objects *objects, const struct type *type, size_t interpreter,
				  target_addr *ret)
{
	const struct layout *layout = objects->layout;
	const struct python *python = objects->python;
	uint64_t index, state_type;

	if (!layout_has(layout, FIELD_PyInterpreterState_types_builtins) || interpreter >= python->interpreter_count ||
	    type->flags & TYPE_HEAPTYPE)
		return CPEEK_NOT_FOUND;
	TRY(field_read(objects, type->address, FIELD_PyTypeObject_tp_subclasses, &index));
	if (index == 0 || index > 1024)
		return CPEEK_NOT_FOUND;
	static const enum layout_field tables[] = {
		FIELD_PyInterpreterState_types_builtins,
		FIELD_PyInterpreterState_types_for_extensions,
	};
	for (size_t i = 0; i < sizeof(tables) / sizeof(*tables); i++) {
		if (!layout_has(layout, tables[i]))
			continue;
		target_addr state = python->interpreters[interpreter].address + layout_offset(layout, tables[i]) +
				    (index - 1) * layout->structs[STRUCT_managed_static_type_state];
		if (field_read(objects, state, FIELD_managed_static_type_state_type, &state_type) == CPEEK_OK &&
		    state_type == type->address) {
			*ret = state;
			return CPEEK_OK;
		}
	}
	return CPEEK_NOT_FOUND;
}

enum cpeek_status type_find_dict(struct objects *objects, const struct type *type, target_addr *ret)
{
	target_addr state;
	uint64_t dict;

	if (type->dict) {
		*ret = type->dict;
		return CPEEK_OK;
	}
	TRY(type_find_state(objects, type, 0, &state));
	TRY(field_read(objects, state, FIELD_managed_static_type_state_tp_dict, &dict));
	if (!dict)
		return CPEEK_NOT_FOUND;
	*ret = dict;
	return CPEEK_OK;
}
