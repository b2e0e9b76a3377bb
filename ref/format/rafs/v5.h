/* SPDX-License-Identifier: MIT */
/*
 * v5 - the bootstrap of RAFS v5: its tables, its inodes, their Merkle tree.
 *
 *	superblock | inode table | prefetch table | blob table | extended blob table | inodes
 *
 * Entry i - 1 of the inode table leads to inode i; inode 1 is the root, and the children of a
 * directory are consecutive.  The digest of a directory is that of its children's digests, so
 * that the root's covers the contents of all files; it is compared node by node before
 * anything is told.  Names and attributes it does not cover: the layer's digest does.
 *
 * Specification: spec/rafs.md 2
 */
#ifndef LP_RAFS_V5_H
#define LP_RAFS_V5_H

#include "format/rafs/plan.h"

/* A table of the bootstrap. */
struct lp_rafs_table {
	uint64_t off, bytes;
};

/* {0} is valid and empty. */
struct lp_rafs_v5 {
	const uint8_t *p;		/* the bootstrap; borrowed */
	size_t bytes;
	uint32_t chunk_bytes;
	bool xattrs;			/* the superblock says that some inode has some */
	struct lp_rafs_kind kind;
	struct lp_rafs_table inodes, prefetch, blobs, extended;
	uint32_t ninode, nprefetch, nextended;
	uint64_t unique;		/* inodes, by the superblock */
	struct lp_buf blob;		/* of struct lp_rafs_blob */
	uint32_t *parent;		/* [ninode + 1] index; 0: the root, or not reached yet */
	uint32_t *first;		/* [ninode + 1] by inode number: the first name's index */
	struct lp_rafs_plan plan;
};

/*
 * An inode, as its record says.  Strings are not NUL-terminated and lie in the bootstrap.
 */
struct lp_rafs_inode {
	uint64_t at;			/* of the record */
	const uint8_t *digest;		/* [LP_RAFS_DIGEST] */
	uint64_t parent, ino, size, flags, mtime;
	uint32_t uid, gid, mode, nlink, child, nchild, rdev, mtime_ns;
	const char *name, *link;
	uint16_t name_bytes, link_bytes;
	const uint8_t *xattr;
	uint64_t xattr_bytes;
	uint64_t chunk;			/* offset of nchild records; of a regular file */
};

/*
 * lp_rafs_v5_open - read and check all of the @n bytes at @p: structure, then digests.
 *
 * LP_EFORMAT  rafs5.*, rafs.*     LP_EDIGEST  rafs5.inode.digest     LP_EUNSUP, LP_ELIMIT
 */
LP_MUST_CHECK enum lp_code lp_rafs_v5_open(struct lp_rafs_v5 *v, const uint8_t *p, size_t n,
					   struct lp_err *err);
void lp_rafs_v5_free(struct lp_rafs_v5 *v);

/* Inode @i, 1 to v->ninode.  LP_EFORMAT rafs5.inode.* */
LP_MUST_CHECK enum lp_code lp_rafs_v5_inode(const struct lp_rafs_v5 *v, uint32_t i,
					    struct lp_rafs_inode *out, struct lp_err *err);

/* What an open bootstrap says, to @sink; @d as for lp_rafs_plan_tell(). */
LP_MUST_CHECK enum lp_code lp_rafs_v5_tell(const struct lp_rafs_v5 *v,
					   const struct lp_descriptor *d, size_t n,
					   struct lp_sink *sink, struct lp_err *err);

#endif
