// SPDX-License-Identifier: MIT
#include "base/pool.h"

#include "base/thread.h"

#include <sched.h>
#include <stdlib.h>

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

enum lp_code lp_pool_start(struct lp_pool *p, size_t nthread, struct lp_err *err)
{
	if (!nthread)
		nthread = lp_processors();
	*p = (struct lp_pool){.thread = calloc(nthread, sizeof(*p->thread))};
	if (!p->thread)
		return lp_fail_errno(err, "allocate %zu threads", nthread);
	p->last = &p->first;
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->put, NULL);
	pthread_cond_init(&p->done, NULL);
	for (; p->nthread < nthread; p->nthread++) {
		if (!lp_thread_start(&p->thread[p->nthread], work, p, err))
			continue;
		lp_pool_free(p);
		return err->code;
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
