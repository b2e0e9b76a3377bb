/* SPDX-License-Identifier: MIT */
/*
 * slots - copies of a vector's inputs that are asked about at once: a batch of questions.
 *
 * The files stay; between two batches one of them has a byte changed and changed back, or is cut
 * and made whole.  All questions of a batch are written before the first answer is read.
 */
#ifndef LC_SLOTS_H
#define LC_SLOTS_H

#include "run/session.h"

#define LC_SLOTS 32		/* questions at once, ours */

/* What differs in a slot: a bit of an input is flipped, or it is cut. */
struct lc_change {
	size_t input;
	bool cut;
	uint64_t at;		/* the bit, from the first byte's lowest; or the new length */
};

struct lc_slots {
	struct lc_session *s;
	const struct gen_vector *v;
	char dir[PATH_MAX + 16];	/* of all slots */
	size_t n;		/* of them: fewer where questions are long */
	int *fd;		/* [n * ninput] */
	char *line[LC_SLOTS];	/* the questions */
};

/*
 * lc_slots_make - write the files and the questions.
 *
 * @t  the caller's lc_slots_free(), after a failure too
 * LP_ESYSTEM; LP_EUNSUP: an argument of @v cannot be said in JSON
 */
LP_MUST_CHECK enum lp_code lc_slots_make(struct lc_slots *t, struct lc_session *s,
					 const struct gen_vector *v, struct lp_err *err);
void lc_slots_free(struct lc_slots *t);

/*
 * lc_slots_ask - @n questions, each with a change of its own; what was seen in @seen.
 *
 * @change  [n], or NULL: nothing is changed
 * A server that dies is started again; the first question without an answer is its death.
 */
LP_MUST_CHECK enum lp_code lc_slots_ask(struct lc_slots *t, const struct lc_change *change,
					size_t n, struct lc_seen *seen, struct lp_err *err);

#endif
