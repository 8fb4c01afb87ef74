/*
 * lib/base: each container against what it promises, the map against a naive model, and all of them with every
 * allocation failing once.
 */
#include "check.h"

#include "base/arena.h"
#include "base/map.h"
#include "base/memory.h"
#include "base/status.h"
#include "base/strbuf.h"
#include "base/vector.h"

#include <stdalign.h>

static uint64_t random_state = 1;

/* xorshift: the same sequence in each run, so that a failure repeats. */
static uint64_t random_next(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

static void test_strbuf(void)
{
	struct strbuf buffer = {0};

	CHECK_TEXT(strbuf_text(&buffer), "");
	strbuf_puts(&buffer, "ab");
	strbuf_putc(&buffer, 'c');
	strbuf_append(&buffer, "de\0f", 4);
	CHECK_EQ(buffer.length, 7);
	CHECK(memcmp(buffer.data, "abcde\0f", 8) == 0);
	strbuf_clear(&buffer);
	CHECK_TEXT(strbuf_text(&buffer), "");
	strbuf_append(&buffer, NULL, 0);
	CHECK_EQ(buffer.length, 0);
	strbuf_printf(&buffer, "%s=%d", "x", 42);
	CHECK_TEXT(strbuf_text(&buffer), "x=42");
	strbuf_printf(&buffer, "%01000d", 0); /* more than twice the room */
	CHECK_EQ(buffer.length, 4 + 1000);
	buffer.length = 4;
	for (int i = 0; i < 1000; i++)
		strbuf_printf(&buffer, "%04d", i);
	CHECK_EQ(buffer.length, 4 + 4000);
	CHECK(memcmp(buffer.data + 4 + 4 * 999, "0999", 5) == 0);

	strbuf_clear(&buffer);
	char *room = strbuf_reserve(&buffer, 3);
	CHECK(room != NULL);
	memcpy(room, "xyz", 4);
	buffer.length += 3;
	CHECK_TEXT(strbuf_text(&buffer), "xyz");
	strbuf_deinit(&buffer);
	CHECK_EQ(buffer.capacity, 0);
}

static void test_strbuf_utf8(void)
{
	static const struct {
		uint32_t c;
		const char *text;
	} cases[] = {
		{0x41, "A"},
		{0x7f, "\x7f"},
		{0x80, "\xc2\x80"},
		{0x7ff, "\xdf\xbf"},
		{0x800, "\xe0\xa0\x80"},
		{0xd7ff, "\xed\x9f\xbf"},
		{0xd800, "\xef\xbf\xbd"},
		{0xdfff, "\xef\xbf\xbd"},
		{0xe000, "\xee\x80\x80"},
		{0xffff, "\xef\xbf\xbf"},
		{0x10000, "\xf0\x90\x80\x80"},
		{0x10ffff, "\xf4\x8f\xbf\xbf"},
		{0x110000, "\xef\xbf\xbd"},
		{0xffffffff, "\xef\xbf\xbd"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct strbuf buffer = {0};
		strbuf_put_utf8(&buffer, cases[i].c);
		CHECK_TEXT(strbuf_text(&buffer), cases[i].text);
		strbuf_deinit(&buffer);
	}
}

static void test_strbuf_failure(void)
{
	struct strbuf buffer = {0};

	strbuf_puts(&buffer, "kept");
	memory_fail_at(1);
	for (int i = 0; i < 100; i++)
		strbuf_puts(&buffer, "0123456789");
	CHECK(strbuf_failed(&buffer)); /* sticky, though memory came back */
	CHECK_EQ(buffer.length, 4 + 50);
	CHECK_EQ(strlen(strbuf_text(&buffer)), buffer.length);
	CHECK(strbuf_reserve(&buffer, 1) == NULL);
	strbuf_printf(&buffer, "%d", 1);
	CHECK_EQ(buffer.length, 4 + 50);
	strbuf_clear(&buffer);
	CHECK(!strbuf_failed(&buffer));
	strbuf_puts(&buffer, "again");
	CHECK_TEXT(strbuf_text(&buffer), "again");

	CHECK(strbuf_reserve(&buffer, SIZE_MAX) == NULL);
	CHECK(strbuf_failed(&buffer));
	strbuf_deinit(&buffer);
	memory_fail_at(0);
}

static void test_arena(void)
{
	enum { PIECES = 3000 };
	static unsigned char *pieces[PIECES];
	static size_t sizes[PIECES];
	struct arena arena = {0};
	bool aligned = true, intact = true;

	for (size_t i = 0; i < PIECES; i++) {
		sizes[i] = i % 100 == 99 ? 70000 + random_next() % 1000 : random_next() % 300;
		pieces[i] = arena_alloc(&arena, sizes[i]);
		if (!pieces[i]) {
			CHECK(pieces[i] != NULL);
			return;
		}
		aligned &= (uintptr_t)pieces[i] % alignof(max_align_t) == 0;
		memset(pieces[i], (int)(i & 0xff), sizes[i]);
	}
	CHECK(aligned);
	for (size_t i = 0; i < PIECES; i++)
		for (size_t j = 0; j < sizes[i]; j++)
			intact &= pieces[i][j] == (i & 0xff);
	CHECK(intact);
	char *copy = arena_copy(&arena, "hello, world", 5);
	CHECK_TEXT(copy, "hello");
	CHECK_TEXT(arena_copy(&arena, NULL, 0), "");
	CHECK(arena_alloc(&arena, SIZE_MAX) == NULL);
	CHECK(arena_copy(&arena, "", SIZE_MAX) == NULL);
	arena_deinit(&arena);
	CHECK(arena.last == NULL);

	memory_fail_at(1);
	CHECK(arena_alloc(&arena, 1) == NULL);
	CHECK(arena_alloc(&arena, 1) != NULL);
	memory_fail_at(1);
	CHECK(arena_alloc(&arena, 100000) == NULL);
	CHECK(arena_alloc(&arena, 1) != NULL);
	memory_fail_at(0);
	arena_deinit(&arena);
}

static void test_vector(void)
{
	struct item {
		uint32_t a;
		uint64_t b;
	};
	VECTOR(struct item) items = {0};
	bool intact = true;

	for (uint32_t i = 0; i < 1000; i++) {
		*VECTOR_PUSH(&items) = (struct item){i, (uint64_t)i * i};
	}
	CHECK_EQ(items.count, 1000);
	for (uint32_t i = 0; i < 1000; i++)
		intact &= items.items[i].a == i && items.items[i].b == (uint64_t)i * i;
	CHECK(intact);

	while (items.count < items.capacity)
		*VECTOR_PUSH(&items) = (struct item){7, 7};
	size_t count = items.count;
	memory_fail_at(1);
	CHECK(VECTOR_PUSH(&items) == NULL);
	CHECK_EQ(items.count, count);
	CHECK_EQ(items.items[count - 1].a, 7);
	CHECK(VECTOR_PUSH(&items) != NULL);
	memory_fail_at(0);
	VECTOR_DEINIT(&items);
	CHECK(items.items == NULL && items.count == 0 && items.capacity == 0);
	VECTOR_DEINIT(&items);
}

/* The model: a list of pairs, searched from its start. */
struct model {
	struct map_slot pairs[600];
	size_t count;
};

static uint64_t *model_find(struct model *model, uint64_t key)
{
	for (size_t i = 0; i < model->count; i++)
		if (model->pairs[i].key == key)
			return &model->pairs[i].value;
	return NULL;
}

static void model_remove(struct model *model, uint64_t key)
{
	for (size_t i = 0; i < model->count; i++)
		if (model->pairs[i].key == key) {
			model->pairs[i] = model->pairs[--model->count];
			return;
		}
}

static bool is_same(const struct map *map, struct model *model)
{
	bool same = map->count == model->count;

	for (size_t i = 0; i < model->count; i++) {
		uint64_t *value = map_find(map, model->pairs[i].key);
		same &= value && *value == model->pairs[i].value;
	}
	return same;
}

/* step: between keys, so that they crowd in different ways. */
static void test_map_against_model(uint64_t step, uint64_t start)
{
	static struct model model;
	struct map map = {0};
	bool same = true;

	model.count = 0;
	CHECK(map_find(&map, 1) == NULL);
	map_remove(&map, 1);
	map_clear(&map);
	for (int i = 0; i < 20000; i++) {
		/* Phases that mostly add, then mostly remove, so that runs form and dissolve. */
		bool adds = random_next() % 8 < (i / 1000 % 2 ? 2u : 6u);
		uint64_t key = start + random_next() % 600 * step;
		uint64_t *modelled = model_find(&model, key);

		uint64_t *found = map_find(&map, key);
		same &= (found != NULL) == (modelled != NULL);
		if (adds) {
			uint64_t *value = map_put(&map, key);
			if (!value) {
				same = false;
				break;
			}
			same &= *value == (modelled ? *modelled : 0);
			if (!modelled) {
				model.pairs[model.count].key = key;
				modelled = &model.pairs[model.count++].value;
			}
			*value = *modelled = random_next();
		} else {
			map_remove(&map, key);
			model_remove(&model, key);
		}
		if (i % 100 == 0)
			same &= is_same(&map, &model);
	}
	CHECK(same);
	CHECK(is_same(&map, &model));
	map_clear(&map);
	CHECK_EQ(map.count, 0);
	CHECK(map_find(&map, start) == NULL);
	map_deinit(&map);
	CHECK(map.slots == NULL);
}

static void test_map(void)
{
	struct map map = {0};

	test_map_against_model(1, 1);
	test_map_against_model(16, 0x7ffff7a00010);
	test_map_against_model(0x100000, 0x100000);
	test_map_against_model((uint64_t)1 << 54, UINT64_C(1) << 54);

	CHECK(map_find(&map, 0) == NULL);
	*map_put(&map, UINT64_MAX) = 5;
	CHECK_EQ(*map_find(&map, UINT64_MAX), 5);
	CHECK(map_find(&map, 0) == NULL);
	map_remove(&map, 0);
	CHECK_EQ(map.count, 1);
	map_deinit(&map);
}

static void test_map_failure(void)
{
	/* 0, 64, 128 … slots: let each growth of the first 1000 keys fail once; what was there stays. */
	for (uint64_t fail_at = 1; fail_at <= 6; fail_at++) {
		struct map map = {0};
		size_t refused = 0;
		bool intact = true;

		memory_fail_at(fail_at);
		for (uint64_t key = 1; key <= 1000; key++) {
			uint64_t *value = map_put(&map, key);
			if (!value) {
				refused++;
				value = map_put(&map, key);
			}
			if (value)
				*value = key * 3;
		}
		for (uint64_t key = 1; key <= 1000; key++)
			intact &= map_find(&map, key) && *map_find(&map, key) == key * 3;
		CHECK(intact);
		CHECK_EQ(refused, 1);
		memory_fail_at(0);
		map_deinit(&map);
	}
}

static void test_memory(void)
{
	char *text = memory_strdup("text");
	CHECK_TEXT(text, "text");
	memory_fail_at(2);
	text = memory_realloc(text, 100);
	CHECK(text != NULL);
	CHECK(memory_realloc(text, 200) == NULL);
	CHECK_TEXT(text, "text");
	text = memory_realloc(text, 200);
	CHECK(text != NULL);
	memory_free(text);
	memory_fail_at(1);
	CHECK(memory_strdup("x") == NULL);
	memory_fail_at(1);
	CHECK(memory_calloc(2, 2) == NULL);
	memory_fail_at(1);
	memory_fail_at(0);
	unsigned char *zeros = memory_calloc(4, 4);
	CHECK(zeros != NULL && zeros[0] == 0 && zeros[15] == 0);
	memory_free(zeros);
	memory_free(NULL);
	void *empty = memory_alloc(0);
	CHECK(empty != NULL);
	memory_free(empty);
}

static enum cpeek_status fails(struct error *error)
{
	TRY(CPEEK_OK);
	TRY(error_set(error, CPEEK_FAULT, "%s at 0x%x", "hole", 0x10));
	return CPEEK_OK;
}

static void test_status(void)
{
	static struct error error;
	char name[2000];

	CHECK_EQ(fails(&error), CPEEK_FAULT);
	CHECK_EQ(error.status, CPEEK_FAULT);
	CHECK_TEXT(error.text, "hole at 0x10");
	CHECK_EQ(error_set(&error, CPEEK_IO, "cannot: %s", error.text), CPEEK_IO);
	CHECK_TEXT(error.text, "cannot: hole at 0x10");
	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	(void)error_set(&error, CPEEK_USAGE, "%s", name);
	CHECK_EQ(strlen(error.text), sizeof(error.text) - 1);
}

int main(void)
{
	test_strbuf();
	test_strbuf_utf8();
	test_strbuf_failure();
	test_arena();
	test_vector();
	test_map();
	test_map_failure();
	test_memory();
	test_status();
	return check_report();
}
