/* SPDX-License-Identifier: MIT */
/*
 * sent - which bytes of which blobs were sent already: what is wrong the first time only.
 *
 * One bit per byte of every blob that was asked for, behind one lock.
 */
#ifndef LB_SENT_H
#define LB_SENT_H

#include "base/digest.h"

#include <pthread.h>

struct lb_sent_blob;

struct lb_sent {
	pthread_mutex_t lock;
	struct lb_sent_blob *first;
};

void lb_sent_start(struct lb_sent *s);
void lb_sent_free(struct lb_sent *s);

/*
 * lb_sent_find - what was sent of this blob of @bytes; nothing yet, when it is new.
 *
 * @out  borrowed from @s
 *
 * LP_ESYSTEM  memory ran out
 */
LP_MUST_CHECK enum lp_code lb_sent_find(struct lb_sent *s, const struct lp_digest *d,
					uint64_t bytes, struct lb_sent_blob **out,
					struct lp_err *err);

/* Flip a bit in each of the @n bytes at @p, offset @off of the blob, that was not sent before. */
void lb_sent_spoil(struct lb_sent *s, struct lb_sent_blob *b, uint64_t off, void *p, size_t n);

#endif
