/*
 * How exceptions and tracebacks are explained.
 */
#ifndef OBJECT_EXCEPTION_DISSECT_H
#define OBJECT_EXCEPTION_DISSECT_H

#include "object/decoder.h"

enum cpeek_status exception_dissect(const struct object *object, struct dissection *dissection);
enum cpeek_status traceback_dissect(const struct object *object, struct dissection *dissection);

#endif
