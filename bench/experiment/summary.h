/* SPDX-License-Identifier: MIT */
/*
 * summary - a results file as one row per cell: what is derived, and can be derived again.
 *
 * Warm-up rounds and invalid runs are not numbers.  A cell of which more than 2 % of the runs
 * were invalid has failed as a whole.  Ratios are paired: each round's own time over the
 * baseline's of the same round, image and task.
 */
#ifndef LB_SUMMARY_H
#define LB_SUMMARY_H

#include "base/json.h"
#include "measure/statistics.h"

#define LB_BASELINE_SYSTEM "ref/oci/extract"
#define LB_TIMES 4		/* pull create run ready: words of phase_ns */

extern const char *const lb_times[LB_TIMES];

struct lb_spread {
	struct lb_quantile p50, p95;
	uint64_t least;
};

struct lb_row {
	const char *name, *image, *task, *system;	/* borrowed from the lines */
	size_t valid, invalid;
	bool failed;
	const char *why;		/* of its last invalid run, or NULL */
	struct lb_spread time[LB_TIMES];	/* ns */
	bool counted;			/* there are requests and bytes: the registry was ours */
	struct lb_spread requests, bytes;	/* up to ready */
	struct lb_quantile ratio;	/* of ready to the baseline, 1e-6; the median */
	size_t pairs;			/* 0: there is no baseline, or it is the baseline */
};

struct lb_summary {
	const json_t *session;		/* the first line, borrowed */
	struct lb_row *row;		/* [nrow], as the session lists its cells */
	size_t nrow;
};

/* @lines must outlive @out.  LP_ESYSTEM: memory ran out. */
LP_MUST_CHECK enum lp_code lb_summary_make(const json_t *lines, const char *baseline,
					   struct lb_summary *out, struct lp_err *err);
void lb_summary_free(struct lb_summary *s);

#endif
