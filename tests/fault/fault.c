/*
 * The fault loop: the N-th read of the target fails, then the N-th allocation, for every N, until a command runs
 * through without meeting the fault. Each time the library must end in order, and an answer that calls itself
 * complete must be the answer of an undisturbed run: a swallowed error would show here.
 *
 * fault CORE EXE SYSROOT reads|memory COMMAND…    ("-": none)
 */
#include "base/memory.h"
#include "command/command.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum {
	EVERY = 3000,      /* each N up to here is tried; beyond, N grows by a fiftieth, since a run costs more with it */
	STEP_DIVISOR = 50,
};

static int passed, failed;

struct run {
	struct strbuf output;
	int32_t status;
	bool reached; /* the fault happened */
};

static int32_t collect(void *arg, const char *data, uint64_t length)
{
	strbuf_append(arg, data, length);
	return strbuf_failed(arg);
}

static struct run run_once(const char *core, const struct cpeek_open_options *options, const char *line, bool memory,
			   uint64_t n)
{
	struct run run = {0};

	/* The test's own buffer must not be what fails. */
	(void)strbuf_reserve(&run.output, 32 << 20);
	if (memory)
		memory_fail_at(n);
	struct cpeek_session *session = cpeek_create();
	if (!session) {
		run.status = CPEEK_NO_MEMORY;
		run.reached = true;
		return run;
	}
	run.status = cpeek_open_core(session, core, options);
	if (run.status == CPEEK_OK) {
		const uint64_t before = session->target->reads;
		if (!memory && n)
			session->target->fail_at = before + n;
		run.status = cpeek_run(session, line, CPEEK_TEXT, collect, &run.output);
		run.reached = memory ? false : session->target->reads >= before + n;
	}
	if (run.status != CPEEK_OK && run.status != CPEEK_PARTIAL && !cpeek_error(session)[0]) {
		printf("%s: N=%" PRIu64 ": status %s without a sentence\n", line, n, cpeek_status_name(run.status));
		failed++;
	}
	cpeek_destroy(session);
	if (memory) {
		run.reached = memory_fail_pending() == 0;
		memory_fail_at(0);
	}
	return run;
}

static void report_difference(const char *line, uint64_t n, const struct strbuf *got, const struct strbuf *wanted)
{
	size_t same = 0;
	while (same < got->length && same < wanted->length && got->data[same] == wanted->data[same])
		same++;
	size_t start = same;
	while (start && got->data[start - 1] != '\n')
		start--;
	printf("%s: N=%" PRIu64 ": the answer differs and calls itself complete:\n  got    %.*s\n  wanted %.*s\n", line, n,
	       (int)strcspn(strbuf_text(got) + start, "\n"), strbuf_text(got) + start,
	       (int)strcspn(strbuf_text(wanted) + start, "\n"), strbuf_text(wanted) + start);
}

static void loop(const char *core, const struct cpeek_open_options *options, const char *line, bool memory)
{
	struct run base = run_once(core, options, line, memory, 0);
	uint64_t n = 1, runs = 0;
	int wrong = 0;

	if (base.status != CPEEK_OK && base.status != CPEEK_PARTIAL) {
		printf("%s: fails undisturbed: %s\n", line, cpeek_status_name(base.status));
		failed++;
	}
	for (;; n += n < EVERY ? 1 : n / STEP_DIVISOR, runs++) {
		struct run run = run_once(core, options, line, memory, n);
		bool complete = run.status == CPEEK_OK;
		bool same = run.output.length == base.output.length &&
			    memcmp(strbuf_text(&run.output), strbuf_text(&base.output), run.output.length) == 0;
		if (complete && base.status == CPEEK_OK && !same && wrong++ < 5)
			report_difference(line, n, &run.output, &base.output);
		strbuf_deinit(&run.output);
		if (!run.reached)
			break;
	}
	strbuf_deinit(&base.output);
	printf("%-32s %s: %" PRIu64 " faults, up to N=%" PRIu64 ", %d wrong\n", line, memory ? "memory" : "reads", runs, n,
	       wrong);
	if (wrong)
		failed++;
	else
		passed++;
}

int main(int argc, char **argv)
{
	if (argc < 6) {
		fprintf(stderr, "usage: fault CORE EXE SYSROOT reads|memory COMMAND…\n");
		return 2;
	}
	const struct cpeek_open_options options = {
		.struct_size = sizeof(options),
		.exe = strcmp(argv[2], "-") ? argv[2] : NULL,
		.sysroot = strcmp(argv[3], "-") ? argv[3] : NULL,
	};
	for (int i = 5; i < argc; i++)
		loop(argv[1], &options, argv[i], strcmp(argv[4], "memory") == 0);
	printf("%d passed, %d failed\n", passed, failed);
	return failed != 0;
}
