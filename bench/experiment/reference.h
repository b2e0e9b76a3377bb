/* SPDX-License-Identifier: MIT */
/*
 * reference - what an image's files have to say: a copy of them, as directories, and its list.
 *
 * Made by another way than what is compared with it: legacy layers, whose digests cover every
 * byte, unpacked.
 */
#ifndef LB_REFERENCE_H
#define LB_REFERENCE_H

#include "experiment/lab.h"

struct lb_goal {
	char *path;		/* relative */
	uint64_t bytes;		/* never 0 */
};

struct lb_reference {
	char at[LB_PATH];	/* the root; "": not mounted */
	struct lb_goal *file;	/* regular files that are not empty, sorted by path */
	size_t n;
	uint64_t bytes;		/* of all of them */
};

/* Unpack the image @name into WORK/stores/reference, which is kept, and list it.  LP_EREMOTE */
LP_MUST_CHECK enum lp_code lb_reference_make(struct lb_reference *r, const struct lb_lab *l,
					     const char *name, struct lp_err *err);
void lb_reference_free(struct lb_reference *r);

#endif
