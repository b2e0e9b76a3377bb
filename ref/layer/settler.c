// SPDX-License-Identifier: MIT
#include "layer/settler.h"

#include <errno.h>
#include <time.h>

static void settle(struct lp_job *job)
{
	struct lp_settler *t = (struct lp_settler *)job;
	struct timespec end;
	struct lp_err err;
	enum lp_code code;
	int rc = 0;

	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec += LP_SETTLE_SECONDS;
	pthread_mutex_lock(&t->lock);
	while (!t->stop && rc != ETIMEDOUT)
		rc = pthread_cond_timedwait(&t->wake, &t->lock, &end);
	pthread_mutex_unlock(&t->lock);
	code = lp_store_settle(t->store, &err);
	(void)code; /* what stays unsettled is pulled again after the next boot, no more */
}

enum lp_code lp_settler_start(struct lp_settler *t, struct lp_store *s, struct lp_err *err)
{
	pthread_condattr_t clock;

	*t = (struct lp_settler){.job = {.run = settle}};
	if (lp_pool_start(&t->pool, 1, err))
		return err->code;
	pthread_condattr_init(&clock);
	pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
	pthread_mutex_init(&t->lock, NULL);
	pthread_cond_init(&t->wake, &clock);
	pthread_condattr_destroy(&clock);
	t->store = s;
	lp_pool_put(&t->pool, &t->job);
	return LP_OK;
}

void lp_settler_free(struct lp_settler *t)
{
	if (!t->store)
		return;
	pthread_mutex_lock(&t->lock);
	t->stop = true;
	pthread_cond_signal(&t->wake);
	pthread_mutex_unlock(&t->lock);
	lp_pool_free(&t->pool);
	pthread_cond_destroy(&t->wake);
	pthread_mutex_destroy(&t->lock);
	t->store = NULL;
}
