/* SPDX-License-Identifier: MIT */
/*
 * zran - chunks inside a gzip stream that nobody converted: the layer of the legacy image.
 *
 *	24 bytes a chunk, by number | contexts of 40 bytes | dictionaries
 *
 * A context is a place where inflating can begin, with up to 32 KiB of plain bytes before it:
 * one frame of ours.  All of that is a blob of its own; the data stay in the layer's.  Nothing
 * in it is covered by a digest that we compare, and need not be: the chunks are.
 *
 * Specification: spec/rafs.md 3.8
 */
#ifndef LP_RAFS_ZRAN_H
#define LP_RAFS_ZRAN_H

#include "fetch/source.h"
#include "format/format.h"
#include "format/rafs/part.h"

#define LP_RAFS_ZRAN_PLAIN_MAX (8u << 20)	/* ours: bytes of a context; nydus makes 3 MiB */

/* {0} is valid and empty. */
struct lp_rafs_zran {
	struct lp_buf info;		/* chunks, contexts, dictionaries */
	struct lp_buf head;		/* the header behind them, as it is stored */
	uint32_t nchunk, ncontext;
	uint32_t *frame;		/* [ncontext] the number of its frame, and 1; 0: not told yet */
};

/*
 * lp_rafs_zran_load - read the contexts of blob @b, which are the blob @meta.
 *
 * LP_EFORMAT  rafs6.info.range, rafs6.zran.header, codec.*     LP_ELIMIT  rafs6.zran.size
 */
LP_MUST_CHECK enum lp_code lp_rafs_zran_load(struct lp_rafs_zran *z, const struct lp_rafs_blob *b,
					     struct lp_source *meta, struct lp_err *err);
void lp_rafs_zran_free(struct lp_rafs_zran *z);

/*
 * lp_rafs_zran_tell - where chunk @number of @bytes lies: in frame *@frame, which @sink is told
 * once, at *@off of its plain bytes.
 *
 * @blob_bytes  of the layer
 *
 * LP_EFORMAT  rafs6.zran.chunk, rafs6.zran.context; errors of the sink
 */
LP_MUST_CHECK enum lp_code lp_rafs_zran_tell(struct lp_rafs_zran *z,
					     const struct lp_rafs_chunk *c, uint64_t blob_bytes,
					     struct lp_sink *sink, uint32_t *frame, uint64_t *off,
					     struct lp_err *err);

#endif
