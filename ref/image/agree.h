/* SPDX-License-Identifier: MIT */
/*
 * agree - a lazily readable image is, read as the tars that its layers are, the same tree.
 *
 *	layers --eStargz--> lazy tree  --+
 *	                                 +-- canonical text, line by line
 *	       --tar------> plain tree --+
 *
 * What the digest of a TOC vouches for is the TOC: only this comparison shows that whoever
 * unpacks the image and whoever mounts it see the same files.
 */
#ifndef LP_AGREE_H
#define LP_AGREE_H

#include "image/fill.h"

/*
 * lp_agree - compare two readings of one image, contents included.
 *
 * @lazy    by its layers' formats
 * @plain   as tars
 * @dir     a directory for temporary files; borrowed
 *
 * Left out: the root's own attributes, and files that only a tar reader of eStargz sees (TOC,
 * landmarks).  Times may differ by less than a second: TOCs have whole ones.
 *
 * LP_EFORMAT  estargz.toc.tar: the message names the first path that differs
 */
LP_MUST_CHECK enum lp_code lp_agree(struct lp_filler *lazy, struct lp_filler *plain, int dir,
				    struct lp_err *err);

/* The same for two canonical texts, of @a_bytes and @b_bytes, each of whole lines. */
LP_MUST_CHECK enum lp_code lp_agree_text(const char *a, size_t a_bytes, const char *b,
					 size_t b_bytes, struct lp_err *err);

#endif
