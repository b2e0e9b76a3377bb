/* SPDX-License-Identifier: MIT */
/*
 * client - how a command reaches the keeper of a store, starting one where there is none.
 *
 * Starting takes a few milliseconds, which a command spends on something else between
 * lp_client_begin() and its first request.
 */
#ifndef LP_CLIENT_H
#define LP_CLIENT_H

#include "layer/store.h"
#include "mount/request.h"

struct lp_client {
	struct lp_store *store;	/* borrowed */
	int socket;		/* -1: not connected */
	int ready;		/* pipe from a keeper that starts, or -1 */
	bool greeted;		/* the keeper knows us, and stays */
};

/* Connect, or start a keeper and return at once.  A client of {0} with -1s may be freed. */
LP_MUST_CHECK enum lp_code lp_client_begin(struct lp_client *c, struct lp_store *s,
					   struct lp_err *err);

/* Connect to the keeper that is there.  LP_EMISSING: there is none. */
LP_MUST_CHECK enum lp_code lp_client_find(struct lp_client *c, struct lp_store *s,
					  struct lp_err *err);
void lp_client_free(struct lp_client *c);

/* Wait for the keeper, and be known to it.  Does nothing the second time. */
LP_MUST_CHECK enum lp_code lp_client_ready(struct lp_client *c, struct lp_err *err);

/*
 * lp_client_mount - ask for a mount: send now, receive later.
 *
 * @mount  out: its descriptor, attached to nothing
 *
 * Errors are the keeper's own.
 */
LP_MUST_CHECK enum lp_code lp_client_send(struct lp_client *c, const struct lp_serve *what,
					  struct lp_err *err);
LP_MUST_CHECK enum lp_code lp_client_receive(struct lp_client *c, int *mount,
					     struct lp_err *err);

/* Wait until the mount was unmounted and its trace written. */
LP_MUST_CHECK enum lp_code lp_client_traced(struct lp_client *c, uint64_t *lines,
					    struct lp_err *err);

/* @out: what mount/status.h says, a new reference; @waits: with each wait. */
LP_MUST_CHECK enum lp_code lp_client_status(struct lp_client *c, bool waits, json_t **out,
					    struct lp_err *err);

#endif
