// SPDX-License-Identifier: MIT
#include "run/selection.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

/* @text is @part, or begins with it before one of @ends. */
static bool begins(const char *text, const char *part, const char *ends)
{
	size_t n = strlen(part);

	while (n && part[n - 1] == '/')
		n--;
	return !strncmp(text, part, n) && (!text[n] || strchr(ends, text[n]));
}

bool lc_matches(const struct gen_vector *v, const char *selector)
{
	for (size_t i = 0; i < v->nclause; i++)
		if (begins(v->clause[i], selector, "."))
			return true;
	return begins(v->file, selector, "/.") || begins(v->format, selector, "") ||
	       !fnmatch(selector, v->id, 0);
}

static bool in_profile(const struct gen_vector *v, const char *profile)
{
	const char *at = v->profile;

	while (profile && at && *at) {
		size_t n = strcspn(at, " ");

		if (n == strlen(profile) && !strncmp(at, profile, n))
			return true;
		at += n + (at[n] == ' ');
	}
	return !profile;
}

enum lp_code lc_choose(const struct gen_set *set, const struct lc_selection *what, bool *chosen,
		       size_t *n, struct lp_err *err)
{
	*n = 0;
	for (size_t i = 0; i < set->n; i++)
		chosen[i] = !what->n;
	for (size_t w = 0; w < what->n; w++) {
		bool any = false;

		for (size_t i = 0; i < set->n; i++) {
			bool hit = lc_matches(&set->v[i], what->word[w]);

			chosen[i] |= hit;
			any |= hit;
		}
		if (!any)
			return lp_fail(err, LP_EUSAGE, LP_NO_OFFSET, NULL, "no vector is \"%s\"",
				       what->word[w]);
	}
	for (size_t i = 0; i < set->n; i++) {
		chosen[i] &= in_profile(&set->v[i], what->profile);
		*n += chosen[i];
	}
	if (!*n)
		return lp_fail(err, LP_EUSAGE, LP_NO_OFFSET, NULL, "nothing is selected");
	return LP_OK;
}

static enum lp_code keep(struct gen_set *set, const struct lc_selection *what, struct lp_err *err)
{
	bool *chosen = calloc(set->n, sizeof(*chosen));
	enum lp_code code = chosen ? LP_OK : lp_fail_errno(err, "%zu vectors", set->n);
	size_t left = 0, n;

	code = code ? code : lc_choose(set, what, chosen, &n, err);
	for (size_t i = 0; !code && i < set->n; i++)
		if (chosen[i])
			set->v[left++] = set->v[i];
	if (!code)
		set->n = left;
	free(chosen);
	return code;
}

enum lp_code lc_select(struct gen_set *set, const char *directory,
		       const struct lc_selection *what, struct lp_err *err)
{
	char why[256];

	if (gen_load(set, directory, why, sizeof(why)))
		return lp_fail(err, LP_EUSAGE, LP_NO_OFFSET, NULL, "%s", why);
	if (set->n && !keep(set, what, err))
		return LP_OK;
	if (!set->n)
		lp_fail(err, LP_EUSAGE, LP_NO_OFFSET, NULL, "%s: no vectors", directory);
	gen_free(set);
	return err->code;
}
