// SPDX-License-Identifier: MIT
#include "run/process.h"

#include "base/file.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Pid 1: reaps nothing (the kernel does), holds no descriptor, dies with our thread. */
__attribute__((noreturn))
static void keep(void)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGCHLD, SIG_IGN);
	syscall(SYS_close_range, 0U, ~0U, 0U);
	for (;;)
		pause();
}

/* A keeper, and its PID namespace for our next child. */
static enum lp_code start_keeper(struct lc_process *p, struct lp_err *err)
{
	LP_AUTO(lp_fd_close) int fd = -1;
	long pid = syscall(SYS_clone, CLONE_NEWPID | SIGCHLD, NULL, NULL, NULL, NULL);

	if (pid < 0)
		return lp_fail_errno(err, "new PID namespace");
	if (!pid)
		keep();
	p->keeper = (pid_t)pid;
	fd = (int)syscall(SYS_pidfd_open, p->keeper, 0);
	if (fd < 0 || setns(fd, CLONE_NEWPID))
		return lp_fail_errno(err, "enter a PID namespace");
	return LP_OK;
}

static void limit(int what, uint64_t soft, uint64_t hard)
{
	struct rlimit r = {0};

	/* What we may not have ourselves we cannot give. */
	if (getrlimit((__rlimit_resource_t)what, &r))
		_exit(126);
	r.rlim_max = hard < r.rlim_max ? hard : r.rlim_max;
	r.rlim_cur = soft < r.rlim_max ? soft : r.rlim_max;
	if (setrlimit((__rlimit_resource_t)what, &r))
		_exit(126);
}

static void limit_all(const struct lc_limits *l)
{
	limit(RLIMIT_CORE, 0, 0);
	limit(RLIMIT_CPU, l->cpu_s, RLIM_INFINITY);
	limit(RLIMIT_DATA, l->data_bytes, l->data_bytes);
	limit(RLIMIT_FSIZE, l->file_bytes, l->file_bytes);
	limit(RLIMIT_NOFILE, l->nofile, l->nofile);
	if (l->as_bytes)
		limit(RLIMIT_AS, l->as_bytes, l->as_bytes);
}

/* The child, between fork and exec: nothing here allocates or locks. */
__attribute__((noreturn))
static void become(const struct lc_launch *l, const int fds[3])
{
	sigset_t none;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	setpgid(0, 0);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	for (int i = 0; i < 3; i++)
		if (dup2(fds[i], i) < 0)
			_exit(126);
	syscall(SYS_close_range, 3U, ~0U, 0U);
	umask(022);
	if (chdir(l->cwd))
		_exit(126);
	limit_all(&l->limits);
	execve(l->argv[0], l->argv, l->env);
	_exit(127);
}

/* Both ends of three pipes; [i][0] is read from. */
struct pipes {
	int fd[3][2];
};

static void close_pipes(struct pipes *s)
{
	for (int i = 0; i < 6; i++)
		lp_fd_close(&s->fd[i / 2][i % 2]);
}

static enum lp_code make_pipes(struct pipes *s, bool listens, struct lp_err *err)
{
	for (int i = 0; i < 3; i++)
		if (i || listens) {
			if (pipe2(s->fd[i], O_CLOEXEC))
				return lp_fail_errno(err, "pipe");
		} else {
			s->fd[0][0] = open("/dev/null", O_RDONLY | O_CLOEXEC);
			if (s->fd[0][0] < 0)
				return lp_fail_errno(err, "open /dev/null");
		}
	return LP_OK;
}

/* Our end of a pipe moves out of @fd. */
static int take_end(int *fd)
{
	int out = *fd;

	*fd = -1;
	if (out >= 0)
		fcntl(out, F_SETFL, fcntl(out, F_GETFL) | O_NONBLOCK);
	return out;
}

static enum lp_code fork_it(struct lc_process *p, const struct lc_launch *l, struct pipes *s,
			    struct lp_err *err)
{
	int theirs[3] = {s->fd[0][0], s->fd[1][1], s->fd[2][1]};

	p->pid = fork();
	if (!p->pid)
		become(l, theirs);
	if (p->pid < 0) {
		p->pid = 0;
		return lp_fail_errno(err, "fork");
	}
	p->pidfd = (int)syscall(SYS_pidfd_open, p->pid, 0);
	if (p->pidfd < 0)
		return lp_fail_errno(err, "pidfd_open");
	p->in = take_end(&s->fd[0][1]);
	p->out = take_end(&s->fd[1][0]);
	p->err = take_end(&s->fd[2][0]);
	return LP_OK;
}

enum lp_code lc_process_start(struct lc_process *p, const struct lc_cell *c,
			      const struct lc_launch *l, struct lp_err *err)
{
	LP_AUTO(close_pipes) struct pipes s = {{{-1, -1}, {-1, -1}, {-1, -1}}};
	LP_AUTO(lp_fd_close) int ours = -1;
	enum lp_code code;

	*p = (struct lc_process)LC_NO_PROCESS;
	if (make_pipes(&s, l->listens, err))
		return err->code;
	if (c->isolated) {
		ours = open("/proc/thread-self/ns/pid", O_RDONLY | O_CLOEXEC);
		if (ours < 0)
			return lp_fail_errno(err, "open our PID namespace");
	}
	code = c->isolated ? start_keeper(p, err) : LP_OK;
	if (!code)
		code = fork_it(p, l, &s, err);
	/* The next keeper is to be a child of our own namespace. */
	if (c->isolated && setns(ours, CLONE_NEWPID) && !code)
		code = lp_fail_errno(err, "leave a PID namespace");
	if (code)
		lc_process_free(p);
	return code;
}

