// SPDX-License-Identifier: MIT
/* run - `lazyconf run`: ask an implementation about vectors and say what is not as expected. */
#include "run/command.h"
#include "run/gate.h"
#include "run/output.h"
#include "run/score.h"
#include "run/selection.h"

#include "base/file.h"
#include "base/log.h"
#include "base/option.h"
#include "base/pool.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/utsname.h>

#define WALL_NS 10000000000	/* ours: the slowest vector takes a tenth of a second */
#define PROGRAM "lazyconf"

enum mode { MODE_AUTO, MODE_A, MODE_B };

struct args {
	const char *adapter, *profile, *results, *gate, *suite, *build, *peers;
	unsigned mode, form;
	uint64_t jobs, seed, wall_ns;
	bool strict;
};

#define AT(member) offsetof(struct args, member)

static const struct lp_option table[] = {
	{"adapter", 'a', LP_OPT_TEXT, AT(adapter), "FILE|NAME",
	 "adapter.json, or a name below adapters/ (lazypull)"},
	{"mode", 'm', LP_OPT_CHOICE, AT(mode), "auto|a|b",
	 "a: a process for each vector; b: one that stays (auto: b if it can)"},
	{"jobs", 'j', LP_OPT_COUNT, AT(jobs), "N", "adapters at a time (one per processor)"},
	{"seed", 's', LP_OPT_COUNT, AT(seed), "N", "of the order; it is printed (random)"},
	{"profile", 'p', LP_OPT_TEXT, AT(profile), "NAME", "only vectors of this profile"},
	{"results", 'r', LP_OPT_TEXT, AT(results), "FILE", "write results as JSON lines"},
	{"format", 'f', LP_OPT_CHOICE, AT(form), LC_FORMS, "what to print (text)"},
	{"gate", 'g', LP_OPT_TEXT, AT(gate), "FILE", "gates/NAME.lock: any difference fails"},
	{"strict", 0, LP_OPT_FLAG, AT(strict), NULL, "SHOULD counts as MUST"},
	{"timeout", 't', LP_OPT_NS, AT(wall_ns), "TIME", "for one answer (10s)"},
	{"suite", 0, LP_OPT_TEXT, AT(suite), "DIR", "with recipes/ and clauses/ (conformance)"},
	{"build", 0, LP_OPT_TEXT, AT(build), "DIR", "$BUILD of adapters (where lazyconf is)"},
	{"peers", 0, LP_OPT_TEXT, AT(peers), "DIR", "$PEERS (~/.cache/lazypull/peers/bin)"},
	{0},
};

static const struct lp_usage usage = {
	.program = PROGRAM " run", .operands = "[SELECTOR...]",
	.what = "Ask an implementation about vectors: a format, FORMAT/AREA, a clause or an id.",
	.table = table, .order = LP_OPT_PERMUTE, .least = 0, .most = -1,
};

struct trial {
	const struct args *args;
	struct lc_suite suite;
	struct lc_adapter adapter;
	struct lc_crew crew;
	struct lc_results results;
	bool *chosen;		/* [suite.set.n] */
	size_t *order;		/* [suite.set.n] */
	size_t nchosen, norder;
	uint64_t seed;
};

static void free_trial(struct trial *t)
{
	lc_crew_free(&t->crew);
	lc_results_free(&t->results);
	lc_adapter_free(&t->adapter);
	free(t->crew.seen);
	free(t->chosen);
	free(t->order);
	lc_suite_free(&t->suite);
}

static enum lp_code load(struct trial *t, const struct lc_selection *what, struct lp_err *err)
{
	char program[PATH_MAX], peers[PATH_MAX];
	struct lc_where where;
	size_t n;

