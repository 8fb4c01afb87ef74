/*
 * The names of CPython's static types when the text of tp_name cannot be had: a kernel core leaves out .rodata, and
 * the ELF file that holds it may be gone.
 */
#ifndef OBJECT_FINGERPRINT_H
#define OBJECT_FINGERPRINT_H

#include "object/decoder.h"

/* What distinguishes a static type whose base is known already: sizes, flags, the base's name, and the names in its
 * __dict__ with its __doc__; while PyType_Ready() has not run, which slots it fills and how many methods it has.
 * UNSUPPORTED when its base has no name, FAULT, CORRUPT, NO_MEMORY. */
enum cpeek_status fingerprint_read(struct objects *objects, const struct type *type, uint64_t *ret);

/* The same of this very version, for what a series renamed. */
uint64_t fingerprint_of_version(const struct objects *objects, uint64_t fingerprint);

/* type.c: a type by itself: without its base, its names and its decoder. FAULT, CORRUPT, NO_MEMORY. */
enum cpeek_status type_read_bare(struct objects *objects, target_addr address, struct type *ret);
/* The classes that derive from the same one, in the order in which they were made ready: from 3.12 on, those of the main
 * interpreter's table of static types, whose order is that of a list in CPython's sources; before, those in
 * the tp_subclasses of the base, among which the ones that every interpreter makes ready at its start come in the order
 * of such a list (_PyTypes_Init() in Objects/object.c). */
struct siblings {
	struct objects *objects;
	const struct type *type;
	uint64_t index;
	struct object dict;
	struct items items;
};
enum cpeek_status siblings_start(struct objects *objects, const struct type *type, struct siblings *ret);
/* END after the last; 0 for one that is gone. */
enum cpeek_status siblings_next(struct siblings *siblings, target_addr *ret);

/* tp_name of a static type: by its fingerprint among those of the CPythons that fingerprints.def was made from; else, of
 * a type that lies in the same file as `object`, by its name in the module builtins; or by its subclass flag. A static
 * string, or one that lives as long as objects. NOT_FOUND, NO_MEMORY. */
enum cpeek_status type_name_recover(struct objects *objects, const struct type *type, const char **ret);

#endif
