/*
 * libFuzzer target: objects, frames and the commands over memory that the fuzzer owns. No core and no Python take
 * part: a struct python is made by hand over one of the layouts, and below the input lies a prelude of type objects,
 * one for each decoder and some for classes of a program.
 *
 * The input is the memory at DATA. Its first words are the roots (see enum roots); a word whose upper half is
 * TYPE_MARK becomes the address of the type that its lower half names, by hash or at random, so that mutations keep
 * hitting types; with FLAG_FORCE_TYPES the same is done for the ob_type of an object at every SLOT bytes.
 * tests/fuzz/make_object_seeds.py writes inputs of this form.
 */
#include "base/memory.h"
#include "command/command.h"
#include "heap/heap.h"
#include "object/dissect.h"
#include "sink/escape.h"

#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	PRELUDE = 0x10000, /* where the types are */
	PRELUDE_MAX = 0xe0000,
	DATA = 0x100000, /* where the input is */
	DATA_MAX = 0x10000,
	SLOT = 64,
	SLOTS_MAX = 128, /* that are looked at */
	TYPES_MAX = 512,
	TYPE_MARK = 0x45505954, /* "TYPE" */
	MEMBERS = 2,
	FIRST_SLOT = 0x200, /* of the objects in a seed */
	NEIGHBOURS = 8,
};

/* Offsets in the input. */
enum roots {
	ROOT_LAYOUT = 0, /* a byte: which layout */
	ROOT_FLAGS = 1,  /* a byte */
	ROOT_SLOT = 2,   /* a byte: which object the commands are asked about, from 0x100200 on */
	ROOT_FRAME = 8,  /* the newest frame of the only thread, or what points to it */
	ROOT_GC = 16,    /* three gc_generation */
	ROOT_MODULES = 88,
	ROOT_SYSDICT = 96,
	ROOT_BUILTINS = 104,
	ROOT_CACHED_KEYS = 128, /* ht_cached_keys of every class */
	ROOT_TYPE_DICT = 384,   /* tp_dict of some */
};

enum {
	FLAG_MAPPINGS = 1, /* the target knows what is mapped */
	FLAG_COMMANDS = 2, /* run commands, instead of functions on each object */
	FLAG_FORCE_TYPES = 4,
};

/* ---- Types ---- */

struct row {
	const char *name;
	enum layout_struct structure;
};

#define TYPE(name) extern const struct object_type object_type_##name;
#include "object/types.def"
#undef TYPE

static const struct object_type *const decoders[] = {
#define TYPE(name) &object_type_##name,
#include "object/types.def"
#undef TYPE
};

static const struct row visited[] = {
#define VISITS(id, tp_name, structure_, ...) {tp_name, STRUCT_##structure_},
#include "object/visits.def"
#undef VISITS
};

/* What a type is, beyond its decoder. */
static const struct {
	const char *name, *base;
	uint64_t flags;
	enum layout_struct structure; /* of tp_basicsize, where the decoder asks for less; else 0 */
} kinds[] = {
	{"object", NULL, 0, 0},
	{"int", "object", TYPE_LONG_SUBCLASS, 0},
	{"bool", "int", TYPE_LONG_SUBCLASS, 0},
	{"float", "object", 0, 0},
	{"complex", "object", 0, 0},
	{"NoneType", "object", 0, 0},
	{"range", "object", 0, 0},
	{"str", "object", TYPE_UNICODE_SUBCLASS, 0},
	{"bytes", "object", TYPE_BYTES_SUBCLASS, 0},
	{"bytearray", "object", 0, 0},
	{"list", "object", TYPE_LIST_SUBCLASS | TYPE_HAVE_GC, 0},
	{"tuple", "object", TYPE_TUPLE_SUBCLASS | TYPE_HAVE_GC, 0},
	{"dict", "object", TYPE_DICT_SUBCLASS | TYPE_HAVE_GC, 0},
	{"collections.OrderedDict", "dict", TYPE_DICT_SUBCLASS | TYPE_HAVE_GC, 0},
	{"collections.defaultdict", "dict", TYPE_DICT_SUBCLASS | TYPE_HAVE_GC, 0},
	{"BaseException", "object", TYPE_BASE_EXC_SUBCLASS | TYPE_HAVE_GC, 0},
	{"OSError", "BaseException", TYPE_BASE_EXC_SUBCLASS | TYPE_HAVE_GC, 0},
	{"code", "object", 0, STRUCT_PyCodeObject},
	{"frame", "object", TYPE_HAVE_GC, STRUCT_PyFrameObject},
	{"generator", "object", TYPE_HAVE_GC, STRUCT_PyGenObject},
	{"coroutine", "object", TYPE_HAVE_GC, STRUCT_PyCoroObject},
	{"async_generator", "object", TYPE_HAVE_GC, STRUCT_PyAsyncGenObject},
	{"memoryview", "object", TYPE_HAVE_GC, STRUCT_PyMemoryViewObject},
	{"type", "object", TYPE_TYPE_SUBCLASS | TYPE_HAVE_GC, STRUCT_PyHeapTypeObject},
	{"SyntaxError", "BaseException", TYPE_BASE_EXC_SUBCLASS | TYPE_HAVE_GC, 0},
};

