// SPDX-License-Identifier: MIT
/* run - `lazyconf run`: ask an implementation about vectors and say what is not as expected. */
#include "run/command.h"
#include "run/gate.h"
#include "run/output.h"
#include "run/score.h"
#include "run/selection.h"
#include "run/subject.h"

#include "base/file.h"
#include "base/log.h"
#include "base/pool.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/utsname.h>

#define PROGRAM "lazyconf"

enum mode { MODE_AUTO, MODE_A, MODE_B };

struct args {
	struct lc_about about;
	const char *profile, *results, *gate;
	unsigned mode, form;
	uint64_t seed;
	bool strict;
};

#define AT(member) offsetof(struct args, member)

static const struct lp_option table[] = {
	{"mode", 'm', LP_OPT_CHOICE, AT(mode), "auto|a|b",
	 "a: a process for each vector; b: one that stays (auto: b if it can)"},
	{"seed", 's', LP_OPT_COUNT, AT(seed), "N", "of the order; it is printed (random)"},
	{"profile", 'p', LP_OPT_TEXT, AT(profile), "NAME", "only vectors of this profile"},
	{"results", 'r', LP_OPT_TEXT, AT(results), "FILE", "write results as JSON lines"},
	{"format", 'f', LP_OPT_CHOICE, AT(form), LC_FORMS, "what to print (text)"},
	{"gate", 'g', LP_OPT_TEXT, AT(gate), "FILE", "gates/NAME.lock: any difference fails"},
	{"strict", 0, LP_OPT_FLAG, AT(strict), NULL, "SHOULD counts as MUST"},
	LC_ABOUT_OPTIONS(struct args),
	{0},
};

static const struct lp_usage usage = {
	.program = PROGRAM " run", .operands = "[SELECTOR...]",
	.what = "Ask an implementation about vectors: a format, FORMAT/AREA, a clause or an id.",
	.table = table, .order = LP_OPT_PERMUTE, .least = 0, .most = -1,
};

struct trial {
	const struct args *args;
	struct lc_subject about;
	struct lc_results results;
	bool *chosen;		/* [suite.set.n] */
	size_t *order;		/* [suite.set.n] */
	size_t nchosen, norder;
	uint64_t seed;
};

static void free_trial(struct trial *t)
{
	lc_results_free(&t->results);
	free(t->about.crew.seen);
	free(t->chosen);
	free(t->order);
	lc_subject_free(&t->about);
}

static enum lp_code load(struct trial *t, const struct lc_selection *what, struct lp_err *err)
{
	const struct lc_adapter *a = &t->about.adapter;
	size_t n;

	if (lc_subject_open(&t->about, &t->args->about, err))
		return err->code;
	if (t->args->mode == MODE_B && !a->serve)
		return lp_fail(err, LP_EUSAGE, LP_NO_OFFSET, NULL, "adapter %s has no mode b",
			       a->name);
	n = t->about.suite.set.n + 1;
	t->chosen = calloc(n, sizeof(*t->chosen));
	t->order = calloc(n, sizeof(*t->order));
	t->results.rows = json_array();
	if (!t->chosen || !t->order || !t->results.rows)
		return lp_fail_errno(err, "%zu vectors", n);
	return lc_choose(&t->about.suite.set, what, t->chosen, &t->nchosen, err);
}

static enum lp_code ask(struct trial *t, struct lp_err *err)
{
	struct lc_adapter *a = &t->about.adapter;
	struct lc_suite *suite = &t->about.suite;
	struct lc_crew *c = &t->about.crew;
	uint64_t began;

	if (lc_subject_hello(&t->about, &t->args->about, t->args->mode != MODE_A && a->serve, err))
		return err->code;
	if (lc_score_order(suite, a, t->chosen, t->order, &t->norder, err))
		return lp_within(err, "adapter %s", a->name);
	if (!t->norder)
		return lp_fail(err, LP_EUSAGE, LP_NO_OFFSET, NULL,
			       "adapter %s declares nothing of what is selected", a->name);
	c->seen = calloc(suite->set.n, sizeof(*c->seen));
	if (!c->seen)
		return lp_fail_errno(err, "%zu vectors", suite->set.n);
	c->order = t->order;
	c->n = t->norder;
	lc_crew_shuffle(t->order, c->n, t->seed);
	began = lp_now_ns();
	if (lc_crew_ask(c, err))
		return err->code;
	t->results.vectors_per_s = (double)c->n * 1e9 / (double)(lp_now_ns() - began + 1);
	return lc_score(suite, a, t->chosen, c->seen, &t->results, err);
}

