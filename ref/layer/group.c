// SPDX-License-Identifier: MIT
#include "layer/group.h"

#include "base/log.h"

#include <malloc.h>
#include <stdlib.h>

#define AHEAD_MAX 64	      /* ours: ready frames between two misses that still are a sequence */
#define CROWD 3		      /* ours: near ones among the last misses */
#define LONG_BYTES (1u << 20) /* ours: of a frame of a long file, what writers make chunks of */
#define TRIM_BYTES ((uint64_t)8 << 20) /* ours: decoded before memory is given back when idle */

/* What to ask for in one request. */
struct span {
	uint32_t first, end;
	uint64_t off, stop; /* of the blob */
	uint64_t plain_bytes;
};

static const struct lp_frame *frame_of(const struct lp_feed *f, uint32_t i)
{
	return &f->d->table.layer.frame[i];
}

/* lp_layer_check() has seen that it is inside the blob: no sum of a frame wraps. */
static uint64_t frame_stop(const struct lp_frame *f)
{
	return f->off + f->stored_bytes;
}

static bool missing(const struct lp_feed *f, uint32_t i)
{
	return lp_frames_missing(&f->frames, f->d, i);
}

/* Was frame @i what reading on would miss next? */
static bool is_next(const struct lp_feed *f, uint32_t i)
{
	uint32_t at = f->ahead;

	for (int n = 0; n < AHEAD_MAX && at < i && !missing(f, at); n++)
		at++;
	return f->fill && at == i;
}

/* How many of the last misses were near frame @i; it is one of them now. */
static unsigned count_near(struct lp_feed *f, uint32_t i, uint64_t near)
{
	uint64_t off = frame_of(f, i)->off;
	unsigned n = 0;

	for (unsigned k = 0; k < LP_RECENT; k++) {
		uint64_t other = f->recent[k];

		n += other && (other > off ? other - off : off - other) < near;
	}
	f->recent[f->misses++ % LP_RECENT] = off + 1;
	return n;
}

/*
 * A part of a long file is wanted: programs jump about in their own text, so the rest of it is
 * wanted soon.  Its frames are whole chunks, and one that is less at the end.
 */
static void widen(const struct lp_feed *f, uint32_t i, struct lp_fill *fill)
{
	uint32_t n = f->d->table.layer.nframe, k;
	uint64_t bytes = 0, back = 0;

	for (k = i; k < n && bytes < f->l->policy.fill_max; k++) {
		bytes += frame_of(f, k)->plain_bytes;
		if (frame_of(f, k)->plain_bytes < LONG_BYTES)
			break;
	}
	for (k = i; k-- > 0 && back < f->l->policy.fill_max;) {
		if (frame_of(f, k)->plain_bytes < LONG_BYTES)
			break;
		back += frame_of(f, k)->plain_bytes;
	}
	fill->bytes = fill->bytes > bytes ? fill->bytes : bytes;
	fill->back = fill->back > back ? fill->back : back;
}

/* What a miss at frame @i takes along. */
static struct lp_fill choose_fill(struct lp_feed *f, uint32_t i)
{
	const struct lp_fill_policy *p = &f->l->policy;
	bool fast = !f->r || f->l->first_byte_ns < p->fast_ns;
	bool cheap = frame_of(f, i)->codec != LP_CODEC_GZIP;
	struct lp_fill fill = !fast ? p->slow : cheap ? p->cheap : p->fast;
	unsigned near = count_near(f, i, fill.near);

	if (is_next(f, i)) {
		fill.bytes = f->fill * 2;
		fill.back = 0;
	} else if (!fast) {
		fill.bytes <<= near;
	} else if (cheap && near >= CROWD) {
		fill.bytes *= 2;
		fill.back *= 4;
	}
	if (fill.bytes > p->fill_max)
		fill.bytes = p->fill_max;
	f->fill = fill.bytes;
	if (near && frame_of(f, i)->plain_bytes >= LONG_BYTES)
		widen(f, i, &fill);
	return fill;
}

/* Does @w want a chunk of frame @i? */
static bool wants(const struct lp_feed *f, const struct lp_want *w, uint32_t i)
{
	uint32_t k, end;

	for (lp_frames_of(&f->frames, i, &k, &end); k < end; k++) {
		uint32_t chunk = lp_frames_chunk(&f->frames, k);

		if (chunk >= w->chunk && chunk < w->end)
			return true;
	}
	return false;
}

/*
 * Take frames behind the span along while they are near, missing, and wanted: by @w, by the
 * prefetch list, by the fill.  Frames that nobody wants are a gap; where they end up inside
 * the request they are decoded all the same.
 */
