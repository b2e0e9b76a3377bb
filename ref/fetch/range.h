/* SPDX-License-Identifier: MIT */
/*
 * range - an lp_fetch while it waits in a queue, and while it runs as an exchange.
 */
#ifndef LP_RANGE_H
#define LP_RANGE_H

#include "fetch/engine.h"

/* The first of @q, taken out, or NULL; r->lock is held. */
struct lp_fetch *lp_range_take(struct lp_queue *q);

/* The most urgent one that may run now, its slot taken, or NULL; r->lock is held. */
struct lp_fetch *lp_range_next(struct lp_registry *r);

/* Could some queued fetch start now?  r->lock is held. */
bool lp_range_waits(const struct lp_registry *r);

/* Engine: run @f, whose slot is taken. */
void lp_range_begin(struct lp_registry *r, struct lp_fetch *f);

#endif
