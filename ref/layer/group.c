// SPDX-License-Identifier: MIT
#include "layer/group.h"

#include "base/log.h"
#include "layer/span.h"

#include <malloc.h>
#include <stdlib.h>

#define TRIM_BYTES ((uint64_t)8 << 20)	/* ours: decoded before memory is given back when idle */

/* Frames that are missing and lie in the span are this group's now. */
static void own(struct lp_group *g, const struct lp_span *s)
{
	struct lp_feed *f = g->feed;

	for (uint32_t i = g->first; i < g->end; i++) {
		const struct lp_frame *at = lp_feed_frame(f, i);

		if (i != g->frame && (f->state[i] == LP_IN_FLIGHT || lp_is_big(at) ||
				      lp_frame_stop(at) > s->stop || !lp_feed_misses(f, i)))
			continue;
		g->mine[i - g->first] = true;
		f->state[i] = LP_IN_FLIGHT;
	}
}

/* More bytes have come, or all that will: on the engine's thread, or a hand's. */
static void note(struct lp_group *g)
{
	struct lp_loader *l = g->feed->l;
	uint64_t took;

	g->have = g->fetch.have;
	if (g->sent_ns && g->have) {
		took = lp_now_ns() - g->sent_ns;
		g->sent_ns = 0;
		/* The first answer includes the connection's making: believe the sooner one fast.
		 */
		if (took < l->first_byte_ns)
			l->first_byte_ns = took;
		else
			l->first_byte_ns += (took - l->first_byte_ns) / 8;
	}
	if (g->big)
		pthread_cond_broadcast(&l->came);
	else
		lp_group_wake(l);
}

static void on_progress(struct lp_fetch *fetch)
{
	struct lp_group *g = (struct lp_group *)fetch;
	struct lp_loader *l = g->feed->l;

	pthread_mutex_lock(&l->lock);
	note(g);
	pthread_mutex_unlock(&l->lock);
}

static void on_done(struct lp_fetch *fetch, enum lp_code code, const struct lp_err *err)
{
	struct lp_group *g = (struct lp_group *)fetch;
	struct lp_loader *l = g->feed->l;
	struct lp_news news;

	lp_news_begin(&news);
	pthread_mutex_lock(&l->lock);
	if (code)
		g->err = *err;
	g->over = true;
	note(g);
	if (!g->big) {
		l->running[g->kind]--;
		lp_group_end(g, &news);
	}
	lp_loader_pump(l, &news);
	lp_news_unlock(l, &news);
}

void lp_group_count(struct lp_group *g, uint64_t bytes)
{
	struct lp_loader_count *c = &g->feed->l->count;
	uint64_t *const fetches[LP_CLASSES] = {&c->demand_fetches, &c->prefetch_fetches,
					       &c->background_fetches};

	++*fetches[g->kind];
	c->stored_bytes += bytes;
	g->feed->fetched.requests[g->kind]++;
	g->feed->fetched.bytes[g->kind] += bytes;
}

void lp_group_send(struct lp_group *g)
{
	lp_group_count(g, g->fetch.bytes);
	g->have = 0;
	g->over = false;
	g->sent_ns = g->kind == LP_BACKGROUND ? 0 : lp_now_ns();
	g->fetch.priority = g->priority;
	if (g->feed->r)
		lp_registry_fetch(g->feed->r, &g->fetch);
	else
		lp_group_wake(g->feed->l);
}

/*
 * Is it time for long requests?  Soon after a miss others will follow, and take out of the middle
 * what is on its way then.  Where there are no ranges, each request is a long one.
 */
static bool is_quiet(const struct lp_feed *f)
{
	return lp_loader_quiet(f->l) || !lp_registry_ranges(f->r);
}

static enum lp_start start(struct lp_feed *f, uint32_t i, const struct lp_span *s,
			   enum lp_priority kind, bool again)
{
	struct lp_loader *l = f->l;
	struct lp_group *g = calloc(1, sizeof(*g) + (s->end - s->first) * sizeof(g->mine[0]));
	bool big = lp_is_big(lp_feed_frame(f, i));
	uint64_t room = s->stop - s->off;

	if (big && room > l->policy.piece)
		room = l->policy.piece;
	if (g)
		g->fetch.p = malloc((size_t)room);
	if (!g || !g->fetch.p) {
		free(g);
		return LP_FAILED;
	}
	g->feed = f;
	g->first = g->next = s->first;
	g->end = s->end;
	g->frame = i;
	g->kind = g->priority = kind;
	g->bytes = s->stop - s->off;
	g->room = room;
	g->big = big;
	g->again = again;
	g->fetch.blob = f->d->table.blob;
	g->fetch.off = s->off;
	g->fetch.bytes = (size_t)room;
	g->fetch.origin_only = again;
	g->fetch.total = f->d->table.layer.blob_bytes;
	if (kind == LP_BACKGROUND && !big && !again && f->r && is_quiet(f))
		g->fetch.reach = lp_span_reach(f, s);
	g->fetch.progress = on_progress;
	g->fetch.done = on_done;
	own(g, s);
	TAILQ_INSERT_TAIL(&l->groups, g, link);
	f->groups++;
	l->buffered += room;
	l->running[kind]++;
	if (!big)
		lp_group_send(g);
	else
		lp_group_wake(l);
	return LP_STARTED;
}

