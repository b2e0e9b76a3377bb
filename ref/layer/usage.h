/* SPDX-License-Identifier: MIT */
/*
 * usage - what a directory of the store takes on disk, and when it was last of use.
 *
 * The time of last use is the modification time of the directory of an image: that of its
 * publishing, until a mount, or the end of one, sets it anew.  It survives whatever the
 * directory survives.
 */
#ifndef LP_USAGE_H
#define LP_USAGE_H

#include "layer/store.h"

/*
 * lp_usage_bytes - the bytes on disk (blocks, not lengths) of directory @name of the store and
 * all below it.
 *
 * What another process removes meanwhile is not counted; a file of several names is, once.
 */
LP_MUST_CHECK enum lp_code lp_usage_bytes(const struct lp_store *s, const char *name,
					  uint64_t *bytes, struct lp_err *err);

/* The image whose directory @dir is (-1: none) was of use just now. */
void lp_usage_touch(int dir);

/* When @name was last of use, in ns since 1970; 0: it is not there. */
uint64_t lp_usage_time(const struct lp_store *s, const char *name);

#endif
