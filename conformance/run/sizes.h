/* SPDX-License-Identifier: MIT */
/*
 * sizes - how large the vectors of a set are.
 */
#ifndef LC_SIZES_H
#define LC_SIZES_H

#include "gen/gen.h"

#include "base/err.h"

struct lc_sizes {
	uint64_t median;	/* bytes of a vector */
	uint64_t kept;		/* of all but the huge ones */
	size_t huge;		/* how many are */
};

/* LP_ESYSTEM: no memory */
LP_MUST_CHECK enum lp_code lc_sizes(const struct gen_set *set, struct lc_sizes *out,
				    struct lp_err *err);

/* Bytes of all but the huge ones, each input deflated: what an archive of them has. */
uint64_t lc_sizes_deflated(const struct gen_set *set);

#endif
