// SPDX-License-Identifier: MIT
#include "run/crew.h"
#include "testing/test.h"

#include <string.h>

#define N 100

static void fill(size_t *order, uint64_t seed)
{
	for (size_t i = 0; i < N; i++)
		order[i] = i;
	lc_crew_shuffle(order, N, seed);
}

int main(void)
{
	size_t one[N], again[N], other[N], seen[N] = {0}, bad = 0;

	fill(one, 7);
	fill(again, 7);
	fill(other, 8);
	CHECK(!memcmp(one, again, sizeof(one)), "the same seed, the same order");
	CHECK(memcmp(one, other, sizeof(one)) != 0, "another seed, another order");
	for (size_t i = 0; i < N; i++)
		seen[one[i]]++;
	for (size_t i = 0; i < N; i++)
		bad += seen[i] != 1;
	CHECK(!bad, "each once");
	lc_crew_shuffle(one, 0, 1);
	return test_done();
}
