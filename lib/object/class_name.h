/*
 * The name of its class that an object's repr() shows.
 */
#ifndef OBJECT_CLASS_NAME_H
#define OBJECT_CLASS_NAME_H

#include "object/object.h"

#include <string.h>

/* _PyType_Name() of Objects/typeobject.c: what follows the last dot of tp_name. */
static inline const char *class_name(const struct object *object)
{
	const char *dot = strrchr(object->type->tp_name, '.');

	return dot ? dot + 1 : object->type->tp_name;
}

#endif
