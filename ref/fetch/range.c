// SPDX-License-Identifier: MIT
#include "fetch/range.h"

#include "fetch/stretch.h"

#include <stdlib.h>
#include <string.h>

void lp_range_put(struct lp_queue *q, struct lp_fetch *f)
{
	f->next = NULL;
	if (q->last)
		q->last->next = f;
	else
		q->first = f;
	q->last = f;
}

struct lp_fetch *lp_range_take(struct lp_queue *q)
{
	struct lp_fetch *f = q->first;

	if (!f)
		return NULL;
	q->first = f->next;
	if (!q->first)
		q->last = NULL;
	f->next = NULL;
	return f;
}

/* Take @f out of the middle of @q; false: it is not there. */
static bool unlink_fetch(struct lp_queue *q, struct lp_fetch *f)
{
	struct lp_fetch *before = NULL, *at = q->first;

	while (at && at != f) {
		before = at;
		at = at->next;
	}
	if (!at)
		return false;
	if (before)
		before->next = f->next;
	else
		q->first = f->next;
	if (q->last == f)
		q->last = before;
	return true;
}

bool lp_range_low(const struct lp_registry *r)
{
	return r->active < r->o.connections && r->low < r->o.connections - 1;
}

bool lp_range_waits(const struct lp_registry *r)
{
	if (r->active >= r->o.connections)
		return false;
	return r->queue[LP_DEMAND].first ||
	       (lp_range_low(r) && (r->queue[LP_PREFETCH].first || r->queue[LP_BACKGROUND].first));
}

struct lp_fetch *lp_range_next(struct lp_registry *r)
{
	struct lp_fetch *f = NULL;

	lp_stretch_adopt(r);
	for (size_t i = 0; i < LP_PRIORITIES && !f && r->active < r->o.connections; i++)
		if (i == LP_DEMAND || lp_range_low(r))
			f = lp_range_take(&r->queue[i]);
	if (f) {
		r->active++;
		r->low += f->priority != LP_DEMAND;
	}
	return f;
}

static size_t take(struct lp_exchange *x, const uint8_t *p, size_t n)
{
	struct lp_fetch *f = ((struct lp_range *)x)->f;

	memcpy(f->p + x->have, p, n);
	f->have = (size_t)x->have + n;
	if (f->progress)
		f->progress(f);
	return n;
}

static void over(struct lp_exchange *x, enum lp_code code, const struct lp_err *err)
{
	struct lp_range *g = (struct lp_range *)x;
	struct lp_fetch *f = g->f;

	pthread_mutex_lock(&x->r->lock);
	f->running = NULL;
	pthread_mutex_unlock(&x->r->lock);
	lp_range_free(g);
	f->done(f, code, err);
}

static void give_slot_back(struct lp_registry *r, bool low)
{
	pthread_mutex_lock(&r->lock);
	r->active--;
	r->low -= low;
	lp_stretch_go_on(r);
	pthread_mutex_unlock(&r->lock);
}

void lp_range_free(struct lp_range *g)
{
	give_slot_back(g->x.r, g->low);
	lp_exchange_free(&g->x);
	free(g);
}

void lp_range_begin(struct lp_registry *r, struct lp_fetch *f)
{
	static const struct lp_exchange_ops ops = {take, NULL, over};
	static const unsigned weight[] = {
		[LP_DEMAND] = 256, [LP_PREFETCH] = 16, [LP_BACKGROUND] = 1,
	};
	struct lp_range *g = calloc(1, sizeof(*g));
	bool low = f->priority != LP_DEMAND;
	struct lp_err err;

	if (!g || lp_exchange_blob(&g->x, r, &f->blob, &err) || !f->bytes) {
		free(g ? g->x.path : NULL);
		free(g);
		give_slot_back(r, low);
		if (f->bytes)
			lp_fail(&err, LP_ESYSTEM, LP_NO_OFFSET, NULL, "a fetch");
		f->done(f, f->bytes ? LP_ESYSTEM : LP_OK, &err);
		return;
	}
	g->f = f;
	g->low = low;
	g->x.r = r;
	g->x.ops = &ops;
	g->x.shape = LP_RANGE;
	g->x.blob = f->blob;
	g->x.off = f->off;
	g->x.bytes = f->bytes;
	g->x.total = f->total;
	g->x.origin_only = f->origin_only;
	g->x.weight = weight[f->priority];
	g->x.limited = low;
	pthread_mutex_lock(&r->lock);
	f->running = g;
	pthread_mutex_unlock(&r->lock);
	if (f->priority == LP_BACKGROUND && f->reach > f->bytes)
		lp_stretch_open(g);
	lp_engine_run(r, &g->x);
}

void lp_registry_fetch(struct lp_registry *r, struct lp_fetch *f)
{
	bool wake;

	f->have = 0;
	f->running = NULL;
	pthread_mutex_lock(&r->lock);
	lp_range_put(&r->queue[f->priority], f);
	lp_stretch_adopt(r);
	/* Who has to wait for a slot does not wait for ever. */
	if (!lp_range_low(r) &&
	    (r->queue[LP_PREFETCH].first || r->queue[LP_BACKGROUND].first))
		lp_stretch_end(r, NULL);
	wake = lp_engine_rouse(r);
	pthread_mutex_unlock(&r->lock);
	if (wake)
		curl_multi_wakeup(r->multi);
}

void lp_registry_hurry(struct lp_registry *r, struct lp_fetch *f, enum lp_priority p)
{
	bool wake;

	pthread_mutex_lock(&r->lock);
	if (p < f->priority && unlink_fetch(&r->queue[f->priority], f)) {
		f->priority = p;
		lp_range_put(&r->queue[p], f);
	} else if (p < f->priority && f->running) {
		f->priority = p;
		lp_stretch_hurry(f->running);
	}
	wake = lp_engine_rouse(r);
	pthread_mutex_unlock(&r->lock);
	if (wake)
		curl_multi_wakeup(r->multi);
}

void lp_registry_leave(struct lp_registry *r, const struct lp_digest *blob)
{
	bool wake;

	pthread_mutex_lock(&r->lock);
	lp_stretch_end(r, blob);
	wake = lp_engine_rouse(r);
	pthread_mutex_unlock(&r->lock);
	if (wake)
		curl_multi_wakeup(r->multi);
}
