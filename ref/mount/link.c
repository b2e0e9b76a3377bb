// SPDX-License-Identifier: MIT
#include "mount/link.h"

#include "base/file.h"
#include "base/log.h"
#include "base/thread.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define NS_PER_MS 1000000u
#define DOUBT_MS 200			/* ours: how often gone() is asked */

/* Unlink the first wait that @match says; NULL: none. */
static struct lp_wait *take(struct lp_link *l, bool (*match)(const struct lp_wait *w, uint64_t v),
			    uint64_t v)
{
	struct lp_wait **at, *w;

	pthread_mutex_lock(&l->lock);
	for (at = &l->first; *at && !match(*at, v);)
		at = &(*at)->next;
	w = *at;
	if (w)
		*at = w->next;
	pthread_mutex_unlock(&l->lock);
	return w;
}

static bool has_id(const struct lp_wait *w, uint64_t id)
{
	return w->id == id;
}

static bool is_overdue(const struct lp_wait *w, uint64_t now_ns)
{
	return w->due_ns && w->due_ns <= now_ns;
}

static bool any(const struct lp_wait *w, uint64_t v)
{
	(void)w, (void)v;
	return true;
}

static bool is_gone(const struct lp_wait *w, uint64_t v)
{
	(void)v;
	return w->gone && w->gone(w);
}

/* Milliseconds until something is due; -1: for ever. */
static int patience(struct lp_link *l)
{
	uint64_t now = lp_now_ns(), least = UINT64_MAX;

	pthread_mutex_lock(&l->lock);
	for (const struct lp_wait *w = l->first; w; w = w->next) {
		uint64_t due = w->due_ns ? w->due_ns : UINT64_MAX;
		uint64_t left = due == UINT64_MAX ? due : due > now ? due - now : 0;

		if (w->doubted && left > DOUBT_MS * NS_PER_MS)
			left = DOUBT_MS * NS_PER_MS;
		least = left < least ? left : least;
	}
	pthread_mutex_unlock(&l->lock);
	return least == UINT64_MAX ? -1 : (int)(least / NS_PER_MS > 60000 ? 60000
							: least / NS_PER_MS + 1);
}

static bool receive(struct lp_link *l)
{
	struct lp_msg m;
	struct lp_wait *w;
	ssize_t n = recv(l->socket, &m, sizeof(m), MSG_DONTWAIT);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	if (n != sizeof(m) || m.op != LP_MSG_DONE || m.status > LP_ELIMIT)
		return false;
	w = take(l, has_id, m.id);
	if (w)
		w->done(w, (enum lp_code)m.status, m.sys);
	return true;
}

static void *run(void *arg)
{
	struct lp_link *l = arg;
	bool alive = true;

	while (alive) {
		struct pollfd p[] = {{.fd = l->socket, .events = POLLIN},
				     {.fd = l->wake, .events = POLLIN}};
		struct lp_wait *w;
		eventfd_t dropped;

		if (poll(p, 2, patience(l)) < 0 && errno != EINTR)
			break;
		if (p[1].revents)
			eventfd_read(l->wake, &dropped);
		if (p[0].revents)
			alive = receive(l);
		while ((w = take(l, is_overdue, lp_now_ns())))
			w->done(w, LP_ESYSTEM, ETIMEDOUT);
		while ((w = take(l, is_gone, 0)))
			w->done(w, LP_ESYSTEM, EINTR);
	}
	pthread_mutex_lock(&l->lock);
	l->dead = true;
	pthread_mutex_unlock(&l->lock);
	for (struct lp_wait *w; (w = take(l, any, 0));)
		w->done(w, LP_ESYSTEM, EIO);
	return NULL;
}

enum lp_code lp_link_open(struct lp_link *l, int socket, struct lp_err *err)
{
	*l = (struct lp_link){.socket = socket, .next_id = 1};
	pthread_mutex_init(&l->lock, NULL);
	l->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (l->wake < 0) {
		lp_fail_errno(err, "eventfd");
		lp_fd_close(&l->socket);
		return err->code;
	}
	l->started = !lp_thread_start(&l->thread, run, l, err);
	if (l->started)
		return LP_OK;
	lp_link_free(l);
	return err->code;
}

void lp_link_close(struct lp_link *l)
{
	if (!l->started)
		return;
	shutdown(l->socket, SHUT_RDWR);
	pthread_join(l->thread, NULL);
	l->started = false;
}

void lp_link_free(struct lp_link *l)
{
	lp_link_close(l);
	if (l->next_id) {
		lp_fd_close(&l->socket);
		lp_fd_close(&l->wake);
		pthread_mutex_destroy(&l->lock);
	}
	l->next_id = 0;
}

void lp_link_ask(struct lp_link *l, struct lp_wait *w, struct lp_msg *m, int fd)
{
	struct lp_err err = {0};
	bool dead, soonest;
	uint64_t id;

	pthread_mutex_lock(&l->lock);
	dead = l->dead;
	id = l->next_id++;
	soonest = w->due_ns && !l->first;
	w->id = m->id = id;
	w->next = l->first;
	if (!dead)
		l->first = w;
	pthread_mutex_unlock(&l->lock);
	if (dead) {
		w->done(w, LP_ESYSTEM, EIO);
		return;
	}
	/* From here on @w may be over at any time. */
	if (lp_msg_send(l->socket, m, fd, &err)) {
		w = take(l, has_id, id);
		if (w)
			w->done(w, LP_ESYSTEM, EIO);
	} else if (soonest) {
		eventfd_write(l->wake, 1);
	}
}

static void end_call(struct lp_wait *w, enum lp_code code, int sys)
{
	struct lp_call *c = (struct lp_call *)w;

	pthread_mutex_lock(&c->lock);
	c->done = true;
	c->code = code;
	c->sys = sys;
	pthread_cond_signal(&c->over);
	pthread_mutex_unlock(&c->lock);
}

void lp_call_begin(struct lp_call *c, struct lp_link *l, struct lp_msg *m, int fd)
{
	*c = (struct lp_call){.wait = {.done = end_call}};
	pthread_mutex_init(&c->lock, NULL);
	pthread_cond_init(&c->over, NULL);
	lp_link_ask(l, &c->wait, m, fd);
}

enum lp_code lp_call_end(struct lp_call *c, const char *what, struct lp_err *err)
{
	pthread_mutex_lock(&c->lock);
	while (!c->done)
		pthread_cond_wait(&c->over, &c->lock);
	pthread_mutex_unlock(&c->lock);
	pthread_cond_destroy(&c->over);
	pthread_mutex_destroy(&c->lock);
	if (!c->code)
		return LP_OK;
	errno = c->sys;
	if (c->code == LP_ESYSTEM)
		return lp_fail_errno(err, "%s", what);
	lp_fail(err, c->code, LP_NO_OFFSET, NULL, "%s: the worker says \"%s\"", what,
		lp_code_name(c->code));
	err->sys = c->sys;
	return c->code;
}

void lp_link_doubt(struct lp_link *l, struct lp_wait *w)
{
	if (w)
		w->doubted = true;
	eventfd_write(l->wake, 1);
}

bool lp_link_alive(struct lp_link *l)
{
	bool dead;

	pthread_mutex_lock(&l->lock);
	dead = l->dead;
	pthread_mutex_unlock(&l->lock);
	return !dead;
}
