// SPDX-License-Identifier: MIT
#include "run/select.h"

#include <string.h>

bool lc_matches(const struct gen_vector *v, const char *selector)
{
	size_t n = strlen(selector);

	if (!strcmp(selector, v->format) || !strcmp(selector, v->id))
		return true;
	if (n && selector[n - 1] == '*')
		return !strncmp(selector, v->id, n - 1);
	return !strncmp(selector, v->file, n) && !strcmp(v->file + n, ".rcp");
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
