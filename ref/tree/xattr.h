/* SPDX-License-Identifier: MIT */
/*
 * xattr - which extended attributes a layer may have: one policy for all its spellings.
 *
 * Those of name spaces that the kernel does not have are dropped, as unpacking drops them;
 * overlayfs's own are refused (design.md 10.2).
 */
#ifndef LP_XATTR_H
#define LP_XATTR_H

#include "tree/entry.h"

/*
 * lp_xattr_take - is the xattr @name with a value of @bytes one that a tree keeps?
 *
 * @at    recorded in @err
 *
 * LP_EFORMAT  tar.xattr.name: nothing behind the name space, or above LP_NAME_MAX;
 *             tar.xattr.reserved-overlay
 * LP_ELIMIT   tar.xattr.size
 */
LP_MUST_CHECK enum lp_code lp_xattr_take(const char *name, size_t bytes, uint64_t at, bool *keep,
					 struct lp_err *err);

#endif
