/* SPDX-License-Identifier: MIT */
/*
 * print - a bootstrap from its model, byte for byte as nydus-image 2.2 lays it out.
 *
 * Where that tool's order depends on a hash map, of several xattrs of one inode, ours are
 * sorted by name.
 */
#ifndef LP_RAFS_PRINT_H
#define LP_RAFS_PRINT_H

#include "format/rafs/model.h"

/* Append a bootstrap of RAFS v5.  Specification: spec/rafs.md 2.  LP_ELIMIT rafs.boot.size */
LP_MUST_CHECK enum lp_code lp_rafs_print_v5(const struct lp_rafs_model *m, struct lp_buf *out,
					    struct lp_err *err);

/*
 * Append a bootstrap of RAFS v6.  Specification: spec/rafs.md 3
 *
 * @merged   of an image, not of one layer
 */
LP_MUST_CHECK enum lp_code lp_rafs_print_v6(const struct lp_rafs_model *m, bool merged,
					    struct lp_buf *out, struct lp_err *err);

/* The flags of a superblock that say @kind and what all our images have. */
uint32_t lp_rafs_print_flags(const struct lp_rafs_model *m);

/* The 80 bytes of @c. */
void lp_rafs_print_chunk(const struct lp_rafs_chunk *c, uint8_t out[LP_RAFS_CHUNK_BYTES]);

#endif