static void grow(const struct lp_feed *f, struct span *s, enum lp_priority kind,
		 const struct lp_want *w, uint64_t fill)
{
	const struct lp_fill_policy *p = &f->l->policy;
	uint64_t max = kind == LP_DEMAND     ? p->buffers_max / 2
		       : kind == LP_PREFETCH ? p->range_max
					     : p->background_max;

	for (uint32_t i = s->first + 1; i < f->d->table.layer.nframe; i++) {
		const struct lp_frame *at = frame_of(f, i);
		uint64_t stop = frame_stop(at) > s->stop ? frame_stop(at) : s->stop;
		bool wanted = kind == LP_BACKGROUND || s->plain_bytes < fill;

		if ((at->off > s->stop && at->off - s->stop > p->gap) ||
		    f->state[i] == LP_IN_FLIGHT || lp_is_big(at) || stop - s->off > max)
			break;
		if (!missing(f, i))
			continue;
		wanted |= kind == LP_PREFETCH && f->state[i] == LP_LISTED;
		if (!wanted && !(w && wants(f, w, i)))
			continue;
		s->stop = stop;
		s->end = i + 1;
		s->plain_bytes += at->plain_bytes;
	}
}

/* The same in front: what the prefetch list names later, or @back bytes of device. */
static void grow_back(const struct lp_feed *f, struct span *s, enum lp_priority kind, uint64_t back)
{
	const struct lp_fill_policy *p = &f->l->policy;
	uint64_t max = kind == LP_DEMAND ? p->fill_max : p->range_max;
	uint64_t plain_bytes = 0;

	for (uint32_t i = s->first; i-- > 0;) {
		const struct lp_frame *at = frame_of(f, i);

		if ((frame_stop(at) < s->off && s->off - frame_stop(at) > p->gap) ||
		    frame_stop(at) > s->stop || f->state[i] == LP_IN_FLIGHT || lp_is_big(at) ||
		    s->stop - at->off > max)
			break;
		if (kind == LP_DEMAND && plain_bytes + at->plain_bytes > back)
			break;
		if (!missing(f, i) || (kind == LP_PREFETCH && f->state[i] != LP_LISTED))
			continue;
		s->off = at->off;
		s->first = i;
		plain_bytes += at->plain_bytes;
	}
}

static struct span choose(struct lp_feed *f, uint32_t i, enum lp_priority kind,
			  const struct lp_want *w)
{
	const struct lp_frame *at = frame_of(f, i);
	struct span s = {.first = i,
			 .end = i + 1,
			 .off = at->off,
			 .stop = frame_stop(at),
			 .plain_bytes = at->plain_bytes};
	struct lp_fill fill = {0};

	if (lp_is_big(at))
		return s;
	if (kind == LP_DEMAND)
		fill = choose_fill(f, i);
	grow(f, &s, kind, w, fill.bytes);
	if (kind != LP_BACKGROUND)
		grow_back(f, &s, kind, fill.back);
	return s;
}

/* Frames that are missing and lie in the span are this group's now. */
static void own(struct lp_group *g, const struct span *s)
{
	struct lp_feed *f = g->feed;

	for (uint32_t i = g->first; i < g->end; i++) {
		const struct lp_frame *at = frame_of(f, i);

		if (i != g->frame && (f->state[i] == LP_IN_FLIGHT || lp_is_big(at) ||
				      frame_stop(at) > s->stop || !missing(f, i)))
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
	g->sent_ns = lp_now_ns();
	g->fetch.priority = g->priority;
	if (g->feed->r)
		lp_registry_fetch(g->feed->r, &g->fetch);
	else
		lp_group_wake(g->feed->l);
}

static enum lp_start start(struct lp_feed *f, uint32_t i, const struct span *s,
			   enum lp_priority kind, bool again)
{
	struct lp_loader *l = f->l;
	struct lp_group *g = calloc(1, sizeof(*g) + (s->end - s->first) * sizeof(g->mine[0]));
	bool big = lp_is_big(frame_of(f, i));
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
	struct span s;
	enum lp_start started;

	if (l->buffered >= max)
		return LP_FULL;
	s = choose(f, i, kind, w);
	if (l->buffered && s.stop - s.off > max - l->buffered && !lp_is_big(frame_of(f, i)))
		return LP_FULL;
	started = start(f, i, &s, kind, false);
	if (started == LP_STARTED && kind == LP_DEMAND)
		f->ahead = s.end;
	return started;
}

enum lp_start lp_group_again(struct lp_feed *f, uint32_t i, enum lp_priority priority)
{
	const struct lp_frame *at = frame_of(f, i);
	struct span s = {.first = i, .end = i + 1, .off = at->off, .stop = frame_stop(at)};

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
	if (!code)
		f->l->count.plain_bytes += frame_of(f, i)->plain_bytes;
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
	at = frame_of(g->feed, g->next);
	return g->over || frame_stop(at) - g->fetch.off <= g->have;
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
	const struct lp_frame *at = frame_of(f, i);
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
		if (frame_stop(frame_of(g->feed, i)) - g->fetch.off <= g->have)
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
		l->untrimmed += frame_of(g->feed, g->next)->plain_bytes;
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
