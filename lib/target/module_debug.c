/*
 * Symbols that a module's file was stripped of: in the separate debug file that a distribution or a debugger's user
 * keeps of it, or in .gnu_debugdata. Only those with the same build id count, or the checksum that .gnu_debuglink gives.
 */
#include "base/memory.h"
#include "base/strbuf.h"
#include "target/build.h"
#include "target/build_ids.h"
#include "target/codec.h"
#include "target/module.h"

#include <gelf.h>
#include <stdio.h>
#include <string.h>
#include <zlib.h>

enum { DEBUGDATA_LIMIT = 256 << 20 }; /* of .gnu_debugdata, unpacked: real ones have some 100 KiB */

/* What a debug file must have: the build id, or else the checksum. */
struct wanted {
	const uint8_t *id;
	size_t id_length;
	const char *link; /* the name in .gnu_debuglink; NULL: none */
	uint32_t checksum;
};

static uint32_t checksum(const struct elf_file *file)
{
	return (uint32_t)crc32_z(0, file->bytes, file->size);
}

static enum cpeek_status try_file(const struct wanted *wanted, const char *path, bool by_checksum,
				  struct elf_file **found)
{
	struct elf_file *file;

	if (*found)
		return CPEEK_OK;
	enum cpeek_status status = elf_file_open(path, &file);
	if (status != CPEEK_OK)
		return status == CPEEK_NOT_FOUND ? CPEEK_OK : status;
	bool same = wanted->id_length > 0 && file->build_id_length > 0
			    ? file->build_id_length == wanted->id_length &&
				      memcmp(file->build_id, wanted->id, wanted->id_length) == 0
			    : by_checksum && checksum(file) == wanted->checksum;
	if (!same || !file->has_local_symbols) {
		elf_file_close(file);
		return CPEEK_OK;
	}
	*found = file;
	return CPEEK_OK;
}

/* ROOT/usr/lib/debug/.build-id/xx/yyyy.debug, where distributions install them. */
static enum cpeek_status try_build_id(const struct wanted *wanted, const char *root, struct strbuf *path,
				      struct elf_file **found)
{
	if (wanted->id_length < 2)
		return CPEEK_OK;
	strbuf_clear(path);
	strbuf_printf(path, "%s/usr/lib/debug/.build-id/%02x/", root, wanted->id[0]);
	for (size_t i = 1; i < wanted->id_length; i++)
		strbuf_printf(path, "%02x", wanted->id[i]);
	strbuf_puts(path, ".debug");
	return try_file(wanted, strbuf_text(path), false, found);
}

/* FOLDER/NAME and FOLDER/.debug/NAME, of the folder that a file lies in. */
static enum cpeek_status try_beside(const struct wanted *wanted, const char *root, const char *file,
				    struct strbuf *path, struct elf_file **found)
{
	const char *slash = strrchr(file, '/');
	const int length = slash ? (int)(slash - file) + 1 : 0;

	strbuf_clear(path);
	strbuf_printf(path, "%s%.*s%s", root, length, file, wanted->link);
	TRY(try_file(wanted, strbuf_text(path), true, found));
	strbuf_clear(path);
	strbuf_printf(path, "%s%.*s.debug/%s", root, length, file, wanted->link);
	return try_file(wanted, strbuf_text(path), true, found);
}

/* Where gdb's manual has them ("Separate Debug Files"), below one root. */
static enum cpeek_status try_root(const struct target_module *module, const struct wanted *wanted, const char *root,
				  struct strbuf *path, struct elf_file **found)
{
	const char *slash = strrchr(module->path, '/');

	TRY(try_build_id(wanted, root, path, found));
	if (!wanted->link || module->path[0] != '/')
		return CPEEK_OK;
	TRY(try_beside(wanted, root, module->path, path, found));
	strbuf_clear(path);
	strbuf_printf(path, "%s/usr/lib/debug%.*s/%s", root, (int)(slash - module->path), module->path, wanted->link);
	return try_file(wanted, strbuf_text(path), true, found);
}

static enum cpeek_status try_roots(const struct target *target, const struct target_module *module,
				   const struct wanted *wanted, struct strbuf *path, struct elf_file **found)
{
	char process[64];

	if (target->sysroot)
		TRY(try_root(module, wanted, target->sysroot, path, found));
	if (target->kind == TARGET_LIVE) {
		(void)snprintf(process, sizeof(process), "/proc/%llu/root", (unsigned long long)target->proc_id);
		TRY(try_root(module, wanted, process, path, found));
	}
	TRY(try_root(module, wanted, "", path, found));
	return wanted->link && module->file ? try_beside(wanted, "", module->file, path, found) : CPEEK_OK;
}

