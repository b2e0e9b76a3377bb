// SPDX-License-Identifier: MIT
#include "experiment/contest.h"

#include "base/file.h"
#include "base/log.h"
#include "measure/cold.h"
#include "measure/schedule.h"

#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const sides[] = {"ours", "theirs"};

bool lb_contest_chosen(const struct lb_run_options *o, const char *contest)
{
	for (size_t i = 0; i < o->contests.n; i++)
		if (!strcmp(o->contests.text[i], contest))
			return true;
	return !o->contests.n;
}

static json_t *bars_json(const struct lb_bar *b, const struct lb_run_options *options)
{
	json_t *list = json_array();

	for (; b->contest; b++) {
		json_t *o;

		if (!lb_contest_chosen(options, b->contest))
			continue;
		o = json_object();

		lb_set_word(o, "contest", b->contest);
		lb_set_word(o, "metric", b->metric);
		lb_set_number(o, "ratio_ppm", b->ratio_ppm);
		lb_set_number(o, "low_ppm", b->low_ppm);
		lb_set_number(o, "most", b->most);
		lb_set_word(o, "note", b->note);
		json_array_append_new(list, o);
	}
	return list;
}

static json_t *words_json(const char *const *word)
{
	json_t *list = json_array();

	for (; *word; word++)
		json_array_append_new(list, json_string(*word));
	return list;
}

static json_t *plan_of(const struct lb_contests *c, const struct lb_run_options *o)
{
	json_t *plan = json_object(), *list = json_array();

	for (size_t i = 0; i < c->n; i++)
		if (lb_contest_chosen(o, c->name[i]))
			json_array_append_new(list, json_string(c->name[i]));
	json_object_set_new(plan, "contests", list);
	if (c->bar) {
		json_object_set_new(plan, "bars", bars_json(c->bar, o));
	} else {
		json_object_set_new(plan, "count", words_json(c->count));
		json_object_set_new(plan, "zero", words_json(c->zero));
	}
	return plan;
}

static void show(const struct lb_run_options *o, uint64_t round, const json_t *line)
{
	fprintf(stderr, "round %" PRIu64 "/%" PRIu64 "  %-24s ", round + 1, o->n + o->warmup,
		lb_word(line, "cell"));
	if (!json_is_true(json_object_get(line, "valid")))
		fprintf(stderr, "INVALID: %s\n", lb_word(line, "why"));
	else if (lb_number(line, "wall_ns"))
		fprintf(stderr, "%.1f ms\n", (double)lb_number(line, "wall_ns") / 1e6);
	else
		fputs("done\n", stderr);
}

/* In a round, job number @at is of contest at / sides, side at % sides. */
static size_t sides_of(const struct lb_contests *c)
{
	return c->bar ? 2 : 1;
}

static enum lp_code one(const struct lb_contests *c, struct lb_session *s,
			const struct lb_run_options *o, uint64_t round, size_t at,
			struct lp_err *err)
{
	LP_AUTO(lp_json_free) json_t *line = json_object();
	size_t contest = at / sides_of(c), side = at % sides_of(c);
	char cell[100];
	enum lp_code code;

	snprintf(cell, sizeof(cell), "%s %s", c->name[contest], sides[side]);
	if (lb_session_has(s, "measure", cell, round))
		return LP_OK;
	/* What earlier jobs wrote must not be written while this one is measured. */
	sync();
	lb_set_number(line, "round", round);
	code = c->job(c->experiment, contest, (enum lb_side)side, line, err);
	if (code == LP_ESYSTEM)
		return lp_within(err, "%s", cell);
	json_object_set_new(line, "valid", json_boolean(!code));
	lb_set_word(line, "why", code ? err->msg : NULL);
	lb_set_word(line, "kind", "measure");
	lb_set_word(line, "cell", cell);
	lb_set_word(line, "contest", c->name[contest]);
	lb_set_word(line, "side", sides[side]);
	json_object_set_new(line, "warmup", json_boolean(round < o->warmup));
	show(o, round, line);
	return lb_record_add(&s->record, json_incref(line), err);
}

static bool is_known(const struct lb_contests *c, const char *contest)
{
	for (size_t i = 0; i < c->n; i++)
		if (!strcmp(c->name[i], contest))
			return true;
	return false;
}

