/* SPDX-License-Identifier: MIT */
/*
 * waits - which reads of a mount had to wait, and for how long: the last LP_WAITS of them, and
 * the sum of all.
 *
 * Thread-safe, and of a fixed size: it costs a read that waits for the network nothing.
 */
#ifndef LP_WAITS_H
#define LP_WAITS_H

#include "tree/erofs.h"

#include <jansson.h>
#include <pthread.h>

#define LP_WAITS 256	/* ours: of a mount that are remembered */

struct lp_waited {
	uint64_t nid, off, bytes;	/* what was read of which file, or, where that is not known, */
	uint32_t device;		/* of which device of the tree; 0: of the file */
	uint64_t at_ns, wait_ns;	/* since when (CLOCK_MONOTONIC), and for how long */
	bool failed;
};

struct lp_waits {
	pthread_mutex_t lock;
	struct lp_waited last[LP_WAITS];	/* a ring; under lock, as what follows */
	uint64_t n;			/* that there ever were */
	uint64_t wait_ns;		/* of all of them */
};

void lp_waits_init(struct lp_waits *w);
void lp_waits_free(struct lp_waits *w);
void lp_waits_add(struct lp_waits *w, const struct lp_waited *one);

/* How many there ever were, and how long all of them took. */
void lp_waits_sum(struct lp_waits *w, uint64_t *n, uint64_t *wait_ns);

/* Append those that are remembered to @list, of struct lp_waited; @device: for all of them. */
LP_MUST_CHECK enum lp_code lp_waits_list(struct lp_waits *w, uint32_t device, struct lp_buf *list,
					 struct lp_err *err);

/*
 * lp_waits_json - the last LP_WAITS of @list, oldest first: an array of {"path", "offset",
 * "bytes", "at_ns", "wait_ns", "failed"}.
 *
 * @list  is sorted; what was read of a device gets the first file that has its bytes there
 * @tree  the one that was read; a path that is not UTF-8 is "path_base64" instead, and what no
 *        file has, has none
 */
LP_MUST_CHECK enum lp_code lp_waits_json(struct lp_buf *list, const struct lp_erofs *tree,
					 json_t **out, struct lp_err *err);

#endif