enum { KINDS = sizeof(kinds) / sizeof(*kinds) };

/* Classes of a program, of each of these bases and in each of these forms. */
static const char *const bases[] = {
	"object",
	"int",
	"str",
	"bytes",
	"list",
	"tuple",
	"dict",
	"set",
	"BaseException",
	"type",
	"collections.deque",
	"collections.OrderedDict",
	"dict_keys",
	"_io.BytesIO",
};

#define TYPE_SUBCLASSES ((uint64_t)0xff << 24)

enum class_form {
	CLASS_DICT,  /* instances have a __dict__ */
	CLASS_SLOTS, /* and __slots__ instead */
	CLASS_OTHER, /* a __dict__, a repr() of its own, a tp_dict that the input holds, and all subclass flags */
	CLASS_FORMS,
};

struct prelude {
	uint8_t bytes[PRELUDE_MAX];
	uint64_t size;
	const struct layout *layout;
	uint32_t hashes[TYPES_MAX];
	target_addr types[TYPES_MAX];
	size_t type_count;
	target_addr class_name; /* a str */
};

static uint32_t hash_name(const char *name)
{
	uint32_t hash = 2166136261u; /* FNV-1a */

	for (; *name; name++)
		hash = (hash ^ (uint8_t)*name) * 16777619u;
	return hash;
}

static target_addr find_type(const struct prelude *prelude, uint32_t hash)
{
	for (size_t i = 0; i < prelude->type_count; i++)
		if (prelude->hashes[i] == hash)
			return prelude->types[i];
	return prelude->types[hash % prelude->type_count];
}

static target_addr type_named(const struct prelude *prelude, const char *name)
{
	for (size_t i = 0; i < prelude->type_count; i++)
		if (prelude->hashes[i] == hash_name(name))
			return prelude->types[i];
	return 0;
}

/* Nothing when the layout has no such field, or its place is out of bounds. */
static void put(struct prelude *prelude, target_addr at, enum layout_field field, uint64_t value)
{
	const struct layout_place place = prelude->layout->fields[field];
	const uint64_t offset = at - PRELUDE + place.offset_plus_1 - 1;

	if (!at || !place.offset_plus_1 || offset + place.size > PRELUDE_MAX || place.size > sizeof(value))
		return;
	if (place.width) {
		uint64_t unit = 0, mask = (((uint64_t)1 << place.width) - 1) << place.bit;
		memcpy(&unit, prelude->bytes + offset, place.size);
		value = (unit & ~mask) | (value << place.bit & mask);
	}
	memcpy(prelude->bytes + offset, &value, place.size);
}

static uint64_t get(const struct prelude *prelude, target_addr at, enum layout_field field)
{
	const struct layout_place place = prelude->layout->fields[field];
	uint64_t value = 0;

	if (at && place.offset_plus_1 && place.size <= sizeof(value))
		memcpy(&value, prelude->bytes + (at - PRELUDE) + place.offset_plus_1 - 1, place.size);
	return value;
}

