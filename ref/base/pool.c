// SPDX-License-Identifier: MIT
#include "base/pool.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>

#define STACK_BYTES ((size_t)256 << 10) /* ours: the largest frame of ours is 64 KiB */

size_t lp_processors(void)
{
	cpu_set_t set;

	/* More than CPU_SETSIZE processors make it fail: then one thread is safe, if slow. */
	return sched_getaffinity(0, sizeof(set), &set) ? 1 : (size_t)CPU_COUNT(&set);
}

static void *work(void *arg)
{
	struct lp_pool *p = arg;

	pthread_mutex_lock(&p->lock);
	for (;;) {
		struct lp_job *j = p->first;

		if (!j && p->stop)
			break;
		if (!j) {
			pthread_cond_wait(&p->put, &p->lock);
			continue;
		}
		p->first = j->next;
		if (!p->first)
			p->last = &p->first;
		pthread_mutex_unlock(&p->lock);
		j->run(j);
		pthread_mutex_lock(&p->lock);
		j->done = true;
		pthread_cond_broadcast(&p->done);
	}
	pthread_mutex_unlock(&p->lock);
	return NULL;
}

/* Signals are for the thread that waits for them, never for a worker. */
static int start_threads(struct lp_pool *p, size_t nthread)
{
	pthread_attr_t attr;
	sigset_t all, old;
	int rc = pthread_attr_init(&attr);

	if (rc)
		return rc;
	rc = pthread_attr_setstacksize(&attr, STACK_BYTES);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	while (!rc && p->nthread < nthread) {
		rc = pthread_create(&p->thread[p->nthread], &attr, work, p);
		p->nthread += !rc;
	}
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_attr_destroy(&attr);
	return rc;
}

enum lp_code lp_pool_start(struct lp_pool *p, size_t nthread, struct lp_err *err)
{
	int rc;

	if (!nthread)
		nthread = lp_processors();
	*p = (struct lp_pool){.thread = calloc(nthread, sizeof(*p->thread))};
	if (!p->thread)
		return lp_fail_errno(err, "allocate %zu threads", nthread);
	p->last = &p->first;
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->put, NULL);
	pthread_cond_init(&p->done, NULL);
	rc = start_threads(p, nthread);
	if (rc) {
		lp_pool_free(p);
		errno = rc;
		return lp_fail_errno(err, "start %zu threads", nthread);
	}
	return LP_OK;
}

void lp_pool_free(struct lp_pool *p)
{
	if (!p->thread)
		return;
	pthread_mutex_lock(&p->lock);
	p->stop = true;
	pthread_cond_broadcast(&p->put);
	pthread_mutex_unlock(&p->lock);
	for (size_t i = 0; i < p->nthread; i++)
		pthread_join(p->thread[i], NULL);
	pthread_cond_destroy(&p->done);
	pthread_cond_destroy(&p->put);
	pthread_mutex_destroy(&p->lock);
	free(p->thread);
	*p = (struct lp_pool){0};
}

void lp_pool_put(struct lp_pool *p, struct lp_job *j)
{
	pthread_mutex_lock(&p->lock);
	j->next = NULL;
	j->done = false;
	*p->last = j;
	p->last = &j->next;
	pthread_cond_signal(&p->put);
	pthread_mutex_unlock(&p->lock);
}

void lp_pool_wait(struct lp_pool *p, struct lp_job *j)
{
	pthread_mutex_lock(&p->lock);
	while (!j->done)
		pthread_cond_wait(&p->done, &p->lock);
	pthread_mutex_unlock(&p->lock);
}
