/* SPDX-License-Identifier: MIT */
/*
 * box - a vector's own directory: inputs, places to write, and what must not be touched.
 *
 *	BOX/in/ROLE		the inputs
 *	BOX/canary/...		beside the destination, for names like ../canary/file
 *	BOX/dest home tmp cwd	empty; only below these may anything change
 */
#ifndef LC_BOX_H
#define LC_BOX_H

#include "base/digest.h"
#include "gen/gen.h"

#include <limits.h>

struct lc_box {
	char dir[PATH_MAX];
	struct lp_digest before;	/* of all that must stay as it is */
};

/*
 * lc_box_make - the directory @dir, which does not exist, with @v's inputs.
 *
 * @v  NULL: no inputs, for what no vector asked (hello)
 * LP_ESYSTEM
 */
LP_MUST_CHECK enum lp_code lc_box_make(struct lc_box *b, const char *dir,
				       const struct gen_vector *v, struct lp_err *err);

/* Did something change that must not?  What can no longer be read has been changed. */
bool lc_box_escaped(const struct lc_box *b);

/* Remove it, whatever modes, links and mounts are in it.  LP_ESYSTEM: something stays. */
LP_MUST_CHECK enum lp_code lc_box_remove(const struct lc_box *b, struct lp_err *err);

#endif