enum lp_code lb_contests_check(const struct lb_contests *c, const struct lb_run_options *o,
			       struct lp_err *err)
{
	for (size_t i = 0; i < o->contests.n; i++)
		if (!is_known(c, o->contests.text[i]))
			return lp_fail(err, LP_EUSAGE, LP_NO_OFFSET, NULL,
				       "no contest is called \"%s\"", o->contests.text[i]);
	return LP_OK;
}

enum lp_code lb_contests_run(const struct lb_contests *c, struct lb_session *s,
			     const struct lb_lab *l, const struct lb_run_options *o,
			     struct lp_err *err)
{
	size_t order[2 * LB_CONTESTS_MAX], jobs = sides_of(c) * c->n;

	if (lb_contest_clear(l, err) || lb_session_begin(s, l, o, plan_of(c, o), err))
		return err->code;
	lp_log_say("lazybench", "%zu contests, %" PRIu64 " rounds and %" PRIu64
		   " to warm up; results in %s", c->n, o->n, o->warmup, s->record.path);
	for (uint64_t round = 0; round < o->warmup + o->n; round++) {
		lb_schedule(o->seed, round, order, jobs);
		for (size_t i = 0; i < jobs; i++)
			if (lb_contest_chosen(o, c->name[order[i] / sides_of(c)]) &&
			    one(c, s, o, round, order[i], err))
				return err->code;
	}
	return lb_contest_clear(l, err);
}

void lb_contest_add(json_t *o, const char *key, uint64_t more)
{
	lb_set_number(o, key, lb_number(o, key) + more);
}

enum lp_code lb_contest_fresh(const struct lb_lab *l, char out[static LB_PATH],
			      struct lp_err *err)
{
	char parent[LB_PATH];

	lb_lab_path(l, "stores/contest", parent);
	lb_path(out, "%.990s/XXXXXX", parent);
	if (lb_make_directory(parent, err))
		return err->code;
	return mkdtemp(out) ? LP_OK : lp_fail_errno(err, "mkdtemp %s", out);
}

enum lp_code lb_contest_clear(const struct lb_lab *l, struct lp_err *err)
{
	char path[LB_PATH];

	lb_lab_path(l, "stores/contest", path);
	return lb_remove_tree(path, err);
}

/* Read what it says, and throw it away, until it has ended; false: it took too long. */
static bool let_run(struct lb_process *p, uint64_t timeout_ns)
{
	uint64_t end_ns = lp_now_ns() + timeout_ns;
	char block[4096];

	for (;;) {
		struct pollfd fds[] = {{p->pidfd, POLLIN, 0}, {p->out, POLLIN, 0}};

		poll(fds, 2, 100);
		if (fds[1].revents && read(p->out, block, sizeof(block)) == 0)
			lp_fd_close(&p->out);
		if (fds[0].revents)
			return true;
		if (lp_now_ns() > end_ns)
			return false;
	}
}

enum lp_code lb_contest_time(const struct lb_lab *l, const struct lb_args *a, json_t *out,
			     struct lp_err *err)
{
	LP_AUTO(lb_process_free) struct lb_process p;
	struct lb_cost cost = {0};
	uint64_t begin_ns = lp_now_ns();
	char words[LB_PATH];
	bool in_time;
	int status;

	lb_lab_path(l, "stderr", words);
	if (lb_process_start(&p, a, words, false, err))
		return err->code;
	in_time = let_run(&p, l->timeout_ns);
	if (!in_time)
		kill(-p.pid, SIGKILL);
	status = lb_process_end(&p, &cost);
	lb_contest_add(out, "wall_ns", lp_now_ns() - begin_ns);
	lb_contest_add(out, "user_us", cost.user_us);
	lb_contest_add(out, "system_us", cost.system_us);
	if (cost.rss_kib > lb_number(out, "rss_kib"))
		lb_set_number(out, "rss_kib", cost.rss_kib);
	if (!in_time || status)
		return lp_fail(err, LP_EREMOTE, LP_NO_OFFSET, NULL, "%s %s: %s %d; see %s", a->v[0],
			       a->n > 1 ? a->v[1] : "", in_time ? "status" : "timeout", status,
			       words);
	return LP_OK;
}
