/*
 * How a class is explained: its memory, and what `type` and `dissect` say of it alike.
 */
#ifndef OBJECT_TYPE_DISSECT_H
#define OBJECT_TYPE_DISSECT_H

#include "object/dissect.h"

/* A type object's own memory, and then what the calls below add. */
enum cpeek_status type_dissect(const struct object *object, struct dissection *dissection);

/* Each adds facts or tables about a type. What cannot be read becomes a problem; NO_MEMORY, CANCELLED. */
enum cpeek_status type_explain_sizes(struct dissection *dissection, const struct type *type);
enum cpeek_status type_explain_mro(struct dissection *dissection, const struct type *type);
enum cpeek_status type_explain_slots(struct dissection *dissection, const struct type *type);
enum cpeek_status type_explain_attributes(struct dissection *dissection, const struct type *type);
enum cpeek_status type_explain_definitions(struct dissection *dissection, const struct type *type);
enum cpeek_status type_explain_subclasses(struct dissection *dissection, const struct type *type);
enum cpeek_status type_explain_instances(struct dissection *dissection, const struct type *type);
enum cpeek_status type_explain_caches(struct dissection *dissection, const struct type *type);

/* tp_flags by name: "HEAPTYPE | READY". */
const char *type_flags_text(struct dissection *dissection, uint64_t flags);
/* METH_… of PyMethodDef.ml_flags. */
const char *type_method_flags_text(struct dissection *dissection, uint64_t flags);

/* The classes of a tuple of classes (tp_mro, tp_bases), at most some thousand. VECTOR_DEINIT(ret) in any case. */
struct type_list {
	target_addr *items;
	size_t count, capacity;
};
enum cpeek_status type_read_list(struct objects *objects, target_addr tuple, struct type_list *ret);
/* "module.Name" of a class, or its address. */
const char *type_name_text(struct dissection *dissection, target_addr type);

#endif
