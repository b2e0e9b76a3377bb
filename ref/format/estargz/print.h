/* SPDX-License-Identifier: MIT */
/*
 * print - a TOC as text, character by character as Go's encoding/json indents it.
 *
 *	head, entry, entry, ..., tail
 *
 * Zero numbers and empty texts are left out.  Times keep their fraction of a second, which
 * RFC 3339 allows, so that a tree from the TOC and one from the tar agree.
 *
 * Specification: spec/estargz.md 1.7, B.2
 */
#ifndef LP_PRINT_H
#define LP_PRINT_H

#include "base/buf.h"
#include "base/digest.h"
#include "tree/entry.h"

/* The run of data that an entry of type reg or chunk tells. */
struct lp_print_chunk {
	uint64_t off;			/* of its member in the blob */
	uint64_t chunk_off;		/* in the file; 0: the entry is the file's own */
	uint64_t chunk_bytes;		/* 0: up to the end of the file */
	const struct lp_digest *digest;	/* of it */
	const struct lp_digest *whole;	/* of the file */
};

LP_MUST_CHECK enum lp_code lp_print_head(struct lp_buf *out, struct lp_err *err);
LP_MUST_CHECK enum lp_code lp_print_tail(struct lp_buf *out, struct lp_err *err);

/*
 * lp_print_entry - append the entry that stands in the tar as @name.
 *
 * @first  nothing is printed before it
 * @e      a whiteout counts as the empty regular file that it is there
 * @chunk  of a regular file with data, else NULL
 *
 * LP_EUNSUP  estargz.write.utf8: a name, a target or an xattr's name that JSON cannot hold
 */
LP_MUST_CHECK enum lp_code lp_print_entry(struct lp_buf *out, bool first, const char *name,
					  const struct lp_entry *e,
					  const struct lp_print_chunk *chunk, struct lp_err *err);

#endif