static target_addr take(struct prelude *prelude, uint64_t size)
{
	const target_addr at = PRELUDE + prelude->size;

	prelude->size += (size + SLOT - 1) / SLOT * SLOT;
	if (prelude->size > PRELUDE_MAX) {
		fprintf(stderr, "the prelude is too small for the types\n");
		abort();
	}
	return at;
}

static target_addr put_text(struct prelude *prelude, const char *text, size_t length)
{
	const target_addr at = take(prelude, length + 1);

	memcpy(prelude->bytes + (at - PRELUDE), text, length);
	return at;
}

/* A type object, without flags and base. */
static target_addr add_type(struct prelude *prelude, const char *name, size_t length, uint64_t basicsize)
{
	const struct layout *layout = prelude->layout;
	const uint64_t heap_size = layout->structs[STRUCT_PyHeapTypeObject];
	const uint64_t members = MEMBERS * layout->structs[STRUCT_PyMemberDef];
	const target_addr at = take(prelude, heap_size + members);
	char text[TYPE_NAME];

	if (length >= sizeof(text) || prelude->type_count == TYPES_MAX)
		abort();
	memcpy(text, name, length);
	text[length] = '\0';
	prelude->hashes[prelude->type_count] = hash_name(text);
	prelude->types[prelude->type_count++] = at;
	put(prelude, at, FIELD_PyObject_ob_refcnt, 1);
	put(prelude, at, FIELD_PyTypeObject_tp_name, put_text(prelude, text, length));
	put(prelude, at, FIELD_PyTypeObject_tp_basicsize, basicsize);
	put(prelude, at, FIELD_PyTypeObject_tp_flags, TYPE_READY);
	/* Nothing is there: a function's address only tells it from others. */
	put(prelude, at, FIELD_PyTypeObject_tp_repr, at + 1);
	put(prelude, at, FIELD_PyTypeObject_tp_traverse, at + 2);
	put(prelude, at, FIELD_PyTypeObject_tp_dealloc, at + 3);
	return at;
}

/* "a|b": a type each. */
static void add_types(struct prelude *prelude, const char *names, enum layout_struct structure)
{
	uint64_t basicsize = prelude->layout->structs[structure];

	if (basicsize < prelude->layout->structs[STRUCT_PyVarObject])
		basicsize = prelude->layout->structs[STRUCT_PyVarObject];
	for (const char *at = names; at;) {
		const char *bar = strchr(at, '|');
		const size_t length = bar ? (size_t)(bar - at) : strlen(at);
		const target_addr type = add_type(prelude, at, length, basicsize);
		put(prelude, type, FIELD_PyTypeObject_tp_flags, TYPE_READY | TYPE_HAVE_GC);
		at = bar ? bar + 1 : NULL;
	}
}

static void finish_types(struct prelude *prelude)
{
	const target_addr object = type_named(prelude, "object");

	for (size_t i = 0; i < prelude->type_count; i++) {
		put(prelude, prelude->types[i], FIELD_PyObject_ob_type, type_named(prelude, "type"));
		if (prelude->types[i] != object)
			put(prelude, prelude->types[i], FIELD_PyTypeObject_tp_base, object);
	}
	for (size_t i = 0; i < KINDS; i++) {
		const target_addr type = type_named(prelude, kinds[i].name);
		put(prelude, type, FIELD_PyTypeObject_tp_flags, TYPE_READY | kinds[i].flags);
		put(prelude, type, FIELD_PyTypeObject_tp_base, kinds[i].base ? type_named(prelude, kinds[i].base) : 0);
		if (kinds[i].structure)
			put(prelude, type, FIELD_PyTypeObject_tp_basicsize,
			    prelude->layout->structs[kinds[i].structure]);
	}
	put(prelude, type_named(prelude, "int"), FIELD_PyTypeObject_tp_itemsize, 4);
	put(prelude, type_named(prelude, "bytes"), FIELD_PyTypeObject_tp_itemsize, 1);
	put(prelude, type_named(prelude, "tuple"), FIELD_PyTypeObject_tp_itemsize, 8);
}

