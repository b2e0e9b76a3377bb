/* SPDX-License-Identifier: MIT */
/*
 * check - what blobs say of their chunks, against what the bootstrap says.
 *
 * Specification: spec/rafs.md 2.7, 3.8
 */
#ifndef LP_RAFS_CHECK_H
#define LP_RAFS_CHECK_H

#include "fetch/source.h"
#include "oci/descriptor.h"

/*
 * lp_rafs_check - lp_format.check: sums of chunks; contexts, digests and table of contents of
 * v6 blobs, and the contexts that lie beside the bootstrap.
 *
 * nydusd goes by these, we by the bootstrap: so they must say the same.
 *
 * LP_EFORMAT  rafs6.info.*, rafs.tail.*, rafs.toc.entry    LP_EDIGEST rafs.toc.digest,
 *             rafs6.info.digest, rafs6.info.toc, rafs.chunk.crc; errors of lp_rafs_v5_open(),
 *             lp_rafs_v6_open(), lp_rafs_plan_load()
 */
LP_MUST_CHECK enum lp_code lp_rafs_check(const struct lp_descriptor *d, struct lp_source *source,
					 size_t n, struct lp_err *err);

#endif
