/* SPDX-License-Identifier: MIT */
/*
 * traffic - all that a server was asked, and whether a script's checks hold of it.
 */
#ifndef LC_TRAFFIC_H
#define LC_TRAFFIC_H

#include "run/reply.h"

#define LC_ASKED_MAX 4096	/* requests that are kept, ours: more is a finding by itself */

struct lc_asked {
	int host;
	char *method, *target, *head;	/* owned */
	uint64_t sent;			/* bytes of the body that went out */
};

struct lc_traffic {
	struct lc_asked *asked;	/* [n] in the order of their coming */
	size_t n;
	bool more;		/* some were not kept */
};

/* Note @q of @host; *at is its place, LC_ASKED_MAX if it is not kept.  LP_ESYSTEM */
LP_MUST_CHECK enum lp_code lc_traffic_add(struct lc_traffic *t, int host,
					  const struct lc_request *q, size_t *at,
					  struct lp_err *err);
void lc_traffic_free(struct lc_traffic *t);

/* The first check of @s that does not hold, in @why; "": all do. */
void lc_traffic_judge(const struct lc_traffic *t, const struct lc_script *s, char *why,
		      size_t room);

#endif