static target_addr add_str(struct prelude *prelude, const char *text)
{
	const struct layout *layout = prelude->layout;
	const target_addr at = take(prelude, layout->structs[STRUCT_PyUnicodeObject] + strlen(text) + 1);

	put(prelude, at, FIELD_PyObject_ob_type, type_named(prelude, "str"));
	put(prelude, at, FIELD_PyASCIIObject_length, strlen(text));
	put(prelude, at, FIELD_PyASCIIObject_kind, 1);
	put(prelude, at, FIELD_PyASCIIObject_compact, 1);
	put(prelude, at, FIELD_PyASCIIObject_ascii, 1);
	put(prelude, at, FIELD_PyASCIIObject_ready, 1);
	memcpy(prelude->bytes + (at - PRELUDE) + layout->structs[STRUCT_PyASCIIObject], text, strlen(text));
	return at;
}

static void add_slots(struct prelude *prelude, target_addr type, uint64_t offset)
{
	const uint32_t stride = prelude->layout->structs[STRUCT_PyMemberDef];
	enum { MEMBER_OBJECT_EX = 16 };

	put(prelude, type, FIELD_PyVarObject_ob_size, MEMBERS);
	for (unsigned i = 0; i < MEMBERS; i++) {
		const target_addr member = type + prelude->layout->structs[STRUCT_PyHeapTypeObject] + i * stride;
		const char name[2] = {(char)('a' + i), '\0'};
		put(prelude, member, FIELD_PyMemberDef_name, put_text(prelude, name, 1));
		put(prelude, member, FIELD_PyMemberDef_type, MEMBER_OBJECT_EX);
		put(prelude, member, FIELD_PyMemberDef_offset, offset + 8 * i);
	}
}

/* "list/1": the class of form 1 that derives from list. */
static void add_class(struct prelude *prelude, const char *base_name, enum class_form form)
{
	const struct layout *layout = prelude->layout;
	const target_addr base = type_named(prelude, base_name);
	const uint64_t base_size = get(prelude, base, FIELD_PyTypeObject_tp_basicsize);
	const bool managed = layout_trait(layout, TRAIT_MANAGED_DICT_TAGGED) ||
			     layout_trait(layout, TRAIT_MANAGED_DICT_TWO_WORDS) ||
			     layout_trait(layout, TRAIT_DICT_VALUES_HEADER);
	uint64_t flags = get(prelude, base, FIELD_PyTypeObject_tp_flags) | TYPE_HEAPTYPE | TYPE_HAVE_GC;
	char name[TYPE_NAME];

	(void)snprintf(name, sizeof(name), "%s/%d", base_name, (int)form);
	const target_addr type = add_type(prelude, name, strlen(name), base_size + 8 * MEMBERS);
	prelude->hashes[prelude->type_count - 1] = hash_name(name);
	put(prelude, type, FIELD_PyTypeObject_tp_name, put_text(prelude, "C", 1));
	put(prelude, type, FIELD_PyObject_ob_type, type_named(prelude, "type"));
	put(prelude, type, FIELD_PyTypeObject_tp_base, base);
	put(prelude, type, FIELD_PyTypeObject_tp_itemsize, get(prelude, base, FIELD_PyTypeObject_tp_itemsize));
	put(prelude, type, FIELD_PyHeapTypeObject_ht_qualname, prelude->class_name);
	put(prelude, type, FIELD_PyHeapTypeObject_ht_cached_keys, DATA + ROOT_CACHED_KEYS);
	if (form != CLASS_OTHER) {
		put(prelude, type, FIELD_PyTypeObject_tp_repr, get(prelude, base, FIELD_PyTypeObject_tp_repr));
	} else {
		put(prelude, type, FIELD_PyTypeObject_tp_dict, DATA + ROOT_TYPE_DICT);
		flags |= TYPE_SUBCLASSES;
	}
	if (form == CLASS_SLOTS)
		add_slots(prelude, type, base_size);
	else if (!managed)
		put(prelude, type, FIELD_PyTypeObject_tp_dictoffset,
		    strcmp(base_name, "int") ? base_size : (uint64_t)-8);
	else
		flags |= TYPE_MANAGED_DICT | (strcmp(base_name, "object") ? 0 : TYPE_INLINE_VALUES);
	put(prelude, type, FIELD_PyTypeObject_tp_flags, flags);
}

