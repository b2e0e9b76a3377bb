// SPDX-License-Identifier: MIT
#include "base/pool.h"
#include "testing/test.h"

#include <stdatomic.h>

#define NJOBS 1000

struct square {
	struct lp_job job;
	atomic_int *running;
	unsigned in, out;
};

static void run_square(struct lp_job *j)
{
	struct square *s = (struct square *)j;

	atomic_fetch_add(s->running, 1);
	s->out = s->in * s->in;
}

static void test_jobs(size_t nthread)
{
	static struct square jobs[NJOBS];
	struct lp_pool pool = {0};
	struct lp_err err = {0};
	atomic_int ran = 0;
	unsigned wrong = 0;

	if (!CHECK(!lp_pool_start(&pool, nthread, &err), "start %zu threads", nthread))
		return;
	for (unsigned i = 0; i < NJOBS; i++) {
		jobs[i] = (struct square){.job.run = run_square, .running = &ran, .in = i};
		lp_pool_put(&pool, &jobs[i].job);
	}
	for (unsigned i = 0; i < NJOBS; i++) {
		lp_pool_wait(&pool, &jobs[i].job);
		wrong += jobs[i].out != i * i;
	}
	CHECK(!wrong && ran == NJOBS, "every job ran once before its wait returned");
	lp_pool_put(&pool, &jobs[2].job);
	lp_pool_wait(&pool, &jobs[2].job);
	CHECK(ran == NJOBS + 1, "a job may be put again");
	for (unsigned i = 0; i < NJOBS; i++)
		lp_pool_put(&pool, &jobs[i].job);
	lp_pool_free(&pool);
	CHECK(ran == 2 * NJOBS + 1, "free finishes what was put");
	lp_pool_free(&pool);
	CHECK(!pool.thread, "free twice");
}

struct ordered {
	struct lp_job job;
	atomic_uint *next;
	unsigned place;
};

static void run_ordered(struct lp_job *j)
{
	struct ordered *o = (struct ordered *)j;

	o->place = atomic_fetch_add(o->next, 1);
}

static void test_order(void)
{
	struct ordered jobs[64];
	struct lp_pool pool = {0};
	struct lp_err err = {0};
	atomic_uint next = 0;
	unsigned wrong = 0;

	if (!CHECK(!lp_pool_start(&pool, 1, &err), "start one thread"))
		return;
	for (unsigned i = 0; i < 64; i++) {
		jobs[i] = (struct ordered){.job.run = run_ordered, .next = &next};
		lp_pool_put(&pool, &jobs[i].job);
	}
	lp_pool_free(&pool);
	for (unsigned i = 0; i < 64; i++)
		wrong += jobs[i].place != i;
	CHECK(!wrong, "jobs start in the order in which they were put");
}

int main(void)
{
	CHECK(lp_processors() >= 1, "there is a processor");
	test_jobs(0);
	test_jobs(1);
	test_jobs(7);
	test_order();
	return test_done();
}
