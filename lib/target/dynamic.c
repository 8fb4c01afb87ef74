#include "target/dynamic.h"
#include "target/build.h"

#include <elf.h>
#include <string.h>

enum {
	ENTRIES_LIMIT = 1024, /* of the dynamic section; real ones have some thirty */
	CHAIN_LIMIT = 1024,   /* symbols of one hash bucket; real ones have a handful */
};

/* ld.so writes addresses over the d_ptr of most machines, but not of all, and not before it has started. */
static target_addr absolute(const struct target_module *module, uint64_t value)
{
	return value >= module->start && value < module->end ? value : value + module->bias;
}

enum cpeek_status dynamic_read(struct target *target, const struct target_module *module, struct dynamic *ret)
{
	struct dynamic dynamic = {0};
	size_t word = target->pointer_size;
	target_addr at = 0;
	uint64_t count = 0;

	for (size_t i = 0; i < module->segment_count && count == 0; i++) {
		if (module->segments[i].type != PT_DYNAMIC)
			continue;
		at = module->bias + module->segments[i].vaddr;
		count = module->segments[i].memsz / (2 * word);
	}
	if (count == 0)
		return CPEEK_NOT_FOUND;
	for (uint64_t i = 0; i < count && i < ENTRIES_LIMIT; i++, at += 2 * word) {
		unsigned char entry[16];
		TRY(target_read(target, at, entry, 2 * word));
		uint64_t value = target_get_pointer(target, entry + word);
		switch (target_get_pointer(target, entry)) {
		case DT_NULL:
			count = 0;
			break;
		case DT_SYMTAB:
			dynamic.symbols = absolute(module, value);
			break;
		case DT_STRTAB:
			dynamic.strings = absolute(module, value);
			break;
		case DT_SYMENT:
			dynamic.symbol_size = value;
			break;
		case DT_HASH:
			dynamic.hash = absolute(module, value);
			break;
		case DT_GNU_HASH:
			dynamic.gnu_hash = absolute(module, value);
			break;
		case DT_DEBUG:
			dynamic.debug = value;
			break;
		case DT_SONAME:
			dynamic.has_soname = true;
			dynamic.soname = value;
			break;
		}
	}
	*ret = dynamic;
	return CPEEK_OK;
}

/* The symbol with this index, if it has that name and is defined. */
static bool match_symbol(struct target *target, const struct target_module *module, const struct dynamic *dynamic,
			 uint64_t index, const char *name, target_addr *ret, uint64_t *ret_size)
{
	/* Elf64_Sym: st_name 4, st_info 1, st_other 1, st_shndx 2, st_value 8, st_size 8.
	 * Elf32_Sym: st_name 4, st_value 4, st_size 4, st_info 1, st_other 1, st_shndx 2. */
	bool wide = target->pointer_size == 8;
	size_t size = wide ? 24 : 16, word = target->pointer_size;
	unsigned char symbol[24];
	char found[256];
	uint64_t step = dynamic->symbol_size ? dynamic->symbol_size : size;

	if (target_read(target, dynamic->symbols + index * step, symbol, size) != CPEEK_OK)
		return false;
	if (target_read_cstring(target, dynamic->strings + target_get(target, symbol, 4), found, sizeof(found)) !=
		    CPEEK_OK ||
	    strcmp(found, name) != 0)
		return false;
	unsigned section = (unsigned)target_get(target, symbol + (wide ? 6 : 14), 2);
	unsigned type = symbol[wide ? 4 : 12] & 0xf;
	if (section == SHN_UNDEF || type == STT_TLS)
		return false;
	uint64_t value = target_get(target, symbol + (wide ? 8 : 4), word);
	*ret = section == SHN_ABS ? value : value + module->bias;
	*ret_size = target_get(target, symbol + (wide ? 16 : 8), word);
	return true;
}

/* DT_GNU_HASH: nbuckets, symoffset, bloom words, bloom shift; the bloom filter; buckets; a chain of hashes whose last
 * one has bit 0 set. */
static bool find_by_gnu_hash(struct target *target, const struct target_module *module, const struct dynamic *dynamic,
			     const char *name, target_addr *ret, uint64_t *ret_size)
{
	uint32_t hash = 5381, buckets, first, bloom_words, index, chained;

	for (const char *byte = name; *byte; byte++)
		hash = hash * 33 + (unsigned char)*byte;
	if (target_read_u32(target, dynamic->gnu_hash, &buckets) != CPEEK_OK || buckets == 0 ||
	    target_read_u32(target, dynamic->gnu_hash + 4, &first) != CPEEK_OK ||
	    target_read_u32(target, dynamic->gnu_hash + 8, &bloom_words) != CPEEK_OK)
		return false;
	target_addr bucket_at = dynamic->gnu_hash + 16 + (uint64_t)bloom_words * target->pointer_size;
	target_addr chain_at = bucket_at + (uint64_t)buckets * 4;
	if (target_read_u32(target, bucket_at + (uint64_t)(hash % buckets) * 4, &index) != CPEEK_OK || index < first)
		return false;
	for (uint32_t tries = 0; tries < CHAIN_LIMIT; tries++, index++) {
		if (target_read_u32(target, chain_at + (uint64_t)(index - first) * 4, &chained) != CPEEK_OK)
			return false;
		if ((chained | 1) == (hash | 1) && match_symbol(target, module, dynamic, index, name, ret, ret_size))
			return true;
		if (chained & 1)
			return false;
	}
	return false;
}

