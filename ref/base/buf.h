/* SPDX-License-Identifier: MIT */
/*
 * buf - a growable run of bytes with a hard upper limit.
 *
 * A value: {0} is a valid empty buf, lp_buf_free() may be called twice.
 * Every buffer that holds bytes chosen by somebody else has a limit.
 */
#ifndef LP_BUF_H
#define LP_BUF_H

#include "base/err.h"

#include <stddef.h>

struct lp_buf {
	uint8_t *p;	/* NULL iff cap is 0 */
	size_t len;	/* bytes in use */
	size_t cap;	/* bytes allocated */
};

/* Make room for @more bytes after len; fails if len + @more > @max. */
LP_MUST_CHECK enum lp_code lp_buf_reserve(struct lp_buf *b, size_t more,
					  size_t max, struct lp_err *err);

/* Append @n bytes at @p; fails as lp_buf_reserve() does. */
LP_MUST_CHECK enum lp_code lp_buf_add(struct lp_buf *b, const void *p, size_t n, size_t max,
				      struct lp_err *err);

/* Give @from's bytes to @to; @from becomes empty. */
void lp_buf_move(struct lp_buf *to, struct lp_buf *from);

void lp_buf_free(struct lp_buf *b);

#endif
