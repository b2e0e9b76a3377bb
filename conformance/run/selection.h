/* SPDX-License-Identifier: MIT */
/*
 * selection - which vectors of a set are meant: selectors (select.h) and a profile.
 */
#ifndef LC_SELECTION_H
#define LC_SELECTION_H

#include "gen/gen.h"

#include "base/err.h"

struct lc_selection {
	const char *const *word;	/* selectors; none: all vectors */
	size_t n;
	const char *profile;		/* or NULL: any */
};

/*
 * lc_choose - @chosen[i] says whether @set->v[i] is meant; @n how many are.
 *
 * LP_EUSAGE  a selector, or all together, select nothing
 */
LP_MUST_CHECK enum lp_code lc_choose(const struct gen_set *set, const struct lc_selection *what,
				     bool *chosen, size_t *n, struct lp_err *err);

#endif
