// SPDX-License-Identifier: MIT
#include "layer/loader.h"

#include "base/log.h"
#include "layer/group.h"

#include <errno.h>
#include <malloc.h>
#include <stdlib.h>

/* glibc raises its threshold when large blocks are freed, and then keeps them. */
#define MMAP_BYTES (128 << 10)

/* fast, cheap, slow: ours, measured (README.md, "The fill policy"). */
const struct lp_fill_policy lp_fill_policy = {
	.fast_ns = 3000000,	/* ours: spec/erofs.md 5 says 1 ms, and a busy machine adds some */
	.fast = {96 << 10, 64 << 10, 2 << 20},
	.cheap = {40 << 10, 192 << 10, 6 << 20},
	.slow = {LP_FILL_MIN, 512 << 10, 2 << 20},
	.near_max = 4 << 20,	/* ours: 3 round trips of 20 ms at 500 Mbit/s */
	.fill_max = 8 << 20,	/* ours: stored, about what a background request asks for */
	.gap = 16 << 10,	/* ours: 20 ms are worth more at any speed above 6 Mbit/s */
	.range_max = LP_RANGE_MAX,
	.background_max = 3 << 20, /* spec/benchmark.md 3: python's 104 MB in at most 60 requests */
	.piece = 4 << 20,
	.quiet_ns = 1000000000,
	.buffers_max = 16 << 20,
	.prefetch = 3,		/* the slots of a registry's 4 that demand leaves */
	.background = 2,
};

void lp_news_begin(struct lp_news *n)
{
	TAILQ_INIT(&n->fine);
	TAILQ_INIT(&n->failed);
	n->err.code = LP_OK;
}

static void tell(struct lp_wants *wants, const struct lp_err *err)
{
	struct lp_want *w;

	while ((w = TAILQ_FIRST(wants))) {
		TAILQ_REMOVE(wants, w, queue);
		w->done(w, err ? err->code : LP_OK, err);
	}
}

void lp_news_unlock(struct lp_loader *l, struct lp_news *n)
{
	if (TAILQ_EMPTY(&n->fine) && TAILQ_EMPTY(&n->failed)) {
		pthread_mutex_unlock(&l->lock);
		return;
	}
	l->telling++;
	pthread_mutex_unlock(&l->lock);
	tell(&n->fine, NULL);
	tell(&n->failed, &n->err);
	pthread_mutex_lock(&l->lock);
	l->telling--;
	pthread_cond_broadcast(&l->ended);
	pthread_mutex_unlock(&l->lock);
}

/* @w is over; @err NULL: its range is ready.  It is in no list of its feed any more. */
static void finish(struct lp_loader *l, struct lp_want *w, const struct lp_err *err,
		   struct lp_news *news)
{
	if (w->queued)
		TAILQ_REMOVE(&l->queue[w->priority], w, queue);
	w->queued = false;
	if (w->since_ns && w->priority == LP_DEMAND)
		l->count.wait_ns += lp_now_ns() - w->since_ns;
	if (err && news->err.code == LP_OK)
		news->err = *err;
	TAILQ_INSERT_TAIL(err ? &news->failed : &news->fine, w, queue);
}

/* Move behind what is ready; true: all is. */
static bool advance(const struct lp_feed *f, struct lp_want *w)
{
	while (w->chunk < w->end && lp_device_chunk_ready(f->d, w->chunk))
		w->chunk++;
	return w->chunk == w->end;
}

/* Does @w still miss a chunk of frame @i? */
static bool misses(const struct lp_feed *f, const struct lp_want *w, uint32_t i)
{
	uint32_t k, end;

	for (lp_frames_of(&f->frames, i, &k, &end); k < end; k++) {
		uint32_t chunk = lp_frames_chunk(&f->frames, k);

		if (chunk >= w->chunk && chunk < w->end && !lp_device_chunk_ready(f->d, chunk))
			return true;
	}
	return false;
}

