/* SPDX-License-Identifier: MIT */
/*
 * lint - what must hold of the suite itself; every complaint is a line on stdout.
 *
 * Each function returns how many complaints there were.
 */
#ifndef LC_LINT_H
#define LC_LINT_H

#include "run/suite.h"

/* Clauses: keys, levels, phases, ids of the family, sorted, none twice. */
size_t lc_lint_clauses(const struct lc_clauses *c);

/* Every string in DIR that looks like a clause id of a family is one: the errors of ref/. */
size_t lc_lint_sources(const struct lc_clauses *c, const char *dir);

/* Vectors: clauses, codes, policies, phases and bases that exist, base and delta of a fault. */
size_t lc_lint_vectors(const struct lc_suite *s);

/*
 * Every MUST that a vector can show has a positive and a negative one.  Positive is also the
 * base of a negative one: it obeys what its sibling breaks.
 */
size_t lc_lint_coverage(const struct lc_suite *s);

/* The median is at most 1 KiB and the sum 3 MiB, what is made at run time aside. */
size_t lc_lint_sizes(const struct lc_suite *s);

#endif
