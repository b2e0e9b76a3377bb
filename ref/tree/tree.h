/* SPDX-License-Identifier: MIT */
/*
 * tree - a file tree in memory, between its readers and its encodings.
 *
 *	entries of a format --add--> tree --lp_erofs_write--> the tree of a layer
 *	trees of layers --lp_tree_merge--> tree --lp_erofs_write--> meta.erofs
 *
 * At most 256 bytes an entry; everything lives in arenas and dies at once.
 */
#ifndef LP_TREE_H
#define LP_TREE_H

#include "base/buf.h"
#include "tree/entry.h"
#include "tree/siphash.h"

#define LP_TREE_TEXT_MAX ((size_t)1 << 30)	/* ours: bytes of names, targets, xattrs */
#define LP_TREE_FILE_MAX ((uint64_t)1 << 44)	/* ours: size of a file, as of a device */
#define LP_TREE_XATTRS_MAX 1024			/* ours: xattrs of an entry */

struct lp_tree {
	struct lp_buf node;	/* of struct lp_node (tree/node.h), node 0 is the root */
	struct lp_buf text;	/* names, targets, xattrs, extents */
	struct lp_buf hash;	/* uint32_t slots: (parent, name) -> node; until the end */
	struct lp_buf order;	/* uint32_t: children of directories, sorted; after the end */
	struct lp_buf parent;	/* path of the last entry's directory: the next one's, mostly */
	uint32_t parent_node;	/* and its node, or UINT32_MAX */
	struct lp_siphash_key key;
	uint32_t nnode;
	bool ended;
};

LP_MUST_CHECK enum lp_code lp_tree_open(struct lp_tree *t, struct lp_err *err);
void lp_tree_free(struct lp_tree *t);

/*
 * lp_tree_add - add or replace one entry, in archive order.
 *
 * Missing parents are made (0755, 0:0, time 0), and remembered as implied: a merge takes
 * their attributes from below.  A later entry of one name replaces the earlier one; a
 * directory that is named again keeps its children; a whiteout never replaces a real entry
 * of the same layer, nor is it listed beside one: a directory becomes opaque by it, before
 * it or behind (OCI image-spec, layer.md, Whiteouts).  A hard link is
 * another name of the file that its target names when it comes: what replaces that later
 * is another file.  One that points forwards is resolved by lp_tree_end().  The root may be
 * named, as a directory.  Symlinks get mode 0777, and xattrs that Linux has no prefix for
 * are dropped.
 *
 * LP_EFORMAT  tree.parent.not-directory, tree.root.directory, tree.xattr.overlay-reserved,
 *             tree.device.overlay-reserved (0:0), tree.path.clean, tree.mode.type,
 *             tree.symlink.target, tree.xattr.name, tree.extent.*, tree.time.range
 * LP_ELIMIT   tree.limit.entries: more than LP_ENTRIES_MAX; tree.limit.*
 */
LP_MUST_CHECK enum lp_code lp_tree_add(struct lp_tree *t, const struct lp_entry *e,
				       struct lp_err *err);

/*
 * lp_tree_end - resolve hard links (through chains), count links, sort directories.
 *
 * LP_EFORMAT  tar.link.lower-layer: a target that is not in this tree; tree.hardlink.cycle;
 *             tree.hardlink.directory
 */
LP_MUST_CHECK enum lp_code lp_tree_end(struct lp_tree *t, struct lp_err *err);

#endif
