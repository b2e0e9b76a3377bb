// SPDX-License-Identifier: MIT
/* sweep - `lazyconf sweep`: every bit of accepted vectors flipped, every cut of their inputs. */
#include "run/command.h"
#include "run/score.h"
#include "run/selection.h"
#include "run/subject.h"
#include "run/uncovered.h"
#include "run/verdict.h"

#include "base/file.h"
#include "base/log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define LARGEST 65536		/* ours: bytes of a vector; half a million flips */
#define PROGRAM "lazyconf"

enum what { BOTH, BITS, CUTS };

struct args {
	struct lc_about about;
	const char *uncovered, *write;
	unsigned what;
	uint64_t sample, seed, largest;
	bool all, listed;
};

#define AT(member) offsetof(struct args, member)

static const struct lp_option table[] = {
	{"what", 'w', LP_OPT_CHOICE, AT(what), "both|bits|cuts", "what is tried (both)"},
	{"sample", 'n', LP_OPT_COUNT, AT(sample), "N", "about so many changes (all)"},
	{"seed", 's', LP_OPT_COUNT, AT(seed), "N", "of the sample (1)"},
	{"all", 0, LP_OPT_FLAG, AT(all), NULL, "also vectors that are the base of no other"},
	{"listed", 0, LP_OPT_FLAG, AT(listed), NULL, "only vectors that the list of --uncovered has"},
	{"largest", 0, LP_OPT_BYTES, AT(largest), "BYTES", "leave out larger vectors (64k)"},
	{"uncovered", 'u', LP_OPT_TEXT, AT(uncovered), "FILE",
	 "what may be accepted (gates/NAME.uncovered)"},
	{"write", 0, LP_OPT_TEXT, AT(write), "FILE", "write that file anew; reasons are kept"},
	LC_ABOUT_OPTIONS(struct args),
	{0},
};

static const struct lp_usage usage = {
	.program = PROGRAM " sweep", .operands = "[SELECTOR...]",
	.what = "Flip each bit of accepted vectors and cut their inputs: refused, or the same tree.",
	.table = table, .order = LP_OPT_PERMUTE, .least = 0, .most = -1,
};

struct sweep {
	const struct args *args;
	struct lc_subject about;
	struct lc_sweep_plan plan;
	struct lc_uncovered listed;
	struct lc_swept *swept;	/* [suite.set.n] */
	size_t *order;		/* [suite.set.n] */
	size_t n, large;	/* vectors that are swept; that are left out for their size */
	double seconds;
};

static void free_sweep(struct sweep *w)
{
	for (size_t i = 0; w->swept && i < w->about.suite.set.n; i++)
		lc_swept_free(&w->swept[i]);
	free(w->swept);
	free(w->order);
	lc_uncovered_free(&w->listed);
	lc_subject_free(&w->about);
}

/* Without the file nothing is listed; one that was named must be there. */
static enum lp_code load_listed(struct sweep *w, struct lp_err *err)
{
	char path[PATH_MAX + 256];
	const char *file = w->args->uncovered;

	snprintf(path, sizeof(path), "%s/gates/%s.uncovered", w->about.suite.dir, w->about.adapter.name);
	w->listed.say = stdout;
	if (lc_uncovered_load(&w->listed, file ? file : path, err) &&
	    (file || err->code != LP_EMISSING))
		return err->code;
	return LP_OK;
}

static enum lp_code load(struct sweep *w, struct lp_err *err)
{
	if (lc_subject_open(&w->about, &w->args->about, err))
		return err->code;
	if (!w->about.adapter.serve)
		return lp_fail(err, LP_EUSAGE, LP_NO_OFFSET, NULL, "adapter %s has no mode b",
			       w->about.adapter.name);
	w->swept = calloc(w->about.suite.set.n + 1, sizeof(*w->swept));
	w->order = calloc(w->about.suite.set.n + 1, sizeof(*w->order));
	if (!w->swept || !w->order)
		return lp_fail_errno(err, "%zu vectors", w->about.suite.set.n);
	return load_listed(w, err);
}

