/*
 * Exceptions: BaseException and those of the builtins that keep more than it does. All others are told by the nearest
 * of these that they derive from.
 */
#include "object/class_name.h"
#include "object/exception_dissect.h"
#include "object/phrase.h"

/* BaseException_repr() of Objects/exceptions.c */
static enum cpeek_status exception_decode(const struct object *object, struct value *value)
{
	struct objects *objects = object->objects;
	const target_addr args = object_get(object, FIELD_PyBaseExceptionObject_args);
	struct object tuple;
	struct items items;
	struct item item;

	TRY(object_read(objects, args, &tuple));
	if (!(tuple.type->flags & TYPE_TUPLE_SUBCLASS))
		return CPEEK_CORRUPT;
	value_text(value, class_name(object));
	if (tuple.ob_size != 1 || layout_trait(objects->layout, TRAIT_EXCEPTION_REPR_TUPLE)) {
		value_object(value, args);
		return CPEEK_OK;
	}
	TRY(items_start(&tuple, &items));
	TRY(items_next(&items, &item));
	value_text(value, "(");
	value_object(value, item.value);
	value_text(value, ")");
	return CPEEK_OK;
}

/* Whether an exception type of C code has a repr of its own, and not that of its base. */
static bool has_own_repr(const struct object *object)
{
	const struct type *type = object->type->decoder_type;

	return type->base_type && type->tp_repr != type->base_type->tp_repr;
}

/* BaseExceptionGroup_repr(), from 3.14 on: the exceptions as they are, in a list if one was given. */
static enum cpeek_status group_decode(const struct object *object, struct value *value)
{
	struct objects *objects = object->objects;
	const target_addr excs = object_get(object, FIELD_PyBaseExceptionGroupObject_excs);
	struct object tuple, given;
	struct items items;
	struct item item;

	if (!has_own_repr(object))
		return exception_decode(object, value);
	value_format(value, "%s(", class_name(object));
	value_object(value, object_get(object, FIELD_PyBaseExceptionGroupObject_msg));
	value_text(value, ", ");
	if (layout_has(objects->layout, FIELD_PyBaseExceptionGroupObject_excs_str) &&
	    object_get(object, FIELD_PyBaseExceptionGroupObject_excs_str)) {
		value_str(value, objects, object_get(object, FIELD_PyBaseExceptionGroupObject_excs_str));
	} else {
		TRY(object_read(objects, object_get(object, FIELD_PyBaseExceptionObject_args), &tuple));
		TRY(items_start(&tuple, &items));
		TRY(items_next(&items, &item));
		TRY(items_next(&items, &item));
		TRY(object_read(objects, item.value, &given));
		if (given.type->flags & TYPE_LIST_SUBCLASS) {
			value_text(value, "[");
			value_arguments(value, excs, ARGUMENTS_FIRST);
			value_text(value, "]");
		} else {
			value_object(value, excs);
		}
	}
	value_text(value, ")");
	return CPEEK_OK;
}

/* ImportError_repr(), 3.15: behind the arguments what is known of the module. */
static enum cpeek_status import_decode(const struct object *object, struct value *value)
{
	const target_addr name = object_get(object, FIELD_PyImportErrorObject_name);
	const target_addr path = object_get(object, FIELD_PyImportErrorObject_path);
	const target_addr args = object_get(object, FIELD_PyBaseExceptionObject_args);
	struct object tuple;

	if (!has_own_repr(object) || (!name && !path))
		return exception_decode(object, value);
	TRY(object_read(object->objects, args, &tuple));
	value_format(value, "%s(", class_name(object));
	value_arguments(value, args, ARGUMENTS_FIRST);
	if (name) {
		value_text(value, tuple.ob_size ? ", name=" : "name=");
		value_object(value, name);
	}
	if (path) {
		value_text(value, tuple.ob_size || name ? ", path=" : "path=");
		value_object(value, path);
	}
	value_text(value, ")");
	return CPEEK_OK;
}

/* Each xxx_traverse() visits its own fields and then calls BaseException_traverse(). */
#define BASE_FIELDS                                                                                                   \
	FIELD_PyBaseExceptionObject_dict, FIELD_PyBaseExceptionObject_args, FIELD_PyBaseExceptionObject_notes,        \
		FIELD_PyBaseExceptionObject_traceback, FIELD_PyBaseExceptionObject_cause,                             \
		FIELD_PyBaseExceptionObject_context

