/* SPDX-License-Identifier: MIT */
/*
 * select - the vectors that operands name.
 *
 *	estargz  estargz/footer		a format, an area: the path of the recipe, or its beginning
 *	estargz.footer  tar.name.parent	a clause, or its beginning
 *	TAR-PATH-ABS  'TAR-*'		an id, or a pattern of fnmatch(3)
 */
#ifndef LC_SELECT_H
#define LC_SELECT_H

#include "base/err.h"
#include "gen/gen.h"

#define LC_RECIPES "conformance/recipes"

/* lc_matches - does @selector name @v? */
bool lc_matches(const struct gen_vector *v, const char *selector);

/*
 * lc_select - load the recipes of @directory, and keep in @set those that any of @n selectors
 * names; without selectors, all.
 *
 * @set  the caller's gen_free(), on success
 *
 * LP_EUSAGE  a selector names no vector, or a recipe is wrong: "file:line: what"
 */
LP_MUST_CHECK enum lp_code lc_select(struct gen_set *set, const char *directory, char **selector,
				     size_t n, struct lp_err *err);

#endif
