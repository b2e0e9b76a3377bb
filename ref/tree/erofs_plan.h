/* SPDX-License-Identifier: MIT */
/*
 * erofs_plan - where each record of a tree goes, before the first byte is written.
 *
 *	0        superblock, device table
 *	al32     inodes: a directory's children together, then the subtrees; the root first
 *	         (inline: tails of directories, targets; chunk indexes)
 *	al4096   full blocks of directories, targets that do not fit inline: in the same order
 *	al4096   shared xattrs, in the order of their first use
 */
#ifndef LP_EROFS_PLAN_H
#define LP_EROFS_PLAN_H

#include "tree/erofs.h"
#include "tree/erofs_layout.h"
#include "tree/node.h"

#define LP_EROFS_BYTES_MAX ((uint64_t)1 << 32)	/* ours: of a tree's metadata */

/* Of a node that has an inode. */
struct lp_erofs_place {
	uint32_t nid;		/* 0: none yet */
	uint32_t block;		/* first of its data blocks, or 0 */
	uint32_t bytes;		/* of a directory */
};

/* An xattr (name and value) that at least one inode has. */
struct lp_erofs_shared {
	uint32_t at;		/* in the tree's text: the first one */
	uint32_t uses;
	uint32_t id;		/* when used twice: in units of 4 bytes from the shared xattrs */
};

struct lp_erofs_plan {
	const struct lp_tree *tree;
	struct lp_buf order;	/* uint32_t: nodes in the order of their inodes */
	struct lp_buf place;	/* struct lp_erofs_place of each node */
	struct lp_buf shared;	/* struct lp_erofs_shared */
	struct lp_buf slot;	/* uint32_t: hash table over shared, index + 1 */
	uint32_t ninode;
	uint64_t inode_end;	/* bytes from the start */
	uint32_t xattr_block;	/* of the shared xattrs, or 0 */
	uint64_t xattr_bytes;
	uint64_t end;
};

/* How the chunks of a regular file lie. */
struct lp_erofs_chunks {
	uint32_t bits;		/* beyond 12 */
	uint64_t n;		/* indexes */
};

struct lp_erofs_xattrs {
	uint32_t shared;	/* how many go there */
	uint32_t bytes;		/* with the header; 0: none */
};

/* LP_ELIMIT  erofs.limit.bytes */
LP_MUST_CHECK enum lp_code lp_erofs_plan(struct lp_erofs_plan *p, const struct lp_tree *t,
					 uint64_t first, struct lp_err *err);
void lp_erofs_plan_free(struct lp_erofs_plan *p);

static inline struct lp_erofs_place *lp_erofs_place(const struct lp_erofs_plan *p, uint32_t node)
{
	return (struct lp_erofs_place *)(void *)p->place.p + node;
}

static inline uint32_t lp_erofs_node(const struct lp_erofs_plan *p, uint32_t i)
{
	return ((const uint32_t *)(const void *)p->order.p)[i];
}

void lp_erofs_plan_chunks(const struct lp_tree *t, const struct lp_node *n,
			  struct lp_erofs_chunks *out);
void lp_erofs_plan_xattrs(const struct lp_erofs_plan *p, const struct lp_node *n,
			  struct lp_erofs_xattrs *out);

/* Is the xattr at @at in the text kept with the shared ones?  *id: where. */
bool lp_erofs_plan_shared(const struct lp_erofs_plan *p, uint32_t at, uint32_t *id);

/* Does the last part of @bytes of data stand behind an inode with @xattr bytes of xattrs? */
static inline bool lp_erofs_fits_inline(uint32_t xattr, uint64_t bytes)
{
	return bytes % LP_EROFS_BLOCK &&
	       LP_EROFS_INODE_BYTES + xattr + bytes % LP_EROFS_BLOCK <= LP_EROFS_BLOCK;
}

/* The names of a directory in order, "." and ".." among them. */
struct lp_erofs_names {
	const struct lp_erofs_plan *plan;
	uint32_t dir;		/* node */
	uint32_t next;		/* child */
	uint32_t dots;		/* how many of "." and ".." are out */
};

/* False behind the last one. */
bool lp_erofs_names_next(struct lp_erofs_names *n, struct lp_erofs_name *out);

#endif