/* DT_HASH: nbucket, nchain, buckets, chain. Its words have 8 bytes on s390x, and on Alpha; 4 elsewhere. */
static bool find_by_hash(struct target *target, const struct target_module *module, const struct dynamic *dynamic,
			 const char *name, target_addr *ret, uint64_t *ret_size)
{
	size_t word = target->machine == EM_S390 && target->pointer_size == 8 ? 8 : 4;
	unsigned char bytes[8];
	uint32_t hash = 0;

	for (const char *byte = name; *byte; byte++) {
		hash = (hash << 4) + (unsigned char)*byte;
		hash ^= hash >> 24 & 0xf0;
		hash &= 0x0fffffff;
	}
	if (target_read(target, dynamic->hash, bytes, word) != CPEEK_OK)
		return false;
	uint64_t buckets = target_get(target, bytes, word);
	if (buckets == 0 || buckets > UINT32_MAX)
		return false;
	target_addr at = dynamic->hash + (2 + hash % buckets) * word;
	for (uint32_t tries = 0; tries < CHAIN_LIMIT; tries++) {
		if (target_read(target, at, bytes, word) != CPEEK_OK)
			return false;
		uint64_t index = target_get(target, bytes, word);
		if (index == STN_UNDEF || index > UINT32_MAX)
			return false;
		if (match_symbol(target, module, dynamic, index, name, ret, ret_size))
			return true;
		at = dynamic->hash + (2 + buckets + index) * word;
	}
	return false;
}

enum cpeek_status dynamic_find_symbol(struct target *target, const struct target_module *module, const char *name,
				      target_addr *ret, uint64_t *ret_size)
{
	struct dynamic dynamic;
	target_addr address;
	uint64_t size;

	if (!module->has_bias || dynamic_read(target, module, &dynamic) != CPEEK_OK || !dynamic.symbols ||
	    !dynamic.strings)
		return CPEEK_NOT_FOUND;
	if ((dynamic.gnu_hash && find_by_gnu_hash(target, module, &dynamic, name, &address, &size)) ||
	    (dynamic.hash && find_by_hash(target, module, &dynamic, name, &address, &size))) {
		*ret = address;
		*ret_size = size;
		return CPEEK_OK;
	}
	return CPEEK_NOT_FOUND;
}

enum dynamic_match dynamic_compare(struct target *target, target_addr bias, const struct elf_header *header,
				   const unsigned char *bytes, size_t size)
{
	enum { ENOUGH = 8 };
	size_t word = target->pointer_size, step = 2 * word;
	const struct elf_segment *segment = header->segments, *end = segment + header->segment_count;

	while (segment < end && segment->type != PT_DYNAMIC)
		segment++;
	if (segment == end || segment->offset >= size)
		return DYNAMIC_UNKNOWN;
	uint64_t room = segment->filesz < size - segment->offset ? segment->filesz : size - segment->offset;
	for (uint64_t i = 0; i < ENTRIES_LIMIT && room / step > i; i++) {
		const unsigned char *wanted = bytes + segment->offset + i * step;
		unsigned char entry[16];
		if (target_read_own(target, bias + segment->vaddr + i * step, entry, step) != step)
			return DYNAMIC_UNKNOWN;
		uint64_t tag = target_get_pointer(target, entry), value = target_get_pointer(target, entry + word);
		uint64_t wanted_value = target_get_pointer(target, wanted + word);
		if (tag != target_get_pointer(target, wanted))
			return DYNAMIC_OTHER;
		if (tag == DT_NULL)
			return i >= ENOUGH ? DYNAMIC_SAME : DYNAMIC_UNKNOWN;
		/* ld.so adds the bias to the addresses of most machines, and writes DT_DEBUG itself. */
		uint64_t moved = word == 4 ? (uint32_t)(wanted_value + bias) : wanted_value + bias;
		if (tag != DT_DEBUG && value != wanted_value && value != moved)
			return DYNAMIC_OTHER;
	}
	return DYNAMIC_UNKNOWN;
}
