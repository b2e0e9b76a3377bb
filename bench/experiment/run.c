// SPDX-License-Identifier: MIT
/* run - `lazybench run`: which experiment, on what, how often. */
#include "command.h"
#include "experiment/bars.h"
#include "experiment/convert.h"
#include "experiment/counts.h"
#include "experiment/economy.h"
#include "experiment/faults.h"
#include "experiment/hello.h"
#include "experiment/nydus.h"
#include "experiment/report.h"
#include "experiment/scan.h"

#include "base/log.h"

#include <stdlib.h>
#include <string.h>

#define DEFAULT_N 100
#define CONTEST_N 6		/* the fewest that have an interval */
#define SCAN_N 10		/* what its bars are about */
#define FAULTS_N 10		/* 200 dead workers, 50 keepers, 20 watchdogs */
#define QUICK_N 20
#define SMOKE_N 5

struct args {
	struct lb_run_options run;
	struct lp_option_list knobs;
	bool quick, smoke, no_report;
};

#define AT(member) offsetof(struct args, member)

static const struct lp_option table[] = {
	{"experiment", 'e', LP_OPT_TEXT, AT(run.experiment), "NAME",
	 "hello (the default); contests with others: convert, economy, nydus, scan; faults"},
	{"system", 's', LP_OPT_LIST, AT(run.systems), "NAME", "one of lazybench systems (all)"},
	{"task", 't', LP_OPT_LIST, AT(run.tasks), "NAME", "a task, or all (the first one)"},
	{"contest", 'c', LP_OPT_LIST, AT(run.contests), "NAME",
	 "one of the experiment's contests (all)"},
	{"rounds", 'n', LP_OPT_COUNT, AT(run.n), "N",
	 "runs of each cell (100; of contests 6, of faults 10)"},
	{"warmup", 0, LP_OPT_COUNT, AT(run.warmup), "N", "rounds before that (3; of contests 1)"},
	{"quick", 'q', LP_OPT_FLAG, AT(quick), NULL, "20 rounds, 1 to warm up"},
	{"smoke", 0, LP_OPT_FLAG, AT(smoke), NULL, "5 rounds: does it work?  No percentiles"},
	{"seed", 0, LP_OPT_COUNT, AT(run.seed), "N", "of the order within rounds (1)"},
	{"registry", 0, LP_OPT_TEXT, AT(run.lab.registry), "HOST/NAMESPACE",
	 "images from there, as make publish puts them (the embedded one)"},
	{"knob", 'k', LP_OPT_LIST, AT(knobs), "NAME[=VALUE]",
	 "of the embedded registry: delay=20 is a link of 20 ms"},
	{"results", 0, LP_OPT_TEXT, AT(run.results), "DIR", "where results go (results)"},
	{"resume", 0, LP_OPT_TEXT, AT(run.resume), "FILE", "go on with this session"},
	{"work", 0, LP_OPT_TEXT, AT(run.lab.work), "DIR", "stores and images (build/bench)"},
	{"corpora", 0, LP_OPT_TEXT, AT(run.lab.corpora), "DIR", "(build/corpora)"},
	{"lazypull", 0, LP_OPT_TEXT, AT(run.lab.lazypull), "FILE", "(the one beside lazybench)"},
	{"peers", 0, LP_OPT_TEXT, AT(run.lab.peers), "DIR",
	 "programs of others (~/.cache/lazypull/peers/bin)"},
	{"timeout", 0, LP_OPT_NS, AT(run.lab.timeout_ns), "TIME", "of one run (2m)"},
	{"no-report", 0, LP_OPT_FLAG, AT(no_report), NULL, "do not print the table"},
	{0},
};

static const struct lp_usage usage = {
	"lazybench run", "[IMAGE...]", "Measure how images (python) start, cold.", table,
	LP_OPT_PERMUTE, 0, -1,
};

static const struct experiment {
	const char *name;
	enum lp_code (*run)(struct lb_session *s, struct lb_run_options *o, struct lp_err *err);
	uint64_t n, warmup;
} experiments[] = {
	{"hello", lb_hello, DEFAULT_N, 3},
	{"convert", lb_convert, CONTEST_N, 1},
	{"economy", lb_economy, CONTEST_N, 1},
	{"nydus", lb_nydus, CONTEST_N, 1},
	{"scan", lb_scan, SCAN_N, 1},
	{"faults", lb_faults, FAULTS_N, 0},
};

static enum lp_code choose(const struct lb_run_options *o, const struct experiment **out,
			   struct lp_err *err)
{
	for (size_t i = 0; i < sizeof(experiments) / sizeof(experiments[0]); i++) {
		*out = &experiments[i];
		if (!strcmp(o->experiment, (*out)->name))
			return LP_OK;
	}
	return lp_fail(err, LP_EUSAGE, LP_NO_OFFSET, NULL, "no experiment is called \"%s\"",
		       o->experiment);
}

static void set_rounds(struct args *a, const struct experiment *e)
{
	bool few = a->smoke || a->quick;

	if (!a->run.n)
		a->run.n = few && e->n == DEFAULT_N ? (a->smoke ? SMOKE_N : QUICK_N) : e->n;
	if (a->run.warmup == UINT64_MAX)
		a->run.warmup = few ? 1 : e->warmup;
}

static void set_defaults(struct args *a, int argc, char **argv, int operand)
{
	struct lb_run_options *o = &a->run;

	o->lab.knobs = &a->knobs;
	o->argc = argc;
	o->argv = argv;
	if (!o->experiment)
		o->experiment = "hello";
	if (!o->seed)
		o->seed = 1;
	for (int i = operand; i < argc && o->images.n < LP_OPTION_LIST; i++)
		o->images.text[o->images.n++] = argv[i];
	if (!o->images.n)
		o->images.text[o->images.n++] = "python";
}

static enum lp_code report(const char *path, struct lp_err *err)
{
	LP_AUTO(lp_json_free) json_t *lines = NULL;
	LP_AUTO(lb_summary_free) struct lb_summary s = {0};

	if (lb_record_load(path, &lines, err))
		return err->code;
	if (lb_bars_are(lines))
		return lb_bars_table(lines, stdout, err);
	if (lb_counts_are(lines))
		return lb_counts_table(lines, stdout, err);
	if (lb_summary_make(lines, LB_BASELINE_SYSTEM, &s, err))
		return err->code;
	lb_report_table(&s, stdout);
	return LP_OK;
}

static enum lp_code run(struct args *a, struct lp_err *err)
{
	LP_AUTO(lb_session_free) struct lb_session s = {.record = {.fd = -1}};
	const struct experiment *e;

	if (choose(&a->run, &e, err))
		return err->code;
	set_rounds(a, e);
	if (lb_session_load(&s, &a->run, err) || e->run(&s, &a->run, err))
		return err->code;
	if (a->no_report)
		return LP_OK;
	return report(s.record.path, err);
}

int lb_cmd_run(int argc, char **argv)
{
	struct args a = {.run.warmup = UINT64_MAX};
	struct lp_err err;
	int operand;
	bool help;

	if (!lp_option_parse(&usage, argc, argv, &a, &operand, &help, &err)) {
		if (help) {
			lp_option_help(&usage, stdout);
			return 0;
		}
		set_defaults(&a, argc, argv, operand);
		if (!run(&a, &err))
			return 0;
	}
	lp_log_failure("lazybench", &err, false);
	return lp_exit_status(err.code);
}
