// SPDX-License-Identifier: MIT
#include "run/command.h"

#include "base/command.h"
#include "run/selection.h"

#include <stdio.h>

struct args {
	const char *recipes;
};

static const struct lp_option table[] = {
	{"recipes", 0, LP_OPT_TEXT, offsetof(struct args, recipes), "DIR",
	 "where they are (" LC_RECIPES ")"},
	{0},
};

static const struct lp_usage usage = {
	.program = "lazyconf list",
	.operands = "[FORMAT|FORMAT/AREA|ID|PREFIX*...]",
	.what = "list the vectors: id, format, operation, verdict, title",
	.table = table,
	.order = LP_OPT_PERMUTE,
	.least = 0,
	.most = -1,
};

static enum lp_code run(const struct args *a, char **selector, size_t n, struct lp_err *err)
{
	const struct lc_selection what = {(const char *const *)(void *)selector, n, NULL};
	LP_AUTO(gen_free) struct gen_set set = {0};

	if (lc_select(&set, a->recipes, &what, err))
		return err->code;
	for (size_t i = 0; i < set.n; i++)
		printf("%s\t%s\t%s\t%s\t%s\n", set.v[i].id, set.v[i].format, set.v[i].op,
		       set.v[i].verdict, set.v[i].title);
	return LP_OK;
}

int lc_cmd_list(int argc, char **argv)
{
	struct args a = {.recipes = LC_RECIPES};
	struct lp_err err = {0};
	int first, status;

	if (!lp_command_parse(&usage, argc, argv, &a, &first, &status))
		return status;
	return lp_command_end(&usage, run(&a, argv + first, (size_t)(argc - first), &err), &err,
			      false);
}
