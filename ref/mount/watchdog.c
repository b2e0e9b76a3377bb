// SPDX-License-Identifier: MIT
#include "mount/watchdog.h"

#include "base/log.h"
#include "mount/control.h"
#include "mount/keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define NAME "lazypull watchdog"
#define MMAP_THRESHOLD (128 << 10)
#define LIFE_NS 1000000000u	/* ours: who dies younger is replaced later each time */
#define PAUSES 9		/* ours: 2, 4, ... 512 ms */

/* The running watchdog: what it holds, and its children. */
struct dog {
	struct lp_watchdog held;
	char program[PATH_MAX];		/* what SIGHUP starts */
	int signals;
	pid_t keeper;			/* 0: it is dead */
	uint64_t born_ns;
	int status;			/* of the last one, as waitpid() says */
	int young;			/* so many died young, one after the other */
};

static enum lp_code take_lock(struct lp_watchdog *w, struct lp_err *err)
{
	char path[LP_CONTROL_BYTES], pid[16] = "";

	lp_control_path(w->store, LP_CONTROL_LOCK, path);
	w->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (w->lock < 0)
		return lp_fail_errno(err, "open %s", path);
	if (flock(w->lock, LOCK_EX | LOCK_NB)) {
		ssize_t n = read(w->lock, pid, sizeof(pid) - 1);

		pid[n > 0 ? strcspn(pid, "\n") : 0] = 0;
		return lp_fail(err, LP_EUSAGE, LP_NO_OFFSET, NULL,
			       "a keeper (process %s) serves %s already", pid, w->store->path);
	}
	return LP_OK;
}

static enum lp_code start_listening(struct lp_watchdog *w, struct lp_err *err)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};

	lp_control_path(w->store, LP_CONTROL_SOCKET, a.sun_path);
	w->listen = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (w->listen < 0 || (unlink(a.sun_path) && errno != ENOENT) ||
	    bind(w->listen, (const struct sockaddr *)&a, sizeof(a)) || listen(w->listen, 128))
		return lp_fail_errno(err, "listen on %s", a.sun_path);
	return LP_OK;
}

/* The children inherit these. */
static void settle(void)
{
	const struct rlimit core = {0, 0}; /* there are credentials in the documents */
	struct rlimit files;

	mallopt(M_ARENA_MAX, 1);
	mallopt(M_MMAP_THRESHOLD, MMAP_THRESHOLD);
	mallopt(M_TRIM_THRESHOLD, MMAP_THRESHOLD);
	umask(077);
	setrlimit(RLIMIT_CORE, &core);
	if (!getrlimit(RLIMIT_NOFILE, &files)) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
}

static enum lp_code start(struct dog *d, int again, struct lp_err *err)
{
	struct lp_watchdog *w = &d->held;
	struct lp_err none = {0};
	sigset_t set;

	settle();
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	d->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	w->page = mmap(NULL, sizeof(*w->page), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		       -1, 0);
	if (d->signals < 0 || w->page == MAP_FAILED || chdir("/"))
		return lp_fail_errno(err, "start");
	if (again >= 0)
		return lp_watchdog_recall(w, again, err);
	if (take_lock(w, err) || start_listening(w, err))
		return err->code;
	if (lp_gate_group(&w->group, &none))
		snprintf(w->no_group, sizeof(w->no_group), "%.199s", none.msg);
	return LP_OK;
}

/* Nothing of what is held may stay open in a worker: it would keep the gate's group alive. */
static void run_worker(struct dog *d, int socket)
{
	struct lp_watchdog *w = &d->held;
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	lp_kept_free(&w->kept);
	lp_fd_close(&w->group);
	lp_fd_close(&w->listen);
	lp_fd_close(&d->signals);
	_exit(lp_worker_run(w->store, socket, &w->page->count));
}

static void start_worker(struct dog *d, int socket)
{
	pid_t pid = fork();

	if (!pid)
		run_worker(d, socket);
	if (pid < 0)
		lp_log_say(NAME, "no worker: %s", strerror(errno));
	d->held.page->worker = pid > 0 ? (int)pid : 0;
}

static enum lp_code start_keeper(struct dog *d, struct lp_err *err)
{
	struct lp_watchdog *w = &d->held;
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		return lp_fail_errno(err, "a socket for the keeper");
	d->born_ns = lp_now_ns();
	d->keeper = fork();
	if (!d->keeper) {
		close(pair[0]);
		lp_fd_close(&d->signals);
		w->kept.socket = pair[1];
		_exit(lp_keeper_run(w));
	}
	close(pair[1]);
	w->kept.socket = pair[0];
	if (d->keeper > 0)
		return LP_OK;
	d->keeper = 0;
	return lp_fail_errno(err, "start the keeper");
}

