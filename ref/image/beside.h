/* SPDX-License-Identifier: MIT */
/*
 * beside - a converted image beside the one that it was made from.
 *
 *	in an index:    tag --> index --> the source's manifests, byte for byte, and the new one
 *	as a referrer:  the source's manifest <--subject-- the new one
 *
 * Specification: OCI image-spec v1.1, image-index.md, manifest.md; for Nydus nydusify's parser
 */
#ifndef LP_BESIDE_H
#define LP_BESIDE_H

#include "image/convert.h"

#define LP_BESIDE_DEPTH 3	/* ours: indexes in indexes */
#define LP_BESIDE_DOCUMENTS 1024	/* ours: manifests and indexes that are copied */

/*
 * lp_beside - the documents of the new image @m with @config, whose layers are kept already, and
 * in an index also all that the source's index names.
 *
 * @digest  out: of what the tag names now, or the new manifest
 *
 * LP_EUSAGE   the source is a Nydus image itself
 * LP_ELIMIT   oci.index.depth, oci.index.documents
 * Errors of the source and of the target
 */
LP_MUST_CHECK enum lp_code lp_beside(struct lp_image *from, struct lp_target *to,
				     const struct lp_convert_options *o, struct lp_manifest *m,
				     const struct lp_buf *config, struct lp_digest *digest,
				     struct lp_err *err);

#endif
