/* SPDX-License-Identifier: MIT */
/*
 * merge - the trees of an image's layers, lowest first, laid over each other.
 *
 * As overlayfs would show them: whiteouts and opaque directories hide what is below, a
 * directory over a directory joins, anything else replaces.  The devices of a layer come behind
 * those of the layers below it, in their order.
 *
 * Specification: OCI image-spec, layer.md, "Applying Changesets"
 */
#ifndef LP_MERGE_H
#define LP_MERGE_H

#include "tree/erofs.h"

/*
 * lp_tree_merge - merge @n trees (checked) into @out (opened, empty), which is ended.
 *
 * LP_ELIMIT  tree.limit.entries
 */
LP_MUST_CHECK enum lp_code lp_tree_merge(const struct lp_erofs *layer, size_t n,
					 struct lp_tree *out, struct lp_err *err);

#endif
