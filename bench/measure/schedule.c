// SPDX-License-Identifier: MIT
#include "measure/schedule.h"

/* splitmix64 (Steele, Lea, Flood 2014): small, seeded by any number, the same everywhere. */
uint64_t lb_draw(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

void lb_schedule(uint64_t seed, uint64_t round, size_t *order, size_t n)
{
	uint64_t state = seed;

	state = lb_draw(&state) ^ round;
	for (size_t i = 0; i < n; i++) {
		/* Fisher and Yates, inside out; the modulo's bias is below 2^-50 here. */
		size_t j = (size_t)(lb_draw(&state) % (i + 1));

		if (j != i)
			order[i] = order[j];
		order[j] = i;
	}
}
