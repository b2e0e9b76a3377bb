/* SPDX-License-Identifier: MIT */
/*
 * refers - the blobs that the metadata of an image needs.
 *
 *	last layer --sandboxed child: blobs()--> digests
 */
#ifndef LP_REFERS_H
#define LP_REFERS_H

#include "format/format.h"

/*
 * lp_refers - append to @out, of struct lp_digest, the blobs that @layer in @source needs.
 *
 * @format  whose metadata it is
 *
 * Errors of lp_parse_run() and of the format
 */
LP_MUST_CHECK enum lp_code lp_refers(const struct lp_format *format,
				     const struct lp_descriptor *layer, struct lp_source *source,
				     struct lp_buf *out, struct lp_err *err);

#endif
