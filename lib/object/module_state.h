/*
 * What the state of a module of C code refers to.
 */
#ifndef OBJECT_MODULE_STATE_H
#define OBJECT_MODULE_STATE_H

#include "object/decoder.h"

/* For a module object: what its m_traverse visits (a module without one visits nothing of its state). */
enum cpeek_status module_state_edges(const struct object *object, struct edges *edges);

#endif
