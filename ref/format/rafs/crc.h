/* SPDX-License-Identifier: MIT */
/*
 * crc - the sums that writers since nydus 2.3.2 put beside a chunk's digest.
 *
 * Readers of theirs compare the sum alone where there is one; ours go by the digest, always.
 * So a wrong sum makes an image that only we can read: `lazypull check` says so.
 */
#ifndef LP_RAFS_CRC_H
#define LP_RAFS_CRC_H

#include "fetch/source.h"
#include "format/rafs/plan.h"

/* CRC-32C (Castagnoli) of @n bytes: spec/rafs.md 2.7. */
uint32_t lp_rafs_crc(const uint8_t *p, size_t n);

/*
 * lp_rafs_crc_check - compare the sums of all chunks of blob @i, which lie in @blob.
 *
 * LP_EDIGEST  rafs.chunk.crc        codec.*, errors of lp_source_read()
 */
LP_MUST_CHECK enum lp_code lp_rafs_crc_check(const struct lp_rafs_plan *plan, uint32_t i,
					     struct lp_source *blob, struct lp_err *err);

#endif
