// SPDX-License-Identifier: MIT
/* show - `lazybench report`, `systems`, `workloads` and, until it has its statistics, `gate`. */
#include "command.h"
#include "experiment/bars.h"
#include "experiment/counts.h"
#include "experiment/report.h"
#include "measure/record.h"
#include "system/containerd.h"

#include "base/log.h"
#include "base/option.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

struct args {
	const char *lazypull, *peers, *corpora, *base, *head;
	bool json, data;
};

#define AT(member) offsetof(struct args, member)

static const struct lp_option report_table[] = {
	{"json", 0, LP_OPT_FLAG, AT(json), NULL, "one JSON object"},
	{"data", 0, LP_OPT_FLAG, AT(data), NULL, "tab-separated, for plots"},
	{"baseline", 0, LP_OPT_TEXT, AT(base), "SYSTEM", "of the ratios (ref/oci/extract)"},
	{0},
};

static const struct lp_option systems_table[] = {
	{"json", 0, LP_OPT_FLAG, AT(json), NULL, "one JSON object a line"},
	{"lazypull", 0, LP_OPT_TEXT, AT(lazypull), "FILE", "(the one beside lazybench)"},
	{"peers", 0, LP_OPT_TEXT, AT(peers), "DIR",
	 "programs of others (~/.cache/lazypull/peers/bin)"},
	{0},
};

static const struct lp_option workloads_table[] = {
	{"json", 0, LP_OPT_FLAG, AT(json), NULL, "one JSON object a line"},
	{"corpora", 0, LP_OPT_TEXT, AT(corpora), "DIR", "(build/corpora)"},
	{0},
};

static const struct lp_option gate_table[] = {
	{"base", 0, LP_OPT_TEXT, AT(base), "SYSTEM|FILE", "what it was"},
	{"head", 0, LP_OPT_TEXT, AT(head), "SYSTEM|FILE", "what it is"},
	{0},
};

static const struct lp_usage report_usage = {
	"lazybench report", "FILE...", "Print what results files say.", report_table,
	LP_OPT_PERMUTE, 1, -1,
};
static const struct lp_usage systems_usage = {
	"lazybench systems", "", "List the systems under test, and what is missing.",
	systems_table, LP_OPT_PERMUTE, 0, 0,
};
static const struct lp_usage workloads_usage = {
	"lazybench workloads", "", "List the images of the corpora and their tasks.",
	workloads_table, LP_OPT_PERMUTE, 0, 0,
};
static const struct lp_usage gate_usage = {
	"lazybench gate", "", "Has it become slower?", gate_table, LP_OPT_PERMUTE, 0, 0,
};

static int end(enum lp_code code, const struct lp_err *err)
{
	if (code)
		lp_log_failure("lazybench", err, false);
	return lp_exit_status(code);
}

/* False: there is nothing left to do, and @status is what to return. */
static bool parse(const struct lp_usage *u, int argc, char **argv, struct args *a, int *operand,
		  int *status)
{
	struct lp_err err;
	bool help = false;
	enum lp_code code = lp_option_parse(u, argc, argv, a, operand, &help, &err);

	*status = end(code, &err);
	if (!code && help)
		lp_option_help(u, stdout);
	return !code && !help;
}

static void print_line(json_t *o)
{
	LP_AUTO(lp_json_free) json_t *own = o;
	LP_AUTO(lp_buf_free) struct lp_buf text = {0};
	struct lp_err err;

	if (!lp_json_print(own, &text, (size_t)1 << 20, &err))
		printf("%.*s\n", (int)text.len, (const char *)text.p);
}

static enum lp_code report(const struct args *a, const char *path, bool *more,
			   struct lp_err *err)
{
	LP_AUTO(lp_json_free) json_t *lines = NULL;
	LP_AUTO(lb_summary_free) struct lb_summary s = {0};

	if (lb_record_load(path, &lines, err))
		return err->code;
	if (lb_bars_are(lines))
		return a->json ? lb_bars_json(lines, stdout, err) :
				 lb_bars_table(lines, stdout, err);
	if (lb_counts_are(lines))
		return a->json ? lb_counts_json(lines, stdout, err) :
				 lb_counts_table(lines, stdout, err);
	if (lb_summary_make(lines, a->base ? a->base : LB_BASELINE_SYSTEM, &s, err))
		return err->code;
	if (a->json)
		return lb_report_json(&s, stdout, err);
	if (a->data)
		lb_report_data(&s, more, stdout);
	else
		lb_report_table(&s, stdout);
	return LP_OK;
}

