/* SPDX-License-Identifier: MIT */
/*
 * convert - an image into another format, or as it is, to another place.
 *
 *	layer --sandboxed child: stream -> spool -> build_layer--> blob --> target
 *	blobs of a format of whole images --bundle--> its last layer --> target
 *	an image of such a format --flatten--> one layer
 *
 * Layers of the same digest are converted once.  The output depends on the input and the
 * options only, never on the number of processors.
 */
#ifndef LP_CONVERT_H
#define LP_CONVERT_H

#include "base/log.h"
#include "format/format.h"
#include "image/target.h"

struct lp_convert_options {
	const struct lp_format *to;	/* NULL: copy the layers as they are */
	bool merge_manifest;		/* in an index with the source: image/beside.h */
	bool with_referrer;		/* as a referrer of the source */
	struct lp_build_options build;	/* pool, scratch and dict are not the caller's */
	struct lp_image *dict;		/* its chunks are not stored again: image/dict.h; or NULL */
	size_t threads;			/* for each layer; 0: one per processor */
	int tmp;			/* an open directory for spools */
	const char *store;		/* where images are flattened; NULL: the user's own */
	struct lp_progress *progress;	/* or NULL */
};

/*
 * lp_convert - write @from to @to.
 *
 * @digest  out: of the new manifest, or of the index that it is in
 *
 * Errors of lp_parse_run() and of the formats, "layer N: ..."; of the target; of image/dict.h
 */
LP_MUST_CHECK enum lp_code lp_convert(struct lp_image *from, struct lp_target *to,
				      const struct lp_convert_options *o,
				      struct lp_digest *digest, struct lp_err *err);

#endif
