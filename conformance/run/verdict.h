/* SPDX-License-Identifier: MIT */
/*
 * verdict - what was seen, held against what a vector expects: docs/VERDICTS.md.
 */
#ifndef LC_VERDICT_H
#define LC_VERDICT_H

#include "run/session.h"

/* Did the adapter accept the vector that this one differs from by one fault? */
enum lc_base { LC_NO_BASE, LC_BASE_ACCEPTED, LC_BASE_NOT_ACCEPTED };

struct lc_case {
	const struct gen_vector *v;
	const struct lc_adapter *adapter;
	const char *tree;	/* SHA-256 of the tree that it must have, or "" */
	enum lc_base base;
};

struct lc_verdict {
	enum lc_class class;
	bool late;		/* SHOULD: refused, but in a later phase than it could be */
	bool other_code;	/* SHOULD: refused, but for another clause */
	char why[240];		/* "" for a pass without findings */
};

/* Why @v is not even asked, in @why; false: it is. */
bool lc_declined(const struct lc_adapter *a, const struct gen_vector *v, char *why, size_t room);

void lc_judge(const struct lc_case *c, const struct lc_seen *s, struct lc_verdict *out);

#endif
