/*
 * The fault loop: the N-th read of the target fails, or the N-th allocation, for every N, until a command runs through
 * without meeting the fault. Each time the library must end in order; an answer that calls itself complete must be the
 * answer of an undisturbed run, as a swallowed error would show there; and the same command run again in the same
 * session must give that answer, as nothing wrong may have been kept.
 *
 * fault CORE EXE SYSROOT reads|open|memory|refresh EVERY COMMAND…
 *   EXE, SYSROOT   "-": none
 *   reads, open    a read fails while the command runs; while the target is opened, before it runs
 *   memory         an allocation fails, in either
 *   refresh        an allocation fails while the target is read anew, between opening it and the command
 *   EVERY          each N up to here is tried; beyond, N grows by a sixteenth, since a run costs more with it
 */
#include "base/memory.h"
#include "command/command.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STEP_DIVISOR = 16, SHOWN_MAX = 5 };

enum mode { FAIL_READ, FAIL_READ_WHILE_OPENING, FAIL_ALLOCATION, FAIL_REFRESH, MODES };

static const char *const mode_names[MODES] = {"reads", "open", "memory", "refresh"};

static int passed, failed;

struct answer {
	struct strbuf text;
	int32_t status;
};

struct run {
	bool opened, reached; /* the fault happened */
	struct answer first, again;
};

static int32_t collect(void *arg, const char *data, uint64_t length)
{
	strbuf_append(arg, data, length);
	return strbuf_failed(arg);
}

/* The test's own buffer must not be what fails. */
static bool reserve(struct run *run)
{
	enum { ROOM = 8 << 20 };

	return strbuf_reserve(&run->first.text, ROOM) && strbuf_reserve(&run->again.text, ROOM);
}

static void release(struct run *run)
{
	strbuf_deinit(&run->first.text);
	strbuf_deinit(&run->again.text);
}

static bool is_error(int32_t status)
{
	return status != CPEEK_OK && status != CPEEK_PARTIAL;
}

static void complain(const char *line, uint64_t n, const char *what)
{
	printf("%s: N=%" PRIu64 ": %s\n", line, n, what);
	failed++;
}

static void run_line(struct cpeek_session *session, const char *line, uint64_t n, struct answer *ret)
{
	ret->status = cpeek_run(session, line, CPEEK_TEXT, collect, &ret->text);
	if (is_error(ret->status) && !cpeek_error(session)[0])
		complain(line, n, "an error without a sentence");
}

/* cpeek_open_core() with a fault while it looks for the Python in the core. */
static enum cpeek_status open_core(struct cpeek_session *session, const char *core,
				   const struct cpeek_open_options *options, uint64_t n)
{
	const struct target_options how = {.exe = options->exe, .sysroot = options->sysroot};
	struct target *target;

	TRY(target_open_core(core, &how, &session->error, &target));
	target->fail_at = n ? target->reads + n : 0;
	return session_open(session, target, options);
}

/* Whether the fault was met. */
static bool refresh(struct cpeek_session *session, const char *line, uint64_t n)
{
	memory_fail_at(n);
	if (cpeek_refresh(session) != CPEEK_OK && !cpeek_error(session)[0])
		complain(line, n, "not refreshed, without a sentence");
	const bool met = memory_fail_pending() == 0;
	memory_fail_at(0);
	return met;
}

static void run_once(const char *core, const struct cpeek_open_options *options, const char *line, enum mode mode,
		     uint64_t n, struct run *run)
{
	if (mode == FAIL_ALLOCATION)
		memory_fail_at(n);
	struct cpeek_session *session = cpeek_create();
	enum cpeek_status status =
		session ? open_core(session, core, options, mode == FAIL_READ_WHILE_OPENING ? n : 0) : CPEEK_NO_MEMORY;
	if (session && status != CPEEK_OK && !cpeek_error(session)[0])
		complain(line, n, "not opened, without a sentence");
	run->opened = status == CPEEK_OK;
	run->reached = status != CPEEK_OK;
	if (run->opened) {
		struct target *target = session->target;
		if (mode == FAIL_REFRESH)
			run->reached = refresh(session, line, n);
		if (mode == FAIL_READ)
			target->fail_at = n ? target->reads + n : 0;
		const uint64_t opened_after = target->reads;
		run_line(session, line, n, &run->first);
		if (mode == FAIL_READ || mode == FAIL_READ_WHILE_OPENING)
			run->reached = (mode == FAIL_READ ? target->reads : opened_after) >= target->fail_at;
	}
	if (mode == FAIL_ALLOCATION) {
		run->reached = memory_fail_pending() == 0;
		memory_fail_at(0);
	}
	if (run->opened) {
		if (mode == FAIL_REFRESH && cpeek_refresh(session) != CPEEK_OK)
			complain(line, n, "cannot be refreshed any more");
		session->target->fail_at = 0;
		run_line(session, line, n, &run->again);
	}
	cpeek_destroy(session);
}

