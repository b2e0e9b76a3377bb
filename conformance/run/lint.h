/* SPDX-License-Identifier: MIT */
/*
 * lint - what must hold of the suite itself; every complaint is a line on stdout.
 *
 * Each function returns how many complaints there were.
 */
#ifndef LC_LINT_H
#define LC_LINT_H

#include "run/suite.h"

/* Say what is wrong; 1. */
__attribute__((format(printf, 1, 2)))
size_t lc_lint_complain(const char *fmt, ...);

/*
 * lc_lint_clauses - members, levels, phases, roles; ids of the family, sorted, none twice.
 *
 * @sources  a directory, or NULL: what in its C files looks like a clause id is that of a clause
 *           with a phase (the errors of ref/)
 */
size_t lc_lint_clauses(const struct lc_clauses *c, const char *sources);

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
