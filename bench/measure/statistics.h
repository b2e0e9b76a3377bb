/* SPDX-License-Identifier: MIT */
/*
 * statistics - percentiles that are observed runs, and how sure they are.
 *
 * Nearest rank: the p-quantile of n sorted values is the value number ceil(p n), so that a
 * printed percentile is a run that happened.  Its interval is [x(low), x(high)], two other
 * runs: they enclose the true quantile with the probability that a binomial count B(n, p)
 * lies in [low, high), whatever the distribution is.
 *
 * No value is ever left out.  Where n is too small for an interval there is none, and the
 * percentile is not for printing either: 59 runs are the fewest for a 95th one.
 */
#ifndef LB_STATISTICS_H
#define LB_STATISTICS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LB_CONFIDENCE 0.95	/* the least probability of an interval: convention */

struct lb_interval {
	size_t low, high;	/* ranks, from 1; 0: n is too small */
	double coverage;	/* the exact probability */
};

/* ceil(p n), at least 1; @n is not 0. */
size_t lb_rank(size_t n, double p);

/*
 * lb_interval_of - the ranks that enclose the p-quantile with at least LB_CONFIDENCE.
 *
 * For the median the interval with equal tails; else the shortest, of equally short ones
 * that which spares the largest value, then the surest.
 */
struct lb_interval lb_interval_of(size_t n, double p);

struct lb_quantile {
	uint64_t value;		/* x(rank) */
	uint64_t low, high;	/* of the interval */
	bool sure;		/* there is an interval: the value may be printed */
};

/* Of @n values, in any order; they are sorted in place.  n 0: nothing, not sure. */
struct lb_quantile lb_quantile_of(uint64_t *value, size_t n, double p);

#endif
