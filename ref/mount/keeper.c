// SPDX-License-Identifier: MIT
#include "mount/keeper.h"

#include "base/log.h"
#include "mount/request.h"
#include "mount/served.h"
#include "mount/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define NAME "lazypull keeper"
#define GRACE_MS 1000		/* ours: with nothing to do */
#define TICK_MS 2000		/* ours: how often memory is given back while mounted */
#define CLIENTS_MAX 512		/* ours */
#define MMAP_THRESHOLD (128 << 10)
#define NFIXED 3

struct client {
	struct client *next;
	int fd;			/* -1: it hung up */
	struct lp_served *of;	/* whose answer it waits for, or NULL */
	int mount;		/* to be sent when the prefetch is over, or -1 */
	bool traces;		/* to be told how long the trace is */
};

struct keeper {
	struct lp_store *store;
	struct lp_link link;
	struct lp_devices devices;
	struct lp_worker_count *count;	/* shared with the worker */
	struct lp_served *served;
	struct client *client;
	size_t nclient;
	pid_t worker;
	int lock, listen, signals, wake;
	bool stop;
	uint64_t reads;			/* of all mounts at the last tick */
};

static void say(const struct lp_err *err)
{
	lp_log_failure(NAME, err, false);
}

static void reply(struct client *c, json_t *j, const struct lp_packet *fds)
{
	struct lp_err err = {0};

	if (!j || lp_wire_send_json(c->fd, j, fds, &err))
		lp_fd_close(&c->fd);
	json_decref(j);
}

static void reply_failure(struct client *c, const struct lp_err *err)
{
	say(err);
	reply(c, lp_wire_failure(err), NULL);
}

/* The mount is the client's from here on. */
static void reply_mounted(struct client *c)
{
	struct lp_packet fds = {.fd = {c->mount}, .nfd = 1};

	reply(c, json_pack("{s:s}", "mode", "fuse"), &fds);
	lp_fd_close(&c->mount);
	if (!c->traces)
		c->of = NULL;
}

static void do_mount(struct keeper *k, struct client *c, json_t *j, const struct lp_packet *fds)
{
	struct lp_served *s = NULL;
	struct lp_serve what = {0};
	struct lp_err err = {0};

	if (c->of) {
		lp_fail(&err, LP_EFORMAT, LP_NO_OFFSET, "mount.control.message",
			"one mount at a time on a connection");
		reply_failure(c, &err);
		return;
	}
	if (lp_serve_read(j, fds, &what, &err) ||
	    lp_served_open(&s, &k->devices, &what, k->wake, &c->mount, &err)) {
		reply_failure(c, &err);
		return;
	}
	s->next = k->served;
	k->served = s;
	c->of = s;
	c->traces = what.trace >= 0;
	if (what.prefetch != LP_PREFETCH_WAIT || s->prefetched)
		reply_mounted(c);
	/* A policy that has nothing left to do is noticed by the first step. */
	eventfd_write(k->wake, 1);
}

static void do_status(struct keeper *k, struct client *c)
{
	LP_AUTO(lp_buf_free) struct lp_buf text = {0};
	LP_AUTO(lp_json_free) json_t *j = NULL;
	LP_AUTO(lp_fd_close) int fd = -1;
	struct lp_packet fds = {.nfd = 1};
	struct lp_msg m = {.op = LP_MSG_COUNT};
	struct lp_err err = {0};
	struct lp_call call;
	bool counted;

	lp_call_begin(&call, &k->link, &m, -1);
	counted = !lp_call_end(&call, "ask the worker", &err);
	j = lp_status_json(k->served, k->worker, counted ? k->count : NULL);
	if (!j || lp_json_print(j, &text, (size_t)64 << 20, &err) ||
	    lp_wire_memfd(text.p, text.len, &fd, &err)) {
		reply_failure(c, &err);
		return;
	}
	fds.fd[0] = fd;
	reply(c, json_object(), &fds);
}

