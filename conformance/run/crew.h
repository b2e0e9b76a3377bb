/* SPDX-License-Identifier: MIT */
/*
 * crew - workers that ask an adapter about vectors, in random order, one thread each.
 */
#ifndef LC_CREW_H
#define LC_CREW_H

#include "run/session.h"

struct lc_crew {
	struct lc_adapter *adapter;	/* hello is set by lc_crew_hello() */
	const struct gen_set *set;
	const char *recipes;
	bool serve;
	uint64_t wall_ns;
	size_t nworker;			/* at least 1 */

	const size_t *order;		/* [n]: indices of @set, in the order they are asked */
	size_t n;
	struct lc_seen *seen;		/* [set->n]: results, each written by one worker */

	/* Or, instead of @seen, what is done with vector @i of @set; fails only when we do. */
	enum lp_code (*task)(void *arg, struct lc_session *s, size_t i, struct lp_err *err);
	void *arg;

	uint64_t hello_rss_kib;
	_Atomic size_t next;
	_Atomic bool stop;
	char dir[PATH_MAX];		/* work directory, ours */
};

/* A work directory, and what the adapter says of itself.  LP_EFORMAT: not what it must */
LP_MUST_CHECK enum lp_code lc_crew_hello(struct lc_crew *c, struct lp_err *err);

/* Ask about all of @order.  Fails only when we do. */
LP_MUST_CHECK enum lp_code lc_crew_ask(struct lc_crew *c, struct lp_err *err);

/* Removes the work directory. */
void lc_crew_free(struct lc_crew *c);

/* Shuffle @n indices: the same @seed, the same order. */
void lc_crew_shuffle(size_t *order, size_t n, uint64_t seed);

#endif
