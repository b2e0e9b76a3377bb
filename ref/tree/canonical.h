/* SPDX-License-Identifier: MIT */
/*
 * canonical - a tree as text: one JSON object a line, sorted by raw path bytes.
 *
 *	{"p":"usr/bin/x","t":"reg","m":493,"u":0,"g":0,"s":5,"mt":1600000000000000000,"d":"sha256:..."}
 *
 * Keys in this order where they apply: p path, t type (reg dir symlink char block fifo
 * whiteout), m mode bits, u, g, s size, mt ns, dev "major:minor", hl first path of the hard
 * link group (all but the first), l target, x {name: base64}, o true (opaque), d digest.
 * Bytes outside printable ASCII, '"', '\' and '%' are percent-encoded in p, hl and l.  The
 * SHA-256 of the text is the tree's identity, whatever the format it came from.
 *
 * Specification: spec/conformance.md 2.5, "Canonical tree"
 */
#ifndef LP_CANONICAL_H
#define LP_CANONICAL_H

#include "base/stream.h"
#include "tree/erofs.h"

/* Gives the bytes of a regular file, for its digest. */
struct lp_canonical_data {
	enum lp_code (*digest)(struct lp_canonical_data *d, const struct lp_erofs_inode *inode,
			       struct lp_digest *out, struct lp_err *err);
};

/* The tree of @e to @out.  @data NULL: no digests. */
LP_MUST_CHECK enum lp_code lp_canonical_erofs(const struct lp_erofs *e,
					      struct lp_canonical_data *data,
					      struct lp_writer *out, struct lp_err *err);

/*
 * The tree below the directory @dir to @out: the same text for the same tree, so that a
 * mount, an unpacked image and an image compare.  trusted.overlay.* and user.overlay.*
 * xattrs are left out.
 */
LP_MUST_CHECK enum lp_code lp_canonical_dir(int dir, bool digests, struct lp_writer *out,
					    struct lp_err *err);

#endif
