/* SPDX-License-Identifier: MIT */
/*
 * meta - an open bootstrap of either version, for whoever does not care which.
 */
#ifndef LP_RAFS_META_H
#define LP_RAFS_META_H

#include "format/rafs/v5.h"
#include "format/rafs/v6.h"

/* {0} is valid and empty. */
struct lp_rafs_meta {
	unsigned version;		/* 5 or 6 */
	struct lp_rafs_v5 v5;		/* one of them is open */
	struct lp_rafs_v6 v6;
	uint32_t chunk_bytes;
	struct lp_rafs_kind kind;
};

/*
 * lp_rafs_meta_open - read and check the @n bytes at @p (borrowed), a bootstrap of @version.
 *
 * Errors of lp_rafs_v5_open(), lp_rafs_v6_open()
 */
LP_MUST_CHECK enum lp_code lp_rafs_meta_open(struct lp_rafs_meta *m, unsigned version,
					     const uint8_t *p, size_t n, struct lp_err *err);
void lp_rafs_meta_free(struct lp_rafs_meta *m);

/* What it says, to @sink: lp_rafs_v5_tell(), lp_rafs_v6_tell(). */
LP_MUST_CHECK enum lp_code lp_rafs_meta_tell(const struct lp_rafs_meta *m,
					     const struct lp_descriptor *d, size_t n,
					     struct lp_sink *sink, struct lp_err *err);

/* lp_format.blobs */
LP_MUST_CHECK enum lp_code lp_rafs_blobs(struct lp_source *source, struct lp_buf *out,
					 struct lp_err *err);

static inline const struct lp_rafs_plan *lp_rafs_meta_plan(const struct lp_rafs_meta *m)
{
	return m->version == 6 ? &m->v6.plan : &m->v5.plan;
}

#endif