	lc_suite_program_dir(program);
	lc_suite_peers_dir(peers);
	if (lc_suite_load(&t->suite, t->args->suite, err))
		return err->code;
	where = (struct lc_where){t->suite.dir, t->args->build ? t->args->build : program,
				  t->args->peers ? t->args->peers : peers};
	if (lc_adapter_load(&t->adapter, t->args->adapter, &where, err))
		return err->code;
	if (t->args->mode == MODE_B && !t->adapter.serve)
		return lp_fail(err, LP_EUSAGE, LP_NO_OFFSET, NULL, "adapter %s has no mode b",
			       t->adapter.name);
	n = t->suite.set.n + 1;
	t->chosen = calloc(n, sizeof(*t->chosen));
	t->order = calloc(n, sizeof(*t->order));
	t->results.rows = json_array();
	if (!t->chosen || !t->order || !t->results.rows)
		return lp_fail_errno(err, "%zu vectors", n);
	return lc_choose(&t->suite.set, what, t->chosen, &t->nchosen, err);
}

static enum lp_code ask(struct trial *t, struct lp_err *err)
{
	struct lc_crew *c = &t->crew;
	uint64_t began;

	*c = (struct lc_crew){
		.adapter = &t->adapter, .set = &t->suite.set, .recipes = t->suite.recipes,
		.serve = t->args->mode != MODE_A && t->adapter.serve, .wall_ns = t->args->wall_ns,
		.nworker = t->args->jobs ? t->args->jobs : lp_processors(), .order = t->order,
	};
	if (lc_crew_hello(c, err) || lc_score_order(&t->suite, &t->adapter, t->chosen, t->order,
						    &t->norder, err))
		return lp_within(err, "adapter %s", t->adapter.name);
	if (!t->norder)
		return lp_fail(err, LP_EUSAGE, LP_NO_OFFSET, NULL,
			       "adapter %s declares nothing of what is selected", t->adapter.name);
	c->seen = calloc(t->suite.set.n, sizeof(*c->seen));
	if (!c->seen)
		return lp_fail_errno(err, "%zu vectors", t->suite.set.n);
	c->n = t->norder;
	lc_crew_shuffle(t->order, c->n, t->seed);
	began = lp_now_ns();
	if (lc_crew_ask(c, err))
		return err->code;
	t->results.vectors_per_s = (double)c->n * 1e9 / (double)(lp_now_ns() - began + 1);
	return lc_score(&t->suite, &t->adapter, t->chosen, c->seen, &t->results, err);
}

static enum lp_code write_header(struct trial *t, struct lp_err *err)
{
	struct utsname u = {0};

	uname(&u);
	t->results.header = json_pack(
		"{s:s, s:o, s:s, s:s, s:O, s:{s:s, s:s, s:I}, s:I, s:I, s:b, s:b, s:s}", "schema",
		LC_RESULTS_SCHEMA, "suite", lc_suite_version(&t->suite), "adapter",
		t->adapter.name, "mode", t->crew.serve ? "b" : "a", "hello", t->adapter.hello,
		"host", "kernel", u.release, "machine", u.machine, "processors",
		(json_int_t)lp_processors(), "seed", (json_int_t)t->seed, "jobs",
		(json_int_t)t->crew.nworker, "partial", t->nchosen < t->suite.set.n, "strict",
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
	return lc_gate_apply(&g, &t->suite.set, strict, &t->results, err);
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
				   t->adapter.name, n.class[LC_HARNESS], lc_row_text(row, "id"),
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
	struct args args = {.adapter = "lazypull", .wall_ns = WALL_NS};
	LP_AUTO(free_trial) struct trial t = {.args = &args};
	struct lc_selection what;
	struct lp_err err = {0};
	uint32_t seed = 0;
	int operand;
	bool help;

	if (lp_option_parse(&usage, argc, argv, &args, &operand, &help, &err)) {
		lp_log_failure(PROGRAM, &err, false);
		return 2;
	}
	if (help) {
		lp_option_help(&usage, stdout);
		return 0;
	}
	if (!args.seed && getrandom(&seed, sizeof(seed), 0) != sizeof(seed))
		seed = 1;
	t.seed = args.seed ? args.seed : seed | 1;
	what = (struct lc_selection){(const char *const *)(void *)(argv + operand),
				     (size_t)(argc - operand), args.profile};
	if (try_it(&t, &what, &err)) {
		lp_log_failure(PROGRAM, &err, false);
		return lc_suite_exit(err.code);
	}
	return conclude(&t);
}
