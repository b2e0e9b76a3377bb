/* SPDX-License-Identifier: MIT */
/*
 * auth - what proves to one endpoint who we are: nothing, Basic, or a bearer token.
 *
 * Nothing is sent before the endpoint asks (401).  Then its challenge is answered once for all
 * exchanges that wait; a token is renewed when it has expired, or when a wider scope is
 * asked for.  Only the endpoint itself is ever answered: never a host it redirects to.
 *
 * Credentials go to the endpoint's origin alone.  A token endpoint elsewhere gets them when
 * it is known to be the same operator's (a short table), else those that config.json has
 * for that very host, else none: the token is then an anonymous one.
 *
 * Specification: distribution, "Token Authentication Specification"; RFC 6750; RFC 7617
 */
#ifndef LP_AUTH_H
#define LP_AUTH_H

#include "fetch/exchange.h"
#include "fetch/header.h"
#include "fetch/login.h"

struct lp_auth {
	char *header;			/* "Authorization: ...", or NULL */
	unsigned generation;		/* grows with each new header */
	uint64_t expires_ns;		/* of a token, lp_now_ns(); UINT64_MAX: never */
	struct lp_challenge challenge;	/* the latest that was answered */
	bool asking;			/* a token is on its way */
	bool looked;			/* login was looked for */
	struct lp_login login;
	char note[200];			/* why login is empty though config.json has something */
};

/* Is there a header, but one that time has made useless? */
bool lp_auth_expired(const struct lp_auth *a);

/* Get a new header for x->endpoint by its last challenge; @x waits in LP_X_AUTH. */
void lp_auth_renew(struct lp_exchange *x);

/*
 * lp_auth_answer - x->endpoint said 401: @x waits for a better header or fails.
 *
 * @values   the WWW-Authenticate values of the answer, @n of them
 */
void lp_auth_answer(struct lp_exchange *x, const char *const values[], size_t n);

void lp_auth_free(struct lp_auth *a);

/*
 * lp_auth_token_parse - the answer of a token endpoint.
 *
 * @header   out: "Authorization: Bearer ...", malloc'ed
 * @seconds  out: how long it is good for
 *
 * LP_EREMOTE  registry.auth.token: no token in it, or one that cannot be in a header
 */
LP_MUST_CHECK enum lp_code lp_auth_token_parse(const void *p, size_t n, char **header,
					       uint64_t *seconds, struct lp_err *err);

#endif
