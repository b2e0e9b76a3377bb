// SPDX-License-Identifier: MIT
#include "base/buf.h"

#include <stdlib.h>
#include <string.h>

enum lp_code lp_buf_reserve(struct lp_buf *b, size_t more, size_t max, struct lp_err *err)
{
	size_t cap = b->cap ? b->cap : max < 4096 ? max : 4096;
	uint8_t *p;

	if (b->len > max || more > max - b->len)
		return lp_fail(err, LP_ELIMIT, LP_NO_OFFSET, NULL,
			       "%zu more bytes would exceed the limit of %zu", more, max);
	while (cap - b->len < more)
		cap = cap > max / 2 ? max : cap * 2;
	if (cap == b->cap)
		return LP_OK;
	p = realloc(b->p, cap);
	if (!p)
		return lp_fail(err, LP_ESYSTEM, LP_NO_OFFSET, NULL, "allocate %zu bytes", cap);
	b->p = p;
	b->cap = cap;
	return LP_OK;
}

enum lp_code lp_buf_add(struct lp_buf *b, const void *p, size_t n, size_t max,
			struct lp_err *err)
{
	if (lp_buf_reserve(b, n, max, err))
		return err->code;
	if (n)
		memcpy(b->p + b->len, p, n);
	b->len += n;
	return LP_OK;
}

void lp_buf_move(struct lp_buf *to, struct lp_buf *from)
{
	lp_buf_free(to);
	*to = *from;
	*from = (struct lp_buf){0};
}

void lp_buf_free(struct lp_buf *b)
{
	free(b->p);
	*b = (struct lp_buf){0};
}