/* Is everything that was to be filled ready, or has failed? */
static void end_filling(struct lp_feed *f, struct lp_news *news)
{
	bool ready;
	struct lp_want *w;

	if (TAILQ_EMPTY(&f->filling) || f->fill_next < f->d->table.layer.nframe || f->groups)
		return;
	if (f->r)
		lp_registry_leave(f->r, &f->d->table.blob);
	ready = lp_device_ready(f->d, 0, UINT64_MAX);
	if (!ready && !f->fill_err.code)
		lp_fail(&f->fill_err, LP_ESYSTEM, LP_NO_OFFSET, NULL, "chunks were lost meanwhile");
	while ((w = TAILQ_FIRST(&f->filling))) {
		TAILQ_REMOVE(&f->filling, w, waiting);
		finish(f->l, w, ready ? NULL : &f->fill_err, news);
	}
}

void lp_loader_settle(struct lp_feed *f, uint32_t i, const struct lp_err *failed,
		      struct lp_news *news)
{
	uint32_t first, end, low, high;
	struct lp_want *w, *next;

	lp_frames_of(&f->frames, i, &first, &end);
	low = first < end ? lp_frames_chunk(&f->frames, first) : 0;
	high = first < end ? lp_frames_chunk(&f->frames, end - 1) + 1 : 0;
	for (w = TAILQ_FIRST(&f->waiting); w; w = next) {
		bool over;

		next = TAILQ_NEXT(w, waiting);
		if (w->end <= low || w->chunk >= high)
			continue;
		over = advance(f, w);
		if (!over && !(failed && misses(f, w, i)))
			continue;
		TAILQ_REMOVE(&f->waiting, w, waiting);
		finish(f->l, w, over ? NULL : failed, news);
	}
	if (failed)
		f->fill_err = *failed;
}

/* Ask for the next frame that @w misses. */
enum step { STEP_STARTED, STEP_ALL_ASKED, STEP_FULL, STEP_FAILED };

static enum step ask_next(struct lp_feed *f, struct lp_want *w)
{
	static const enum step of[] = {
		[LP_STARTED] = STEP_STARTED, [LP_FULL] = STEP_FULL, [LP_FAILED] = STEP_FAILED};
	enum lp_priority p = w->priority;

	if (w->asked < w->chunk)
		w->asked = w->chunk;
	for (; w->asked < w->end; w->asked++) {
		uint32_t frame = f->d->table.layer.chunk[w->asked].frame;

		if (lp_device_chunk_ready(f->d, w->asked))
			continue;
		if (f->state[frame] != LP_IN_FLIGHT)
			return of[lp_group_start(f, frame, p, p == LP_DEMAND ? w : NULL)];
		lp_group_hurry(f, frame, p);
	}
	return STEP_ALL_ASKED;
}

/* Ask for wants of @priority, in order; false: no room. */
static bool pump_queue(struct lp_loader *l, enum lp_priority priority, struct lp_news *news)
{
	struct lp_want *w;
	struct lp_err err;

	while ((w = TAILQ_FIRST(&l->queue[priority]))) {
		struct lp_feed *f = l->feed[w->device];
		enum step step;

		if (priority == LP_PREFETCH && l->running[priority] >= l->policy.prefetch)
			return false;
		step = ask_next(f, w);
		if (step == STEP_FULL)
			return false;
		if (step == STEP_FAILED) {
			TAILQ_REMOVE(&f->waiting, w, waiting);
			lp_fail(&err, LP_ESYSTEM, LP_NO_OFFSET, NULL, "memory for a fetch");
			finish(l, w, &err, news);
		}
		if (step == STEP_ALL_ASKED) {
			TAILQ_REMOVE(&l->queue[priority], w, queue);
			w->queued = false;
		}
	}
	return true;
}

bool lp_loader_quiet(const struct lp_loader *l)
{
	return !l->demand_ns || lp_now_ns() - l->demand_ns > l->policy.quiet_ns;
}

static bool may_fill(const struct lp_loader *l)
{
	return l->running[LP_BACKGROUND] < (lp_loader_quiet(l) ? l->policy.background : 1);
}

static void pump_filling(struct lp_feed *f)
{
	while (may_fill(f->l) && f->fill_next < f->d->table.layer.nframe) {
		enum lp_start start = LP_STARTED;

		if (f->state[f->fill_next] != LP_IN_FLIGHT &&
		    lp_frames_missing(&f->frames, f->d, f->fill_next))
			start = lp_group_start(f, f->fill_next, LP_BACKGROUND, NULL);
		if (start == LP_FULL)
			return;
		if (start == LP_FAILED)
			lp_fail(&f->fill_err, LP_ESYSTEM, LP_NO_OFFSET, NULL, "memory for a fetch");
		f->fill_next++;
	}
}

