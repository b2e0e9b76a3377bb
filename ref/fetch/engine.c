// SPDX-License-Identifier: MIT
#include "fetch/engine.h"

#include "base/file.h"
#include "base/log.h"
#include "base/thread.h"
#include "base/version.h"
#include "fetch/answer.h"
#include "fetch/stretch.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define BUFFER_BYTES 65536L		/* ours: what one read from a socket may bring */
#define BUFFER_LEAST 1024L		/* curl's */
#define READS_A_SECOND 8		/* ours */
#define BURST_NS (1000000000 / READS_A_SECOND)
#define SLEEP_MAX_MS 60000		/* ours: nothing depends on it */
#define SLOW_BYTES 1024			/* ours: fewer in a whole stall time are a stall */

/* Is more than @ahead_ns of the rate used up?  curl 7.88's own limit counts from the boot. */
static bool is_over_rate(const struct lp_exchange *x, uint64_t ahead_ns)
{
	return x->limited && lp_now_ns() + ahead_ns < x->r->free_ns;
}

static void spend(struct lp_registry *r, uint64_t bytes)
{
	uint64_t now = lp_now_ns();

	r->free_ns = (r->free_ns > now ? r->free_ns : now) + bytes * 1000000000 / r->o.rate;
}

static size_t on_body(char *p, size_t size, size_t n, void *of)
{
	struct lp_exchange *x = of;
	size_t got;

	x->over_rate = is_over_rate(x, BURST_NS);
	if (x->over_rate) {
		x->paused = x->r->over_rate = true;
		return CURL_WRITEFUNC_PAUSE;
	}
	got = lp_answer_body(x, (const uint8_t *)p, size * n);
	if (got == CURL_WRITEFUNC_PAUSE)
		return got;
	x->r->body_bytes += size * n;
	if (x->limited && x->r->o.rate)
		spend(x->r, size * n);
	return got;
}

static size_t on_send(char *p, size_t size, size_t n, void *of)
{
	struct lp_exchange *x = of;
	uint64_t left = x->body_bytes - x->sent;
	size_t take = size * n < left ? size * n : (size_t)left;
	struct lp_err err;

	if (x->body)
		memcpy(p, (const uint8_t *)x->body + x->sent, take);
	else if (take && lp_file_pread(x->fd, x->sent, p, take, &err))
		return CURL_READFUNC_ABORT;
	x->sent += take;
	return take;
}

static int on_seek(void *of, curl_off_t off, int origin)
{
	struct lp_exchange *x = of;

	if (origin != SEEK_SET || off < 0 || (uint64_t)off > x->body_bytes)
		return CURL_SEEKFUNC_FAIL;
	x->sent = (uint64_t)off;
	return CURL_SEEKFUNC_OK;
}

/* Under a limit: several reads a second, so that it does not come in bursts. */
static long buffer_bytes(const struct lp_exchange *x)
{
	uint64_t most = x->r->o.rate / READS_A_SECOND;

	if (!x->limited || !x->r->o.rate || most >= BUFFER_BYTES)
		return BUFFER_BYTES;
	return most < BUFFER_LEAST ? BUFFER_LEAST : (long)most;
}

