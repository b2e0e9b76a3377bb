/* SPDX-License-Identifier: MIT */
/*
 * answer - does what a server says fit what it was asked?
 *
 * The head is checked before the first byte of the body is believed: a range must begin
 * where we asked, a whole blob must have its length.  A whole blob in place of a range is
 * good too: the bytes in front are dropped, those behind are cut off.
 *
 * Specification: RFC 9110, 14.4 and 15.3.7; distribution-spec v1.1, "Pulling blobs"
 */
#ifndef LP_ANSWER_H
#define LP_ANSWER_H

#include "fetch/exchange.h"

#define LP_SKIP_MAX ((uint64_t)256 << 20)	/* bytes of a whole blob to drop for one range, ours */

/* What the answer says of the length of all, also where it is a part; or LP_NO_OFFSET. */
uint64_t lp_answer_whole(const struct lp_exchange *x);

/* The field @name of the latest answer, the @i-th of that name, or NULL. */
const char *lp_answer_field(const struct lp_exchange *x, const char *name, size_t i);

/* Check the head once it has come; x->answer then says what to do with the body. */
void lp_answer_check(struct lp_exchange *x);

/*
 * lp_answer_body - the next @n bytes of the body.
 *
 * Returns n, 0 to end the transfer, or CURL_WRITEFUNC_PAUSE.
 */
size_t lp_answer_body(struct lp_exchange *x, const uint8_t *p, size_t n);

/* Has everything that was asked for been taken? */
bool lp_answer_complete(const struct lp_exchange *x);

#endif
