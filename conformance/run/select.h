/* SPDX-License-Identifier: MIT */
/*
 * select - the vectors that operands name.
 *
 *	estargz          a format            ESGZ-FTR-3   one vector
 *	estargz/footer   an area: a recipe   ESGZ-FTR-*   those whose ids begin so
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
