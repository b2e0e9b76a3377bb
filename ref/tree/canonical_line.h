/* SPDX-License-Identifier: MIT */
/*
 * canonical_line - one line of a canonical tree.
 */
#ifndef LP_CANONICAL_LINE_H
#define LP_CANONICAL_LINE_H

#include "base/buf.h"
#include "base/digest.h"
#include "tree/entry.h"

#define LP_CANONICAL_LINE_MAX ((size_t)1 << 28)	/* ours: 1024 xattrs of 64 KiB, and then some */

struct lp_canonical_line {
	struct lp_entry e;	/* without its xattrs; the link of symlinks only */
	const char *first;	/* path of the first of its hard links, or NULL */
	bool opaque;
	struct lp_digest digest;
	struct lp_buf item;	/* xattrs, and */
	struct lp_buf text;	/* their names and values */
};

void lp_canonical_line_free(struct lp_canonical_line *l);

/* Begin the next line; memory is kept. */
void lp_canonical_line_reset(struct lp_canonical_line *l);

/* Add an xattr; overlayfs's own are left out, and tell an opaque directory. */
LP_MUST_CHECK enum lp_code lp_canonical_line_xattr(struct lp_canonical_line *l,
						   const char *name, const void *value,
						   size_t bytes, struct lp_err *err);

/* Append the line to @out, with a newline. */
LP_MUST_CHECK enum lp_code lp_canonical_line_print(struct lp_canonical_line *l,
						   struct lp_buf *out, struct lp_err *err);

#endif
