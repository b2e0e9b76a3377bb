/* SPDX-License-Identifier: MIT */
/*
 * range - an lp_fetch while it waits in a queue, and while it runs as an exchange.
 */
#ifndef LP_RANGE_H
#define LP_RANGE_H

#include "fetch/engine.h"

/* A fetch that runs. */
struct lp_range {
	struct lp_exchange x;		/* first */
	struct lp_fetch *f;		/* where the bytes go; a stretch: NULL when nobody wants them */
	bool low;			/* which slot it has */

	/* Of a stretch, under r->lock: see fetch/stretch.h. */
	struct lp_queue more;		/* what goes on where f ends */
	uint64_t end;			/* of the blob, behind the last of them */
	bool closed;			/* no more of them */
	struct lp_range *next;
};

/* Give the slot of @g back, and forget it. */
void lp_range_free(struct lp_range *g);

/* Put @f behind all in @q; r->lock is held. */
void lp_range_put(struct lp_queue *q, struct lp_fetch *f);

/* The first of @q, taken out, or NULL; r->lock is held. */
struct lp_fetch *lp_range_take(struct lp_queue *q);

/* The most urgent one that may run now, its slot taken, or NULL; r->lock is held. */
struct lp_fetch *lp_range_next(struct lp_registry *r);

/* May one more that is not demand run?  r->lock is held. */
bool lp_range_low(const struct lp_registry *r);

/* Could some queued fetch start now?  r->lock is held. */
bool lp_range_waits(const struct lp_registry *r);

/* Engine: run @f, whose slot is taken. */
void lp_range_begin(struct lp_registry *r, struct lp_fetch *f);

#endif
