/* SPDX-License-Identifier: MIT */
/* xattrs - the extended attributes of one inode, as an entry wants them. */
#ifndef LP_RAFS_XATTRS_H
#define LP_RAFS_XATTRS_H

#include "base/buf.h"
#include "tree/entry.h"

/* {0} is valid and empty. */
struct lp_rafs_xattrs {
	struct lp_buf list;	/* of struct lp_xattr; what they name is borrowed */
};

/*
 * lp_rafs_xattrs_add - one more; @name and @value are borrowed until the next clear.
 *
 * What no tree keeps is left out.  LP_EFORMAT tar.xattr.*; LP_ELIMIT tree.limit.xattrs
 */
LP_MUST_CHECK enum lp_code lp_rafs_xattrs_add(struct lp_rafs_xattrs *x, const char *name,
					      const void *value, size_t bytes, uint64_t at,
					      struct lp_err *err);
static inline void lp_rafs_xattrs_clear(struct lp_rafs_xattrs *x) { x->list.len = 0; }
void lp_rafs_xattrs_free(struct lp_rafs_xattrs *x);

#endif
