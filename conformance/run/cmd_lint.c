// SPDX-License-Identifier: MIT
/* lint - `lazyconf lint`: what must hold of the suite itself. */
#include "run/command.h"
#include "run/lint.h"
#include "run/pins.h"

#include <stdio.h>
#include <unistd.h>

#define PROGRAM "lazyconf"
#define SOURCES "ref"

struct args {
	const char *suite, *sources, *list;
	bool clauses;
};

#define AT(member) offsetof(struct args, member)

static const struct lp_option table[] = {
	{"suite", 0, LP_OPT_TEXT, AT(suite), "DIR", "with recipes/ and clauses/ (conformance)"},
	{"ref", 0, LP_OPT_TEXT, AT(sources), "DIR",
	 "C sources that name clauses (" SOURCES ", where there is one)"},
	{"list", 0, LP_OPT_TEXT, AT(list), "FILE", "pins (SUITE/lists/v1.0.list)"},
	{"clauses", 0, LP_OPT_FLAG, AT(clauses), NULL, "only the clauses, and who names them"},
	{0},
};

static const struct lp_usage usage = {
	.program = PROGRAM " lint", .operands = "",
	.what = "Fail where the suite is not as it must be.",
	.table = table, .order = LP_OPT_PERMUTE, .least = 0, .most = 0,
};

static enum lp_code lint_pins(const struct lc_suite *s, const char *list, size_t *bad,
			      struct lp_err *err)
{
	char path[PATH_MAX + 32];
	size_t different;

	snprintf(path, sizeof(path), "%s/lists/v1.0.list", s->dir);
	if (lc_pins_check(&s->set, list ? list : path, true, &different, err))
		return err->code;
	*bad += different;
	return LP_OK;
}

static enum lp_code lint(const struct args *a, size_t *bad, struct lp_err *err)
{
	const char *sources = a->sources || access(SOURCES, R_OK) ? a->sources : SOURCES;
	LP_AUTO(lc_suite_free) struct lc_suite s = {0};

	if (lc_suite_load(&s, a->suite, err))
		return err->code;
	*bad = lc_lint_clauses(&s.clauses, sources);
	if (a->clauses)
		return LP_OK;
	*bad += lc_lint_vectors(&s) + lc_lint_coverage(&s) + lc_lint_sizes(&s);
	if (lint_pins(&s, a->list, bad, err))
		return err->code;
	printf("%zu clauses, %zu vectors, %zu complaints\n", s.clauses.n, s.set.n, *bad);
	return LP_OK;
}

int lc_cmd_lint(int argc, char **argv)
{
	struct args args = {0};
	struct lp_err err = {0};
	int operand, status;
	size_t bad = 0;

	if (!lp_command_parse(&usage, argc, argv, &args, &operand, &status))
		return status;
	return lint(&args, &bad, &err) ? lc_suite_failed(&usage, &err) : bad > 0;
}
