/* SPDX-License-Identifier: MIT */
/*
 * schedule - the order of the cells within each round: shuffled, and the same for one seed.
 *
 * A round visits every cell once, so that drift of the machine hits all alike.
 */
#ifndef LB_SCHEDULE_H
#define LB_SCHEDULE_H

#include <stddef.h>
#include <stdint.h>

/* The next of a series of even 64-bit numbers; any @state begins one. */
uint64_t lb_draw(uint64_t *state);

/* Fill @order with 0...n-1 as round @round of @seed has them. */
void lb_schedule(uint64_t seed, uint64_t round, size_t *order, size_t n);

#endif
