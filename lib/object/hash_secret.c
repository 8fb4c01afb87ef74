/*
 * The hash of text: algorithms, and the search for the secret.
 *
 * _Py_HashSecret has a symbol in most builds (it is exported). Where the symbol is gone, or names a copy that is not in
 * use, the writable data of the module that holds the interpreter's state is searched for 24 bytes that reproduce the
 * hashes of several strings: one of them is wrong by chance once in 2**64 (32-bit: 2**32), so that all of them together
 * are a proof.
 */
#include "object/hash_secret.h"
#include "base/memory.h"
#include "object/dict.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum {
	STRINGS_MOST = 12, /* that a secret has to reproduce */
	STRINGS_LEAST = 3, /* fewer prove nothing */
	STRING_LENGTH = 40,
	SCAN_CHUNK = 1 << 16,
	SCAN_MOST = 64 << 20,     /* bytes of data searched */
	FNV_MULTIPLIER = 1000003, /* _PyHASH_MULTIPLIER, Include/pyhash.h */
};

const char *hash_algorithm_name(enum hash_algorithm algorithm)
{
	static const char *const names[HASH_ALGORITHM_COUNT] = {"siphash13", "siphash24", "fnv"};

	return names[algorithm];
}

/* ---- Algorithms ---- */

static uint64_t little_endian(const uint8_t *bytes, size_t length)
{
	uint64_t word = 0;

	for (size_t i = 0; i < length; i++)
		word |= (uint64_t)bytes[i] << 8 * i;
	return word;
}

static uint64_t rotate(uint64_t word, unsigned bits)
{
	return word << bits | word >> (64 - bits);
}

static void sip_rounds(uint64_t v[4], unsigned count)
{
	while (count--) {
		v[0] += v[1];
		v[2] += v[3];
		v[1] = rotate(v[1], 13) ^ v[0];
		v[3] = rotate(v[3], 16) ^ v[2];
		v[0] = rotate(v[0], 32);
		v[2] += v[1];
		v[0] += v[3];
		v[1] = rotate(v[1], 17) ^ v[2];
		v[3] = rotate(v[3], 21) ^ v[0];
		v[2] = rotate(v[2], 32);
	}
}

