/* SPDX-License-Identifier: MIT */
/*
 * settler - a thread that settles a store a little later (layer/store.h, lp_store_settle).
 *
 * So that a container that starts does not wait for the disk, and one that runs for weeks
 * keeps what it pulled if the machine stops.
 */
#ifndef LP_SETTLER_H
#define LP_SETTLER_H

#include "base/pool.h"
#include "layer/store.h"

#define LP_SETTLE_SECONDS 3	/* ours: behind the start of nearly everything */

struct lp_settler {
	struct lp_job job;		/* first */
	struct lp_pool pool;		/* of one thread, which takes no signals */
	pthread_mutex_t lock;
	pthread_cond_t wake;
	struct lp_store *store;		/* borrowed; NULL: not started */
	bool stop;
};

/* Settle @s in LP_SETTLE_SECONDS, or by lp_settler_free() if that comes before. */
LP_MUST_CHECK enum lp_code lp_settler_start(struct lp_settler *t, struct lp_store *s,
					    struct lp_err *err);

/* Settle now, if it was started, and wait for it. */
void lp_settler_free(struct lp_settler *t);

#endif