/* What curl is told about every request. */
static bool set_common(struct lp_exchange *x, CURL *e)
{
	struct lp_origin to;
	struct lp_err err;

	if (lp_url_origin(x->url, &to, &err))
		return false;
	/* A proxy elsewhere cannot reach this machine's loopback. */
	if (lp_reference_loopback(to.host))
		curl_easy_setopt(e, CURLOPT_NOPROXY, "*");
	if (x->alone) {
		curl_easy_setopt(e, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
		curl_easy_setopt(e, CURLOPT_FRESH_CONNECT, to.tls ? 1L : 0L);
	} else {
		curl_easy_setopt(e, CURLOPT_PIPEWAIT, to.tls ? 1L : 0L);
	}
	if (x->weight)
		curl_easy_setopt(e, CURLOPT_STREAM_WEIGHT, (long)x->weight);
	curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(e, CURLOPT_PATH_AS_IS, 1L);
	curl_easy_setopt(e, CURLOPT_USERAGENT, "lazypull/" LP_VERSION);
	curl_easy_setopt(e, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	curl_easy_setopt(e, CURLOPT_TCP_KEEPALIVE, 1L);
	curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, (long)x->stall_ms);
	curl_easy_setopt(e, CURLOPT_BUFFERSIZE, buffer_bytes(x));
	curl_easy_setopt(e, CURLOPT_ERRORBUFFER, x->answer.detail);
	curl_easy_setopt(e, CURLOPT_PRIVATE, x);
	curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(e, CURLOPT_WRITEDATA, x);
	return (!x->r->ca_file || !curl_easy_setopt(e, CURLOPT_CAINFO, x->r->ca_file)) &&
	       !curl_easy_setopt(e, CURLOPT_HTTPHEADER, x->headers) &&
	       !curl_easy_setopt(e, CURLOPT_URL, x->url);
}

static void set_method(struct lp_exchange *x, CURL *e)
{
	if (x->method == LP_GET)
		return;
	if (x->method == LP_HEAD) {
		curl_easy_setopt(e, CURLOPT_NOBODY, 1L);
		return;
	}
	curl_easy_setopt(e, CURLOPT_READFUNCTION, on_send);
	curl_easy_setopt(e, CURLOPT_READDATA, x);
	curl_easy_setopt(e, CURLOPT_SEEKFUNCTION, on_seek);
	curl_easy_setopt(e, CURLOPT_SEEKDATA, x);
	curl_easy_setopt(e, CURLOPT_UPLOAD_BUFFERSIZE, BUFFER_BYTES);
	if (x->method == LP_POST) {
		curl_easy_setopt(e, CURLOPT_POST, 1L);
		curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)x->body_bytes);
	} else {
		curl_easy_setopt(e, CURLOPT_UPLOAD, 1L);
		curl_easy_setopt(e, CURLOPT_INFILESIZE_LARGE, (curl_off_t)x->body_bytes);
	}
}

void lp_engine_send(struct lp_exchange *x)
{
	struct lp_registry *r = x->r;
	struct lp_err err;

	x->easy = r->nidle ? r->idle[--r->nidle] : curl_easy_init();
	x->mark_ns = lp_now_ns();
	x->mark_bytes = 0;
	x->stalled = x->paused = x->over_rate = false;
	if (x->easy && set_common(x, x->easy)) {
		set_method(x, x->easy);
		if (!curl_multi_add_handle(r->multi, x->easy)) {
			r->requests++;
			return;
		}
	}
	curl_easy_cleanup(x->easy);
	x->easy = NULL;
	lp_fail(&err, LP_ESYSTEM, LP_NO_OFFSET, NULL, "prepare a request");
	lp_exchange_fail(x, &err);
}

void lp_engine_drop(struct lp_exchange *x)
{
	struct lp_registry *r = x->r;

	if (!x->easy)
		return;
	curl_multi_remove_handle(r->multi, x->easy);
	if (r->nidle < r->o.connections) {
		curl_easy_reset(x->easy);
		r->idle[r->nidle++] = x->easy;
	} else {
		curl_easy_cleanup(x->easy);
	}
	x->easy = NULL;
}

void lp_engine_forget(struct lp_exchange *x)
{
	struct lp_registry *r = x->r;

	if (x->slot) {
		pthread_mutex_lock(&r->lock);
		r->active--;
		r->low--;
		pthread_mutex_unlock(&r->lock);
		x->slot = false;
	}

	if (x->prev)
		x->prev->next = x->next;
	else
		r->first = x->next;
	if (x->next)
		x->next->prev = x->prev;
	x->next = x->prev = NULL;
}

static void link_exchange(struct lp_registry *r, struct lp_exchange *x)
{
	x->r = r;
	x->prev = NULL;
	x->next = r->first;
	if (r->first)
		r->first->prev = x;
	r->first = x;
}

static void wake(struct lp_registry *r, bool asleep)
{
	if (asleep)
		curl_multi_wakeup(r->multi);
}

void lp_engine_begin(struct lp_registry *r, struct lp_exchange *x)
{
	bool asleep;

	pthread_mutex_lock(&r->lock);
	x->next = r->begun;
	r->begun = x;
	asleep = r->asleep;
	r->asleep = false;
	pthread_mutex_unlock(&r->lock);
	wake(r, asleep);
}

