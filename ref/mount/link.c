// SPDX-License-Identifier: MIT
#include "mount/link.h"

#include "base/file.h"
#include "base/log.h"
#include "base/thread.h"

#include <errno.h>
#include <fcntl.h>
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

static bool lasts(const struct lp_wait *w)
{
	return w->ask.op == LP_MSG_WANT || w->ask.op == LP_MSG_FILL;
}

static bool is_call(const struct lp_wait *w, uint64_t v)
{
	(void)v;
	return !lasts(w);
}

static bool is_after(const struct lp_wait *w, uint64_t id)
{
	return lasts(w) && w->id > id;
}

/* Has there been no worker for too long? */
static bool is_hopeless(struct lp_link *l)
{
	bool is;

	pthread_mutex_lock(&l->lock);
	is = l->state == LP_LINK_DOWN && lp_now_ns() - l->down_ns >= LP_LINK_PATIENCE_NS;
	pthread_mutex_unlock(&l->lock);
	return is;
}

/* Milliseconds until something is due; -1: for ever. */
static int patience(struct lp_link *l)
{
	uint64_t now = lp_now_ns(), least = UINT64_MAX;

	pthread_mutex_lock(&l->lock);
	if (l->state == LP_LINK_DOWN && l->first && l->down_ns + LP_LINK_PATIENCE_NS > now)
		least = l->down_ns + LP_LINK_PATIENCE_NS - now;
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

/* Every wait that @match says ends. */
static void end_all(struct lp_link *l, bool (*match)(const struct lp_wait *w, uint64_t v),
		    uint64_t v, int sys)
{
	struct lp_wait *w;

	while ((w = take(l, match, v)))
		w->done(w, LP_ESYSTEM, sys);
}

/* The state, and whether the worker's answers are to be read. */
static bool listens(struct lp_link *l, enum lp_link_state *state)
{
	*state = lp_link_state(l);
	return *state == LP_LINK_UP || *state == LP_LINK_ATTACHING;
}

/* The worker is gone.  The descriptor stays: others may be about to send. */
static void hang_up(struct lp_link *l)
{
	shutdown(l->socket, SHUT_RDWR);
	pthread_mutex_lock(&l->lock);
	if (l->state != LP_LINK_CLOSED)
		l->state = LP_LINK_DOWN;
	l->down_ns = lp_now_ns();
	pthread_mutex_unlock(&l->lock);
	end_all(l, is_call, 0, EIO);
	eventfd_write(l->died, 1);
}

static void *run(void *arg)
{
	struct lp_link *l = arg;
	enum lp_link_state state = LP_LINK_DOWN;

	while (state != LP_LINK_CLOSED) {
		bool open = listens(l, &state);
		struct pollfd p[] = {{.fd = l->wake, .events = POLLIN},
				     {.fd = open ? l->socket : -1, .events = POLLIN}};
		eventfd_t dropped;

		if (state == LP_LINK_CLOSED || poll(p, 2, patience(l)) < 0)
			continue;
		if (p[0].revents)
			eventfd_read(l->wake, &dropped);
		if (p[1].revents && !receive(l))
			hang_up(l);
		end_all(l, is_overdue, lp_now_ns(), ETIMEDOUT);
		end_all(l, is_gone, 0, EINTR);
		if (is_hopeless(l))
			end_all(l, any, 0, EIO);
	}
	end_all(l, any, 0, EIO);
	return NULL;
}

enum lp_code lp_link_open(struct lp_link *l, int died, struct lp_err *err)
{
	*l = (struct lp_link){.socket = -1, .died = died, .next_id = 1, .down_ns = lp_now_ns()};
	pthread_mutex_init(&l->lock, NULL);
	l->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (l->wake < 0)
		return lp_fail_errno(err, "eventfd");
	l->started = !lp_thread_start(&l->thread, run, l, err);
	if (l->started)
		return LP_OK;
	lp_link_free(l);
	return err->code;
}

static void enter(struct lp_link *l, enum lp_link_state state)
{
	pthread_mutex_lock(&l->lock);
	l->state = state;
	pthread_mutex_unlock(&l->lock);
	eventfd_write(l->wake, 1);
}

enum lp_code lp_link_renew(struct lp_link *l, int socket, struct lp_err *err)
{
	/* Whoever is sending to the last one at this moment keeps a valid number. */
	if (l->socket < 0) {
		l->socket = socket;
	} else if (dup3(socket, l->socket, O_CLOEXEC) < 0) {
		lp_fail_errno(err, "a new worker");
		lp_fd_close(&socket);
		return err->code;
	} else {
		lp_fd_close(&socket);
	}
	enter(l, LP_LINK_ATTACHING);
	return LP_OK;
}

/* The next question behind number @id that was asked before there was this worker. */
static bool next_ask(struct lp_link *l, uint64_t *id, struct lp_msg *m)
{
	uint64_t least = UINT64_MAX;

	pthread_mutex_lock(&l->lock);
	for (const struct lp_wait *w = l->first; w; w = w->next) {
		if (!is_after(w, *id) || w->id >= least)
			continue;
		least = w->id;
		*m = w->ask;
	}
	pthread_mutex_unlock(&l->lock);
	*id = least;
	return least != UINT64_MAX;
}

void lp_link_resume(struct lp_link *l)
{
	struct lp_err err = {0};
	struct lp_msg m;
	uint64_t id = 0;

	/* What is asked from here on is sent by who asks, and perhaps once more here. */
	enter(l, LP_LINK_UP);
	while (next_ask(l, &id, &m))
		if (lp_msg_send(l->socket, &m, -1, &err))
			return; /* it died as well: the next one is asked */
}

void lp_link_close(struct lp_link *l)
{
	if (!l->started)
		return;
	enter(l, LP_LINK_CLOSED);
	pthread_join(l->thread, NULL);
	shutdown(l->socket, SHUT_RDWR);
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
	bool refused, waits, soonest;
	uint64_t id;

	pthread_mutex_lock(&l->lock);
	id = l->next_id++;
	soonest = w->doubted || !l->first;
	w->id = m->id = id;
	w->ask = *m;
	w->next = l->first;
	waits = lasts(w) && l->state != LP_LINK_UP;
	refused = l->state == LP_LINK_CLOSED || (!lasts(w) && l->state == LP_LINK_DOWN);
	if (!refused)
		l->first = w;
	pthread_mutex_unlock(&l->lock);
	if (refused) {
		w->done(w, LP_ESYSTEM, EIO);
		return;
	}
	/* From here on @w may be over at any time. */
	if (!waits && lp_msg_send(l->socket, m, fd, &err) && m->op != LP_MSG_WANT &&
	    m->op != LP_MSG_FILL) {
		w = take(l, has_id, id);
		if (w)
			w->done(w, LP_ESYSTEM, EIO);
	}
	if (soonest)
		eventfd_write(l->wake, 1);
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

enum lp_link_state lp_link_state(struct lp_link *l)
{
	enum lp_link_state state;

	pthread_mutex_lock(&l->lock);
	state = l->state;
	pthread_mutex_unlock(&l->lock);
	return state;
}
