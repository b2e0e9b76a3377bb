// SPDX-License-Identifier: MIT
#include "mount/gate.h"

#include "base/file.h"
#include "base/log.h"
#include "base/thread.h"
#include "mount/kernel_abi.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME "lazypull keeper"
#define SPIN_NS 50000u		/* a sleeping processor takes longer to wake, spec/erofs.md 4 */
#define MARGIN 4096u		/* numbers above the highest that was noted before a keeper died */

/* A device behind the gate. */
struct gated {
	struct gated *next;
	struct lp_held *held;
	dev_t dev;
	ino_t ino;
	uint64_t timeout_ns;		/* the longest of its users' */
	size_t users;
	size_t waiting;			/* reads that the worker was asked for */
	bool marked, ending;
	struct lp_gate_count count;
	struct lp_waits waits;
};

struct lp_gate {
	int group, wake;
	struct lp_gate_page *page;
	struct lp_link *link;
	pthread_t thread;
	bool started;
	_Atomic bool stop;
	pthread_mutex_t lock;
	pthread_cond_t answered;
	struct gated *first;		/* under lock, and what they point at */
};

/* A reader that waits. */
struct reader {
	struct lp_wait wait;
	struct lp_gate *gate;
	struct gated *of;
	uint64_t since_ns;
	int fd;				/* the event's: its number is the answer's */
	uint64_t off, bytes;
};

enum lp_code lp_gate_group(int *group, struct lp_err *err)
{
	*group = fanotify_init(FAN_CLASS_PRE_CONTENT | FAN_CLOEXEC | FAN_NONBLOCK |
				       FAN_UNLIMITED_QUEUE | FAN_UNLIMITED_MARKS,
			       O_RDONLY | O_LARGEFILE | O_CLOEXEC | O_NOATIME);
	if (*group < 0)
		return lp_fail(err, LP_EUNSUP, LP_NO_OFFSET, NULL, "no pre-content events: %s",
			       strerror(errno));
	return LP_OK;
}

enum lp_code lp_gate_try(int dir, struct lp_err *err)
{
	LP_AUTO(lp_fd_close) int group = -1, file = -1;

	if (lp_gate_group(&group, err))
		return err->code;
	file = openat(dir, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (file < 0 || fanotify_mark(group, FAN_MARK_ADD, FAN_PRE_ACCESS, file, NULL))
		return lp_fail(err, LP_EUNSUP, LP_NO_OFFSET, NULL,
			       "no pre-content events where the store is: %s", strerror(errno));
	return LP_OK;
}

static bool respond(int group, int fd, uint32_t response)
{
	const struct fanotify_response r = {.fd = fd, .response = response};

	return write(group, &r, sizeof(r)) == (ssize_t)sizeof(r);
}

void lp_gate_deny(int group, const struct lp_gate_page *page)
{
	/* A number that no event has is refused, and nothing else happens. */
	for (uint32_t fd = 0; fd < page->highest + MARGIN; fd++)
		respond(group, (int)fd, FAN_DENY_ERRNO(EIO));
}

/* What is not answered hangs: the plain denial is one that every kernel knows. */
static void answer(struct lp_gate *g, int fd, bool allow)
{
	if (!respond(g->group, fd, allow ? FAN_ALLOW : FAN_DENY_ERRNO(EIO)) && errno != ENOENT &&
	    !respond(g->group, fd, FAN_DENY))
		lp_log_say(NAME, "a reader stays without an answer: %s", strerror(errno));
	close(fd);
}

static bool gone(const struct lp_wait *w)
{
	return ((const struct reader *)w)->of->ending;
}

static void arrived(struct lp_wait *w, enum lp_code code, int sys)
{
	struct reader *r = (struct reader *)w;
	struct lp_gate *g = r->gate;
	/* A promise that was not kept is an error, never zeros. */
	bool there = !code && lp_device_ready(&r->of->held->device, r->off, r->bytes);

	struct lp_waited one = {.off = r->off, .bytes = r->bytes, .at_ns = r->since_ns,
				.wait_ns = lp_now_ns() - r->since_ns, .failed = !there};

	(void)sys;
	lp_waits_add(&r->of->waits, &one);
	answer(g, r->fd, there);
	pthread_mutex_lock(&g->lock);
	r->of->count.failed += !there;
	r->of->waiting--;
	pthread_cond_broadcast(&g->answered);
	pthread_mutex_unlock(&g->lock);
	free(r);
}

static struct gated *find(struct lp_gate *g, dev_t dev, ino_t ino)
{
	struct gated *d = g->first;