void lp_engine_poke(struct lp_exchange *x)
{
	struct lp_registry *r = x->r;
	bool asleep;

	x->poked = true;
	pthread_mutex_lock(&r->lock);
	r->poked = true;
	asleep = r->asleep;
	r->asleep = false;
	pthread_mutex_unlock(&r->lock);
	wake(r, asleep);
}

bool lp_engine_rouse(struct lp_registry *r)
{
	bool rouse = r->asleep && (r->begun || r->poked || lp_range_waits(r));

	if (rouse)
		r->asleep = false;
	return rouse;
}

static void start_fetches(struct lp_registry *r)
{
	struct lp_fetch *f;

	do {
		pthread_mutex_lock(&r->lock);
		f = lp_range_next(r);
		pthread_mutex_unlock(&r->lock);
		if (f)
			lp_range_begin(r, f);
	} while (f);
}

static void cancel(struct lp_exchange *x)
{
	struct lp_err err;

	lp_fail(&err, LP_ESYSTEM, LP_NO_OFFSET, NULL, "given up");
	err.sys = ECANCELED;
	lp_engine_drop(x);
	lp_exchange_fail(x, &err);
}

/* Must @x wait?  Else it has its slot, if it needs one. */
static bool holds_back(struct lp_registry *r, struct lp_exchange *x)
{
	if (!r->counts || x->shape != LP_STREAM)
		return false;
	pthread_mutex_lock(&r->lock);
	x->slot = lp_range_low(r);
	r->active += x->slot;
	r->low += x->slot;
	if (!x->slot)
		lp_stretch_end(r, NULL);
	pthread_mutex_unlock(&r->lock);
	return !x->slot;
}

void lp_engine_run(struct lp_registry *r, struct lp_exchange *x)
{
	link_exchange(r, x);
	if (r->ending)
		cancel(x);
	else if (!holds_back(r, x))
		lp_exchange_attempt(x);
}

/* The stream that has waited for a slot for the longest time, or NULL. */
static struct lp_exchange *find_held(const struct lp_registry *r)
{
	struct lp_exchange *held = NULL;

	for (struct lp_exchange *x = r->first; x && r->counts; x = x->next)
		if (x->state == LP_X_NEW)
			held = x;
	return held;
}

static void start_streams(struct lp_registry *r)
{
	struct lp_exchange *held;

	while ((held = find_held(r)) && !holds_back(r, held))
		lp_exchange_attempt(held);
}

/* Take in what other threads have begun. */
static void adopt(struct lp_registry *r)
{
	struct lp_exchange *x, *next;

	pthread_mutex_lock(&r->lock);
	x = r->begun;
	r->begun = NULL;
	pthread_mutex_unlock(&r->lock);
	for (; x; x = next) {
		next = x->next;
		lp_engine_run(r, x);
	}
}

static void go_on(struct lp_exchange *x)
{
	x->paused = x->over_rate = false;
	x->mark_ns = lp_now_ns();
	curl_easy_pause(x->easy, CURLPAUSE_CONT);
}

/*
 * The end of one exchange may be the end of others (those that wait for a token): after
 * anything that may end one, walk from the beginning.
 */
static void answer_pokes(struct lp_registry *r)
{
	struct lp_exchange *x = r->first;

	if (!atomic_exchange(&r->poked, false))
		return;
	while (x) {
		bool poked = atomic_exchange(&x->poked, false);

		if (poked && x->cancelled) {
			cancel(x);
			x = r->first;
			continue;
		}
		if (poked && x->easy && x->paused)
			go_on(x);
		x = x->next;
	}
}

/* When must @x be looked at?  UINT64_MAX: never; now: something was done, it may be gone. */
static uint64_t watch(struct lp_exchange *x, uint64_t now)
{
	uint64_t stall_ns = (uint64_t)x->stall_ms * 1000000, bytes = x->answer.bytes + x->sent;

	if (x->state == LP_X_WAITS) {
		if (now < x->due_ns)
			return x->due_ns;
		lp_exchange_attempt(x);
		return now;
	}
	if (x->state == LP_X_RUNS && x->over_rate) {
		if (is_over_rate(x, 0))
			return x->r->free_ns;
		go_on(x);
		return now;
	}
	if (x->state != LP_X_RUNS || x->paused)
		return UINT64_MAX;
	if (now < x->mark_ns + stall_ns) /* the mark may be younger than now */
		return x->mark_ns + stall_ns;
	if (bytes - x->mark_bytes >= SLOW_BYTES) {
		x->mark_bytes = bytes;
		x->mark_ns = now;
		return now + stall_ns;
	}
	x->stalled = true;
	lp_exchange_settle(x, CURLE_OPERATION_TIMEDOUT);
	return now;
}