void lp_loader_pump(struct lp_loader *l, struct lp_news *news)
{
	bool room = pump_queue(l, LP_DEMAND, news) && pump_queue(l, LP_PREFETCH, news) &&
		    pump_queue(l, LP_BACKGROUND, news);

	for (uint32_t i = 0; i < l->nfeed; i++) {
		struct lp_feed *f = l->feed[i];

		if (!f || TAILQ_EMPTY(&f->filling))
			continue;
		if (room && !l->stop)
			pump_filling(f);
		end_filling(f, news);
	}
}

static void free_feed(struct lp_feed *f)
{
	if (!f)
		return;
	lp_frames_free(&f->frames);
	free(f->state);
	lp_fd_close(&f->fd);
	free(f);
}

static enum lp_code start_pools(struct lp_loader *l, size_t threads, struct lp_err *err)
{
	if (lp_pool_start(&l->pool, threads, err) || lp_pool_start(&l->bigs, 1, err))
		return err->code;
	l->hand = calloc(l->pool.nthread, sizeof(*l->hand));
	if (!l->hand)
		return lp_fail(err, LP_ESYSTEM, LP_NO_OFFSET, NULL, "a loader");
	for (size_t i = 0; i < l->pool.nthread; i++)
		l->hand[i] = (struct lp_hand){.job = {.run = lp_group_work}, .l = l};
	l->big_hand = (struct lp_hand){.job = {.run = lp_big_work}, .l = l};
	return LP_OK;
}

enum lp_code lp_loader_open(struct lp_loader **out, size_t threads, struct lp_err *err)
{
	LP_AUTO(lp_loader_free) struct lp_loader *l = calloc(1, sizeof(*l));

	*out = NULL;
	if (!l)
		return lp_fail(err, LP_ESYSTEM, LP_NO_OFFSET, NULL, "a loader");
	mallopt(M_MMAP_THRESHOLD, MMAP_BYTES);
	pthread_mutex_init(&l->lock, NULL);
	pthread_cond_init(&l->came, NULL);
	pthread_cond_init(&l->ended, NULL);
	TAILQ_INIT(&l->groups);
	for (size_t i = 0; i < LP_CLASSES; i++)
		TAILQ_INIT(&l->queue[i]);
	l->policy = lp_fill_policy;
	l->first_byte_ns = UINT64_MAX;
	if (start_pools(l, threads, err))
		return err->code;
	*out = l;
	l = NULL;
	return LP_OK;
}

void lp_loader_set_policy(struct lp_loader *l, const struct lp_fill_policy *p)
{
	l->policy = *p;
}

/* Fail what waits for @f. */
static void fail_feed(struct lp_feed *f, struct lp_news *news)
{
	struct lp_wants *lists[] = {&f->waiting, &f->filling};
	struct lp_want *w;
	struct lp_err err;

	errno = ECANCELED;
	lp_fail(&err, LP_ESYSTEM, LP_NO_OFFSET, NULL, "the device is given up");
	f->gone = true;
	if (f->r)
		lp_registry_leave(f->r, &f->d->table.blob);
	for (size_t i = 0; i < 2; i++) {
		while ((w = TAILQ_FIRST(lists[i]))) {
			TAILQ_REMOVE(lists[i], w, waiting);
			finish(f->l, w, &err, news);
		}
	}
}

void lp_loader_free(struct lp_loader **loader)
{
	struct lp_loader *l = *loader;
	struct lp_news news;

	*loader = NULL;
	if (!l)
		return;
	lp_news_begin(&news);
	pthread_mutex_lock(&l->lock);
	l->stop = true;
	for (uint32_t i = 0; i < l->nfeed; i++)
		if (l->feed[i])
			fail_feed(l->feed[i], &news);
	lp_news_unlock(l, &news);
	pthread_mutex_lock(&l->lock);
	while (!TAILQ_EMPTY(&l->groups) || l->telling)
		pthread_cond_wait(&l->ended, &l->lock);
	pthread_mutex_unlock(&l->lock);
	lp_pool_free(&l->pool);
	lp_pool_free(&l->bigs);
	for (uint32_t i = 0; i < l->nfeed; i++)
		free_feed(l->feed[i]);
	free(l->feed);
	free(l->hand);
	pthread_cond_destroy(&l->ended);
	pthread_cond_destroy(&l->came);
	pthread_mutex_destroy(&l->lock);
	free(l);
}

