/* SPDX-License-Identifier: MIT */
/*
 * blob - the TOC of an eStargz blob: found, inflated, verified.
 *
 *	| members ...          | TOC member: tar header, JSON, pad | footer |
 *	                  |<------ one read of the tail --------------->|
 *
 * Specification: spec/estargz.md 1.6, 1.16, 2.3
 */
#ifndef LP_BLOB_H
#define LP_BLOB_H

#include "format/format.h"

struct lp_blob_toc {
	struct lp_buf plain;	/* the tar header and all */
	char *json;		/* in plain, with room for the scanner's slack behind it */
	size_t json_bytes;
	uint64_t toc_off;	/* of its member in the blob */
};

/*
 * lp_blob_load - the TOC of the blob that @d describes.
 *
 * Its digest is compared with the descriptor's annotation before anything in it is looked
 * at; without the annotation it is refused, unless @options allow it.
 *
 * LP_EFORMAT, LP_EUNSUP   estargz.footer.*, estargz.toc-entry.*, codec.*
 * LP_EFORMAT  estargz.toc-digest.missing, estargz.toc-digest.grammar
 * LP_EDIGEST  estargz.toc-digest.mismatch
 * LP_ELIMIT   estargz.limit.toc
 */
LP_MUST_CHECK enum lp_code lp_blob_load(const struct lp_descriptor *d, struct lp_source *source,
					const struct lp_open_options *options,
					struct lp_blob_toc *out, struct lp_err *err);
void lp_blob_free(struct lp_blob_toc *t);

/* Does the blob end in a footer of ours?  Reads its last bytes. */
LP_MUST_CHECK enum lp_code lp_blob_probe(struct lp_source *source, bool *ours,
					 struct lp_err *err);

#endif
