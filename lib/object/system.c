/*
 * What the operating system hands out: sockets, entries of directories.
 */
#include "object/decoder.h"

#include <inttypes.h>

/* sock_repr() of Modules/socketmodule.c; the class socket.socket has a repr of its own. */
static enum cpeek_status socket_decode(const struct object *object, struct value *value)
{
	value_format(value, "<socket object, fd=%" PRId64 ", family=%" PRId64 ", type=%" PRId64 ", proto=%" PRId64 ">",
		     object_get_signed(object, FIELD_PySocketSockObject_sock_fd),
		     object_get_signed(object, FIELD_PySocketSockObject_sock_family),
		     object_get_signed(object, FIELD_PySocketSockObject_sock_type),
		     object_get_signed(object, FIELD_PySocketSockObject_sock_proto));
	return CPEEK_OK;
}

const struct object_type object_type_socket = {
	.name = "_socket.socket",
	.structure = STRUCT_PySocketSockObject,
	.decode = socket_decode,
};

/* DirEntry_repr() of Modules/posixmodule.c */
static enum cpeek_status entry_decode(const struct object *object, struct value *value)
{
	value_text(value, "<DirEntry ");
	value_object(value, object_get(object, FIELD_DirEntry_name));
	value_text(value, ">");
	return CPEEK_OK;
}

static const enum layout_field entry_fields[] = {
	FIELD_DirEntry_name,
	FIELD_DirEntry_path,
	FIELD_DirEntry_stat,
	FIELD_DirEntry_lstat,
};

const struct object_type object_type_directory_entry = {
	.name = "posix.DirEntry",
	.structure = STRUCT_DirEntry,
	.decode = entry_decode,
	.fields = entry_fields,
	.field_count = sizeof(entry_fields) / sizeof(*entry_fields),
};
