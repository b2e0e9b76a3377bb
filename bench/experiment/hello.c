// SPDX-License-Identifier: MIT
#include "experiment/hello.h"

#include "base/log.h"
#include "experiment/plan.h"
#include "measure/schedule.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* benchmark.md 3.3: more than 2 % invalid runs fail a cell, so there is no use in going on. */
#define INVALID_PER_CENT 2
#define INVALID_LEAST 3		/* a short series gives up only after so many */

struct progress {
	struct lb_plan *plan;
	struct lb_session *session;
	const struct lb_run_options *o;
	struct lb_lab *lab;
	uint64_t begin_ns;
	size_t done, all;		/* runs of this sitting */
	uint64_t invalid[LB_CELLS_MAX];
};

static bool given_up(const struct progress *p, size_t cell)
{
	uint64_t bad = p->invalid[cell];

	return bad >= INVALID_LEAST && bad * 100 > INVALID_PER_CENT * p->o->n;
}

static void show(struct progress *p, uint64_t round, const struct lb_cell *c,
		 const struct lb_trial *t)
{
	uint64_t spent_ns = lp_now_ns() - p->begin_ns;
	uint64_t ready_ns = t->watch.ready_ns - t->watch.begin_ns;
	uint64_t left_s;

	p->done++;
	left_s = spent_ns / p->done * (p->all - p->done) / 1000000000;
	if (t->valid)
		fprintf(stderr, "round %" PRIu64 "/%" PRIu64 "  %-46s %7.1f ms  %" PRIu64
			":%02" PRIu64 " left\n", round + 1, p->o->n + p->o->warmup, c->name,
			(double)ready_ns / 1e6, left_s / 60, left_s % 60);
	else
		fprintf(stderr, "round %" PRIu64 "/%" PRIu64 "  %-46s INVALID: %s\n", round + 1,
			p->o->n + p->o->warmup, c->name, t->why);
}

static enum lp_code one(struct progress *p, uint64_t round, size_t position, size_t cell,
			struct lp_err *err)
{
	LP_AUTO(lb_trial_free) struct lb_trial t = {.valid = false};
	const struct lb_cell *c = &p->plan->cell[cell];
	json_t *line;

	if (given_up(p, cell) || lb_session_has(p->session, "run", c->name, round)) {
		p->all--;
		return LP_OK;
	}
	if (lb_trial_run(p->lab, c, &t, err))
		return err->code;
	line = lb_trial_json(p->lab, &t);
	lb_set_word(line, "kind", "run");
	lb_set_word(line, "cell", c->name);
	lb_set_number(line, "round", round);
	lb_set_number(line, "position", position);
	json_object_set_new(line, "warmup", json_boolean(round < p->o->warmup));
	if (lb_record_add(&p->session->record, line, err))
		return err->code;
	p->invalid[cell] += !t.valid && round >= p->o->warmup;
	show(p, round, c, &t);
	return LP_OK;
}

static enum lp_code rounds(struct progress *p, struct lp_err *err)
{
	size_t order[LB_CELLS_MAX], n = p->plan->ncell;
	uint64_t all = p->o->warmup + p->o->n;

	p->all = (size_t)all * n;
	p->begin_ns = lp_now_ns();
	for (uint64_t round = 0; round < all; round++) {
		lb_schedule(p->o->seed, round, order, n);
		for (size_t i = 0; i < n; i++)
			if (one(p, round, i, order[i], err))
				return err->code;
	}
	return LP_OK;
}

static void free_plan(struct lb_plan **p)
{
	if (*p)
		lb_plan_free(*p);
	free(*p);
}

enum lp_code lb_hello(struct lb_session *s, struct lb_run_options *o, struct lp_err *err)
{
	LP_AUTO(lb_lab_free) struct lb_lab lab = {.registry = {.pidfd = -1}};
	LP_AUTO(free_plan) struct lb_plan *plan = calloc(1, sizeof(*plan));
	struct progress p = {.plan = plan, .session = s, .o = o, .lab = &lab};

	if (!plan)
		return lp_fail_errno(err, "plan");
	if (lb_lab_open(&lab, &o->lab, err) || lb_plan_make(plan, &lab, o, err) ||
	    lb_plan_calibrate(plan, &lab, err) ||
	    lb_session_begin(s, &lab, o, lb_plan_json(plan), err))
		return err->code;
	lp_log_say("lazybench", "%zu cells, %" PRIu64 " rounds and %" PRIu64
		   " to warm up; results in %s", plan->ncell, o->n, o->warmup, s->record.path);
	return rounds(&p, err);
}