int lb_cmd_report(int argc, char **argv)
{
	struct args a = {0};
	struct lp_err err;
	int operand, status;
	bool more = false;

	if (!parse(&report_usage, argc, argv, &a, &operand, &status))
		return status;
	for (int i = operand; i < argc; i++)
		if (report(&a, argv[i], &more, &err))
			return end(err.code, &err);
	return 0;
}

static void print_system(const char *name, const char *what, const char *bring, bool json)
{
	json_t *o = json ? json_object() : NULL;

	if (!json) {
		printf("%-32s %-8s %s\n", name, bring ? "absent" : "ready", bring ? bring : what);
		return;
	}
	lb_set_word(o, "name", name);
	lb_set_word(o, "what", what);
	json_object_set_new(o, "ready", json_boolean(!bring));
	lb_set_word(o, "bring", bring);
	print_line(o);
}

int lb_cmd_systems(int argc, char **argv)
{
	struct args a = {0};
	struct lb_programs programs;
	const struct lb_system *s;
	int operand, status;

	if (!parse(&systems_usage, argc, argv, &a, &operand, &status))
		return status;
	lb_programs_find(&programs, a.lazypull, a.peers);
	for (size_t i = 0; (s = lb_system_at(i)); i++)
		print_system(s->name, s->what, s->family->missing(&programs), a.json);
	print_system("containerd", "containerd, stargz-snapshotter and esgz: for contests",
		     lb_containerd_missing(&programs), a.json);
	return 0;
}

static void print_workload(const struct lb_workload *w, bool json)
{
	for (size_t i = 0; i < w->ntask; i++) {
		json_t *o = json ? json_object() : NULL;
		char ready[200];

		lb_task_ready_text(&w->task[i], ready, sizeof(ready));
		if (!json) {
			printf("%-24s %-8s %s%s\n", w->name, w->task[i].name, ready,
			       i ? "" : "  (recorded)");
			continue;
		}
		lb_set_word(o, "image", w->name);
		lb_set_word(o, "task", w->task[i].name);
		lb_set_word(o, "ready", ready);
		json_object_set_new(o, "recorded", json_boolean(!i));
		print_line(o);
	}
}

static enum lp_code list_workloads(const struct args *a, struct lp_err *err)
{
	const char *corpora = a->corpora ? a->corpora : "build/corpora";
	struct dirent **entry;
	int n = scandir(corpora, &entry, NULL, alphasort);
	enum lp_code code = LP_OK;

	if (n < 0)
		return lp_fail(err, LP_EMISSING, LP_NO_OFFSET, NULL,
			       "%s is not there: corpora/make.py makes it", corpora);
	for (int i = 0; i < n; i++) {
		LP_AUTO(lb_workload_free) struct lb_workload w = {.ntask = 0};
		char *dot = strrchr(entry[i]->d_name, '.');

		if (!code && dot && !strcmp(dot, ".json")) {
			*dot = '\0';
			code = lb_workload_load(&w, corpora, entry[i]->d_name, err);
			if (!code)
				print_workload(&w, a->json);
		}
		free(entry[i]);
	}
	free(entry);
	return code;
}

int lb_cmd_workloads(int argc, char **argv)
{
	struct args a = {0};
	struct lp_err err;
	int operand, status;

	if (!parse(&workloads_usage, argc, argv, &a, &operand, &status))
		return status;
	return end(list_workloads(&a, &err), &err);
}

int lb_cmd_gate(int argc, char **argv)
{
	struct args a = {0};
	int operand, status;

	if (!parse(&gate_usage, argc, argv, &a, &operand, &status))
		return status;
	if (!a.base || !a.head) {
		lp_log_say("lazybench", "give --base and --head: a system, or a results file");
		return 2;
	}
	lp_log_say("lazybench", "the gate's statistics are not there yet: nothing was compared");
	return 3;
}
