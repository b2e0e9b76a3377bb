// SPDX-License-Identifier: MIT
#include "measure/schedule.h"

#include "testing/test.h"

#include <string.h>

int main(void)
{
	size_t first[6] = {0}, again[6] = {0}, at[6][6] = {{0}};
	size_t least = 6000, most = 0, bad = 0;

	lb_schedule(1, 0, first, 6);
	lb_schedule(1, 0, again, 6);
	CHECK(!memcmp(first, again, sizeof(first)), "a seed and a round give one order");
	for (uint64_t round = 0; round < 6000; round++) {
		unsigned seen = 0;

		lb_schedule(7, round, again, 6);
		for (size_t i = 0; i < 6; i++) {
			seen |= 1u << again[i];
			at[again[i]][i]++;
		}
		bad += seen != 63;
	}
	CHECK(!bad, "each round visits every cell");
	for (size_t i = 0; i < 36; i++) {
		least = at[i / 6][i % 6] < least ? at[i / 6][i % 6] : least;
		most = at[i / 6][i % 6] > most ? at[i / 6][i % 6] : most;
	}
	/* 1000 expected, standard deviation 29 */
	CHECK(least > 850 && most < 1150, "every cell is at every place, %zu to %zu times", least,
	      most);
	return test_done();
}
