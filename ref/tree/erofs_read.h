/* SPDX-License-Identifier: MIT */
/*
 * erofs_read - what the files of the EROFS reader share.
 *
 * An inode that lp_erofs_inode() returned has its data, chunk indexes and xattrs inside the
 * file; what stands in them is not checked yet.
 */
#ifndef LP_EROFS_READ_H
#define LP_EROFS_READ_H

#include "tree/erofs.h"
#include "tree/erofs_layout.h"

static inline uint32_t lp_erofs_chunk_bits(const struct lp_erofs_inode *i)
{
	return 12 + (i->u & 31);
}

/* Byte offset of the @block-th block of the data of a directory or symlink. */
static inline uint64_t lp_erofs_data_at(const struct lp_erofs_inode *i, uint64_t block)
{
	if (i->layout == LP_EROFS_INLINE && block == i->size / LP_EROFS_BLOCK)
		return i->after;
	return ((uint64_t)i->u + block) * LP_EROFS_BLOCK;
}

/* Bytes that an inode takes, with its xattrs, and with what stands behind it. */
uint64_t lp_erofs_inode_end(const struct lp_erofs *e, const struct lp_erofs_inode *i);

uint32_t lp_erofs_device_blocks(const struct lp_erofs *e, uint32_t number);

/* A block of a directory whose first name offset was checked. */
struct lp_erofs_dirblock {
	const uint8_t *p;
	uint32_t bytes;
	uint32_t n;		/* entries; never 0 */
	uint64_t at;		/* of p, for errors */
};

LP_MUST_CHECK enum lp_code lp_erofs_dirblock(const struct lp_erofs *e,
					     const struct lp_erofs_inode *dir, uint64_t block,
					     struct lp_erofs_dirblock *out, struct lp_err *err);

/* Entry @i, < b->n. */
LP_MUST_CHECK enum lp_code lp_erofs_dirblock_entry(const struct lp_erofs_dirblock *b, uint32_t i,
						   struct lp_erofs_dirent *out,
						   struct lp_err *err);

#endif