static enum lp_code mark_bases(const struct sweep *w, bool *base, struct lp_err *err)
{
	const struct gen_set *set = &w->about.suite.set;

	for (size_t i = 0; i < set->n; i++) {
		const struct gen_vector *b = set->v[i].base ? lc_suite_find(&w->about.suite,
									    set->v[i].base) : NULL;

		if (set->v[i].base && !b)
			return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, NULL,
				       "%s: base %s is no vector", set->v[i].id, set->v[i].base);
		if (b)
			base[b - set->v] = true;
	}
	return LP_OK;
}

/* Is @v a vector that the adapter is to accept, and of a size that can be swept? */
static bool fits(struct sweep *w, const struct gen_vector *v)
{
	char why[160];

	if (strcmp(v->verdict, "accept") || !v->ninput ||
	    (w->args->listed && !lc_uncovered_has(&w->listed, v->id)) ||
	    lc_declined(&w->about.adapter, v, why, sizeof(why)))
		return false;
	if (!v->huge && v->size <= w->args->largest)
		return true;
	w->large++;
	return false;
}

/* The vectors that are meant, in w->order; how the changes are chosen. */
static enum lp_code choose(struct sweep *w, const struct lc_selection *what, struct lp_err *err)
{
	const struct gen_set *set = &w->about.suite.set;
	bool *chosen = calloc(2 * set->n + 1, sizeof(*chosen)), *base = chosen + set->n;
	enum lp_code code = chosen ? LP_OK : lp_fail_errno(err, "choice");
	uint64_t all = 0;
	size_t n;

	if (!code)
		code = lc_choose(set, what, chosen, &n, err);
	if (!code)
		code = mark_bases(w, base, err);
	for (size_t i = 0; !code && i < set->n; i++) {
		if (!chosen[i] || (!base[i] && !w->args->all) || !fits(w, &set->v[i]))
			continue;
		w->order[w->n++] = i;
		all += lc_sweep_count(&set->v[i], w->plan.what);
	}
	free(chosen);
	w->plan.limit = lc_sweep_limit(w->args->sample, all);
	if (!code && !w->n)
		return lp_fail(err, LP_EUSAGE, LP_NO_OFFSET, NULL,
			       "no vector that is accepted is selected%s",
			       w->args->all ? "" : " and the base of another (--all)");
	return code;
}

static enum lp_code task(void *arg, struct lc_session *s, size_t i, struct lp_err *err)
{
	struct sweep *w = arg;

	return lc_sweep(s, &w->about.suite.set.v[i], i, &w->plan, &w->swept[i], err);
}

static enum lp_code ask(struct sweep *w, const struct lc_selection *what, struct lp_err *err)
{
	struct lc_crew *c = &w->about.crew;
	uint64_t began;

	w->plan = (struct lc_sweep_plan){
		.seed = w->args->seed, .what = w->args->what == BITS ? LC_SWEEP_BITS :
					       w->args->what == CUTS ? LC_SWEEP_CUTS :
								       LC_SWEEP_BITS | LC_SWEEP_CUTS,
	};
	if (lc_subject_hello(&w->about, &w->args->about, true, err) || choose(w, what, err))
		return err->code;
	c->order = w->order;
	c->n = w->n;
	c->task = task;
	c->arg = w;
	began = lp_now_ns();
	if (lc_crew_ask(c, err))
		return err->code;
	w->seconds = (double)(lp_now_ns() - began + 1) / 1e9;
	return LP_OK;
}

/* What no file excuses, and what the file does not list. */
static enum lp_code judge(struct sweep *w, bool all, struct lp_err *err)
{
	unsigned whole = w->plan.limit == UINT64_MAX ? w->plan.what : 0;

	for (size_t i = 0; i < w->n; i++) {
		const struct gen_vector *v = &w->about.suite.set.v[w->order[i]];
		struct lc_swept *s = &w->swept[w->order[i]];

		for (size_t k = 0; k < s->findings && k < LC_SWEEP_WORST; k++)
			printf("  FAIL  %s\n", s->worst[k]);
		if (s->accepted && s->told && !w->args->write &&
		    lc_uncovered_check(&w->listed, v, s, whole, err))
			return err->code;
	}
	if (!w->args->write)
		lc_uncovered_stale(&w->listed, all && whole);
	return LP_OK;
}

