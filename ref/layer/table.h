/* SPDX-License-Identifier: MIT */
/*
 * table - layer.table: the frames and chunks of one device, as a file.
 *
 *	header 128 | frames 32 x nframe | chunks 32 x nchunk | digests | windows 32768 x nwindow |
 *	SHA-256 of all before
 *
 * Written once, mapped by everybody.  The header holds magic "LPTABLE1", counts, device and
 * blob size, and the blob's digest.  Little endian, packed (layer/layer.h).
 *
 * The SHA-256 in the trailer is the table's digest: it is part of the device's name, so that
 * two images share a device only when they agree on every record (design.md 4).
 */
#ifndef LP_TABLE_H
#define LP_TABLE_H

#include "base/file.h"
#include "layer/layer.h"

/* Collects frames and chunks in any order.  {0} is valid and empty. */
struct lp_table_build {
	struct lp_buf frame;	/* of struct lp_frame */
	struct lp_buf chunk;	/* of struct lp_chunk */
	struct lp_buf digest;	/* one struct lp_digest's bytes per chunk, LP_DIGEST_MAX wide */
	struct lp_buf window;	/* of LP_WINDOW_BYTES each */
};

/*
 * Append a frame or a chunk; *index (may be NULL) is its place.  Chunks name frames by index.
 *
 * @window   [LP_WINDOW_BYTES] the frame's; its number is set here; NULL: none
 *
 * LP_ELIMIT  LP_CHUNKS_MAX reached
 */
LP_MUST_CHECK enum lp_code lp_table_add_frame(struct lp_table_build *b, const struct lp_frame *f,
					      const uint8_t *window, uint32_t *index,
					      struct lp_err *err);
LP_MUST_CHECK enum lp_code lp_table_add_chunk(struct lp_table_build *b, const struct lp_chunk *c,
					      const struct lp_digest *digest,
					      struct lp_err *err);

/*
 * lp_table_write - sort the chunks, check the layer, write the file to @fd (empty, at 0).
 *
 * @blob, @blob_bytes   the descriptor's digest and size
 * @device_bytes        a multiple of LP_BLOCK
 * @digest              out: the trailer
 *
 * Errors of lp_layer_check(); LP_ESYSTEM
 */
LP_MUST_CHECK enum lp_code lp_table_write(struct lp_table_build *b, int fd,
					  const struct lp_digest *blob, uint64_t blob_bytes,
					  uint64_t device_bytes, struct lp_digest *digest,
					  struct lp_err *err);
void lp_table_build_free(struct lp_table_build *b);

/* An open table: mapped, its digest compared, its structure checked. */
struct lp_table {
	struct lp_layer layer;		/* borrows from map */
	struct lp_digest blob;
	struct lp_digest digest;	/* the trailer */
	struct lp_map map;
};

/*
 * lp_table_open - map the table in @fd (borrowed).
 *
 * @want   the digest it must have, or NULL when it is part of the name it was opened by
 *
 * LP_EDIGEST  store.table.digest     LP_EFORMAT  store.table.*, layer.*
 */
LP_MUST_CHECK enum lp_code lp_table_open(struct lp_table *t, int fd, const struct lp_digest *want,
					 struct lp_err *err);
void lp_table_free(struct lp_table *t);

#endif