/* A place for a feed; the lock is held. */
static enum lp_code find_place(struct lp_loader *l, uint32_t *index, struct lp_err *err)
{
	struct lp_feed **feed;

	for (*index = 0; *index < l->nfeed; ++*index)
		if (!l->feed[*index])
			return LP_OK;
	feed = realloc(l->feed, (l->nfeed + 1) * sizeof(struct lp_feed *));
	if (!feed)
		return lp_fail(err, LP_ESYSTEM, LP_NO_OFFSET, NULL, "a device");
	l->feed = feed;
	l->feed[l->nfeed++] = NULL;
	return LP_OK;
}

static enum lp_code add(struct lp_loader *l, struct lp_feed *f, uint32_t *index,
			struct lp_err *err)
{
	enum lp_code code;

	TAILQ_INIT(&f->waiting);
	TAILQ_INIT(&f->filling);
	f->l = l;
	f->state = calloc((size_t)f->d->table.layer.nframe + 1, sizeof(*f->state));
	if (!f->state)
		return lp_fail(err, LP_ESYSTEM, LP_NO_OFFSET, NULL, "a device");
	if (lp_frames_open(&f->frames, &f->d->table.layer, err))
		return err->code;
	pthread_mutex_lock(&l->lock);
	code = find_place(l, index, err);
	if (!code)
		l->feed[*index] = f;
	pthread_mutex_unlock(&l->lock);
	return code;
}

static enum lp_code add_feed(struct lp_loader *l, struct lp_feed feed, uint32_t *index,
			     struct lp_err *err)
{
	struct lp_feed *f = malloc(sizeof(*f));

	if (!f) {
		lp_fd_close(&feed.fd);
		return lp_fail(err, LP_ESYSTEM, LP_NO_OFFSET, NULL, "a device");
	}
	*f = feed;
	if (add(l, f, index, err)) {
		free_feed(f);
		return err->code;
	}
	return LP_OK;
}

enum lp_code lp_loader_add(struct lp_loader *l, struct lp_device *d, struct lp_registry *r,
			   uint32_t *index, struct lp_err *err)
{
	return add_feed(l, (struct lp_feed){.d = d, .r = r, .fd = -1}, index, err);
}

enum lp_code lp_loader_add_file(struct lp_loader *l, struct lp_device *d, int fd,
				uint32_t *index, struct lp_err *err)
{
	return add_feed(l, (struct lp_feed){.d = d, .fd = fd}, index, err);
}

void lp_loader_drop(struct lp_loader *l, uint32_t index)
{
	struct lp_news news;
	struct lp_feed *f;

	lp_news_begin(&news);
	pthread_mutex_lock(&l->lock);
	f = index < l->nfeed ? l->feed[index] : NULL;
	if (f)
		fail_feed(f, &news);
	lp_news_unlock(l, &news);
	pthread_mutex_lock(&l->lock);
	while (f && (f->groups || l->telling))
		pthread_cond_wait(&l->ended, &l->lock);
	if (f)
		l->feed[index] = NULL;
	pthread_mutex_unlock(&l->lock);
	free_feed(f);
}