#define EXCEPTION_AS(id, tp_name, structure_, decode_, ...)                                                           \
	static const enum layout_field id##_fields[] = {__VA_ARGS__};                                                 \
	const struct object_type object_type_##id = {                                                                 \
		.name = tp_name,                                                                                      \
		.structure = STRUCT_##structure_,                                                                     \
		.decode = decode_,                                                                                    \
		.fields = id##_fields,                                                                                \
		.dissect = exception_dissect,                                                                         \
		.field_count = sizeof(id##_fields) / sizeof(*id##_fields),                                            \
	};

#define EXCEPTION(id, tp_name, structure_, ...) EXCEPTION_AS(id, tp_name, structure_, exception_decode, __VA_ARGS__)

EXCEPTION(base_exception, "BaseException", PyBaseExceptionObject, BASE_FIELDS)
EXCEPTION_AS(exception_group, "BaseExceptionGroup", PyBaseExceptionGroupObject, group_decode,
	     FIELD_PyBaseExceptionGroupObject_msg, FIELD_PyBaseExceptionGroupObject_excs,
	     FIELD_PyBaseExceptionGroupObject_excs_str, BASE_FIELDS)
EXCEPTION(syntax_error, "SyntaxError", PySyntaxErrorObject, FIELD_PySyntaxErrorObject_msg,
	  FIELD_PySyntaxErrorObject_filename, FIELD_PySyntaxErrorObject_lineno, FIELD_PySyntaxErrorObject_offset,
	  FIELD_PySyntaxErrorObject_end_lineno, FIELD_PySyntaxErrorObject_end_offset, FIELD_PySyntaxErrorObject_text,
	  FIELD_PySyntaxErrorObject_print_file_and_line, FIELD_PySyntaxErrorObject_metadata, BASE_FIELDS)
EXCEPTION_AS(import_error, "ImportError", PyImportErrorObject, import_decode, FIELD_PyImportErrorObject_msg,
	     FIELD_PyImportErrorObject_name, FIELD_PyImportErrorObject_path, FIELD_PyImportErrorObject_name_from,
	     BASE_FIELDS)
#define UNICODE_FIELDS                                                                                                \
	FIELD_PyUnicodeErrorObject_encoding, FIELD_PyUnicodeErrorObject_object, FIELD_PyUnicodeErrorObject_reason,    \
		BASE_FIELDS
EXCEPTION(unicode_encode_error, "UnicodeEncodeError", PyUnicodeErrorObject, UNICODE_FIELDS)
EXCEPTION(unicode_decode_error, "UnicodeDecodeError", PyUnicodeErrorObject, UNICODE_FIELDS)
EXCEPTION(unicode_translate_error, "UnicodeTranslateError", PyUnicodeErrorObject, UNICODE_FIELDS)
EXCEPTION(system_exit, "SystemExit", PySystemExitObject, FIELD_PySystemExitObject_code, BASE_FIELDS)
EXCEPTION(os_error, "OSError", PyOSErrorObject, FIELD_PyOSErrorObject_myerrno, FIELD_PyOSErrorObject_strerror,
	  FIELD_PyOSErrorObject_filename, FIELD_PyOSErrorObject_filename2, BASE_FIELDS)
EXCEPTION(stop_iteration, "StopIteration", PyStopIterationObject, FIELD_PyStopIterationObject_value, BASE_FIELDS)
EXCEPTION(name_error, "NameError", PyNameErrorObject, FIELD_PyNameErrorObject_name, BASE_FIELDS)
EXCEPTION(attribute_error, "AttributeError", PyAttributeErrorObject, FIELD_PyAttributeErrorObject_obj,
	  FIELD_PyAttributeErrorObject_name, BASE_FIELDS)

static const enum layout_field traceback_fields[] = {FIELD_PyTracebackObject_tb_next,
						     FIELD_PyTracebackObject_tb_frame};

const struct object_type object_type_traceback = {
	.name = "traceback",
	.structure = STRUCT_PyTracebackObject,
	.fields = traceback_fields,
	.field_count = sizeof(traceback_fields) / sizeof(*traceback_fields),
	.dissect = traceback_dissect,
};