	while (d && (d->dev != dev || d->ino != ino))
		d = d->next;
	return d;
}

/* Under the lock: @r, or NULL when its answer is *allow. */
static struct reader *take(struct lp_gate *g, struct reader *asked, bool *allow)
{
	struct stat st;
	struct gated *d = fstat(asked->fd, &st) ? NULL : find(g, st.st_dev, st.st_ino);
	uint64_t whole;
	struct reader *r;

	*allow = false;
	if (!d)
		return NULL;
	d->count.events++;
	whole = d->held->device.table.layer.device_bytes;
	if (asked->off < whole && asked->bytes > whole - asked->off)
		asked->bytes = whole - asked->off;
	*allow = lp_device_ready(&d->held->device, asked->off, asked->bytes);
	if (*allow)
		return NULL;
	r = d->ending ? NULL : malloc(sizeof(*r));
	if (!r) {
		d->count.failed++;
		return NULL;
	}
	d->count.waited++;
	d->waiting++;
	*r = *asked;
	r->of = d;
	r->since_ns = lp_now_ns();
	r->wait = (struct lp_wait){.due_ns = lp_now_ns() + d->timeout_ns, .gone = gone,
				   .done = arrived};
	return r;
}

/* One range that somebody is about to read. */
static void handle(struct lp_gate *g, int fd, uint64_t off, uint64_t bytes)
{
	struct reader asked = {.gate = g, .fd = fd, .off = off, .bytes = bytes};
	struct lp_msg m = {.op = LP_MSG_WANT, .off = off};
	struct reader *r;
	bool allow;

	if (g->page->highest < (uint32_t)fd)
		g->page->highest = (uint32_t)fd;
	pthread_mutex_lock(&g->lock);
	r = take(g, &asked, &allow);
	if (r) {
		m.device = r->of->held->number;
		m.bytes = r->bytes;
	}
	pthread_mutex_unlock(&g->lock);
	if (r)
		lp_link_ask(g->link, &r->wait, &m, -1);
	else
		answer(g, fd, allow);
}

/* The range of the event, or everything where it names none. */
static void read_event(struct lp_gate *g, const struct fanotify_event_metadata *e)
{
	const uint8_t *at = (const uint8_t *)e + e->metadata_len;
	struct fanotify_event_info_range range = {.count = UINT64_MAX};

	if (e->fd < 0)
		return; /* the kernel had no descriptor left, and has denied it */
	if (e->event_len - e->metadata_len >= sizeof(range) && *at == FAN_EVENT_INFO_TYPE_RANGE)
		memcpy(&range, at, sizeof(range));
	handle(g, e->fd, range.offset, range.count);
}

/* Handle what is queued; false: nothing was. */
static bool drain(struct lp_gate *g)
{
	union {
		struct fanotify_event_metadata e;
		uint8_t bytes[4096];
	} buf;
	const struct fanotify_event_metadata *e = &buf.e;
	ssize_t n = read(g->group, &buf, sizeof(buf));

	if (n < 0 && errno != EAGAIN && errno != EINTR) {
		/* Readers would hang: the next keeper may do better. */
		lp_log_say(NAME, "read events: %s", strerror(errno));
		_exit(LP_ESYSTEM);
	}
	if (n <= 0)
		return false;
	for (; FAN_EVENT_OK(e, n); e = FAN_EVENT_NEXT(e, n))
		read_event(g, e);
	return true;
}

static void *run(void *arg)
{
	struct lp_gate *g = arg;
	struct pollfd p[] = {{.fd = g->group, .events = POLLIN}, {.fd = g->wake, .events = POLLIN}};
	uint64_t last = 0;

	while (!g->stop) {
		if (drain(g))
			last = lp_now_ns();
		else if (lp_now_ns() - last > SPIN_NS)
			poll(p, 2, -1);
	}
	return NULL;
}

enum lp_code lp_gate_open(struct lp_gate **out, int group, struct lp_gate_page *page,
			  struct lp_link *link, struct lp_err *err)
{
	struct lp_gate *g = calloc(1, sizeof(*g));

	if (!g)
		return lp_fail_errno(err, "a gate");
	*g = (struct lp_gate){.group = group, .page = page, .link = link,
			      .wake = eventfd(0, EFD_CLOEXEC)};
	pthread_mutex_init(&g->lock, NULL);
	pthread_cond_init(&g->answered, NULL);
	if (g->wake < 0) {
		lp_fail_errno(err, "eventfd");
		lp_gate_free(&g);
		return err->code;
	}
	*out = g;
	return LP_OK;
}

enum lp_code lp_gate_serve(struct lp_gate *g, struct lp_err *err)
{
	if (lp_thread_start(&g->thread, run, g, err))
		return err->code;
	g->started = true;
	return LP_OK;
}

void lp_gate_free(struct lp_gate **gp)
{
	struct lp_gate *g = *gp;

	*gp = NULL;
	if (!g)
		return;
	g->stop = true;
	if (g->started) {
		eventfd_write(g->wake, 1);
		pthread_join(g->thread, NULL);
	}
	lp_fd_close(&g->wake);
	pthread_cond_destroy(&g->answered);
	pthread_mutex_destroy(&g->lock);
	free(g);
}

static void free_gated(struct gated *d)
{
	lp_waits_free(&d->waits);
	free(d);
}

static struct gated *gated_of(struct lp_gate *g, const struct lp_held *h)
{
	struct gated *d = g->first;

