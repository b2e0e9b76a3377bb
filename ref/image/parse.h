/* SPDX-License-Identifier: MIT */
/*
 * parse - one pass over a layer, or an image, in a sandboxed child that exits.
 *
 *	parent                                      child (image/sandbox.h)
 *	sources --answers-------socket pair-------> proxies --> run() --> files that it was
 *	        <--asks, at the end the result-----                       born with
 *
 * The child has no network and no file system (or one directory); it writes to descriptors
 * that were opened before, and its result is a run of bytes.  One stroke for memory (nothing
 * of a parsed TOC stays), for crashes and for security.
 *
 * When the child reads the first blob as a stream, the parent hashes what it passes on and
 * compares it with the descriptor: then the whole pass fails, whatever the child says.
 */
#ifndef LP_PARSE_H
#define LP_PARSE_H

#include "fetch/source.h"
#include "oci/descriptor.h"

#define LP_PARSE_RESULT_MAX ((size_t)64 << 20)	/* bytes, ours: a million prefetch runs */

struct lp_parse {
	/* In the child.  @blob: as many as lp_parse_run() got.  What is in @result comes back. */
	enum lp_code (*run)(struct lp_parse *p, struct lp_source *blob, struct lp_buf *result,
			    struct lp_err *err);
	const struct lp_descriptor *layer;	/* of blob 0 */
	const int *keep;	/* [nkeep] descriptors that run() uses */
	size_t nkeep;
	int dir;		/* -1, or the directory that run() may write beneath */
	bool threads;		/* run() starts threads */
	/* In the parent: bytes of the blob that have passed (NULL: do not care). */
	void (*progress)(struct lp_parse *p, uint64_t bytes);
};

/*
 * lp_parse_run - run @p over @blob[@nblob] in a child.  Re-entrant: a thread per layer.
 *
 * @result  out: empty on failure
 *
 * Whatever run() fails with; LP_EDIGEST oci.layer.digest; errors of the source;
 * LP_EFORMAT image.parser.died, image.parser.result
 */
LP_MUST_CHECK enum lp_code lp_parse_run(struct lp_parse *p, struct lp_source *blob, size_t nblob,
					struct lp_buf *result, struct lp_err *err);

#endif