/* Read what is there.  stderr beyond its limit is dropped, stdout beyond its own a flood. */
static enum lp_code drain(int *fd, struct lp_buf *b, size_t max, bool *flood, struct lp_err *err)
{
	char some[16384];
	ssize_t n;

	while (*fd >= 0 && (n = read(*fd, some, sizeof(some))) != 0) {
		size_t fits = n > 0 && (size_t)n > max - b->len ? max - b->len : (size_t)n;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return LP_OK;
		if (n < 0)
			return lp_fail_errno(err, "read from the adapter");
		if (fits && lp_buf_add(b, some, fits, max, err))
			return err->code;
		*flood |= fits < (size_t)n;
		if (*flood)
			return LP_OK;
	}
	lp_fd_close(fd);
	return LP_OK;
}

/* Some of what is to be sent; a reader that is gone shows as the process's end. */
static void feed(struct lc_process *p, const char **send, size_t *n)
{
	ssize_t sent = write(p->in, *send, *n);

	if (sent > 0) {
		*send += sent;
		*n -= (size_t)sent;
	} else if (errno != EAGAIN && errno != EINTR) {
		*n = 0;
	}
}

static enum lp_code wait_some(struct lc_process *p, bool sending, uint64_t deadline_ns,
			      bool *ended, bool *late, struct lp_err *err)
{
	uint64_t now = lp_now_ns();
	uint64_t left = now < deadline_ns ? deadline_ns - now : 0;
	struct timespec wait = {(time_t)(left / 1000000000), (long)(left % 1000000000)};
	struct pollfd f[4] = {
		{.fd = p->out, .events = POLLIN},
		{.fd = p->err, .events = POLLIN},
		{.fd = p->pidfd, .events = POLLIN},
		{.fd = sending ? p->in : -1, .events = POLLOUT},
	};

	if (ppoll(f, 4, &wait, NULL) < 0 && errno != EINTR)
		return lp_fail_errno(err, "poll");
	*ended = f[2].revents != 0;
	*late = !left;
	return LP_OK;
}

static bool has_line(const struct lp_buf *b)
{
	return b->len && memchr(b->p, '\n', b->len);
}

enum lp_code lc_process_listen(struct lc_process *p, const char *send, size_t n, bool line,
			       uint64_t deadline_ns, enum lc_event *event, struct lp_err *err)
{
	bool ended = false, late = false, flood = false, dropped = false;

	for (;;) {
		if (n && p->in >= 0)
			feed(p, &send, &n);
		if (drain(&p->out, &p->said, LC_OUT_MAX, &flood, err))
			return err->code;
		if (drain(&p->err, &p->wept, LC_ERR_MAX, &dropped, err))
			return err->code;
		*event = flood ? LC_FLOOD : line && has_line(&p->said) ? LC_LINE :
			 ended ? LC_ENDED : LC_LATE;
		if (*event != LC_LATE || late)
			return LP_OK;
		/* One that closes its stdout has nothing more to hear. */
		if (line && p->out < 0)
			lp_fd_close(&p->in);
		if (wait_some(p, n > 0, deadline_ns, &ended, &late, err))
			return err->code;
	}
}

void lc_process_refill(const struct lc_process *p, uint64_t cpu_s)
{
	struct timespec used = {0};
	struct rlimit r = {0};
	clockid_t clock;

	if (clock_getcpuclockid(p->pid, &clock) || clock_gettime(clock, &used) ||
	    prlimit(p->pid, RLIMIT_CPU, NULL, &r))
		return;
	r.rlim_cur = (rlim_t)used.tv_sec + 1 + cpu_s;
	r.rlim_cur = r.rlim_cur < r.rlim_max ? r.rlim_cur : r.rlim_max;
	prlimit(p->pid, RLIMIT_CPU, &r, NULL);
}

struct lc_end lc_process_end(struct lc_process *p)
{
	struct lc_end end = {0};
	struct rusage used = {0};

	if (p->pid) {
		/* A group that it left empty, and a keeper's whole namespace. */
		kill(-p->pid, SIGKILL);
		kill(p->pid, SIGKILL);
		while (wait4(p->pid, &end.status, 0, &used) < 0 && errno == EINTR)
			;
		end.rss_kib = (uint64_t)used.ru_maxrss;
	}
	if (p->keeper) {
		kill(p->keeper, SIGKILL);
		while (waitpid(p->keeper, NULL, 0) < 0 && errno == EINTR)
			;
	}
	p->pid = p->keeper = 0;
	lp_fd_close(&p->pidfd);
	lp_fd_close(&p->in);
	lp_fd_close(&p->out);
	lp_fd_close(&p->err);
	return end;
}

void lc_process_free(struct lc_process *p)
{
	lc_process_end(p);
	lp_buf_free(&p->said);
	lp_buf_free(&p->wept);
}
