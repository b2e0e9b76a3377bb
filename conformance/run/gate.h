/* SPDX-License-Identifier: MIT */
/*
 * gate - what an implementation is known not to pass: gates/NAME.lock.
 *
 *	# comment
 *	hello formats=oci,estargz ops=verify features=clause-ids
 *	TAR-PATH-ABS-2 fail structure  # reason
 *
 * Each line is an id, the class observed, the phase where it matters, and why.  Everything that
 * is not a pass stands here, but for what hello does not declare: the line "hello" holds that
 * instead.  Any difference is a failure: another class, a pass, a vector that is gone.
 */
#ifndef LC_GATE_H
#define LC_GATE_H

#include "gen/gen.h"
#include "run/results.h"

struct lc_gate_line {
	char *id, *phase, *reason;	/* phase and reason may be "" */
	enum lc_class class;
};

struct lc_gate {
	struct lc_gate_line *line;
	size_t n;
	char *hello;		/* the line "hello", or NULL */
};

/* LP_EMISSING LP_EFORMAT (file:line: what) LP_ESYSTEM */
LP_MUST_CHECK enum lp_code lc_gate_load(struct lc_gate *g, const char *path, struct lp_err *err);
void lc_gate_free(struct lc_gate *g);

/*
 * lc_gate_apply - class and unexpected of each row of @r; rows for stale lines are added.
 *
 * @set     all vectors there are: a line that names none of them is stale
 * @strict  SHOULD counts as MUST
 */
LP_MUST_CHECK enum lp_code lc_gate_apply(const struct lc_gate *g, const struct gen_set *set,
					 bool strict, struct lc_results *r, struct lp_err *err);

/*
 * lc_gate_accept - the text of a gate file that @r passes, appended to @out.
 *
 * @old  reasons are kept from it; its lines for vectors that a partial run left out, too
 */
LP_MUST_CHECK enum lp_code lc_gate_accept(const struct lc_gate *old, const struct lc_results *r,
					  struct lp_buf *out, struct lp_err *err);

#endif