/* List @w, unless it is over at once. */
static void begin_want(struct lp_loader *l, struct lp_want *w, struct lp_news *news)
{
	struct lp_feed *f = w->device < l->nfeed ? l->feed[w->device] : NULL;
	struct lp_err err;

	w->queued = false;
	w->since_ns = 0;
	if (!f || f->gone || l->stop) {
		lp_fail(&err, LP_EUSAGE, LP_NO_OFFSET, NULL, "no device %u", w->device);
		finish(l, w, &err, news);
		return;
	}
	lp_layer_range(&f->d->table.layer, w->off, w->bytes, &w->chunk, &w->end);
	w->asked = w->chunk;
	if (advance(f, w)) {
		finish(l, w, NULL, news);
		return;
	}
	w->since_ns = lp_now_ns();
	if (w->priority == LP_DEMAND) {
		l->demand_ns = w->since_ns;
		l->count.demand_wants++;
	}
	for (uint32_t i = w->chunk; w->priority == LP_PREFETCH && i < w->end; i++) {
		uint32_t frame = f->d->table.layer.chunk[i].frame;

		if (f->state[frame] == LP_IDLE)
			f->state[frame] = LP_LISTED;
	}
	w->queued = true;
	TAILQ_INSERT_TAIL(&l->queue[w->priority], w, queue);
	TAILQ_INSERT_TAIL(&f->waiting, w, waiting);
}

void lp_loader_want_all(struct lp_loader *l, struct lp_want *first, size_t n, size_t stride)
{
	uint8_t *at = (uint8_t *)first;
	struct lp_news news;

	lp_news_begin(&news);
	pthread_mutex_lock(&l->lock);
	for (size_t i = 0; i < n; i++, at += stride)
		begin_want(l, (struct lp_want *)(void *)at, &news);
	lp_loader_pump(l, &news);
	lp_news_unlock(l, &news);
}

void lp_loader_want(struct lp_loader *l, struct lp_want *w)
{
	lp_loader_want_all(l, w, 1, sizeof(*w));
}

void lp_loader_background(struct lp_loader *l, struct lp_want *w)
{
	struct lp_news news;
	struct lp_feed *f;
	struct lp_err err;

	lp_news_begin(&news);
	pthread_mutex_lock(&l->lock);
	f = w->device < l->nfeed ? l->feed[w->device] : NULL;
	w->priority = LP_BACKGROUND;
	w->queued = false;
	w->since_ns = 0;
	if (f && !f->gone && !l->stop) {
		f->fill_next = 0;
		f->reach = 0;
		f->fill_err = (struct lp_err){0};
		TAILQ_INSERT_TAIL(&f->filling, w, waiting);
		lp_loader_pump(l, &news);
	} else {
		lp_fail(&err, LP_EUSAGE, LP_NO_OFFSET, NULL, "no device %u", w->device);
		finish(l, w, &err, &news);
	}
	lp_news_unlock(l, &news);
}

/* Somebody who waits in lp_loader_ensure(). */
struct waiter {
	struct lp_want want;	/* first */
	pthread_mutex_t lock;
	pthread_cond_t told;
	bool over;
	struct lp_err err;
};

static void wake_waiter(struct lp_want *w, enum lp_code code, const struct lp_err *err)
{
	struct waiter *x = (struct waiter *)w;

	pthread_mutex_lock(&x->lock);
	if (code)
		x->err = *err;
	x->over = true;
	pthread_cond_signal(&x->told);
	pthread_mutex_unlock(&x->lock);
}

enum lp_code lp_loader_ensure(struct lp_loader *l, uint32_t device, uint64_t off, uint64_t bytes,
			      struct lp_err *err)
{
	struct waiter x = {.want = {.device = device, .off = off, .bytes = bytes,
				    .priority = LP_DEMAND, .done = wake_waiter},
			   .lock = PTHREAD_MUTEX_INITIALIZER, .told = PTHREAD_COND_INITIALIZER};

	lp_loader_want(l, &x.want);
	pthread_mutex_lock(&x.lock);
	while (!x.over)
		pthread_cond_wait(&x.told, &x.lock);
	pthread_mutex_unlock(&x.lock);
	if (x.err.code)
		*err = x.err;
	return x.err.code;
}

void lp_loader_count(struct lp_loader *l, struct lp_loader_count *out)
{
	pthread_mutex_lock(&l->lock);
	*out = l->count;
	pthread_mutex_unlock(&l->lock);
}

void lp_loader_fetched(struct lp_loader *l, uint32_t index, struct lp_fetched *out)
{
	*out = (struct lp_fetched){.requests = {0}};
	pthread_mutex_lock(&l->lock);
	if (index < l->nfeed && l->feed[index])
		*out = l->feed[index]->fetched;
	pthread_mutex_unlock(&l->lock);
}
