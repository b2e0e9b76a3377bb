/* SPDX-License-Identifier: MIT */
/*
 * bundle - the layer that makes one image of blobs: the metadata of all of them.
 *
 *	blobs --sandboxed child: build_image--> the last layer --> target
 */
#ifndef LP_BUNDLE_H
#define LP_BUNDLE_H

#include "image/convert.h"

/* Blobs, lowest first. */
struct lp_blobs {
	const struct lp_descriptor *d;	/* [n] */
	const int *fd;			/* [n] files with them */
	size_t n;
};

/*
 * lp_bundle - build and keep the last layer of an image of @o->to.
 *
 * @made   out: the new layer; lp_descriptor_free() in any case
 * @needs  out, with a dictionary: the blobs that it needs, of struct lp_digest
 *
 * Errors of lp_parse_run(), of the format, of the target
 */
LP_MUST_CHECK enum lp_code lp_bundle(struct lp_target *to, const struct lp_convert_options *o,
				     const struct lp_blobs *blobs, struct lp_descriptor *made,
				     struct lp_digest *diffid, struct lp_buf *needs,
				     struct lp_err *err);

#endif
