/* SPDX-License-Identifier: MIT */
/*
 * sweep - a vector that is accepted, asked again with each bit of its inputs flipped, and with
 * each input cut after each byte: one input, one change at a time.
 *
 * A reader that checks all it reads refuses, or sees the same tree.
 */
#ifndef LC_SWEEP_H
#define LC_SWEEP_H

#include "run/session.h"

#define LC_SWEEP_WORST 4	/* findings of a vector that are kept, ours */

enum lc_sweep_what { LC_SWEEP_BITS = 1, LC_SWEEP_CUTS = 2 };

struct lc_sweep_plan {
	unsigned what;		/* of lc_sweep_what, or'ed */
	uint64_t seed;
	uint64_t limit;		/* a change is tried when its random number is at most this */
};

/* One input: [n] each.  Of a byte, which bits were flipped, and what came of it. */
struct lc_swept_input {
	size_t n;
	uint8_t *asked, *same, *other;	/* a bit a bit: accepted with the same, another tree */
	uint8_t *cut;		/* cut to so many bytes: LC_CUT_SAME, LC_CUT_OTHER or 0 */
};

enum { LC_CUT_SAME = 1, LC_CUT_OTHER = 2 };

struct lc_swept {
	bool accepted;		/* the vector as it is: else nothing was tried */
	bool told;		/* its tree was: else an accepted change is the same to us */
	struct lc_swept_input *input;	/* [ninput] */
	size_t ninput;
	uint64_t asked, refused, same, other;
	uint64_t findings;	/* answers that no change may have */
	char worst[LC_SWEEP_WORST][200];	/* the first of them */
};

/*
 * lc_sweep - all changes of @v that @p chooses, through the server of @s.
 *
 * @v    expected to be accepted; its bytes are there (not huge)
 * @nth  of the vector, for the random numbers
 * @out  the caller's lc_swept_free(), after a failure too
 *
 * Fails only when we do: LP_ESYSTEM; LP_EUNSUP, an argument cannot be said in JSON.
 */
LP_MUST_CHECK enum lp_code lc_sweep(struct lc_session *s, const struct gen_vector *v, size_t nth,
				    const struct lc_sweep_plan *p, struct lc_swept *out,
				    struct lp_err *err);
void lc_swept_free(struct lc_swept *s);

/* The limit that chooses about @n of @all changes; 0 of @n: all of them. */
uint64_t lc_sweep_limit(uint64_t n, uint64_t all);

/* How many changes there are in @v: bits, cuts or both. */
uint64_t lc_sweep_count(const struct gen_vector *v, unsigned what);

#endif