static const struct prelude *prelude_of(size_t index)
{
	enum { LAYOUTS_MAX = 64 };
	static struct prelude *preludes[LAYOUTS_MAX];

	if (preludes[index % LAYOUTS_MAX])
		return preludes[index % LAYOUTS_MAX];
	struct prelude *prelude = calloc(1, sizeof(*prelude));
	if (!prelude)
		abort();
	prelude->layout = layout_at(index);
	add_type(prelude, "object", 6, prelude->layout->structs[STRUCT_PyObject]);
	for (size_t i = 0; i < sizeof(decoders) / sizeof(*decoders); i++)
		add_types(prelude, decoders[i]->name, decoders[i]->structure);
	for (size_t i = 0; i < sizeof(visited) / sizeof(*visited); i++)
		add_types(prelude, visited[i].name, visited[i].structure);
	finish_types(prelude);
	prelude->class_name = add_str(prelude, "Class");
	for (size_t i = 0; i < sizeof(bases) / sizeof(*bases); i++)
		for (int form = 0; form < CLASS_FORMS; form++)
			add_class(prelude, bases[i], (enum class_form)form);
	return preludes[index % LAYOUTS_MAX] = prelude;
}

/* ---- The target and its Python ---- */

struct image {
	const struct prelude *prelude;
	uint8_t *data;
	size_t size;
};

static int32_t lend(void *arg, uint64_t address, void *buffer, uint64_t length)
{
	const struct image *image = arg;

	if (address >= DATA && address - DATA < image->size && length <= image->size - (address - DATA))
		memcpy(buffer, image->data + (address - DATA), length);
	else if (address >= PRELUDE && address - PRELUDE < PRELUDE_MAX && length <= PRELUDE_MAX - (address - PRELUDE))
		memcpy(buffer, image->prelude->bytes + (address - PRELUDE), length);
	else
		return -1;
	return 0;
}

static uint64_t word_at(const struct image *image, size_t offset)
{
	uint64_t word = 0;

	if (offset + sizeof(word) <= image->size)
		memcpy(&word, image->data + offset, sizeof(word));
	return word;
}

static void resolve_types(struct image *image, bool force)
{
	const size_t ob_type = layout_offset(image->prelude->layout, FIELD_PyObject_ob_type);

	for (size_t offset = 0; offset + 8 <= image->size; offset += 8) {
		uint64_t word = word_at(image, offset);
		if (word >> 32 == TYPE_MARK || (force && offset > ROOT_TYPE_DICT && offset % SLOT == ob_type)) {
			word = find_type(image->prelude, (uint32_t)word);
			memcpy(image->data + offset, &word, sizeof(word));
		}
	}
}

static void add_mappings(struct target *target, const struct image *image)
{
	memory_free(target->mappings);
	target->mappings = memory_calloc(2, sizeof(*target->mappings));
	if (!target->mappings)
		abort();
	target->mapping_count = 2;
	target->mappings_known = true;
	target->mappings[0] = (struct target_mapping){.start = PRELUDE,
						      .end = PRELUDE + PRELUDE_MAX,
						      .saved_end = PRELUDE + PRELUDE_MAX,
						      .readable = true,
						      .writable = true,
						      .saved = true,
						      .module = UINT32_MAX};
	target->mappings[1] = target->mappings[0];
	target->mappings[1].start = DATA;
	target->mappings[1].end = target->mappings[1].saved_end = DATA + image->size;
}

/* Where the owner of a field must lie for the field to be at a root. */
static target_addr owner_of(const struct layout *layout, enum layout_field field, uint64_t root)
{
	return layout_has(layout, field) ? DATA + root - layout_offset(layout, field) : DATA;
}

