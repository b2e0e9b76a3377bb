/* SPDX-License-Identifier: MIT */
/*
 * judge - what this reader says of the inputs of a request, for lazyconf.
 *
 *	request --inputs mapped--> reader of the format --> verdict
 *
 * In this process, without a store: nothing is left behind, but what `unpack` was asked for.
 */
#ifndef LP_JUDGE_H
#define LP_JUDGE_H

#include "cmd/ask.h"

/* {0} is valid and empty. */
struct lp_verdict {
	struct lp_digest tree;	/* of the canonical text; LP_NO_DIGEST: there is none */
	struct lp_buf text;	/* that text */
	struct lp_digest plain;	/* of a decoded stream; LP_NO_DIGEST: it was none */
	uint64_t released;	/* bytes of contents that were given to somebody */
	json_t *ranges;		/* of `read`; owned */
	json_t *stats;		/* of `fetch`; owned */
	bool unsupported;	/* we do not do what is asked; the error says what */
};

/*
 * lp_judge - carry out @a.
 *
 * LP_OK      the inputs are accepted, and @v says what they are
 * LP_EUSAGE  the request makes no sense, or asks for what we do not do
 * others     lp_judge_rejects() tells whose fault it is
 */
LP_MUST_CHECK enum lp_code lp_judge(const struct lp_ask *a, struct lp_verdict *v,
				    struct lp_err *err);
void lp_verdict_free(struct lp_verdict *v);

/* Is @err a verdict on the input, and not a failure of ours? */
bool lp_judge_rejects(const struct lp_err *err);

/* What is judged: names, for hello; NULL at the end. */
extern const char *const lp_judge_formats[], *const lp_judge_ops[];

#endif