/* Is the store still at its path?  Another one may be there by now. */
static bool store_moved(const struct keeper *k)
{
	struct stat mine, there;

	return fstat(k->store->dir, &mine) || stat(k->store->path, &there) ||
	       mine.st_dev != there.st_dev || mine.st_ino != there.st_ino;
}

/* The first thing a client says; once it is answered, the keeper stays for it. */
static void do_ping(struct keeper *k, struct client *c)
{
	struct lp_err err = {0};

	if (!store_moved(k)) {
		reply(c, json_pack("{s:i}", "keeper", (int)getpid()), NULL);
		return;
	}
	if (k->served) {
		lp_fail(&err, LP_ESYSTEM, LP_NO_OFFSET, NULL,
			"process %d still serves a store that was at %s", (int)getpid(),
			k->store->path);
		reply_failure(c, &err);
		return;
	}
	k->stop = true;
	lp_fd_close(&c->fd);
}

static void serve_client(struct keeper *k, struct client *c)
{
	LP_AUTO(lp_json_free) json_t *j = NULL;
	LP_AUTO(lp_packet_close) struct lp_packet fds = {0};
	struct lp_err err = {0};
	const char *op = NULL;

	if (lp_wire_recv_json(c->fd, 0, &j, &fds, &err)) {
		reply_failure(c, &err);
		lp_fd_close(&c->fd);
		return;
	}
	if (!j) {
		lp_fd_close(&c->fd);
		return;
	}
	if (lp_json_string(j, "op", LP_JSON_REQUIRED, "mount.control.message", &op, &err))
		reply_failure(c, &err);
	else if (!strcmp(op, "ping"))
		do_ping(k, c);
	else if (!strcmp(op, "mount"))
		do_mount(k, c, j, &fds);
	else if (!strcmp(op, "status"))
		do_status(k, c);
	else
		reply(c, json_pack("{s:s, s:s}", "error", "usage", "message", "unknown request"),
		      NULL);
}

static void accept_client(struct keeper *k)
{
	LP_AUTO(lp_fd_close) int fd = accept4(k->listen, NULL, NULL, SOCK_CLOEXEC);
	struct client *c;
	struct ucred peer = {0};
	socklen_t n = sizeof(peer);

	if (fd < 0 || k->nclient >= CLIENTS_MAX ||
	    getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &n) ||
	    (peer.uid && peer.uid != geteuid()))
		return;
	c = calloc(1, sizeof(*c));
	if (!c)
		return;
	*c = (struct client){.next = k->client, .fd = fd, .mount = -1};
	fd = -1;
	k->client = c;
	k->nclient++;
}

static void drop_clients(struct keeper *k)
{
	for (struct client **at = &k->client; *at;) {
		struct client *c = *at;

		if (c->fd >= 0) {
			at = &c->next;
			continue;
		}
		*at = c->next;
		lp_fd_close(&c->mount);
		free(c);
		k->nclient--;
	}
}

/* What the step of @s means for whoever asked for it. */
static void tell_client(struct keeper *k, const struct lp_served *s)
{
	for (struct client *c = k->client; c; c = c->next) {
		if (c->of != s)
			continue;
		if (c->mount >= 0 && s->prefetched)
			reply_mounted(c);
		if (!s->fuse && c->traces && c->of) {
			reply(c, json_pack("{s:I}", "traced", (json_int_t)s->traced), NULL);
			c->of = NULL;
		}
	}
}

static void forget(struct keeper *k, struct lp_served *s)
{
	for (struct client *c = k->client; c; c = c->next)
		if (c->of == s)
			c->of = NULL;
	lp_served_free(&s);
}

static void step(struct keeper *k)
{
	lp_devices_sweep(&k->devices);
	for (struct lp_served **at = &k->served; *at;) {
		struct lp_served *s = *at;
		bool over = lp_served_step(s);

		tell_client(k, s);
		if (over) {
			*at = s->next;
			forget(k, s);
		} else {
			at = &s->next;
		}
	}
	drop_clients(k);
}