static enum cpeek_status try_folders(struct target *target, const struct wanted *wanted, struct elf_file **found)
{
	const char *path;

	if (!target->debug_dirs || wanted->id_length == 0)
		return CPEEK_OK;
	TRY(module_need_build_ids(target));
	for (size_t at = 0; !*found;) {
		enum cpeek_status status =
			build_ids_next(target->build_ids, wanted->id, wanted->id_length, &at, &path);
		if (status == CPEEK_END)
			break;
		TRY(status);
		TRY(try_file(wanted, path, false, found));
	}
	return CPEEK_OK;
}

/* .gnu_debuglink: a name, zeros up to a multiple of 4, a CRC-32. */
static void read_link(const struct elf_file *file, struct wanted *wanted)
{
	const unsigned char *bytes;
	size_t size;

	if (elf_file_find_bytes(file, ".gnu_debuglink", &bytes, &size) != CPEEK_OK)
		return;
	size_t length = strnlen((const char *)bytes, size), at = (length + 4) & ~(size_t)3;
	if (length == 0 || at + 4 != size || memchr(bytes, '/', length))
		return;
	wanted->link = (const char *)bytes;
	for (size_t i = 0; i < 4; i++)
		wanted->checksum |= (uint32_t)bytes[at + i] << (file->header.big_endian ? 24 - 8 * i : 8 * i);
}

/* .gnu_debugdata: an ELF file with a .symtab, packed by xz. */
static enum cpeek_status unpack(const struct elf_file *file, struct elf_file **ret)
{
	const unsigned char *packed;
	size_t size, room = 64 << 10;
	void *state;

	if (elf_file_find_bytes(file, ".gnu_debugdata", &packed, &size) != CPEEK_OK)
		return CPEEK_OK;
	unsigned char *bytes = memory_alloc(room);
	if (!bytes || !(state = codec_xz.create())) {
		memory_free(bytes);
		return CPEEK_NO_MEMORY;
	}
	struct codec_buffers buffers = {packed, size, bytes, room};
	enum cpeek_status status = CPEEK_OK;
	enum codec_step step;
	while ((step = codec_xz.step(state, &buffers)) == CODEC_MORE && room < DEBUGDATA_LIMIT) {
		if (buffers.out_size > 0)
			break; /* it wants more input than there is */
		unsigned char *larger = memory_realloc(bytes, 2 * room);
		if (!larger) {
			status = CPEEK_NO_MEMORY;
			break;
		}
		bytes = larger;
		buffers.out = bytes + room;
		buffers.out_size = room;
		room *= 2;
	}
	codec_xz.destroy(state);
	if (status != CPEEK_OK || step != CODEC_END) {
		memory_free(bytes);
		return status;
	}
	return elf_file_open_bytes(bytes, room - buffers.out_size, ret);
}

enum cpeek_status module_load_debug(struct target *target, struct target_module *module, const struct elf_file **ret)
{
	struct elf_file *found = NULL;
	struct strbuf path = {0};
	struct wanted wanted = {.id = module->build_id, .id_length = module->build_id_length};
	const bool usable = module->usable && module->state != TARGET_FILE_MISMATCH;

	*ret = module->debug;
	if (module->debug_known || !module->has_elf_header || (usable && module->elf->has_local_symbols))
		return CPEEK_OK;
	if (usable && wanted.id_length == 0) {
		wanted.id = module->file_build_id;
		wanted.id_length = module->file_build_id_length;
	}
	if (usable)
		read_link(module->elf, &wanted);
	enum cpeek_status status = try_folders(target, &wanted, &found);
	if (status == CPEEK_OK)
		status = try_roots(target, module, &wanted, &path, &found);
	if (status == CPEEK_OK && usable && !found)
		status = unpack(module->elf, &found);
	if (strbuf_failed(&path))
		status = CPEEK_NO_MEMORY;
	strbuf_deinit(&path);
	if (status != CPEEK_OK) {
		elf_file_close(found);
		return target_set_no_memory(target);
	}
	module->debug_known = true;
	module->debug = found;
	*ret = found;
	return CPEEK_OK;
}
