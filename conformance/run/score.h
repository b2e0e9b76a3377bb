/* SPDX-License-Identifier: MIT */
/*
 * score - what was seen of all vectors becomes the rows of the results.
 */
#ifndef LC_SCORE_H
#define LC_SCORE_H

#include "run/crew.h"
#include "run/results.h"
#include "run/suite.h"

/*
 * lc_score_order - the vectors to ask: those @chosen that @a does not decline, and their bases.
 *
 * @order   [set.n]; @n of them on return, sorted
 * LP_EFORMAT  a base is no vector
 */
LP_MUST_CHECK enum lp_code lc_score_order(const struct lc_suite *s, const struct lc_adapter *a,
					  const bool *chosen, size_t *order, size_t *n,
					  struct lp_err *err);

/*
 * lc_score - a row for each vector that is @chosen, appended to @r->rows, sorted by id.
 *
 * @seen   [set.n], of what was asked
 * LP_EFORMAT  the vector that a tree is taken from is none
 */
LP_MUST_CHECK enum lp_code lc_score(const struct lc_suite *s, const struct lc_adapter *a,
				    const bool *chosen, const struct lc_seen *seen,
				    struct lc_results *r, struct lp_err *err);

#endif