static struct python *make_python(struct target *target, const struct image *image)
{
	const struct layout *layout = image->prelude->layout;
	const bool generations = layout_has(layout, FIELD_PyInterpreterState_gc_generations);
	const enum layout_field newest = layout_has(layout, FIELD_PyThreadState_cframe) ? FIELD_PyThreadState_cframe
					 : layout_has(layout, FIELD_PyThreadState_current_frame)
						 ? FIELD_PyThreadState_current_frame
						 : FIELD_PyThreadState_frame;
	struct python *python = memory_calloc(1, sizeof(*python));

	if (!python || !(python->interpreters = memory_calloc(1, sizeof(*python->interpreters))) ||
	    !(python->threads = memory_calloc(1, sizeof(*python->threads))))
		abort();
	python->target = target;
	python->layout = layout;
	python->error = target->error;
	python->runtime = generations ? DATA : owner_of(layout, FIELD__PyRuntimeState_gc_generations, ROOT_GC);
	python->version_hex = layout->source_hex;
	python->interpreter_count = 1;
	python->interpreters[0] = (struct interpreter){
		.address = generations ? owner_of(layout, FIELD_PyInterpreterState_gc_generations, ROOT_GC) : DATA,
		.modules = word_at(image, ROOT_MODULES),
		.sysdict = word_at(image, ROOT_SYSDICT),
		.builtins = word_at(image, ROOT_BUILTINS),
	};
	python->thread_count = 1;
	python->threads[0] = (struct python_thread){
		.tstate = owner_of(layout, newest, ROOT_FRAME), .thread_id = 7, .lwp = SIZE_MAX};
	return python;
}

/* ---- What is asked, and what must hold ---- */

static void check(bool holds, const char *what)
{
	if (!holds) {
		fprintf(stderr, "wrong: %s\n", what);
		abort();
	}
}

/* Length of the UTF-8 character at text; 0 when there is none. */
static size_t utf8_length(const uint8_t *text, size_t left)
{
	const size_t length = text[0] < 0x80   ? 1
			      : text[0] < 0xc2 ? 0
			      : text[0] < 0xe0 ? 2
			      : text[0] < 0xf0 ? 3
			      : text[0] < 0xf5 ? 4
					       : 0;

	if (length == 0 || length > left)
		return 0;
	for (size_t i = 1; i < length; i++)
		if ((text[i] & 0xc0) != 0x80)
			return 0;
	if ((text[0] == 0xe0 && text[1] < 0xa0) || (text[0] == 0xed && text[1] > 0x9f) ||
	    (text[0] == 0xf0 && text[1] < 0x90) || (text[0] == 0xf4 && text[1] > 0x8f))
		return 0;
	return length;
}

static void check_output(const char *text, size_t length)
{
	const uint8_t *at = (const uint8_t *)text, *end = at + length;

	while (at < end) {
		const size_t size = utf8_length(at, (size_t)(end - at));
		check(size != 0, "output is not UTF-8");
		check(*at == '\n' || (*at >= 0x20 && *at != 0x7f), "output has a control character");
		at += size;
	}
}

static int32_t check_written(void *arg, const char *data, uint64_t length)
{
	(void)arg;
	check_output(data, (size_t)length);
	return 0;
}

static void check_text(const struct strbuf *text)
{
	struct strbuf safe = {0};

	check(!strbuf_failed(text) && strlen(strbuf_text(text)) <= text->length, "the text does not end");
	(void)escape_append(&safe, strbuf_text(text), text->length);
	check_output(strbuf_text(&safe), safe.length);
	strbuf_deinit(&safe);
}

static void render(struct objects *objects, target_addr address, const struct limits *limits, bool attributes)
{
	enum { LAST_PART = 64 * 1024 }; /* total is looked at after each part, and one may be that long here */
	struct strbuf text = {0};
	struct rendering rendering;

	const enum cpeek_status status = render_repr(objects, address, limits, attributes, &text, &rendering);
	check(status == CPEEK_OK, "rendering fails");
	check(text.length <= 8 * (limits->total + LAST_PART), "total does not hold");
	check(text.length > 0, "nothing is shown");
	check_text(&text);
	strbuf_deinit(&text);
}

