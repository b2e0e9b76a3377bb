// SPDX-License-Identifier: MIT
#include "measure/statistics.h"

#include "testing/test.h"

#include <math.h>

/* Ranks and coverages computed by hand from binomial sums (and in any table of them). */
static const struct {
	size_t n;
	double p;
	size_t low, high;
	double coverage;
} intervals[] = {
	{5, 0.5, 0, 0, 0},
	{6, 0.5, 1, 6, 0.96875},	/* 1 - 2 / 2^6 */
	{20, 0.5, 6, 15, 0.9586}, {30, 0.5, 10, 21, 0.9572},
	{50, 0.5, 18, 33, 0.9672}, {100, 0.5, 40, 61, 0.9648},
	{20, 0.95, 0, 0, 0}, {58, 0.95, 0, 0, 0},
	{59, 0.95, 50, 59, 0.9509}, {100, 0.95, 90, 99, 0.9514},
	{200, 0.95, 184, 197, 0.9672}, {300, 0.95, 278, 293, 0.9548},
	{500, 0.95, 465, 485, 0.9605},
};

static const struct {
	size_t n;
	double p;
	size_t rank;
} ranks[] = {
	{1, 0.5, 1}, {1, 0.95, 1}, {2, 0.5, 1}, {3, 0.5, 2}, {5, 0.95, 5}, {20, 0.95, 19},
	{20, 0.5, 10}, {59, 0.95, 57}, {60, 0.95, 57}, {99, 0.5, 50}, {100, 0.5, 50},
	{100, 0.95, 95}, {101, 0.95, 96}, {1000, 0.95, 950},
};

static void quantiles(void)
{
	uint64_t x[100], one[] = {7}, few[] = {30, 10, 20};
	struct lb_quantile q;

	/* 1..100, backwards */
	for (size_t i = 0; i < 100; i++)
		x[i] = 100 - i;
	q = lb_quantile_of(x, 100, 0.95);
	CHECK(q.sure && q.value == 95 && q.low == 90 && q.high == 99, "p95 of 1..100");
	q = lb_quantile_of(x, 100, 0.5);
	CHECK(q.sure && q.value == 50 && q.low == 40 && q.high == 61, "median of 1..100");
	q = lb_quantile_of(x, 58, 0.95);
	CHECK(!q.sure && q.value == 56, "p95 of 58 is not for printing");
	q = lb_quantile_of(one, 1, 0.5);
	CHECK(!q.sure && q.value == 7, "one value");
	q = lb_quantile_of(few, 3, 0.5);
	CHECK(!q.sure && q.value == 20, "three values");
	q = lb_quantile_of(few, 0, 0.5);
	CHECK(!q.sure && q.value == 0, "no value");
}

int main(void)
{
	for (size_t i = 0; i < sizeof(intervals) / sizeof(intervals[0]); i++) {
		struct lb_interval got = lb_interval_of(intervals[i].n, intervals[i].p);

		CHECK(got.low == intervals[i].low && got.high == intervals[i].high,
		      "n %zu, p %.2f: [%zu, %zu]", intervals[i].n, intervals[i].p, got.low,
		      got.high);
		CHECK(fabs(got.coverage - intervals[i].coverage) < 6e-5, "its coverage, %.4f",
		      got.coverage);
	}
	for (size_t i = 0; i < sizeof(ranks) / sizeof(ranks[0]); i++)
		CHECK(lb_rank(ranks[i].n, ranks[i].p) == ranks[i].rank, "rank of %.2f in %zu",
		      ranks[i].p, ranks[i].n);
	quantiles();
	return test_done();
}
