// SPDX-License-Identifier: MIT
#include "run/lint.h"

#include "run/answer.h"
#include "run/results.h"
#include "run/sizes.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MEDIAN_MAX 1024			/* bytes of a vector */
#define SUM_MAX ((uint64_t)3 << 20)	/* bytes of all, deflated: a block of zeros weighs nothing */

size_t lc_lint_complain(const char *fmt, ...)
{
	va_list ap;

	fputs("  FAIL  ", stdout);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
	return 1;
}

static size_t lint_phases(const struct gen_vector *v)
{
	const char *at = v->phase;
	size_t bad = 0;

	while (at && *at) {
		size_t n = strcspn(at, ",");
		char one[32];

		snprintf(one, sizeof(one), "%.*s", (int)n, at);
		if (!lc_phase_order(one))
			bad += lc_lint_complain("%s: no phase: %s", v->id, one);
		at += n + (at[n] == ',');
	}
	return bad;
}

static size_t lint_base(const struct lc_suite *s, const struct gen_vector *v)
{
	const struct gen_vector *base = v->base ? lc_suite_find(s, v->base) : NULL;
	size_t bad = 0;

	if (strcmp(v->verdict, "accept") != 0 && (!v->base || !v->delta))
		bad += lc_lint_complain("%s: %s without base and delta", v->id, v->verdict);
	if (v->base && !base)
		bad += lc_lint_complain("%s: its base %s is no vector", v->id, v->base);
	if (base && strcmp(base->verdict, "accept") != 0)
		bad += lc_lint_complain("%s: its base %s is not to be accepted", v->id, v->base);
	return bad;
}

/* The policies that there are: those of policies.json. */
static json_t *policies(const struct lc_suite *s)
{
	char path[PATH_MAX + 32];
	json_t *list, *ids = json_object(), *o;
	size_t i;

	snprintf(path, sizeof(path), "%s/clauses/policies.json", s->dir);
	list = json_load_file(path, 0, NULL);
	json_array_foreach(list, i, o) {
		json_object_set_new(ids, lc_row_text(o, "id"), json_true());
	}
	json_decref(list);
	return ids;
}

static size_t lint_vector(const struct lc_suite *s, const struct gen_vector *v,
			  const json_t *policy)
{
	size_t bad = lint_phases(v) + lint_base(s, v);

	if (!v->nclause)
		bad += lc_lint_complain("%s: tests no clause", v->id);
	for (size_t i = 0; i < v->nclause; i++)
		if (!lc_clause_find(&s->clauses, v->clause[i]))
			bad += lc_lint_complain("%s: no clause: %s", v->id, v->clause[i]);
	for (size_t i = 0; i < v->ncode; i++)
		if (!lc_clause_find(&s->clauses, v->code[i]))
			bad += lc_lint_complain("%s: no clause: %s (code)", v->id, v->code[i]);
	if (!strcmp(v->verdict, "either") && (!v->policy || (strcmp(v->policy, "local") != 0 &&
							     !json_object_get(policy, v->policy))))
		bad += lc_lint_complain("%s: no policy: %s", v->id, v->policy ? v->policy : "(none)");
	if (v->tree_of && !lc_suite_find(s, v->tree_of))
		bad += lc_lint_complain("%s: tree of %s, which is no vector", v->id, v->tree_of);
	if (!strcmp(v->verdict, "reject") && !v->phase)
		bad += lc_lint_complain("%s: reject without a phase", v->id);
	return bad;
}

size_t lc_lint_vectors(const struct lc_suite *s)
{
	json_t *policy = policies(s);
	size_t bad = 0;

	for (size_t i = 0; i < s->set.n; i++)
		bad += lint_vector(s, &s->set.v[i], policy);
	json_decref(policy);
	return bad;
}

struct cover {
	bool positive, negative;
};

/* Must a vector show it? */
static bool wanted(const struct lc_clause *c)
{
	return lc_clause_must(c) && !c->untestable && (!c->role || !strcmp(c->role, "reader"));
}

static void cover(const struct lc_suite *s, struct cover *all, const struct gen_vector *v)
{
	bool reject = !strcmp(v->verdict, "reject");

	for (size_t i = 0; i < v->nclause; i++) {
		const struct lc_clause *c = lc_clause_find(&s->clauses, v->clause[i]);
		struct cover *at = c ? &all[c - s->clauses.v] : NULL;

		if (!at)
			continue;
		at->negative |= reject;
		at->positive |= !reject || (v->base && lc_suite_find(s, v->base));
	}
}

size_t lc_lint_coverage(const struct lc_suite *s)
{
	struct cover *all = calloc(s->clauses.n + 1, sizeof(*all));
	size_t bad = all ? 0 : lc_lint_complain("memory ran out");

	for (size_t i = 0; all && i < s->set.n; i++)
		cover(s, all, &s->set.v[i]);
	for (size_t i = 0; all && i < s->clauses.n; i++) {
		const struct lc_clause *c = &s->clauses.v[i];

		all[i].negative |= c->only != NULL;
		if (!wanted(c) || (all[i].positive && all[i].negative))
			continue;
		bad += lc_lint_complain("%s: %s without a %s%s%s vector", c->id, c->level,
				all[i].positive ? "" : "positive",
				all[i].positive || all[i].negative ? "" : " and a ",
				all[i].negative ? "" : "negative");
	}
	free(all);
	return bad;
}

size_t lc_lint_sizes(const struct lc_suite *s)
{
	struct lc_sizes is;
	uint64_t sum = lc_sizes_deflated(&s->set);
	struct lp_err err;
	size_t bad = 0;

	if (lc_sizes(&s->set, &is, &err))
		return lc_lint_complain("%s", err.msg);
	if (is.median > MEDIAN_MAX)
		bad += lc_lint_complain("the median size is %ju bytes, at most %d",
					(uintmax_t)is.median, MEDIAN_MAX);
	if (sum > SUM_MAX)
		bad += lc_lint_complain("all together have %ju deflated bytes, at most %ju",
					(uintmax_t)sum, (uintmax_t)SUM_MAX);
	return bad;
}
