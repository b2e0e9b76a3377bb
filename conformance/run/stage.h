/* SPDX-License-Identifier: MIT */
/*
 * stage - a vector of format http: its server, and what of the vector the adapter gets to see.
 */
#ifndef LC_STAGE_H
#define LC_STAGE_H

#include "run/server.h"

struct lc_stage {
	struct lc_server server;
	struct gen_vector boxed;	/* with the files that its box is to have */
	struct gen_vector asked;	/* with the arguments filled in, without inputs */
	struct gen_input ca;
	struct lp_buf *value;		/* [asked.narg] */
};

/* Start the server of @v, which outlives @s; lc_stage_free() anyway.  LP_EFORMAT, LP_ESYSTEM */
LP_MUST_CHECK enum lp_code lc_stage_open(struct lc_stage *s, const struct gen_vector *v,
					 struct lp_err *err);

/* Fill {A} {B} {ca} of the arguments in; @box has the files. */
LP_MUST_CHECK enum lp_code lc_stage_fill(struct lc_stage *s, const char *box, struct lp_err *err);

/*
 * lc_stage_end - end the server.
 *
 * @why  what was asked that must not be, or was not that must be; "": all is well
 * LP_ESYSTEM, LP_EFORMAT  ours: it could not answer as the script says
 */
LP_MUST_CHECK enum lp_code lc_stage_end(struct lc_stage *s, char *why, size_t room,
					struct lp_err *err);
void lc_stage_free(struct lc_stage *s);

#endif
