/*
 * Exceptions explained: what each keeps, the chain of causes and contexts, and the frames that it passed.
 */
#include "object/exception_dissect.h"
#include "object/dissect.h"

#include <inttypes.h>

enum { CHAIN_MAX = 4096, TRACEBACK_MAX = 1 << 20 };

static bool is_exception(const struct object *object)
{
	return object->type->flags & TYPE_BASE_EXC_SUBCLASS;
}

/* What a traceback would print before each exception, newest first: print_exception_cause_and_context() of
 * Python/pythonrun.c. */
static enum cpeek_status explain_chain(const struct object *first, struct dissection *dissection)
{
	struct objects *objects = first->objects;
	struct map seen = {0};
	target_addr at = first->address;
	const char *relation = "raised";
	enum cpeek_status status = CPEEK_OK;

	dissect_open_table(dissection,
			   "The chain that a traceback prints, from this one back to what was raised first");
	for (int i = 0; i < CHAIN_MAX; i++) {
		struct object object;
		uint64_t *mark = map_put(&seen, at);
		if (!mark) {
			status = CPEEK_NO_MEMORY;
			break;
		}
		const bool again = *mark;
		*mark = 1;
		status = object_read(objects, at, &object);
		if (status != CPEEK_OK)
			break;
		if (dissect_is_full(dissection)) {
			dissect_cut(dissection, 1, "exceptions, or more");
			break;
		}
		const bool known = is_exception(&object);
		const target_addr cause = known ? object_get(&object, FIELD_PyBaseExceptionObject_cause) : 0;
		const target_addr context = known ? object_get(&object, FIELD_PyBaseExceptionObject_context) : 0;
		const bool suppressed =
			known && object_get(&object, FIELD_PyBaseExceptionObject_suppress_context) & 0xff;
		dissect_cell(dissection, "#", DISSECT_UNSIGNED, (uint64_t)i);
		dissect_cell_text(dissection, "relation", "%s%s", relation,
				  again ? " (a cycle: the chain ends here)" : "");
		dissect_cell(dissection, "exception", DISSECT_OBJECT, at);
		dissect_cell(dissection, "traceback", DISSECT_POINTER,
			     known ? object_get(&object, FIELD_PyBaseExceptionObject_traceback) : 0);
		dissect_end_row(dissection);
		if (!known || again || (!cause && (!context || suppressed)))
			break;
		relation = cause ? "__cause__: raise … from it" : "__context__: handled when it was raised";
		at = cause ? cause : context;
	}
	map_deinit(&seen);
	return dissect_tolerate(dissection, status, "the chain of exceptions");
}

static enum cpeek_status explain_frame(struct dissection *dissection, target_addr traceback)
{
	struct objects *objects = dissection->objects;
	uint64_t frame, line, lasti;
	struct object object, code;
	target_addr address;
	int64_t now;

	TRY(field_read(objects, traceback, FIELD_PyTracebackObject_tb_frame, &frame));
	TRY(field_read(objects, traceback, FIELD_PyTracebackObject_tb_lineno, &line));
	TRY(field_read(objects, traceback, FIELD_PyTracebackObject_tb_lasti, &lasti));
	dissect_cell(dissection, "traceback", DISSECT_POINTER, traceback);
	dissect_cell(dissection, "frame", DISSECT_POINTER, frame);
	if (object_read(objects, frame, &object) == CPEEK_OK && objects->frames && objects->frames->where &&
	    objects->frames->where(&object, &address, &now) == CPEEK_OK &&
	    object_read(objects, address, &code) == CPEEK_OK) {
		dissect_cell(dissection, "function", DISSECT_OBJECT,
			     object_get(&code, layout_has(objects->layout, FIELD_PyCodeObject_co_qualname)
						       ? FIELD_PyCodeObject_co_qualname
						       : FIELD_PyCodeObject_co_name));
		dissect_cell(dissection, "file", DISSECT_OBJECT, object_get(&code, FIELD_PyCodeObject_co_filename));
	}
	dissect_cell(dissection, "tb_lineno", DISSECT_NUMBER, (uint64_t)(int64_t)(int32_t)line);
	dissect_cell(dissection, "tb_lasti", DISSECT_NUMBER, (uint64_t)(int64_t)(int32_t)lasti);
	dissect_end_row(dissection);
	return CPEEK_OK;
}

