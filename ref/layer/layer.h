/* SPDX-License-Identifier: MIT */
/*
 * layer - what every format's metadata about bytes is translated into.
 *
 *	frame    a run of the blob + codec                        fetch, decode
 *	chunk    a run of a frame's plain bytes + their digest    verify
 *	device   the plain bytes of a layer, an address space     serve
 *	         of 4096-byte blocks
 *
 * The tables are flat arrays of packed little-endian records, so that a layer.table
 * (layer/table.h) is mapped and used as it is.  A frame may hold many chunks (innerOffset,
 * batches, a whole legacy layer); frames may overlap in the blob; chunks never overlap on
 * the device.  Two chunks of one file may share a block of the device, two files never do,
 * and what no chunk covers reads as zero.
 */
#ifndef LP_LAYER_H
#define LP_LAYER_H

#include "base/digest.h"
#include "codec/codec.h"

#define LP_BLOCK 4096u			/* bytes: unit of device addresses (EROFS, blkszbits 12) */
#define LP_CHUNKS_MAX (4u << 20)	/* design.md, "Limits": 4 M entries an image */
#define LP_DEVICE_BYTES_MAX ((uint64_t)1 << 44) /* EROFS: 32-bit block numbers */

struct lp_frame {
	uint64_t off;		/* first stored byte, from the start of the blob */
	uint64_t stored_bytes;	/* length in the blob; never 0 */
	uint64_t plain_bytes;	/* what its chunks need, never 0; decoding stops there */
	uint8_t codec;		/* enum lp_codec_id */
	uint8_t bit;		/* with a window: bits of the first byte that are not its own */
	uint8_t pad[2];
	uint32_t window;	/* number, from 1, of the plain bytes before it; 0: it needs none */
} __attribute__((packed));

struct lp_chunk {
	uint64_t device_off;	/* first byte on the device */
	uint64_t frame_off;	/* first byte, from the start of the frame's plain bytes */
	uint64_t bytes;		/* never 0 */
	uint32_t frame;		/* index into the frames */
	uint8_t alg;		/* enum lp_alg of its digest */
	uint8_t pad[3];
} __attribute__((packed));

_Static_assert(sizeof(struct lp_frame) == 32 && sizeof(struct lp_chunk) == 32,
	       "layer.table: records of 32 bytes");

/* Borrowed arrays.  {0} is the layer without data. */
struct lp_layer {
	const struct lp_frame *frame;	/* [nframe] sorted by off, then stored_bytes */
	const struct lp_chunk *chunk;	/* [nchunk] sorted by device_off */
	const uint8_t *digest;		/* [nchunk][digest_bytes] of the plain bytes */
	const uint8_t *window;		/* [nwindow][LP_WINDOW_BYTES] */
	uint32_t nframe;
	uint32_t nchunk;
	uint32_t nwindow;
	uint32_t digest_bytes;		/* width of the column: 32, 48 or 64 */
	uint64_t device_bytes;		/* a multiple of LP_BLOCK */
	uint64_t blob_bytes;		/* length of the blob the frames lie in */
};

/*
 * lp_layer_check - the one structural validator: LP_OK or the layer is refused.
 *
 * Frames sorted, inside the blob, codec and window known, sizes not 0; chunks sorted, inside
 * their frames and inside the device, no wrap, no overlap; every chunk has a digest of a
 * known algorithm that fits the column; counts within limits; device a multiple of LP_BLOCK.
 *
 * LP_EFORMAT  with rule "layer.frame.*", "layer.chunk.*" or "layer.device.*"
 * LP_ELIMIT   more than LP_CHUNKS_MAX chunks, or a device above LP_DEVICE_BYTES_MAX
 */
LP_MUST_CHECK enum lp_code lp_layer_check(const struct lp_layer *l, struct lp_err *err);

/*
 * The chunks that touch device bytes [@off, @off + @bytes): [*first, *end), perhaps none.
 * @l has passed lp_layer_check().
 */
void lp_layer_range(const struct lp_layer *l, uint64_t off, uint64_t bytes, uint32_t *first,
		    uint32_t *end);

/* The window of frame @i, or NULL. */
const uint8_t *lp_layer_window(const struct lp_layer *l, uint32_t i);

/* The digest of chunk @i. */
void lp_layer_digest(const struct lp_layer *l, uint32_t i, struct lp_digest *out);

#endif
