/* SPDX-License-Identifier: MIT */
/*
 * cold - the state before a run, made and then proved: nothing of the image is on this
 * machine, and everything that must be equal for all is in memory.
 *
 * A claim of coldness that nobody checked is how benchmarks go wrong; so cachestat(2) counts
 * pages, and a witness file that was in the page cache must be gone from it.
 */
#ifndef LB_COLD_H
#define LB_COLD_H

#include "base/buf.h"

#include <stdbool.h>

/* Pages of files: how many there are, and how many are in the page cache. */
struct lb_pages {
	uint64_t all, resident;
};

struct lb_cold {
	uint64_t store_entries;		/* in the fresh store: 0 */
	uint64_t mounts;		/* below it: 0 */
	struct lb_pages witness;	/* resident: 0 */
	struct lb_pages program;	/* the system's programs: all */
	struct lb_pages blob;		/* the registry's blobs of the image: all */
};

/* Remove the directory and all below it, unmounting what is mounted there. */
LP_MUST_CHECK enum lp_code lb_remove_tree(const char *path, struct lp_err *err);

/* Mount points at or below @path. */
uint64_t lb_mounts_below(const char *path);

/* Read the file so that it is in the page cache. */
LP_MUST_CHECK enum lp_code lb_warm_file(const char *path, struct lp_err *err);

/* Add the pages of @path. */
LP_MUST_CHECK enum lp_code lb_count_pages(const char *path, struct lb_pages *out,
					  struct lp_err *err);

/* Entries of a directory. */
LP_MUST_CHECK enum lp_code lb_count_entries(const char *path, uint64_t *n, struct lp_err *err);

/* sync(2), and drop clean pages, dentries and inodes.  LP_ESYSTEM: not root. */
LP_MUST_CHECK enum lp_code lb_drop_caches(struct lp_err *err);

/* Make sure that @path is a file of a few pages, in the page cache. */
LP_MUST_CHECK enum lp_code lb_make_witness(const char *path, struct lp_err *err);

/* NULL, or which of the conditions does not hold. */
const char *lb_cold_violation(const struct lb_cold *c);

#endif
