/*
 * For tools/mkfingerprints: the fingerprint of each static type that a core has, a line "SERIES VALUE EXACT INDEX NAME" each (-1: in
 * no table). Sees the
 * library's inside. Arguments: the core, a file of the addresses of types, and options of the core's files.
 */
#include "command/session.h"
#include "object/fingerprint.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static int32_t drop(void *arg, const char *data, uint64_t length)
{
	(void)arg, (void)data, (void)length;
	return 0;
}

static int find_index(struct objects *objects, const struct type *type)
{
	struct siblings siblings;
	target_addr address;

	if (siblings_start(objects, type, &siblings) == CPEEK_OK)
		for (int i = 0; siblings_next(&siblings, &address) == CPEEK_OK; i++)
			if (address == type->address)
				return i;
	return -1;
}

static void show(struct objects *objects, const struct type *type)
{
	uint64_t value;

	if (!(type->flags & TYPE_HEAPTYPE) && type->name_known && fingerprint_read(objects, type, &value) == CPEEK_OK)
		printf("%s 0x%016" PRIx64 " 0x%016" PRIx64 " %d %s\n", objects->layout->name, value,
		       fingerprint_of_version(objects, value), find_index(objects, type), type->tp_name);
}

/* Types that nothing in the core is an instance of are there too. */
static void read_siblings(struct objects *objects)
{
	struct map seen = {0};
	struct siblings siblings;
	target_addr address;

	for (size_t i = 0; i <= objects->types.mask; i++) {
		const struct type *type = (const struct type *)(uintptr_t)objects->types.slots[i].value, *read;
		if (!objects->types.slots[i].key || !type->base || map_find(&seen, type->base) ||
		    !map_put(&seen, type->base) || siblings_start(objects, type, &siblings) != CPEEK_OK)
			continue;
		while (siblings_next(&siblings, &address) == CPEEK_OK)
			if (address)
				(void)type_read(objects, address, &read);
		i = 0; /* the table may have grown */
	}
	map_deinit(&seen);
}

int main(int argc, char **argv)
{
	struct cpeek_session *session = cpeek_create();
	struct cpeek_open_options options = {.struct_size = sizeof(options), .sysroot = argc > 3 ? argv[3] : NULL};
	const struct type *type;
	unsigned long long address;

	if (argc < 3 || !session)
		return 2;
	FILE *list = fopen(argv[2], "r");
	if (!list || cpeek_open_core(session, argv[1], &options) != CPEEK_OK) {
		fprintf(stderr, "%s\n", list ? cpeek_error(session) : argv[2]);
		return 1;
	}
	while (fscanf(list, "%llx", &address) == 1)
		(void)type_read(session->objects, address, &type);
	fclose(list);
	(void)cpeek_run(session, "objects --referents", CPEEK_JSON, drop, NULL);
	read_siblings(session->objects);
	for (size_t i = 0; i <= session->objects->types.mask; i++)
		if (session->objects->types.slots[i].key)
			show(session->objects, (const struct type *)(uintptr_t)session->objects->types.slots[i].value);
	cpeek_destroy(session);
	return 0;
}
