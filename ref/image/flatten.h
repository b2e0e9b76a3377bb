/* SPDX-License-Identifier: MIT */
/*
 * flatten - an image whose metadata is one tree as one layer: for conversions from Nydus.
 *
 *	image --publish, filler--> meta.erofs, data --walk--> entries and bodies --> a sink
 *
 * The tree was made and checked by us, data is verified as it is fetched.
 */
#ifndef LP_FLATTEN_H
#define LP_FLATTEN_H

#include "format/format.h"
#include "image/fill.h"

/* Is @i of a format whose last layer has the metadata of all? */
LP_MUST_CHECK enum lp_code lp_flatten_wanted(struct lp_image *i, bool *yes, struct lp_err *err);

/*
 * lp_flatten - publish @i in @store, and tell @sink every entry, parents first, and bodies.
 *
 * @sink  entry and body alone; entries have no extents
 *
 * Errors of lp_publish() and lp_filler_read(), of the sink
 */
LP_MUST_CHECK enum lp_code lp_flatten(struct lp_image *i, struct lp_store *store,
				      struct lp_sink *sink, struct lp_err *err);

#endif
