/*
 * Where an address lives: in a block of pymalloc's or mimalloc's, in the data of a module, in _PyRuntime, on a stack, in
 * memory of malloc's. Each answer says by what it is known.
 */
#ifndef HEAP_PLACE_H
#define HEAP_PLACE_H

#include "heap/freelist.h"
#include "heap/heap.h"

enum { PLACE_NAME = 128 };

enum place_kind {
	PLACE_UNKNOWN,     /* not mapped */
	PLACE_POOL,        /* a block of pymalloc's */
	PLACE_MIMALLOC,    /* a block of mimalloc's */
	PLACE_RUNTIME,     /* in _PyRuntime */
	PLACE_INTERPRETER, /* in a PyInterpreterState */
	PLACE_THREAD,      /* in a PyThreadState */
	PLACE_CHUNK,       /* of a thread's data stack, where frames of Python code are (3.11+) */
	PLACE_STACK,       /* of a thread's C code */
	PLACE_STATIC,      /* data of a module */
	PLACE_MALLOC,      /* a chunk of glibc's malloc */
	PLACE_MAPPING,     /* anonymous memory, and no more is known */
};

/* A block of pymalloc's: Objects/obmalloc.c. */
struct place_pool {
	target_addr arena; /* 0: not known */
	uint64_t arena_size;
	uint32_t arena_index;
	uint32_t arena_pools, arena_free_pools;
	target_addr pool;
	uint64_t pool_size;
	uint32_t size_class;
	uint64_t block_size;
	uint64_t used, capacity; /* blocks of the pool */
	target_addr block;       /* 0: the address is in the pool's header, or the pool is not in use */
	uint64_t index;
	bool free;    /* on the pool's free list, or never given away */
	bool unsound; /* the pool's free list and its count of blocks contradict each other */
	bool damaged; /* the pool's header contradicts itself */
	bool unused;  /* a pool of the arena that has no blocks now */
};

/* What the debug hooks of PYTHONMALLOC=debug and of debug builds put around a block. */
struct place_debug {
	bool present;
	target_addr start; /* what the caller got */
	uint64_t requested;
	char api; /* 'r', 'm', 'o': which of the three allocators */
	bool has_serial;
	uint64_t serial; /* the number of the allocation */
	bool overrun;    /* the bytes behind it were changed */
};

struct place {
	enum place_kind kind;
	const struct target_mapping *mapping; /* NULL: not known */
	const struct target_module *module;   /* NULL: none */
	struct place_pool pool;
	struct mimalloc_block mimalloc;
	struct place_debug debug;
	char name[PLACE_NAME]; /* of the symbol, section or field; "" when there is none */
	uint64_t offset;       /* from there, or into the structure */
	uint64_t index;        /* of the interpreter, or the thread */
	target_addr start;     /* of the chunk, or of what name names */
	uint64_t size;         /* of the chunk, with malloc's own words */
	bool mapped_alone;     /* a chunk that has a mapping of its own */
	bool below;            /* of a stack: not in use */
	bool on_freelist;
	struct freelist freelist;
	const char *evidence; /* static text */
};

/* NOT_FOUND when nothing is mapped there; NO_MEMORY. */
enum cpeek_status place_find(struct objects *objects, target_addr address, struct place *ret);
/* The same in a sentence: "block 12 of 126 in a pool of size class 3 …". */
void place_put(const struct objects *objects, const struct place *place, struct strbuf *out);

#endif
