// SPDX-License-Identifier: MIT
#include "layer/settler.h"

#include <errno.h>
#include <time.h>

#define STACK_BYTES ((size_t)256 << 10) /* ours */

static void *settle(void *arg)
{
	struct lp_settler *t = arg;
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
	return NULL;
}

enum lp_code lp_settler_start(struct lp_settler *t, struct lp_store *s, struct lp_err *err)
{
	pthread_condattr_t clock;
	pthread_attr_t stack;
	int rc;

	pthread_condattr_init(&clock);
	pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
	pthread_mutex_init(&t->lock, NULL);
	pthread_cond_init(&t->wake, &clock);
	pthread_condattr_destroy(&clock);
	pthread_attr_init(&stack);
	pthread_attr_setstacksize(&stack, STACK_BYTES);
	t->stop = false;
	t->store = s;
	rc = pthread_create(&t->thread, &stack, settle, t);
	pthread_attr_destroy(&stack);
	if (!rc)
		return LP_OK;
	t->store = NULL;
	errno = rc;
	return lp_fail_errno(err, "start a thread");
}

void lp_settler_free(struct lp_settler *t)
{
	if (!t->store)
		return;
	pthread_mutex_lock(&t->lock);
	t->stop = true;
	pthread_cond_signal(&t->wake);
	pthread_mutex_unlock(&t->lock);
	pthread_join(t->thread, NULL);
	pthread_cond_destroy(&t->wake);
	pthread_mutex_destroy(&t->lock);
	t->store = NULL;
}
