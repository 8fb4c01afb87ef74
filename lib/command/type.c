/*
 * type: what a class is: its MRO and how C3 arrives at it, its flags, sizes, slots, attributes, subclasses, and how its
 * instances are laid out.
 */
#include "object/type_dissect.h"
#include "command/command.h"
#include "command/dissect.h"
#include "command/show.h"

#include <inttypes.h>

enum {
	ARGUMENT_FULL,
	ARGUMENT_EXPR,
};

static enum cpeek_status (*const chapters[])(struct dissection *dissection, const struct type *type) = {
	type_explain_sizes,      type_explain_caches,      type_explain_mro,       type_explain_slots,
	type_explain_attributes, type_explain_definitions, type_explain_instances, type_explain_subclasses,
};

/* The type that EXPR names, or of what it names. */
static enum cpeek_status find_type(struct cpeek_session *session, const char *expression, const struct type **ret)
{
	target_addr address;
	struct object object;

	TRY(expression_evaluate(session, expression, &address));
	enum cpeek_status status = object_read(session->objects, address, &object);
	if (status == CPEEK_OK && object.type->flags & TYPE_TYPE_SUBCLASS)
		status = type_read(session->objects, address, ret);
	else if (status == CPEEK_OK)
		*ret = object.type;
	if (status != CPEEK_OK)
		return error_set(&session->error, status, "0x%" PRIx64 ": no object that can be read is there",
				 address);
	return CPEEK_OK;
}

static void put_names(struct sink *sink, struct dissection *dissection, const char *name, target_addr tuple)
{
	struct type_list list = {0};

	if (!tuple)
		return;
	(void)dissect_tolerate(dissection, type_read_list(dissection->objects, tuple, &list), name);
	sink_array(sink, name);
	for (size_t i = 0; i < list.count; i++)
		sink_string(sink, NULL, type_name_text(dissection, list.items[i]));
	sink_end(sink);
	VECTOR_DEINIT(&list);
}

/* What programs ask for, without the tables. */
static void put_summary(struct sink *sink, struct dissection *dissection, const struct type *type)
{
	uint64_t bases = 0;

	sink_string(sink, "name", type->name);
	sink_string(sink, "metaclass", type_name_text(dissection, type->metatype));
	sink_unsigned(sink, "flags", type->flags);
	sink_array(sink, "flag_names");
	for (unsigned bit = 0; bit < 64; bit++)
		if (type->flags >> bit & 1 && layout_type_flag(dissection->objects->layout, bit))
			sink_string(sink, NULL, layout_type_flag(dissection->objects->layout, bit));
	sink_end(sink);
	sink_number(sink, "basicsize", type->basicsize);
	sink_number(sink, "itemsize", type->itemsize);
	sink_number(sink, "dictoffset", type->dictoffset);
	sink_number(sink, "weaklistoffset", type->weaklistoffset);
	put_names(sink, dissection, "mro", type->mro);
	if (field_read(dissection->objects, type->address, FIELD_PyTypeObject_tp_bases, &bases) == CPEEK_OK)
		put_names(sink, dissection, "bases", bases);
}

static enum cpeek_status run(struct cpeek_session *session, const struct arguments *arguments, struct sink *sink)
{
	const struct limits limits = show_limits(session, arguments->items[ARGUMENT_FULL].given ? SHOW_FULL : 0);
	struct dissection dissection = {.objects = session->objects, .limits = &limits};
	enum cpeek_status status = CPEEK_OK;
	const struct type *type;

	TRY(find_type(session, arguments->items[ARGUMENT_EXPR].text, &type));
	sink_object(sink, NULL);
	sink_address(sink, "address", type->address);
	put_summary(sink, &dissection, type);
	for (size_t i = 0; i < sizeof(chapters) / sizeof(*chapters) && status == CPEEK_OK; i++)
		status = chapters[i](&dissection, type);
	return dissection_end(session, sink, status, &dissection);
}

static const struct cpeek_argument arguments[] = {
	[ARGUMENT_FULL] = {"--full", "in full, not cut at the limits", CPEEK_ARGUMENT_FLAG, 0},
	[ARGUMENT_EXPR] = {"EXPR", "a class, or an object whose class is meant", CPEEK_ARGUMENT_REST, 1},
};

const struct command command_type = {
	.description =
		{
			.name = "type",
			.usage = "type [--full] EXPR",
			.summary = "A class: MRO, slots, flags, attributes, how its instances are laid out",
			.help = "Shows the class that EXPR names, or the class of the object that it names: sizes and "
				"flags, the MRO and how C3 arrives at it, the slots that are set with the functions "
				"in "
				"them, its attributes by kind, what its C code defines and where that lies in an "
				"instance, the layout of an instance, and its subclasses.",
			.arguments = arguments,
			.argument_count = sizeof(arguments) / sizeof(*arguments),
		},
	.run = run,
};