static enum cpeek_status explain_traceback(struct dissection *dissection, target_addr first)
{
	uint64_t at = first, left = 0;
	enum cpeek_status status = CPEEK_OK;
	struct object object;

	if (!first || object_read(dissection->objects, first, &object) != CPEEK_OK || !object.type->decoder ||
	    object.type->decoder->structure != STRUCT_PyTracebackObject)
		return CPEEK_OK;
	dissect_open_table(dissection,
			   "Frames that it passed, through tb_next: where it was caught first, raised last");
	for (int i = 0; at && i < TRACEBACK_MAX && status == CPEEK_OK; i++) {
		if (dissect_is_full(dissection))
			left++;
		else
			status = explain_frame(dissection, at);
		if (status == CPEEK_OK)
			status = field_read(dissection->objects, at, FIELD_PyTracebackObject_tb_next, &at);
		if (at == first)
			break;
	}
	if (left)
		dissect_cut(dissection, left, "frames");
	if (at)
		dissect_problem(dissection, "the traceback does not end");
	return dissect_tolerate(dissection, status, "the traceback");
}

enum cpeek_status exception_dissect(const struct object *object, struct dissection *dissection)
{
	static const struct {
		enum layout_field field;
		const char *meaning;
	} fields[] = {
		{FIELD_PyBaseExceptionObject_dict, "__dict__, once there are attributes"},
		{FIELD_PyBaseExceptionObject_args, "args: what it was made with"},
		{FIELD_PyBaseExceptionObject_notes, "__notes__: texts that add_note() added"},
		{FIELD_PyBaseExceptionObject_traceback, "__traceback__"},
		{FIELD_PyBaseExceptionObject_context, "__context__: the exception that was being handled"},
		{FIELD_PyBaseExceptionObject_cause, "__cause__: of raise … from"},
	};
	const struct object_type *decoder = object->type->decoder;
	target_addr notes;

	for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++)
		dissect_field(dissection, DISSECT_OBJECT, fields[i].field, "%s", fields[i].meaning);
	dissect_field(dissection, DISSECT_UNSIGNED, FIELD_PyBaseExceptionObject_suppress_context,
		      "__suppress_context__: 1 hides __context__, as raise … from does");
	for (size_t i = 0; decoder && i < decoder->field_count; i++)
		if (layout_field_struct(decoder->fields[i]) != STRUCT_PyBaseExceptionObject)
			dissect_field(dissection, DISSECT_OBJECT, decoder->fields[i], NULL);
	if (attribute_find(object, "__notes__", 9, &notes) == CPEEK_OK)
		dissect_fact_object(dissection, "__notes__", notes);
	TRY(explain_chain(object, dissection));
	return explain_traceback(dissection, object_get(object, FIELD_PyBaseExceptionObject_traceback));
}

enum cpeek_status traceback_dissect(const struct object *object, struct dissection *dissection)
{
	dissect_field(dissection, DISSECT_OBJECT, FIELD_PyTracebackObject_tb_next,
		      "the next frame, nearer to where the exception was raised; NULL: there it was");
	dissect_field(dissection, DISSECT_OBJECT, FIELD_PyTracebackObject_tb_frame, "the frame, as it went on since");
	dissect_field(dissection, DISSECT_NUMBER, FIELD_PyTracebackObject_tb_lasti,
		      "offset of the instruction that raised, in bytes");
	dissect_field(dissection, DISSECT_NUMBER, FIELD_PyTracebackObject_tb_lineno,
		      "its line; -1: computed from tb_lasti when asked for");
	return explain_traceback(dissection, object->address);
}
