// SPDX-License-Identifier: MIT
#include "mount/container.h"

#include "base/file.h"
#include "mount/console.h"
#include "mount/runtime.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#define CONSOLE "console.sock"

static const int passed_on[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2};

struct state {
	pid_t pid;		/* 0: it has ended */
	int status;
	int signals;
	struct lp_console console;
	bool input;		/* ours goes to the terminal */
};

static int block_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < sizeof(passed_on) / sizeof(passed_on[0]); i++)
		sigaddset(&set, passed_on[i]);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGWINCH);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* Orphans of the container's runtime come here too. */
static void reap(struct state *s)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid != s->pid)
			continue;
		s->pid = 0;
		s->status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	}
}

static void take_signals(struct state *s)
{
	struct signalfd_siginfo si;

	while (read(s->signals, &si, sizeof(si)) == sizeof(si)) {
		if (si.ssi_signo == SIGWINCH)
			lp_console_resize(&s->console);
		else if (si.ssi_signo != SIGCHLD && s->pid)
			kill(s->pid, (int)si.ssi_signo);
	}
}

static void watch(struct state *s)
{
	struct pollfd p[] = {
		{.fd = s->signals, .events = POLLIN},
		{.fd = s->console.master, .events = POLLIN},
		{.fd = s->input ? 0 : -1, .events = POLLIN},
	};

	if (poll(p, 3, -1) < 0)
		return;
	if (p[0].revents)
		take_signals(s);
	if (p[1].revents && !lp_console_copy(s->console.master, 1))
		lp_fd_close(&s->console.master);
	if (p[2].revents && s->console.master >= 0)
		s->input = lp_console_copy(0, s->console.master);
}

/* What the terminal still has when everybody has left it. */
static void drain(struct state *s)
{
	struct pollfd p = {.fd = s->console.master, .events = POLLIN};

	while (s->console.master >= 0 && poll(&p, 1, 0) > 0 &&
	       lp_console_copy(s->console.master, 1))
		;
}

static enum lp_code run(const struct lp_container *c, struct lp_runtime *r, struct state *s,
			struct lp_err *err)
{
	if (c->terminal && lp_console_open(&s->console, CONSOLE, err))
		return err->code;
	if (lp_runtime_adopt(err))
		return err->code;
	s->signals = block_signals();
	if (s->signals < 0)
		return lp_fail_errno(err, "signalfd");
	if (lp_runtime_create(r, &s->pid, err) ||
	    (c->terminal && lp_console_take(&s->console, err)))
		return err->code;
	lp_event(&c->events, "created");
	/* When it is issued, not when it returns: the command may have said its line by then. */
	lp_event(&c->events, "started");
	if (lp_runtime_start(r, err))
		return err->code;
	for (reap(s); s->pid; reap(s))
		watch(s);
	lp_event(&c->events, "exited");
	drain(s);
	return LP_OK;
}

enum lp_code lp_container_run(const struct lp_container *c, int *status, struct lp_err *err)
{
	struct lp_runtime r = {
		.id = c->id,
		.console = c->terminal ? CONSOLE : NULL,
		.stdin_open = c->interactive && !c->terminal,
	};
	struct state s = {.signals = -1, .console = LP_CONSOLE_EMPTY,
			  .input = c->interactive && c->terminal};
	enum lp_code code = run(c, &r, &s, err);

	lp_console_free(&s.console);
	lp_fd_close(&s.signals);
	/* crun leaves nothing outside of its state directory; runc has a cgroup. */
	if (r.runc || (code && s.pid))
		lp_runtime_delete(&r);
	*status = s.status;
	return code;
}