static enum lp_code write_header(struct trial *t, struct lp_err *err)
{
	struct utsname u = {0};

	uname(&u);
	t->results.header = json_pack(
		"{s:s, s:o, s:s, s:s, s:O, s:{s:s, s:s, s:I}, s:I, s:I, s:b, s:b, s:s}", "schema",
		LC_RESULTS_SCHEMA, "suite", lc_suite_version(&t->about.suite), "adapter",
		t->about.adapter.name, "mode", t->about.crew.serve ? "b" : "a", "hello", t->about.adapter.hello,
		"host", "kernel", u.release, "machine", u.machine, "processors",
		(json_int_t)lp_processors(), "seed", (json_int_t)t->seed, "jobs",
		(json_int_t)t->about.crew.nworker, "partial", t->nchosen < t->about.suite.set.n, "strict",
		t->args->strict, "profile", t->args->profile ? t->args->profile : "");
	return t->results.header ? LP_OK : lp_fail(err, LP_ESYSTEM, LP_NO_OFFSET, NULL,
						   "header of the results");
}

static enum lp_code apply_gate(struct trial *t, struct lp_err *err)
{
	LP_AUTO(lc_gate_free) struct lc_gate g = {0};
	bool strict = t->args->strict;
	json_t *row;
	size_t i;

	json_array_foreach(t->results.rows, i, row) {
		json_object_set_new(row, "unexpected",
				    json_boolean(lc_row_unexpected(row, strict)));
	}
	if (!t->args->gate)
		return LP_OK;
	if (lc_gate_load(&g, t->args->gate, err))
		return err->code;
	return lc_gate_apply(&g, &t->about.suite.set, strict, &t->results, err);
}

static enum lp_code save(const struct trial *t, struct lp_err *err)
{
	LP_AUTO(lp_buf_free) struct lp_buf text = {0};

	if (!t->args->results)
		return LP_OK;
	if (lc_results_print(&t->results, &text, err))
		return err->code;
	return lp_file_put(AT_FDCWD, t->args->results, text.p, text.len, err);
}

/* Answers that are none mean that the adapter is wrong, not the implementation. */
static int conclude(const struct trial *t)
{
	struct lc_counts n;
	json_t *row;
	size_t i, bad = 0;

	lc_results_count(&t->results, &n);
	json_array_foreach(t->results.rows, i, row)
		if (lc_row_class(row, "class") == LC_HARNESS && lc_row_true(row, "unexpected") &&
		    !bad++)
			lp_log_say(PROGRAM, "adapter %s: %zu answers that are none, first: %s: %s",
				   t->about.adapter.name, n.class[LC_HARNESS], lc_row_text(row, "id"),
				   lc_row_text(row, "why"));
	return bad ? 2 : n.failed ? 1 : 0;
}

static enum lp_code try_it(struct trial *t, const struct lc_selection *what, struct lp_err *err)
{
	if (load(t, what, err))
		return err->code;
	lp_log_say(PROGRAM, "seed %" PRIu64, t->seed);
	if (ask(t, err) || write_header(t, err) || apply_gate(t, err) || save(t, err) ||
	    lc_output(&t->results, (enum lc_form)t->args->form, stdout, err))
		return err->code;
	if (t->args->form == LC_JUNIT || t->args->form == LC_JSONL)
		lc_output_sums(&t->results, stderr);
	return LP_OK;
}

int lc_cmd_run(int argc, char **argv)
{
	struct args args = {.about = LC_ABOUT_DEFAULT};
	LP_AUTO(free_trial) struct trial t = {.args = &args};
	struct lc_selection what;
	struct lp_err err = {0};
	uint32_t seed = 0;
	int operand, status;

	if (!lp_command_parse(&usage, argc, argv, &args, &operand, &status))
		return status;
	if (!args.seed && getrandom(&seed, sizeof(seed), 0) != sizeof(seed))
		seed = 1;
	t.seed = args.seed ? args.seed : seed | 1;
	what = (struct lc_selection){(const char *const *)(void *)(argv + operand),
				     (size_t)(argc - operand), args.profile};
	return try_it(&t, &what, &err) ? lc_suite_failed(&usage, &err) : conclude(&t);
}
