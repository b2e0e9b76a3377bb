// SPDX-License-Identifier: MIT
#include "run/select.h"

#include <fnmatch.h>
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

static enum lp_code keep(struct gen_set *set, char **selector, size_t n, struct lp_err *err)
{
	size_t left = 0, k;
	bool used;

	for (k = 0; k < n; k++) {
		used = false;
		for (size_t i = 0; i < set->n && !used; i++)
			used = lc_matches(&set->v[i], selector[k]);
		if (!used)
			return lp_fail(err, LP_EUSAGE, LP_NO_OFFSET, NULL, "no vector is %s",
				       selector[k]);
	}
	for (size_t i = 0; i < set->n; i++) {
		for (k = 0; k < n && !lc_matches(&set->v[i], selector[k]);)
			k++;
		if (k < n)
			set->v[left++] = set->v[i];
	}
	set->n = left;
	return LP_OK;
}

enum lp_code lc_select(struct gen_set *set, const char *directory, char **selector, size_t n,
		       struct lp_err *err)
{
	char why[256];

	if (gen_load(set, directory, why, sizeof(why)))
		return lp_fail(err, LP_EUSAGE, LP_NO_OFFSET, NULL, "%s", why);
	if (!set->n) {
		gen_free(set);
		return lp_fail(err, LP_EUSAGE, LP_NO_OFFSET, NULL, "%s: no vectors", directory);
	}
	if (n && keep(set, selector, n, err)) {
		gen_free(set);
		return err->code;
	}
	return LP_OK;
}
