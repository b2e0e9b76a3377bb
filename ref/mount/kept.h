/* SPDX-License-Identifier: MIT */
/*
 * kept - what must outlive a keeper: documents and descriptors, by key.
 *
 *	keeper: lp_kept_put(), lp_kept_drop() --socket--> watchdog: lp_kept_take()
 *
 * Both have the same list.  The watchdog does not look into it: it only holds the descriptors
 * open and hands the list to the next keeper, which is its child.
 */
#ifndef LP_KEPT_H
#define LP_KEPT_H

#include "mount/wire.h"

struct lp_kept_record {
	struct lp_kept_record *next;
	json_t *document;		/* has the members "key" and whatever was put */
	int fd[LP_WIRE_FDS];		/* [nfd] its own */
	size_t nfd;
};

struct lp_kept {
	int socket;			/* to the watchdog; -1: it is gone, or this is it */
	struct lp_kept_record *first;
};

/*
 * lp_kept_put - keep @document (consumed) and copies of @fd[@nfd] under its "key".
 *
 * What had the key before is dropped.  When the watchdog cannot be told that is not an error
 * here: the keeper notices that it is gone.
 */
LP_MUST_CHECK enum lp_code lp_kept_put(struct lp_kept *k, json_t *document, const int *fd,
				       size_t nfd, struct lp_err *err);
void lp_kept_drop(struct lp_kept *k, const char *key);

/* NULL: nothing has that key. */
struct lp_kept_record *lp_kept_find(const struct lp_kept *k, const char *key);

/* What the keeper said, @fds consumed; false: something that is not about records. */
bool lp_kept_take(struct lp_kept *k, json_t *j, struct lp_packet *fds);

void lp_kept_free(struct lp_kept *k);	/* the records, and the socket */

#endif
