/* SPDX-License-Identifier: MIT */
/*
 * bars - a results file of contests as one row per bar: who was better, how surely, and is it
 * enough?
 *
 * Ratios are paired: ours over theirs of the same round; printed is their median with its exact
 * order-statistic interval.  Warm-up rounds and invalid jobs are not numbers.
 */
#ifndef LB_BARS_H
#define LB_BARS_H

#include "base/json.h"
#include "measure/statistics.h"

#include <stdio.h>

/* Is this file of an experiment of contests? */
bool lb_bars_are(const json_t *lines);

struct lb_standing {
	const char *contest, *metric, *note;	/* borrowed from the lines */
	uint64_t ratio_bar, low_bar;	/* of the ratio and of its lower end, 1e-6; 0: none */
	uint64_t most;			/* 0: none */
	struct lb_quantile ours, theirs, ratio;	/* medians; the ratio in 1e-6 */
	size_t n, pairs, invalid;	/* n: measured values of ours */
};

/*
 * lb_bars_make - where bar number @i of the session's stands.
 *
 * LP_EMISSING: there are not so many.  LP_ESYSTEM: memory ran out.
 */
LP_MUST_CHECK enum lp_code lb_bars_make(const json_t *lines, size_t i, struct lb_standing *out,
					struct lp_err *err);

/* "yes", "no", "no bar", "not measured", or "not surely": the interval reaches over the bar. */
const char *lb_bars_verdict(const struct lb_standing *s);

/* Markdown; or one JSON object. */
LP_MUST_CHECK enum lp_code lb_bars_table(const json_t *lines, FILE *out, struct lp_err *err);
LP_MUST_CHECK enum lp_code lb_bars_json(const json_t *lines, FILE *out, struct lp_err *err);

#endif
