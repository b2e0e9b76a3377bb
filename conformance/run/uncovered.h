/* SPDX-License-Identifier: MIT */
/*
 * uncovered - which bytes of which vectors an implementation may read changed, and why.
 *
 *	gates/NAME.uncovered
 *	VECTOR INPUT CLASS FROM[-TO][,FROM[-TO]...]  # why
 *
 *	same       some bit of these bytes may be flipped: accepted, with the same tree
 *	other      the same, and the tree may be another one: nothing vouches for these bytes
 *	cut-same   the input may be cut to so many bytes      cut-other    with another tree
 */
#ifndef LC_UNCOVERED_H
#define LC_UNCOVERED_H

#include "run/sweep.h"

#include <stdio.h>

#define LC_UNEXPLAINED "not looked at yet"

enum lc_uncovered_class { LC_U_SAME, LC_U_OTHER, LC_U_CUT_SAME, LC_U_CUT_OTHER, LC_NU };

struct lc_uncovered_line {
	char *vector, *input, *ranges, *reason;
	enum lc_uncovered_class class;
	bool used;		/* its vector was swept */
};

struct lc_uncovered {
	struct lc_uncovered_line *line;
	size_t n;
	FILE *say;		/* borrowed: where all below print */
	uint64_t wrong;		/* how many differences were printed */
};

/* @say is kept.  LP_EMISSING: no such file      LP_EFORMAT: line N is wrong */
LP_MUST_CHECK enum lp_code lc_uncovered_load(struct lc_uncovered *u, const char *path,
					     struct lp_err *err);
void lc_uncovered_free(struct lc_uncovered *u);

/* Does any line name vector @id? */
bool lc_uncovered_has(const struct lc_uncovered *u, const char *id);

/*
 * lc_uncovered_check - hold what came of sweeping @v against @u; print what differs.
 *
 * @whole  of lc_sweep_what: of these all changes were tried, so that what is listed and was
 *         refused differs, too
 * LP_ESYSTEM
 */
LP_MUST_CHECK enum lp_code lc_uncovered_check(struct lc_uncovered *u, const struct gen_vector *v,
					      const struct lc_swept *s, unsigned whole,
					      struct lp_err *err);

/* Print the lines without a reason; @all: and those whose vector was not swept. */
void lc_uncovered_stale(struct lc_uncovered *u, bool all);

/* Print the lines of @v as they must be, with the reasons that @u has for these bytes. */
LP_MUST_CHECK enum lp_code lc_uncovered_print(struct lc_uncovered *u, const struct gen_vector *v,
					      const struct lc_swept *s, struct lp_err *err);

/* Print the lines of vectors that were not swept. */
void lc_uncovered_rest(const struct lc_uncovered *u);

#endif
