// SPDX-License-Identifier: MIT
#include "fetch/stretch.h"

#include <string.h>

#define GAP_MAX 16384u	/* ours: bytes between two fetches that are dropped */

static uint64_t stop_of(const struct lp_range *g)
{
	return g->x.off + g->x.bytes;
}

static void poke(struct lp_range *g)
{
	g->x.poked = true;
	g->x.r->poked = true;
}

/* Nobody wants the next bytes, and nobody will. */
static void end_idle(struct lp_range *g)
{
	if (g->closed && !g->f && !g->more.first) {
		g->x.cancelled = true;
		poke(g);
	}
}

static void close_stretch(struct lp_range *g)
{
	g->closed = true;
	end_idle(g);
}

void lp_stretch_end(struct lp_registry *r, const struct lp_digest *blob)
{
	for (struct lp_range *g = r->stretch; g; g = g->next)
		if (!blob || lp_digest_equal(blob, &g->x.blob))
			close_stretch(g);
}

void lp_stretch_go_on(struct lp_registry *r)
{
	for (struct lp_range *g = r->stretch; g; g = g->next)
		poke(g);
}

static bool goes_on(const struct lp_range *g, const struct lp_fetch *f)
{
	return !g->closed && lp_digest_equal(&g->x.blob, &f->blob) && f->off >= g->end &&
	       f->off - g->end <= GAP_MAX && f->off <= stop_of(g) &&
	       f->bytes <= stop_of(g) - f->off;
}

static bool append(struct lp_registry *r, struct lp_fetch *f)
{
	struct lp_range *g = r->stretch;

	while (g && !goes_on(g, f))
		g = g->next;
	if (!g)
		return false;
	lp_range_put(&g->more, f);
	f->running = g;
	g->end = f->off + f->bytes;
	poke(g);
	return true;
}

void lp_stretch_adopt(struct lp_registry *r)
{
	struct lp_queue *q = &r->queue[LP_BACKGROUND], waiting = *q;
	struct lp_fetch *f;

	*q = (struct lp_queue){NULL, NULL};
	while ((f = lp_range_take(&waiting))) {
		if (f->reach && append(r, f))
			continue;
		if (f->reach)
			lp_stretch_end(r, &f->blob);
		lp_range_put(q, f);
	}
}

void lp_stretch_hurry(struct lp_range *g)
{
	g->x.limited = false;
	if (g->x.r->o.rate)
		close_stretch(g);
	poke(g);
}

/* Is there something more urgent than what @g brings? */
static bool yields(const struct lp_range *g)
{
	const struct lp_registry *r = g->x.r;
	unsigned stretches = 0;

	if (g->f && g->f->priority != LP_BACKGROUND)
		return false;
	for (const struct lp_fetch *f = g->more.first; f; f = f->next)
		if (f->priority != LP_BACKGROUND)
			return false;
	for (const struct lp_range *s = r->stretch; s; s = s->next)
		stretches++;
	return r->active > stretches;
}

/* The fetch that the next bytes are for, or NULL. */
static struct lp_fetch *next_fetch(struct lp_range *g)
{
	struct lp_registry *r = g->x.r;
	bool ready;

	pthread_mutex_lock(&r->lock);
	if (!g->f)
		g->f = lp_range_take(&g->more);
	ready = g->f && !yields(g);
	end_idle(g);
	pthread_mutex_unlock(&r->lock);
	return ready ? g->f : NULL;
}

/* All bytes of g->f are there. */
static void finish(struct lp_range *g)
{
	struct lp_registry *r = g->x.r;
	struct lp_fetch *f = g->f;

	pthread_mutex_lock(&r->lock);
	f->running = NULL;
	g->f = NULL;
	end_idle(g);
	pthread_mutex_unlock(&r->lock);
	f->done(f, LP_OK, NULL);
}

static size_t take(struct lp_exchange *x, const uint8_t *p, size_t n)
{
	struct lp_range *g = (struct lp_range *)x;
	uint64_t from = x->off + x->have;
	size_t took = 0;
	struct lp_fetch *f;

	while (took < n && (f = next_fetch(g))) {
		uint64_t at = from + took, want = at < f->off ? f->off - at : f->bytes - f->have;
		size_t now = want < n - took ? (size_t)want : n - took;

		took += now;
		if (at < f->off)
			continue;
		memcpy(f->p + f->have, p + took - now, now);
		f->have += now;
		if (f->progress)
			f->progress(f);
		/* The last one is over with the request. */
		if (f->have == f->bytes && from + took < stop_of(g))
			finish(g);
	}
	return took;
}

static void forget(struct lp_range *g)
{
	struct lp_range **at = &g->x.r->stretch;

	while (*at != g)
		at = &(*at)->next;
	*at = g->next;
}

static void over(struct lp_exchange *x, enum lp_code code, const struct lp_err *err)
{
	struct lp_range *g = (struct lp_range *)x;
	struct lp_registry *r = x->r;
	struct lp_fetch *f, *next;

	pthread_mutex_lock(&r->lock);
	forget(g);
	f = g->f ? g->f : g->more.first;
	if (g->f)
		g->f->next = g->more.first;
	for (next = f; next; next = next->next)
		next->running = NULL;
	pthread_mutex_unlock(&r->lock);
	lp_range_free(g);
	for (; f; f = next) {
		next = f->next;
		f->next = NULL;
		f->done(f, code, err);
	}
}

void lp_stretch_open(struct lp_range *g)
{
	static const struct lp_exchange_ops ops = {take, NULL, over};
	struct lp_registry *r = g->x.r;

	g->x.ops = &ops;
	g->x.alone = true;
	g->x.bytes = g->f->reach;
	g->end = g->f->off + g->f->bytes;
	pthread_mutex_lock(&r->lock);
	g->next = r->stretch;
	r->stretch = g;
	pthread_mutex_unlock(&r->lock);
}
