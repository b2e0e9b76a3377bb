/* SPDX-License-Identifier: MIT */
/*
 * order - the entries of a layer in the order in which a lazy format stores them.
 *
 *	prioritised, in the order of the list | (eStargz: landmark) | all others, as they came
 *
 * Each prioritised entry comes behind its parent directories and, if it is a hard link, the
 * file that it links to.  Of entries with one name the last one stays, where it is.  The
 * landmarks and the TOC of eStargz are dropped.
 *
 * Specification: spec/estargz.md 1.10, 1.14; spec/rafs.md 4.7
 */
#ifndef LP_ORDER_H
#define LP_ORDER_H

#include "tree/spool.h"

struct lp_order {
	struct lp_buf index;	/* of uint32_t: entries of the spool */
	size_t count;
	size_t early;		/* how many come before the landmark */
};

/* @prefetch  @n clean paths, first to last; those that the layer does not have are skipped */
LP_MUST_CHECK enum lp_code lp_order_make(struct lp_order *o, const struct lp_spool *in,
					 const char *const *prefetch, size_t n,
					 struct lp_err *err);
void lp_order_free(struct lp_order *o);

/* Is @path, at the root, one of those that are dropped? */
bool lp_order_skips(const char *path);

/* The entry of the spool that stands at place @i. */
size_t lp_order_at(const struct lp_order *o, size_t i);

#endif