/* All that the keeper has said; it may be dead by now. */
static void hear(struct dog *d)
{
	struct lp_watchdog *w = &d->held;

	for (;;) {
		LP_AUTO(lp_json_free) json_t *j = NULL;
		LP_AUTO(lp_packet_close) struct lp_packet fds = {0};
		struct lp_err err = {0};

		if (w->kept.socket < 0 || lp_wire_recv_json(w->kept.socket, 0, &j, &fds, &err))
			return;
		if (!j)
			lp_fd_close(&w->kept.socket);
		else if (!lp_kept_take(&w->kept, j, &fds) && fds.nfd == 1)
			start_worker(d, fds.fd[0]);
	}
}

static void reap(struct dog *d)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid == d->keeper) {
			d->keeper = 0;
			d->status = status;
		} else if (pid == d->held.page->worker) {
			d->held.page->worker = 0;
		}
	}
}

/* The program may be another one by now: everything is handed to it. */
static void replace(struct dog *d)
{
	struct lp_err err = {0};

	kill(d->keeper, SIGKILL);
	while (waitpid(d->keeper, NULL, 0) < 0 && errno == EINTR)
		;
	hear(d);
	lp_watchdog_again(&d->held, d->program, &err);
	lp_log_failure(NAME, &err, false);
	d->keeper = 0;
	d->status = SIGKILL;
}

static void take_signals(struct dog *d)
{
	struct signalfd_siginfo si;

	while (read(d->signals, &si, sizeof(si)) == sizeof(si)) {
		if (si.ssi_signo == SIGCHLD)
			reap(d);
		else if (si.ssi_signo == SIGHUP && d->keeper)
			replace(d);
		else if (d->keeper)
			kill(d->keeper, (int)si.ssi_signo);
	}
}

/* Until the keeper is dead, and has been heard. */
static void watch(struct dog *d)
{
	while (d->keeper) {
		struct pollfd p[] = {{.fd = d->signals, .events = POLLIN},
				     {.fd = d->held.kept.socket, .events = POLLIN}};

		if (poll(p, 2, -1) < 0)
			continue;
		if (p[1].revents)
			hear(d);
		if (p[0].revents)
			take_signals(d);
	}
	hear(d);
	lp_fd_close(&d->held.kept.socket);
}

/* False: that keeper was the last one. */
static bool mourn(struct dog *d)
{
	bool ended = WIFEXITED(d->status) && !WEXITSTATUS(d->status);

	d->young = lp_now_ns() - d->born_ns < LIFE_NS ? d->young + 1 : 0;
	if (ended || (d->young && !d->held.kept.first))
		return false;
	lp_log_say(NAME, "the keeper died (wait status %d): the next one starts", d->status);
	if (d->held.group >= 0)
		lp_gate_deny(d->held.group, &d->held.page->gate);
	if (d->young)
		poll(NULL, 0, 1 << (d->young < PAUSES ? d->young : PAUSES));
	return true;
}

static enum lp_code keep(struct dog *d, struct lp_err *err)
{
	do {
		if (start_keeper(d, err))
			return err->code;
		watch(d);
	} while (mourn(d));
	return LP_OK;
}

/* Workers make durable what they have: the lock is held until then. */
static void end(struct dog *d)
{
	struct lp_watchdog *w = &d->held;

	lp_fd_close(&w->listen);
	while (waitpid(-1, NULL, 0) > 0 || errno == EINTR)
		;
	lp_kept_free(&w->kept);
	lp_fd_close(&w->group);
	lp_fd_close(&d->signals);
	lp_fd_close(&w->lock);
	if (w->page != MAP_FAILED)
		munmap(w->page, sizeof(*w->page));
}

int lp_watchdog_run(struct lp_store *s, int ready, int again)
{
	struct dog d = {.held = {.store = s, .kept = {.socket = -1}, .lock = -1, .listen = -1,
				 .group = -1},
			.signals = -1};
	struct lp_err err = {0};
	ssize_t n = readlink("/proc/self/exe", d.program, sizeof(d.program) - 1);
	enum lp_code code = start(&d, again, &err);
	const char *word = code ? err.msg : "ok";

	d.program[n > 0 ? n : 0] = 0;
	if (ready >= 0 && write(ready, word, strlen(word)) < 0)
		lp_log_say(NAME, "nobody waits");
	lp_fd_close(&ready);
	if (!code)
		code = keep(&d, &err);
	if (code)
		lp_log_failure(NAME, &err, false);
	end(&d);
	if (code)
		return lp_exit_status(code);
	return WIFEXITED(d.status) ? WEXITSTATUS(d.status) : 1;
}

enum lp_code lp_watchdog_ask(struct lp_watchdog *w, int socket, struct lp_err *err)
{
	LP_AUTO(lp_json_free) json_t *j = json_pack("{s:s}", "op", "worker");
	struct lp_packet fds = {.fd = {socket}, .nfd = 1};

	if (w->kept.socket < 0)
		return lp_fail(err, LP_ESYSTEM, LP_NO_OFFSET, NULL, "there is no watchdog");
	return lp_wire_send_json(w->kept.socket, j, &fds, err);
}