	while (d && d->held != h)
		d = d->next;
	return d;
}

static enum lp_code mark(struct lp_gate *g, const struct lp_held *h, unsigned how,
			 struct lp_err *err)
{
	if (!fanotify_mark(g->group, how, FAN_PRE_ACCESS, h->device.data, NULL))
		return LP_OK;
	return lp_fail(err, LP_EUNSUP, LP_NO_OFFSET, NULL, "no pre-content events of %.80s: %s",
		       h->device.name, strerror(errno));
}

enum lp_code lp_gate_close(struct lp_gate *g, struct lp_held *h, uint64_t timeout_ns,
			   struct lp_err *err)
{
	struct gated *d, *old;
	struct stat st;

	if (fstat(h->device.data, &st))
		return lp_fail_errno(err, "stat a device");
	d = calloc(1, sizeof(*d));
	if (!d)
		return lp_fail_errno(err, "a device at the gate");
	*d = (struct gated){.held = h, .dev = st.st_dev, .ino = st.st_ino, .users = 1,
			    .marked = true, .timeout_ns = timeout_ns};
	lp_waits_init(&d->waits);
	/* Known before it is marked: whoever is not known is denied. */
	pthread_mutex_lock(&g->lock);
	old = gated_of(g, h);
	if (old) {
		old->users++;
		old->timeout_ns = timeout_ns > old->timeout_ns ? timeout_ns : old->timeout_ns;
	} else {
		d->next = g->first;
		g->first = d;
	}
	pthread_mutex_unlock(&g->lock);
	if (old) {
		free_gated(d);
		return LP_OK;
	}
	if (!mark(g, h, FAN_MARK_ADD, err))
		return LP_OK;
	lp_gate_leave(g, h);
	return err->code;
}

static void unmark(struct lp_gate *g, struct gated *d)
{
	struct lp_err err = {0};

	if (d->marked && mark(g, d->held, FAN_MARK_REMOVE, &err))
		lp_log_say(NAME, "%s", err.msg);
	d->marked = false;
}

size_t lp_gate_leave(struct lp_gate *g, struct lp_held *h)
{
	struct gated **at, *d;
	size_t left;

	pthread_mutex_lock(&g->lock);
	d = gated_of(g, h);
	left = d ? --d->users : 0;
	if (!d || left) {
		pthread_mutex_unlock(&g->lock);
		return left;
	}
	d->ending = true;
	if (d->waiting)
		lp_link_doubt(g->link, NULL);
	while (d->waiting)
		pthread_cond_wait(&g->answered, &g->lock);
	for (at = &g->first; *at != d;)
		at = &(*at)->next;
	*at = d->next;
	pthread_mutex_unlock(&g->lock);
	unmark(g, d);
	free_gated(d);
	return 0;
}

bool lp_gate_asks(struct lp_gate *g, const struct lp_held *h)
{
	const struct gated *d;
	bool asks;

	pthread_mutex_lock(&g->lock);
	d = gated_of(g, h);
	asks = d && d->marked;
	pthread_mutex_unlock(&g->lock);
	return asks;
}

void lp_gate_open_wide(struct lp_gate *g, struct lp_held *h)
{
	struct gated *d;

	pthread_mutex_lock(&g->lock);
	d = gated_of(g, h);
	pthread_mutex_unlock(&g->lock);
	if (d)
		unmark(g, d);
}

struct lp_waits *lp_gate_waits(struct lp_gate *g, const struct lp_held *h)
{
	struct gated *d;

	pthread_mutex_lock(&g->lock);
	d = gated_of(g, h);
	pthread_mutex_unlock(&g->lock);
	return d ? &d->waits : NULL;
}

void lp_gate_count(struct lp_gate *g, const struct lp_held *h, struct lp_gate_count *out)
{
	const struct gated *d;

	*out = (struct lp_gate_count){0};
	pthread_mutex_lock(&g->lock);
	d = gated_of(g, h);
	if (d)
		*out = d->count;
	pthread_mutex_unlock(&g->lock);
}
