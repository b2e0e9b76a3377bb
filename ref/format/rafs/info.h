/* SPDX-License-Identifier: MIT */
/*
 * info - the compression contexts of a blob: where each chunk is, stored and plain.
 *
 *	16 bytes a chunk, by number | header of 4096 bytes
 *
 * nydusd goes by it; we by the chunk records of the bootstrap.  Specification: spec/rafs.md 3.8
 */
#ifndef LP_RAFS_INFO_H
#define LP_RAFS_INFO_H

#include "format/rafs/part.h"

#define LP_RAFS_INFO_ENTRY 16u
#define LP_RAFS_INFO_HEAD 4096u

/* The entry of @c. */
void lp_rafs_info_print(const struct lp_rafs_chunk *c, uint8_t out[static LP_RAFS_INFO_ENTRY]);

/* The header behind the entries of @b. */
void lp_rafs_info_head(const struct lp_rafs_blob *b, uint8_t out[static LP_RAFS_INFO_HEAD]);

#endif
