/* SPDX-License-Identifier: MIT */
/*
 * plain - the plain bytes of a layer whose blob is in memory, verified; nothing is stored.
 *
 *	frame --decode--> plain bytes --digest of the chunk--> writer
 *
 * For whoever reads a layer once and keeps nothing.  What the loader decodes at once is decoded
 * at once here, what it decodes as a stream is a stream here, so both judge a blob alike.  Memory:
 * one frame of at most LP_FRAME_MAX, and a bit a chunk.
 */
#ifndef LP_PLAIN_H
#define LP_PLAIN_H

#include "base/stream.h"
#include "layer/layer.h"

/* {0} is valid and empty; not copyable once open. */
struct lp_plain {
	const struct lp_layer *layer;	/* borrowed; has passed lp_layer_check() */
	const uint8_t *blob;		/* [layer->blob_bytes] borrowed */
	uint8_t *seen;			/* a bit a chunk: its digest matched */
	uint32_t number;		/* of the frame that is open, or UINT32_MAX */
	struct lp_buf frame;		/* all of it, or */
	struct lp_decoder decoder;	/* a larger one, as far as */
	uint64_t at;			/* this plain byte */
	struct lp_mem_reader stored;	/* of decoder */
};

/* LP_ESYSTEM: no memory */
LP_MUST_CHECK enum lp_code lp_plain_open(struct lp_plain *p, const struct lp_layer *l,
					 const void *blob, struct lp_err *err);
void lp_plain_free(struct lp_plain *p);

/*
 * lp_plain_copy - device bytes [@off, @off + @n) to @out; what no chunk covers is zero.
 *
 * The bytes of a chunk in a frame above LP_FRAME_MAX are written before its digest is known, so
 * what was written counts only when this succeeds.
 *
 * LP_EDIGEST  layer.chunk.digest     errors of codecs, "frame N: ..."
 */
LP_MUST_CHECK enum lp_code lp_plain_copy(struct lp_plain *p, uint64_t off, uint64_t n,
					 struct lp_writer *out, struct lp_err *err);

/* Verify every chunk that was not copied yet. */
LP_MUST_CHECK enum lp_code lp_plain_check(struct lp_plain *p, struct lp_err *err);

#endif