static enum cpeek_status count_edge(void *arg, const struct edge *edge)
{
	check(edge->target != 0, "an edge to nowhere");
	++*(uint64_t *)arg;
	return CPEEK_OK;
}

static enum cpeek_status count_variable(void *arg, const struct variable *variable)
{
	check(variable->value != 0, "an unbound variable");
	++*(uint64_t *)arg;
	return CPEEK_OK;
}

static enum cpeek_status count_address(void *arg, target_addr address)
{
	(void)address;
	++*(uint64_t *)arg;
	return CPEEK_OK;
}

static void walk_items(struct items *items)
{
	struct item item;

	/* No array can be longer than the memory. */
	for (uint64_t i = 0; items_next(items, &item) == CPEEK_OK; i++)
		check(i <= PRELUDE_MAX + DATA_MAX, "a container does not end");
}

static void look_at_frame(struct objects *objects, const struct frame *frame)
{
	struct strbuf text = {0};
	uint64_t count = 0;

	(void)frame_walk_variables(objects, frame, count_variable, &count);
	(void)frame_read_function(objects, frame, &text);
	(void)frame_read_qualname(objects, frame, &text);
	(void)frame_read_filename(objects, frame, &text);
	check_text(&text);
	strbuf_deinit(&text);
}

static void look_at_object(struct objects *objects, target_addr address)
{
	static const struct limits small = {.elements = 5, .string = 20, .depth = 3, .total = 1000};
	static const struct limits large = {.total = 4096};
	static const int64_t offsets[] = {-1, 0, 2, 7, 1000, INT64_MAX};
	struct attributes attributes;
	struct position position;
	struct object object;
	struct items items;
	struct frame frame;
	uint64_t count = 0;
	bool tracked;

	render(objects, address, &small, true);
	render(objects, address, &large, false);
	if (object_read(objects, address, &object) != CPEEK_OK)
		return;
	(void)object_walk_edges(&object, count_edge, &count);
	(void)object_read_size(&object, &count);
	(void)object_read_tracked(&object, &tracked);
	(void)object_read_attributes(&object, &attributes);
	if (attributes_start(&object, &items) == CPEEK_OK)
		walk_items(&items);
	if (items_start(&object, &items) == CPEEK_OK)
		walk_items(&items);
	struct dissection dissection;
	(void)object_dissect(&object, &small, &dissection);
	dissection_deinit(&dissection);
	if (frame_of_object(&object, &frame) == CPEEK_OK)
		look_at_frame(objects, &frame);
	for (size_t i = 0; i < sizeof(offsets) / sizeof(*offsets); i++)
		(void)code_read_position(objects, address, offsets[i], &position);
}

static void look_at_all(struct cpeek_session *session, size_t size)
{
	struct objects *objects = session->objects;
	struct stack stack;
	struct heap heap;
	uint64_t count = 0;
	bool partial;

	for (size_t i = 0; i < SLOTS_MAX && i * SLOT < size; i++)
		look_at_object(objects, DATA + i * SLOT);
	if (stack_read(objects, &session->python->threads[0], &stack) == CPEEK_OK) {
		for (size_t i = 0; i < stack.count && i < SLOTS_MAX; i++)
			look_at_frame(objects, &stack.frames[i]);
		stack_deinit(&stack);
	}
	(void)gc_walk(objects, count_address, &count, &partial);
	if (heap_read(objects, &heap) == CPEEK_OK)
		heap_deinit(&heap);
}

/* $ is the object. */
static void run_command(struct cpeek_session *session, const char *pattern, target_addr object)
{
	const char *mark = strchr(pattern, '$');
	char line[128];

	if (mark)
		(void)snprintf(line, sizeof(line), "%.*s0x%llx%s", (int)(mark - pattern), pattern,
			       (unsigned long long)object, mark + 1);
	else
		(void)snprintf(line, sizeof(line), "%s", pattern);
	const int32_t status = cpeek_run(session, line, CPEEK_TEXT, check_written, NULL);
	check(status != CPEEK_END && status != CPEEK_NO_MEMORY, line);
	check(status == CPEEK_OK || status == CPEEK_PARTIAL || cpeek_error(session)[0], "an error without a sentence");
	check_output(cpeek_error(session), strlen(cpeek_error(session)));
}

