/* SPDX-License-Identifier: MIT */
/* made - what a sandboxed child says about the blob that it built, and its parent's belief. */
#ifndef LP_MADE_H
#define LP_MADE_H

#include "format/format.h"

/* Passed as it is, over a socket pair. */
struct lp_made {
	struct lp_digest digest, diffid;
	uint64_t bytes;
	char media_type[LP_MEDIA_TYPE];
	uint32_t nnote;
	struct {
		char key[96], value[LP_DIGEST_TEXT];
	} note[LP_BUILT_NOTES];
};

/* In the child: what is said of @built, whose digest and bytes are set. */
void lp_made_pack(const struct lp_built *built, struct lp_made *out);

/*
 * lp_made_accept - in the parent: a descriptor of what is in @result.
 *
 * @diffid  out: where the format has none, the blob's own digest
 *
 * LP_EFORMAT  image.parser.result
 */
LP_MUST_CHECK enum lp_code lp_made_accept(const struct lp_buf *result, struct lp_descriptor *d,
					  struct lp_digest *diffid, struct lp_err *err);

#endif
