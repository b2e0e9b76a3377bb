// SPDX-License-Identifier: MIT
#include "fetch/helper.h"

#include "base/file.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

struct child {
	pid_t pid;	/* 0: none, or waited for */
	int in, out;	/* ours: writes to its stdin, reads from its stdout */
};

static void end_child(struct child *c)
{
	lp_fd_close(&c->in);
	lp_fd_close(&c->out);
	if (c->pid) {
		kill(c->pid, SIGKILL);
		while (waitpid(c->pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	c->pid = 0;
}

/* posix_spawn, not fork: the process that asks has threads and perhaps much memory. */
static int spawn(char *const argv[], int in, int out, pid_t *pid)
{
	posix_spawn_file_actions_t fa;
	posix_spawnattr_t attr;
	sigset_t none;
	int rc = posix_spawn_file_actions_init(&fa);

	if (rc)
		return rc;
	rc = posix_spawnattr_init(&attr);
	if (rc) {
		posix_spawn_file_actions_destroy(&fa);
		return rc;
	}
	sigemptyset(&none); /* the engine's thread blocks all signals; its children must not */
	rc = posix_spawnattr_setsigmask(&attr, &none);
	if (!rc)
		rc = posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK);
	if (!rc)
		rc = posix_spawn_file_actions_adddup2(&fa, in, 0);
	if (!rc)
		rc = posix_spawn_file_actions_adddup2(&fa, out, 1);
	if (!rc)
		rc = posix_spawnp(pid, argv[0], &fa, &attr, argv, environ);
	posix_spawn_file_actions_destroy(&fa);
	posix_spawnattr_destroy(&attr);
	return rc;
}

static enum lp_code start(struct child *c, char *const argv[], struct lp_err *err)
{
	LP_AUTO(lp_fd_close) int in = -1;
	LP_AUTO(lp_fd_close) int out = -1;
	int pipes[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pipes)) /* MSG_NOSIGNAL, see ask() */
		return lp_fail_errno(err, "a socket pair");
	in = pipes[0];
	c->in = pipes[1];
	if (pipe2(pipes, O_CLOEXEC))
		return lp_fail_errno(err, "a pipe");
	c->out = pipes[0];
	out = pipes[1];
	errno = spawn(argv, in, out, &c->pid);
	if (errno) {
		c->pid = 0;
		return lp_fail_errno(err, "start %s", argv[0]);
	}
	return LP_OK;
}

/* The question is shorter than a socket holds; a helper that does not read it may be gone. */
static enum lp_code ask(struct child *c, const char *input, struct lp_err *err)
{
	if (send(c->in, input, strlen(input), MSG_NOSIGNAL) < 0 && errno != EPIPE)
		return lp_fail_errno(err, "ask a helper");
	lp_fd_close(&c->in);
	return LP_OK;
}

static int left_ms(uint64_t end_ns)
{
	uint64_t now = lp_now_ns();

	return now >= end_ns ? 0 : (int)((end_ns - now) / 1000000 + 1);
}

/* Read what it prints, until it closes its output. */
static enum lp_code collect(struct child *c, uint64_t end_ns, struct lp_buf *out,
			    struct lp_err *err)
{
	for (;;) {
		struct pollfd p = {.fd = c->out, .events = POLLIN};
		int rc = poll(&p, 1, left_ms(end_ns));
		ssize_t n;

		if (rc < 0 && errno == EINTR)
			continue;
		if (rc <= 0)
			return lp_fail(err, LP_ESYSTEM, LP_NO_OFFSET, NULL,
				       "does not answer in time");
		if (lp_buf_reserve(out, 1, LP_HELPER_MAX, err))
			return err->code;
		n = read(c->out, out->p + out->len, out->cap - out->len);
		if (n < 0 && errno != EINTR)
			return lp_fail_errno(err, "read");
		if (!n)
			return LP_OK;
		out->len += n > 0 ? (size_t)n : 0;
	}
}

static enum lp_code wait_for(struct child *c, uint64_t end_ns, int *status, struct lp_err *err)
{
	int raw = 0;
	pid_t rc;

	for (;;) {
		rc = waitpid(c->pid, &raw, WNOHANG);
		if (rc == c->pid || (rc < 0 && errno != EINTR) || !left_ms(end_ns))
			break;
		poll(NULL, 0, 1); /* it has closed its output: it is about to end */
	}
	if (rc != c->pid)
		return lp_fail(err, LP_ESYSTEM, LP_NO_OFFSET, NULL, "does not end in time");
	c->pid = 0;
	if (!WIFEXITED(raw))
		return lp_fail(err, LP_ESYSTEM, LP_NO_OFFSET, NULL, "was killed by signal %d",
			       WTERMSIG(raw));
	*status = WEXITSTATUS(raw);
	return LP_OK;
}

enum lp_code lp_helper_run(char *const argv[], const char *input, unsigned timeout_ms,
			   struct lp_buf *out, int *status, struct lp_err *err)
{
	LP_AUTO(end_child) struct child c = {.in = -1, .out = -1};
	uint64_t end_ns = lp_now_ns() + (uint64_t)timeout_ms * 1000000;

	out->len = 0;
	if (start(&c, argv, err))
		return err->code;
	if (ask(&c, input, err) || collect(&c, end_ns, out, err) ||
	    wait_for(&c, end_ns, status, err))
		return lp_within(err, "%s", argv[0]);
	return LP_OK;
}
