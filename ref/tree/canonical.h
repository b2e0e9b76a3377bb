/* SPDX-License-Identifier: MIT */
/*
 * canonical - a tree as text: one JSON object a line, sorted by raw path bytes.
 *
 *	{"p":"usr/bin/x","t":"reg","m":493,"u":0,"g":0,"s":5,"mt":1600000000000000000,"d":"sha256:..."}
 *
 * Keys in this order where they apply:
 *
 *	p	path, "" for the root
 *	t	reg dir symlink char block fifo socket whiteout; a whiteout has p and t only
 *	m u g	mode bits, uid, gid
 *	s	size, of regular files
 *	mt	mtime in nanoseconds
 *	dev	"major:minor", of char and block
 *	hl	first path of the hard link group, in all but the first
 *	l	target
 *	x	{name: base64}, sorted by name, without trusted.overlay.* and user.overlay.*
 *	o	true: an opaque directory
 *	d	digest of a regular file's bytes, unless it has hl
 *
 * Bytes outside printable ASCII, '"', '\' and '%' are percent-encoded (%0A) in p, hl, l and
 * names of x.  The SHA-256 of the text is the tree's identity, whatever its format.
 *
 * The order is that of whole paths, so "a.b" comes between "a" and "a/b".
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

/* The tree of @e to @out.  @data NULL: no digests.  LP_ELIMIT erofs.limit.path */
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
