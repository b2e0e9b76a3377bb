/* SPDX-License-Identifier: MIT */
/*
 * ticket - bearer tokens and signed URLs: what lets a request in for a while.
 */
#ifndef LB_TICKET_H
#define LB_TICKET_H

#include "registry/upload.h"

#include <stdbool.h>

#define LB_TOKENS_MAX 4096	/* ours: the oldest goes */

struct lb_token {
	char id[LB_ID_TEXT];
	uint64_t end_ns;	/* lp_now_ns() */
	uint64_t uses;		/* left */
};

struct lb_tickets {
	pthread_mutex_t lock;
	struct lb_token *token;		/* [LB_TOKENS_MAX], a ring */
	uint64_t ntoken;		/* issued so far */
	char secret[LB_ID_TEXT];	/* of the signatures */
};

LP_MUST_CHECK enum lp_code lb_tickets_start(struct lb_tickets *t, struct lp_err *err);
void lb_tickets_free(struct lb_tickets *t);

/* A token for @seconds and @uses requests (0: any number). */
void lb_token_issue(struct lb_tickets *t, uint64_t seconds, uint64_t uses,
		    char out[static LB_ID_TEXT]);

/* Is @id good?  Then it has been used once more. */
bool lb_token_use(struct lb_tickets *t, const char *id);

/* The signature of @path until @end_ns, in hexadecimal. */
void lb_ticket_sign(const struct lb_tickets *t, const char *path, uint64_t end_ns,
		    char out[static LP_DIGEST_TEXT]);

#endif