/* SipHash-1-3 and SipHash-2-4 of Aumasson and Bernstein: the same on machines of either byte order. */
static uint64_t siphash(const uint8_t *secret, const uint8_t *bytes, size_t length, unsigned rounds,
			unsigned last_rounds)
{
	const uint64_t k0 = little_endian(secret, 8), k1 = little_endian(secret + 8, 8);
	uint64_t v[4] = {k0 ^ 0x736f6d6570736575, k1 ^ 0x646f72616e646f6d, k0 ^ 0x6c7967656e657261,
			 k1 ^ 0x7465646279746573};
	size_t i;

	for (i = 0; i + 8 <= length; i += 8) {
		const uint64_t word = little_endian(bytes + i, 8);
		v[3] ^= word;
		sip_rounds(v, rounds);
		v[0] ^= word;
	}
	const uint64_t last = little_endian(bytes + i, length - i) | (uint64_t)length << 56;
	v[3] ^= last;
	sip_rounds(v, rounds);
	v[0] ^= last;
	v[2] ^= 0xff;
	sip_rounds(v, last_rounds);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

/* fnv() of Python/pyhash.c, on words of the target's size and byte order, and single bytes at the end. */
static uint64_t fnv(const struct target *target, const uint8_t *secret, const uint8_t *bytes, size_t length)
{
	const size_t width = target->pointer_size;
	const size_t rest = length % width ? length % width : width;
	uint64_t x = target_get(target, secret, width) ^ (uint64_t)bytes[0] << 7;
	size_t i;

	for (i = 0; i < length - rest; i += width)
		x = x * FNV_MULTIPLIER ^ target_get(target, bytes + i, width);
	for (; i < length; i++)
		x = x * FNV_MULTIPLIER ^ bytes[i];
	return x ^ length ^ target_get(target, secret + width, width);
}

static uint64_t apply(const struct target *target, enum hash_algorithm algorithm, const uint8_t *secret,
		      const uint8_t *bytes, size_t length)
{
	const uint64_t most = UINT64_MAX >> (64 - 8 * target->pointer_size);
	uint64_t hash;

	if (length == 0)
		return 0;
	if (algorithm == HASH_FNV)
		hash = fnv(target, secret, bytes, length) & most;
	else if (algorithm == HASH_SIPHASH13)
		hash = siphash(secret, bytes, length, 1, 3) & most;
	else
		hash = siphash(secret, bytes, length, 2, 4) & most;
	return hash == most ? most - 1 : hash; /* -1 means an error */
}

uint64_t hash_secret_apply(const struct objects *objects, const struct hash_secret *secret, const uint8_t *bytes,
			   size_t length)
{
	return apply(objects->target, secret->algorithm, secret->bytes, bytes, length);
}

/* ---- Strings that keep their hash ---- */

struct string {
	uint8_t bytes[STRING_LENGTH];
	size_t length;
	uint64_t hash;
};

struct strings {
	struct string items[STRINGS_MOST];
	size_t count;
};

static void add_string(struct objects *objects, target_addr address, struct strings *strings)
{
	struct string *string = &strings->items[strings->count];
	struct object object;
	struct table table;
	uint64_t length, hash;
	unsigned width;
	const uint8_t *bytes;

	if (strings->count == STRINGS_MOST || object_read(objects, address, &object) != CPEEK_OK ||
	    !(object.type->flags & TYPE_UNICODE_SUBCLASS) || object.type->flags & TYPE_HEAPTYPE ||
	    str_open(&object, &table, &length, &width) != CPEEK_OK || length == 0 || table.length > STRING_LENGTH ||
	    table_read(&table, 0, (size_t)table.length, string->bytes, &bytes) != CPEEK_OK ||
	    field_read(objects, address, FIELD_PyASCIIObject_hash, &hash) != CPEEK_OK ||
	    hash == UINT64_MAX >> (64 - 8 * objects->layout->pointer_size))
		return;
	if (bytes != string->bytes)
		memcpy(string->bytes, bytes, (size_t)table.length);
	string->length = (size_t)table.length;
	string->hash = hash;
	strings->count++;
}

/* Names of modules and builtins: each is a key of a dict, so that it was hashed. */
static void collect(struct objects *objects, struct strings *strings)
{
	const struct python *python = objects->python;

	for (size_t i = 0; i < python->interpreter_count; i++) {
		const target_addr dicts[] = {python->interpreters[i].builtins, python->interpreters[i].modules};
		for (size_t j = 0; j < sizeof(dicts) / sizeof(*dicts); j++) {
			struct object object;
			struct items items;
			struct item item;
			if (!dicts[j] || dict_open(objects, dicts[j], &object, &items) != CPEEK_OK)
				continue;
			const size_t most = strings->count + STRINGS_MOST / 2;
			while (strings->count < most && strings->count < STRINGS_MOST &&
			       dict_next(&items, &item) == CPEEK_OK)
				add_string(objects, item.key, strings);
		}
	}
}

/* ---- Candidates ---- */

static bool reproduces(const struct objects *objects, const struct strings *strings, enum hash_algorithm algorithm,
		       const uint8_t *secret)
{
	for (size_t i = 0; i < strings->count; i++)
		if (apply(objects->target, algorithm, secret, strings->items[i].bytes, strings->items[i].length) !=
		    strings->items[i].hash)
			return false;
	return true;
}

static bool try_secret(const struct objects *objects, const struct strings *strings, const uint8_t *bytes,
		       target_addr address, struct hash_secret *ret)
{
	for (unsigned i = 0; i < HASH_ALGORITHM_COUNT; i++) {
		if (!reproduces(objects, strings, (enum hash_algorithm)i, bytes))
			continue;
		ret->known = true;
		ret->algorithm = (enum hash_algorithm)i;
		ret->address = address;
		memcpy(ret->bytes, bytes, HASH_SECRET_SIZE);
		return true;
	}
	return false;
}

static bool try_symbol(struct objects *objects, const struct strings *strings, struct hash_secret *ret)
{
	struct target *target = objects->target;

	for (size_t i = 0; i < target->module_count; i++) {
		const struct target_module *module = &target->modules[i];
		uint8_t bytes[HASH_SECRET_SIZE];
		target_addr address;
		uint64_t size;
		if (!runtime_is_likely_in(target, module) ||
		    target_find_symbol(target, module, "_Py_HashSecret", &address, &size) != CPEEK_OK ||
		    !target_probe(target, address, bytes, sizeof(bytes)) ||
		    !try_secret(objects, strings, bytes, address, ret))
			continue;
		(void)snprintf(ret->evidence, sizeof(ret->evidence),
			       "symbol _Py_HashSecret at 0x%" PRIx64 " in %.180s, proved by the hashes of %zu strings",
			       address, module->path, strings->count);
		return true;
	}
	return false;
}

static bool scan_mapping(struct objects *objects, const struct strings *strings, target_addr start, target_addr end,
			 uint8_t *buffer, struct hash_secret *ret)
{
	struct target *target = objects->target;
	const unsigned step = target->pointer_size;

	for (target_addr at = start; at < end; at += SCAN_CHUNK) {
		const uint64_t left = end - at;
		size_t length, wanted = SCAN_CHUNK + HASH_SECRET_SIZE;
		if (left < wanted)
			wanted = (size_t)left;
		if (!target_probe(target, at, buffer, wanted))
			continue;
		length = wanted;
		for (size_t i = 0; i + HASH_SECRET_SIZE <= length && i < SCAN_CHUNK; i += step)
			if (try_secret(objects, strings, buffer + i, at + i, ret))
				return true;
	}
	return false;
}

static enum cpeek_status scan(struct objects *objects, const struct strings *strings, struct hash_secret *ret)
{
	struct target *target = objects->target;
	const struct target_module *module = target_find_module(target, objects->python->runtime);
	uint64_t left = SCAN_MOST;

	if (!module)
		return CPEEK_OK;
	uint8_t *buffer = memory_alloc(SCAN_CHUNK + HASH_SECRET_SIZE);
	if (!buffer)
		return CPEEK_NO_MEMORY;
	for (size_t i = 0; i < target->mapping_count && !ret->known && left; i++) {
		const struct target_mapping *mapping = &target->mappings[i];
		if (!mapping->writable || mapping->start < module->start || mapping->start >= module->end)
			continue;
		uint64_t size = mapping->end - mapping->start;
		if (size > left)
			size = left;
		left -= size;
		if (scan_mapping(objects, strings, mapping->start, mapping->start + size, buffer, ret))
			(void)snprintf(ret->evidence, sizeof(ret->evidence),
				       "found at 0x%" PRIx64 " in the data of %.180s, proved by the hashes of %zu "
				       "strings",
				       ret->address, module->path, strings->count);
	}
	memory_free(buffer);
	return CPEEK_OK;
}

static enum cpeek_status find(struct objects *objects, struct hash_secret *ret)
{
	static const uint8_t zeroes[HASH_SECRET_SIZE];
	struct strings strings = {.count = 0};

	collect(objects, &strings);
	if (strings.count < STRINGS_LEAST) {
		(void)snprintf(ret->evidence, sizeof(ret->evidence),
			       "the hash secret could not be proved: only %zu strings keep their hash", strings.count);
		return CPEEK_OK;
	}
	if (try_symbol(objects, &strings, ret))
		return CPEEK_OK;
	if (try_secret(objects, &strings, zeroes, 0, ret)) {
		(void)snprintf(ret->evidence, sizeof(ret->evidence),
			       "no secret (PYTHONHASHSEED=0), proved by the hashes of %zu strings", strings.count);
		return CPEEK_OK;
	}
	TRY(scan(objects, &strings, ret));
	if (!ret->known)
		(void)snprintf(
			ret->evidence, sizeof(ret->evidence),
			"the hash secret was not found: no _Py_HashSecret and nothing in the data of the module "
			"of CPython gives the hashes of %zu strings",
			strings.count);
	return CPEEK_OK;
}

enum cpeek_status hash_secret_find(struct objects *objects, const struct hash_secret **ret)
{
	if (!objects->hash_secret) {
		struct hash_secret *secret = arena_alloc(&objects->arena, sizeof(*secret));
		if (!secret)
			return CPEEK_NO_MEMORY;
		memset(secret, 0, sizeof(*secret));
		TRY(find(objects, secret));
		objects->hash_secret = secret;
	}
	*ret = objects->hash_secret;
	return CPEEK_OK;
}
