/* SPDX-License-Identifier: MIT */
/* peek - look at the first bytes of a stream, and give them back. */
#ifndef LP_PEEK_H
#define LP_PEEK_H

#include "base/stream.h"

#define LP_PEEK_MAX 1536u	/* bytes */

/* Gives the bytes that were looked at, and then the rest.  Owns nothing; not copyable. */
struct lp_peek {
	struct lp_reader reader;
	struct lp_reader *from;		/* borrowed */
	uint8_t p[LP_PEEK_MAX];
	size_t bytes, taken;		/* in p: there, given */
};

/* Look at @n bytes of @from; k->bytes is less only if the stream ends before. */
LP_MUST_CHECK enum lp_code lp_peek_open(struct lp_peek *k, struct lp_reader *from, size_t n,
					struct lp_err *err);

#endif
