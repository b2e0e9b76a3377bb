// SPDX-License-Identifier: MIT
#include "measure/process.h"

#include "base/file.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ORPHANS_MAX 64

void lb_args_add(struct lb_args *a, const char *fmt, ...)
{
	size_t left = sizeof(a->text) - a->used;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(a->text + a->used, left, fmt, ap);
	va_end(ap);
	if (a->n == LB_ARGS_MAX || n < 0 || (size_t)n >= left) {
		a->bad = true;
		return;
	}
	a->v[a->n++] = a->text + a->used;
	a->used += (size_t)n + 1;
}

/* Both ends close on exec; ours does not block. */
static enum lp_code make_pipe(int *ours, int *theirs, struct lp_err *err)
{
	int p[2];

	if (pipe2(p, O_CLOEXEC))
		return lp_fail_errno(err, "pipe");
	*ours = p[0];
	*theirs = p[1];
	fcntl(*ours, F_SETFL, O_NONBLOCK);
	return LP_OK;
}

static int spawn(struct lb_process *p, const struct lb_args *a, const char *stderr_path, int out,
		 int events)
{
	posix_spawn_file_actions_t f;
	posix_spawnattr_t attr;
	sigset_t none;
	int e;

	sigemptyset(&none);
	posix_spawn_file_actions_init(&f);
	posix_spawnattr_init(&attr);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawn_file_actions_addopen(&f, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&f, out, STDOUT_FILENO);
	if (stderr_path)
		posix_spawn_file_actions_addopen(&f, STDERR_FILENO, stderr_path,
						 O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0666);
	if (events >= 0)
		posix_spawn_file_actions_adddup2(&f, events, LB_EVENTS_FD);
	e = posix_spawnp(&p->pid, a->v[0], &f, &attr, a->v, environ);
	posix_spawn_file_actions_destroy(&f);
	posix_spawnattr_destroy(&attr);
	return e;
}

enum lp_code lb_process_start(struct lb_process *p, const struct lb_args *a,
			      const char *stderr_path, bool events, struct lp_err *err)
{
	LP_AUTO(lp_fd_close) int out = -1;
	LP_AUTO(lp_fd_close) int event = -1;
	int e;

	*p = (struct lb_process){.pidfd = -1, .out = -1, .events = -1};
	if (a->bad || !a->n)
		return lp_fail(err, LP_EUSAGE, LP_NO_OFFSET, NULL, "the command is too long");
	if (make_pipe(&p->out, &out, err) ||
	    (events && make_pipe(&p->events, &event, err))) {
		lb_process_free(p);
		return err->code;
	}
	e = spawn(p, a, stderr_path, out, event);
	if (!e)
		p->pidfd = (int)syscall(SYS_pidfd_open, p->pid, 0);
	if (e || p->pidfd < 0) {
		errno = e ? e : errno;
		lp_fail_errno(err, "start %s", a->v[0]);
		lb_process_free(p);
		err->code = e == ENOENT ? LP_EMISSING : LP_ESYSTEM;
		return err->code;
	}
	return LP_OK;
}

void lb_process_free(struct lb_process *p)
{
	lp_fd_close(&p->pidfd);
	lp_fd_close(&p->out);
	lp_fd_close(&p->events);
}

static void add_cost(struct lb_cost *c, const struct rusage *r)
{
	c->user_us += (uint64_t)r->ru_utime.tv_sec * 1000000 + (uint64_t)r->ru_utime.tv_usec;
	c->system_us += (uint64_t)r->ru_stime.tv_sec * 1000000 + (uint64_t)r->ru_stime.tv_usec;
	if ((uint64_t)r->ru_maxrss > c->rss_kib)
		c->rss_kib = (uint64_t)r->ru_maxrss;
}

int lb_process_end(struct lb_process *p, struct lb_cost *cost)
{
	struct rusage r = {0};
	int status = 0;

	while (wait4(p->pid, &status, 0, &r) < 0 && errno == EINTR)
		;
	add_cost(cost, &r);
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static enum lp_code read_all(int fd, size_t max, struct lp_buf *out, struct lp_err *err)
{
	char block[4096];

	for (;;) {
		struct pollfd wait = {fd, POLLIN, 0};
		ssize_t n = read(fd, block, sizeof(block));

		if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
			poll(&wait, 1, -1);
			continue;
		}
		if (n < 0)
			return lp_fail_errno(err, "read");
		if (!n)
			return LP_OK;
		if (lp_buf_add(out, block, (size_t)n, max, err))
			return err->code;
	}
}

enum lp_code lb_capture(const struct lb_args *a, size_t max, struct lp_buf *out, int *status,
			struct lp_err *err)
{
	LP_AUTO(lb_process_free) struct lb_process p;
	struct lb_cost cost = {0};
	enum lp_code code;
	int rc;

	if (lb_process_start(&p, a, NULL, false, err))
		return err->code;
	code = read_all(p.out, max, out, err);
	if (code)
		kill(p.pid, SIGKILL);
	rc = lb_process_end(&p, &cost);
	if (!code && !status && rc)
		return lp_fail(err, LP_EREMOTE, LP_NO_OFFSET, NULL, "%s %s ended with status %d",
			       a->v[0], a->n > 1 ? a->v[1] : "", rc);
	if (status)
		*status = rc;
	return code;
}

enum lp_code lb_adopt(struct lp_err *err)
{
	if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0))
		return lp_fail_errno(err, "become a subreaper");
	return LP_OK;
}

/* Our children but one: all that our programs left behind. */
static size_t orphans(pid_t but, pid_t *out)
{
	char path[64], text[4096] = "", *p = text;
	size_t n = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/task/%d/children", (int)getpid());
	f = fopen(path, "re");
	if (!f)
		return 0;
	if (!fgets(text, sizeof(text), f))
		text[0] = '\0';
	fclose(f);
	while (n < ORPHANS_MAX) {
		char *end;
		long pid = strtol(p, &end, 10);

		if (end == p)
			return n;
		if (pid != but)
			out[n++] = (pid_t)pid;
		p = end;
	}
	return n;
}

size_t lb_orphans_end(pid_t but, uint64_t patience_ms, struct lb_cost *cost)
{
	const struct timespec ms = {.tv_nsec = 1000000};
	uint64_t begin_ns = lp_now_ns(), patience_ns = patience_ms * 1000000;
	size_t told = 0, n;
	pid_t pid[ORPHANS_MAX];

	while ((n = orphans(but, pid)) > 0) {
		uint64_t waited_ns = lp_now_ns() - begin_ns;

		for (size_t i = 0; i < n; i++) {
			struct rusage r = {0};

			if (wait4(pid[i], NULL, WNOHANG, &r) == pid[i])
				add_cost(cost, &r);
			else if (waited_ns > 2 * patience_ns)
				kill(pid[i], SIGKILL);
			else if (waited_ns > patience_ns && !told)
				kill(pid[i], SIGTERM);
		}
		if (waited_ns > patience_ns && !told)
			told = n;
		nanosleep(&ms, NULL);
	}
	return told;
}
