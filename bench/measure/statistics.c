// SPDX-License-Identifier: MIT
#include "measure/statistics.h"

#include <math.h>
#include <stdlib.h>

size_t lb_rank(size_t n, double p)
{
	/* 0.95 * 100 must be 95, whatever its last bit. */
	double at = ceil(p * (double)n - 1e-9);

	return at < 1 ? 1 : (size_t)at;
}

/* P(B(n, p) = k) */
static double binomial(size_t n, double p, size_t k)
{
	double ways = lgamma((double)n + 1) - lgamma((double)k + 1) - lgamma((double)(n - k) + 1);

	return exp(ways + (double)k * log(p) + (double)(n - k) * log1p(-p));
}

/* P(low <= B < high) */
static double between(size_t n, double p, size_t low, size_t high)
{
	double sum = 0;

	for (size_t k = low; k < high; k++)
		sum += binomial(n, p, k);
	return sum;
}

/* Move both ends outwards together until that is enough. */
static struct lb_interval equal_tails(size_t n)
{
	struct lb_interval i = {0};

	for (size_t low = n / 2; low >= 1; low--) {
		size_t high = n + 1 - low;

		i.coverage = between(n, 0.5, low, high);
		if (i.coverage >= LB_CONFIDENCE) {
			i.low = low;
			i.high = high;
			return i;
		}
	}
	return (struct lb_interval){0};
}

static bool better(const struct lb_interval *a, const struct lb_interval *b, size_t n)
{
	size_t wide_a = a->high - a->low, wide_b = b->high - b->low;

	if (!b->low || wide_a != wide_b)
		return !b->low || wide_a < wide_b;
	if ((a->high == n) != (b->high == n))
		return b->high == n;
	return a->coverage > b->coverage;
}

static struct lb_interval shortest(size_t n, double p)
{
	struct lb_interval best = {0};

	for (size_t low = 1; low < n; low++) {
		struct lb_interval i = {.low = low, .high = low};

		while (i.coverage < LB_CONFIDENCE && i.high < n)
			i.coverage += binomial(n, p, i.high++);
		if (i.coverage >= LB_CONFIDENCE && better(&i, &best, n))
			best = i;
	}
	return best;
}

struct lb_interval lb_interval_of(size_t n, double p)
{
	return p == 0.5 ? equal_tails(n) : shortest(n, p);
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

struct lb_quantile lb_quantile_of(uint64_t *value, size_t n, double p)
{
	struct lb_quantile q = {0};
	struct lb_interval i;

	if (!n)
		return q;
	qsort(value, n, sizeof(*value), by_value);
	i = lb_interval_of(n, p);
	q.value = value[lb_rank(n, p) - 1];
	q.sure = i.low > 0;
	if (q.sure) {
		q.low = value[i.low - 1];
		q.high = value[i.high - 1];
	}
	return q;
}
