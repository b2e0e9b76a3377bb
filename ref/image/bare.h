/* SPDX-License-Identifier: MIT */
/*
 * bare - a bootstrap in a file and its blobs in a directory, as an image (rafs:FILE[,DIR]).
 *
 *	FILE --copied into a tar in memory--> the last layer --sandboxed child--> blobs it needs
 *	                                      manifest, configuration: made up
 *
 * What nydus-image leaves behind.  Nobody vouches for FILE but whoever names it: its digest in
 * the manifest is what it has now.  From there on everything is as in any image, v5's Merkle
 * tree and the digests of chunks included; but a blob's name is a name alone, since blobs with a
 * table of contents are called by something else than the digest of all of their bytes.  So
 * blobs are verified chunk by chunk, and never whole.
 */
#ifndef LP_BARE_H
#define LP_BARE_H

#include "image/image.h"

#define LP_BARE_MAX ((uint64_t)512 << 20)	/* bytes of a bootstrap: as format/rafs/boot.h */

/*
 * lp_bare_open - the image that i->ref names: documents and layout of @i.
 *
 * Blobs that are not in the directory are no layers; who reads the image says what is missing.
 *
 * @platform  what the configuration says: a bootstrap says nothing
 *
 * LP_EMISSING  no such file or directory      LP_ELIMIT  image.bare.size
 * LP_EFORMAT   oci.layout.file: it is no regular file.  Errors of lp_refers()
 */
LP_MUST_CHECK enum lp_code lp_bare_open(struct lp_image *i, const struct lp_platform *platform,
					struct lp_err *err);

#endif
