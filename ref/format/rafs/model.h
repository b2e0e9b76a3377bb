/* SPDX-License-Identifier: MIT */
/*
 * model - what a bootstrap is to say, for the encoders of both versions.
 *
 *	tree + chunks of its devices --make--> names in index order, blobs numbered
 *	                                       --v5_print, v6_print--> bytes
 *
 * Index order: the children of a directory one behind the other, sorted, then what is in the
 * first subdirectory, and so on.  Specification: spec/rafs.md 2.8, 4.3
 */
#ifndef LP_RAFS_MODEL_H
#define LP_RAFS_MODEL_H

#include "format/rafs/plan.h"
#include "tree/node.h"

/* A chunk that is on a device. */
struct lp_rafs_stored {
	uint64_t device_off;
	struct lp_rafs_chunk c;		/* blob and file_off are for nobody */
};

/* A device of the tree. */
struct lp_rafs_stock {
	struct lp_rafs_blob blob;
	struct lp_buf chunk;		/* of struct lp_rafs_stored, by device_off */
};

/*
 * lp_rafs_stock_all - the devices of a plan, in order, with their chunks.
 *
 * @stock  [lp_rafs_plan_devices(p)] empty; chunk of each is the caller's to free, in any case
 */
LP_MUST_CHECK enum lp_code lp_rafs_stock_all(const struct lp_rafs_plan *p,
					     struct lp_rafs_stock *stock, struct lp_err *err);

/* A name; number 0 stands for none, 1 is the root. */
struct lp_rafs_name {
	uint32_t node;			/* of the tree: that of the name, not of a link's target */
	uint32_t parent, child, nchild;	/* names */
	uint32_t first;			/* the first name of the same inode */
	uint32_t nlink;			/* of the inode; set at its first name */
};

struct lp_rafs_model {
	/* Set by the caller, borrowed. */
	const struct lp_tree *tree;		/* ended; device i + 1 is stock[i] */
	const struct lp_rafs_stock *stock;	/* [nstock] several may be parts of one blob */
	size_t nstock;
	const char *const *prefetch;		/* [nprefetch] clean paths */
	size_t nprefetch;
	uint32_t chunk_bytes;
	struct lp_rafs_kind kind;

	/* Made. */
	struct lp_buf name;		/* of struct lp_rafs_name, number 0 included */
	struct lp_buf dir;		/* of uint32_t: directories, each before what is in it */
	uint32_t nname, nunique;	/* names, inodes */
	bool xattrs;			/* some name has some */
	uint32_t *used;			/* [nused] blob i is stock[used[i]] */
	uint32_t nused;
	uint32_t *blob;			/* [nstock] its number, and 1; 0: it has no chunk */
	struct lp_buf hint;		/* of uint32_t: names to prefetch */

	/* Set by the caller behind make(), or NULL: freed with the rest. */
	uint64_t *dir_bytes;		/* [nname + 1] v5: sizes of directories; 0: of what is in it */
};

/* LP_ELIMIT rafs.limit.blobs; LP_ESYSTEM */
LP_MUST_CHECK enum lp_code lp_rafs_model_make(struct lp_rafs_model *m, struct lp_err *err);
void lp_rafs_model_free(struct lp_rafs_model *m);

static inline struct lp_rafs_name *lp_rafs_name_at(const struct lp_rafs_model *m, uint32_t i)
{
	return (struct lp_rafs_name *)(void *)m->name.p + i;
}

/* The node of the inode that name @i stands for. */
static inline const struct lp_node *lp_rafs_node(const struct lp_rafs_model *m, uint32_t i)
{
	return lp_node(m->tree, lp_node_inode(m->tree, lp_rafs_name_at(m, i)->node));
}

/* How many chunks a node has: those of a regular file. */
uint32_t lp_rafs_chunk_count(const struct lp_rafs_model *m, const struct lp_node *n);

/* Chunk @k of @n, with its blob's number and its place in the file. */
struct lp_rafs_chunk lp_rafs_model_chunk(const struct lp_rafs_model *m, const struct lp_node *n,
					 uint32_t k);

/* The rdev of @n, in Linux's 32-bit form; of what is no device, what nydus-image writes. */
uint32_t lp_rafs_rdev(const struct lp_node *n);

#endif
