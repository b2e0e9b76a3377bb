/* SPDX-License-Identifier: MIT */
/*
 * span - which frames are asked for in one request: the fill policy at work.
 *
 * Under the loader's lock.  Internal to layer/.
 */
#ifndef LP_SPAN_H
#define LP_SPAN_H

#include "layer/group.h"

/* What to ask for in one request. */
struct lp_span {
	uint32_t first, end;
	uint64_t off, stop; /* of the blob */
	uint64_t plain_bytes;
};

/*
 * lp_span_choose - a request for frame @i, which is missing, and for what goes with it.
 *
 * @w  demand: the want, all of whose frames are wanted; else NULL
 */
struct lp_span lp_span_choose(struct lp_feed *f, uint32_t i, enum lp_priority kind,
			      const struct lp_want *w);

/*
 * lp_span_reach - how far the request for @s, which fills, may go on, in bytes from s->off: while
 * everything is missing.  0: no farther than @s.
 */
uint64_t lp_span_reach(struct lp_feed *f, const struct lp_span *s);

#endif
