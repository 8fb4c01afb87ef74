/*
 * Exceptions: BaseException and those of the builtins that keep more than it does. All others are told by the nearest
 * of these that they derive from.
 */
#include "object/class_name.h"
#include "object/decoder.h"

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

/* Each xxx_traverse() visits its own fields and then calls BaseException_traverse(). */
#define BASE_FIELDS                                                                                                   \
	FIELD_PyBaseExceptionObject_dict, FIELD_PyBaseExceptionObject_args, FIELD_PyBaseExceptionObject_notes,        \
		FIELD_PyBaseExceptionObject_traceback, FIELD_PyBaseExceptionObject_cause,                             \
		FIELD_PyBaseExceptionObject_context

#define EXCEPTION(id, tp_name, structure_, ...)                                                                       \
	static const enum layout_field id##_fields[] = {__VA_ARGS__};                                                 \
	const struct object_type object_type_##id = {                                                                 \
		.name = tp_name,                                                                                      \
		.structure = STRUCT_##structure_,                                                                     \
		.decode = exception_decode,                                                                           \
		.fields = id##_fields,                                                                                \
		.field_count = sizeof(id##_fields) / sizeof(*id##_fields),                                            \
	};

EXCEPTION(base_exception, "BaseException", PyBaseExceptionObject, BASE_FIELDS)
EXCEPTION(exception_group, "BaseExceptionGroup", PyBaseExceptionGroupObject, FIELD_PyBaseExceptionGroupObject_msg,
	  FIELD_PyBaseExceptionGroupObject_excs, FIELD_PyBaseExceptionGroupObject_excs_str, BASE_FIELDS)
EXCEPTION(syntax_error, "SyntaxError", PySyntaxErrorObject, FIELD_PySyntaxErrorObject_msg,
	  FIELD_PySyntaxErrorObject_filename, FIELD_PySyntaxErrorObject_lineno, FIELD_PySyntaxErrorObject_offset,
	  FIELD_PySyntaxErrorObject_end_lineno, FIELD_PySyntaxErrorObject_end_offset, FIELD_PySyntaxErrorObject_text,
	  FIELD_PySyntaxErrorObject_print_file_and_line, FIELD_PySyntaxErrorObject_metadata, BASE_FIELDS)
EXCEPTION(import_error, "ImportError", PyImportErrorObject, FIELD_PyImportErrorObject_msg,
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
