/*
 * Free lists: objects that were freed and wait to be used again.
 */
#ifndef HEAP_FREELIST_H
#define HEAP_FREELIST_H

#include "object/object.h"

struct freelist {
	const char *name;  /* of what: "float"; static text */
	uint64_t position; /* 0: the one that is used next */
	uint64_t count;    /* that are on the list */
	int64_t owner;     /* the interpreter's id; in free-threaded builds the thread's native id */
	bool owner_thread;
};

/* Whether the object at address is on a free list. NOT_FOUND; UNSUPPORTED where nothing tells where the lists are (to
 * 3.9 they are variables of one name in several files). */
enum cpeek_status freelist_find(struct objects *objects, target_addr address, struct freelist *ret);

#endif