enum lp_start lp_group_start(struct lp_feed *f, uint32_t i, enum lp_priority kind,
			     const struct lp_want *w)
{
	struct lp_loader *l = f->l;
	uint64_t max = kind == LP_DEMAND ? l->policy.buffers_max : l->policy.buffers_max / 2;
	struct lp_span s;

	if (l->buffered >= max)
		return LP_FULL;
	s = lp_span_choose(f, i, kind, w);
	if (l->buffered && s.stop - s.off > max - l->buffered && !lp_is_big(lp_feed_frame(f, i)))
		return LP_FULL;
	return start(f, i, &s, kind, false);
}

enum lp_start lp_group_again(struct lp_feed *f, uint32_t i, enum lp_priority priority)
{
	const struct lp_frame *at = lp_feed_frame(f, i);
	struct lp_span s = {.first = i, .end = i + 1, .off = at->off, .stop = lp_frame_stop(at)};

	return start(f, i, &s, priority, true);
}

void lp_group_hurry(struct lp_feed *f, uint32_t i, enum lp_priority priority)
{
	struct lp_group *g = NULL;

	TAILQ_FOREACH(g, &f->l->groups, link)
	{
		if (g->feed != f || i < g->first || i >= g->end || !g->mine[i - g->first])
			continue;
		if (priority < g->priority) {
			g->priority = priority;
			if (f->r && !g->over)
				lp_registry_hurry(f->r, &g->fetch, priority);
		}
		return;
	}
}

void lp_group_end(struct lp_group *g, struct lp_news *news)
{
	struct lp_loader *l = g->feed->l;

	while (g->next < g->end && !g->mine[g->next - g->first])
		g->next++;
	if (!g->over || g->busy || g->next < g->end)
		return;
	TAILQ_REMOVE(&l->groups, g, link);
	l->buffered -= g->room;
	g->feed->groups--;
	free(g->fetch.p);
	free(g);
	lp_loader_pump(l, news);
	pthread_cond_broadcast(&l->ended);
}

void lp_group_settle(struct lp_group *g, uint32_t i, enum lp_code code, const struct lp_err *err,
		     struct lp_news *news)
{
	struct lp_feed *f = g->feed;
	bool wrong = code == LP_EDIGEST || code == LP_EFORMAT || code == LP_ESHORT;
	enum lp_start again = LP_FAILED;

	g->mine[i - g->first] = false;
	f->state[i] = LP_IDLE;
	if (!code) {
		f->l->count.plain_bytes += lp_feed_frame(f, i)->plain_bytes;
		f->there += lp_feed_frame(f, i)->plain_bytes;
	}
	/* A proxy's damaged copy, a connection's flipped bit: one more try.  A file stays as it is.
	 */
	if (wrong && !g->again && f->r && !f->l->stop && !f->gone)
		again = lp_group_again(f, i, g->priority);
	lp_loader_settle(f, i, code && again != LP_STARTED ? err : NULL, news);
}

/* Can the next frame of @g be decoded, or be said to have failed? */
static bool has_work(struct lp_group *g)
{
	const struct lp_frame *at;

	if (g->big)
		return false;
	while (g->next < g->end && !g->mine[g->next - g->first])
		g->next++;
	if (g->next >= g->end)
		return false;
	if (!g->feed->r && !g->over)
		return !g->busy; /* one hand reads the file */
	at = lp_feed_frame(g->feed, g->next);
	return g->over || lp_frame_stop(at) - g->fetch.off <= g->have;
}

/* The most urgent group with something to do for a hand. */
static struct lp_group *find_work(struct lp_loader *l)
{
	struct lp_group *g, *best = NULL;

	TAILQ_FOREACH(g, &l->groups, link)
	if ((!best || g->priority < best->priority) && has_work(g))
		best = g;
	return best;
}

static bool big_waits(const struct lp_loader *l)
{
	const struct lp_group *g;

	TAILQ_FOREACH(g, &l->groups, link)
	if (g->big && !g->busy && g->next < g->end)
		return true;
	return false;
}

static void put(struct lp_pool *p, struct lp_hand *h)
{
	h->at_work = true;
	lp_pool_put(p, &h->job);
}