static void take_signals(struct keeper *k)
{
	struct signalfd_siginfo si;

	while (read(k->signals, &si, sizeof(si)) == sizeof(si)) {
		if (si.ssi_signo != SIGCHLD) {
			k->stop = true;
		} else if (k->worker && waitpid(k->worker, NULL, WNOHANG) == k->worker) {
			lp_log_say(NAME, "the worker died: reads of absent data fail");
			k->worker = 0;
		}
	}
}

/* Give memory back when nobody read for a while. */
static void rest(struct keeper *k)
{
	uint64_t reads = 0;

	for (const struct lp_served *s = k->served; s; s = s->next) {
		struct lp_fuse_count c = {0};

		if (s->fuse)
			lp_fuse_count(s->fuse, &c);
		reads += c.reads;
	}
	if (reads == k->reads) {
		for (const struct lp_served *s = k->served; s; s = s->next)
			if (s->fuse)
				lp_fuse_rest(s->fuse);
		malloc_trim(0);
	}
	k->reads = reads;
}

static bool idle(const struct keeper *k)
{
	return !k->served && !k->client;
}

static void loop(struct keeper *k)
{
	struct pollfd p[NFIXED + CLIENTS_MAX] = {
		{.fd = k->listen, .events = POLLIN},
		{.fd = k->signals, .events = POLLIN},
		{.fd = k->wake, .events = POLLIN},
	};

	while (!k->stop) {
		bool was_idle = idle(k);
		nfds_t n = NFIXED;
		eventfd_t woken;
		int rc;

		for (const struct client *c = k->client; c; c = c->next)
			p[n++] = (struct pollfd){.fd = c->fd, .events = POLLIN};
		rc = poll(p, n, was_idle ? GRACE_MS : TICK_MS);
		if (!rc && was_idle)
			return;
		if (!rc)
			rest(k);
		if (rc <= 0)
			continue;
		if (p[1].revents)
			take_signals(k);
		if (p[2].revents)
			eventfd_read(k->wake, &woken);
		n = NFIXED;
		for (struct client *c = k->client; c; c = c->next)
			if (p[n++].revents)
				serve_client(k, c);
		if (p[0].revents)
			accept_client(k);
		step(k);
	}
}

/* SIGTERM: unmount what is in this mount namespace; the rest gets ENOTCONN. */
static void unmount_all(struct keeper *k)
{
	for (struct lp_served *s = k->served; s; s = s->next) {
		if (s->fuse && *s->at && umount2(s->at, MNT_DETACH | UMOUNT_NOFOLLOW))
			lp_log_say(NAME, "%s stays, without anybody behind it", s->at);
		lp_fuse_free(&s->fuse);
	}
}

static enum lp_code take_lock(struct keeper *k, struct lp_err *err)
{
	char path[sizeof(k->store->run) + 32], pid[16] = "";

	snprintf(path, sizeof(path), "%s/" LP_KEEPER_LOCK, k->store->run);
	k->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (k->lock < 0)
		return lp_fail_errno(err, "open %s", path);
	if (flock(k->lock, LOCK_EX | LOCK_NB)) {
		ssize_t n = read(k->lock, pid, sizeof(pid) - 1);

		pid[n > 0 ? strcspn(pid, "\n") : 0] = 0;
		return lp_fail(err, LP_EUSAGE, LP_NO_OFFSET, NULL,
			       "a keeper (process %s) serves %s already", pid, k->store->path);
	}
	snprintf(pid, sizeof(pid), "%d\n", (int)getpid());
	if (ftruncate(k->lock, 0))
		return lp_fail_errno(err, "write %s", path);
	return lp_file_pwrite(k->lock, 0, pid, strlen(pid), err);
}

/* The worker is forked before there are threads, and has no descriptor but its own. */
static enum lp_code start_worker(struct keeper *k, int ready, struct lp_err *err)
{
	int pair[2];

