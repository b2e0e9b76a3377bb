/* SPDX-License-Identifier: MIT */
/*
 * url - where a request goes: which server that is, and what a Location means.
 *
 * Who a server is, is its origin: scheme, host and port.  A secret given to one origin is
 * never sent to another.
 *
 * Specification: RFC 3986, 5; RFC 6454, 4
 */
#ifndef LP_URL_H
#define LP_URL_H

#include "base/err.h"

#include <stdbool.h>

#define LP_URL_MAX 16384	/* bytes, ours: signed URLs have up to about 2,000 */

struct lp_origin {
	bool tls;
	unsigned port;
	char host[256];		/* lower case; IPv6 in brackets */
};

/* LP_EREMOTE registry.redirect.location: no http or https URL, a user in it, or too long */
LP_MUST_CHECK enum lp_code lp_url_origin(const char *url, struct lp_origin *out,
					 struct lp_err *err);

bool lp_origin_equal(const struct lp_origin *a, const struct lp_origin *b);

/*
 * lp_url_join - what @location (absolute or relative) means in an answer from @base.
 *
 * @out  malloc'ed
 *
 * LP_EREMOTE registry.redirect.location, or LP_ESYSTEM
 */
LP_MUST_CHECK enum lp_code lp_url_join(const char *base, const char *location, char **out,
				       struct lp_err *err);

/* For LP_AUTO(lp_text_free) char *url = NULL; */
void lp_text_free(char **text);

/* @url without scheme and query, which may hold a signature: for messages. */
#define LP_URL_NAME 160
void lp_url_name(const char *url, char out[static LP_URL_NAME]);

#endif
