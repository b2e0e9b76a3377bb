// SPDX-License-Identifier: MIT
#include "run/selection.h"

#include "run/select.h"

#include <string.h>

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