	k->count = mmap(NULL, sizeof(*k->count), PROT_READ | PROT_WRITE,
			MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (k->count == MAP_FAILED ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		return lp_fail_errno(err, "a socket for the worker");
	k->worker = fork();
	if (!k->worker) {
		sigset_t none;

		sigemptyset(&none);
		sigprocmask(SIG_SETMASK, &none, NULL);
		close(pair[0]);
		close(k->signals);
		close(k->wake);
		if (ready >= 0)
			close(ready);
		_exit(lp_worker_run(k->store, pair[1], k->count));
	}
	close(pair[1]);
	if (k->worker > 0)
		return lp_link_open(&k->link, pair[0], err);
	lp_fail_errno(err, "start the worker");
	close(pair[0]);
	return err->code;
}

static enum lp_code start_listening(struct keeper *k, struct lp_err *err)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};

	if (snprintf(a.sun_path, sizeof(a.sun_path), "%s/" LP_KEEPER_SOCKET, k->store->run) >=
	    (int)sizeof(a.sun_path))
		return lp_fail(err, LP_ELIMIT, LP_NO_OFFSET, NULL, "%s is too long for a socket",
			       k->store->run);
	k->listen = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (k->listen < 0 || (unlink(a.sun_path) && errno != ENOENT) ||
	    bind(k->listen, (const struct sockaddr *)&a, sizeof(a)) || listen(k->listen, 128))
		return lp_fail_errno(err, "listen on %s", a.sun_path);
	return LP_OK;
}

static enum lp_code start(struct keeper *k, int ready, struct lp_err *err)
{
	struct rlimit files;
	sigset_t set;

	mallopt(M_ARENA_MAX, 1);
	mallopt(M_MMAP_THRESHOLD, MMAP_THRESHOLD);
	mallopt(M_TRIM_THRESHOLD, MMAP_THRESHOLD);
	umask(077);
	if (!getrlimit(RLIMIT_NOFILE, &files)) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	k->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	k->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (k->signals < 0 || k->wake < 0 || chdir("/"))
		return lp_fail_errno(err, "start");
	if (take_lock(k, err) || start_worker(k, ready, err) || start_listening(k, err))
		return err->code;
	k->devices = (struct lp_devices){.store = k->store, .link = &k->link, .wake = k->wake};
	return LP_OK;
}

/* The socket goes first, under the lock: who comes too late starts the next keeper. */
static void end(struct keeper *k)
{
	char path[sizeof(k->store->run) + 32];

	snprintf(path, sizeof(path), "%s/" LP_KEEPER_SOCKET, k->store->run);
	if (k->listen >= 0)
		unlink(path);
	lp_fd_close(&k->listen);
	for (struct client *c = k->client; c; c = c->next)
		lp_fd_close(&c->fd);
	drop_clients(k);
	unmount_all(k);
	lp_link_close(&k->link);
	while (k->served) {
		struct lp_served *s = k->served;

		k->served = s->next;
		lp_served_free(&s);
	}
	lp_devices_free(&k->devices);
	lp_link_free(&k->link);
	/* It makes durable what it has: the lock is held until then. */
	if (k->worker > 0)
		waitpid(k->worker, NULL, 0);
	if (k->count)
		munmap(k->count, sizeof(*k->count));
	lp_fd_close(&k->signals);
	lp_fd_close(&k->wake);
	lp_fd_close(&k->lock);
}

int lp_keeper_run(struct lp_store *s, int ready)
{
	struct keeper k = {.store = s, .lock = -1, .listen = -1, .signals = -1, .wake = -1};
	struct lp_err err = {0};
	enum lp_code code = start(&k, ready, &err);
	const char *word = code ? err.msg : "ok";

	if (ready >= 0 && write(ready, word, strlen(word)) < 0)
		lp_log_say(NAME, "nobody waits");
	lp_fd_close(&ready);
	if (code)
		say(&err);
	else
		loop(&k);
	end(&k);
	return lp_exit_status(code);
}