/* Attempts that are due, stalls; returns when the next may be. */
static uint64_t watch_all(struct lp_registry *r)
{
	uint64_t now = lp_now_ns(), soonest = UINT64_MAX, when;
	struct lp_exchange *x = r->first;

	while (x) {
		when = watch(x, now);
		soonest = when < soonest ? when : soonest;
		x = when == now ? r->first : x->next;
	}
	return soonest;
}

static bool settle_all(struct lp_registry *r)
{
	bool any = false;
	struct lp_exchange *x;
	CURLMsg *m;
	int left;

	while ((m = curl_multi_info_read(r->multi, &left))) {
		CURL *easy = m->easy_handle;
		CURLcode rc = m->data.result;

		if (m->msg != CURLMSG_DONE || curl_easy_getinfo(easy, CURLINFO_PRIVATE, &x))
			continue;
		lp_exchange_settle(x, rc);
		any = true;
	}
	return any;
}

static void sleep_until(struct lp_registry *r, uint64_t when)
{
	uint64_t now = lp_now_ns();
	int ms = when <= now ? 0
		 : when - now > (uint64_t)SLEEP_MAX_MS * 1000000
			 ? SLEEP_MAX_MS
			 : (int)((when - now) / 1000000 + 1);
	bool work;

	pthread_mutex_lock(&r->lock);
	work = r->begun || r->stop || r->poked || lp_range_waits(r) ||
	       (find_held(r) && lp_range_low(r));
	r->asleep = !work && ms;
	pthread_mutex_unlock(&r->lock);
	if (work || !ms)
		return;
	curl_multi_poll(r->multi, NULL, 0, ms, NULL);
	pthread_mutex_lock(&r->lock);
	r->asleep = false;
	pthread_mutex_unlock(&r->lock);
}

static void fail_all(struct lp_registry *r)
{
	struct lp_fetch *f;
	struct lp_err err;

	r->ending = true;
	do {
		adopt(r);
		while (r->first)
			cancel(r->first);
	} while (r->begun);
	lp_fail(&err, LP_ESYSTEM, LP_NO_OFFSET, NULL, "given up");
	err.sys = ECANCELED;
	for (size_t i = 0; i < LP_PRIORITIES; i++)
		while ((f = lp_range_take(&r->queue[i])))
			f->done(f, err.code, &err);
}

static void *run(void *of)
{
	struct lp_registry *r = of;
	uint64_t when;
	int running;

	while (!r->stop) {
		adopt(r);
		answer_pokes(r);
		when = watch_all(r);
		start_streams(r);
		start_fetches(r);
		r->over_rate = false;
		curl_multi_perform(r->multi, &running);
		if (!settle_all(r) && !r->over_rate) /* else when is later than it should be */
			sleep_until(r, when);
	}
	fail_all(r);
	return NULL;
}

enum lp_code lp_engine_start(struct lp_registry *r, struct lp_err *err)
{
	r->global = !curl_global_init(CURL_GLOBAL_DEFAULT);
	r->multi = r->global ? curl_multi_init() : NULL;
	r->idle = calloc(r->o.connections, sizeof(r->idle[0]));
	if (!r->multi || !r->idle)
		return lp_fail(err, LP_ESYSTEM, LP_NO_OFFSET, NULL, "start curl");
	curl_multi_setopt(r->multi, CURLMOPT_MAXCONNECTS, 2L * (long)r->o.connections);
	if (lp_thread_start(&r->thread, run, r, err))
		return err->code;
	r->started = true;
	return LP_OK;
}

void lp_engine_stop(struct lp_registry *r)
{
	bool asleep;

	if (r->started) {
		pthread_mutex_lock(&r->lock);
		r->stop = true;
		asleep = r->asleep;
		pthread_mutex_unlock(&r->lock);
		wake(r, asleep);
		pthread_join(r->thread, NULL);
	}
	while (r->nidle)
		curl_easy_cleanup(r->idle[--r->nidle]);
	free(r->idle);
	curl_multi_cleanup(r->multi);
	if (r->global)
		curl_global_cleanup();
}
