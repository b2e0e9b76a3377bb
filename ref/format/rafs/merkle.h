/* SPDX-License-Identifier: MIT */
/* merkle - the digests of RAFS v5's inodes.  Specification: spec/rafs.md 2.9 */
#ifndef LP_RAFS_MERKLE_H
#define LP_RAFS_MERKLE_H

#include "format/rafs/v5.h"

/*
 * lp_rafs_merkle_check - compare the digest of every inode, up to the root's.
 *
 * The structure of @v has been checked.
 *
 * LP_EDIGEST  rafs5.inode.digest
 */
LP_MUST_CHECK enum lp_code lp_rafs_merkle_check(const struct lp_rafs_v5 *v, struct lp_err *err);

#endif
