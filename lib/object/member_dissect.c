/*
 * Of an object's memory explained: its attributes, as its C structure tells them, and the names of those that only code
 * of CPython's would compute.
 */
#include "object/member_dissect.h"
#include "object/member.h"

#include <string.h>

static enum cpeek_status add_members(struct dissection *dissection, const struct object *object)
{
	struct strbuf text = {0};
	struct object_member member;
	uint64_t cursor = 0;
	enum cpeek_status status;
	uint64_t cut = 0;
	bool open = false;

	while ((status = member_next(object, dissection->limits, &cursor, &member, &text)) != CPEEK_END &&
	       !status_is_fatal(status)) {
		if (!open)
			dissect_open_table(dissection, "attributes");
		open = true;
		if (dissect_is_full(dissection)) {
			cut++;
			continue;
		}
		dissect_cell_text(dissection, "name", "%s", member.name);
		if (status != CPEEK_OK) {
			dissect_cell_text(dissection, "value", "unreadable");
			dissection->partial = true;
		} else if (member.object) {
			dissect_cell(dissection, "value", DISSECT_OBJECT, member.object);
		} else {
			dissect_cell_text(dissection, "value", "%s", strbuf_text(&text));
		}
		dissect_cell_text(dissection, "from", "%s", member.listed ? "tp_members" : "field");
		dissect_end_row(dissection);
		strbuf_clear(&text);
	}
	if (cut)
		dissect_cut(dissection, cut, "attributes");
	strbuf_deinit(&text);
	return status == CPEEK_END ? CPEEK_OK : status;
}

static enum cpeek_status each_computed(void *arg, const char *name, const struct type *type)
{
	struct strbuf *names = arg;

	(void)type;
	strbuf_printf(names, "%s%s", names->length ? ", " : "", name);
	return CPEEK_OK;
}

enum cpeek_status member_dissect(struct dissection *dissection, const struct object *object)
{
	struct strbuf names = {0};

	if (object->type->flags & TYPE_TYPE_SUBCLASS)
		return CPEEK_OK; /* `type` shows these */
	enum cpeek_status status = add_members(dissection, object);
	if (status == CPEEK_OK) {
		/* Without the names there is nothing to list. */
		status = member_walk_computed(object, each_computed, &names);
		if (status != CPEEK_NO_MEMORY && status != CPEEK_CANCELLED)
			status = CPEEK_OK;
	}
	if (strbuf_failed(&names))
		status = CPEEK_NO_MEMORY;
	if (status == CPEEK_OK && names.length)
		dissect_note(dissection, "Only code of CPython's computes: %s", strbuf_text(&names));
	strbuf_deinit(&names);
	return status;
}
