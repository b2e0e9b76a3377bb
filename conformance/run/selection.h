/* SPDX-License-Identifier: MIT */
/*
 * selection - which vectors of a set are meant: selectors and a profile.
 *
 *	estargz  estargz/footer		a format, an area: the path of the recipe, or its beginning
 *	estargz.footer  tar.name.parent	a clause, or its beginning
 *	TAR-PATH-ABS  'TAR-*'		an id, or a pattern of fnmatch(3)
 */
#ifndef LC_SELECTION_H
#define LC_SELECTION_H

#include "gen/gen.h"

#include "base/err.h"

#define LC_RECIPES "conformance/recipes"

struct lc_selection {
	const char *const *word;	/* selectors; none: all vectors */
	size_t n;
	const char *profile;		/* or NULL: any */
};

/* lc_matches - does @selector name @v? */
bool lc_matches(const struct gen_vector *v, const char *selector);

/*
 * lc_choose - @chosen[i] says whether @set->v[i] is meant; @n how many are.
 *
 * LP_EUSAGE  a selector, or all together, select nothing
 */
LP_MUST_CHECK enum lp_code lc_choose(const struct gen_set *set, const struct lc_selection *what,
				     bool *chosen, size_t *n, struct lp_err *err);

/*
 * lc_select - load the recipes of @directory, and keep in @set what is meant.
 *
 * @set  the caller's gen_free(), on success
 *
 * LP_EUSAGE  as lc_choose(), or a recipe is wrong: "file:line: what"
 */
LP_MUST_CHECK enum lp_code lc_select(struct gen_set *set, const char *directory,
				     const struct lc_selection *what, struct lp_err *err);

#endif
