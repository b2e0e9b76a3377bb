// SPDX-License-Identifier: MIT
#include "run/command.h"

#include "base/command.h"
#include "run/manifest.h"
#include "run/pins.h"
#include "run/selection.h"
#include "run/sizes.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

struct args {
	const char *recipes, *list, *out;
	bool check, record;
};

static const struct lp_option table[] = {
	{"recipes", 0, LP_OPT_TEXT, offsetof(struct args, recipes), "DIR",
	 "where they are (" LC_RECIPES ")"},
	{"list", 0, LP_OPT_TEXT, offsetof(struct args, list), "FILE",
	 "what they must give (" LC_LIST ")"},
	{"out", 0, LP_OPT_TEXT, offsetof(struct args, out), "DIR",
	 "write inputs, manifests and trees there"},
	{"check", 0, LP_OPT_FLAG, offsetof(struct args, check), NULL,
	 "fail where the list says something else"},
	{"record", 0, LP_OPT_FLAG, offsetof(struct args, record), NULL, "write the list"},
	{0},
};

static const struct lp_usage usage = {
	.program = "lazyconf gen",
	.operands = "[FORMAT|FORMAT/AREA|ID|PREFIX*...]",
	.what = "make the vectors, and say how many and how large they are",
	.table = table,
	.order = LP_OPT_PERMUTE,
	.least = 0,
	.most = -1,
};

static enum lp_code write_one(const struct gen_vector *v, const struct args *a, struct lp_err *err)
{
	LP_AUTO(gen_free) struct gen_set one = {0};
	char why[256];

	if (!v->huge)
		return lc_manifest_write(v, v->tree, a->out, err);
	if (gen_bytes(&one, v, a->recipes, why, sizeof(why)))
		return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, NULL, "%s", why);
	return lc_manifest_write(&one.v[0], v->tree, a->out, err);
}

static enum lp_code summary(const struct gen_set *set, struct lp_err *err)
{
	struct lc_sizes is;

	if (lc_sizes(set, &is, err))
		return err->code;
	printf("%zu vectors, %" PRIu64 " bytes, median %" PRIu64 "; %zu above 1 MiB\n", set->n,
	       is.kept, is.median, is.huge);
	return LP_OK;
}

/* @differ: how many vectors are not as the list says. */
static enum lp_code run(const struct args *a, char **selector, size_t n, size_t *differ,
			struct lp_err *err)
{
	const struct lc_selection what = {(const char *const *)(void *)selector, n, NULL};
	LP_AUTO(gen_free) struct gen_set set = {0};

	if (a->record && (n || a->check))
		return lp_fail(err, LP_EUSAGE, LP_NO_OFFSET, NULL,
			       "--record takes all vectors, and no --check");
	if (lc_select(&set, a->recipes, &what, err))
		return err->code;
	for (size_t i = 0; a->out && i < set.n; i++)
		if (write_one(&set.v[i], a, err))
			return lp_within(err, "%s", set.v[i].id);
	if (a->record && lc_pins_write(&set, a->list, err))
		return err->code;
	if (a->check && lc_pins_check(&set, a->list, !n, differ, err))
		return err->code;
	return summary(&set, err);
}

int lc_cmd_gen(int argc, char **argv)
{
	struct args a = {.recipes = LC_RECIPES, .list = LC_LIST};
	struct lp_err err = {0};
	size_t differ = 0;
	int first, status;
	enum lp_code code;

	if (!lp_command_parse(&usage, argc, argv, &a, &first, &status))
		return status;
	code = run(&a, argv + first, (size_t)(argc - first), &differ, &err);
	status = lp_command_end(&usage, code, &err, false);
	return code ? status : differ > 0;
}