void lp_group_wake(struct lp_loader *l)
{
	size_t i = 0;

	if (!l->big_hand.at_work && big_waits(l))
		put(&l->bigs, &l->big_hand);
	while (i < l->pool.nthread && l->hand[i].at_work)
		i++;
	if (i < l->pool.nthread && find_work(l))
		put(&l->pool, &l->hand[i]);
}

/* The plain bytes of frame @i, whose stored bytes are at @stored. */
static enum lp_code inflate(const struct lp_layer *l, uint32_t i, const uint8_t *stored,
			    struct lp_buf *plain, struct lp_err *err)
{
	const struct lp_frame *f = &l->frame[i];
	const struct lp_codec *codec = lp_codec_number(f->codec);
	size_t n = (size_t)f->stored_bytes, want = (size_t)f->plain_bytes;
	LP_AUTO(lp_decoder_free) struct lp_decoder d = {0};
	struct lp_mem_reader mem;

	if (lp_buf_reserve(plain, want, want, err))
		return err->code;
	if (!f->window)
		return codec->decode(stored, n, plain->p, want, err);
	lp_mem_reader_open(&mem, stored, n);
	if (lp_decoder_resume(&d, codec, &mem.reader, f->bit, lp_layer_window(l, i), err))
		return err->code;
	return lp_read_full(&d.reader, plain->p, want, err);
}

/* Decode frame @i of @g, whose bytes are there; the first failure counts, the rest goes on. */
static enum lp_code decode(struct lp_group *g, uint32_t i, struct lp_err *err)
{
	struct lp_feed *f = g->feed;
	const struct lp_frame *at = lp_feed_frame(f, i);
	const uint8_t *plain = g->fetch.p + (at->off - g->fetch.off);
	LP_AUTO(lp_buf_free) struct lp_buf room = {0};
	enum lp_code code = LP_OK;
	uint32_t k, end;

	if (at->codec != LP_CODEC_NONE) {
		if (inflate(&f->d->table.layer, i, plain, &room, err)) {
			err->at = at->off + (err->at == LP_NO_OFFSET ? 0 : err->at);
			return lp_within(err, "frame %u", i);
		}
		plain = room.p;
	}
	for (lp_frames_of(&f->frames, i, &k, &end); k < end; k++) {
		uint32_t c = lp_frames_chunk(&f->frames, k);
		struct lp_err other;

		if (!lp_device_chunk_ready(f->d, c) &&
		    lp_device_write(f->d, c, plain + f->d->table.layer.chunk[c].frame_off,
				    code ? &other : err))
			code = err->code;
	}
	return code;
}

/* A file's group: read what a registry's engine would have brought.  Without the lock. */
static void load(struct lp_group *g)
{
	if (!lp_file_pread(g->feed->fd, g->fetch.off, g->fetch.p, g->fetch.bytes, &g->err))
		g->fetch.have = g->fetch.bytes;
}

/* One step of a hand on @g: load the file's bytes, or decode a frame. */
static void step(struct lp_group *g, struct lp_news *news)
{
	struct lp_loader *l = g->feed->l;
	uint32_t i = g->next;
	struct lp_err err = g->err;
	enum lp_code code = err.code;

	g->busy++;
	if (!g->feed->r && !g->over) {
		pthread_mutex_unlock(&l->lock);
		load(g);
		pthread_mutex_lock(&l->lock);
		g->over = true;
		l->running[g->kind]--;
		note(g);
	} else {
		g->next++;
		if (lp_frame_stop(lp_feed_frame(g->feed, i)) - g->fetch.off <= g->have)
			code = LP_OK;
		lp_group_wake(l);
		pthread_mutex_unlock(&l->lock);
		if (!code)
			code = decode(g, i, &err);
		pthread_mutex_lock(&l->lock);
		lp_group_settle(g, i, code, &err, news);
	}
	g->busy--;
	lp_group_end(g, news);
}

void lp_group_work(struct lp_job *job)
{
	struct lp_hand *h = (struct lp_hand *)job;
	struct lp_loader *l = h->l;
	struct lp_group *g;
	struct lp_news news;
	bool trim;

	pthread_mutex_lock(&l->lock);
	while ((g = find_work(l))) {
		lp_news_begin(&news);
		l->untrimmed += lp_feed_frame(g->feed, g->next)->plain_bytes;
		step(g, &news);
		lp_news_unlock(l, &news);
		pthread_mutex_lock(&l->lock);
	}
	h->at_work = false;
	trim = TAILQ_EMPTY(&l->groups) && l->untrimmed >= TRIM_BYTES;
	if (trim)
		l->untrimmed = 0;
	pthread_mutex_unlock(&l->lock);
	if (trim)
		malloc_trim(0);
}