static bool same(const struct answer *a, const struct answer *b)
{
	return a->text.length == b->text.length &&
	       memcmp(strbuf_text(&a->text), strbuf_text(&b->text), a->text.length) == 0;
}

static void show_difference(const char *line, uint64_t n, const char *what, const struct strbuf *got,
			    const struct strbuf *wanted)
{
	size_t common = 0;
	while (common < got->length && common < wanted->length && got->data[common] == wanted->data[common])
		common++;
	size_t start = common;
	while (start && got->data[start - 1] != '\n')
		start--;
	printf("%s: N=%" PRIu64 ": %s:\n  got    %.*s\n  wanted %.*s\n", line, n, what,
	       (int)strcspn(strbuf_text(got) + start, "\n"), strbuf_text(got) + start,
	       (int)strcspn(strbuf_text(wanted) + start, "\n"), strbuf_text(wanted) + start);
}

/* How many things are wrong. up and down go on from where the first run ended: run again, the undisturbed session's
 * second answer is as good as its first. */
static int check(const char *line, uint64_t n, const struct run *run, const struct run *base, bool show)
{
	int wrong = 0;

	if (run->first.status == CPEEK_OK && base->first.status == CPEEK_OK && !same(&run->first, &base->first)) {
		wrong++;
		if (show)
			show_difference(line, n, "the answer differs and calls itself complete", &run->first.text,
					&base->first.text);
	}
	/* What failed while the target was opened is not read again: such a session may stay partial. */
	if (run->again.status == CPEEK_PARTIAL && base->again.status == CPEEK_OK &&
	    run->first.status == CPEEK_PARTIAL && same(&run->first, &run->again))
		return wrong;
	if (!same(&run->again, &base->again) && !same(&run->again, &base->first)) {
		wrong++;
		if (show)
			show_difference(line, n, "run again, the answer differs", &run->again.text, &base->again.text);
	}
	return wrong;
}

static void loop(const char *core, const struct cpeek_open_options *options, const char *line, enum mode mode,
		 uint64_t every)
{
	struct run base = {0};
	uint64_t n = 1, runs = 0;
	int wrong = 0;

	if (!reserve(&base))
		return complain(line, 0, "no memory for the test itself");
	run_once(core, options, line, mode, 0, &base);
	if (!base.opened || is_error(base.first.status))
		complain(line, 0, "fails undisturbed");
	for (bool reached = base.opened; reached; n += n < every ? 1 : n / STEP_DIVISOR + 1) {
		struct run run = {0};
		if (!reserve(&run))
			return complain(line, n, "no memory for the test itself");
		run_once(core, options, line, mode, n, &run);
		reached = run.reached;
		runs += reached;
		if (run.opened)
			wrong += check(line, n, &run, &base, wrong < SHOWN_MAX);
		release(&run);
	}
	release(&base);
	printf("%-40s %-7s %6" PRIu64 " faults, up to N=%" PRIu64 ", %d wrong\n", line, mode_names[mode], runs, n,
	       wrong);
	if (wrong || runs == 0)
		failed++;
	else
		passed++;
}

int main(int argc, char **argv)
{
	enum mode mode = FAIL_READ;
	while (argc > 4 && mode < MODES && strcmp(argv[4], mode_names[mode]) != 0)
		mode++;
	if (argc < 7 || mode == MODES) {
		fprintf(stderr, "usage: fault CORE EXE SYSROOT reads|open|memory|refresh EVERY COMMAND…\n");
		return 2;
	}
	const struct cpeek_open_options options = {
		.struct_size = sizeof(options),
		.exe = strcmp(argv[2], "-") ? argv[2] : NULL,
		.sysroot = strcmp(argv[3], "-") ? argv[3] : NULL,
	};
	for (int i = 6; i < argc; i++)
		loop(argv[1], &options, argv[i], mode, strtoull(argv[5], NULL, 10));
	printf("%d passed, %d failed\n", passed, failed);
	return failed != 0;
}
