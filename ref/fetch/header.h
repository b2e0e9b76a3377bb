/* SPDX-License-Identifier: MIT */
/*
 * header - the values of HTTP header fields that a registry decides with.
 *
 * Strict where bytes could be misplaced (Content-Range), lenient where servers differ and
 * nothing but a refusal follows (WWW-Authenticate).
 *
 * Specification: RFC 9110, 11.6.1 and 14.4; RFC 6750, 3
 */
#ifndef LP_HEADER_H
#define LP_HEADER_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

enum lp_scheme { LP_AUTH_NONE, LP_AUTH_BASIC, LP_AUTH_BEARER };

struct lp_challenge {
	enum lp_scheme scheme;
	char realm[1024];	/* Bearer: the URL of the token endpoint */
	char service[256];
	char scope[1024];	/* bytes, ours: longer ones are refused */
};

/*
 * lp_challenge_parse - the strongest challenge of a WWW-Authenticate value we can answer.
 *
 * @c  {0} before the first value; a stronger one replaces what it holds, so that several
 *     fields of one answer can be read in turn
 *
 * LP_EFORMAT  registry.auth.challenge: not of the grammar, or a value is too long
 */
LP_MUST_CHECK enum lp_code lp_challenge_parse(const char *value, struct lp_challenge *c,
					      struct lp_err *err);

struct lp_content_range {
	uint64_t first, last;	/* both inside */
	uint64_t total;		/* LP_NO_OFFSET: "*" */
};

/* LP_EFORMAT  registry.range.content-range: not "bytes FIRST-LAST/TOTAL" with sense */
LP_MUST_CHECK enum lp_code lp_content_range_parse(const char *value,
						  struct lp_content_range *out,
						  struct lp_err *err);

#endif
