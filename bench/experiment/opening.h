/* SPDX-License-Identifier: MIT */
/*
 * opening - how long from an image's blobs to the tree that a mount needs?
 */
#ifndef LB_OPENING_H
#define LB_OPENING_H

#include "experiment/lab.h"
#include "experiment/session.h"

/*
 * lb_opening - `lazypull pull` of a form of an image, from its layout, into an empty store.
 *
 * "meta_ns": from the blobs being named to meta.erofs being written; "wall_ns": the whole
 * process, which makes it durable; and what that cost.
 */
LP_MUST_CHECK enum lp_code lb_opening(struct lb_lab *l, const char *image, const char *tag,
				      json_t *out, struct lp_err *err);

#endif
