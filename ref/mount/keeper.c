// SPDX-License-Identifier: MIT
#include "mount/keeper.h"

#include "base/log.h"
#include "mount/control.h"
#include "mount/request.h"
#include "mount/served.h"
#include "mount/status.h"

#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mount.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME "lazypull keeper"
#define GRACE_MS 1000		/* ours: with nothing to do */
#define TICK_MS 2000		/* ours: how often memory is given back while mounted */
#define CLIENTS_MAX 512		/* ours */
#define WORKER_MS 200		/* ours: a worker that dies younger is not replaced at once */

enum { LISTEN, SIGNALS, WAKE, WATCH, WATCHDOG, NFIXED };	/* what the loop always polls */

struct client {
	struct client *next;
	int fd;			/* -1: it hung up */
	struct lp_served *of;	/* whose answer it waits for, or NULL */
	int mount;		/* to be sent when the prefetch is over, or -1 */
	bool traces;		/* to be told how long the trace is */
};

struct keeper {
	struct lp_watchdog *held;
	struct lp_link link;
	struct lp_devices devices;
	struct lp_serving serving;
	struct lp_served *served;
	struct client *client;
	size_t nclient;
	uint64_t worker_ns;		/* when the last one was started */
	int signals, wake;
	int watch;			/* -1: super blocks are looked at now and then */
	bool stop;
	uint64_t mounts;		/* that there ever were */
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

	reply(c, json_pack("{s:s}", "mode", c->of->fuse ? "fuse" : "kernel"), &fds);
	lp_fd_close(&c->mount);
	if (!c->traces)
		c->of = NULL;
}

static void add_served(struct keeper *k, struct lp_served *s)
{
	s->number = ++k->mounts;
	s->next = k->served;
	k->served = s;
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
	    lp_served_open(&s, &k->serving, &what, &c->mount, &err)) {
		reply_failure(c, &err);
		return;
	}
	add_served(k, s);
	c->of = s;
	c->traces = what.trace >= 0;
	if (what.prefetch != LP_PREFETCH_WAIT || s->prefetched)
		reply_mounted(c);
	/* A policy that has nothing left to do is noticed by the first step. */
	eventfd_write(k->wake, 1);
}

static void do_status(struct keeper *k, struct client *c, const json_t *ask)
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
	j = lp_status_json(k->served, k->held->page->worker,
			   counted ? &k->held->page->count : NULL,
			   json_is_true(json_object_get(ask, "waits")));
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

	return fstat(k->held->store->dir, &mine) || stat(k->held->store->path, &there) ||
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
			k->held->store->path);
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
		do_status(k, c, j);
	else
		reply(c, json_pack("{s:s, s:s}", "error", "usage", "message", "unknown request"),
		      NULL);
}

