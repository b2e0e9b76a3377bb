/* SPDX-License-Identifier: MIT */
/*
 * suite - the directory with recipes/, clauses/, adapters/, gates/, lists/, and what is in it.
 */
#ifndef LC_SUITE_H
#define LC_SUITE_H

#include "gen/gen.h"
#include "run/clause.h"

#include "base/command.h"

#include <limits.h>

struct lc_suite {
	char dir[PATH_MAX];
	char recipes[PATH_MAX + 16];
	struct gen_set set;
	struct lc_clauses clauses;
};

/*
 * lc_suite_load - all vectors and clauses.
 *
 * @dir  NULL: conformance/ here, or this directory, or one beside the program
 * LP_EMISSING  no directory with recipes/        LP_EFORMAT  a recipe or a clause is wrong
 */
LP_MUST_CHECK enum lp_code lc_suite_load(struct lc_suite *s, const char *dir, struct lp_err *err);
void lc_suite_free(struct lc_suite *s);

/* Or NULL. */
const struct gen_vector *lc_suite_find(const struct lc_suite *s, const char *id);

/* "MUST" when one of @v's clauses is or is unknown, else "SHOULD" or "MAY". */
const char *lc_suite_level(const struct lc_suite *s, const struct gen_vector *v);

/* {"version": ..., "commit": ...}: the file VERSION, and what git says; NULL: no memory. */
json_t *lc_suite_version(const struct lc_suite *s);

/* The directory that this program lies in. */
void lc_suite_program_dir(char out[static PATH_MAX]);

/* Say what failed; the exit status: 2 the suite or an adapter is wrong, 3 we could not do it. */
int lc_suite_failed(const struct lp_usage *u, const struct lp_err *err);

#endif
