/* SPDX-License-Identifier: MIT */
/*
 * health - a whole store, looked at and mended: `check` without an image.
 */
#ifndef LP_HEALTH_H
#define LP_HEALTH_H

#include "layer/audit.h"

struct lp_health {
	struct lp_audit audit;	/* first; tell is the caller's */
	uint64_t images;	/* that are sound */
};

/*
 * lp_health_check - verify devices, images and names.
 *
 * What cannot be mended in place is removed, unless it is in use: it is pulled again when it
 * is wanted.  Leftovers of commands that died are swept.  An unpacked layer is not looked at:
 * nothing says what its files were.
 *
 * LP_ESYSTEM   it could not be read, or written
 */
LP_MUST_CHECK enum lp_code lp_health_check(struct lp_health *h, struct lp_store *s,
					   struct lp_err *err);

#endif
