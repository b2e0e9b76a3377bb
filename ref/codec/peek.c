// SPDX-License-Identifier: MIT
#include "codec/peek.h"

#include <string.h>

static enum lp_code peek_read(struct lp_reader *r, void *p, size_t n, size_t *got,
			      struct lp_err *err)
{
	struct lp_peek *k = (struct lp_peek *)(void *)r;
	size_t left = k->bytes - k->taken;

	if (!left)
		return lp_read(k->from, p, n, got, err);
	*got = n < left ? n : left;
	memcpy(p, k->p + k->taken, *got);
	k->taken += *got;
	return LP_OK;
}

enum lp_code lp_peek_open(struct lp_peek *k, struct lp_reader *from, size_t n,
			  struct lp_err *err)
{
	size_t got = 1;

	k->reader.read = peek_read;
	k->from = from;
	k->bytes = k->taken = 0;
	while (k->bytes < n && got) {
		if (lp_read(from, k->p + k->bytes, n - k->bytes, &got, err))
			return err->code;
		k->bytes += got;
	}
	return LP_OK;
}