/* The page of an object: written where no disk is, and read again. */
static void draw(struct cpeek_session *session, target_addr object)
{
	static int file = -1;
	char line[128], *text;
	off_t size;

	if (file < 0)
		file = memfd_create("page", MFD_CLOEXEC);
	(void)snprintf(line, sizeof(line), "dissect --html /proc/self/fd/%d $", file);
	if (file < 0 || ftruncate(file, 0) != 0)
		abort();
	run_command(session, line, object);
	size = lseek(file, 0, SEEK_END);
	text = malloc((size_t)size + 1);
	if (!text || pread(file, text, (size_t)size, 0) != size)
		abort();
	check_output(text, (size_t)size);
	free(text);
}

static void run_commands(struct cpeek_session *session, unsigned slot)
{
	const target_addr object = DATA + FIRST_SLOT + slot % SLOTS_MAX * SLOT;
	static const char *const lines[] = {
		"info",
		"threads",
		"bt --all --locals",
		"bt --full --locals",
		"up",
		"locals",
		"globals",
		"down",
		"list",
		"objects --referents --repr --limit 50",
		"objects --json --limit 50",
		"print a",
		"print a.b[0]['k'].c",
		"print sys.b[-1]",
		"print $",
		"print --json $",
		"print $.__class__",
		"print $.__dict__['a']",
		"lookup a 'key'",
		"lookup $ (1, None, @a.b)",
		"lookup $ 0 --json",
		"lookup sys @a",
		"growth a",
		"growth $",
		"growth $ --json",
		"sort a",
		"sort $",
		"sort $ --json",
		"threads --json",
		"bt --all --json",
		"gc",
		"gc --json",
		"gc --simulate",
		"gc --simulate $ --json",
		"gc --simulate $",
		"dissect a",
		"dissect sys",
		"dissect $",
		"dissect --full $",
		"dissect $ --json",
		"dis",
		"dis $",
		"dis $ --json",
		"type $",
		"type a",
		"type $ --json",
	};

	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++)
		run_command(session, lines[i], object);
	draw(session, object);
	/* Of the neighbours at least what they are. */
	for (target_addr at = DATA + FIRST_SLOT; at < DATA + FIRST_SLOT + NEIGHBOURS * SLOT; at += SLOT) {
		run_command(session, "dissect $", at);
		run_command(session, "type $", at);
		run_command(session, "growth $", at);
		run_command(session, "dis $", at);
	}
}

static size_t layout_count(void)
{
	size_t count = 0;

	while (layout_at(count))
		count++;
	return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < ROOT_CACHED_KEYS || size > DATA_MAX)
		return 0;
	const uint8_t flags = data[ROOT_FLAGS];
	struct image image = {prelude_of(data[ROOT_LAYOUT] % layout_count()), malloc(size), size};
	struct cpeek_session *session = cpeek_create();
	const struct cpeek_memory memory = {
		.struct_size = sizeof(memory), .pointer_size = 8, .machine = EM_X86_64, .read = lend, .arg = &image};

	if (!image.data || !session)
		abort();
	memcpy(image.data, data, size);
	resolve_types(&image, flags & FLAG_FORCE_TYPES);
	if (target_open_lent(&memory, NULL, &session->error, &session->target) != CPEEK_OK)
		abort();
	if (flags & FLAG_MAPPINGS)
		add_mappings(session->target, &image);
	session->python = make_python(session->target, &image);
	session->source = source_create();
	session->thread = 0;
	if (!session->source || objects_create(session->python, &session->objects) != CPEEK_OK)
		abort();
	session->objects->frames = &stack_hooks;
	if (flags & FLAG_COMMANDS)
		run_commands(session, data[ROOT_SLOT]);
	else
		look_at_all(session, size);
	cpeek_destroy(session);
	free(image.data);
	return 0;
}