static enum lp_code rewrite(struct sweep *w, struct lp_err *err)
{
	FILE *f;
	enum lp_code code = LP_OK;

	if (w->plan.limit != UINT64_MAX || w->args->what != BOTH)
		return lp_fail(err, LP_EUSAGE, LP_NO_OFFSET, NULL,
			       "--write wants all changes: no --sample, no --what");
	f = fopen(w->args->write, "we");
	if (!f)
		return lp_fail_errno(err, "%s", w->args->write);
	w->listed.say = f;
	fputs("# VECTOR INPUT CLASS FROM-TO,...  # why: `lazyconf sweep --help`\n", f);
	for (size_t i = 0; !code && i < w->n; i++) {
		const struct lc_swept *s = &w->swept[w->order[i]];

		if (s->accepted && s->told)
			code = lc_uncovered_print(&w->listed, &w->about.suite.set.v[w->order[i]], s, err);
	}
	lc_uncovered_rest(&w->listed);
	w->listed.say = stdout;
	if (fclose(f) && !code)
		return lp_fail_errno(err, "%s", w->args->write);
	return code;
}

struct sums {
	uint64_t asked, refused, same, other, untold, findings, bytes, covered, turned_down;
};

/* A byte is covered when no flip of its bits that was tried was accepted. */
static void add(struct sums *t, const struct lc_swept *s)
{
	t->turned_down += !s->accepted;
	t->asked += s->asked;
	t->refused += s->refused;
	*(s->told ? &t->same : &t->untold) += s->same;
	t->other += s->other;
	t->findings += s->findings;
	for (size_t i = 0; s->told && i < s->ninput; i++)
		for (size_t at = 0; at < s->input[i].n; at++) {
			t->bytes += s->input[i].asked[at] != 0;
			t->covered += s->input[i].asked[at] &&
				      !(s->input[i].same[at] | s->input[i].other[at]);
		}
}

static int conclude(const struct sweep *w)
{
	struct sums t = {0};

	for (size_t i = 0; i < w->n; i++)
		add(&t, &w->swept[w->order[i]]);
	printf("%s: %zu vectors (%zu larger ones left out, %" PRIu64 " not accepted as they are)\n",
	       w->about.adapter.name, w->n, w->large, t.turned_down);
	printf("%" PRIu64 " inputs in %.1f s, %.0f per second: refused %" PRIu64 ", same tree %" PRIu64
	       ", another tree %" PRIu64 ", accepted and no tree to tell %" PRIu64 "\n",
	       t.asked, w->seconds, (double)t.asked / w->seconds, t.refused, t.same, t.other,
	       t.untold);
	printf("of %" PRIu64 " bytes that were changed %.1f %% are covered: no flip was accepted\n",
	       t.bytes, t.bytes ? 100.0 * (double)t.covered / (double)t.bytes : 0.0);
	printf("%" PRIu64 " answers that no change may have, %" PRIu64 " differences to the list\n",
	       t.findings, w->listed.wrong);
	return t.findings || w->listed.wrong || !t.asked;
}

static enum lp_code sweep(struct sweep *w, const struct lc_selection *what, struct lp_err *err)
{
	if (load(w, err) || ask(w, what, err) || judge(w, !what->n, err))
		return err->code;
	return w->args->write ? rewrite(w, err) : LP_OK;
}

int lc_cmd_sweep(int argc, char **argv)
{
	struct args args = {.about = LC_ABOUT_DEFAULT, .seed = 1, .largest = LARGEST};
	LP_AUTO(free_sweep) struct sweep w = {.args = &args};
	struct lc_selection what;
	struct lp_err err = {0};
	int operand, status;

	if (!lp_command_parse(&usage, argc, argv, &args, &operand, &status))
		return status;
	what = (struct lc_selection){(const char *const *)(void *)(argv + operand),
				     (size_t)(argc - operand), NULL};
	return sweep(&w, &what, &err) ? lc_suite_failed(&usage, &err) : conclude(&w);
}
