/* SPDX-License-Identifier: MIT */
/*
 * v6 - the bootstrap of RAFS v6: metadata of an EROFS image whose data are elsewhere.
 *
 *	superblock | extended superblock | device slots | blob table | prefetch table
 *	inodes, names, targets, chunk indexes | chunk table
 *
 * The tree is read by tree/erofs.h, as ours are.  A chunk index names a blob, a number in it
 * and an address; the chunk table says where that lies, stored, and what digest it has.
 * Nothing in the file covers the metadata: the layer's digest does.
 *
 * Specification: spec/rafs.md 3
 */
#ifndef LP_RAFS_V6_H
#define LP_RAFS_V6_H

#include "format/rafs/plan.h"
#include "tree/erofs.h"

/* A table of the bootstrap. */
struct lp_rafs_area {
	uint64_t off, bytes;
};

/* {0} is valid and empty. */
struct lp_rafs_v6 {
	struct lp_erofs tree;		/* of the bootstrap; borrowed */
	uint32_t chunk_bytes;
	struct lp_rafs_kind kind;	/* compressors are of blobs */
	struct lp_rafs_area blobs, chunks, prefetch;
	struct lp_buf blob;		/* of struct lp_rafs_blob */
	struct lp_rafs_plan plan;
};

/*
 * lp_rafs_v6_open - read and check all of the @n bytes at @p but the files' chunk indexes.
 *
 * LP_EFORMAT  rafs6.*, rafs.*, erofs.*     LP_EUNSUP, LP_ELIMIT
 */
LP_MUST_CHECK enum lp_code lp_rafs_v6_open(struct lp_rafs_v6 *v, const uint8_t *p, size_t n,
					   struct lp_err *err);
void lp_rafs_v6_free(struct lp_rafs_v6 *v);

/*
 * lp_rafs_v6_tell - what an open bootstrap says, to @sink; @d as for lp_rafs_plan_tell().
 *
 * LP_EFORMAT  rafs6.chunk.*, rafs6.inode.*, rafs6.prefetch.inode
 */
LP_MUST_CHECK enum lp_code lp_rafs_v6_tell(const struct lp_rafs_v6 *v,
					   const struct lp_descriptor *d, size_t n,
					   struct lp_sink *sink, struct lp_err *err);

#endif