static void accept_client(struct keeper *k)
{
	LP_AUTO(lp_fd_close) int fd = accept4(k->held->listen, NULL, NULL, SOCK_CLOEXEC);
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

/* SIGTERM: unmount what is in this mount namespace; the rest gets errors. */
static void unmount_all(struct keeper *k)
{
	for (struct lp_served *s = k->served; s; s = s->next) {
		bool mounted = s->fuse || lp_served_by_kernel(s);

		if (mounted && *s->at && umount2(s->at, MNT_DETACH | UMOUNT_NOFOLLOW))
			lp_log_say(NAME, "%s stays, without anybody behind it", s->at);
		lp_fuse_free(&s->fuse);
		s->background = false;
	}
}

/* Readers of what stays mounted must not get zeros: it ends when nobody can read any more. */
static bool may_stop(struct keeper *k)
{
	for (const struct lp_served *s = k->served; s; s = s->next)
		if (lp_served_by_kernel(s))
			return false;
	return k->stop;
}

static void take_signals(struct keeper *k)
{
	struct signalfd_siginfo si;

	while (read(k->signals, &si, sizeof(si)) == sizeof(si))
		k->stop = true;
	if (!k->stop)
		return;
	unmount_all(k);
	lp_link_close(&k->link);
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

/* By the watchdog; what waits for a worker is asked again when it knows its devices. */
static enum lp_code start_worker(struct keeper *k, struct lp_err *err)
{
	int pair[2];
	enum lp_code code;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		return lp_fail_errno(err, "a socket for the worker");
	code = lp_watchdog_ask(k->held, pair[1], err);
	close(pair[1]);
	k->worker_ns = lp_now_ns();
	if (!code)
		return lp_link_renew(&k->link, pair[0], err);
	close(pair[0]);
	return code;
}

/* The worker is gone: the next one, soon. */
static void replace_worker(struct keeper *k)
{
	struct lp_err err = {0};

	if (start_worker(k, &err)) {
		say(&err);
		return;
	}
	lp_devices_detach(&k->devices);
	for (struct lp_served *s = k->served; s; s = s->next)
		if (lp_served_attach(s, &err))
			say(&err);
	lp_link_resume(&k->link);
}

/* Milliseconds to sleep at most. */
static int patience(struct keeper *k)
{
	if (k->stop || lp_link_state(&k->link) == LP_LINK_DOWN)
		return WORKER_MS;
	return idle(k) ? GRACE_MS : TICK_MS;
}

/* What is not a client's: signals, super blocks that went, the watchdog, the worker. */
static void look_around(struct keeper *k, const struct pollfd p[static NFIXED])
{
	struct lp_err err = {0};
	eventfd_t woken;

	if (p[SIGNALS].revents)
		take_signals(k);
	if (p[WAKE].revents)
		eventfd_read(k->wake, &woken);
	if (p[WATCH].revents)
		lp_kernel_drain(k->watch);
	if (p[WATCHDOG].revents || k->held->kept.socket < 0) {
		lp_log_say(NAME, "the watchdog died: this process becomes one");
		lp_watchdog_again(k->held, "/proc/self/exe", &err);
		say(&err);
	}
	if (lp_link_state(&k->link) == LP_LINK_DOWN &&
	    lp_now_ns() - k->worker_ns > WORKER_MS * 1000000ull)
		replace_worker(k);
}

static void loop(struct keeper *k)
{
	struct pollfd p[NFIXED + CLIENTS_MAX] = {
		[LISTEN] = {.fd = k->held->listen, .events = POLLIN},
		[SIGNALS] = {.fd = k->signals, .events = POLLIN},
		[WAKE] = {.fd = k->wake, .events = POLLIN},
		[WATCH] = {.fd = k->watch, .events = POLLIN},
		[WATCHDOG] = {.fd = k->held->kept.socket, .events = POLLIN},
	};

	while (!may_stop(k)) {
		bool was_idle = idle(k);
		nfds_t n = NFIXED;
		int rc;

		for (const struct client *c = k->client; c; c = c->next)
			p[n++] = (struct pollfd){.fd = c->fd, .events = POLLIN};
		rc = poll(p, n, patience(k));
		if (!rc && was_idle && !k->stop)
			return;
		if (!rc)
			rest(k);
		if (rc >= 0)
			look_around(k, p);
		n = NFIXED;
		for (struct client *c = rc > 0 ? k->client : NULL; c; c = c->next)
			if (p[n++].revents)
				serve_client(k, c);
		if (rc > 0 && p[LISTEN].revents)
			accept_client(k);
		step(k);
	}
}

static enum lp_code say_who(const struct keeper *k, struct lp_err *err)
{
	char pid[16];

	snprintf(pid, sizeof(pid), "%d\n", (int)getpid());
	if (ftruncate(k->held->lock, 0))
		return lp_fail_errno(err, "write the lock");
	return lp_file_pwrite(k->held->lock, 0, pid, strlen(pid), err);
}

/* Mounts of the kernel that a keeper before this one made. */
static void resume(struct keeper *k)
{
	static const char mount[] = "mount:", device[] = "device:";
	struct lp_kept_record *r, *next;

	for (r = k->held->kept.first; r; r = r->next) {
		const char *key = json_string_value(json_object_get(r->document, "key"));
		struct lp_served *s = NULL;
		struct lp_err err = {0};

		if (strncmp(key, mount, strlen(mount)) != 0)
			continue;
		if (lp_served_resume(&s, &k->serving, r, &err))
			say(&err);
		if (!s)
			continue;
		add_served(k, s);
	}
	/* Devices of mounts that are gone by now. */
	for (r = k->held->kept.first; r; r = next) {
		const char *key = json_string_value(json_object_get(r->document, "key"));

		next = r->next;
		if (!strncmp(key, device, strlen(device)) &&
		    !lp_devices_have(&k->devices, key + strlen(device)))
			lp_kept_drop(&k->held->kept, key);
	}
}

static enum lp_code start(struct keeper *k, struct lp_err *err)
{
	struct lp_watchdog *w = k->held;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	sigdelset(&set, SIGHUP);
	sigdelset(&set, SIGCHLD);
	k->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	k->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	k->watch = lp_kernel_watch();
	if (k->signals < 0 || k->wake < 0)
		return lp_fail_errno(err, "start");
	k->devices = (struct lp_devices){.store = w->store, .link = &k->link, .kept = &w->kept,
					 .wake = k->wake};
	k->serving = (struct lp_serving){.devices = &k->devices, .no_gate = w->no_group,
					 .wake = k->wake};
	if (say_who(k, err) || lp_link_open(&k->link, k->wake, err) || start_worker(k, err))
		return err->code;
	if (w->group >= 0 && lp_gate_open(&k->serving.gate, w->group, &w->page->gate, &k->link, err))
		return err->code;
	resume(k);
	lp_link_resume(&k->link);
	return k->serving.gate ? lp_gate_serve(k->serving.gate, err) : LP_OK;
}

/* The socket goes first, under the lock: who comes too late starts the next keeper. */
static void end(struct keeper *k)
{
	char path[LP_CONTROL_BYTES];

	lp_control_path(k->held->store, LP_CONTROL_SOCKET, path);
	unlink(path);
	lp_fd_close(&k->held->listen);
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
	lp_gate_free(&k->serving.gate);
	lp_devices_free(&k->devices);
	lp_link_free(&k->link);
	lp_fd_close(&k->signals);
	lp_fd_close(&k->wake);
	lp_fd_close(&k->watch);
}

int lp_keeper_run(struct lp_watchdog *w)
{
	struct keeper k = {.held = w, .signals = -1, .wake = -1, .watch = -1};
	struct lp_err err = {0};
	enum lp_code code = start(&k, &err);

	if (code)
		say(&err);
	else
		loop(&k);
	end(&k);
	return lp_exit_status(code);
}
