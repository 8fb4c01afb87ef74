#include "target/refusal.h"
#include "base/strbuf.h"
#include "target/proc.h"

#include <fcntl.h>
#include <inttypes.h>
#include <linux/capability.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* kernel.yama.ptrace_scope: 0 as ever, 1 only its own children, 2 only with CAP_SYS_PTRACE, 3 nobody; -1: no Yama.
 * Documentation/admin-guide/LSM/Yama.rst. */
static int ptrace_scope(void)
{
	char digit;
	int fd = open("/proc/sys/kernel/yama/ptrace_scope", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	ssize_t got = read(fd, &digit, 1);
	(void)close(fd);
	return got == 1 && digit >= '0' && digit <= '9' ? digit - '0' : -1;
}

static bool may_ptrace(void)
{
	struct strbuf status = {0};
	const char *effective = NULL;

	if (proc_read((uint64_t)getpid(), "status", &status) == 0)
		effective = proc_find(strbuf_text(&status), "CapEff");
	bool may = effective && strtoull(effective, NULL, 16) >> CAP_SYS_PTRACE & 1;
	strbuf_deinit(&status);
	return may;
}

/* Whether it runs as us, in its real, effective and saved ids: all three count. */
static bool is_ours(uint64_t pid, uint64_t *ret_user)
{
	struct strbuf status = {0};
	const char *ids = NULL;
	bool ours = true;

	*ret_user = getuid();
	if (proc_read(pid, "status", &status) == 0)
		ids = proc_find(strbuf_text(&status), "Uid");
	for (int i = 0; ids && i < 3; i++) {
		char *end;
		uint64_t user = strtoull(ids, &end, 10);
		if (user != getuid())
			*ret_user = user;
		ours &= user == getuid();
		ids = end;
	}
	strbuf_deinit(&status);
	return ours;
}

void refusal_explain(uint64_t pid, char *text, size_t size)
{
	static const char root[] = "run cpeek as root (sudo), or with CAP_SYS_PTRACE";
	const int scope = ptrace_scope();
	uint64_t user;

	if (scope == 3)
		(void)snprintf(text, size,
			       "kernel.yama.ptrace_scope is 3, which forbids it to everyone until the next boot; with "
			       "a lower one, %s",
			       root);
	else if (may_ptrace())
		(void)snprintf(
			text, size,
			"we have CAP_SYS_PTRACE, so a seccomp filter or a security module forbids it, or the "
			"process is in a user namespace that is not below ours: run cpeek outside the container");
	else if (geteuid() == 0)
		(void)snprintf(text, size,
			       "we are root without CAP_SYS_PTRACE, as in a container: start that with docker run "
			       "--cap-add=SYS_PTRACE (podman and Kubernetes: the capability SYS_PTRACE)");
	else if (!is_ours(pid, &user))
		(void)snprintf(text, size, "it runs as user %" PRIu64 ", and we as %u: %s", user, getuid(), root);
	else if (scope > 0)
		(void)snprintf(text, size,
			       "kernel.yama.ptrace_scope is %d: %s, or let users read their own processes with sysctl "
			       "kernel.yama.ptrace_scope=0",
			       scope, root);
	else
		(void)snprintf(text, size,
			       "it runs as us, but is protected (a set-user-id program, file capabilities, or "
			       "prctl(PR_SET_DUMPABLE, 0)), or a seccomp filter forbids it: %s",
			       root);
}
