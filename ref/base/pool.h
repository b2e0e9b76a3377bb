/* SPDX-License-Identifier: MIT */
/*
 * pool - a fixed number of threads and a queue of jobs.
 *
 * A job is embedded in the caller's own struct and stays its property.  Jobs start in the
 * order in which they were put; whoever needs ordered results waits for them in order.
 */
#ifndef LP_POOL_H
#define LP_POOL_H

#include "base/err.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

struct lp_job {
	void (*run)(struct lp_job *j);	/* in some thread of the pool */
	struct lp_job *next;		/* the pool's */
	bool done;			/* the pool's, under its lock */
};

struct lp_pool {
	pthread_mutex_t lock;
	pthread_cond_t put, done;
	struct lp_job *first, **last;
	pthread_t *thread;		/* [nthread] */
	size_t nthread;
	bool stop;
};

/* Start @nthread threads with small stacks; 0: one per processor we may run on. */
LP_MUST_CHECK enum lp_code lp_pool_start(struct lp_pool *p, size_t nthread, struct lp_err *err);

/* Finish what was put, stop the threads.  A pool of {0} may be freed. */
void lp_pool_free(struct lp_pool *p);

void lp_pool_put(struct lp_pool *p, struct lp_job *j);

/* Wait until @j has run. */
void lp_pool_wait(struct lp_pool *p, struct lp_job *j);

/* Processors we may run on. */
size_t lp_processors(void);

#endif
