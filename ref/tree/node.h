/* SPDX-License-Identifier: MIT */
/*
 * node - what an lp_tree is made of; for the files of this room that fill and encode trees.
 *
 *	node[0] is the root       text: names, targets, xattrs, runs, all by offset
 *	after lp_tree_end():      order: the live children of each directory, sorted by name
 */
#ifndef LP_NODE_H
#define LP_NODE_H

#include "layer/layer.h"
#include "tree/tree.h"

enum lp_node_flag {
	LP_NODE_OPAQUE = 1,	/* a directory that hides its kind below */
	LP_NODE_IMPLIED = 2,	/* a directory that nobody named: its attributes are our guess */
	LP_NODE_DEAD = 4,	/* replaced, or below a directory that was */
	LP_NODE_RESOLVED = 8,	/* a hard link whose a is a node, which is no hard link */
	LP_NODE_LINKED = 16,	/* such a node: it lives on when its own name is replaced */
};

struct lp_node {
	uint32_t parent;	/* node; smaller than its own number */
	uint32_t hash;		/* of (parent, name) */
	uint32_t name;		/* in text */
	uint32_t mode, uid, gid;
	uint32_t mtime_ns;
	uint32_t nlink;
	int64_t mtime;
	uint64_t size;		/* regular files and symlinks */
	uint32_t a;		/* major; target in text; a hard link's path in text, then node */
	uint32_t b;		/* minor; a hard link's mark */
	uint32_t xattr;		/* in text: nxattr of struct lp_node_xattr with their bytes */
	uint32_t run;		/* in text: nrun of struct lp_run */
	uint32_t nrun;
	uint32_t child, nchild;	/* first and number in order */
	uint16_t nxattr;
	uint8_t name_bytes;
	uint8_t kind : 3;	/* enum lp_entry_kind, without LP_ENTRY_OPAQUE */
	uint8_t flags : 5;	/* enum lp_node_flag */
};

_Static_assert(sizeof(struct lp_node) == 80, "room for names and extents in 256 bytes");

/* Blocks of a file that lie together.  Sorted, joined where they touch. */
struct lp_run {
	uint64_t block;		/* first, in the file */
	uint32_t blocks;
	uint32_t device_block;	/* first, on the device */
	uint32_t device;
} __attribute__((packed));

/* Name and value follow.  Sorted by name, no two alike. */
struct lp_node_xattr {
	uint32_t hash;		/* of name and value */
	uint32_t value_bytes;
	uint32_t name_bytes;
} __attribute__((packed));

static inline struct lp_node *lp_node(const struct lp_tree *t, uint32_t i)
{
	return (struct lp_node *)(void *)t->node.p + i;
}

/* The node that the name @i stands for: itself, or the target of a hard link. */
static inline uint32_t lp_node_inode(const struct lp_tree *t, uint32_t i)
{
	const struct lp_node *n = lp_node(t, i);

	return n->kind == LP_ENTRY_HARDLINK ? n->a : i;
}

static inline uint32_t lp_node_child(const struct lp_tree *t, const struct lp_node *dir,
				     uint32_t i)
{
	return ((const uint32_t *)(const void *)t->order.p)[dir->child + i];
}

static inline const char *lp_node_text(const struct lp_tree *t, uint32_t off)
{
	return (const char *)t->text.p + off;
}

static inline bool lp_node_is_dir(const struct lp_node *n)
{
	return n->kind == LP_ENTRY_NODE && S_ISDIR(n->mode);
}

void lp_node_run(const struct lp_tree *t, const struct lp_node *n, uint32_t i,
		 struct lp_run *out);

/* The xattr at *@at, which moves on to the next; start with n->xattr, n->nxattr times. */
void lp_node_xattr(const struct lp_tree *t, uint32_t *at, struct lp_node_xattr *out,
		   const char **name, const char **value);

/*
 * lp_tree_append - a node that is known to be new, without a look at its neighbours.
 *
 * @e->path   its name alone; the caller answers for it, and calls in the order of names
 * @link      for a hard link: the node, which is none itself
 */
LP_MUST_CHECK enum lp_code lp_tree_append(struct lp_tree *t, uint32_t parent,
					  const struct lp_entry *e, uint32_t link, uint32_t *node,
					  struct lp_err *err);

/* node_fill.c: check @e's attributes, xattrs and extents, and copy them into @n. */
LP_MUST_CHECK enum lp_code lp_node_fill(struct lp_tree *t, struct lp_node *n,
					const struct lp_entry *e, struct lp_err *err);

/* Give @n the xattr by which overlayfs knows an opaque directory. */
LP_MUST_CHECK enum lp_code lp_node_fill_opaque(struct lp_tree *t, struct lp_node *n,
					       struct lp_err *err);

/* Append @bytes bytes to the text; *@off: where. */
LP_MUST_CHECK enum lp_code lp_node_keep(struct lp_tree *t, const void *p, size_t bytes,
					uint32_t *off, struct lp_err *err);

/* node_sort.c: order and the children in it, from nchild. */
LP_MUST_CHECK enum lp_code lp_node_sort(struct lp_tree *t, struct lp_err *err);

#endif
